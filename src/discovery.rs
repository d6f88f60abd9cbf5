//! What stands in a user's home and is announced in their topic space, as Home Assistant's MQTT
//! discovery has it: each such thing is a device of the user's, live and commanded like any other.
//!
//! One actor per user whose space has announcements. To the space it is a client, to each device
//! the link: so neither the space nor the device knows that there is such a thing as discovery.
//! `discovery/config` and `discovery/entity` read announcements, `discovery/things` and
//! `discovery/state` decide (all pure), `discovery/actor` does; `discovery/scout` notices who needs
//! one.

pub mod actor;
mod announcements;
pub mod availability;
mod colour;
pub mod config;
pub mod entity;
mod fields;
pub mod light;
mod lines;
mod names;
mod number;
pub mod payload;
pub mod scout;
pub mod sensor;
pub mod state;
pub mod switch;
mod template;
pub mod things;

use std::sync::Arc;

use crate::device::{LinkId, ToLink};
use crate::devices::Devices;
use crate::model::{DeviceId, UserId};
use crate::sessions::Sessions;
use crate::space::message::Message;
use crate::spaces::Spaces;
use crate::store::Store;
use crate::supervision::permit::Permit;
use crate::supervision::{Directory, Post, Tasks};

/// Reaches every discovery actor.
pub type Homes = Directory<UserId, DiscoveryMsg>;

/// Reaches one discovery actor.
pub type DiscoveryRef = Post<DiscoveryMsg>;

/// What may be sent to a discovery actor.
pub enum DiscoveryMsg {
    /// See what is announced.
    Wake,
    /// A message came from the space. The permit holds the space back while the devices are behind.
    FromSpace(Arc<Message>, Permit),
    /// The space is no more.
    SpaceLost,
    /// A device's actor sent something down its link.
    FromDevice(DeviceId, LinkId, ToLink, Permit),
    /// A device was deleted.
    Gone(DeviceId),
    /// The link to a device is over.
    LinkLost(DeviceId, LinkId),
    /// The time has come that the state asked for.
    Tick,
}

/// What every discovery actor needs of the floors below it.
pub struct DiscoveryFloor {
    /// Reaches the topic spaces.
    pub spaces: Spaces,
    /// Reaches the sessions, who make and delete devices.
    pub sessions: Sessions,
    /// Reaches the devices.
    pub devices: Devices,
    /// Where it is kept which devices were announced.
    pub store: Store,
    /// Bring what comes from spaces and devices to the actors.
    pub tasks: Tasks,
    /// Most devices that a user may own.
    pub devices_max: usize,
    /// Messages that a space may have for an actor.
    pub outbox_max: usize,
}

#[cfg(test)]
mod tests;

//! People, and what they may do.

use core::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DeviceId, UserId};

/// A person's account, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Names the account for ever.
    pub id: UserId,
    /// What the person types to sign in; unique without regard to case.
    pub name: Arc<str>,
    /// May see the supervision tree and the fleet.
    pub admin: bool,
    /// Unix milliseconds, UTC.
    pub created_ms: i64,
}

/// What a person may do with a device; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees values, history and alarms.
    Viewer,
    /// Sends commands and acknowledges alarms as well.
    Operator,
    /// Renames, shares, deletes, and makes secrets as well.
    Owner,
}

/// A user's right on somebody's device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What the user may do.
    pub role: Role,
    /// Unix milliseconds at which the right ends; without it, never.
    pub until_ms: Option<i64>,
}

impl Grant {
    /// The right of who made the device.
    pub const OWNER: Self = Self { role: Role::Owner, until_ms: None };

    /// Whether the right still holds.
    #[must_use]
    pub fn holds(&self, now_ms: i64) -> bool {
        self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

/// The part of a user's rights that a request may use: a person all of them, a program what its
/// token is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The most it may do with a device, whatever more its user may.
    pub role: Role,
    /// The only devices that there are for it; without it, all of its user's.
    pub devices: Option<Arc<[DeviceId]>>,
    /// Unix milliseconds at which it ends; without it, never.
    pub until_ms: Option<i64>,
}

impl Scope {
    /// All that the user may.
    pub const ALL: Self = Self { role: Role::Owner, devices: None, until_ms: None };

    /// Whether the device is there for it.
    #[must_use]
    pub fn covers(&self, device: DeviceId) -> bool {
        self.devices.as_ref().is_none_or(|devices| devices.contains(&device))
    }
}

/// How a request came in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A person who signed in.
    Login,
    /// An API token, by its label.
    Token(Arc<str>),
    /// An MQTT client of the user's topic space, by its label.
    Client(Arc<str>),
}

/// Who asks. Every message born at an edge carries its caller, and rights are checked where the
/// data is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// Whose account.
    pub user: UserId,
    /// The account's name, for those who read what was done.
    pub name: Arc<str>,
    /// How the request came in.
    pub via: Via,
    /// Where it came from, as far as the edge knows. Only the audit keeps it.
    #[serde(skip)]
    pub from: Option<IpAddr>,
}

//! A user's topic space: a small broker of the user's own, into which nobody else's client comes.
//!
//! - Process: none of its own; one cell per user with a client, entered by the tasks of its
//!   clients, by the user's device actors and by the store's writer, one at a time.
//! - Supervised by: `spaces`, as a family of cells: a fault ends one user's space and its
//!   connections, which come back.
//! - Takes: the methods of [`SpaceState`].
//! - Tells: its clients, by the sending halves of their outboxes; the store.
//! - Never: waits, or knows another space.
//!
//! `state`, `living`, `subscribing`, `owing` and `routing` decide (pure), with the tree of filters
//! in `topics`, the retained messages in `retained`, and in `session_state` what a session owes its
//! client; `row` is what must survive.

mod living;
mod member;
pub mod message;
mod owing;
mod retained;
mod routing;
pub mod row;
pub mod session_state;
#[cfg(test)]
pub(crate) mod shelf;
mod state;
mod subscribing;
pub mod topics;
mod turn;

use std::sync::Arc;

use crate::codec::{self, ReasonCode};
use crate::model::DeviceId;

pub use living::{Hello, TooManySessions, Welcome, expiry_before_v5};
pub use member::Line;
pub use retained::RetainedLimits;
pub use routing::Published;
pub use session_state::Received;
use session_state::{Outgoing, SessionError, SessionLimits};
pub use state::{Scratch, SpaceEffect, SpaceState, Tally};
pub use subscribing::DEVICES;

/// The client identifier of the house's own client, which no other may bear. It may subscribe to as
/// much as it wants.
pub const HOUSE_CLIENT: &str = "$house";

/// The topics on which what stands in a user's home is announced (Home Assistant's MQTT discovery).
pub const ANNOUNCEMENTS: &str = "homeassistant/+/#";

/// What a space sends down a client's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToClient {
    /// Write this packet.
    Packet(Outgoing),
    /// All before this is written: call [`SpaceState::more`].
    More,
    /// Close the connection.
    Close(ClientEnd),
}

/// Why the house ends a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientEnd {
    /// The same client identifier connected again.
    TakenOver,
    /// Its credential was taken back.
    Revoked,
    /// It does not take what it is sent.
    TooSlow,
    /// What it published could not be stored.
    NotStored,
    /// The house is closing.
    ShuttingDown,
}

impl ClientEnd {
    /// What an MQTT 5 client is told.
    #[must_use]
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::TakenOver => ReasonCode::SESSION_TAKEN_OVER,
            Self::Revoked => ReasonCode::NOT_AUTHORIZED,
            Self::TooSlow => ReasonCode::QUOTA_EXCEEDED,
            Self::NotStored => ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
            Self::ShuttingDown => ReasonCode::SERVER_SHUTTING_DOWN,
        }
    }
}

/// Which acknowledgement a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckKind {
    /// It has a message at `QoS` 1.
    Puback,
    /// It has a message at `QoS` 2.
    Pubrec,
    /// It releases a message at `QoS` 2 that it sent.
    Pubrel,
    /// It has released a message at `QoS` 2.
    Pubcomp,
}

/// What a client did that ends its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientFault {
    /// It broke the rules of an exchange.
    #[error("{0}")]
    Session(#[from] SessionError),
    /// It publishes faster than it may.
    #[error("more messages a second than allowed")]
    TooFast,
}

impl ClientFault {
    /// What an MQTT 5 client is told.
    #[must_use]
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::Session(error) => error.reason(),
            Self::TooFast => ReasonCode::MESSAGE_RATE_TOO_HIGH,
        }
    }
}

/// How much one space may hold and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceLimits {
    /// Filters to which nobody may subscribe, by the letter.
    pub refused_filters: Box<[String]>,
    /// What a filter may be: one without a bound would be as many nodes of the tree as levels.
    pub packets: codec::Limits,
    /// Sessions, with a connection or without.
    pub sessions_max: usize,
    /// Subscriptions of one session.
    pub subscriptions_max: usize,
    /// Longest time that a session outlives its connection, in seconds.
    pub session_expiry_s_max: u32,
    /// Retained messages.
    pub retained: RetainedLimits,
    /// What one session may hold.
    pub session: Arc<SessionLimits>,
    /// Messages that wait for a slow client's socket, beyond which `QoS` 0 is dropped.
    pub unwritten_messages_max: usize,
    /// Bytes of them.
    pub unwritten_bytes_max: usize,
    /// Messages a second that one client may publish, and how many at once after a pause.
    pub client_rate_max: u32,
    /// See `client_rate_max`.
    pub client_burst_max: u32,
    /// Messages a second that all clients of a space may publish, and how many at once.
    pub space_rate_max: u32,
    /// See `space_rate_max`.
    pub space_burst_max: u32,
}

impl Default for SpaceLimits {
    fn default() -> Self {
        Self {
            refused_filters: Box::default(),
            packets: codec::Limits::default(),
            sessions_max: 200,
            subscriptions_max: 100,
            session_expiry_s_max: 7 * 24 * 3_600,
            retained: RetainedLimits { messages_max: 2_000, bytes_max: 4 << 20 },
            session: Arc::default(),
            unwritten_messages_max: 1_000,
            unwritten_bytes_max: 1 << 20,
            client_rate_max: 10_000,
            client_burst_max: 50_000,
            space_rate_max: 50_000,
            space_burst_max: 100_000,
        }
    }
}

/// What a topic means that a client publishes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressed {
    /// An ordinary topic of the space.
    Topic,
    /// What is wanted of a device.
    Device(DeviceId),
    /// A topic that is the house's to publish on.
    Reserved,
}

impl Addressed {
    /// Reads a topic.
    #[must_use]
    pub fn of(topic: &str) -> Self {
        if topic.starts_with("$SYS/") {
            return Self::Reserved;
        }
        let Some(rest) = topic.strip_prefix(DEVICES) else { return Self::Topic };
        match rest.strip_prefix('/') {
            None if rest.is_empty() => Self::Reserved,
            None => Self::Topic,
            Some(below) => {
                let device = below.strip_suffix("/set").and_then(|id| id.parse().ok());
                device.map_or(Self::Reserved, Self::Device)
            }
        }
    }
}

//! The link: a device's open MQTT connection, as its actor sees it.
//!
//! The actor owns the sending half of the connection's outbox. When the actor dies the half drops,
//! the connection's `recv` ends and the device reconnects: there is no other way to recover.

use std::sync::Arc;

use bytes::Bytes;

use crate::kind::Kind;
use crate::supervision::outbox::{Outbox, WeakOutbox};
use crate::supervision::permit::Permit;

/// Tells links of one process apart; counts up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// A connection that proved to be the device.
#[derive(Debug, Clone)]
pub struct Link {
    /// Tells it from the device's earlier links.
    pub id: LinkId,
    /// Where messages to the device go.
    pub outbox: Outbox<ToLink>,
    /// Whether the device knows nothing of what was desired while it was away: what it says then
    /// stands, unless somebody waits for a command.
    pub follows: bool,
}

/// What a device actor sends down its link.
#[derive(Debug, Clone, PartialEq)]
pub enum ToLink {
    /// Publish this on `devices/{id}/set`; answer [`super::DeviceMsg::Delivered`] with the number
    /// when the device has it.
    Set(Bytes, u64),
    /// The message that brought this receipt is safe: acknowledge it.
    Handled(u32),
    /// Close the connection.
    Close(LinkEnd),
}

/// Why the house ends a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEnd {
    /// The device connected again.
    TakenOver,
    /// Its secret was changed, or the device deleted.
    Revoked,
    /// The house is closing.
    ShuttingDown,
}

/// What a connection learns when it became a link.
#[derive(Debug, Clone)]
pub struct Attached {
    /// Its actor.
    pub device: super::DeviceRef,
    /// The device's kind, by which its messages are read.
    pub kind: Arc<Kind>,
}

/// Goes with a device's message through the house. Dropping it lets the next message in;
/// confirming it, once the message is safe, acknowledges it to the device.
#[derive(Debug, Clone)]
pub struct Receipt {
    permit: Permit,
    ack: Option<(u32, WeakOutbox<ToLink>)>,
}

impl Receipt {
    /// For a message that wants no acknowledgement.
    #[must_use]
    pub const fn silent(permit: Permit) -> Self {
        Self { permit, ack: None }
    }

    /// For a message whose sender waits for `token` to come back down `outbox`.
    #[must_use]
    pub const fn wanted(permit: Permit, token: u32, outbox: WeakOutbox<ToLink>) -> Self {
        Self { permit, ack: Some((token, outbox)) }
    }

    /// Whether the sender waits for an acknowledgement.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.ack.is_some()
    }

    /// The permit, to travel on with what the message caused.
    #[must_use]
    pub fn permit(&self) -> Permit {
        self.permit.clone()
    }

    /// The message was handled, and lets the next one in; what is left is to acknowledge it.
    #[must_use]
    pub fn into_ack(self) -> Ack {
        Ack(self.ack)
    }
}

/// Acknowledges a device's message, if its sender waits for that.
#[derive(Debug)]
pub struct Ack(Option<(u32, WeakOutbox<ToLink>)>);

impl Ack {
    /// The message is safe: acknowledge it.
    ///
    /// The outbox has room for all that a device may have unacknowledged, so a full one means the
    /// link is over.
    pub fn confirm(self) {
        if let Some((token, outbox)) = self.0
            && outbox.push(ToLink::Handled(token)).is_err()
        {
            tracing::debug!("acknowledgement for a link that is over");
        }
    }
}

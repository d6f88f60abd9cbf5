//! What one MQTT session owes its client and is owed by it: packet identifiers, messages in
//! flight, the queue behind them, and the QoS 2 messages half received (4.1, 4.3, 4.4, 4.6, 4.9).
//!
//! Pure: takes messages, acknowledgements and `now_ms` (Unix milliseconds), appends to a list of
//! [`SessionEffect`]s what is to be written, told or counted. Serves a device's link and a client
//! of a topic space alike, in every version. Subscriptions, wills and expiry of the session itself
//! are somebody else's.
//!
//! Order of life: [`SessionState::new`] or [`SessionState::restore`]; then any number of
//! [`SessionState::attach`] … [`SessionState::detach`]; messages may come at any time.
//!
//! Durability: what must survive is in a [`Snapshot`], and [`SessionState::take_changed`] tells
//! when it is another. For exactly once, the snapshot and what the shell does with a message must
//! become durable together, before [`SessionState::accept`].

mod effect;
mod incoming;
mod outgoing;
mod queue;
mod snapshot;
#[cfg(test)]
mod tests;

use std::num::NonZeroU16;
use std::sync::Arc;

use thiserror::Error;

use crate::codec::{PACKET_BYTES_MAX, ReasonCode, Version};
pub use effect::{Delivery, DropReason, Outgoing, OutgoingPublish, SessionEffect};
pub use incoming::Received;
pub use snapshot::Snapshot;

use incoming::Incoming;
use outgoing::OutgoingState;

/// How much one session may hold. Values of mqtt.md are the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Messages above QoS 0 on their way to the client at a time, if its Receive Maximum is not
    /// lower. At most some hundreds: identifiers are looked for one by one.
    pub in_flight_max: u16,
    /// Messages above QoS 0 on their way from an MQTT 5 client: what CONNACK announced.
    pub receive_maximum: u16,
    /// The same for clients that cannot be told, before MQTT 5.
    pub receive_maximum_mqtt3: u16,
    /// Messages waiting for the client.
    pub queue_messages_max: usize,
    /// Bytes of all messages waiting for the client.
    pub queue_bytes_max: usize,
    /// Milliseconds a message waits at most.
    pub queue_age_ms_max: u64,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            in_flight_max: 20,
            receive_maximum: 20,
            receive_maximum_mqtt3: 1_000,
            queue_messages_max: 1_000,
            queue_bytes_max: 1 << 20,
            queue_age_ms_max: 7 * 24 * 3_600 * 1_000,
        }
    }
}

/// What the session needs to know of the connection it has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The version of the CONNECT.
    pub version: Version,
    /// Messages above QoS 0 the client takes at a time (3.1.2.11.3).
    pub receive_maximum: NonZeroU16,
    /// Bytes of the largest packet the client takes (3.1.2.11.4).
    pub packet_bytes_max: u32,
}

impl Link {
    /// The connection of a client that sets no limits.
    #[must_use]
    pub const fn new(version: Version) -> Self {
        Self { version, receive_maximum: NonZeroU16::MAX, packet_bytes_max: PACKET_BYTES_MAX }
    }
}

/// What a client did that ends its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SessionError {
    /// An acknowledgement that does not follow from what was sent: PUBREC for QoS 1, PUBACK for
    /// QoS 2, PUBCOMP before PUBREC, PUBREL before PUBREC.
    #[error("acknowledgement out of turn")]
    OutOfTurn,
    /// More messages above QoS 0 at a time than CONNACK announced.
    #[error("more messages in flight than announced")]
    ReceiveMaximumExceeded,
}

impl SessionError {
    /// The reason for DISCONNECT.
    #[must_use]
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::OutOfTurn => ReasonCode::PROTOCOL_ERROR,
            Self::ReceiveMaximumExceeded => ReasonCode::RECEIVE_MAXIMUM_EXCEEDED,
        }
    }
}

/// One session. See the module for its order of life.
#[derive(Debug)]
pub struct SessionState {
    outgoing: OutgoingState,
    incoming: Incoming,
    changed: bool,
}

type Effects = Vec<SessionEffect>;

impl SessionState {
    /// An empty session without a connection.
    #[must_use]
    pub fn new(limits: Arc<SessionLimits>) -> Self {
        Self {
            outgoing: OutgoingState::new(Arc::clone(&limits)),
            incoming: Incoming::new(limits),
            changed: false,
        }
    }

    /// The client is here, perhaps by a second connection that takes the place of the first: sends
    /// again, in the old order, what was in flight (4.4), then what waited, as far as the client's
    /// Receive Maximum allows.
    pub fn attach(&mut self, link: Link, now_ms: u64, effects: &mut Effects) {
        self.detach();
        self.incoming.attach(link);
        self.changed |= self.outgoing.attach(link, now_ms, effects);
    }

    /// The connection is gone. What was in flight stays, what came without PUBACK will come again.
    pub fn detach(&mut self) {
        self.outgoing.detach();
        self.incoming.detach();
    }

    /// The session ends: tells of everything that will not arrive, and is empty afterwards.
    pub fn clear(&mut self, effects: &mut Effects) {
        self.outgoing.clear(effects);
        self.incoming.clear();
        self.changed = true;
    }

    /// A message for the client: written now, queued, or dropped with a reason. QoS 0 is never
    /// queued.
    pub fn deliver(&mut self, delivery: Delivery, now_ms: u64, effects: &mut Effects) {
        self.changed |= self.outgoing.deliver(delivery, now_ms, effects);
    }

    /// Drops what has waited too long, and gives back the memory of what is empty by now. Call it
    /// now and then; what is due to be sent is looked at anyway.
    pub fn expire(&mut self, now_ms: u64, effects: &mut Effects) {
        self.incoming.give_back();
        self.changed |= self.outgoing.expire(now_ms, effects);
    }

    /// PUBACK from the client. One for a message nobody sent is ignored.
    ///
    /// # Errors
    /// The identifier is that of a QoS 2 message.
    pub fn puback(
        &mut self,
        packet_id: NonZeroU16,
        reason: ReasonCode,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Result<(), SessionError> {
        self.changed |= self.outgoing.puback(packet_id, reason, now_ms, effects)?;
        Ok(())
    }

    /// PUBREC from the client, answered with PUBREL unless it refuses the message. One for a
    /// message nobody sent is answered too, so that the client can forget it.
    ///
    /// # Errors
    /// The identifier is that of a QoS 1 message.
    pub fn pubrec(
        &mut self,
        packet_id: NonZeroU16,
        reason: ReasonCode,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Result<(), SessionError> {
        self.changed |= self.outgoing.pubrec(packet_id, reason, now_ms, effects)?;
        Ok(())
    }

    /// PUBCOMP from the client. One for a message nobody sent is ignored.
    ///
    /// # Errors
    /// The message is still waiting for its PUBACK or PUBREC.
    pub fn pubcomp(
        &mut self,
        packet_id: NonZeroU16,
        now_ms: u64,
        effects: &mut Effects,
    ) -> Result<(), SessionError> {
        self.changed |= self.outgoing.pubcomp(packet_id, now_ms, effects)?;
        Ok(())
    }

    /// A PUBLISH above QoS 0 from the client. If it is [`Received::Fresh`], the caller passes the
    /// message on and then calls [`SessionState::accept`].
    ///
    /// # Errors
    /// The client has more in flight than it may.
    pub fn publish(
        &mut self,
        qos: crate::codec::QoS,
        packet_id: NonZeroU16,
        effects: &mut Effects,
    ) -> Result<Received, SessionError> {
        self.incoming.publish(qos, packet_id, effects)
    }

    /// A message of [`SessionState::publish`] has been passed on, or refused with `reason`:
    /// acknowledges it. With a reason below 0x80 a QoS 2 message is now remembered until PUBREL.
    pub fn accept(&mut self, packet_id: NonZeroU16, reason: ReasonCode, effects: &mut Effects) {
        self.changed |= self.incoming.accept(packet_id, reason, effects);
    }

    /// PUBREL from the client, answered with PUBCOMP.
    ///
    /// # Errors
    /// The message has not been answered with PUBREC yet.
    pub fn pubrel(
        &mut self,
        packet_id: NonZeroU16,
        effects: &mut Effects,
    ) -> Result<(), SessionError> {
        self.changed |= self.incoming.pubrel(packet_id, effects)?;
        Ok(())
    }

    /// The identifiers that must survive: the last one given, those of released messages to the
    /// client, and those of held messages from it.
    #[must_use]
    pub fn packet_ids(&self) -> (u16, Vec<NonZeroU16>, Vec<NonZeroU16>) {
        let outgoing = &self.outgoing;
        (outgoing.last_packet_id(), outgoing.released().collect(), self.incoming.held().collect())
    }

    /// Messages waiting, without those in flight.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outgoing.queued()
    }

    /// Messages sent and not yet acknowledged to the end.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.outgoing.in_flight()
    }

    /// Whether nothing would be lost with the session but its subscriptions.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queued() == 0 && self.in_flight() == 0 && self.incoming.is_empty()
    }

    /// Whether the snapshot has become another since this was asked last.
    #[must_use]
    pub const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }
}

use std::num::NonZeroU16;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Delivery, Effects, SessionLimits, SessionState};

/// What of a session must survive the process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The identifier given last, so that identifiers are not used again too soon.
    pub last_packet_id: u16,
    /// Sent and not acknowledged, in the order of sending.
    pub sent: Vec<(NonZeroU16, Delivery)>,
    /// Waiting for PUBCOMP, in the order of their PUBRECs.
    pub released: Vec<NonZeroU16>,
    /// Waiting to be sent, each with when it came, Unix milliseconds.
    pub queue: Vec<(u64, Delivery)>,
    /// QoS 2 messages from the client that were passed on and not released.
    pub held: Vec<NonZeroU16>,
}

impl SessionState {
    /// What must survive. Messages are shared, not copied.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let owned = |(id, delivery): (NonZeroU16, &Delivery)| (id, delivery.clone());
        let waiting = |(since_ms, delivery): (u64, &Delivery)| (since_ms, delivery.clone());
        Snapshot {
            last_packet_id: self.outgoing.last_packet_id(),
            sent: self.outgoing.sent().map(owned).collect(),
            released: self.outgoing.released().collect(),
            queue: self.outgoing.waiting().map(waiting).collect(),
            held: self.incoming.held().collect(),
        }
    }

    /// A session as it was. If `limits` have become narrower, the oldest in the queue are dropped.
    #[must_use]
    pub fn restore(limits: Arc<SessionLimits>, snapshot: Snapshot, effects: &mut Effects) -> Self {
        let mut session = Self::new(limits);
        let mut snapshot = snapshot;
        session.incoming.fill(std::mem::take(&mut snapshot.held));
        session.outgoing.fill(snapshot, effects);
        session
    }
}

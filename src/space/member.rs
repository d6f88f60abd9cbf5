//! One session of a topic space: its connection, its subscriptions, its will. Pure.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::codec::{TopicScope, Version};
use crate::device::LinkId;
use crate::supervision::outbox::{Outbox, PushError};

use super::owing::Owed;
use super::row::{FilterRow, LastWill, SessionRow};
use super::session_state::{self, Outgoing, SessionState};
use super::topics::Taker;
use super::{ClientEnd, SpaceLimits, ToClient};

/// A client's connection, as its space sees it. The space owns the sending half of its outbox.
#[derive(Debug)]
pub struct Line {
    /// Tells it from the session's earlier ones.
    pub id: LinkId,
    /// Where packets to the client go.
    pub outbox: Outbox<ToClient>,
    /// Bytes of messages that wait in the outbox; the connection subtracts what it has taken.
    pub unwritten_bytes: Arc<AtomicUsize>,
    /// Its version and what it takes.
    pub link: session_state::Link,
}

impl Line {
    /// Sends a packet. False: it takes no more, and is to be ended.
    pub(super) fn send(&self, packet: Outgoing) -> bool {
        if let Outgoing::Publish(publish) = &packet {
            let bytes = publish.delivery.message.len();
            self.unwritten_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        // A connection that is gone says so itself.
        !matches!(self.outbox.push(ToClient::Packet(packet)), Err(PushError::Full(_)))
    }

    /// Whether a message at `QoS` 0 may still be added to what waits.
    pub(super) fn has_room(&self, limits: &SpaceLimits) -> bool {
        self.outbox.len() < limits.unwritten_messages_max
            && self.unwritten_bytes.load(Ordering::Relaxed) < limits.unwritten_bytes_max
    }

    /// Asks the connection to say when it has written all that was sent before this.
    pub(super) fn ask_for_more(&self) {
        // A connection that takes no more is ended at its next packet.
        drop(self.outbox.push(ToClient::More));
    }

    pub(super) fn end(&self, why: ClientEnd) {
        self.outbox.clone().close_with(ToClient::Close(why));
    }
}

/// A message rate: a bucket of tokens.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    spent: u32,
    since_ms: u64,
}

impl Bucket {
    /// Takes a token out of a bucket of `burst` that fills with `per_s` a second.
    pub(super) fn take(&mut self, (per_s, burst): (u32, u32), now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.since_ms);
        let back = passed_ms.saturating_mul(u64::from(per_s)) / 1_000;
        if back > 0 {
            self.spent = self.spent.saturating_sub(u32::try_from(back).unwrap_or(u32::MAX));
            // What is left of the time counts for the next token.
            let used_ms = back * 1_000 / u64::from(per_s.max(1));
            self.since_ms = if self.spent == 0 { now_ms } else { self.since_ms + used_ms };
        }
        let may = self.spent < burst;
        self.spent += u32::from(may);
        may
    }
}

/// A session.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) client_id: Box<str>,
    /// Of the credential it signed in with.
    pub(super) label: Arc<str>,
    /// Which topics that is for; without one, all.
    pub(super) scope: Option<Arc<TopicScope>>,
    pub(super) line: Option<Line>,
    pub(super) session: SessionState,
    pub(super) filters: Vec<(Box<str>, Taker)>,
    /// Seconds that it outlives its connection.
    pub(super) expiry_s: u32,
    pub(super) will: Option<Box<LastWill>>,
    /// Whether the store knows it.
    pub(super) is_stored: bool,
    /// When its connection ended.
    pub(super) detached_ms: Option<u64>,
    /// What its subscriptions still owe it of retained messages: one entry each at most.
    pub(super) owed: VecDeque<Owed>,
    /// Whether its connection is asked to say when it has taken what was brought.
    pub(super) asked_for_more: bool,
    /// Commands at `QoS` 2 whose end it is owed, and by which connection they came.
    pub(super) commands: Vec<(LinkId, NonZeroU16)>,
    /// The number of its next stored message.
    pub(super) next_number: u64,
    /// Which routing found it last, and at which place among the found.
    pub(super) found: (u64, usize),
    pub(super) rate: Bucket,
}

impl Member {
    /// Whether anything of it must survive the process.
    pub(super) const fn is_persistent(&self) -> bool {
        self.expiry_s > 0
    }

    pub(super) fn is_there(&self) -> bool {
        self.line.is_some()
    }

    pub(super) fn is_on(&self, link: LinkId) -> bool {
        self.line.as_ref().is_some_and(|line| line.id == link)
    }

    pub(super) fn is_v5(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.link.version == Version::V5)
    }

    /// When its will is published and when it ends, for one without a connection.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let detached_ms = self.detached_ms?;
        let expires_ms = after(detached_ms, self.expiry_s);
        let will_ms = self.will.as_ref().map(|will| after(detached_ms, will.delay_s));
        Some(will_ms.map_or(expires_ms, |will_ms| will_ms.min(expires_ms)))
    }

    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        self.due_ms().is_some_and(|due_ms| due_ms <= now_ms)
    }

    pub(super) fn is_expired(&self, now_ms: u64) -> bool {
        self.detached_ms.is_some_and(|detached_ms| after(detached_ms, self.expiry_s) <= now_ms)
    }

    pub(super) fn row(&self) -> SessionRow {
        let (last_packet_id, released, held) = self.session.packet_ids();
        SessionRow {
            client_id: self.client_id.clone(),
            label: self.label.clone(),
            expiry_s: self.expiry_s,
            detached_ms: self.detached_ms,
            filters: self.filters.iter().map(filter_row).collect(),
            will: self.will.as_deref().cloned(),
            last_packet_id,
            released,
            held,
        }
    }
}

/// The session expiry that never comes (3.1.2.11.2).
pub(super) const NEVER_EXPIRES_S: u32 = u32::MAX;

fn after(from_ms: u64, seconds: u32) -> u64 {
    if seconds == NEVER_EXPIRES_S {
        return u64::MAX;
    }
    from_ms.saturating_add(u64::from(seconds) * 1_000)
}

fn filter_row((filter, taker): &(Box<str>, Taker)) -> FilterRow {
    let Taker { qos, no_local, retain_as_published, wants_retained, id, .. } = *taker;
    FilterRow { filter: filter.clone(), qos, no_local, retain_as_published, wants_retained, id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let (mut bucket, limit) = (Bucket::default(), (10, 3));
        assert!((0..3).all(|_| bucket.take(limit, 1_000)) && !bucket.take(limit, 1_050));
        assert!(bucket.take(limit, 1_100) && !bucket.take(limit, 1_100));
        assert!((0..3).all(|_| bucket.take(limit, 9_000)) && !bucket.take(limit, 9_000));
    }

    #[test]
    fn a_bucket_that_is_never_empty_saves_no_more_than_its_burst() {
        let (mut bucket, limit) = (Bucket::default(), (10, 3));
        assert!((1..100).all(|second| bucket.take(limit, second * 1_000)));
        assert!((0..2).all(|_| bucket.take(limit, 99_000)) && !bucket.take(limit, 99_000));
    }
}

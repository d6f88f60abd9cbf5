//! What a topic space is, and what follows from each message to it. Pure.
//!
//! A turn is one call: it changes the sessions, collects what they are to be sent, and ends in
//! [`SpaceState::end_turn`], which sends it, at once if nothing has to be stored first, else when
//! the store has it. `routing` finds who takes a message, `subscribing` keeps subscriptions,
//! `living` the beginning and end of sessions.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use slab::Slab;

use crate::codec::QoS;
use crate::device::LinkId;
use crate::model::DeviceId;
use crate::supervision::Resident;

use super::member::{Bucket, Member};
use super::message::Message;
use super::retained::Retained;
use super::routing::Found;
use super::row::{QueueRow, Row};
use super::session_state::{DropReason, Outgoing, OutgoingPublish, SessionEffect};
use super::topics::{SessionKey, Taker, Topics};
use super::{ClientEnd, SpaceLimits};

/// What a space asks its shell to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpaceEffect {
    /// Store these rows; then call [`SpaceState::stored`] with the number. In this order.
    Commit(u64, Vec<Row>),
    /// Store these rows when convenient.
    Write(Vec<Row>),
    /// Somebody wants to hear the user's devices.
    WatchDevices,
    /// Nobody does any more.
    UnwatchDevices,
}

/// What was dropped and refused since it was asked last, for the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages to subscribers.
    pub sent: u64,
    /// Messages that a slow or absent client did not get: full queue, or `QoS` 0.
    pub dropped_full: u64,
    /// Messages that expired, or were too large for the client.
    pub dropped_expired: u64,
    /// Retained messages that found no room.
    pub retained_refused: u64,
    /// Clients that were ended because they took nothing.
    pub slow: u64,
    /// Clients that were ended, or messages refused, because they came too fast.
    pub too_fast: u64,
}

/// One user's topic space.
#[derive(Debug)]
pub struct SpaceState {
    pub(super) limits: Arc<SpaceLimits>,
    pub(super) topics: Topics,
    pub(super) members: Slab<Member>,
    pub(super) names: HashMap<Box<str>, SessionKey>,
    pub(super) retained: Retained,
    /// What the user's devices last reported, while somebody listens.
    pub(super) devices: BTreeMap<DeviceId, crate::model::Props>,
    /// Subscriptions that may take a device's topic.
    pub(super) listening: usize,
    pub(super) rate: Bucket,
    pub(super) tally: Tally,
    /// Counts routings.
    pub(super) routed: u64,
    /// Scratch of routing.
    pub(super) found: Vec<Found>,
    pub(super) takers: Vec<(Taker, bool)>,
    pub(super) turn: Turn,
    /// What waits for the store, in the order of the commits.
    pending: VecDeque<Pending>,
    commits: u64,
    due_ms: Option<u64>,
    /// Since when it has had no session.
    empty_since_ms: u64,
}

/// What one turn collects.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) effects: Vec<SessionEffect>,
    writes: Vec<(SessionKey, Outgoing)>,
    /// What must be stored before anybody is told.
    pub(super) rows: Vec<Row>,
    /// What may be stored later: forgetting it costs a message that comes twice.
    pub(super) lazy: Vec<Row>,
}

impl Turn {
    /// Stores a row: before anybody is told, if a message above `QoS` 0 depends on it.
    pub(super) fn keep(&mut self, row: Row, qos: QoS) {
        if qos == QoS::AtMostOnce { self.lazy.push(row) } else { self.rows.push(row) }
    }
}

#[derive(Debug)]
struct Pending {
    number: u64,
    /// How it went, once that is known.
    stored: Option<bool>,
    writes: Vec<(SessionKey, LinkId, Outgoing)>,
}

/// How long rows that are in no hurry wait for company, in milliseconds.
const LAZY_MS: u64 = 200;
/// How often queues are looked through for what has waited too long, in milliseconds.
const EXPIRE_EVERY_MS: u64 = 30_000;
/// How long a space without sessions stays, in milliseconds.
const LINGER_MS: u64 = 60_000;

impl SpaceState {
    /// An empty space.
    #[must_use]
    pub fn new(limits: Arc<SpaceLimits>) -> Self {
        Self {
            limits,
            topics: Topics::default(),
            members: Slab::new(),
            names: HashMap::new(),
            retained: Retained::default(),
            devices: BTreeMap::new(),
            listening: 0,
            rate: Bucket::default(),
            tally: Tally::default(),
            routed: 0,
            found: Vec::new(),
            takers: Vec::new(),
            turn: Turn::default(),
            pending: VecDeque::new(),
            commits: 0,
            due_ms: None,
            empty_since_ms: 0,
        }
    }

    /// The store has taken the rows of commit `number`, or could not.
    pub fn stored(&mut self, number: u64, safe: bool, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        if let Some(pending) = self.pending.iter_mut().find(|pending| pending.number == number) {
            pending.stored = Some(safe);
        }
        while let Some(stored) = self.pending.front().and_then(|pending| pending.stored) {
            let Some(pending) = self.pending.pop_front() else { break };
            for (key, link, packet) in pending.writes {
                if !self.members.get(key).is_some_and(|member| member.is_on(link)) {
                    continue;
                }
                // What can't be promised is not acknowledged: the client comes back and asks again.
                if stored || matches!(packet, Outgoing::Publish(_)) {
                    self.send(key, packet, now_ms);
                } else {
                    self.end_line(key, ClientEnd::NotStored, now_ms);
                }
            }
        }
        self.end_turn(out, now_ms);
    }

    /// The time has come that [`Resident::due_ms`] named.
    pub fn wake(&mut self, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        self.due_ms = None;
        if !self.turn.lazy.is_empty() {
            out.push(SpaceEffect::Write(std::mem::take(&mut self.turn.lazy)));
        }
        self.end_sessions(out, now_ms);
        for topic in self.retained.expire(now_ms) {
            self.turn.lazy.push(Row::Forget(topic));
        }
        let mut dues = Vec::new();
        let keys: Vec<SessionKey> = self.members.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(member) = self.members.get_mut(key) else { continue };
            dues.extend(member.due_ms());
            if member.session.queued() > 0 {
                member.session.expire(now_ms, &mut self.turn.effects);
                dues.push(now_ms + EXPIRE_EVERY_MS);
                self.settle(key);
            }
        }
        if !self.members.is_empty() && !self.retained.is_empty() {
            dues.push(now_ms + EXPIRE_EVERY_MS);
        }
        let leaves_ms = self.empty_since_ms + LINGER_MS;
        if self.members.is_empty() && now_ms < leaves_ms {
            dues.push(leaves_ms);
        }
        for due_ms in dues {
            self.be_woken(due_ms);
        }
        self.end_turn(out, now_ms);
    }

    /// What was dropped and refused since this was asked last.
    pub const fn take_tally(&mut self) -> Tally {
        std::mem::replace(&mut self.tally, EMPTY)
    }

    /// How many sessions there are, and how many of them have a connection.
    #[must_use]
    pub fn sessions(&self) -> (usize, usize) {
        (self.members.len(), self.members.iter().filter(|(_, member)| member.is_there()).count())
    }

    /// Notes that a session is gone: a space without any does not stay for ever.
    pub(super) fn one_left(&mut self, now_ms: u64) {
        self.empty_since_ms = now_ms;
        self.be_woken(now_ms + LINGER_MS);
    }

    pub(super) fn be_woken(&mut self, at_ms: u64) {
        self.due_ms = Some(self.due_ms.map_or(at_ms, |due_ms| due_ms.min(at_ms)));
    }

    /// Takes over what a session said in this turn: packets to be sent, messages that are done.
    pub(super) fn settle(&mut self, key: SessionKey) {
        let Some(member) = self.members.get(key) else { return };
        for effect in self.turn.effects.drain(..) {
            let done = match effect {
                SessionEffect::Write(packet) => {
                    self.turn.writes.push((key, packet));
                    continue;
                }
                SessionEffect::Delivered(number) => Some(number),
                SessionEffect::Dropped { token, reason } => {
                    self.tally.drop_for(reason);
                    token
                }
            };
            let row = done.map(|number| Row::Unqueue(member.client_id.clone(), number));
            self.turn.lazy.extend(row);
        }
    }

    /// Notes that what must survive of a session has changed.
    pub(super) fn keep_session(&mut self, key: SessionKey) {
        let Some(member) = self.members.get_mut(key) else { return };
        if member.is_persistent() {
            member.is_stored = true;
            self.turn.rows.push(Row::Session(Box::new(member.row())));
        }
    }

    /// Notes the packet identifiers under which stored messages are sent now, which exactly once
    /// depends on.
    pub(super) fn keep_packet_ids(&mut self, key: SessionKey, now_ms: u64) {
        let Some(member) = self.members.get(key).filter(|member| member.is_persistent()) else {
            return;
        };
        for effect in &self.turn.effects {
            let SessionEffect::Write(Outgoing::Publish(publish)) = effect else { continue };
            let OutgoingPublish { delivery, packet_id, dup: false, .. } = publish else { continue };
            let Some(number) = delivery.token.filter(|_| delivery.qos == QoS::ExactlyOnce) else {
                continue;
            };
            let (packet_id, delivery) = (*packet_id, delivery.clone());
            let row = QueueRow { since_ms: now_ms, packet_id, delivery };
            self.turn.rows.push(Row::Queue(member.client_id.clone(), number, Box::new(row)));
        }
    }

    /// Says something to a client in its turn among the packets.
    pub(super) fn say(&mut self, key: SessionKey, packet: Outgoing) {
        self.turn.writes.push((key, packet));
    }

    /// Ends the turn: what has nothing to wait for is sent now, the rest when it is stored.
    pub(super) fn end_turn(&mut self, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        let mut writes = std::mem::take(&mut self.turn.writes);
        if self.turn.rows.is_empty() && self.pending.is_empty() {
            for (key, packet) in writes.drain(..) {
                self.send(key, packet, now_ms);
            }
        } else {
            self.hold(&mut writes, out, now_ms);
        }
        self.turn.writes = writes;
        if !self.turn.lazy.is_empty() {
            self.be_woken(now_ms + LAZY_MS);
        }
    }

    fn hold(
        &mut self,
        writes: &mut Vec<(SessionKey, Outgoing)>,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if !self.turn.rows.is_empty() {
            let mut rows = std::mem::take(&mut self.turn.lazy);
            rows.append(&mut self.turn.rows);
            self.commits += 1;
            out.push(SpaceEffect::Commit(self.commits, rows));
            let pending = Pending { number: self.commits, stored: None, writes: Vec::new() };
            self.pending.push_back(pending);
        }
        for (key, packet) in writes.drain(..) {
            let at_once = matches!(
                &packet,
                Outgoing::Publish(publish) if publish.delivery.qos == QoS::AtMostOnce
            );
            if at_once {
                self.send(key, packet, now_ms);
                continue;
            }
            let link = self.members.get(key).and_then(|member| Some(member.line.as_ref()?.id));
            // Behind all that waits already, so that nothing overtakes.
            if let (Some(link), Some(last)) = (link, self.pending.back_mut()) {
                last.writes.push((key, link, packet));
            }
        }
    }

    /// Hands a packet to the session's connection; one that takes no more is ended.
    fn send(&mut self, key: SessionKey, packet: Outgoing, now_ms: u64) {
        let Some(member) = self.members.get(key) else { return };
        let Some(line) = &member.line else { return };
        if matches!(packet, Outgoing::Publish(_)) {
            self.tally.sent += 1;
        }
        if !line.send(packet) {
            self.tally.slow += 1;
            self.end_line(key, ClientEnd::TooSlow, now_ms);
        }
    }
}

const EMPTY: Tally = Tally {
    sent: 0,
    dropped_full: 0,
    dropped_expired: 0,
    retained_refused: 0,
    slow: 0,
    too_fast: 0,
};

impl Tally {
    const fn drop_for(&mut self, reason: DropReason) {
        match reason {
            DropReason::QueueFull | DropReason::Offline => self.dropped_full += 1,
            DropReason::Expired | DropReason::TooLarge => self.dropped_expired += 1,
            DropReason::Refused(_) | DropReason::SessionEnded => {}
        }
    }
}

impl Resident for SpaceState {
    fn is_over(&self) -> bool {
        self.members.is_empty()
            && self.pending.is_empty()
            && self.turn.lazy.is_empty()
            && self.due_ms.is_none()
    }

    fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }
}

/// A message that is retained, as its topic's last one.
pub(super) fn is_kept(message: &Message) -> bool {
    message.retain && !message.payload().is_empty()
}

#[cfg(test)]
mod tests;

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
    /// Clients that were not let in: there are as many sessions as may be.
    pub sessions_refused: u64,
    /// Subscriptions that were refused: the session has as many as it may.
    pub subscriptions_refused: u64,
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
    /// Whether the shell was asked to watch the devices.
    watches: bool,
    pub(super) rate: Bucket,
    pub(super) tally: Tally,
    /// Counts routings.
    pub(super) routed: u64,
    /// Scratch of routing.
    pub(super) found: Vec<Found>,
    /// The same.
    pub(super) takers: Vec<(Taker, bool)>,
    pub(super) turn: Turn,
    /// What waits for the store, in the order of the commits.
    pending: VecDeque<Pending>,
    commits: u64,
    due_ms: Option<u64>,
    /// When queues and retained messages are looked through next for what has become too old.
    expire_ms: Option<u64>,
    /// Since when it has had no session.
    empty_since_ms: u64,
    /// The store could not take what it was given: see [`SpaceState::stored`].
    not_stored: bool,
}

/// Buffers that a turn fills and empties. Most spaces idle, so whoever enters one lends his.
#[derive(Debug, Default)]
pub struct Scratch {
    found: Vec<Found>,
    takers: Vec<(Taker, bool)>,
    effects: Vec<SessionEffect>,
    writes: Vec<(SessionKey, Outgoing)>,
}

/// What one turn collects.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) effects: Vec<SessionEffect>,
    writes: Vec<(SessionKey, Outgoing)>,
    /// What is to be stored, in the order in which it came to be so.
    rows: Vec<Row>,
    /// Whether they must be stored before anybody is told.
    urgent: bool,
}

impl Turn {
    /// Stores a row before anybody is told.
    pub(super) fn store(&mut self, row: Row) {
        self.rows.push(row);
        self.urgent = true;
    }

    /// Stores a row in time: forgetting it costs a message that comes twice.
    pub(super) fn store_later(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Stores a row: before anybody is told, if a message above `QoS` 0 depends on it.
    pub(super) fn keep(&mut self, row: Row, qos: QoS) {
        self.rows.push(row);
        self.urgent |= qos > QoS::AtMostOnce;
    }
}

#[derive(Debug)]
struct Pending {
    number: u64,
    stored: bool,
    writes: Vec<(SessionKey, LinkId, Outgoing)>,
}

/// How long rows that are in no hurry wait for company, in milliseconds, and how many of them.
const LAZY_MS: u64 = 200;
const LAZY_ROWS_MAX: usize = 256;
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
            // Most users have one client: no room for four.
            members: Slab::with_capacity(1),
            names: HashMap::new(),
            retained: Retained::default(),
            devices: BTreeMap::new(),
            listening: 0,
            watches: false,
            rate: Bucket::default(),
            tally: Tally::default(),
            routed: 0,
            found: Vec::new(),
            takers: Vec::new(),
            turn: Turn::default(),
            pending: VecDeque::new(),
            commits: 0,
            due_ms: None,
            expire_ms: None,
            empty_since_ms: 0,
            not_stored: false,
        }
    }

    /// Takes buffers for a turn, or gives them back after it.
    pub const fn swap_scratch(&mut self, scratch: &mut Scratch) {
        std::mem::swap(&mut self.found, &mut scratch.found);
        std::mem::swap(&mut self.takers, &mut scratch.takers);
        std::mem::swap(&mut self.turn.effects, &mut scratch.effects);
        std::mem::swap(&mut self.turn.writes, &mut scratch.writes);
    }

    /// The same space, whose commits are numbered from `number` on: so that what an earlier life of
    /// it still hears from the store is not taken for an answer to this one.
    #[must_use]
    pub fn with_commits_from(self, number: u64) -> Self {
        Self { commits: number, ..self }
    }

    /// The store has taken the rows of commit `number`, or could not. Then the space is not what is
    /// stored any more, and can't promise anything: it ends as by a fault, and with it every
    /// connection. Who comes back finds what is stored, and asks again.
    pub fn stored(&mut self, number: u64, safe: bool, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        if !safe {
            return self.give_up();
        }
        if let Some(pending) = self.pending.iter_mut().find(|pending| pending.number == number) {
            pending.stored = true;
        }
        while self.pending.front().is_some_and(|pending| pending.stored) {
            let Some(pending) = self.pending.pop_front() else { break };
            for (key, link, packet) in pending.writes {
                if self.members.get(key).is_some_and(|member| member.is_on(link)) {
                    self.send(key, packet, now_ms);
                }
            }
        }
        self.end_turn(out, now_ms);
    }

    /// The store can't take what the space gives it.
    pub fn give_up(&mut self) {
        self.not_stored = true;
        for (_, member) in &mut self.members {
            if let Some(line) = member.line.take() {
                line.end(ClientEnd::NotStored);
            }
        }
    }

    /// The time has come that [`Resident::due_ms`] named.
    pub fn wake(&mut self, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        self.due_ms = None;
        self.write_rows(out);
        self.end_sessions(now_ms);
        if self.expire_ms.is_some_and(|expire_ms| expire_ms <= now_ms) {
            self.expire(now_ms);
        }
        let dues = self.members.iter().filter_map(|(_, member)| member.due_ms()).min();
        let leaves_ms = self.empty_since_ms + LINGER_MS;
        let leaves_ms = (self.members.is_empty() && now_ms < leaves_ms).then_some(leaves_ms);
        for due_ms in [dues, leaves_ms, self.expire_ms].into_iter().flatten() {
            self.be_woken(due_ms);
        }
        self.end_turn(out, now_ms);
    }

    /// Takes out what has become too old, of queues and of what is retained.
    fn expire(&mut self, now_ms: u64) {
        self.expire_ms = None;
        for topic in self.retained.expire(now_ms) {
            self.turn.store_later(Row::Forget(topic));
        }
        let waits = |(_, member): &(usize, &Member)| member.session.queued() > 0;
        let keys: Vec<SessionKey> = self.members.iter().filter(waits).map(|(key, _)| key).collect();
        for key in keys {
            if let Some(member) = self.members.get_mut(key) {
                member.session.expire(now_ms, &mut self.turn.effects);
                self.settle(key);
            }
        }
        let waits = self.members.iter().any(|(_, member)| member.session.queued() > 0);
        if waits || self.retained.may_expire() {
            self.expire_later(now_ms);
        }
    }

    /// Notes that something is kept that becomes too old.
    pub(super) fn expire_later(&mut self, now_ms: u64) {
        if self.expire_ms.is_none() {
            self.expire_ms = Some(now_ms + EXPIRE_EVERY_MS);
            self.be_woken(now_ms + EXPIRE_EVERY_MS);
        }
    }

    /// Hands over what is in no hurry to be stored.
    pub(super) fn write_rows(&mut self, out: &mut Vec<SpaceEffect>) {
        if !self.turn.rows.is_empty() {
            out.push(SpaceEffect::Write(std::mem::take(&mut self.turn.rows)));
        }
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
            self.turn.rows.extend(row);
        }
    }

    /// Notes that what must survive of a session has changed.
    pub(super) fn keep_session(&mut self, key: SessionKey) {
        let Some(member) = self.members.get_mut(key) else { return };
        // One that is stored and is to end with its connection is stored as such.
        if member.is_persistent() || member.is_stored {
            member.is_stored = true;
            self.turn.store(Row::Session(Box::new(member.row())));
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
            let row = Row::Queue(member.client_id.clone(), number, Box::new(row));
            self.turn.rows.push(row);
            self.turn.urgent = true;
        }
    }

    /// Says something to a client in its turn among the packets.
    pub(super) fn say(&mut self, key: SessionKey, packet: Outgoing) {
        self.turn.writes.push((key, packet));
    }

    /// Ends the turn: what has nothing to wait for is sent now, the rest when it is stored.
    pub(super) fn end_turn(&mut self, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        if self.watches != (self.listening > 0) {
            self.watches = !self.watches;
            if self.watches {
                out.push(SpaceEffect::WatchDevices);
            } else {
                self.devices.clear();
                out.push(SpaceEffect::UnwatchDevices);
            }
        }
        let mut writes = std::mem::take(&mut self.turn.writes);
        if !self.turn.urgent && self.pending.is_empty() {
            for (key, packet) in writes.drain(..) {
                self.send(key, packet, now_ms);
            }
        } else {
            self.hold(&mut writes, out, now_ms);
        }
        self.turn.writes = writes;
        if self.turn.rows.len() >= LAZY_ROWS_MAX {
            self.write_rows(out);
        } else if !self.turn.rows.is_empty() {
            self.be_woken(now_ms + LAZY_MS);
        }
    }

    fn hold(
        &mut self,
        writes: &mut Vec<(SessionKey, Outgoing)>,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if std::mem::take(&mut self.turn.urgent) {
            self.commits += 1;
            out.push(SpaceEffect::Commit(self.commits, std::mem::take(&mut self.turn.rows)));
            let pending = Pending { number: self.commits, stored: false, writes: Vec::new() };
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
    sessions_refused: 0,
    subscriptions_refused: 0,
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
            && self.turn.rows.is_empty()
            && self.due_ms.is_none()
    }

    fn fault(&self) -> Option<&'static str> {
        self.not_stored.then_some("the store could not take what it was given")
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

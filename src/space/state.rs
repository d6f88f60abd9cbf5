//! What a topic space is, and what follows from each message to it. Pure.
//!
//! A turn is one call: it changes the sessions, collects what they are to be sent, and ends in
//! [`SpaceState::end_turn`], which sends it, at once if nothing has to be stored first, else when
//! the store has it (`turn`). `routing` finds who takes a message, `subscribing` keeps
//! subscriptions, `living` the beginning and end of sessions.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use slab::Slab;

use crate::model::DeviceId;
use crate::supervision::Resident;

use super::member::{Bucket, Member};
use super::message::Message;
use super::retained::Retained;
use super::routing::Found;
use super::row::Row;
use super::session_state::{DropReason, Outgoing, SessionEffect};
use super::topics::{SessionKey, Taker, Topics};
use super::turn::{Pending, Turn};
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
    /// Something was announced ([`super::ANNOUNCEMENTS`]), and the house's own client is not here
    /// to hear it.
    Announced,
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
    /// Messages that had to wait for a client that is there: as many as may be are on their way.
    pub held_back: u64,
    /// Sessions that wanted to outlive their connections for longer than they may.
    pub expiry_shortened: u64,
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
    /// The sessions, sorted by client identifier.
    pub(super) by_client_id: Vec<SessionKey>,
    pub(super) retained: Retained,
    /// What the user's devices last reported, while somebody listens.
    pub(super) devices: BTreeMap<DeviceId, crate::model::Props>,
    /// Subscriptions that may take a device's topic.
    pub(super) listening: usize,
    /// Whether the shell was asked to watch the devices.
    pub(super) watches: bool,
    /// Whether the shell is to be told of an announcement.
    pub(super) announces: bool,
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
    pub(super) pending: VecDeque<Pending>,
    pub(super) commits: u64,
    due_ms: Option<u64>,
    /// When queues and retained messages are looked through for what has become too old.
    expire_ms: u64,
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

impl Scratch {
    /// Empties them; their room stays.
    pub fn clear(&mut self) {
        self.found.clear();
        self.takers.clear();
        self.effects.clear();
        self.writes.clear();
    }
}

/// How often queues are looked through for what has waited too long, in milliseconds.
const EXPIRE_EVERY_MS: u64 = 30_000;
/// Nothing is there that could become too old.
const NEVER_MS: u64 = u64::MAX;
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
            by_client_id: Vec::new(),
            retained: Retained::default(),
            devices: BTreeMap::new(),
            listening: 0,
            watches: false,
            announces: false,
            rate: Bucket::default(),
            tally: Tally::default(),
            routed: 0,
            found: Vec::new(),
            takers: Vec::new(),
            turn: Turn::default(),
            pending: VecDeque::new(),
            commits: 0,
            due_ms: None,
            expire_ms: 0,
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
        let leaves_ms = self.empty_since_ms + LINGER_MS;
        if !self.members.is_empty() {
            if self.expire_ms <= now_ms {
                self.expire(now_ms);
            }
            let due_ms = self.members.iter().filter_map(|(_, member)| member.due_ms()).min();
            self.be_woken(due_ms.map_or(self.expire_ms, |due_ms| due_ms.min(self.expire_ms)));
        } else if now_ms < leaves_ms {
            self.be_woken(leaves_ms);
        }
        self.end_turn(out, now_ms);
    }

    /// Takes out what has become too old, of queues and of what is retained.
    fn expire(&mut self, now_ms: u64) {
        self.expire_ms = NEVER_MS;
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
        if self.expire_ms < now_ms || self.expire_ms == NEVER_MS {
            self.expire_ms = now_ms + EXPIRE_EVERY_MS;
            self.be_woken(self.expire_ms);
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
        if at_ms < NEVER_MS {
            self.due_ms = Some(self.due_ms.map_or(at_ms, |due_ms| due_ms.min(at_ms)));
        }
    }
}

const EMPTY: Tally = Tally {
    sent: 0,
    dropped_full: 0,
    dropped_expired: 0,
    held_back: 0,
    expiry_shortened: 0,
    retained_refused: 0,
    slow: 0,
    too_fast: 0,
    sessions_refused: 0,
    subscriptions_refused: 0,
};

impl Tally {
    pub(super) const fn drop_for(&mut self, reason: DropReason) {
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

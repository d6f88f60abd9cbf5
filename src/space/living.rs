//! How sessions begin, are taken over, and end; and what becomes of their wills. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::codec::{QoS, TopicScope};
use crate::device::LinkId;

use super::member::{Bucket, Line, Member, NEVER_EXPIRES_S};
use super::row::{FilterRow, LastWill, QueueRow, Row, SessionRow, Stored};
use super::session_state::{Delivery, SessionState, Snapshot};
use super::state::{SpaceEffect, SpaceState, is_kept};
use super::topics::{SessionKey, Taker};
use super::{ClientEnd, HOUSE_CLIENT};

/// A client that has proved whose it is.
#[derive(Debug)]
pub struct Hello {
    /// Its identifier, unique in the space.
    pub client_id: Box<str>,
    /// The label of the credential it signed in with.
    pub label: Arc<str>,
    /// Which topics the credential is for; without one, all.
    pub scope: Option<Arc<TopicScope>>,
    /// Whether an older session of the identifier is to be thrown away.
    pub clean_start: bool,
    /// Seconds that the session is to outlive the connection.
    pub expiry_s: u32,
    /// What is published if the connection breaks.
    pub will: Option<Box<LastWill>>,
    /// The connection.
    pub line: Line,
}

/// A client that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Its session's place.
    pub key: SessionKey,
    /// Whether it has found its older session again.
    pub session_present: bool,
    /// Seconds that the session will outlive the connection: not more than is allowed.
    pub expiry_s: u32,
}

/// The space has as many sessions as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no more than {0} sessions")]
pub struct TooManySessions(pub usize);

impl SpaceState {
    /// A client connects. An older connection of the same identifier ends.
    ///
    /// # Errors
    /// [`TooManySessions`]
    pub fn attach(
        &mut self,
        hello: Hello,
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) -> Result<Welcome, TooManySessions> {
        if let Ok(key) = self.session_of(&hello.client_id) {
            self.end_what_is_due(key, now_ms);
            let clean_start = hello.clean_start || !self.lies_within(key, hello.scope.as_deref());
            self.take_over(key, clean_start, now_ms);
        }
        let resumed = self.session_of(&hello.client_id).ok();
        let is_the_house = *hello.client_id == *HOUSE_CLIENT;
        if resumed.is_none() && self.members.len() >= self.limits.sessions_max && !is_the_house {
            self.tally.sessions_refused += 1;
            self.end_turn(out, now_ms);
            return Err(TooManySessions(self.limits.sessions_max));
        }
        let key = resumed.unwrap_or_else(|| self.found_session(&hello));
        let expiry_s = self.shortened(hello.expiry_s);
        if let Some(member) = self.members.get_mut(key) {
            member.session.attach(hello.line.link, now_ms, &mut self.turn.effects);
            member.line = Some(hello.line);
            (member.expiry_s, member.will) = (expiry_s, hello.will);
            (member.label, member.scope) = (hello.label, hello.scope);
            member.detached_ms = None;
        }
        self.keep_packet_ids(key, now_ms);
        self.settle(key);
        self.keep_session(key);
        self.bring_owed(key, now_ms);
        self.end_turn(out, now_ms);
        Ok(Welcome { key, session_present: resumed.is_some(), expiry_s })
    }

    /// The session expiry that somebody gets who asks for `expiry_s`.
    fn shortened(&mut self, expiry_s: u32) -> u32 {
        let max_s = self.limits.session_expiry_s_max;
        self.tally.expiry_shortened += u64::from(expiry_s > max_s);
        expiry_s.min(max_s)
    }

    fn found_session(&mut self, hello: &Hello) -> SessionKey {
        self.insert(Member {
            client_id: hello.client_id.clone(),
            label: hello.label.clone(),
            scope: None,
            line: None,
            session: SessionState::new(Arc::clone(&self.limits.session)),
            filters: Vec::new(),
            expiry_s: 0,
            will: None,
            is_stored: false,
            detached_ms: None,
            owed: VecDeque::new(),
            asked_for_more: false,
            commands: Vec::new(),
            next_number: 0,
            found: (0, 0),
            rate: Bucket::default(),
        })
    }

    /// Whether the session hears nothing that a credential with this scope is not for: else it is
    /// not the credential's to go on with.
    fn lies_within(&self, key: SessionKey, scope: Option<&TopicScope>) -> bool {
        let (Some(member), Some(scope)) = (self.members.get(key), scope) else { return true };
        member.filters.iter().all(|(filter, _)| scope.may_subscribe(filter))
    }

    /// The session of `client_id`, or where it would stand among them.
    pub(super) fn session_of(&self, client_id: &str) -> Result<SessionKey, usize> {
        let id = |key: &SessionKey| self.members.get(*key).map_or("", |member| &*member.client_id);
        let place = self.by_client_id.binary_search_by(|key| id(key).cmp(client_id))?;
        self.by_client_id.get(place).copied().ok_or(place)
    }

    /// Takes in a session whose identifier no other has.
    fn insert(&mut self, member: Member) -> SessionKey {
        let place = self.session_of(&member.client_id);
        let key = self.members.insert(member);
        if let Err(place) = place {
            self.by_client_id.insert(place, key);
        }
        key
    }

    /// Ends the older connection of a session, and the session if it does not go on. Its will is
    /// published unless the session goes on and the will was to be kept back (3.1.3.2.2).
    fn take_over(&mut self, key: SessionKey, clean_start: bool, now_ms: u64) {
        let Some(member) = self.members.get_mut(key) else { return };
        let goes_on = member.is_persistent() && !clean_start;
        if let Some(line) = member.line.take() {
            line.end(ClientEnd::TakenOver);
            member.session.detach();
            member.asked_for_more = false;
        }
        if !goes_on {
            return self.end_session(key, now_ms);
        }
        if let Some(will) = member.will.take_if(|will| will.delay_s == 0) {
            self.publish_will(key, &will, now_ms);
        }
    }

    /// A client says goodbye: without its will, unless it wants it published; and perhaps with
    /// another session expiry.
    pub fn goodbye(
        &mut self,
        (key, link): (SessionKey, LinkId),
        (with_will, expiry_s): (bool, Option<u32>),
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        let expiry_s = expiry_s.map(|expiry_s| self.shortened(expiry_s));
        let Some(member) = self.members.get_mut(key).filter(|member| member.is_on(link)) else {
            return;
        };
        if let Some(expiry_s) = expiry_s {
            member.expiry_s = expiry_s;
        }
        if !with_will {
            member.will = None;
        }
        self.lose_line(key, out, now_ms);
    }

    /// A connection is over without a goodbye.
    pub fn link_lost(
        &mut self,
        (key, link): (SessionKey, LinkId),
        out: &mut Vec<SpaceEffect>,
        now_ms: u64,
    ) {
        if self.members.get(key).is_some_and(|member| member.is_on(link)) {
            self.lose_line(key, out, now_ms);
        }
    }

    fn lose_line(&mut self, key: SessionKey, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        self.detach(key, now_ms);
        self.end_what_is_due(key, now_ms);
        self.keep_session(key);
        self.end_turn(out, now_ms);
    }

    fn detach(&mut self, key: SessionKey, now_ms: u64) {
        let Some(member) = self.members.get_mut(key) else { return };
        member.line = None;
        member.session.detach();
        member.asked_for_more = false;
        member.detached_ms = Some(now_ms);
        let due_ms = member.due_ms();
        if let Some(due_ms) = due_ms {
            self.be_woken(due_ms);
        }
    }

    /// Ends a session's connection for a reason of the house's. The session goes on without it.
    pub(super) fn end_line(&mut self, key: SessionKey, why: ClientEnd, now_ms: u64) {
        if let Some(line) = self.members.get(key).and_then(|member| member.line.as_ref()) {
            line.end(why);
            self.detach(key, now_ms);
            self.be_woken(now_ms);
        }
    }

    /// A credential was taken back: its connections and sessions end, without their wills.
    pub fn revoke(&mut self, label: &str, out: &mut Vec<SpaceEffect>, now_ms: u64) {
        let theirs = |(_, member): &(usize, &Member)| *member.label == *label;
        let keys: Vec<_> = self.members.iter().filter(theirs).map(|(key, _)| key).collect();
        for key in keys {
            if let Some(member) = self.members.get_mut(key) {
                member.will = None;
                if let Some(line) = member.line.take() {
                    line.end(ClientEnd::Revoked);
                }
            }
            self.end_session(key, now_ms);
        }
        self.end_turn(out, now_ms);
    }

    /// The house closes: every client is told. Sessions that survive stay in the store.
    pub fn close(&mut self, out: &mut Vec<SpaceEffect>) {
        for (_, member) in &mut self.members {
            if let Some(line) = member.line.take() {
                line.end(ClientEnd::ShuttingDown);
            }
        }
        self.write_rows(out);
    }

    /// Publishes the wills, and ends the sessions, whose time has come.
    pub(super) fn end_sessions(&mut self, now_ms: u64) {
        let due = |(_, member): &(usize, &Member)| member.is_due(now_ms);
        let keys: Vec<_> = self.members.iter().filter(due).map(|(key, _)| key).collect();
        for key in keys {
            self.end_what_is_due(key, now_ms);
        }
    }

    /// Publishes a session's will, and ends the session, if the time has come.
    fn end_what_is_due(&mut self, key: SessionKey, now_ms: u64) {
        let Some(member) = self.members.get_mut(key).filter(|member| member.is_due(now_ms)) else {
            return;
        };
        if member.is_expired(now_ms) {
            self.end_session(key, now_ms);
        } else if let Some(will) = member.will.take() {
            self.publish_will(key, &will, now_ms);
            self.keep_session(key);
        }
    }

    /// Ends a session for good: with its will, if that is still to be published.
    fn end_session(&mut self, key: SessionKey, now_ms: u64) {
        let Some(member) = self.members.get_mut(key) else { return };
        let will = member.will.take();
        let filters = std::mem::take(&mut member.filters);
        member.session.clear(&mut self.turn.effects);
        self.settle(key);
        for (filter, _) in &filters {
            self.forget_filter(key, filter);
        }
        self.by_client_id.retain(|one| *one != key);
        let member = self.members.remove(key);
        if member.is_stored {
            self.turn.store_later(Row::EndSession(member.client_id));
            // A will is not published twice, also if the process ends now.
            self.turn.urgent |= will.is_some();
        }
        if let Some(will) = will {
            self.publish_will(key, &will, now_ms);
        }
        if self.members.is_empty() {
            self.one_left(now_ms);
        }
    }

    fn publish_will(&mut self, key: SessionKey, will: &LastWill, now_ms: u64) {
        let message = will.at(now_ms);
        let _kept = self.keep_retained(&message, now_ms);
        self.route(Some(key), &message, now_ms);
    }

    /// A space as it was stored. Sessions that had a connection lost it with the process.
    #[must_use]
    pub fn restore(limits: Arc<super::SpaceLimits>, stored: Stored, now_ms: u64) -> Self {
        let mut space = Self::new(limits);
        for message in stored.retained.into_iter().filter(is_kept) {
            space.retained.keep(Arc::new(message));
        }
        for (row, queue) in stored.sessions {
            space.restore_session(row, queue, now_ms);
        }
        space.one_left(now_ms);
        space.be_woken(now_ms);
        space.announces = space.next_announcement(None).is_some();
        space
    }

    fn restore_session(&mut self, row: SessionRow, queue: Vec<(u64, QueueRow)>, now_ms: u64) {
        if row.expiry_s == 0 {
            return self.forget_stored(row, queue);
        }
        let next_number = queue.last().map_or(0, |(number, _)| number + 1);
        let mut snapshot = Snapshot {
            last_packet_id: row.last_packet_id,
            released: row.released,
            held: row.held,
            ..Snapshot::default()
        };
        for (number, QueueRow { since_ms, packet_id, delivery }) in queue {
            let delivery = Delivery { token: Some(number), ..delivery };
            // What went out of the queue at `QoS` 1 is stored without its identifier: what was sent
            // behind it does not overtake it now.
            let in_order = snapshot.queue.is_empty() || delivery.qos == QoS::ExactlyOnce;
            match packet_id.filter(|_| in_order) {
                Some(packet_id) => snapshot.sent.push((packet_id, delivery)),
                None => snapshot.queue.push((since_ms, delivery)),
            }
        }
        let limits = Arc::clone(&self.limits.session);
        let session = SessionState::restore(limits, snapshot, &mut self.turn.effects);
        let was_there = row.detached_ms.is_none();
        let key = self.insert(Member {
            client_id: row.client_id,
            label: row.label,
            scope: None,
            line: None,
            session,
            filters: Vec::new(),
            expiry_s: row.expiry_s,
            will: row.will.map(Box::new),
            is_stored: true,
            detached_ms: Some(row.detached_ms.unwrap_or(now_ms)),
            owed: VecDeque::new(),
            asked_for_more: false,
            commands: Vec::new(),
            next_number,
            found: (0, 0),
            rate: Bucket::default(),
        });
        self.settle(key);
        for filter in row.filters {
            let FilterRow { filter, qos, no_local, retain_as_published, wants_retained, id } =
                filter;
            let taker =
                Taker { session: key, qos, no_local, retain_as_published, wants_retained, id };
            self.topics.insert(&filter, taker);
            self.listening += usize::from(super::subscribing::hears_devices(&filter));
            if let Some(member) = self.members.get_mut(key) {
                member.filters.push((filter, taker));
            }
        }
        // Since when it is away counts from now on, however often the process starts again.
        if let Some(member) = self.members.get(key).filter(|_| was_there) {
            self.turn.store_later(Row::Session(Box::new(member.row())));
        }
    }

    /// A stored session that was to end with its connection, which ended with the process.
    fn forget_stored(&mut self, row: SessionRow, queue: Vec<(u64, QueueRow)>) {
        for (number, _) in queue {
            self.turn.store_later(Row::Unqueue(row.client_id.clone(), number));
        }
        self.turn.store_later(Row::EndSession(row.client_id));
    }

    /// Whether anybody wants to hear the user's devices.
    #[must_use]
    pub const fn hears_devices(&self) -> bool {
        self.listening > 0
    }
}

/// Seconds of session expiry for a client before MQTT 5: for ever, if it does not start clean.
#[must_use]
pub const fn expiry_before_v5(clean_start: bool) -> u32 {
    if clean_start { 0 } else { NEVER_EXPIRES_S }
}

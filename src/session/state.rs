//! What one user's tabs see, and in which order. Pure.
//!
//! Every frame that changes what a tab shows carries the session's next `seq`. The last of them
//! are kept, so that a tab which lost its connection gets what it missed; and a tab that reads too
//! slowly is not sent each of them: once it has read what it was sent, it gets each changed device
//! once, as it is then.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::device::view::ShownDevice;
use crate::device::{Changed, DeviceEvent, View};
use crate::model::{Caller, DeviceId, Grant, Role, Scope, Via};

use super::tab::OUTBOX_FRAMES_MAX;
use super::{LoginId, SessionError, Tab, TabEnd, TabId, ToTab, frame};

/// Frames kept for tabs that come back.
const KEPT_FRAMES_MAX: usize = 256;

/// Bytes of frames kept for tabs that come back.
const KEPT_BYTES_MAX: usize = 32 * 1024;

/// How long a tab may be behind before it is told to come back later, in milliseconds.
const BEHIND_MS_MAX: i64 = 15_000;

/// `seq` begins at the session's start in milliseconds, times this: a number that an earlier
/// session of the user gave is never given again, unless it made over a million frames a second.
const SEQ_PER_MS: u64 = 1_000;

/// A device on the user's list.
#[derive(Debug)]
struct Held {
    view: View,
    role: Role,
    /// When the right ends, Unix milliseconds.
    until_ms: Option<i64>,
    /// The last frame that told of it.
    seq: u64,
}

#[derive(Debug)]
struct OpenTab {
    tab: Tab,
    /// Since when, and after which `seq`, it is not sent single frames.
    behind: Option<(i64, u64)>,
}

/// A frame that tabs which come back may have missed.
#[derive(Debug, Clone)]
struct Kept {
    seq: u64,
    frame: Bytes,
    /// The device that it tells of.
    device: DeviceId,
    /// It shows a device, which a tab that catches up gets as it is then.
    shows_device: bool,
}

/// One user's devices and tabs.
#[derive(Debug)]
pub struct SessionState {
    devices: BTreeMap<DeviceId, Box<Held>>,
    tabs: Vec<OpenTab>,
    seq: u64,
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    idle_since_ms: i64,
}

impl SessionState {
    /// A session with no devices and no tabs yet.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Self {
            devices: BTreeMap::new(),
            tabs: Vec::new(),
            seq: u64::try_from(now_ms).unwrap_or(0).saturating_mul(SEQ_PER_MS),
            kept: VecDeque::new(),
            kept_bytes: 0,
            idle_since_ms: now_ms,
        }
    }

    /// The devices on the list.
    pub fn devices(&self) -> impl Iterator<Item = DeviceId> {
        self.devices.keys().copied()
    }

    /// How many devices are the user's own.
    #[must_use]
    pub fn owned(&self) -> usize {
        self.devices.values().filter(|held| held.role == Role::Owner).count()
    }

    /// How many tabs are open.
    #[must_use]
    pub const fn tabs(&self) -> usize {
        self.tabs.len()
    }

    /// Who sits at a tab, and with which rights.
    #[must_use]
    pub fn rights(&self, id: TabId) -> Option<(Caller, Scope)> {
        let open = self.tabs.iter().find(|open| open.tab.id == id)?;
        Some((open.tab.caller.clone(), open.tab.scope.clone()))
    }

    fn scope(&self, id: TabId) -> Option<&Scope> {
        self.tabs.iter().find(|open| open.tab.id == id).map(|open| &open.tab.scope)
    }

    /// May the user do what `needed` may, within `scope`? The role that is left of the user's own.
    ///
    /// # Errors
    /// [`SessionError::NoSuchDevice`] for a device that is not on the list, whoever else has it, or
    /// not in the scope; [`SessionError::Forbidden`] for a lower role.
    pub fn check(&self, id: DeviceId, needed: Role, scope: &Scope) -> Result<Role, SessionError> {
        let held = self.devices.get(&id).filter(|_| scope.covers(id));
        let role = held.ok_or(SessionError::NoSuchDevice)?.role.min(scope.role);
        if role < needed { Err(SessionError::Forbidden) } else { Ok(role) }
    }

    /// All devices within `scope`, as a JSON array.
    #[must_use]
    pub fn list(&self, scope: &Scope) -> String {
        let all: Vec<_> = self.within(scope).collect();
        serde_json::to_string(&all).unwrap_or_default()
    }

    fn within<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = ShownDevice<'a>> {
        let held = self.devices.iter().filter(|(id, _)| scope.covers(**id));
        held.map(|(_, held)| held.view.shown_to(held.role.min(scope.role)))
    }

    /// A device as the user sees it, as a JSON object.
    ///
    /// # Errors
    /// [`SessionError::NoSuchDevice`]
    pub fn show(&self, id: DeviceId, scope: &Scope) -> Result<(String, u64), SessionError> {
        let role = self.check(id, Role::Viewer, scope)?;
        let held = self.devices.get(&id).ok_or(SessionError::NoSuchDevice)?;
        Ok((held.view.to_json(role), held.view.rev))
    }

    /// A device came onto the list, or its role changed.
    pub fn add(&mut self, view: View, right: Grant, now_ms: i64) {
        let (id, seq) = (view.id, self.next_seq());
        let Grant { role, until_ms } = right;
        let frame = frame::device(seq, &view.shown_to(role));
        self.devices.insert(id, Box::new(Held { view, role, until_ms, seq }));
        self.tell(Kept { seq, frame, device: id, shows_device: true }, now_ms);
    }

    /// The user's right on a device of the list is this from now on. False: it is not there.
    pub fn give(&mut self, id: DeviceId, right: Grant, now_ms: i64) -> bool {
        let Some(held) = self.devices.get_mut(&id) else { return false };
        held.until_ms = right.until_ms;
        if held.role != right.role {
            let view = held.view.clone();
            self.add(view, right, now_ms);
        }
        true
    }

    /// The time to live of a command: as asked, but no longer than the user's right on the device
    /// and the part of it that `scope` gives, so that what was asked with a right does not outlive
    /// it. At least a second.
    #[must_use]
    pub fn ttl_s(
        &self,
        id: DeviceId,
        asked: Option<u32>,
        scope: &Scope,
        now_ms: i64,
    ) -> Option<u32> {
        let right_ms = self.devices.get(&id).and_then(|held| held.until_ms);
        let end_ms = right_ms.into_iter().chain(scope.until_ms).min();
        let left_s = end_ms.map(|end_ms| (end_ms.saturating_sub(now_ms) / 1_000).max(1));
        let left_s = left_s.map(|left_s| u32::try_from(left_s).unwrap_or(u32::MAX));
        asked.into_iter().chain(left_s).min()
    }

    /// The devices on which the user's right has ended.
    #[must_use]
    pub fn ended(&self, now_ms: i64) -> Vec<DeviceId> {
        let ended = |held: &Held| held.until_ms.is_some_and(|end_ms| end_ms <= now_ms);
        let held = self.devices.iter().filter(|(_, held)| ended(held));
        held.map(|(id, _)| *id).collect()
    }

    /// Puts a device on the list before any tab has seen the list.
    pub fn load(&mut self, view: View, right: Grant) {
        let (seq, Grant { role, until_ms }) = (self.seq, right);
        self.devices.insert(view.id, Box::new(Held { view, role, until_ms, seq }));
    }

    /// A device left the list.
    pub fn remove(&mut self, id: DeviceId, now_ms: i64) {
        if self.devices.remove(&id).is_some() {
            let seq = self.next_seq();
            self.tell_once(seq, id, frame::removed(seq, id), now_ms);
        }
    }

    /// A watched device has news.
    pub fn hear(&mut self, event: &DeviceEvent, now_ms: i64) {
        match event {
            DeviceEvent::Changed(changed, _) => self.hear_change(changed, now_ms),
            DeviceEvent::Whole(view) => self.hear_whole(view, now_ms),
            DeviceEvent::Command(moved) if self.devices.contains_key(&moved.id) => {
                let seq = self.next_seq();
                self.tell_once(seq, moved.id, frame::command(seq, moved), now_ms);
            }
            DeviceEvent::Alarm(moved) if self.devices.contains_key(&moved.id) => {
                let seq = self.next_seq();
                self.tell_once(seq, moved.id, frame::alarm(seq, moved), now_ms);
            }
            DeviceEvent::Happened(id, name, props) if self.devices.contains_key(id) => {
                let seq = self.next_seq();
                self.tell_once(seq, *id, frame::event(seq, *id, name, props), now_ms);
            }
            DeviceEvent::Command(_)
            | DeviceEvent::Alarm(_)
            | DeviceEvent::Happened(..)
            | DeviceEvent::Said(_) => {}
            DeviceEvent::Removed(id) => self.remove(*id, now_ms),
        }
    }

    fn hear_change(&mut self, changed: &Changed, now_ms: i64) {
        let seq = self.seq + 1;
        let Some(held) = self.devices.get_mut(&changed.id) else { return };
        if changed.rev < held.view.rev {
            return;
        }
        held.view.apply(changed.rev, &changed.changes);
        held.seq = seq;
        self.seq = seq;
        let frame = frame::delta(seq, changed);
        self.tell(Kept { seq, frame, device: changed.id, shows_device: true }, now_ms);
    }

    fn hear_whole(&mut self, view: &View, now_ms: i64) {
        let Some(held) = self.devices.get(&view.id) else { return };
        if held.view != *view && view.rev >= held.view.rev {
            let right = Grant { role: held.role, until_ms: held.until_ms };
            self.add(view.clone(), right, now_ms);
        }
    }

    /// A tab opened: it gets everything. Where there are `tabs_max`, the oldest is closed for it.
    pub fn open(&mut self, tab: Tab, tabs_max: usize, now_ms: i64) {
        let surplus = (self.tabs.len() + 1).saturating_sub(tabs_max);
        for old in self.tabs.drain(..surplus.min(self.tabs.len())) {
            old.end(TabEnd::TooMany);
        }
        let frame = self.snapshot(&tab.scope, now_ms);
        let mut open = OpenTab { tab, behind: None };
        open.send(self.seq, frame, now_ms);
        // A first push would make room for four, and most people have one tab open.
        self.tabs.reserve_exact(1);
        self.tabs.push(open);
    }

    /// A tab is gone.
    pub fn close(&mut self, id: TabId, now_ms: i64) {
        self.tabs.retain(|open| open.tab.id != id);
        self.idle_since_ms = now_ms;
    }

    /// A sign-in ended: its tabs are closed.
    pub fn close_login(&mut self, login: LoginId, now_ms: i64) {
        let ended = |open: &OpenTab| open.tab.login == Some(login);
        for open in self.tabs.iter().filter(|open| ended(open)) {
            open.end(TabEnd::SignedOut);
        }
        self.tabs.retain(|open| !ended(open));
        self.idle_since_ms = now_ms;
    }

    /// What a program signs in with was taken back: its tabs are closed.
    pub fn close_program(&mut self, program: &Via, now_ms: i64) {
        let of = |open: &OpenTab| open.tab.caller.via == *program;
        for open in self.tabs.iter().filter(|open| of(open)) {
            open.end(TabEnd::SignedOut);
        }
        self.tabs.retain(|open| !of(open));
        self.idle_since_ms = now_ms;
    }

    /// The house closes: every tab is told when to come back.
    pub fn close_all(&mut self, bye: &Bytes) {
        for open in self.tabs.drain(..) {
            open.say(bye.clone());
            open.end(TabEnd::ShuttingDown);
        }
    }

    /// Sends a frame to one tab alone: an answer to what it said.
    pub fn answer(&self, id: TabId, frame: Bytes) {
        if let Some(open) = self.tabs.iter().find(|open| open.tab.id == id) {
            open.say(frame);
        }
    }

    /// Sends a tab what it missed since the frame `since`.
    pub fn resume(&mut self, id: TabId, since: u64, now_ms: i64) {
        let Some(scope) = self.scope(id) else { return };
        let frames = if self.remembers(since) {
            let missed = self.kept.iter().filter(|kept| kept.seq > since);
            let missed = missed.filter(|kept| scope.covers(kept.device));
            missed.map(|kept| (kept.seq, kept.frame.clone())).collect()
        } else {
            vec![(self.seq, self.snapshot(scope, now_ms))]
        };
        if let Some(open) = self.tabs.iter_mut().find(|open| open.tab.id == id) {
            for (seq, frame) in frames {
                open.send(seq, frame, now_ms);
            }
        }
    }

    /// A tab that was behind has read everything: it gets each device that changed meanwhile, once,
    /// and the steps of commands that it missed.
    pub fn catch_up(&mut self, id: TabId, now_ms: i64) {
        let Some(place) = self.tabs.iter().position(|open| open.tab.id == id) else { return };
        let Some((_, since)) = self.tabs.get_mut(place).and_then(|open| open.behind.take()) else {
            return;
        };
        let Some(scope) = self.scope(id) else { return };
        let frames = self
            .merged_since(since, scope)
            .unwrap_or_else(|| vec![(self.seq, self.snapshot(scope, now_ms))]);
        if let Some(open) = self.tabs.get_mut(place) {
            for (seq, frame) in frames {
                open.send(seq, frame, now_ms);
            }
        }
    }

    /// What changed after `since`, each device once. None: too much, or too long ago.
    fn merged_since(&self, since: u64, scope: &Scope) -> Option<Vec<(u64, Bytes)>> {
        if !self.remembers(since) {
            return None;
        }
        let single = self.kept.iter().filter(|kept| kept.seq > since && !kept.shows_device);
        let single = single.filter(|kept| scope.covers(kept.device));
        let changed = self.devices.values().filter(|held| held.seq > since);
        let changed = changed.filter(|held| scope.covers(held.view.id));
        let mut frames: Vec<(u64, Bytes)> = changed
            .map(|held| (held.seq, frame::device(held.seq, &held.view.shown_to(held.role))))
            .chain(single.map(|kept| (kept.seq, kept.frame.clone())))
            .collect();
        frames.sort_by_key(|(seq, _)| *seq);
        (frames.len() < OUTBOX_FRAMES_MAX / 2).then_some(frames)
    }

    /// Whether every frame after `since` is still kept.
    fn remembers(&self, since: u64) -> bool {
        let first = self.kept.front().map_or(self.seq + 1, |kept| kept.seq);
        first <= since.saturating_add(1) && since <= self.seq
    }

    /// When to [`SessionState::tick`] next, Unix milliseconds; `None` as long as all tabs keep up
    /// and no right ends. So a session whose tabs are idle has no timer.
    #[must_use]
    pub fn next_tick_ms(&self, idle_ms: i64) -> Option<i64> {
        let behind = self.tabs.iter().filter_map(|open| open.behind);
        let hopeless_ms = behind.map(|(since_ms, _)| since_ms + BEHIND_MS_MAX + 1).min();
        let idle_ms = self.tabs.is_empty().then_some(self.idle_since_ms + idle_ms);
        let right_ms = self.devices.values().filter_map(|held| held.until_ms).min();
        [hopeless_ms, idle_ms, right_ms].into_iter().flatten().min()
    }

    /// Closes the tabs that stay behind. True: there are tabs, or there were just now.
    pub fn tick(&mut self, now_ms: i64, idle_ms: i64) -> bool {
        let hopeless = |open: &OpenTab| {
            open.tab.outbox.is_closed()
                || open.behind.is_some_and(|(since_ms, _)| now_ms - since_ms > BEHIND_MS_MAX)
        };
        for open in self.tabs.iter().filter(|open| hopeless(open)) {
            open.end(TabEnd::TooSlow);
        }
        let before = self.tabs.len();
        self.tabs.retain(|open| !hopeless(open));
        if self.tabs.len() < before {
            self.idle_since_ms = now_ms;
        }
        !self.tabs.is_empty() || now_ms - self.idle_since_ms < idle_ms
    }

    /// Something was asked over REST: the session stays a while.
    pub const fn touched(&mut self, now_ms: i64) {
        self.idle_since_ms = now_ms;
    }

    const fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    fn snapshot(&self, scope: &Scope, now_ms: i64) -> Bytes {
        frame::snapshot(self.seq, self.within(scope), now_ms)
    }

    fn tell_once(&mut self, seq: u64, device: DeviceId, frame: Bytes, now_ms: i64) {
        self.tell(Kept { seq, frame, device, shows_device: false }, now_ms);
    }

    fn tell(&mut self, kept: Kept, now_ms: i64) {
        for open in self.tabs.iter_mut().filter(|open| open.tab.scope.covers(kept.device)) {
            open.send(kept.seq, kept.frame.clone(), now_ms);
        }
        self.kept_bytes += kept.frame.len();
        self.kept.push_back(kept);
        while self.kept.len() > KEPT_FRAMES_MAX || self.kept_bytes > KEPT_BYTES_MAX {
            let Some(dropped) = self.kept.pop_front() else { break };
            self.kept_bytes -= dropped.frame.len();
        }
    }
}

impl OpenTab {
    /// Sends a frame, unless the tab is behind, or is so from now on.
    fn send(&mut self, seq: u64, frame: Bytes, now_ms: i64) {
        if self.behind.is_some() {
            return;
        }
        if self.tab.outbox.len() + 2 < OUTBOX_FRAMES_MAX
            && self.tab.outbox.push(ToTab::Frame(frame)).is_ok()
        {
            return;
        }
        self.behind = Some((now_ms, seq.saturating_sub(1)));
        self.put(ToTab::CaughtUp);
    }

    fn say(&self, frame: Bytes) {
        self.put(ToTab::Frame(frame));
    }

    fn end(&self, why: TabEnd) {
        self.tab.outbox.clone().close_with(ToTab::Close(why));
    }

    /// A full outbox is a tab that does not read; it is closed by [`SessionState::tick`].
    fn put(&self, message: ToTab) {
        drop(self.tab.outbox.push(message));
    }
}

#[cfg(test)]
mod tests;

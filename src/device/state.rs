//! What one device is, and what follows from each message to it. Pure.
//!
//! The device is the authority for `reported`, people are for `desired`; this file keeps everybody
//! told. `device/converge` brings the two together, `device/command` decides what becomes of
//! commands, `device/alarm` of alarms, `device/saving` when something is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::kind::{Kind, Watch};
use crate::model::audit::Entry;
use crate::model::{Command, Device, Props, UserId, Via};
use crate::stats::{digits_of_step, reading_time};
use crate::supervision::permit::Permit;

use super::command::{OpenCommands, give_up};
use super::converge::LinkState;
use super::saving::{Saving, Waiting};
use super::{
    AlarmMoved, Changed, CommandMoved, DeviceEvent, LinkId, Receipt, Report, Sample, ToLink, View,
    problem,
};

/// How far the `rev` that people are told may run ahead of the stored one.
///
/// Reports are told before they are written. After a crash the actor goes on this much further, so
/// that no `rev` ever names two different states of a device.
pub const REV_AHEAD_MAX: u64 = 64;

/// What a device state asks its actor to do.
#[derive(Debug)]
pub enum DeviceEffect {
    /// Tell those who watch the device.
    Tell(DeviceEvent),
    /// Send this down the link.
    Send(ToLink),
    /// Write this; then call [`DeviceState::saved`] with the number.
    Save {
        /// Names the write.
        number: u64,
        /// The device as it is to be stored.
        device: Box<Device>,
        /// What is watched of it, to be stored with it.
        watch: Watch,
        /// Rows of its commands that changed.
        commands: Vec<Command>,
    },
    /// A message is safe: acknowledge it, as soon as what was recorded of it is kept.
    Confirm(Receipt),
    /// A number for the history.
    Record(Sample),
    /// Nothing is in hand: the actor may end.
    Retire,
}

/// What the state asks for, in order.
pub type Effects = Vec<DeviceEffect>;

/// A change that is decided but not yet durable.
#[derive(Debug, PartialEq)]
pub struct Change {
    /// The device after it.
    pub device: Device,
    /// Its open commands after it.
    pub open: OpenCommands,
    /// Command rows to store with it.
    pub rows: Vec<Command>,
    /// Steps of commands to tell, in order.
    pub told: Vec<CommandMoved>,
    /// Steps of alarms to tell.
    pub rang: Vec<AlarmMoved>,
    /// What the audit says of it, to be stored with it.
    pub audit: Vec<Entry>,
}

/// One device, as its actor owns it.
#[derive(Debug)]
pub struct DeviceState {
    pub(super) device: Device,
    pub(super) kind: Arc<Kind>,
    pub(super) open: OpenCommands,
    pub(super) watch: Watch,
    /// Whether the store knows that the watch wants to be woken.
    pub(super) timed: bool,
    shown: View,
    pub(super) link: Option<LinkState>,
    pub(super) saving: Saving,
    saved_rev: u64,
    /// Whether the last change waits for the store, because `rev` may not run further ahead.
    uncounted: bool,
    /// What was due before this is late.
    pub(super) started_ms: i64,
    idle_since_ms: i64,
    idle_ms: i64,
}

impl DeviceState {
    /// Takes over what the store knows: the device, its open commands and what was watched of it.
    /// `idle_ms`: how long the actor stays with nothing in hand.
    #[must_use]
    pub fn new(
        mut device: Device,
        open: Vec<Command>,
        watch: Option<Watch>,
        kind: Arc<Kind>,
        idle_ms: i64,
        now_ms: i64,
    ) -> Self {
        let saved_rev = device.rev;
        let mut saving = Saving::default();
        if device.told_ahead {
            device.rev += REV_AHEAD_MAX;
            saving.now(now_ms);
        }
        let fresh = kind.watch();
        let watch = watch.filter(|_| !fresh.is_idle()).unwrap_or(fresh);
        let shown = View::of(&device, &kind, false, &kind.derived(&watch, &device, now_ms));
        Self {
            saved_rev,
            uncounted: false,
            device,
            kind,
            open: OpenCommands::remembered(open),
            timed: watch.wake_ms().is_some(),
            watch,
            shown,
            link: None,
            saving,
            started_ms: now_ms,
            idle_since_ms: now_ms,
            idle_ms,
        }
    }

    /// The device as it is shown now.
    #[must_use]
    pub fn view(&self) -> View {
        View { last_seen: self.device.last_seen_ms, rev: self.device.rev, ..self.shown.clone() }
    }

    /// Who made the device.
    #[must_use]
    pub const fn owner(&self) -> UserId {
        self.device.owner
    }

    /// Whose commands are open, and how they came in.
    #[must_use]
    pub fn askers(&self) -> BTreeSet<(UserId, Via)> {
        self.open.all().map(|command| (command.by.user, command.by.via.clone())).collect()
    }

    /// The device's kind.
    #[must_use]
    pub const fn kind(&self) -> &Arc<Kind> {
        &self.kind
    }

    /// What the store must learn before the device may say anything, if it does not know it yet:
    /// that people may be told more than is written.
    #[must_use]
    pub fn to_mark(&self) -> Option<Device> {
        (!self.device.told_ahead).then(|| Device { told_ahead: true, ..self.device.clone() })
    }

    /// Rows of commands that any write of the device must bring along.
    pub fn rows(&self) -> impl Iterator<Item = &Command> {
        self.saving.rows()
    }

    /// The device as it is to be written before its actor ends, if that is not done yet.
    #[must_use]
    pub fn unwritten(&self) -> Option<(&Device, &Watch)> {
        (!self.saving.is_idle()).then_some((&self.device, &self.watch))
    }

    /// What [`Self::to_mark`] gave is durable.
    pub const fn marked(&mut self) {
        self.device.told_ahead = true;
    }

    /// A connection proved to be the device. The actor has closed an older one.
    pub fn attach(&mut self, id: LinkId, now_ms: i64, out: &mut Effects) {
        self.device.last_seen_ms = Some(now_ms);
        self.link = Some(LinkState::new(id));
        self.end_turn(None, now_ms, out);
    }

    /// What the device says on its link stands, as if it had been as desired before.
    pub fn follow(&mut self) {
        if let Some(link) = &mut self.link {
            link.agreed = self.device.desired.iter().map(|(name, _)| name.clone()).collect();
        }
    }

    /// The link is over. An older link's end says nothing about the newer one.
    pub fn link_lost(&mut self, id: LinkId, now_ms: i64, out: &mut Effects) {
        if self.link.take_if(|link| link.id == id).is_some() {
            self.device.last_seen_ms = Some(now_ms);
            self.idle_since_ms = now_ms;
            self.saving.soon(now_ms);
            self.end_turn(None, now_ms, out);
        }
    }

    /// The link began or ended to listen to `set`. Who begins gets what it missed.
    pub fn listens(&mut self, id: LinkId, listens: bool, now_ms: i64, out: &mut Effects) {
        if let Some(link) = self.link.as_mut().filter(|link| link.id == id) {
            link.listens = listens;
            link.sent = Props::new();
            self.end_turn(None, now_ms, out);
        }
    }

    /// A `set` message reached the device.
    pub fn delivered(&mut self, id: LinkId, number: u64, now_ms: i64, out: &mut Effects) {
        let Some(link) = self.link.as_mut().filter(|link| link.id == id) else { return };
        let Some((_, rev)) = link.on_its_way.take_if(|(current, _)| *current == number) else {
            return;
        };
        let moved = self.open.delivered(rev, now_ms);
        self.saving.moved(&moved, now_ms);
        out.extend(moved.iter().map(|command| self.step(command)).map(DeviceEffect::Tell));
        self.end_turn(None, now_ms, out);
    }

    /// The device said something.
    pub fn said(
        &mut self,
        id: LinkId,
        report: Report,
        receipt: Receipt,
        now_ms: i64,
        out: &mut Effects,
    ) {
        if self.link.as_ref().is_none_or(|link| link.id != id) {
            return;
        }
        self.device.last_seen_ms = Some(now_ms);
        match report {
            Report::State(props, faults) => {
                self.blame(faults.first().map(ToString::to_string), now_ms);
                self.reported(&props, now_ms, out);
            }
            Report::Telemetry(props, at_ms, faults) => {
                self.blame(faults.first().map(ToString::to_string), now_ms);
                self.record(&props, reading_time(now_ms, at_ms), out);
            }
            Report::Refused(refused) => self.refused(&refused, now_ms),
            Report::Event(name, mut props) => {
                if let Some(late_s) = self.watch.late_s(&name, now_ms)
                    && props.get("late_s").is_none()
                {
                    props.set("late_s".into(), late_s.into());
                }
                out.push(DeviceEffect::Tell(DeviceEvent::Happened(self.device.id, name, props)));
            }
            Report::Garbage(text) => self.blame(Some(text.to_string()), now_ms),
        }
        let permit = receipt.permit();
        if receipt.is_wanted() {
            let safe = self.saving.confirm_after(receipt, now_ms);
            out.extend(safe.map(DeviceEffect::Confirm));
        }
        self.end_turn(Some(permit), now_ms, out);
    }

    /// A change that changes nothing yet.
    pub(super) fn change(&self) -> Change {
        let (device, open) = (self.device.clone(), self.open.clone());
        let (rows, told) = (Vec::new(), Vec::new());
        Change { device, open, rows, told, rang: Vec::new(), audit: Vec::new() }
    }

    /// A change became durable: it is so, and everybody is told.
    pub fn apply(&mut self, change: Change, now_ms: i64, out: &mut Effects) {
        self.saving.overtaken(&change.rows);
        (self.device, self.open) = (change.device, change.open);
        self.saved_rev = self.saved_rev.max(self.device.rev);
        self.idle_since_ms = now_ms;
        self.tell_changes(None, now_ms, out);
        let told = change.told.into_iter().map(Arc::new).map(DeviceEvent::Command);
        let rang = change.rang.into_iter().map(Arc::new).map(DeviceEvent::Alarm);
        out.extend(told.chain(rang).map(DeviceEffect::Tell));
        self.end_turn(None, now_ms, out);
    }

    /// A write that [`DeviceEffect::Save`] asked for ended.
    pub fn saved(&mut self, number: u64, rev: u64, safe: bool, now_ms: i64, out: &mut Effects) {
        if safe {
            self.saved_rev = self.saved_rev.max(rev);
            if self.uncounted {
                self.changed(now_ms);
            }
        }
        let Waiting { receipts, ended, alarms } = self.saving.finished(number, safe, now_ms);
        out.extend(receipts.into_iter().map(DeviceEffect::Confirm));
        out.extend(ended.iter().map(|command| self.step(command)).map(DeviceEffect::Tell));
        let alarms = alarms.into_iter().map(Arc::new).map(DeviceEvent::Alarm);
        out.extend(alarms.map(DeviceEffect::Tell));
        self.end_turn(None, now_ms, out);
    }

    /// A deadline that [`Self::next_wake_ms`] gave has come.
    pub fn wake(&mut self, now_ms: i64, out: &mut Effects) {
        let late = self.open.expire(now_ms);
        self.abandon(late, now_ms);
        self.end_turn(None, now_ms, out);
        if self.is_idle() && now_ms >= self.idle_since_ms.saturating_add(self.idle_ms) {
            out.push(DeviceEffect::Retire);
        }
    }

    /// A user, or only one of a user's programs, may not command the device any more: what was
    /// asked so and is not done ends.
    pub fn right_lost(&mut self, user: UserId, via: Option<&Via>, now_ms: i64, out: &mut Effects) {
        let cancelled = self.open.cancel(user, via, now_ms);
        self.abandon(cancelled, now_ms);
        self.end_turn(None, now_ms, out);
    }

    /// What was asked by these commands is no longer desired.
    fn abandon(&mut self, ended: Vec<Command>, now_ms: i64) {
        if !ended.is_empty() {
            give_up(&mut self.device, &ended);
            self.changed(now_ms);
            self.saving.tell_after(ended, now_ms);
        }
    }

    /// When [`Self::wake`] is to be called next.
    #[must_use]
    pub fn next_wake_ms(&self) -> Option<i64> {
        let retire = self.is_idle().then(|| self.idle_since_ms.saturating_add(self.idle_ms));
        [self.saving.due_ms(), self.open.next_expiry_ms(), self.watch.next_check_ms(), retire]
            .into_iter()
            .flatten()
            .min()
    }

    fn is_idle(&self) -> bool {
        self.link.is_none()
            && self.open.is_empty()
            && self.saving.is_idle()
            && self.watch.next_check_ms().is_none()
    }

    pub(super) fn blame(&mut self, text: Option<String>, now_ms: i64) {
        let Some(text) = text else { return };
        if self.device.problem.as_ref().is_none_or(|known| *known.text != *text) {
            self.device.problem = Some(problem(text, now_ms));
            self.saving.soon(now_ms);
        }
    }

    pub(super) fn record(&self, props: &Props, at_ms: i64, out: &mut Effects) {
        for (name, value) in props {
            let kept = self.kind.property(name).filter(|property| property.history);
            if let (Some(property), Some(value)) = (kept, value.as_f64()) {
                let digits = digits_of_step(property.step());
                let property = property.name.clone();
                out.push(DeviceEffect::Record(Sample { property, digits, value, at_ms }));
            }
        }
    }

    /// Counts a change that is told before it is written. One that would be too far ahead of what
    /// is written is counted and told when that has caught up.
    pub(super) fn changed(&mut self, now_ms: i64) {
        self.uncounted = self.device.rev >= self.saved_rev.saturating_add(REV_AHEAD_MAX);
        if !self.uncounted {
            self.device.rev += 1;
        }
        self.saving.soon(now_ms);
    }

    fn step(&self, command: &Command) -> DeviceEvent {
        DeviceEvent::Command(Arc::new(CommandMoved::of(self.device.id, command)))
    }

    /// What closes every turn: alarms are looked at, watchers told, a write started if one is due,
    /// and the device sent what it lacks.
    fn end_turn(&mut self, permit: Option<Permit>, now_ms: i64, out: &mut Effects) {
        self.look_at_alarms(now_ms);
        self.tell_changes(permit, now_ms, out);
        if let Some((number, commands)) = self.saving.start(now_ms) {
            let (device, watch) = (Box::new(self.device.clone()), self.watch.clone());
            out.push(DeviceEffect::Save { number, device, watch, commands });
        }
        self.converge(out);
    }

    fn tell_changes(&mut self, permit: Option<Permit>, now_ms: i64, out: &mut Effects) {
        let Self { device, kind, link, watch, shown, .. } = self;
        if shown.rev == device.rev
            && shown.connected == link.is_some()
            && shown.problem == device.problem
        {
            return;
        }
        let derived = kind.derived(watch, device, now_ms);
        let changes = shown.catch_up(device, kind, link.is_some(), &derived);
        if let Some(changed) = Changed::new(device.id, device.rev, changes) {
            out.push(DeviceEffect::Tell(DeviceEvent::Changed(Arc::new(changed), permit)));
        }
    }
}

#[cfg(test)]
mod tests;

//! What a person's change makes of a device. Pure: it decides, and nothing is so until it is
//! stored (`device/state` then applies it).

use crate::kind::{FieldError, Wish};
use crate::model::audit::{Action, Entry, Subject, Who, number_at};
use crate::model::{Command, Name, Phase, Props};

use super::command::asked;
use super::state::{Change, DeviceState};
use super::{CommandMoved, DeviceError, Patch};

impl DeviceState {
    /// Decides on a patch. None: it changes nothing.
    ///
    /// # Errors
    /// [`DeviceError::Stale`] where somebody wrote after the `rev` that the asker insists on,
    /// [`DeviceError::Invalid`] with every fault against the kind's schema.
    pub fn patch(&self, patch: &Patch, now_ms: i64) -> Result<Option<Change>, DeviceError> {
        let known = self.device.written_rev..=self.device.rev;
        if patch.if_match.is_some_and(|seen| !known.contains(&seen)) {
            return Err(DeviceError::Stale { rev: self.device.rev });
        }
        let (wish, timer) = self.wish(patch)?;
        let mut change = self.change();
        change.device.rev += 1;
        change.device.written_rev = change.device.rev;
        if let Some(description) = &patch.description {
            change.device.description = description.clone();
        }
        if let Some(room) = &patch.room {
            change.device.room.clone_from(room);
        }
        if let Some(start_ms) = timer {
            change.device.timer_start_ms = start_ms;
        }
        if !wish.is_empty() {
            self.command(patch, &wish, &mut change, now_ms);
        }
        let described = patch.description.is_some() || patch.room.is_some();
        if described {
            let number = number_at(change.device.rev, 2);
            change.audit.push(described_by(patch, &change, now_ms, number));
        }
        Ok((described || timer.is_some() || !wish.is_empty()).then_some(change))
    }

    #[expect(clippy::option_option, reason = "a timer may be left alone, taken away, or set")]
    fn wish(&self, patch: &Patch) -> Result<(Wish, Option<Option<i64>>), DeviceError> {
        let mut faults: Vec<FieldError> = Vec::new();
        let mut wish = Wish::default();
        let mut timer = None;
        if !patch.wishes.legacy.is_empty() {
            match self.kind.legacy_wish(&patch.wishes.legacy) {
                Ok(legacy) => (wish, timer) = (legacy.wish, legacy.timer_start_ms),
                Err(more) => faults.extend(more),
            }
        }
        if let Some(desired) = &patch.wishes.desired {
            match self.kind.wish(desired) {
                Ok(more) => {
                    wish.set.merge(&more.set);
                    wish.clear.extend(more.clear);
                }
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty()
            && let Err(more) = self.kind.complete(&mut wish, &self.device)
        {
            faults.extend(more);
        }
        if faults.is_empty() { Ok((wish, timer)) } else { Err(DeviceError::Invalid(faults)) }
    }

    fn command(&self, patch: &Patch, wish: &Wish, change: &mut Change, now_ms: i64) {
        let Change { device, open, rows, told, audit, .. } = change;
        let names: Vec<Name> =
            wish.set.iter().map(|(name, _)| name).chain(&wish.clear).cloned().collect();
        let superseded = open.supersede(&names, now_ms);
        device.desired.merge(&wish.set);
        for name in &wish.clear {
            device.desired.remove(name);
        }
        let ttl_s = wish
            .set
            .iter()
            .filter_map(|(name, value)| self.kind.ttl_s(name, value))
            .chain(patch.ttl_s)
            .min();
        let reference = match &*patch.reference {
            "" => device.rev.to_string().into(),
            _ => patch.reference.clone(),
        };
        let mut open_wishes = wish.set.clone();
        open_wishes.retain(|name, _| !self.kind.property(name).is_some_and(|known| known.local));
        let command = Command {
            rev: device.rev,
            reference,
            by: patch.by.clone(),
            wanted: wish.set.clone(),
            open: open_wishes,
            phase: Phase::Accepted,
            reason: None,
            accepted_ms: now_ms,
            delivered_ms: None,
            finished_ms: None,
            expires_ms: ttl_s.map(|ttl_s| now_ms.saturating_add(i64::from(ttl_s) * 1_000)),
        };
        audit.push(asked(device.id, &command));
        told.push(CommandMoved::of(device.id, &command));
        open.accept(command.clone());
        let applied = open.settle(&self.sure_of(&wish.set), &self.kind, now_ms);
        if applied.iter().all(|moved| moved.rev != command.rev) {
            rows.push(command);
        }
        for moved in superseded.into_iter().chain(applied) {
            if moved.phase.is_final() {
                told.push(CommandMoved::of(device.id, &moved));
            }
            rows.push(moved);
        }
    }
}

impl DeviceState {
    /// What the device reported, but for what it was told otherwise since and may do yet: a lamp
    /// that is on, and is told off and then on again, is not done with that.
    fn sure_of(&self, wanted: &Props) -> Props {
        let mut sure = self.device.reported.clone();
        if let Some(link) = &self.link {
            sure.retain(|name, _| match (link.sent.get(name), wanted.get(name)) {
                (Some(sent), Some(wanted)) => self.kind.same(name, wanted, sent),
                _ => true,
            });
        }
        sure
    }
}

/// What the audit says of another description or room.
fn described_by(patch: &Patch, change: &Change, now_ms: i64, number: u64) -> Entry {
    let (subject, who) = (Subject::Device(change.device.id), Who::Caller(patch.by.clone()));
    let mut entry = Entry::new(subject, who, Action::Described, now_ms, number);
    if let Some(description) = &patch.description {
        entry = entry.with("description", &**description);
    }
    match &patch.room {
        Some(Some(room)) => entry.with("room", &**room),
        Some(None) => entry.with("room", ""),
        None => entry,
    }
}

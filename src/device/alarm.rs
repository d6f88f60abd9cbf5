//! Alarms of one device: raised once, seen by a person, over by themselves. Pure.
//!
//! The kind's watch says which begin and which are over; here they become a part of the device, and
//! each step is told once it is durable.

use std::sync::Arc;

use crate::kind::AlarmChange;
use crate::model::audit::{Action, Entry, Subject, Who, number_at};
use crate::model::command::LATE_S_MIN;
use crate::model::{Alarm, Caller, DeviceId, Name};

use super::DeviceError;
use super::state::{Change, DeviceState};

/// A step of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmMoved {
    /// Which device.
    pub id: DeviceId,
    /// Which alarm, by the kind's name for it.
    pub code: Name,
    /// What became of it.
    pub step: AlarmStep,
    /// Unix milliseconds since when it is there.
    pub since_ms: i64,
    /// Seconds by which it was raised later than it was due: the server did not run then.
    pub late_s: Option<i64>,
}

/// What became of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmStep {
    /// It began.
    Raised,
    /// Somebody, by this name, has seen it.
    Acknowledged(Arc<str>),
    /// It is over.
    Cleared,
}

impl DeviceState {
    /// Somebody has seen an alarm: the device after that, to be stored and then applied. None:
    /// somebody has seen it before.
    ///
    /// # Errors
    /// [`DeviceError::NoSuchAlarm`]
    pub fn acknowledge(
        &self,
        by: &Caller,
        code: &str,
        now_ms: i64,
    ) -> Result<Option<Change>, DeviceError> {
        let mut change = self.change();
        let device = &mut change.device;
        device.rev += 1;
        let (id, number) = (device.id, number_at(device.rev, 3));
        let mut alarms = device.alarms.iter_mut();
        let alarm = alarms.find(|alarm| *alarm.code == *code).ok_or(DeviceError::NoSuchAlarm)?;
        if alarm.acknowledged_by.is_some() {
            return Ok(None);
        }
        alarm.acknowledged_by = Some(by.name.clone());
        let step = AlarmStep::Acknowledged(by.name.clone());
        change.rang.push(moved(id, alarm, step, None));
        let (subject, who) = (Subject::Device(id), Who::Caller(by.clone()));
        let entry = Entry::new(subject, who, Action::Acknowledged, now_ms, number);
        change.audit.push(entry.with("alarm", code));
        Ok(Some(change))
    }

    /// Looks at what the kind's watch has to say.
    pub(super) fn look_at_alarms(&mut self, now_ms: i64) {
        let changes = self.watch.observe(&self.device, self.link.is_some(), now_ms);
        let timed = self.watch.wake_ms().is_some();
        if std::mem::replace(&mut self.timed, timed) != timed {
            self.saving.soon(now_ms);
        }
        if changes.is_empty() {
            return;
        }
        for change in changes {
            match change {
                AlarmChange::Raise { code, due_ms } => self.raise(code, due_ms, now_ms),
                AlarmChange::Clear(code) => self.clear(&code, now_ms),
            }
        }
        self.changed(now_ms);
    }

    /// An alarm that was due before this actor ran is there since then, and says how late it comes.
    fn raise(&mut self, code: Name, due_ms: i64, now_ms: i64) {
        let late_s = now_ms.saturating_sub(due_ms) / 1_000;
        let late_s = (due_ms < self.started_ms && late_s >= LATE_S_MIN).then_some(late_s);
        let since_ms = if late_s.is_some() { due_ms } else { now_ms };
        let alarm = Alarm { code, since_ms, acknowledged_by: None };
        let raised = moved(self.device.id, &alarm, AlarmStep::Raised, late_s);
        self.device.alarms.push(alarm);
        self.saving.ring_after(raised, now_ms);
    }

    fn clear(&mut self, code: &Name, now_ms: i64) {
        let (id, saving) = (self.device.id, &mut self.saving);
        self.device.alarms.retain(|alarm| {
            let over = alarm.code == *code;
            if over {
                saving.ring_after(moved(id, alarm, AlarmStep::Cleared, None), now_ms);
            }
            !over
        });
    }
}

fn moved(id: DeviceId, alarm: &Alarm, step: AlarmStep, late_s: Option<i64>) -> AlarmMoved {
    AlarmMoved { id, code: alarm.code.clone(), step, since_ms: alarm.since_ms, late_s }
}

//! What becomes of the open commands of one device. Pure.
//!
//! Each writable property has at most one open command: a newer one takes it over. So the list is
//! never longer than the kind's properties, and each command ends exactly once.

use std::sync::Arc;

use crate::kind::Kind;
use crate::model::audit::{Action, Entry, Subject, Who, number_at};
use crate::model::{Caller, Command, Device, DeviceId, Name, Phase, Props, UserId, Via};

/// The reason of a command whose properties were all asked for again.
pub const SUPERSEDED: &str = "superseded";

/// The reason of a command whose asker may not command the device any more.
pub const RIGHT_LOST: &str = "the right to command the device has ended";

/// The commands of a device that have not ended, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpenCommands(Vec<Command>);

impl OpenCommands {
    /// Takes over what the store remembers.
    #[must_use]
    pub const fn remembered(commands: Vec<Command>) -> Self {
        Self(commands)
    }

    /// The open commands, oldest first.
    pub fn all(&self) -> std::slice::Iter<'_, Command> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next of them is to be given up.
    #[must_use]
    pub fn next_expiry_ms(&self) -> Option<i64> {
        self.0.iter().filter_map(|command| command.expires_ms).min()
    }

    /// Whether a command waits for `name`.
    #[must_use]
    pub fn waits_for(&self, name: &str) -> bool {
        self.0.iter().any(|command| command.open.get(name).is_some())
    }

    /// Adds a command, after [`Self::supersede`] freed its properties.
    pub fn accept(&mut self, command: Command) {
        self.0.push(command);
    }

    /// Frees `names` for a newer command. Gives the commands that held one of them: those with
    /// nothing left have ended, the others go on with the rest.
    pub fn supersede(&mut self, names: &[Name], now_ms: i64) -> Vec<Command> {
        let mut narrowed = Vec::new();
        let ended = self.end(now_ms, |command| {
            let held = command.open.len();
            command.open.retain(|name, _| !names.contains(name));
            if command.open.is_empty() {
                return Some((Phase::Failed, Some(SUPERSEDED.into())));
            }
            if command.open.len() < held {
                narrowed.push(command.clone());
            }
            None
        });
        ended.into_iter().chain(narrowed).collect()
    }

    /// The device has everything that was asked up to `rev`.
    pub fn delivered(&mut self, rev: u64, now_ms: i64) -> Vec<Command> {
        let fresh = |command: &&mut Command| command.phase == Phase::Accepted && command.rev <= rev;
        self.0
            .iter_mut()
            .filter(fresh)
            .map(|command| {
                command.phase = Phase::Delivered;
                command.delivered_ms = Some(now_ms);
                command.clone()
            })
            .collect()
    }

    /// Ends the commands whose every property is reported as asked. Gives the commands of which a
    /// property is: those that have ended, and those that go on with the rest.
    pub fn settle(&mut self, reported: &Props, kind: &Kind, now_ms: i64) -> Vec<Command> {
        let mut narrowed = Vec::new();
        let ended = self.end(now_ms, |command| {
            let held = command.open.len();
            command.open.retain(|name, asked| {
                reported.get(name).is_none_or(|said| !kind.same(name, asked, said))
            });
            if command.open.is_empty() {
                return Some((Phase::Applied, None));
            }
            if command.open.len() < held {
                narrowed.push(command.clone());
            }
            None
        });
        ended.into_iter().chain(narrowed).collect()
    }

    /// Ends the commands that ask for something which the device will not do.
    pub fn refuse(&mut self, refused: &[(Name, Arc<str>)], now_ms: i64) -> Vec<Command> {
        self.end(now_ms, |command| {
            let (name, reason) =
                refused.iter().find(|(name, _)| command.open.get(name).is_some())?;
            Some((Phase::Failed, Some(format!("{name}: {reason}").into())))
        })
    }

    /// Ends the commands whose time is up.
    pub fn expire(&mut self, now_ms: i64) -> Vec<Command> {
        self.end(now_ms, |command| {
            let late = command.expires_ms.is_some_and(|end| end <= now_ms);
            late.then_some((Phase::Expired, None))
        })
    }

    /// Ends the commands of a user, or only those `via` one program, that may not command the
    /// device any more.
    pub fn cancel(&mut self, user: UserId, via: Option<&Via>, now_ms: i64) -> Vec<Command> {
        self.end(now_ms, |command| {
            let Caller { user: asker, via: by, .. } = &command.by;
            let lost = *asker == user && via.is_none_or(|via| via == by);
            lost.then(|| (Phase::Failed, Some(RIGHT_LOST.into())))
        })
    }

    fn end(
        &mut self,
        now_ms: i64,
        mut verdict: impl FnMut(&mut Command) -> Option<(Phase, Option<Arc<str>>)>,
    ) -> Vec<Command> {
        let mut ended = Vec::new();
        self.0.retain_mut(|command| {
            let Some((phase, reason)) = verdict(command) else { return true };
            (command.phase, command.reason, command.finished_ms) = (phase, reason, Some(now_ms));
            ended.push(command.clone());
            false
        });
        ended
    }
}

/// What was asked by commands that came to nothing is no longer desired: each value returns to the
/// reported one.
pub fn give_up(device: &mut Device, ended: &[Command]) {
    for (name, _) in ended.iter().flat_map(|command| &command.open) {
        match device.reported.get(name) {
            Some(said) => drop(device.desired.set(name.clone(), said.clone())),
            None => drop(device.desired.remove(name)),
        }
    }
}

/// What the audit says of a command: who asked what.
#[must_use]
pub fn asked(device: DeviceId, command: &Command) -> Entry {
    let who = Who::Caller(command.by.clone());
    let number = number_at(command.rev, 0);
    Entry::new(Subject::Device(device), who, Action::Commanded, command.accepted_ms, number)
        .of_command(&command.reference)
        .with_all(&command.wanted)
}

/// What the audit says of a command that came to nothing, unless a newer one overtook it.
#[must_use]
pub fn came_to_nothing(device: DeviceId, command: &Command) -> Option<Entry> {
    let reason = command.reason.as_deref();
    let (who, action) = match command.phase {
        Phase::Expired => (Who::Server, Action::Expired),
        Phase::Failed if reason == Some(SUPERSEDED) => return None,
        Phase::Failed if reason == Some(RIGHT_LOST) => (Who::Server, Action::Cancelled),
        Phase::Failed => (Who::Device, Action::Refused),
        Phase::Accepted | Phase::Delivered | Phase::Applied => return None,
    };
    let number = number_at(command.rev, 1);
    let entry = Entry::new(Subject::Device(device), who, action, command.finished_ms?, number)
        .of_command(&command.reference);
    Some(match reason {
        Some(reason) if action == Action::Refused => entry.with("reason", reason),
        _ => entry,
    })
}

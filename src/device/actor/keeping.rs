//! What a device actor writes, and what it forgets.

use std::time::Duration;

use crate::kind::Watch;
use crate::model::audit::Subject;
use crate::model::{Command, Device, Phase, Role, UserId, Via};
use crate::observe::metrics;
use crate::store::{self, Batch, CommitError, ReadError};

use super::super::command::{SUPERSEDED, came_to_nothing};
use super::super::{CommandMoved, DeviceError};
use super::{Running, not_stored};

impl Running {
    /// Whether a user may command the device `via` what the command came by, as the store has it.
    pub(super) fn may_command(
        &self,
        owner: UserId,
        user: UserId,
        via: &Via,
        now_ms: i64,
    ) -> Result<bool, ReadError> {
        let store = &self.shell.floor.store;
        let grant = store::devices::grant(store, self.shell.id, user)?;
        let may = grant.is_some_and(|grant| grant.holds(now_ms) && grant.role >= Role::Operator);
        Ok((user == owner || may) && store::credentials::admits(store, user, via, now_ms)?)
    }

    /// Forgets commands that ended long ago. Nobody waits for it, and what fails is done next time.
    pub(super) fn prune(&self) {
        let (id, floor) = (self.shell.id, &self.shell.floor);
        let mut batch = Batch::new();
        let pruned = store::devices::prune_commands(&floor.store, &mut batch, id);
        self.forget(pruned.map(drop), batch);
    }

    /// Forgets what is too much of the audit, in the same way.
    pub(super) fn tidy(&self, now_ms: i64) {
        let (id, floor) = (self.shell.id, &self.shell.floor);
        let (subject, mut batch) = (Subject::Device(id), Batch::new());
        let tidied = store::audit::tidy(&floor.store, &mut batch, subject, floor.audit, now_ms);
        self.forget(tidied, batch);
    }

    fn forget(&self, found: Result<(), ReadError>, batch: Batch) {
        match found {
            Ok(()) if batch.is_empty() => {}
            Ok(()) => self.shell.floor.store.commit_then(batch, |_| ()),
            Err(error) => tracing::warn!(id = %self.shell.id, %error, "what is old stays"),
        }
    }

    /// Waits until `batch` is durable. What may have been kept or not is found out anew.
    pub(super) async fn commit(&mut self, batch: Batch) -> Result<(), DeviceError> {
        let done = self.shell.floor.store.commit(batch).await;
        self.in_doubt = matches!(done, Err(CommitError::Unknown(_)));
        done.map_err(
            |error| if self.in_doubt { DeviceError::Unavailable } else { not_stored(error) },
        )
    }
}

/// How commands end, for the operator.
pub(super) fn count(moved: &CommandMoved) {
    match moved.phase {
        Phase::Applied => {
            let took_ms = moved.took_ms.and_then(|took_ms| u64::try_from(took_ms).ok());
            metrics().command_applied.observe(Duration::from_millis(took_ms.unwrap_or(0)));
        }
        Phase::Failed if moved.reason.as_deref() == Some(SUPERSEDED) => {}
        Phase::Failed | Phase::Expired => metrics().commands_failed.inc(),
        Phase::Accepted | Phase::Delivered => {}
    }
}

/// An idle watch leaves the stored one as it is.
pub(super) fn batch<'c>(
    device: &Device,
    watch: &Watch,
    commands: impl IntoIterator<Item = &'c Command>,
) -> Batch {
    let mut batch = Batch::new();
    store::devices::put(&mut batch, device);
    store::devices::put_watch(&mut batch, device.id, watch);
    for command in commands {
        store::devices::put_command(&mut batch, device.id, command);
        if let Some(entry) = came_to_nothing(device.id, command) {
            store::audit::put(&mut batch, &entry);
        }
    }
    batch
}

//! Supervision: what keeps the house standing when a part of it fails.
//!
//! - [`Root`] starts the house's rooms in order, restarts what dies (and what was started after
//!   it) and gives up when that happens too often.
//! - [`Directory`] is the cheap handle on a family of actors by key: device by id, session by
//!   user. Behind it sharded supervisors start, restart, back off and quarantine.
//! - [`Tasks`] runs connections: counted, bounded, their panics caught, drained at the end.
//! - [`outbox()`] leads from an actor to its connection, [`Permits`] hold a connection back while
//!   its actor is behind, [`Gauge`] shows how far behind; a [`Post`] counts for it.
//! - [`restart`] decides; everything else here carries out.
//!
//! Nothing in the house runs outside of these: `clippy.toml` bans the other ways to start a task.

pub mod alarm_clock;
pub mod cells;
pub mod directory;
pub mod family;
pub mod gauge;
pub mod outbox;
pub mod permit;
pub mod reply;
pub mod restart;
pub mod root;
pub mod tasks;

mod panics;
mod supervisor;

pub use alarm_clock::AlarmClock;
pub use cells::{Cell, Cells, Resident};
pub use directory::{Directory, WeakDirectory};
pub use family::{ChildInfo, ChildStatus, Family, StartError};
pub use gauge::{Gauge, Post};
pub use outbox::{Inbox, Outbox, PushError, outbox};
pub use panics::quiet_panics;
pub use permit::{Permit, Permits};
pub use restart::{Intensity, Patience, Restart};
pub use root::{ChildSpec, Ended, RoomView, Root, RootError, Roster};
pub use tasks::{Cancel, Drained, Tasks, TasksFull, thread};

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use futures_util::FutureExt;
use ractor::{Actor, ActorCell, ActorRef, SpawnErr, SupervisionEvent};
use restart::Ending;

/// How long a killed actor may take to be gone. A kill takes effect at the next `await`, so only
/// a handler that blocks its thread takes longer, and nothing can stop that one.
const KILL_WITHIN: Duration = Duration::from_secs(1);

/// Spawns an actor under its supervisor, nameless: names are global, and keys are enough.
///
/// Waits for its `pre_start`, inside the supervisor.
///
/// # Errors
/// When `pre_start` fails or panics, or the supervisor is stopping.
pub async fn child<A: Actor>(
    actor: A,
    arguments: A::Arguments,
    supervisor: ActorCell,
) -> Result<ActorRef<A::Msg>, SpawnErr> {
    let (child, _task) = Actor::spawn_linked(None, actor, arguments, supervisor).await?;
    Ok(child)
}

/// Lets an actor finish its queue and its `post_stop`, and kills it at the deadline.
///
/// Returns whether it ended by itself. `drain` and then `wait`, because ractor's own
/// `drain_and_wait` of an actor that is already stopping may return before it has stopped.
async fn farewell(cell: &ActorCell, deadline: Duration) -> bool {
    cell.drain().ok();
    if cell.wait(Some(deadline)).await.is_ok() {
        return true;
    }
    cell.kill();
    cell.wait(Some(KILL_WITHIN)).await.ok();
    false
}

/// The death of a child, as its supervisor reads it.
struct Obituary {
    cell: ActorCell,
    ending: Ending,
    fault: Box<str>,
}

impl Obituary {
    /// `None` if nobody died. ractor reports a kill as an ordinary end; it is a fault.
    fn of(event: SupervisionEvent) -> Option<Self> {
        match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                Some(Self { cell, ending: Ending::Fault, fault: fault_text(&error) })
            }
            SupervisionEvent::ActorTerminated(cell, _state, reason) => {
                let reason = reason.unwrap_or_else(|| "ended".to_owned());
                let cut_off = matches!(reason.as_str(), "killed" | "actor_task_cancelled");
                let ending = if cut_off { Ending::Fault } else { Ending::Normal };
                Some(Self { cell, ending, fault: reason.into() })
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => None,
        }
    }
}

/// Runs a start function so that neither its error nor its panic harms the supervisor.
async fn guarded<T, E: std::fmt::Display>(
    start: impl Future<Output = Result<T, E>>,
) -> Result<T, Box<str>> {
    match AssertUnwindSafe(start).catch_unwind().await {
        Ok(started) => started.map_err(|error| fault_text(&error)),
        Err(panic) => Err(fault_text(&panics::words(&*panic))),
    }
}

/// Locks; a panic of a former holder is no reason to stop the house, because no critical section
/// here leaves its data half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Like [`lock`], for readers.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Like [`lock`], for the writer.
fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// The first 200 characters of a fault: enough to find it, not enough to fill a page or a log.
fn fault_text(fault: &dyn std::fmt::Display) -> Box<str> {
    fault.to_string().chars().take(200).collect::<String>().into()
}

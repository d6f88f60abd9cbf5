//! The sweep: who fell silent?
//!
//! - Process: one.
//! - Supervised by: `tree`, below `doors`; permanent.
//! - Takes: its own tick.
//! - Tells: connections whose time is up, by waking them.
//! - Never: closes a connection itself.
//!
//! One pass over all connections every tick instead of a timer for each: a pass over 100,000 costs
//! less than a hundred microseconds, a timer that is set anew with every packet costs each packet.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use slab::Slab;

/// How often the sweep passes: a quarter of a second is fine enough for seconds.
pub const TICK: Duration = Duration::from_millis(250);

/// Ticks in a second.
const TICKS_PER_S: u32 = 4;

/// No deadline.
const NEVER: u32 = u32::MAX;

/// Every connection's deadline, and the coarse clock they are held against.
#[derive(Debug, Default)]
pub struct Sweep {
    now: AtomicU32,
    pulses: Mutex<Slab<Arc<Shared>>>,
}

#[derive(Debug)]
struct Shared {
    deadline: AtomicU32,
    waker: AtomicWaker,
}

/// A connection's deadline. Dropped with the connection.
#[derive(Debug)]
pub struct Pulse {
    sweep: Arc<Sweep>,
    shared: Arc<Shared>,
    place: usize,
}

impl Sweep {
    /// A deadline that is not set yet.
    #[must_use]
    pub fn pulse(self: &Arc<Self>) -> Pulse {
        let shared =
            Arc::new(Shared { deadline: AtomicU32::new(NEVER), waker: AtomicWaker::new() });
        let place = self.with(|pulses| pulses.insert(shared.clone()));
        Pulse { sweep: self.clone(), shared, place }
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.with(|pulses| pulses.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets a tick pass, and wakes whose deadline it was.
    pub fn pass(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        let late: Vec<Waker> = self.with(|pulses| {
            pulses
                .iter()
                .filter(|(_, shared)| shared.deadline.load(Ordering::Relaxed) <= now)
                .filter_map(|(_, shared)| shared.waker.take())
                .collect()
        });
        late.into_iter().for_each(Waker::wake);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Slab<Arc<Shared>>) -> T) -> T {
        act(&mut self.pulses.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pulse {
    /// Sets the deadline `ticks` from now.
    pub fn set(&self, ticks: u32) {
        let at = self.sweep.now.load(Ordering::Relaxed).saturating_add(ticks);
        self.shared.deadline.store(at.min(NEVER - 1), Ordering::Relaxed);
    }

    /// Takes the deadline away.
    pub fn clear(&self) {
        self.shared.deadline.store(NEVER, Ordering::Relaxed);
    }

    /// Whether the deadline has passed; if not, `waker` is woken when it does.
    #[must_use]
    pub fn is_over(&self, waker: &Waker) -> bool {
        self.shared.waker.register(waker);
        self.shared.deadline.load(Ordering::Relaxed) <= self.sweep.now.load(Ordering::Relaxed)
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        let place = self.place;
        self.sweep.with(|pulses| pulses.try_remove(place));
    }
}

/// Ticks that make `seconds`, and one for the tick that has already begun.
#[must_use]
pub const fn ticks(seconds: u32) -> u32 {
    seconds.saturating_mul(TICKS_PER_S).saturating_add(1)
}

/// Ticks of one and a half times the keep-alive of `seconds` [MQTT-3.1.2-24].
#[must_use]
pub fn keep_alive_ticks(seconds: u16) -> u32 {
    u32::from(seconds) * TICKS_PER_S * 3 / 2 + 1
}

/// Starts the sweep under `supervisor`.
///
/// # Errors
/// Only if the supervisor is going down.
pub async fn start(sweep: Arc<Sweep>, supervisor: ActorCell) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, Sweeper, sweep, supervisor).await?;
    actor.send_interval(TICK, || ());
    Ok(actor.get_cell())
}

struct Sweeper;

impl Actor for Sweeper {
    type Msg = ();
    type State = Arc<Sweep>;
    type Arguments = Arc<Sweep>;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        sweep: Arc<Sweep>,
    ) -> Result<Arc<Sweep>, ActorProcessingErr> {
        Ok(sweep)
    }

    async fn handle(
        &self,
        _: ActorRef<()>,
        (): (),
        sweep: &mut Arc<Sweep>,
    ) -> Result<(), ActorProcessingErr> {
        sweep.pass();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_deadline_is_over_after_its_ticks_and_not_before() {
        let sweep = Arc::new(Sweep::default());
        let pulse = sweep.pulse();
        sweep.pass();
        assert!(!pulse.is_over(Waker::noop()), "none was set");
        pulse.set(2);
        sweep.pass();
        assert!(!pulse.is_over(Waker::noop()));
        sweep.pass();
        assert!(pulse.is_over(Waker::noop()));
        pulse.clear();
        assert!(!pulse.is_over(Waker::noop()));
    }

    #[test]
    fn a_closed_connection_leaves_nothing_behind() {
        let sweep = Arc::new(Sweep::default());
        let (one, other) = (sweep.pulse(), sweep.pulse());
        drop(one);
        assert_eq!(sweep.len(), 1);
        drop(other);
        assert!(sweep.is_empty());
    }
}

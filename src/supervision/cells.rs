//! A family of cells: actors that run on the thread of whoever enters them.
//!
//! A cell keeps an actor's manners (one message at a time, its faults its own, restart with
//! back-off, quarantine) but has no mailbox and no task: whoever has something for it enters,
//! waits for its turn, and leaves. For what decides in microseconds and never waits that is a hop
//! less and kilobytes less than an actor; what may wait must be an actor. Who has much to say does
//! the work himself, so there is no queue to bound (docs/decisions, number 17).
//!
//! **The link is ownership** here too: a cell that panics is dropped with all it holds, the
//! outboxes in it end their connections, and the peers come back to a cell that was started afresh.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt::Display;
use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::observe::metrics;

use super::family::{ChildInfo, Family, StartError, Trouble};
use super::restart::Ending;
use super::{fault_text, lock, panics};

/// No time at which the cell wants to be entered.
const NEVER: u64 = u64::MAX;
/// A cell that failed is looked at whenever the bell rings.
const AT_ONCE: u64 = 0;

/// What lives in a cell.
pub trait Resident: Send + 'static {
    /// Whether it holds nothing that a fresh start would not bring back: then the cell is given up.
    fn is_over(&self) -> bool;

    /// When it wants to be entered even if nobody comes, in the caller's milliseconds.
    fn due_ms(&self) -> Option<u64>;

    /// Why it can't go on, if so: then it ends as by a panic.
    fn fault(&self) -> Option<&'static str> {
        None
    }
}

type Start<K, S> = Box<dyn Fn(&K) -> Result<S, String> + Send + Sync>;
type Shard<K, S> = Mutex<HashMap<K, Arc<Cell<K, S>>>>;

/// The handle on a family of cells; cheap to clone.
pub struct Cells<K, S> {
    house: Arc<House<K, S>>,
}

struct House<K, S> {
    family: Family,
    start: Start<K, S>,
    shards: Box<[Shard<K, S>]>,
    hasher: RandomState,
    count: AtomicUsize,
    faults: AtomicU64,
}

/// One cell. Whoever keeps it spares the look-up.
pub struct Cell<K, S> {
    key: K,
    inside: Mutex<Inside<S>>,
    due_ms: AtomicU64,
}

struct Inside<S> {
    state: State<S>,
    since: Instant,
    trouble: Option<Box<Trouble>>,
}

enum State<S> {
    /// To be started by the next who enters.
    Vacant,
    Open(S),
    /// Given up: whoever still holds the cell looks it up again.
    Gone,
}

impl<K, S> Clone for Cells<K, S> {
    fn clone(&self) -> Self {
        Self { house: Arc::clone(&self.house) }
    }
}

impl<K, S> Cells<K, S>
where
    K: Clone + Eq + Hash + Display + Send + Sync + 'static,
    S: Resident,
{
    /// A family whose cells `start` fills. It may read, but must not wait.
    #[must_use]
    pub fn new(
        family: Family,
        start: impl Fn(&K) -> Result<S, String> + Send + Sync + 'static,
    ) -> Self {
        let house = House {
            family,
            start: Box::new(start),
            shards: (0..family.shards.max(1)).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            faults: AtomicU64::new(0),
        };
        Self { house: Arc::new(house) }
    }

    /// Enters the cell of `key`, started if need be.
    ///
    /// `act` runs alone in it, on this thread. It must be short, must not wait, and must not enter
    /// a cell of the same family.
    ///
    /// # Errors
    /// [`StartError`] if it can't be started, or if it fails over `act` itself.
    pub fn enter<R>(
        &self,
        key: &K,
        mut act: impl FnMut(&Arc<Cell<K, S>>, &mut S) -> R,
    ) -> Result<R, StartError> {
        loop {
            let cell = self.cell(key)?;
            if let Some(done) = self.enter_cell(&cell, true, |state| act(&cell, state)) {
                return done;
            }
        }
    }

    /// Enters a cell that is open.
    ///
    /// # Errors
    /// [`StartError`] if it has failed or was given up since, or fails over `act` itself.
    pub fn enter_open<R>(
        &self,
        cell: &Cell<K, S>,
        act: impl FnOnce(&mut S) -> R,
    ) -> Result<R, StartError> {
        self.enter_cell(cell, false, act).unwrap_or(Err(StartError::Unavailable))
    }

    /// Enters the cell of `key` if it is open now.
    pub fn enter_if_open<R>(&self, key: &K, act: impl FnOnce(&mut S) -> R) -> Option<R> {
        let cell = lock(self.house.shard(key)).get(key).cloned()?;
        self.enter_open(&cell, act).ok()
    }

    /// Enters every cell that is due at `now_ms`, and starts afresh those that failed, once their
    /// pause is over.
    pub fn ring(&self, now_ms: u64, mut act: impl FnMut(&K, &mut S)) {
        for shard in &self.house.shards {
            let due = |cell: &&Arc<Cell<K, S>>| cell.due_ms.load(Ordering::Relaxed) <= now_ms;
            let late: Vec<_> = lock(shard).values().filter(due).cloned().collect();
            for cell in late {
                // One that still has to wait, or fails again, is tried when the bell rings next.
                drop(self.enter_cell(&cell, true, |state| act(&cell.key, state)));
            }
        }
    }

    /// Ends the cell of `key` as a fault would. False: there is none.
    pub fn kill(&self, key: &K) -> bool {
        let Some(cell) = lock(self.house.shard(key)).get(key).cloned() else { return false };
        let mut inside = lock(&cell.inside);
        if matches!(inside.state, State::Gone) {
            return false;
        }
        self.house.failed(&cell, &mut inside, "killed".into());
        true
    }

    /// Ends every cell in order, `last` being the last to enter it.
    pub fn close(&self, mut last: impl FnMut(&K, &mut S)) {
        for shard in &self.house.shards {
            let cells: Vec<_> = lock(shard).drain().map(|(_, cell)| cell).collect();
            for cell in cells {
                drop(self.enter_open(&cell, |state| last(&cell.key, state)));
                lock(&cell.inside).state = State::Gone;
                self.house.count.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Cells that are open, back off or are quarantined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.house.count.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Faults of cells since the start of the process.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.house.faults.load(Ordering::Relaxed)
    }

    /// Every cell, in no order.
    #[must_use]
    pub fn snapshot(&self) -> Vec<ChildInfo<K>> {
        let all = |shard: &Shard<K, S>| lock(shard).values().cloned().collect::<Vec<_>>();
        self.house.shards.iter().flat_map(all).map(|cell| cell.info()).collect()
    }

    fn cell(&self, key: &K) -> Result<Arc<Cell<K, S>>, StartError> {
        let mut cells = lock(self.house.shard(key));
        if let Some(cell) = cells.get(key) {
            return Ok(Arc::clone(cell));
        }
        let limit = self.house.family.children_max;
        if self.house.count.fetch_add(1, Ordering::Relaxed) >= limit {
            self.house.count.fetch_sub(1, Ordering::Relaxed);
            return Err(StartError::Full { limit });
        }
        let cell = Arc::new(Cell::new(key.clone()));
        cells.insert(key.clone(), Arc::clone(&cell));
        Ok(cell)
    }

    /// None: it was given up, or is not open and shall not be opened.
    fn enter_cell<R>(
        &self,
        cell: &Cell<K, S>,
        open: bool,
        act: impl FnOnce(&mut S) -> R,
    ) -> Option<Result<R, StartError>> {
        let mut inside = lock(&cell.inside);
        if matches!(inside.state, State::Vacant) {
            if !open {
                return None;
            }
            if let Err(error) = self.house.open(cell, &mut inside) {
                return Some(Err(error));
            }
        }
        let State::Open(state) = &mut inside.state else { return None };
        let done = match catch_unwind(AssertUnwindSafe(|| act(state))) {
            Ok(done) => done,
            Err(panic) => {
                let fault = fault_text(&panics::words(&*panic));
                self.house.failed(cell, &mut inside, fault.clone());
                return Some(Err(StartError::Failed(fault)));
            }
        };
        if let Some(fault) = state.fault() {
            self.house.failed(cell, &mut inside, fault.into());
        } else if state.is_over() {
            inside.state = State::Gone;
            drop(inside);
            if lock(self.house.shard(&cell.key)).remove(&cell.key).is_some() {
                self.house.count.fetch_sub(1, Ordering::Relaxed);
            }
        } else {
            cell.due_ms.store(state.due_ms().unwrap_or(NEVER), Ordering::Relaxed);
        }
        Some(Ok(done))
    }
}

impl<K: Hash + Display, S: Resident> House<K, S> {
    fn shard(&self, key: &K) -> &Shard<K, S> {
        let hash = usize::try_from(self.hasher.hash_one(key)).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "a remainder, and there is at least one shard")]
        &self.shards[hash % self.shards.len()]
    }

    /// Fills a vacant cell, unless it failed too short a time ago.
    fn open(&self, cell: &Cell<K, S>, inside: &mut Inside<S>) -> Result<(), StartError> {
        let now = Instant::now();
        if let Some(trouble) = &inside.trouble
            && now < trouble.due
        {
            return Err(trouble.error(now));
        }
        let started = catch_unwind(AssertUnwindSafe(|| (self.start)(&cell.key)));
        let fault = match started {
            Ok(Ok(state)) => {
                (inside.state, inside.since) = (State::Open(state), now);
                return Ok(());
            }
            Ok(Err(fault)) => fault_text(&fault),
            Err(panic) => fault_text(&panics::words(&*panic)),
        };
        self.failed(cell, inside, fault.clone());
        Err(StartError::Failed(fault))
    }

    fn failed(&self, cell: &Cell<K, S>, inside: &mut Inside<S>, fault: Box<str>) {
        tracing::error!(family = self.family.name, key = %cell.key, %fault, "a cell failed");
        self.faults.fetch_add(1, Ordering::Relaxed);
        metrics().child_faults.inc();
        let now = Instant::now();
        let ran = matches!(inside.state, State::Open(_)).then(|| now.duration_since(inside.since));
        (inside.state, inside.since) = (State::Vacant, now);
        cell.due_ms.store(AT_ONCE, Ordering::Relaxed);
        let (before, patience) = (inside.trouble.take(), &self.family.patience);
        inside.trouble = Trouble::after(before, patience, (Ending::Fault, ran), fault, now);
    }
}

impl<K, S> Cell<K, S> {
    /// Whose cell it is.
    #[must_use]
    pub const fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Clone, S> Cell<K, S> {
    fn new(key: K) -> Self {
        let inside = Inside { state: State::Vacant, since: Instant::now(), trouble: None };
        Self { key, inside: Mutex::new(inside), due_ms: AtomicU64::new(NEVER) }
    }

    fn info(&self) -> ChildInfo<K> {
        let inside = lock(&self.inside);
        let trouble = inside.trouble.as_deref();
        // One that nobody has entered yet is as good as one that is open.
        let runs = matches!(inside.state, State::Open(_)) || trouble.is_none();
        ChildInfo::of(self.key.clone(), runs, trouble, inside.since)
    }
}

#[cfg(test)]
mod tests;

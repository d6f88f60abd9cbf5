//! The writer: takes what waits in the queue, writes it as one group, syncs, answers everybody.
//!
//! Process: one thread, `store-writer`, which blocks on the disk so that nobody else has to.
//! Supervised by: the store actor, permanent; the queue and the tree outlive it.
//! Takes: batches, from the queue.
//! Tells: whoever waits for a batch how it ended, once.
//! Never: answers Ok before the disk has it; waits for anybody but the disk.

mod disk;
mod engine;
#[cfg(test)]
mod memory;
mod parts;
mod watch;

use std::collections::HashMap;
use std::iter::repeat;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::batch::{Batch, Written};
use super::key::Key;
use super::queue::{GROUP_PACE, Job, Queue, Turn};
use super::{CommitError, Figures, ReadError};
pub(super) use disk::Disk;
pub(super) use engine::{Engine, Failure};
#[cfg(test)]
pub(super) use memory::{Fault, Memory};
use parts::Row;
use watch::Watch;

/// How often a broken store is tried again.
const RECOVERY_PAUSE: Duration = Duration::from_secs(1);

/// The engine, and what is known about its health.
pub(super) struct Books {
    engine: Box<dyn Engine>,
    /// The group that was applied and not yet synced.
    in_flight: Arc<[Row]>,
    /// Why nothing can be written, while that is so. The rows in flight are then in doubt.
    broken: Option<String>,
}

impl Books {
    pub(super) fn new(engine: Box<dyn Engine>) -> Self {
        Self { engine, in_flight: Arc::default(), broken: None }
    }

    /// Refuses to show what is in doubt: it may be there now and gone after the recovery.
    fn sure(&self, doubtful: impl Fn(&Key) -> bool) -> Result<(), ReadError> {
        match &self.broken {
            Some(reason) if self.in_flight.iter().any(|(key, _)| doubtful(key)) => {
                Err(ReadError::Unavailable(reason.as_str().into()))
            }
            _ => Ok(()),
        }
    }

    fn whole(&self, key: &Key, head: Vec<u8>) -> Result<Vec<u8>, ReadError> {
        parts::join(key, head, |part| self.engine.get(part))?
            .ok_or_else(|| ReadError::Torn { key: key.clone() })
    }

    pub(super) fn get(&self, key: &Key) -> Result<Written, ReadError> {
        self.sure(|doubtful| doubtful == key)?;
        self.engine.get(key)?.map(|head| self.whole(key, head)).transpose()
    }

    pub(super) fn page(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, ReadError> {
        self.sure(|doubtful| doubtful.as_bytes().starts_with(prefix.as_bytes()))?;
        let rows = self.engine.scan(prefix, after, limit)?;
        rows.into_iter().map(|(key, head)| Ok((key.clone(), self.whole(&key, head)?))).collect()
    }
}

/// Counts since the start; read at any time.
#[derive(Default)]
struct Counters {
    groups: AtomicU64,
    batches: AtomicU64,
    writes: AtomicU64,
    superseded: AtomicU64,
    conflicts: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
    recoveries: AtomicU64,
}

fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

/// What the handles and the writer have in common.
pub(super) struct Shared {
    pub(super) queue: Queue,
    books: RwLock<Books>,
    counters: Counters,
    /// Held by the one run that writes.
    writing: Mutex<()>,
}

impl Shared {
    pub(super) fn new(engine: Box<dyn Engine>, queue: Queue) -> Self {
        Self {
            queue,
            books: RwLock::new(Books::new(engine)),
            counters: Counters::default(),
            writing: Mutex::default(),
        }
    }

    /// The books, to read. A writer that panicked has left `in_flight` for the next one to see, so
    /// a poisoned lock hides nothing.
    pub(super) fn books(&self) -> RwLockReadGuard<'_, Books> {
        self.books.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn books_mut(&self) -> RwLockWriteGuard<'_, Books> {
        self.books.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn refused(&self) {
        count(&self.counters.refused, 1);
    }

    pub(super) fn figures(&self) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Figures {
            groups: read(&counters.groups),
            batches: read(&counters.batches),
            writes: read(&counters.writes),
            superseded: read(&counters.superseded),
            conflicts: read(&counters.conflicts),
            refused: read(&counters.refused),
            unknown: read(&counters.unknown),
            recoveries: read(&counters.recoveries),
            queue_bytes: self.queue.bytes() as u64,
            broken: self.books().broken.clone(),
        }
    }
}

/// The writing side of the store. A clone is the same writer: whoever runs last, writes.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

impl Writer {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Writes until the store is closed or another run takes over. Blocks its thread.
    ///
    /// What waited in the queue while nobody ran is written now.
    pub fn run(&self) {
        let run = self.shared.queue.begin();
        let _alone = self.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let _watch = Watch::over(&self.shared);
        self.find_what_was_left();
        let (mut next_group, mut next_recovery) = (Instant::now(), Instant::now());
        loop {
            let turn = self.shared.queue.next(run, next_group, RECOVERY_PAUSE);
            let now = Instant::now();
            if now >= next_recovery && self.is_broken() {
                self.recover();
                next_recovery = now + RECOVERY_PAUSE;
            }
            match turn {
                Turn::Group(jobs) => {
                    next_group = now + GROUP_PACE;
                    self.commit(jobs);
                }
                Turn::Idle => {}
                Turn::Over => return,
            }
        }
    }

    /// Takes batches again, after a [`Writer::close`].
    pub fn open(&self) {
        self.shared.queue.open();
    }

    /// Takes nothing more: [`Writer::run`] commits what waits, and returns.
    pub fn close(&self) {
        self.shared.queue.close();
    }

    fn is_broken(&self) -> bool {
        self.shared.books().broken.is_some()
    }

    /// The run before this one may have died between apply and sync.
    fn find_what_was_left(&self) {
        let mut books = self.shared.books_mut();
        if !books.in_flight.is_empty() && books.broken.is_none() {
            books.broken = Some("the writer failed in the middle of a commit".into());
        }
    }

    fn recover(&self) {
        let mut books = self.shared.books_mut();
        match books.engine.recover() {
            Ok(()) => {
                books.broken = None;
                books.in_flight = Arc::default();
                count(&self.shared.counters.recoveries, 1);
                info!("the store takes writes again");
            }
            Err(Failure(reason)) => {
                warn!(reason, "the store can't take writes yet");
                books.broken = Some(reason);
            }
        }
    }

    fn commit(&self, jobs: Vec<Job>) {
        let counters = &self.shared.counters;
        let Draft { rows, writes, results } = match self.draft(&jobs) {
            Ok(draft) => draft,
            Err(reason) => {
                count(&counters.refused, jobs.len());
                return answer(jobs, repeat(Err(CommitError::Refused(reason.into()))));
            }
        };
        count(&counters.groups, 1);
        count(&counters.batches, jobs.len());
        if let Err(Failure(reason)) = self.write(&rows.into()) {
            error!(reason, batches = jobs.len(), "a commit failed");
            count(&counters.unknown, jobs.len());
            return answer(jobs, repeat(Err(CommitError::Unknown(reason.into()))));
        }
        let asked: usize = jobs.iter().map(|job| job.batch.len()).sum();
        count(&counters.writes, writes);
        count(&counters.superseded, asked.saturating_sub(writes));
        count(&counters.conflicts, results.iter().filter(|result| result.is_err()).count());
        answer(jobs, results);
    }

    /// Decides, batch by batch in order, what becomes of the group; nothing is written yet.
    fn draft(&self, jobs: &[Job]) -> Result<Draft, String> {
        let books = self.shared.books();
        if let Some(reason) = &books.broken {
            return Err(reason.clone());
        }
        books.engine.ready().map_err(|failure| failure.0)?;
        let mut latest = HashMap::<&Key, &Written>::new();
        let mut results = Vec::with_capacity(jobs.len());
        for Job { batch, .. } in jobs {
            let holds = holds(batch, &latest, &books).map_err(|error| error.to_string())?;
            if holds {
                latest.extend(batch.writes.iter().map(|(key, value)| (key, value)));
            }
            results.push(if holds { Ok(()) } else { Err(CommitError::Conflict) });
        }
        let mut rows = Vec::with_capacity(latest.len());
        let writes = latest.len();
        for (key, value) in latest {
            let old = books.engine.get(key).map_err(|failure| failure.0)?;
            let stale = old.as_deref().map_or(0, parts::parts);
            parts::lay_out(key.clone(), value.clone(), stale, &mut rows);
        }
        Ok(Draft { rows, writes, results })
    }

    fn write(&self, rows: &Arc<[Row]>) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let applied = {
            let mut books = self.shared.books_mut();
            books.in_flight = rows.clone();
            books.engine.apply(rows)
        };
        // Readers go on while the disk works.
        let synced = applied.and_then(|()| self.shared.books().engine.sync());
        let mut books = self.shared.books_mut();
        match &synced {
            Ok(()) => books.in_flight = Arc::default(),
            Err(Failure(reason)) => books.broken = Some(reason.clone()),
        }
        synced
    }
}

/// What a group comes to.
struct Draft {
    rows: Vec<Row>,
    /// Keys written, each once.
    writes: usize,
    /// One for each batch: a conflict, if what it expects isn't so.
    results: Vec<Result<(), CommitError>>,
}

/// Whether what `batch` expects is true, after the batches of the same group before it.
fn holds(
    batch: &Batch,
    latest: &HashMap<&Key, &Written>,
    books: &Books,
) -> Result<bool, ReadError> {
    for expectation in &batch.expectations {
        let holds = match latest.get(&expectation.key) {
            Some(value) => **value == expectation.value,
            None => books.get(&expectation.key)? == expectation.value,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Answers every job; its place in the queue is free before that.
fn answer(jobs: Vec<Job>, results: impl IntoIterator<Item = Result<(), CommitError>>) {
    for (Job { answer, place, .. }, result) in jobs.into_iter().zip(results) {
        drop(place);
        answer.give(result);
    }
}

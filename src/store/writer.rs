//! The writer: takes what waits in the queue, writes it as one group, syncs, answers everybody.
//!
//! Process: one thread, `store-writer`, which blocks on the disk so that nobody else has to.
//! Supervised by: the store actor, permanent; the queue and the tree outlive it.
//! Takes: batches, from the queue.
//! Tells: whoever waits for a batch how it ended, once.
//! Never: answers Ok before the disk has it; waits for anybody but the disk.

mod books;
mod checkpoint;
mod disk;
mod engine;
mod log;
#[cfg(test)]
mod memory;
mod overlay;
mod parts;
mod watch;

use std::collections::HashMap;
use std::iter::repeat;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::batch::{Batch, Written};
use super::image::ImageError;
use super::key::Key;
use super::queue::{GROUP_PACE, Job, Queue, Turn};
use super::{CommitError, Figures, ReadError};
use crate::observe::metrics;
use books::Books;
use checkpoint::Checkpoint;
pub(super) use checkpoint::Limits;
pub(super) use disk::Disk;
pub(super) use engine::{Engine, Failure};
use log::Log;
pub(super) use log::{Files, Folder, LogError};
#[cfg(test)]
pub(super) use memory::{Fault, Memory};
pub(super) use parts::Row;
use watch::Watch;

/// How often a broken store is tried again.
const RECOVERY_PAUSE: Duration = Duration::from_secs(1);

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
    checkpoints: AtomicU64,
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
    desk: Mutex<Desk>,
    /// Since when the engine works on something that the writer gave it.
    engine_since: Mutex<Option<Instant>>,
}

/// What only the run that writes may touch.
struct Desk {
    log: Log,
    checkpoint: Checkpoint,
}

impl Shared {
    /// Opens the log over the engine: from now on the engine gets its rows from checkpoints only.
    pub(super) fn new(
        engine: Box<dyn Engine>,
        files: Box<dyn Files>,
        queue: Queue,
        limits: Limits,
    ) -> Result<Self, LogError> {
        let log = Log::open(files, &*engine)?;
        Ok(Self {
            queue,
            books: RwLock::new(Books::new(engine)),
            counters: Counters::default(),
            desk: Mutex::new(Desk { log, checkpoint: Checkpoint::new(limits) }),
            engine_since: Mutex::default(),
        })
    }

    /// The books, to read. A writer that panicked has left `in_flight` for the next one to see, so
    /// a poisoned lock hides nothing.
    pub(super) fn books(&self) -> RwLockReadGuard<'_, Books> {
        self.books.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn books_mut(&self) -> RwLockWriteGuard<'_, Books> {
        self.books.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.engine_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the engine work, under the eye of the watch. Readers go on.
    fn give_to_engine<T>(&self, work: impl FnOnce(&dyn Engine) -> T) -> T {
        *self.engine_since() = Some(Instant::now());
        let done = work(&*self.books().engine);
        *self.engine_since() = None;
        done
    }

    /// From now on what is written is noted; false if it is already.
    pub(super) fn begin_notes(&self) -> bool {
        let mut books = self.books_mut();
        let first = books.notes.is_none();
        books.notes.get_or_insert_default();
        first
    }

    /// What was written since.
    pub(super) fn end_notes(&self) -> Result<Vec<Arc<[Row]>>, ImageError> {
        let lost = || ImageError::Store("it failed meanwhile".into());
        self.books_mut().notes.take().ok_or_else(lost)?.groups()
    }

    pub(super) fn refused(&self, batches: usize) {
        count(&self.counters.refused, batches);
        metrics().store_refused.add(batches as u64);
    }

    fn checkpointed(&self, took: Duration) {
        count(&self.counters.checkpoints, 1);
        metrics().store_checkpoint.observe(took);
    }

    pub(super) fn figures(&self) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (counters, books) = (&self.counters, self.books());
        Figures {
            groups: read(&counters.groups),
            batches: read(&counters.batches),
            writes: read(&counters.writes),
            superseded: read(&counters.superseded),
            conflicts: read(&counters.conflicts),
            refused: read(&counters.refused),
            unknown: read(&counters.unknown),
            recoveries: read(&counters.recoveries),
            checkpoints: read(&counters.checkpoints),
            queue_bytes: self.queue.bytes() as u64,
            overlay_bytes: books.overlay.bytes() as u64,
            broken: books.broken.clone(),
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
        let mut desk = self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let Desk { log, checkpoint } = &mut *desk;
        let _watch = Watch::over(&self.shared);
        self.find_what_was_left();
        let (mut next_group, mut next_recovery) = (Instant::now(), Instant::now());
        loop {
            let patience = checkpoint.patience().min(RECOVERY_PAUSE);
            let turn = self.shared.queue.next(run, next_group, patience);
            let now = Instant::now();
            if now >= next_recovery && self.is_broken() {
                self.recover(log);
                next_recovery = now + RECOVERY_PAUSE;
            }
            let rows = match turn {
                Turn::Group(jobs) => {
                    next_group = now + GROUP_PACE;
                    self.commit(jobs, log, checkpoint.limits().overlay_bytes_max())
                }
                Turn::Idle => 0,
                Turn::Closed => break,
                Turn::Over => return,
            };
            checkpoint.step(&self.shared, log, rows, now);
        }
        if let Err(Failure(reason)) = checkpoint.finish(&self.shared, log) {
            warn!(reason, "the last checkpoint failed; the next start takes it from the log");
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

    /// Begins the log anew, without the group that failed.
    fn recover(&self, log: &mut Log) {
        let restarted = {
            let books = self.shared.books();
            books.engine.ready().and_then(|()| log.restart(books.overlay.rows()))
        };
        let mut books = self.shared.books_mut();
        match restarted {
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

    /// Commits a group and answers it; the number of rows that were written.
    fn commit(&self, jobs: Vec<Job>, log: &mut Log, overlay_bytes_max: usize) -> usize {
        let (counters, started) = (&self.shared.counters, Instant::now());
        let Draft { rows, writes, results } = match self.draft(&jobs, overlay_bytes_max) {
            Ok(draft) => draft,
            Err(reason) => {
                self.shared.refused(jobs.len());
                answer(jobs, repeat(Err(CommitError::Refused(reason.into()))));
                return 0;
            }
        };
        count(&counters.groups, 1);
        count(&counters.batches, jobs.len());
        let written = rows.len();
        if let Err(Failure(reason)) = self.write(&rows.into(), log) {
            error!(reason, batches = jobs.len(), "a commit failed");
            count(&counters.unknown, jobs.len());
            answer(jobs, repeat(Err(CommitError::Unknown(reason.into()))));
            return 0;
        }
        let asked: usize = jobs.iter().map(|job| job.batch.len()).sum();
        count(&counters.writes, writes);
        count(&counters.superseded, asked.saturating_sub(writes));
        count(&counters.conflicts, results.iter().filter(|result| result.is_err()).count());
        metrics().store_writes.add(writes as u64);
        metrics().store_commit.observe(started.elapsed());
        answer(jobs, results);
        written
    }

    /// Decides, batch by batch in order, what becomes of the group; nothing is written yet.
    fn draft(&self, jobs: &[Job], overlay_bytes_max: usize) -> Result<Draft, String> {
        let books = self.shared.books();
        if let Some(reason) = &books.broken {
            return Err(reason.clone());
        }
        if books.overlay.bytes() > overlay_bytes_max {
            return Err("too much waits for a checkpoint".into());
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
            let old = books.row(key).map_err(|failure| failure.0)?;
            let stale = old.as_deref().map_or(0, parts::parts);
            parts::lay_out(key.clone(), value.clone(), stale, &mut rows);
        }
        Ok(Draft { rows, writes, results })
    }

    /// Into the log first, then into the books. Readers go on while the disk works.
    fn write(&self, rows: &Arc<[Row]>, log: &mut Log) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        self.shared.books_mut().in_flight = rows.clone();
        let kept = log.append(rows.iter().map(|(key, value)| (key, value)));
        let mut books = self.shared.books_mut();
        match &kept {
            Ok(()) => {
                books.overlay.put(rows);
                books.in_flight = Arc::default();
                if let Some(notes) = &mut books.notes {
                    notes.group(rows);
                }
            }
            Err(Failure(reason)) => {
                books.broken = Some(reason.clone());
                // Nobody knows what of it will be there.
                books.notes = None;
            }
        }
        kept
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

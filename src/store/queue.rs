//! The queue to the writer: bounded, first come first served, and it outlives the writer.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::CommitError;
use super::batch::Batch;

/// Most bytes that wait for the writer: a second of the slowest disk, and no more memory than a
/// burst is worth.
pub const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What a waiting batch counts at least, in bytes: its own bookkeeping. So never more than
/// 131,072 wait.
pub const QUEUED_BYTES_MIN: usize = 256;
/// Most writes that share one sync; more would make the first of them wait for the last.
pub const GROUP_WRITES_MAX: usize = 1024;
/// Most bytes that share one sync. A single larger batch goes alone.
pub const GROUP_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Shortest time from the start of one group to the next. A commit that comes out of the quiet goes
/// at once; under load a sync costs the processor the same for one write as for fifty, so those
/// that come within this time share one.
pub const GROUP_PACE: Duration = Duration::from_millis(2);

/// What is called with the result of a commit.
type Then = Box<dyn FnOnce(Result<(), CommitError>) + Send>;

/// Tells the one who asked how it ended: exactly once, whatever happens to the writer.
pub(super) struct Answer(Option<Then>);

impl Answer {
    pub(super) fn new(then: impl FnOnce(Result<(), CommitError>) + Send + 'static) -> Self {
        Self(Some(Box::new(then)))
    }

    pub(super) fn give(mut self, result: Result<(), CommitError>) {
        if let Some(then) = self.0.take() {
            then(result);
        }
    }

    /// Lets it go uncalled: who asked was told in another way.
    pub(super) fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Answer {
    /// Dropped without an answer: the writer died with the batch in its hands.
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Err(CommitError::Unknown("the writer failed in the middle of it".into())));
        }
    }
}

/// A batch on its way, its place in the queue, and who waits for it.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) answer: Answer,
    pub(super) place: OwnedSemaphorePermit,
}

/// What the writer finds when it looks at the queue.
pub(super) enum Turn {
    /// Batches to commit together.
    Group(Vec<Job>),
    /// Nothing came within its patience.
    Idle,
    /// The queue is closed and empty.
    Closed,
    /// Another run has taken over.
    Over,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
    run: u64,
}

/// The queue between everybody and the writer.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    room: Arc<Semaphore>,
    bytes_max: usize,
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(bytes_max)),
            bytes_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of the queue `batch` takes: never more than there is.
    fn share(&self, batch: &Batch) -> u32 {
        let bytes = batch.bytes().max(QUEUED_BYTES_MIN).min(self.bytes_max);
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// Waits for a place for `batch`; `None` is never the answer of a queue that lives.
    pub(super) async fn place(&self, batch: &Batch) -> Option<OwnedSemaphorePermit> {
        self.room.clone().acquire_many_owned(self.share(batch)).await.ok()
    }

    /// A place for `batch` if there is one now.
    pub(super) fn place_now(&self, batch: &Batch) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_many_owned(self.share(batch)).ok()
    }

    /// Puts `job` in, or gives its answer back because the queue is closed.
    pub(super) fn push(&self, job: Job) -> Result<(), Answer> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(job.answer);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.arrived.notify_all();
        Ok(())
    }

    /// Begins a new run of the writer; the one before it stops at its next look.
    pub(super) fn begin(&self) -> u64 {
        let mut waiting = self.lock();
        waiting.run += 1;
        self.arrived.notify_all();
        waiting.run
    }

    /// Takes batches again.
    pub(super) fn open(&self) {
        self.lock().closed = false;
    }

    /// Takes nothing more; what is in is still committed.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Bytes that wait or are being committed.
    pub(super) fn bytes(&self) -> usize {
        self.bytes_max - self.room.available_permits()
    }

    /// The next batches to commit together: all that wait, up to the limits of a group, but not
    /// `before` it is time.
    pub(super) fn next(&self, run: u64, before: Instant, patience: Duration) -> Turn {
        let mut waiting = self.wait_while(self.lock(), patience, |waiting| {
            waiting.jobs.is_empty() && !waiting.closed && waiting.run == run
        });
        let early = before.saturating_duration_since(Instant::now());
        if !waiting.jobs.is_empty() && !early.is_zero() {
            waiting = self.wait_while(waiting, early, |waiting| !waiting.closed);
        }
        if waiting.run != run {
            return Turn::Over;
        }
        match take_group(&mut waiting.jobs) {
            group if !group.is_empty() => Turn::Group(group),
            _ if waiting.closed => Turn::Closed,
            _ => Turn::Idle,
        }
    }

    fn wait_while<'a>(
        &self,
        waiting: MutexGuard<'a, Waiting>,
        time: Duration,
        condition: impl Fn(&Waiting) -> bool,
    ) -> MutexGuard<'a, Waiting> {
        let waited = self.arrived.wait_timeout_while(waiting, time, |waiting| condition(waiting));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn take_group(jobs: &mut VecDeque<Job>) -> Vec<Job> {
    let (mut writes, mut bytes) = (0, 0);
    let fits = |job: &&Job| {
        writes += job.batch.len();
        bytes += job.batch.bytes();
        writes <= GROUP_WRITES_MAX && bytes <= GROUP_BYTES_MAX
    };
    let count = jobs.iter().take_while(fits).count().max(1).min(jobs.len());
    let later = jobs.split_off(count);
    mem::replace(jobs, later).into()
}

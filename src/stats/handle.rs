//! The door of the history: a handle that any task may hold, and that outlives every restart of
//! the process behind it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::observe::metrics;

use super::classes::Classes;
use super::engine::{Counters, Engine};
use super::query;
use super::wish::Wish;
use super::{History, Query, Reading, Retention, StatsConfig, StatsError, Totals};

/// Tells the server's time in Unix milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// What goes to whoever writes.
pub(super) enum Entry {
    /// Keep this.
    Reading(Reading),
    /// All before this is kept: say so.
    Kept(Then),
}

/// What to do when readings are kept: short, and never waiting.
pub(super) type Then = Box<dyn FnOnce() + Send>;

/// What the handle and the process behind it share.
pub(super) struct House {
    pub(super) dir: PathBuf,
    pub(super) config: StatsConfig,
    pub(super) counters: Arc<Counters>,
    classes: Classes,
    clock: Clock,
    /// The receiving end: whoever writes holds it.
    queue: Mutex<Receiver<Entry>>,
    /// Somebody waits for what is in the queue.
    pub(super) hurry: Wish,
    /// Readings that came off the queue and are kept, refused or dropped.
    settled: AtomicU64,
    /// History can't be opened: nothing is kept.
    is_broken: AtomicBool,
    /// The running engine; there is none while history is being opened.
    engine: RwLock<Option<Arc<Engine>>>,
}

impl House {
    pub(super) fn queue(&self) -> MutexGuard<'_, Receiver<Entry>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    pub(super) fn settled(&self, count: u64) {
        self.settled.fetch_add(count, Ordering::Release);
    }

    /// Notes whether history can be opened.
    pub(super) fn breaks(&self, is_broken: bool) {
        self.is_broken.store(is_broken, Ordering::Release);
    }

    pub(super) fn put_engine(&self, engine: Option<Arc<Engine>>) {
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }

    fn engine(&self) -> Result<Arc<Engine>, StatsError> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        engine.clone().ok_or(StatsError::Unavailable)
    }
}

/// Hands readings over and asks for history. Cheap to clone.
#[derive(Clone)]
pub struct StatsHandle {
    pub(super) house: Arc<House>,
    queue: SyncSender<Entry>,
    questions: Arc<Semaphore>,
}

impl StatsHandle {
    /// A handle on the history in `dir`. Nothing runs yet: see [`StatsHandle::start`]. What is
    /// recorded before waits in the queue.
    #[must_use]
    pub fn new(dir: PathBuf, config: StatsConfig) -> Self {
        Self::with_clock(dir, config, Arc::new(unix_ms))
    }

    /// The same with a clock of the caller's, to simulate days.
    #[must_use]
    pub fn with_clock(dir: PathBuf, mut config: StatsConfig, clock: Clock) -> Self {
        let classes = Classes::load(&dir, &config);
        if classes.retention.len() > config.retention.len() {
            config.retention.clone_from(&classes.retention);
        }
        let (queue, receiver) = sync_channel(config.queue_readings_max.max(1));
        let questions = Arc::new(Semaphore::new(config.queries_max.max(1)));
        let house = House {
            dir,
            config,
            counters: Arc::default(),
            classes,
            clock,
            queue: Mutex::new(receiver),
            hurry: Wish::default(),
            settled: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            engine: RwLock::new(None),
        };
        Self { house: Arc::new(house), queue, questions }
    }

    /// The number of the retention under which the readings of a kind fall.
    #[must_use]
    pub fn retention_of(&self, kind: &str) -> u8 {
        self.house.classes.number(kind)
    }

    /// Hands a reading over. Never waits: where the queue is full or the disk fails, the reading
    /// is dropped and counted ([`Totals`]). Ten milliseconds later it is with the operating
    /// system, sooner if somebody waits for it, and `history_loss_s_max` seconds later on the disk.
    pub fn record(&self, reading: Reading) {
        // Counted first: what is settled is never more than what was offered.
        Counters::add(&self.house.counters.offered, 1);
        if self.queue.try_send(Entry::Reading(reading)).is_err() {
            Counters::add(&self.house.counters.dropped_queue, 1);
            self.house.settled(1);
        }
    }

    /// Has `then` called when all that the caller recorded before is with the operating system, so
    /// that a `kill -9` can't lose it any more, or was dropped and counted. Never waits: `then` is
    /// called here if nothing is under way, the queue is full or history can't be opened, else by
    /// the writer, and must be short. Where the writer dies over what was recorded, it never is.
    pub fn when_kept(&self, then: impl FnOnce() + Send + 'static) {
        if self.is_settled() || self.house.is_broken.load(Ordering::Acquire) {
            return then();
        }
        let refused = match self.queue.try_send(Entry::Kept(Box::new(then))) {
            Ok(()) => return self.house.hurry.make(),
            Err(TrySendError::Full(entry) | TrySendError::Disconnected(entry)) => entry,
        };
        if let Entry::Kept(then) = refused {
            then();
        }
    }

    fn is_settled(&self) -> bool {
        // In this order: what is settled meanwhile may have been offered later.
        let settled = self.house.settled.load(Ordering::Acquire);
        settled >= self.house.counters.offered.load(Ordering::Acquire)
    }

    /// Waits until all that was recorded before is with the operating system (or dropped): a
    /// `kill -9` can't lose it any more, and questions find it.
    pub async fn settle(&self) {
        let offered = self.house.counters.offered.load(Ordering::Acquire);
        while self.house.settled.load(Ordering::Acquire) < offered {
            self.house.hurry.make();
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Answers a question. A day of one device takes about a millisecond.
    ///
    /// # Errors
    /// [`StatsError`]: history isn't open yet, or has no time for this within ten seconds; more
    /// readings than fit; the disk.
    pub async fn query(&self, query: Query) -> Result<History, StatsError> {
        let now_ms = self.house.now_ms();
        self.ask(move |engine| engine.query(&query, now_ms)).await
    }

    /// The width of the buckets of which an answer in steps of `step_ms` can be made: wider where
    /// the question begins before what finer buckets are kept of.
    pub(super) fn step_ms(&self, query: &Query, step_ms: i64) -> i64 {
        let retention = Retention::of(&self.house.config.retention, query.retention);
        query::step_ms(query, step_ms, retention, self.house.now_ms())
    }

    /// The properties of which a device has any history, by name.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn properties(&self, device: u64) -> Result<Vec<Arc<str>>, StatsError> {
        self.ask(move |engine| Ok(engine.properties(device)?)).await
    }

    /// Forgets a deleted device: questions find nothing from now on, and its files lose it when
    /// they are next rewritten or dropped. Its id must never be used again.
    ///
    /// # Errors
    /// As [`Self::query`]; then it is only forgotten until the next start.
    pub async fn forget(&self, device: u64) -> Result<(), StatsError> {
        self.ask(move |engine| Ok(engine.forget(device)?)).await
    }

    /// Copies the history as it is now into an empty folder, for a backup; it goes on meanwhile.
    /// Files that never change are hard links where that is possible. A server that is started
    /// on the copy answers the same questions. It blocks; [`Self::settle`] before it, so that all
    /// that was recorded is in.
    ///
    /// # Errors
    /// As [`Self::query`]; the copy is incomplete then.
    pub fn snapshot(&self, to: &Path) -> Result<(), StatsError> {
        Ok(self.house.engine()?.snapshot(to)?)
    }

    /// Does at once, and without a rest, what is otherwise done in the background when it is due:
    /// seals days that are over and drops what is too old.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn tidy(&self) -> Result<(), StatsError> {
        self.settle().await;
        let now_ms = self.house.now_ms();
        self.ask(move |engine| {
            engine.rotate_if_due(now_ms);
            engine.do_chores(now_ms, &|_| false);
            Ok(())
        })
        .await
    }

    /// What there is and what was left out; of a history that isn't open only what was counted.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.house
            .engine()
            .map_or_else(|_| Totals::counted(&self.house.counters), |engine| engine.totals())
    }

    /// Whether questions can be asked.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.house.engine().is_ok()
    }

    /// Asks the engine on a thread that may block, a few at a time.
    async fn ask<A: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine) -> Result<A, StatsError> + Send + 'static,
    ) -> Result<A, StatsError> {
        let turn = timeout(PATIENCE, self.questions.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            metrics().stats_questions_refused.inc();
            return Err(StatsError::Unavailable);
        };
        let engine = self.house.engine()?;
        #[expect(clippy::disallowed_methods, reason = "never more than `queries_max` at a time")]
        let answer = spawn_blocking(move || {
            let _turn = turn;
            question(&engine)
        });
        answer.await.unwrap_or(Err(StatsError::Unavailable))
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_question_that_finds_no_turn_is_given_up_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let config = StatsConfig { queries_max: 1, ..StatsConfig::default() };
        let stats = StatsHandle::new(folder.path().to_owned(), config);
        let _other = stats.questions.clone().acquire_owned().await.unwrap();
        let before = metrics().stats_questions_refused.get();
        let refused = stats.ask(|_| Ok(())).await;
        assert!(matches!(refused, Err(StatsError::Unavailable)));
        assert!(metrics().stats_questions_refused.get() > before);
    }
}

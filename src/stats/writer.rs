//! The threads that run the engine.
//!
//! Process: three threads, one set of them at a time: the writer takes readings off the queue,
//!   the syncer brings the log to the disk, the keeper does the chores.
//! Supervised by: the stats actor ([`super::actor`]); if one of them ends, all end, and so does it.
//! Takes: readings, from the queue of [`super::handle`], which outlives them.
//! Tells: nobody; answers are read from the engine that it puts into the house.
//! Never: makes anybody wait. A reading it can't keep is counted and gone.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::engine::{Counters, Engine};
use super::handle::{Entry, House};
use super::wal::Frame;

/// Readings written to the log at a time.
const BATCH_MAX: usize = 4_096;
/// After a write it waits so long for company: a write for each of 10,000 readings a second
/// would cost more than the readings.
const COMPANY: Duration = Duration::from_millis(2);
/// How often an idle writer looks whether the day is over or the house closes.
const IDLE: Duration = Duration::from_millis(200);
/// How often it looks for chores.
const CHORES: Duration = Duration::from_secs(1);
/// How long it waits before it tries again to open a history that couldn't be opened.
const REOPEN: Duration = Duration::from_secs(5);

/// A wish to stop that can be waited for.
#[derive(Debug, Default)]
pub(super) struct Stop {
    wished: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(super) fn wish(&self) {
        *self.lock() = true;
        self.changed.notify_all();
    }

    pub(super) fn is_wished(&self) -> bool {
        *self.lock()
    }

    /// Waits at most so long; says whether it is time to stop.
    fn wait(&self, patience: Duration) -> bool {
        let waiting = |wished: &mut bool| !*wished;
        let result = self.changed.wait_timeout_while(self.lock(), patience, waiting);
        *result.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.wished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When one thread ends, for whatever reason, all do.
struct AllOrNone<'a>(&'a Stop);

impl Drop for AllOrNone<'_> {
    fn drop(&mut self) {
        self.0.wish();
    }
}

/// Counts readings as settled, even if it was one of them that the engine died of.
struct Settled<'a> {
    house: &'a House,
    count: u64,
}

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        self.house.settled(self.count);
    }
}

/// Runs the engine until `stop`. What waits in the queue then is still written.
pub(super) fn run(house: &House, stop: &Stop) {
    let _last_one_out = AllOrNone(stop);
    // Held until the end: threads that take over from these wait here, so that there are never
    // two engines on one folder.
    let queue = house.queue();
    let Some(engine) = open(house, &queue, stop) else { return };
    house.put_engine(Some(engine.clone()));
    thread::scope(|scope| {
        scope.spawn(|| keep_synced(&engine, house, stop));
        scope.spawn(|| keep_house(&engine, house, stop));
        write(&engine, house, &queue, stop);
    });
    house.put_engine(None);
    engine.sync();
}

/// Opens the engine, however long that takes: what comes meanwhile waits as far as there is room.
fn open(house: &House, queue: &Receiver<Entry>, stop: &Stop) -> Option<Arc<Engine>> {
    loop {
        let started = Instant::now();
        let (config, counters) = (house.config.clone(), house.counters.clone());
        match Engine::open(&house.dir, config, counters, house.now_ms()) {
            Ok(engine) => {
                let ms = started.elapsed().as_millis();
                tracing::info!(ms, readings = engine.totals().readings_open, "history is open");
                house.breaks(false);
                return Some(Arc::new(engine));
            }
            Err(error) => {
                tracing::error!(%error, dir = ?house.dir, "history can't be opened");
                house.breaks(true);
            }
        }
        if stop.wait(REOPEN) {
            return None;
        }
        drop_all(house, queue);
    }
}

/// Counts what can't be kept; who waits for it is told.
fn drop_all(house: &House, queue: &Receiver<Entry>) {
    for entry in queue.try_iter() {
        match entry {
            Entry::Reading(_) => {
                Counters::add(&house.counters.dropped_disk, 1);
                house.settled(1);
            }
            Entry::Kept(then) => then(),
        }
    }
}

fn write(engine: &Engine, house: &House, queue: &Receiver<Entry>, stop: &Stop) {
    let _company = AllOrNone(stop);
    let (mut batch, mut frame) = (Vec::with_capacity(BATCH_MAX), Frame::default());
    let mut waiting = Vec::new();
    loop {
        let stopping = stop.is_wished();
        match queue.recv_timeout(if stopping { Duration::ZERO } else { IDLE }) {
            Ok(first) => {
                for entry in std::iter::once(first).chain(queue.try_iter().take(BATCH_MAX - 1)) {
                    match entry {
                        Entry::Reading(reading) => batch.push(reading),
                        Entry::Kept(then) => waiting.push(then),
                    }
                }
                let settled = Settled { house, count: batch.len() as u64 };
                engine.take(&batch, house.now_ms(), &mut frame);
                drop(settled);
                waiting.drain(..).for_each(|then: Box<dyn FnOnce() + Send>| then());
                if batch.len() < BATCH_MAX && !stopping {
                    thread::sleep(COMPANY);
                }
                batch.clear();
            }
            Err(RecvTimeoutError::Timeout) if !stopping => engine.rotate_if_due(house.now_ms()),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn keep_synced(engine: &Engine, house: &House, stop: &Stop) {
    let _company = AllOrNone(stop);
    // Half the promise: a sync takes its time too.
    let every = Duration::from_secs(u64::from(house.config.history_loss_s_max.max(1))) / 2;
    while !stop.wait(every) {
        engine.sync();
    }
}

fn keep_house(engine: &Engine, house: &House, stop: &Stop) {
    let _company = AllOrNone(stop);
    while !stop.wait(CHORES) {
        engine.do_chores(house.now_ms(), &|rest| stop.wait(rest));
    }
}

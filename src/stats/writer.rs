//! The threads that run the engine.
//!
//! Process: three threads, one set of them at a time: the writer takes readings off the queue,
//!   the syncer brings the log to the disk, the keeper does the chores.
//! Supervised by: the stats actor ([`super::actor`]); if one of them ends, all end, and so does it.
//! Takes: readings, from the queue of [`super::handle`], which outlives them.
//! Tells: nobody; answers are read from the engine that it puts into the house.
//! Never: makes anybody wait. A reading it can't keep is counted and gone.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::Reading;
use super::engine::{Counters, Engine};
use super::handle::{Entry, House, Then};
use super::wal::Frame;
use super::wish::Wish;

/// Readings written to the log at a time.
const BATCH_MAX: usize = 4_096;
/// How long readings wait for company where nobody waits for them: a write for each of 10,000 a
/// second would cost more than the readings.
const COMPANY: Duration = Duration::from_millis(10);
/// How long they do after a write for which somebody waited, who may come again at once.
const PAUSE: Duration = Duration::from_millis(2);
/// How often an idle writer looks whether the day is over or the house closes.
const IDLE: Duration = Duration::from_millis(200);
/// How often it looks for chores.
const CHORES: Duration = Duration::from_secs(1);
/// How long it waits before it tries again to open a history that couldn't be opened.
const REOPEN: Duration = Duration::from_secs(5);

/// When one thread ends, for whatever reason, all do.
struct AllOrNone<'a>(&'a Wish);

impl Drop for AllOrNone<'_> {
    fn drop(&mut self) {
        self.0.make();
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
pub(super) fn run(house: &House, stop: &Wish) {
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
fn open(house: &House, queue: &Receiver<Entry>, stop: &Wish) -> Option<Arc<Engine>> {
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

/// What was taken off the queue to be written together.
#[derive(Default)]
struct Batch {
    readings: Vec<Reading>,
    waiting: Vec<Then>,
}

impl Batch {
    fn take(&mut self, entries: impl Iterator<Item = Entry>) {
        for entry in entries.take(BATCH_MAX - self.readings.len()) {
            match entry {
                Entry::Reading(reading) => self.readings.push(reading),
                Entry::Kept(then) => self.waiting.push(then),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.readings.len() >= BATCH_MAX
    }
}

fn write(engine: &Engine, house: &House, queue: &Receiver<Entry>, stop: &Wish) {
    let _company = AllOrNone(stop);
    let (mut batch, mut frame) = (Batch::default(), Frame::default());
    loop {
        let stopping = stop.is_made();
        match queue.recv_timeout(if stopping { Duration::ZERO } else { IDLE }) {
            Ok(first) => {
                batch.take(std::iter::once(first).chain(queue.try_iter()));
                if batch.waiting.is_empty() && !batch.is_full() && !stopping {
                    house.hurry.wait(COMPANY);
                    house.hurry.take_back();
                    batch.take(queue.try_iter());
                }
                let settled = Settled { house, count: batch.readings.len() as u64 };
                engine.take(&batch.readings, house.now_ms(), &mut frame);
                drop(settled);
                let is_awaited = !batch.waiting.is_empty();
                batch.waiting.drain(..).for_each(|then| then());
                if is_awaited && !batch.is_full() && !stopping {
                    thread::sleep(PAUSE);
                }
                batch.readings.clear();
            }
            Err(RecvTimeoutError::Timeout) if !stopping => engine.rotate_if_due(house.now_ms()),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn keep_synced(engine: &Engine, house: &House, stop: &Wish) {
    let _company = AllOrNone(stop);
    // Half the promise: a sync takes its time too.
    let every = Duration::from_secs(u64::from(house.config.history_loss_s_max.max(1))) / 2;
    while !stop.wait(every) {
        engine.sync();
    }
}

fn keep_house(engine: &Engine, house: &House, stop: &Wish) {
    let _company = AllOrNone(stop);
    while !stop.wait(CHORES) {
        engine.do_chores(house.now_ms(), &|rest| stop.wait(rest));
    }
}

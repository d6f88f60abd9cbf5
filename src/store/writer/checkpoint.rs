//! The checkpoint: hands what the log holds to the engine, a slice at a time between the groups,
//! and lets go of the log's older file when the engine has it.
//!
//! Meanwhile the overlay hides the engine's rows, so nobody sees half a hand-over; and a crash
//! costs nothing, for the log is handed over again.

use std::time::{Duration, Instant};

use tracing::warn;

use super::Shared;
use super::engine::{Engine, Failure};
use super::log::Log;
use crate::store::key::Key;

/// When a checkpoint begins. A row that is written again before that reaches the engine once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes in the log's file.
    pub(crate) log_bytes: usize,
    /// Memory of the rows that wait, in bytes, about.
    pub(crate) overlay_bytes: usize,
    /// Time since the first of them.
    pub(crate) wait: Duration,
}

impl Limits {
    /// What a restart after a crash reads and hands over within a second, what is little beside
    /// 20,000 devices' actors, and a minute: what most devices write more than once in.
    pub(crate) const DEFAULT: Self = Self {
        log_bytes: 16 * 1024 * 1024,
        overlay_bytes: 8 * 1024 * 1024,
        wait: Duration::from_secs(60),
    };

    /// Memory of rows that wait above which nothing more is taken. As long as the engine works it
    /// is never reached, for everybody waits for the engine before that.
    pub(super) const fn overlay_bytes_max(&self) -> usize {
        4 * self.overlay_bytes
    }
}

/// Rows in a slice, at least: a millisecond of the engine's, so that a commit hardly waits for it.
const SLICE_ROWS: usize = 64;
/// Slices grow with the groups between them, so that the engine keeps up.
const ROWS_PER_ROW: usize = 2;
/// Rows in a slice when nobody waits any more.
const LAST_SLICE_ROWS: usize = 1024;
/// Time between slices while nobody commits.
const PAUSE: Duration = Duration::from_millis(1);
/// Time until the next try after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Where the next checkpoint stands.
pub(super) struct Checkpoint {
    limits: Limits,
    /// When the first row was committed that isn't being handed over.
    waiting_since: Option<Instant>,
    hand_over: Option<HandOver>,
    not_before: Option<Instant>,
}

struct HandOver {
    since: Instant,
    /// The last key that the engine was given.
    after: Option<Key>,
    /// The engine must recover first, and be given everything again.
    failed: bool,
}

impl Checkpoint {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, waiting_since: None, hand_over: None, not_before: None }
    }

    /// How long the writer may wait for a group.
    pub(super) fn patience(&self) -> Duration {
        let busy = self.hand_over.is_some() && self.not_before.is_none();
        if busy { PAUSE } else { RETRY_PAUSE }
    }

    /// Does the next bit of work, if there is any. `rows` were committed since the last one.
    pub(super) fn step(&mut self, shared: &Shared, log: &mut Log, rows: usize, now: Instant) {
        if rows > 0 {
            self.waiting_since.get_or_insert(now);
        }
        if self.not_before.is_some_and(|time| now < time) {
            return;
        }
        self.not_before = None;
        let mut slice_rows = SLICE_ROWS.max(rows.saturating_mul(ROWS_PER_ROW));
        loop {
            match self.work(shared, log, slice_rows, now) {
                // Rows come faster than slices take them away: everybody waits for the engine.
                Ok(true) if self.is_crowded(shared) => slice_rows = LAST_SLICE_ROWS,
                Ok(_) => return,
                Err(Failure(reason)) => {
                    warn!(reason, "the checkpoint has to wait; what it holds is safe in the log");
                    self.not_before = Some(now + RETRY_PAUSE);
                    return;
                }
            }
        }
    }

    /// One piece of work; false if there is none.
    fn work(
        &mut self,
        shared: &Shared,
        log: &mut Log,
        slice_rows: usize,
        now: Instant,
    ) -> Result<bool, Failure> {
        if let Some(hand_over) = &mut self.hand_over {
            if hand_over.go_on(shared, log, slice_rows)? {
                self.hand_over = None;
            }
        } else if self.is_due(shared, log, now) {
            self.begin(shared, log, now)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn is_crowded(&self, shared: &Shared) -> bool {
        shared.books().overlay.bytes() > 2 * self.limits.overlay_bytes
    }

    fn is_due(&self, shared: &Shared, log: &Log, now: Instant) -> bool {
        let books = shared.books();
        // A broken log begins anew by itself, see `Log::restart`.
        books.broken.is_none()
            && self.waiting_since.is_some_and(|since| {
                log.bytes() >= self.limits.log_bytes
                    || books.overlay.young_bytes() >= self.limits.overlay_bytes
                    || now.saturating_duration_since(since) >= self.limits.wait
            })
    }

    fn begin(&mut self, shared: &Shared, log: &mut Log, now: Instant) -> Result<(), Failure> {
        log.rotate()?;
        shared.books_mut().overlay.age();
        self.waiting_since = None;
        self.hand_over = Some(HandOver { since: now, after: None, failed: false });
        Ok(())
    }

    /// Hands over everything, before the house closes.
    ///
    /// # Errors
    /// What the engine didn't take stays in the log, and is handed over at the next start.
    pub(super) fn finish(&mut self, shared: &Shared, log: &mut Log) -> Result<(), Failure> {
        loop {
            while let Some(hand_over) = &mut self.hand_over {
                if hand_over.go_on(shared, log, LAST_SLICE_ROWS)? {
                    self.hand_over = None;
                }
            }
            let books = shared.books();
            let (done, broken) = (books.overlay.bytes() == 0, books.broken.clone());
            drop(books);
            match broken {
                Some(reason) => return Err(Failure(reason)),
                None if done => return Ok(()),
                None => self.begin(shared, log, Instant::now())?,
            }
        }
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl HandOver {
    /// Hands over the next slice; true if that was all and it is durable.
    fn go_on(&mut self, shared: &Shared, log: &mut Log, rows: usize) -> Result<bool, Failure> {
        if self.failed {
            shared.books_mut().engine.recover()?;
            *self = Self { since: self.since, after: None, failed: false };
        }
        let slice = shared.books().overlay.older(self.after.as_ref(), rows);
        let Some((last, _)) = slice.last() else {
            self.give(shared, |engine| engine.sync())?;
            log.release()?;
            drop(shared.books_mut().overlay.forget_older());
            shared.checkpointed(self.since.elapsed());
            return Ok(true);
        };
        self.give(shared, |engine| engine.apply(&slice))?;
        self.after = Some(last.clone());
        Ok(false)
    }

    fn give(
        &mut self,
        shared: &Shared,
        work: impl FnOnce(&dyn Engine) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let given = shared.give_to_engine(work);
        self.failed = given.is_err();
        given
    }
}

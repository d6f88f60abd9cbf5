//! Statistics: every device's history, cheap, bounded, never in the way.
//!
//! A device actor hands its readings over and never waits ([`StatsHandle::record`]). One thread
//! writes them ahead to a log and keeps them in open chunks; when a generation of chunks is full,
//! or the day is over, it becomes an immutable file; at the end of the day the files become one,
//! with roll-ups to minutes and hours. What is too old goes by the file.
//!
//! From below: [`varint`], [`decimal`], [`rows`] are numbers; [`chunk`], [`rollup`] series;
//! [`segment`], [`wal`], [`folder`] files; [`open`], [`seal`], [`query`] what is done with them;
//! [`engine`] holds them together, [`writer`] and [`actor`] run it, [`handle`] is its door, a
//! [`wish`] what one of its threads asks of another;
//! [`svg`] and [`csv`] show it, [`energy`] adds it up, [`totals`] counts it.
//!
//! **Invariant:** nothing here is shared with control: no queue, no lock, no file.

mod actor;
mod chunk;
mod classes;
pub mod csv;
mod decimal;
pub mod energy;
mod engine;
mod folder;
mod generation;
mod handle;
mod import;
mod open;
mod query;
mod rollup;
mod rows;
mod seal;
mod segment;
mod stopped;
pub mod svg;
mod totals;
mod varint;
mod wal;
mod wish;
mod writer;

use std::sync::Arc;

pub use self::actor::StatsMsg;
pub use self::handle::{Clock, StatsHandle};
pub use self::import::NewHistory;
pub use self::stopped::{Kept, StoppedHistory};
pub use self::totals::Totals;

/// The most that a reading's own time may differ from the server's.
const SKEW_MS_MAX: i64 = 86_400_000;

/// One value of one property of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The device's id.
    pub device: u64,
    /// The property's name, at most 64 bytes; share it with the schema.
    pub property: Arc<str>,
    /// Decimal digits to keep, at most 9: from the schema's step ([`digits_of_step`]).
    pub digits: u8,
    /// Which retention it falls under: [`StatsHandle::retention_of`] its kind.
    pub retention: u8,
    /// Unix milliseconds; see [`reading_time`].
    pub t_ms: i64,
    /// The value, in the property's unit; beyond 2^53 steps it is refused.
    pub value: f64,
}

/// How long history is kept. Every tier goes by whole files, so up to two days longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Readings themselves, in days.
    pub raw_days: u32,
    /// Roll-ups to a minute, in days.
    pub minute_days: u32,
    /// Roll-ups to an hour, in days; `None` keeps them for ever.
    pub hour_days: Option<u32>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { raw_days: 7, minute_days: 90, hour_days: None }
    }
}

impl Retention {
    /// The retention of a number; the first one, or the default, for a number unknown.
    fn of(all: &[Self], number: u8) -> Self {
        all.get(usize::from(number)).or(all.first()).copied().unwrap_or_default()
    }
}

/// What an operator may decide about history.
#[derive(Debug, Clone)]
pub struct StatsConfig {
    /// The most seconds of telemetry that a power cut may cost (5).
    pub history_loss_s_max: u32,
    /// How long history is kept: the first is everybody's. The numbers behind it are the
    /// folder's ([`Self::kinds`]).
    pub retention: Vec<Retention>,
    /// The kinds that are kept for other times, at most 255.
    pub kinds: Vec<(Arc<str>, Retention)>,
    /// Readings that wait for the writer before more are dropped and counted (32,768).
    pub queue_readings_max: usize,
    /// Readings kept in memory and in the log before they go to a file of their own (5,000,000;
    /// twice as many for as long as that takes).
    pub generation_readings_max: u64,
    /// Questions answered at a time (4).
    pub queries_max: usize,
}

impl Default for StatsConfig {
    fn default() -> Self {
        Self {
            history_loss_s_max: 5,
            retention: vec![Retention::default()],
            kinds: Vec::new(),
            queue_readings_max: 32_768,
            generation_readings_max: 5_000_000,
            queries_max: 4,
        }
    }
}

/// How finely a question is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Readings if they are at most about so many, else buckets of a pleasant width.
    Auto {
        /// Points wanted, at most 100,000.
        points: usize,
    },
    /// Buckets of this width; wider where only coarser roll-ups are kept.
    Step {
        /// Milliseconds.
        step_ms: i64,
    },
    /// The readings themselves, as far as they are kept.
    Raw,
}

/// A question about one property of one device.
#[derive(Debug, Clone)]
pub struct Query {
    /// The device's id.
    pub device: u64,
    /// The property's name.
    pub property: Arc<str>,
    /// The retention its readings fall under.
    pub retention: u8,
    /// From this time on, Unix milliseconds.
    pub from_ms: i64,
    /// Up to this time, exclusive.
    pub to_ms: i64,
    /// How finely.
    pub resolution: Resolution,
}

/// One reading of an answer.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Point {
    /// Unix milliseconds.
    #[serde(rename = "t")]
    pub t_ms: i64,
    /// The value, in the property's unit.
    pub value: f64,
}

/// The readings of one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Bucket {
    /// Its beginning, Unix milliseconds; a multiple of the step.
    #[serde(rename = "t")]
    pub t_ms: i64,
    /// The smallest value.
    pub min: f64,
    /// The mean of all readings, each counting the same.
    pub mean: f64,
    /// The largest value.
    pub max: f64,
    /// How many readings.
    pub count: u64,
    /// The latest value.
    pub last: f64,
}

/// An answer, in order of time.
#[derive(Debug, Clone, PartialEq)]
pub enum History {
    /// Readings; of several at one millisecond the one that came last.
    Points(Vec<Point>),
    /// Buckets that have readings, empty ones are left out.
    Buckets {
        /// Their width in milliseconds.
        step_ms: i64,
        /// The buckets; those at the edges are whole, even if the question cut them.
        buckets: Vec<Bucket>,
    },
}

/// Why a question wasn't answered.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// History is being read back after a start, or its disk doesn't answer; ask again.
    #[error("history is not available yet")]
    Unavailable,
    /// There are more readings than fit into one answer; ask for less time, or for buckets.
    #[error("more than {points_max} readings: ask for a shorter time or a step")]
    TooMany {
        /// The most that fit.
        points_max: usize,
    },
    /// The disk failed.
    #[error("history can't be read: {0}")]
    Disk(#[from] std::io::Error),
}

/// The time of a reading: the device's own if it is within a day of the server's, which absorbs
/// missing, wrong and unset clocks and lets a device report what it measured while it was away.
#[must_use]
pub fn reading_time(now_ms: i64, ts_ms: Option<i64>) -> i64 {
    ts_ms.filter(|ts_ms| ts_ms.abs_diff(now_ms) <= SKEW_MS_MAX.unsigned_abs()).unwrap_or(now_ms)
}

/// The decimal digits that a schema's step needs: 0 for 1, 1 for 0.5, 2 for 0.25; 3 if there is
/// no step, at most 9.
#[must_use]
pub fn digits_of_step(step: Option<f64>) -> u8 {
    let Some(step) = step.filter(|step| step.is_finite() && *step > 0.0) else { return 3 };
    let whole = |digits: &u8| {
        let scaled = step * 10_f64.powi(i32::from(*digits));
        scaled >= 0.5 && (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    (0..decimal::DIGITS_MAX).find(whole).unwrap_or(decimal::DIGITS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_may_date_its_readings_within_a_day_of_the_server() {
        let (now_ms, day_ms) = (1_795_400_000_000, 86_400_000);
        for ts_ms in [now_ms, now_ms - day_ms, now_ms + day_ms] {
            assert_eq!(reading_time(now_ms, Some(ts_ms)), ts_ms);
        }
        for ts_ms in [0, now_ms / 1_000, now_ms - day_ms - 1, now_ms + day_ms + 1, i64::MIN] {
            assert_eq!(reading_time(now_ms, Some(ts_ms)), now_ms);
        }
        assert_eq!(reading_time(now_ms, None), now_ms);
    }

    #[test]
    fn digits_follow_the_step() {
        let steps = [(1.0, 0), (0.5, 1), (0.1, 1), (0.25, 2), (0.01, 2), (10.0, 0), (1e-12, 9)];
        for (step, digits) in steps {
            assert_eq!(digits_of_step(Some(step)), digits, "{step}");
        }
        assert_eq!(digits_of_step(None), 3);
    }
}

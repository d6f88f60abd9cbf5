//! The history of a house that stands still, for commands that run without a server.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::classes::Classes;
use super::engine::{DAY_MS, Engine};
use super::segment::Tier;
use super::{Bucket, History, Point, Query, Resolution, Retention, StatsConfig, StatsError};

/// Buckets of one piece.
const BUCKETS: i64 = 20_000;
/// Nothing is older, whatever a clock said: the day before 1970.
const EARLIEST_MS: i64 = -DAY_MS;

/// Part of all that is kept of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// Readings.
    Readings(Vec<Point>),
    /// Buckets of this width, where readings are no longer kept.
    Buckets(i64, Vec<Bucket>),
}

/// An open history that nobody writes to. It blocks. The store's lock keeps a server away from it.
pub struct StoppedHistory {
    engine: Engine,
    classes: Classes,
    now_ms: i64,
}

impl StoppedHistory {
    /// Opens the history in `dir` as it was at `now_ms`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(dir: &Path, mut config: StatsConfig, now_ms: i64) -> io::Result<Self> {
        let classes = Classes::load(dir, &config);
        config.retention.clone_from(&classes.retention);
        let engine = Engine::open(dir, config, Arc::default(), now_ms)?;
        Ok(Self { engine, classes, now_ms })
    }

    /// The number of the retention under which the readings of a kind fall.
    #[must_use]
    pub fn retention_of(&self, kind: &str) -> u8 {
        self.classes.number(kind)
    }

    /// As [`super::StatsHandle::query`].
    ///
    /// # Errors
    /// [`StatsError`]: more readings than fit, or the disk.
    pub fn query(&self, query: &Query) -> Result<History, StatsError> {
        self.engine.query(query, self.now_ms)
    }

    /// The properties of which a device has any history, by name.
    ///
    /// # Errors
    /// What the disk says.
    pub fn properties(&self, device: u64) -> io::Result<Vec<Arc<str>>> {
        self.engine.properties(device)
    }

    /// All that is kept of a series, each stretch of time once and as finely as it is kept: hours,
    /// then minutes, then readings.
    ///
    /// # Errors
    /// Whatever `sink` says, or [`StatsError`].
    pub fn all<E: From<StatsError>>(
        &self,
        device: u64,
        property: &Arc<str>,
        kind: &str,
        mut sink: impl FnMut(Kept) -> Result<(), E>,
    ) -> Result<(), E> {
        let retention = self.retention_of(kind);
        let Retention { raw_days, minute_days, .. } =
            Retention::of(&self.classes.retention, retention);
        // Whole hours, so that no bucket is cut where the next finer ones begin.
        let since = |days: u32| {
            let hour_ms = Tier::Hour.width_ms();
            super::rollup::bucket_start(self.now_ms - i64::from(days) * DAY_MS, hour_ms) + hour_ms
        };
        let raw_ms = since(raw_days);
        let minute_ms = since(minute_days).min(raw_ms);
        let end_ms = self.now_ms + 2 * DAY_MS;
        let query = |from_ms, to_ms, resolution| Query {
            device,
            property: property.clone(),
            retention,
            from_ms,
            to_ms,
            resolution,
        };
        for (tier, from_ms, to_ms) in
            [(Tier::Hour, EARLIEST_MS, minute_ms), (Tier::Minute, minute_ms, raw_ms)]
        {
            let step_ms = tier.width_ms();
            let mut next_ms = from_ms;
            while next_ms < to_ms {
                let piece_ms = next_ms.saturating_add(step_ms * BUCKETS).min(to_ms);
                let piece = query(next_ms, piece_ms, Resolution::Step { step_ms });
                if let History::Buckets { step_ms, buckets } = self.query(&piece)?
                    && !buckets.is_empty()
                {
                    sink(Kept::Buckets(step_ms, buckets))?;
                }
                next_ms = piece_ms;
            }
        }
        let (mut next_ms, mut piece_ms) = (raw_ms, DAY_MS);
        while next_ms < end_ms {
            let to_ms = next_ms.saturating_add(piece_ms).min(end_ms);
            match self.query(&query(next_ms, to_ms, Resolution::Raw)) {
                Err(StatsError::TooMany { .. }) if piece_ms > 1 => piece_ms /= 4,
                Err(error) => return Err(error.into()),
                Ok(History::Points(points)) => {
                    if !points.is_empty() {
                        sink(Kept::Readings(points))?;
                    }
                    next_ms = to_ms;
                }
                Ok(History::Buckets { .. }) => next_ms = to_ms,
            }
        }
        Ok(())
    }

    /// As [`super::StatsHandle::snapshot`].
    ///
    /// # Errors
    /// What the disk says; the copy is incomplete then.
    pub fn snapshot(&self, to: &Path) -> io::Result<()> {
        self.engine.snapshot(to)
    }
}

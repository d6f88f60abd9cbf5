//! A new history out of series that somebody brings, as one sealed unit.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chunk::Sample;
use super::classes::Classes;
use super::decimal::{DIGITS_MAX, scale};
use super::folder::Folder;
use super::rollup::{self, Summary};
use super::seal::{Draft, seal_series};
use super::segment::{SeriesKey, Tier};
use super::stopped::Kept;
use super::{Bucket, Retention, StatsConfig};

/// A history in the making. Series come in order of their devices, and of a device's properties.
pub struct NewHistory {
    draft: Draft,
    dir: PathBuf,
    classes: Classes,
}

impl NewHistory {
    /// Begins a history in the new or empty folder `root`; `now_ms` is when it arrived.
    ///
    /// # Errors
    /// What the disk says.
    pub fn begin(root: &Path, config: &StatsConfig, now_ms: i64) -> io::Result<Self> {
        let dir = Folder::open(root)?.draft("days", 1, 1)?;
        let classes = Classes::load(root, config);
        Ok(Self { draft: Draft::new(&dir, now_ms), dir, classes })
    }

    /// Adds a series of a device of `kind`, with so many decimal digits. It falls under the
    /// kind's retention by the file: imported history goes when the newest of it is too old.
    ///
    /// # Errors
    /// What the disk says; [`io::ErrorKind::InvalidData`] for values that can't be kept.
    pub fn series(
        &mut self,
        device: u64,
        property: &Arc<str>,
        kind: &str,
        digits: u8,
        parts: &[Kept],
    ) -> io::Result<()> {
        let digits = digits.min(DIGITS_MAX);
        let retention = self.classes.number(kind);
        let series = SeriesKey { device, property: property.clone(), retention };
        let mut samples = Vec::new();
        for part in parts {
            match part {
                Kept::Readings(points) => {
                    for point in points {
                        let scaled = scale(point.value, digits).ok_or_else(no_value)?;
                        samples.push((digits, Sample { t_ms: point.t_ms, scaled }));
                    }
                }
                Kept::Buckets(step_ms, buckets) => {
                    let summary = |bucket: &Bucket| summary(bucket, *step_ms, digits);
                    let buckets: Vec<Summary> =
                        buckets.iter().map(summary).collect::<Option<_>>().ok_or_else(no_value)?;
                    self.buckets(&series, *step_ms, digits, buckets)?;
                }
            }
        }
        let keeps = Retention::of(&self.classes.retention, retention);
        seal_series(&series, &mut samples, keeps, &mut self.draft)
    }

    fn buckets(
        &mut self,
        series: &SeriesKey,
        step_ms: i64,
        digits: u8,
        mut buckets: Vec<Summary>,
    ) -> io::Result<()> {
        if step_ms == Tier::Minute.width_ms() {
            self.draft.buckets(Tier::Minute, series, digits, &buckets)?;
            let hour = |minute: Summary| Summary {
                start_ms: rollup::bucket_start(minute.start_ms, Tier::Hour.width_ms()),
                ..minute
            };
            buckets = rollup::merged(buckets.into_iter().map(hour));
        } else if step_ms != Tier::Hour.width_ms() {
            return Err(no_value());
        }
        self.draft.buckets(Tier::Hour, series, digits, &buckets)
    }

    /// Makes what was added a history, durably.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish(self) -> io::Result<()> {
        if self.draft.finish()? {
            return Folder::commit(&self.dir, 1, 1).map(drop);
        }
        std::fs::remove_dir_all(&self.dir)
    }
}

/// A bucket in whole steps; its last reading is taken to have come at its end.
#[expect(clippy::cast_precision_loss, reason = "no bucket has 2^53 readings")]
#[expect(clippy::cast_possible_truncation, reason = "beyond 2^53 steps it is refused")]
fn summary(bucket: &Bucket, width_ms: i64, digits: u8) -> Option<Summary> {
    let count = u32::try_from(bucket.count).ok().filter(|count| *count > 0)?;
    let steps = |value: f64| scale(value, digits);
    let (min, max, last) = (steps(bucket.min)?, steps(bucket.max)?, steps(bucket.last)?);
    let sum = (bucket.mean * bucket.count as f64 * 10_f64.powi(i32::from(digits))).round() as i128;
    let floor = i128::from(count) * i128::from(min);
    let ceiling = i128::from(count) * i128::from(max);
    let fits = min <= last && last <= max && bucket.t_ms.rem_euclid(width_ms) == 0;
    fits.then_some(Summary {
        start_ms: bucket.t_ms,
        count,
        min,
        max,
        sum: sum.clamp(floor, ceiling),
        last,
        last_ms: bucket.t_ms + width_ms - 1_000,
    })
}

fn no_value() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a value that can't be kept")
}

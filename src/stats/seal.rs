//! Sealing: the runs of a day become one unit of readings, minutes and hours, and the hours of
//! many days become one.
//!
//! It works in the background, one series at a time, and never all the time: see [`Pace`].

use std::collections::{BinaryHeap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Retention;
use super::chunk::{self, OpenChunk, Sample};
use super::rollup::{self, Summary};
use super::segment::{Segment, SegmentWriter, SeriesKey, Step, Tier, Walk};

/// Readings that are put in order of time at once; what is further apart stays as it came.
const SORTED_READINGS_MAX: usize = 1 << 18;
/// How long it works before it rests.
const TURN: Duration = Duration::from_millis(5);

/// Leaves most of the processor to others.
pub(super) struct Pace<'a> {
    turn: Instant,
    /// Rests for so long; says whether to give up because the house closes.
    rest: &'a dyn Fn(Duration) -> bool,
}

impl<'a> Pace<'a> {
    pub(super) fn new(rest: &'a dyn Fn(Duration) -> bool) -> Self {
        Self { turn: Instant::now(), rest }
    }

    /// Rests three times as long as it worked.
    fn keep(&mut self) -> io::Result<()> {
        let worked = self.turn.elapsed();
        if worked >= TURN {
            if (self.rest)(worked * 3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.turn = Instant::now();
        }
        Ok(())
    }
}

/// The series of many segments, in order.
struct Merge {
    walks: Vec<(Walk, Option<Step>)>,
    /// The walks' next series; the smallest is on top, of equal ones the earliest segment's.
    heap: BinaryHeap<std::cmp::Reverse<(SeriesKey, usize)>>,
}

impl Merge {
    fn new<'a>(segments: impl Iterator<Item = &'a Arc<Segment>>) -> io::Result<Self> {
        let mut merge = Self { walks: Vec::new(), heap: BinaryHeap::new() };
        for (index, segment) in segments.enumerate() {
            merge.walks.push((segment.walk(), None));
            merge.advance(index)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, index: usize) -> io::Result<()> {
        if let Some((walk, step)) = self.walks.get_mut(index) {
            *step = walk.next()?;
            if let Some(step) = step {
                self.heap.push(std::cmp::Reverse((step.series.clone(), index)));
            }
        }
        Ok(())
    }

    /// The next series and all its chunks, in order of arrival.
    fn next(&mut self, chunks: &mut Vec<Box<[u8]>>) -> io::Result<Option<SeriesKey>> {
        chunks.clear();
        let Some(std::cmp::Reverse((series, mut index))) = self.heap.pop() else {
            return Ok(None);
        };
        loop {
            if let Some((walk, Some(step))) = self.walks.get(index) {
                walk.chunks(step, |bytes| chunks.push(bytes.into()))?;
            }
            self.advance(index)?;
            match self.heap.peek() {
                Some(std::cmp::Reverse((next, other))) if *next == series => index = *other,
                _ => return Ok(Some(series)),
            }
            self.heap.pop();
        }
    }
}

/// The files of a unit being written: one for each tier and retention that has data.
pub(super) struct Draft {
    dir: PathBuf,
    opened_ms: i64,
    writers: Vec<(Tier, u8, SegmentWriter, Option<SeriesKey>)>,
}

impl Draft {
    /// Begins a unit in the empty folder `dir`.
    pub(super) fn new(dir: &Path, opened_ms: i64) -> Self {
        Self { dir: dir.to_owned(), opened_ms, writers: Vec::new() }
    }

    fn chunk(
        &mut self,
        tier: Tier,
        series: &SeriesKey,
        bytes: &[u8],
        times: (i64, i64),
    ) -> io::Result<()> {
        let retention = series.retention;
        let wanted = |entry: &(Tier, u8, SegmentWriter, Option<SeriesKey>)| {
            entry.0 == tier && entry.1 == retention
        };
        if !self.writers.iter().any(wanted) {
            let path = self.dir.join(file_name(tier, retention));
            let writer = SegmentWriter::create(&path, tier, self.opened_ms)?;
            self.writers.push((tier, retention, writer, None));
        }
        let Some((.., writer, open)) = self.writers.iter_mut().find(|entry| wanted(entry)) else {
            return Ok(());
        };
        if open.as_ref() != Some(series) {
            writer.begin(series)?;
            *open = Some(series.clone());
        }
        writer.chunk(bytes, times.0, times.1)
    }

    /// Adds buckets of a series, which must not come before the one added last.
    pub(super) fn buckets(
        &mut self,
        tier: Tier,
        series: &SeriesKey,
        digits: u8,
        buckets: &[Summary],
    ) -> io::Result<()> {
        for part in buckets.chunks(rollup::BUCKETS_MAX) {
            let starts = part.iter().map(|bucket| bucket.start_ms);
            if let Some(bytes) = rollup::encode(part, digits, tier.width_ms())
                && let (Some(earliest_ms), Some(latest_ms)) = (starts.clone().min(), starts.max())
            {
                self.chunk(tier, series, &bytes, (earliest_ms, latest_ms))?;
            }
        }
        Ok(())
    }

    /// Whether anything was written.
    pub(super) fn finish(self) -> io::Result<bool> {
        let mut any = false;
        for (.., writer, _) in self.writers {
            any |= writer.finish()?.is_some();
        }
        Ok(any)
    }
}

fn file_name(tier: Tier, retention: u8) -> PathBuf {
    let tier = match tier {
        Tier::Raw => "raw",
        Tier::Minute => "minute",
        Tier::Hour => "hour",
    };
    format!("{tier}.{retention}.seg").into()
}

/// Writes readings, minutes and hours of all runs into `dir`; says whether there were any.
pub(super) fn seal_day<'a>(
    runs: impl Iterator<Item = &'a Arc<Segment>> + Clone,
    dir: &Path,
    retention: &[Retention],
    forgotten: &HashSet<u64>,
    mut pace: Pace<'_>,
) -> io::Result<bool> {
    let opened_ms = runs.clone().map(|run| run.opened_ms()).min().unwrap_or_default();
    let mut merge = Merge::new(runs)?;
    let mut draft = Draft::new(dir, opened_ms);
    let (mut chunks, mut samples) = (Vec::new(), Vec::new());
    while let Some(series) = merge.next(&mut chunks)? {
        if forgotten.contains(&series.device) {
            continue;
        }
        let keeps = Retention::of(retention, series.retention);
        samples.clear();
        for (index, bytes) in chunks.iter().enumerate() {
            let digits = chunk::head(bytes).map_or(0, |head| head.digits);
            chunk::decode(bytes, |some| {
                samples.extend(some.iter().map(|sample| (digits, *sample)));
            });
            if samples.len() >= SORTED_READINGS_MAX || index + 1 == chunks.len() {
                seal_series(&series, &mut samples, keeps, &mut draft)?;
                samples.clear();
                pace.keep()?;
            }
        }
    }
    draft.finish()
}

/// Adds readings of a series, each with its digits, and their minutes and hours.
pub(super) fn seal_series(
    series: &SeriesKey,
    samples: &mut Vec<(u8, Sample)>,
    keeps: Retention,
    draft: &mut Draft,
) -> io::Result<()> {
    in_order(samples);
    for same in samples.chunk_by(|(a, _), (b, _)| a == b) {
        let Some((digits, _)) = same.first().copied() else { continue };
        let plain: Vec<Sample> = same.iter().map(|(_, sample)| *sample).collect();
        if keeps.raw_days > 0 {
            for part in plain.chunks(usize::try_from(chunk::READINGS_MAX).unwrap_or(1)) {
                let [first, others @ ..] = part else { continue };
                let mut chunk = OpenChunk::new(digits, *first);
                for sample in others {
                    chunk.push(*sample);
                }
                let latest_ms = others.last().unwrap_or(first).t_ms;
                draft.chunk(Tier::Raw, series, &chunk.encoded(), (first.t_ms, latest_ms))?;
            }
        }
        for tier in [Tier::Minute, Tier::Hour] {
            let buckets = rollup::roll_up(&plain, tier.width_ms());
            draft.buckets(tier, series, digits, &buckets)?;
        }
    }
    Ok(())
}

/// Orders readings by time; of several at the same millisecond the one that came last stays.
fn in_order(samples: &mut Vec<(u8, Sample)>) {
    if !samples.is_sorted_by(|(_, a), (_, b)| a.t_ms < b.t_ms) {
        samples.sort_by_key(|(_, sample)| sample.t_ms);
        samples.dedup_by(|(digits, later), (kept, earlier)| {
            let same = later.t_ms == earlier.t_ms;
            if same {
                (*kept, *earlier) = (*digits, *later);
            }
            same
        });
    }
}

/// Writes the hours of many units into `dir` as one; says whether there were any.
pub(super) fn join_hours<'a>(
    hours: impl Iterator<Item = &'a Arc<Segment>> + Clone,
    dir: &Path,
    forgotten: &HashSet<u64>,
    mut pace: Pace<'_>,
) -> io::Result<bool> {
    let opened_ms = hours.clone().map(|segment| segment.opened_ms()).min().unwrap_or_default();
    let mut merge = Merge::new(hours)?;
    let mut draft = Draft::new(dir, opened_ms);
    let (mut chunks, mut parts) = (Vec::new(), Vec::new());
    while let Some(series) = merge.next(&mut chunks)? {
        if forgotten.contains(&series.device) {
            continue;
        }
        parts.clear();
        for bytes in &chunks {
            let start = parts.len();
            let width_ms = Tier::Hour.width_ms();
            if let Some(head) = rollup::decode(bytes, width_ms, |part| parts.push((0, part))) {
                parts.iter_mut().skip(start).for_each(|(of, _)| *of = head.digits);
            }
        }
        parts.sort_by_key(|(digits, part): &(u8, Summary)| (part.start_ms, *digits));
        for same in parts.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((digits, _)) = same.first().copied() else { continue };
            let buckets = rollup::merged(same.iter().map(|(_, part)| *part));
            draft.buckets(Tier::Hour, &series, digits, &buckets)?;
        }
        pace.keep()?;
    }
    draft.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_readings_at_one_moment_the_later_arrival_stays() {
        let at = |t_ms, scaled| (0, Sample { t_ms, scaled });
        let mut samples = vec![at(5, 1), at(3, 2), at(5, 3), at(4, 4), at(3, 5)];
        in_order(&mut samples);
        assert_eq!(samples, [at(3, 5), at(4, 4), at(5, 3)]);
    }
}

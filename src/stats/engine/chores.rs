//! What the engine does in the background: flushing, sealing, joining, dropping what is too old.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Counters, DAY_MS, Engine, View, day};
use crate::stats::Retention;
use crate::stats::folder::{Archive, Folder, Run, Unit};
use crate::stats::generation::Generation;
use crate::stats::seal::{self, Pace};
use crate::stats::segment::{Segment, SegmentWriter, Tier};

/// Runs are sealed before their day is over when there are so many: each is an open file, and a
/// question about today looks into all of them.
const RUNS_MAX: usize = 256;
/// So many days' hours are joined into one file: a year is a dozen of them.
const DAYS_JOINED: usize = 32;

impl Engine {
    /// Does what is due. `rest` waits and says whether to stop; work broken off is done again.
    pub(in crate::stats) fn do_chores(&self, now_ms: i64, rest: &dyn Fn(Duration) -> bool) {
        let _alone = self.chores.lock().unwrap_or_else(PoisonError::into_inner);
        for (what, done) in [
            ("flush", self.flush()),
            ("seal", self.seal_if_due(now_ms, rest)),
            ("join", self.join_if_due(rest)),
            ("drop", self.drop_old(now_ms)),
        ] {
            match done {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
                Err(error) => {
                    Counters::add(&self.counters.disk_errors, 1);
                    tracing::warn!(%error, what, "a chore of history failed and will be repeated");
                }
                Ok(()) => {}
            }
        }
    }

    /// The frozen generation becomes a run, and its log goes.
    fn flush(&self) -> io::Result<()> {
        let Some(frozen) = self.view().frozen else { return Ok(()) };
        let run = write_run(&self.folder, &frozen, &self.forgotten())?;
        self.archive(|archive| archive.runs.extend(run), true);
        fs::remove_file(self.folder.wal(frozen.number))
    }

    /// The runs of a day that is over become a unit.
    fn seal_if_due(&self, now_ms: i64, rest: &dyn Fn(Duration) -> bool) -> io::Result<()> {
        let View { active, frozen, archive } = self.view();
        // Nothing of an earlier day may be on its way; a clock set back makes "another" of it.
        if frozen.is_some() || day(active.opened_ms) != day(now_ms) {
            return Ok(());
        }
        let over = |run: &Run| day(run.segment.opened_ms()) != day(now_ms);
        let count = if archive.runs.len() >= RUNS_MAX {
            archive.runs.len()
        } else {
            archive.runs.iter().rposition(over).map_or(0, |last| last + 1)
        };
        let runs: Vec<Run> = archive.runs.iter().take(count).cloned().collect();
        let [first, ..] = runs.as_slice() else { return Ok(()) };
        let (first, last) = (first.generation, runs.last().map_or(0, |run| run.generation));
        let draft = self.folder.draft("days", first, last)?;
        let segments = runs.iter().map(|run| &run.segment);
        let forgotten = self.forgotten();
        let pace = Pace::new(rest);
        let unit = seal::seal_day(segments, &draft, &self.config.retention, &forgotten, pace)
            .and_then(|any| commit_or_drop(any, &draft, first, last))?;
        self.archive(
            |archive| {
                archive.runs.drain(..count);
                archive.days.extend(unit);
            },
            false,
        );
        runs.iter().try_for_each(|run| fs::remove_file(run.segment.path()))
    }

    /// The hours of many days become one unit. Earlier such units are done again if they hold
    /// devices that have been deleted since.
    fn join_if_due(&self, rest: &dyn Fn(Duration) -> bool) -> io::Result<()> {
        let archive = self.view().archive;
        let forgotten = self.forgotten();
        let has_hours = |unit: &&Unit| unit.segments.iter().any(|s| s.tier() == Tier::Hour);
        let days: Vec<&Unit> = archive.days.iter().filter(has_hours).collect();
        if days.len() < DAYS_JOINED {
            return Ok(());
        }
        let mut kept = archive.hours.len();
        for (index, unit) in archive.hours.iter().enumerate().rev() {
            if holds_any(unit, &forgotten)? {
                kept = index;
            }
        }
        let again = archive.hours.iter().skip(kept);
        let units: Vec<&Unit> = again.chain(days).collect();
        let (Some(first), Some(last)) = (units.first(), units.last()) else { return Ok(()) };
        let (first, last) = (first.first, last.last);
        let draft = self.folder.draft("hours", first, last)?;
        let hours: Vec<Arc<Segment>> = units
            .iter()
            .flat_map(|unit| &unit.segments)
            .filter(|segment| segment.tier() == Tier::Hour)
            .cloned()
            .collect();
        let unit = seal::join_hours(hours.iter(), &draft, &forgotten, Pace::new(rest))
            .and_then(|any| commit_or_drop(any, &draft, first, last))?;
        self.archive(
            |archive| {
                archive.hours.truncate(kept);
                archive.hours.extend(unit);
                without(archive, &hours);
            },
            false,
        );
        hours.iter().try_for_each(|segment| self.folder.remove(segment))
    }

    /// Drops the segments whose time is over; the disk has their room back at once.
    fn drop_old(&self, now_ms: i64) -> io::Result<()> {
        let archive = self.view().archive;
        let old = |segment: &&Arc<Segment>| {
            let keeps = Retention::of(&self.config.retention, retention_number(segment));
            let days = match segment.tier() {
                Tier::Raw => keeps.raw_days,
                Tier::Minute => keeps.minute_days,
                Tier::Hour => match keeps.hour_days {
                    Some(days) => days,
                    None => return false,
                },
            };
            segment.latest_ms() < now_ms - i64::from(days) * DAY_MS
        };
        let tiers = Tier::ALL.into_iter().flat_map(|tier| archive.sealed(tier));
        let old: Vec<Arc<Segment>> = tiers.filter(old).cloned().collect();
        if !old.is_empty() {
            self.archive(|archive| without(archive, &old), false);
            tracing::info!(files = old.len(), "history past its time was dropped");
        }
        old.iter().try_for_each(|segment| self.folder.remove(segment))
    }

    fn archive(&self, change: impl FnOnce(&mut Archive), flushed: bool) {
        self.change(|view| {
            change(Arc::make_mut(&mut view.archive));
            if flushed {
                view.frozen = None;
            }
        });
    }
}

/// Writes the open chunks of a generation as a run; `None` if there are none.
pub(super) fn write_run(
    folder: &Folder,
    generation: &Generation,
    forgotten: &HashSet<u64>,
) -> io::Result<Option<Run>> {
    let path = folder.run(generation.number);
    let mut writer = SegmentWriter::create(&path, Tier::Raw, generation.opened_ms)?;
    generation.open().write(&mut writer, forgotten)?;
    let Some(path) = writer.finish()? else { return Ok(None) };
    path.parent().map_or(Ok(()), crate::stats::folder::sync_dir)?;
    let segment = Arc::new(Segment::open(&path)?);
    Ok(Some(Run { generation: generation.number, segment }))
}

fn commit_or_drop(any: bool, draft: &Path, first: u64, last: u64) -> io::Result<Option<Unit>> {
    if any {
        return Folder::commit(draft, first, last).map(Some);
    }
    fs::remove_dir_all(draft)?;
    Ok(None)
}

fn holds_any(unit: &Unit, devices: &HashSet<u64>) -> io::Result<bool> {
    for segment in &unit.segments {
        for device in devices {
            if !segment.properties(*device)?.is_empty() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Takes segments out of an archive, and units that have none left.
fn without(archive: &mut Archive, gone: &[Arc<Segment>]) {
    for units in [&mut archive.days, &mut archive.hours] {
        for unit in units.iter_mut() {
            unit.segments.retain(|segment| !gone.iter().any(|gone| Arc::ptr_eq(gone, segment)));
        }
        units.retain(|unit| !unit.segments.is_empty());
    }
}

/// The retention in a segment's name, `<tier>.<retention>.seg`.
fn retention_number(segment: &Segment) -> u8 {
    let name = segment.path().file_stem().and_then(|stem| stem.to_str());
    name.and_then(|name| name.split_once('.')?.1.parse().ok()).unwrap_or(0)
}

//! The folder of the history: which files there are, and which of them count after a crash.
//!
//! ```text
//! wal/<generation>.wal                   what arrived last; one is written, one may be waiting
//! runs/<generation>.seg                  readings of one generation, until their day is over
//! days/<first>-<last>/raw.<r>.seg        readings of the generations of a day, by retention r
//!                     minute.<r>.seg     their roll-ups
//!                     hour.<r>.seg
//! hours/<first>-<last>/hour.<r>.seg      the hours of many days in one
//! forgotten                              devices that were deleted
//! classes                                kinds that are kept for times of their own
//! ```
//! Every step from a line to the next becomes true by one rename. What it replaced is removed
//! afterwards, or at the next start: generations are numbered, so that it is known for garbage.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::segment::{Segment, Tier};

/// A generation's readings on disk.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) generation: u64,
    pub(super) segment: Arc<Segment>,
}

/// Segments that were made together of the generations `first..=last`.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) segments: Vec<Arc<Segment>>,
}

impl Unit {
    const fn covers(&self, first: u64, last: u64) -> bool {
        self.first <= first && last <= self.last
    }
}

/// All immutable files, each reading in exactly one of them for each tier.
#[derive(Debug, Clone, Default)]
pub(super) struct Archive {
    pub(super) runs: Vec<Run>,
    pub(super) days: Vec<Unit>,
    pub(super) hours: Vec<Unit>,
}

impl Archive {
    /// The sealed segments of a tier, oldest first; runs aren't among them.
    pub(super) fn sealed(&self, tier: Tier) -> impl Iterator<Item = &Arc<Segment>> {
        let units = self.hours.iter().chain(&self.days);
        units.flat_map(|unit| &unit.segments).filter(move |segment| segment.tier() == tier)
    }

    /// All segments.
    pub(super) fn segments(&self) -> impl Iterator<Item = &Arc<Segment>> {
        let sealed = self.hours.iter().chain(&self.days).flat_map(|unit| &unit.segments);
        sealed.chain(self.runs.iter().map(|run| &run.segment))
    }
}

/// The folder itself.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder and its rooms where they are missing.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        for room in ["wal", "runs", "days", "hours"] {
            fs::create_dir_all(root.join(room))?;
        }
        Ok(Self(root.to_owned()))
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    pub(super) fn wal(&self, generation: u64) -> PathBuf {
        self.0.join("wal").join(format!("{generation:010}.wal"))
    }

    pub(super) fn run(&self, generation: u64) -> PathBuf {
        self.0.join("runs").join(format!("{generation:010}.seg"))
    }

    pub(super) fn forgotten(&self) -> PathBuf {
        self.0.join("forgotten")
    }

    /// A place to make a unit in; [`Self::commit`] gives it its name.
    pub(super) fn draft(&self, room: &str, first: u64, last: u64) -> io::Result<PathBuf> {
        let draft = self.0.join(room).join(format!("{first:010}-{last:010}.tmp"));
        if draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        fs::create_dir(&draft)?;
        Ok(draft)
    }

    /// Makes a draft a unit of the archive, durably.
    pub(super) fn commit(draft: &Path, first: u64, last: u64) -> io::Result<Unit> {
        sync_dir(draft)?;
        let dir = draft.with_extension("");
        fs::rename(draft, &dir)?;
        if let Some(room) = dir.parent() {
            sync_dir(room)?;
        }
        Ok(Unit { first, last, segments: open_segments(&dir)? })
    }

    /// Removes a segment's file, and its unit's folder when it was the last in it.
    pub(super) fn remove(&self, segment: &Segment) -> io::Result<()> {
        fs::remove_file(segment.path())?;
        if let Some(dir) = segment.path().parent()
            && dir.parent().is_some_and(|room| room != self.0)
            && fs::read_dir(dir)?.next().is_none()
        {
            fs::remove_dir(dir)?;
        }
        Ok(())
    }

    /// Opens all that counts and removes all that doesn't: unfinished work, and what has been
    /// replaced. Returns the generations of which only the log exists, oldest first.
    pub(super) fn load(&self) -> io::Result<(Archive, Vec<u64>)> {
        let mut hours = self.units("hours")?;
        let spans: Vec<_> = hours.iter().map(|unit| (unit.first, unit.last)).collect();
        hours.retain(|unit| {
            let replaced = spans.iter().any(|(first, last)| {
                (*first, *last) != (unit.first, unit.last)
                    && *first <= unit.first
                    && unit.last <= *last
            });
            if replaced {
                self.discard(unit.segments.iter());
            }
            !replaced
        });
        let mut days = self.units("days")?;
        for day in &mut days {
            if hours.iter().any(|unit| unit.covers(day.first, day.last)) {
                let old = day.segments.extract_if(.., |segment| segment.tier() == Tier::Hour);
                self.discard(old.collect::<Vec<_>>().iter());
            }
        }
        days.retain(|day| !day.segments.is_empty());
        let sealed = |generation: u64| {
            days.iter().chain(&hours).any(|unit| unit.covers(generation, generation))
        };
        let mut runs = Vec::new();
        for (generation, path) in files(&self.0.join("runs"), "seg")? {
            if sealed(generation) {
                fs::remove_file(path)?;
            } else if let Some(segment) = open_segment(&path)? {
                runs.push(Run { generation, segment });
            }
        }
        let mut logs = Vec::new();
        for (generation, path) in files(&self.0.join("wal"), "wal")? {
            if sealed(generation) || runs.iter().any(|run| run.generation == generation) {
                fs::remove_file(path)?;
            } else {
                logs.push(generation);
            }
        }
        Ok((Archive { runs, days, hours }, logs))
    }

    fn discard<'a>(&self, segments: impl Iterator<Item = &'a Arc<Segment>>) {
        for segment in segments {
            if let Err(error) = self.remove(segment) {
                tracing::warn!(%error, file = ?segment.path(), "a replaced segment stays");
            }
        }
    }

    fn units(&self, room: &str) -> io::Result<Vec<Unit>> {
        let mut units = Vec::new();
        for entry in fs::read_dir(self.0.join(room))? {
            let dir = entry?.path();
            if dir.extension().is_some_and(|extension| extension == "tmp") {
                fs::remove_dir_all(&dir)?;
                continue;
            }
            let name = dir.file_name().and_then(|name| name.to_str()).and_then(|name| {
                let (first, last) = name.split_once('-')?;
                Some((first.parse().ok()?, last.parse().ok()?))
            });
            let Some((first, last)) = name else { continue };
            units.push(Unit { first, last, segments: open_segments(&dir)? });
        }
        units.sort_by_key(|unit| unit.first);
        Ok(units)
    }
}

/// The files of a room that are named by a generation, in its order. Unfinished ones are removed.
fn files(dir: &Path, extension: &str) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let found = path.extension().and_then(|found| found.to_str());
        if found == Some("tmp") {
            fs::remove_file(&path)?;
        } else if found == Some(extension)
            && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            && let Ok(generation) = stem.parse()
        {
            files.push((generation, path));
        }
    }
    files.sort();
    Ok(files)
}

fn open_segments(dir: &Path) -> io::Result<Vec<Arc<Segment>>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            segments.extend(open_segment(&path)?);
        }
    }
    Ok(segments)
}

/// Opens a segment; one that is damaged beyond reading is put aside under another name.
fn open_segment(path: &Path) -> io::Result<Option<Arc<Segment>>> {
    match Segment::open(path) {
        Ok(segment) => Ok(Some(Arc::new(segment))),
        Err(error) if is_damage(&error) => {
            tracing::error!(%error, file = ?path, "a damaged segment is put aside");
            fs::rename(path, path.with_extension("damaged"))?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// Makes names in a folder durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

//! The engine: takes readings in and answers questions, on one folder. It blocks; who calls it
//! has a thread for that.

use std::collections::{BTreeSet, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::folder::{Archive, Folder, sync_dir};
use super::generation::Generation;
use super::query::{self, Answer};
use super::segment::Tier;
use super::wal::Frame;
use super::{History, Query, Reading, Retention, StatsConfig, StatsError};

mod chores;
mod snapshot;

pub(super) const DAY_MS: i64 = 86_400_000;
/// How long it waits before it tries again to begin a log on a disk that refused.
const RETRY_MS: i64 = 1_000;

/// What is counted, over all restarts of the process.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) offered: AtomicU64,
    pub(super) kept: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) dropped_queue: AtomicU64,
    pub(super) dropped_disk: AtomicU64,
    pub(super) disk_errors: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// All that there is at one moment.
#[derive(Debug, Clone)]
struct View {
    active: Arc<Generation>,
    /// The generation before, until it is a run.
    frozen: Option<Arc<Generation>>,
    archive: Arc<Archive>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Engine {
    folder: Folder,
    config: StatsConfig,
    counters: Arc<Counters>,
    view: RwLock<View>,
    forgotten: RwLock<HashSet<u64>>,
    retry_ms: AtomicI64,
    /// Held by whoever does the chores.
    chores: Mutex<()>,
    /// Held while readings are taken in, and while a generation begins: none may be on its way
    /// into the one before.
    intake: Mutex<()>,
}

impl Engine {
    /// Opens the history of a folder and reads back what its logs hold.
    pub(super) fn open(
        root: &Path,
        config: StatsConfig,
        counters: Arc<Counters>,
        now_ms: i64,
    ) -> io::Result<Self> {
        let folder = Folder::open(root)?;
        let (mut archive, logs) = folder.load()?;
        let forgotten = load_forgotten(&folder)?;
        let mut generations = Vec::new();
        for number in &logs {
            let path = folder.wal(*number);
            match Generation::recover(&path)? {
                Some(generation) => generations.push(generation),
                None => std::fs::remove_file(path)?,
            }
        }
        let units = archive.days.iter().chain(&archive.hours).map(|unit| unit.last);
        let newest = units.chain(archive.runs.iter().map(|run| run.generation)).chain(logs).max();
        let active = match generations.pop() {
            Some(generation) => generation,
            None => begin(&folder, newest.map_or(1, |newest| newest + 1), now_ms)?,
        };
        // The one before the newest was waiting to become a run, and goes on waiting: so a start
        // need not write.
        let frozen = generations.pop().map(Arc::new);
        for generation in &generations {
            archive.runs.extend(chores::write_run(&folder, generation, &forgotten)?);
            std::fs::remove_file(folder.wal(generation.number))?;
        }
        archive.runs.sort_by_key(|run| run.generation);
        let view = View { active: Arc::new(active), frozen, archive: Arc::new(archive) };
        Ok(Self {
            folder,
            config,
            counters,
            view: RwLock::new(view),
            forgotten: RwLock::new(forgotten),
            retry_ms: AtomicI64::new(i64::MIN),
            chores: Mutex::new(()),
            intake: Mutex::new(()),
        })
    }

    /// Takes readings in: they are with the operating system when it returns, and every question
    /// asked from then on finds them. What a failing disk costs is counted.
    pub(super) fn take(&self, readings: &[Reading], now_ms: i64, frame: &mut Frame) {
        let _alone = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        self.rotate(now_ms);
        let active = self.view().active;
        if active.is_broken() || active.open().readings() >= self.config.generation_readings_max {
            Counters::add(&self.counters.dropped_disk, readings.len() as u64);
            return;
        }
        let taken = active.take(readings, now_ms, frame);
        Counters::add(&self.counters.kept, taken.kept);
        Counters::add(&self.counters.refused, taken.refused);
        Counters::add(&self.counters.dropped_disk, taken.dropped);
    }

    /// Begins the next generation if this one is full, broken or of another day, unless the one
    /// before still waits for the disk.
    pub(super) fn rotate_if_due(&self, now_ms: i64) {
        let _alone = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        self.rotate(now_ms);
    }

    fn rotate(&self, now_ms: i64) {
        let View { active, frozen, .. } = self.view();
        let due = active.is_broken()
            || active.open().readings() >= self.config.generation_readings_max
            || day(active.opened_ms) != day(now_ms);
        let waits = now_ms < self.retry_ms.load(Ordering::Relaxed);
        if !due || frozen.is_some() || waits {
            return;
        }
        match begin(&self.folder, active.number + 1, now_ms) {
            Ok(next) => {
                self.change(|view| {
                    view.frozen = Some(std::mem::replace(&mut view.active, Arc::new(next)));
                });
                self.retry_ms.store(i64::MIN, Ordering::Relaxed);
            }
            Err(error) => {
                Counters::add(&self.counters.disk_errors, 1);
                self.retry_ms.store(now_ms + RETRY_MS, Ordering::Relaxed);
                tracing::warn!(%error, "no new log for history");
            }
        }
    }

    /// Brings what was taken in so far to the disk.
    pub(super) fn sync(&self) {
        let View { active, frozen, .. } = self.view();
        for generation in frozen.iter().chain([&active]) {
            if let Err(error) = generation.sync() {
                Counters::add(&self.counters.disk_errors, 1);
                tracing::warn!(%error, "history isn't on the disk");
            }
        }
    }

    /// Answers a question.
    pub(super) fn query(&self, query: &Query, now_ms: i64) -> Result<History, StatsError> {
        let retention = Retention::of(&self.config.retention, query.retention);
        let plan = query::plan(query, retention, now_ms);
        let mut answer = Answer::new(plan, query.from_ms, query.to_ms);
        if self.is_forgotten(query.device) {
            return answer.finish();
        }
        let (from_ms, to_ms) = answer.span();
        // In the order of arrival, so that of two readings at one moment the later one counts.
        let View { active, frozen, archive } = self.view();
        for segment in archive.sealed(plan.tier) {
            if segment.overlaps(from_ms, to_ms) {
                segment.chunks(query.device, &query.property, |bytes| match plan.tier {
                    Tier::Raw => answer.readings(bytes),
                    Tier::Minute | Tier::Hour => answer.buckets(bytes),
                })?;
            }
        }
        for run in &archive.runs {
            if run.segment.overlaps(from_ms, to_ms) {
                run.segment.chunks(query.device, &query.property, |bytes| {
                    answer.readings(bytes);
                })?;
            }
        }
        for generation in frozen.iter().chain([&active]) {
            let chunks = generation.open().chunks(query.device, &query.property);
            for bytes in &chunks {
                answer.readings(bytes);
            }
        }
        answer.finish()
    }

    /// The properties of which a device has any history, by name.
    pub(super) fn properties(&self, device: u64) -> io::Result<Vec<Arc<str>>> {
        let mut names = BTreeSet::new();
        if !self.is_forgotten(device) {
            let View { active, frozen, archive } = self.view();
            for generation in frozen.iter().chain([&active]) {
                names.extend(generation.open().properties(device));
            }
            for segment in archive.segments() {
                names.extend(segment.properties(device)?);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Forgets a deleted device: at once for questions, on the disk with the files it is in.
    pub(super) fn forget(&self, device: u64) -> io::Result<()> {
        if !self.forgotten.write().unwrap_or_else(PoisonError::into_inner).insert(device) {
            return Ok(());
        }
        let mut line = Vec::from(device.to_le_bytes());
        line.extend_from_slice(&crc32c::crc32c(&line).to_le_bytes());
        let path = self.folder.forgotten();
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(&line)?;
        file.sync_data()
    }

    fn is_forgotten(&self, device: u64) -> bool {
        self.forgotten.read().unwrap_or_else(PoisonError::into_inner).contains(&device)
    }

    fn forgotten(&self) -> HashSet<u64> {
        self.forgotten.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
    }
}

fn begin(folder: &Folder, number: u64, now_ms: i64) -> io::Result<Generation> {
    let path = folder.wal(number);
    let generation = Generation::create(&path, number, now_ms)?;
    path.parent().map_or(Ok(()), sync_dir)?;
    Ok(generation)
}

/// The devices deleted so far: 8 bytes and a checksum each. A torn line at the end was never
/// acknowledged; one in the middle is passed over.
fn load_forgotten(folder: &Folder) -> io::Result<HashSet<u64>> {
    let bytes = match std::fs::read(folder.forgotten()) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        Err(error) => return Err(error),
    };
    let (lines, torn) = bytes.as_chunks::<12>();
    if !torn.is_empty() {
        let whole = (bytes.len() - torn.len()) as u64;
        File::options().write(true).open(folder.forgotten())?.set_len(whole)?;
    }
    let device = |line: &[u8; 12]| {
        let (device, crc) = line.split_first_chunk::<8>()?;
        (crc32c::crc32c(device).to_le_bytes() == *crc).then(|| u64::from_le_bytes(*device))
    };
    Ok(lines.iter().filter_map(device).collect())
}

/// The day of a time, in UTC.
const fn day(t_ms: i64) -> i64 {
    t_ms.div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests;

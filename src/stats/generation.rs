//! A generation: a write-ahead log and the open chunks of what is in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Reading;
use super::open::{OpenChunks, Place};
use super::wal::{self, Disk, Frame};

/// What became of readings: kept, or refused because they can't be (see [`OpenChunks::place`]),
/// or dropped because the disk failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) kept: u64,
    pub(super) refused: u64,
    pub(super) dropped: u64,
}

/// One generation. One thread writes it, any may read.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) opened_ms: i64,
    log: File,
    log_bytes: AtomicU64,
    /// Something was written that isn't on the disk yet.
    dirty: AtomicBool,
    /// The log can't be trusted with more; its readings are still here.
    broken: AtomicBool,
    open: RwLock<OpenChunks>,
}

impl Generation {
    /// Begins a generation with a new log.
    pub(super) fn create(path: &Path, number: u64, opened_ms: i64) -> io::Result<Self> {
        let log = File::create(path)?;
        if let Err(error) = wal::write_header(&log, number, opened_ms) {
            fs::remove_file(path)?;
            return Err(error);
        }
        Ok(Self {
            number,
            opened_ms,
            log,
            log_bytes: AtomicU64::new(wal::HEADER_BYTES),
            dirty: AtomicBool::new(true),
            broken: AtomicBool::new(false),
            open: RwLock::default(),
        })
    }

    /// Reads a log back and continues it where it is whole; `None` if it never got a header.
    pub(super) fn recover(path: &Path) -> io::Result<Option<Self>> {
        let mut open = OpenChunks::default();
        let bytes = fs::read(path)?;
        let Some(replayed) = wal::replay(&bytes, &mut open) else { return Ok(None) };
        let torn_bytes = bytes.len() as u64 - replayed.whole_bytes;
        if torn_bytes > 0 {
            tracing::warn!(torn_bytes, log = ?path, "the end of a log was torn by a crash");
        }
        let log = OpenOptions::new().write(true).open(path)?;
        (&log).cut(replayed.whole_bytes)?;
        Ok(Some(Self {
            number: replayed.generation,
            opened_ms: replayed.opened_ms,
            log,
            log_bytes: AtomicU64::new(replayed.whole_bytes),
            dirty: AtomicBool::new(true),
            broken: AtomicBool::new(false),
            open: RwLock::new(open),
        }))
    }

    /// Writes readings to the log and then takes them in; all that the log refuses are dropped.
    pub(super) fn take(&self, readings: &[Reading], now_ms: i64, frame: &mut Frame) -> Taken {
        let mut taken = Taken::default();
        let mut places: Vec<Place> = Vec::with_capacity(readings.len());
        let before;
        frame.clear(now_ms);
        {
            let mut open = self.write();
            before = open.series_count();
            for reading in readings {
                let Some(place) = open.place(reading) else {
                    taken.refused += 1;
                    continue;
                };
                if place.new
                    && let Some(definition) = open.definition(place.number)
                {
                    frame.define(place.number, definition);
                }
                frame.reading(place.number, place.sample);
                places.push(place);
            }
        }
        if frame.is_empty() {
            return taken;
        }
        match wal::append(&self.log, self.log_bytes.load(Ordering::Relaxed), frame) {
            Ok(log_bytes) => {
                self.log_bytes.store(log_bytes, Ordering::Relaxed);
                self.dirty.store(true, Ordering::Release);
                let mut open = self.write();
                for place in &places {
                    open.push(place.number, place.sample);
                }
                taken.kept = places.len() as u64;
            }
            Err(broken) => {
                self.broken.fetch_or(broken, Ordering::Relaxed);
                self.write().retract(before);
                taken.dropped = places.len() as u64;
            }
        }
        taken
    }

    /// Brings the log to the disk, if it isn't there.
    ///
    /// # Errors
    /// What the disk says. What was written before may or may not survive a power cut then, so
    /// the generation counts as broken: the next one takes over and this one goes to a segment.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.dirty.swap(false, Ordering::AcqRel)
            && let Err(error) = self.log.sync_data()
        {
            self.broken.store(true, Ordering::Relaxed);
            self.dirty.store(true, Ordering::Release);
            return Err(error);
        }
        Ok(())
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    pub(super) fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn open(&self) -> RwLockReadGuard<'_, OpenChunks> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, OpenChunks> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(device: u64, t_ms: i64) -> Reading {
        let (property, value) = ("water_c".into(), f64::from(u8::try_from(device).unwrap()));
        Reading { device, property, digits: 2, retention: 0, t_ms, value }
    }

    fn readings(generation: &Generation) -> u64 {
        generation.open().readings()
    }

    #[test]
    fn a_log_cut_anywhere_comes_back_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.wal");
        let mut frame = Frame::default();
        let generation = Generation::create(&path, 3, 50).unwrap();
        for i in 0..4 {
            let batch = [reading(1, i), reading(u64::try_from(i).unwrap(), i)];
            let taken = generation.take(&batch, i, &mut frame);
            assert_eq!(taken, Taken { kept: 2, ..Taken::default() });
        }
        drop(generation);
        let whole = fs::read(&path).unwrap();
        for len in 28..=whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            let back = Generation::recover(&path).unwrap().unwrap();
            let before = readings(&back);
            assert_eq!((back.number, back.opened_ms, before % 2), (3, 50, 0));
            back.take(&[reading(2, 100), reading(9, 100)], 100, &mut frame);
            drop(back);
            let back = Generation::recover(&path).unwrap().unwrap();
            assert_eq!(readings(&back), before + 2);
        }
        fs::write(&path, &whole[..27]).unwrap();
        assert!(Generation::recover(&path).unwrap().is_none());
    }
}

//! A consistent copy of the history while it runs, for backups.

use std::fs;
use std::io;
use std::path::Path;

use super::{Engine, View};
use crate::stats::Totals;
use crate::stats::classes;
use crate::stats::folder::sync_dir;

/// Files may go while they are copied; then what took their place is copied.
const ATTEMPTS_MAX: u32 = 10;

impl Engine {
    /// Copies everything that was taken in when it was called into `to`, an empty folder; by hard
    /// links where that is possible. A server started on it answers the same questions.
    ///
    /// # Errors
    /// What the disk says; `to` is incomplete then.
    pub(in crate::stats) fn snapshot(&self, to: &Path) -> io::Result<()> {
        let mut result = Ok(());
        for _ in 0..ATTEMPTS_MAX {
            result = self.try_snapshot(to);
            match &result {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(()) | Err(_) => break,
            }
        }
        result
    }

    /// What an attempt before left behind does no harm: it has been replaced by what is here now,
    /// and a start removes it.
    fn try_snapshot(&self, to: &Path) -> io::Result<()> {
        let View { active, frozen, archive } = self.view();
        let root = self.folder.root();
        fs::create_dir_all(to)?;
        let mut copied = vec![to.to_owned()];
        for segment in archive.segments() {
            let place = segment.path().strip_prefix(root).map_err(io::Error::other)?;
            let target = to.join(place);
            if let Some(dir) = target.parent() {
                fs::create_dir_all(dir)?;
                copied.push(dir.to_owned());
            }
            if !target.exists() && fs::hard_link(segment.path(), &target).is_err() {
                copy(segment.path(), &target)?;
            }
        }
        fs::create_dir_all(to.join("wal"))?;
        for generation in frozen.iter().chain([&active]) {
            let log = self.folder.wal(generation.number);
            let name = log.file_name().unwrap_or_default();
            copy(&log, &to.join("wal").join(name))?;
        }
        for name in ["forgotten", classes::FILE] {
            if root.join(name).exists() {
                copy(&root.join(name), &to.join(name))?;
            }
        }
        copied.dedup();
        copied.iter().try_for_each(|dir| sync_dir(dir))
    }

    /// What there is and what was counted.
    pub(in crate::stats) fn totals(&self) -> Totals {
        let View { active, frozen, archive } = self.view();
        let (mut readings_open, mut series_open, mut memory_bytes, mut log_bytes) = (0, 0, 0, 0);
        for generation in frozen.iter().chain([&active]) {
            let open = generation.open();
            readings_open += open.readings();
            series_open += open.series_count() as u64;
            memory_bytes += open.memory_bytes() as u64;
            log_bytes += generation.log_bytes();
        }
        Totals {
            damaged_chunks: archive.segments().map(|segment| segment.damaged()).sum(),
            readings_open,
            series_open,
            memory_bytes,
            log_bytes,
            segment_bytes: archive.segments().map(|segment| segment.bytes()).sum(),
            segments: archive.segments().count() as u64,
            ..Totals::counted(&self.counters)
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    fs::File::open(to)?.sync_all()
}

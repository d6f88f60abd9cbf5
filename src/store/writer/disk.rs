//! The engine on disk: sled 0.34.7 inside its rails. The only file that names it.
//!
//! The rails, each measured (docs/decisions/0003-sled-inside-its-rails.md):
//! - `flush()` only hands the log to the kernel: `sync_data()` on its file makes it durable.
//! - No row over 2 KiB: larger ones leave the log for files that are never synced.
//! - The first failed write poisons an open tree for good: it must be opened again.
//! - Its garbage, buffers of 512 KiB among it, is collected too slowly: after 300,000 rows
//!   808 MB were resident, 85 MB with a few steps of the collector after each group.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::engine::{Engine, Failure};
use super::parts::Row;
use crate::store::OpenError;
use crate::store::batch::Written;
use crate::store::key::Key;

/// Most bytes of pages that the engine keeps in memory. Its own default is a gigabyte.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// Rows whose garbage one step of the collector takes away with ease.
const ROWS_COLLECTED: usize = 128;
/// Free space below which nothing is written: room for the largest groups in the log, and for
/// those who share the disk. A checkpoint that finds less fails, and loses nothing.
const FREE_BYTES_MIN: u64 = 8 * 1024 * 1024;
/// What a probe writes to see whether the disk takes anything: more than hides in a block.
const PROBE: &[u8] = &[0; 64 * 1024];
/// How long to wait for a lock on the log: a process that is just ending, or the engine's own
/// threads after a failure, let go of it within moments.
const LET_GO_TIMEOUT: Duration = Duration::from_secs(2);
/// How often to look whether they have.
const LET_GO_POLL: Duration = Duration::from_millis(10);

/// The engine's log in its folder.
const LOG_FILE: &str = "db";
/// The engine's settings in its folder.
const CONF_FILE: &str = "conf";

/// A folder with a sled tree in it.
pub(crate) struct Disk {
    folder: PathBuf,
    opened: Option<Opened>,
    /// The kernel may hold pages as clean that the disk never got.
    pages_lost: AtomicBool,
}

struct Opened {
    tree: sled::Db,
    log: File,
}

impl Disk {
    /// Opens the store in `folder`, or makes an empty one.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if another process has it open.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let cannot =
            |error: io::Error| OpenError::Disk { path: folder.into(), reason: error.to_string() };
        make_private_folder(folder).map_err(cannot)?;
        let tree = open_tree(folder).map_err(|error| match error {
            error if is_locked(&error) => OpenError::InUse { path: folder.into() },
            error => OpenError::Disk { path: folder.into(), reason: error.to_string() },
        })?;
        let log = settle(folder).map_err(cannot)?;
        Ok(Self {
            folder: folder.into(),
            opened: Some(Opened { tree, log }),
            pages_lost: AtomicBool::new(false),
        })
    }

    fn opened(&self) -> Result<&Opened, Failure> {
        self.opened.as_ref().ok_or_else(|| Failure("the store is being opened again".into()))
    }

    /// Notes what kind of failure it was: a disk that is full or read-only refuses before anything
    /// happens; after any other one the kernel's pages and the disk may differ.
    fn failed(&self, error: &io::Error) -> Failure {
        let refused = matches!(
            error.kind(),
            ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::FileTooLarge
                | ErrorKind::ReadOnlyFilesystem
        );
        if !refused {
            self.pages_lost.store(true, Ordering::Relaxed);
        }
        Failure(error.to_string())
    }

    fn tree_failed(&self, error: &sled::Error) -> Failure {
        if let sled::Error::Io(error) = error {
            return self.failed(error);
        }
        Failure(error.to_string())
    }

    /// Writes to a file (with a hole in it) just beyond where the log ends, and syncs it: whether
    /// the disk takes what a log that is opened again will write.
    fn probe(&self) -> io::Result<()> {
        let end = fs::metadata(self.folder.join(LOG_FILE))?.len();
        let path = self.folder.join("probe");
        let written = File::create(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(end))?;
            file.write_all(PROBE)?;
            file.sync_data()
        });
        let removed = fs::remove_file(&path);
        written.and(removed)
    }

    /// Writes the log anew from what the kernel holds. After a failed sync its pages count as
    /// clean though the disk never got them, and no later sync would write them: a copy does.
    fn rewrite_log(&self) -> io::Result<()> {
        let (log, copy) = (self.folder.join(LOG_FILE), self.folder.join("db.rewritten"));
        fs::copy(&log, &copy)?;
        File::open(&copy)?.sync_all()?;
        fs::rename(&copy, &log)?;
        sync_folder(&self.folder)
    }
}

impl Engine for Disk {
    fn get(&self, key: &Key) -> Result<Written, Failure> {
        let found = self.opened()?.tree.get(key.as_bytes());
        Ok(found.map_err(|error| Failure(error.to_string()))?.map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, Failure> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let from = match after {
            Some(after) => Excluded(after.as_bytes()),
            None => Included(prefix.as_bytes()),
        };
        let mut rows = Vec::new();
        for row in self.opened()?.tree.range::<&[u8], _>((from, Unbounded)).take(limit) {
            let (key, value) = row.map_err(|error| Failure(error.to_string()))?;
            if !key.starts_with(prefix.as_bytes()) {
                break;
            }
            rows.push((Key::from_bytes(&key), value.to_vec()));
        }
        Ok(rows)
    }

    fn ready(&self) -> Result<(), Failure> {
        match fs2::available_space(&self.folder) {
            Ok(free) if free < FREE_BYTES_MIN => {
                Err(Failure(format!("the disk is full: {free} bytes are left")))
            }
            // Where the question isn't answered, the write itself will tell.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn apply(&self, rows: &[Row]) -> Result<(), Failure> {
        let mut batch = sled::Batch::default();
        for (key, value) in rows {
            match value {
                Some(value) => batch.insert(key.as_bytes(), value.as_slice()),
                None => batch.remove(key.as_bytes()),
            }
        }
        self.opened()?.tree.apply_batch(batch).map_err(|error| self.tree_failed(&error))?;
        // Twice at least: what is thrown away now can be freed two steps later.
        for _ in 0..2 + rows.len() / ROWS_COLLECTED {
            crossbeam_epoch::pin().flush();
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Failure> {
        let opened = self.opened()?;
        opened.tree.flush().map_err(|error| self.tree_failed(&error))?;
        opened.log.sync_data().map_err(|error| self.failed(&error))
    }

    /// A write that fails on one of the engine's own threads isn't told to a `flush` that already
    /// waits for it. A second `flush` finds the error, and tells them both.
    fn nudge(&self) {
        if let Ok(opened) = self.opened() {
            // The one that waits reports the error.
            drop(opened.tree.flush());
        }
    }

    fn recover(&mut self) -> Result<(), Failure> {
        self.ready()?;
        self.probe()?;
        self.opened = None;
        if self.pages_lost.load(Ordering::Relaxed) {
            self.rewrite_log()?;
        }
        let tree = open_tree(&self.folder).map_err(|error| Failure(error.to_string()))?;
        let log = settle(&self.folder)?;
        self.pages_lost.store(false, Ordering::Relaxed);
        self.opened = Some(Opened { tree, log });
        Ok(())
    }

    fn copy_to(&self, to: &Path) -> Result<(), Failure> {
        make_private_folder(to)?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let copy = to.join(entry.file_name());
                fs::copy(entry.path(), &copy)?;
                File::open(&copy)?.sync_all()?;
            }
        }
        Ok(sync_folder(to)?)
    }
}

fn open_tree(folder: &Path) -> sled::Result<sled::Db> {
    let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let since = Instant::now();
    loop {
        match config.open() {
            Err(error) if is_locked(&error) && since.elapsed() < LET_GO_TIMEOUT => {
                thread::sleep(LET_GO_POLL);
            }
            opened => return opened,
        }
    }
}

/// The engine says it in words only.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

/// Makes the files that `open_tree` may have made durable, names and all, and gives the log.
fn settle(folder: &Path) -> io::Result<File> {
    File::open(folder.join(CONF_FILE))?.sync_all()?;
    let log = OpenOptions::new().read(true).write(true).open(folder.join(LOG_FILE))?;
    log.sync_all()?;
    sync_folder(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)?;
    Ok(log)
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let here = Path::new(".");
    let folder = if folder.as_os_str().is_empty() { here } else { folder };
    File::open(folder)?.sync_all()
}

/// Makes `folder` for the server's own eyes: it holds the key that signs everybody's tokens.
pub(super) fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[cfg(test)]
mod tests;

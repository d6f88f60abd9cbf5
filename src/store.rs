//! The store room: what the house must not forget, behind one small door.
//!
//! Process: none of its own; the writer's thread is the only one that writes, see `store/writer`.
//! Supervised by: the root, first of its children, through `store/actor`.
//! Takes: batches, by [`Store::commit`] and [`Store::commit_then`]; reads, by anybody at any time.
//! Tells: whoever committed a batch how it ended.
//! Never: answers Ok before the disk has it; lets a name of the engine out of `store/writer`.

pub mod accounts;
pub mod actor;
pub mod audit;
pub mod certificates;
pub mod credentials;
pub mod devices;
pub mod image;
pub mod invitations;
pub mod key;
pub mod mqtt;
pub mod record;
pub mod secret;

mod batch;
mod queue;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

pub use batch::{BATCH_BYTES_MAX, BATCH_WRITES_MAX, Batch, VALUE_BYTES_MAX};
pub use key::{Key, Table};
use queue::{Answer, Job, Queue};
pub use queue::{GROUP_BYTES_MAX, GROUP_PACE, GROUP_WRITES_MAX, QUEUE_BYTES_MAX, QUEUED_BYTES_MIN};
pub use record::{BadRecord, Record};
pub use secret::{Secret, SecretHash};
pub use writer::Writer;
use writer::{Disk, Engine, Failure, Files, Folder, Limits, LogError, Shared};

/// The folder in a store's folder in which it lies while it is being restored.
pub const RESTORING: &str = "restoring";

/// Most rows in one page.
pub const PAGE_ROWS_MAX: usize = 1024;

/// The store can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the store in {} is in use: another Hearth runs on it", path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// The folder or the files in it can't be used.
    #[error("the store in {} can't be opened: {reason}", path.display())]
    Disk {
        /// The store's folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Something that was acknowledged can't be read any more. Nothing was changed.
    #[error("the log in {} is damaged: {reason}; restore a backup", path.display())]
    Damaged {
        /// The log's folder.
        path: PathBuf,
        /// Where.
        reason: String,
    },
    /// A newer release has written it.
    #[error("the store has version {found}, this release knows up to {known}: run a newer one")]
    Newer {
        /// Its version.
        found: u32,
        /// The newest version that this release understands.
        known: u32,
    },
    /// It could not be brought to this release's form. It is unchanged, or a copy lies beside it.
    #[error("the store can't be brought up to date: {reason}")]
    Migration {
        /// What stood in the way.
        reason: String,
    },
}

impl OpenError {
    fn log(folder: &Path, error: &LogError) -> Self {
        let (path, reason) = (folder.join("log"), error.to_string());
        match error {
            LogError::Damaged(_) => Self::Damaged { path, reason },
            LogError::Failed(_) => Self::Disk { path, reason },
        }
    }
}

/// How a commit can end but well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Nothing was written; it may be tried again.
    #[error("the store refused the write: {0}")]
    Refused(Arc<str>),
    /// Nothing was written: what the batch expected isn't so. Read again, then decide.
    #[error("somebody else has written it in the meantime")]
    Conflict,
    /// Written or not: reload what it touched before relying on either.
    #[error("it isn't known whether the write was kept: {0}")]
    Unknown(Arc<str>),
    /// Nothing was written: another node owns these rows now. This engine never says so.
    #[error("another node is responsible now")]
    Fenced,
}

/// A row can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not now: the disk fails, or the row's last write is in doubt.
    #[error("the store can't be read: {0}")]
    Unavailable(Arc<str>),
    /// Parts of a large value are missing.
    #[error("the row {key} is torn")]
    Torn {
        /// Which row.
        key: Key,
    },
    /// The bytes are no record of ours.
    #[error(transparent)]
    BadRecord(#[from] BadRecord),
}

impl From<Failure> for ReadError {
    fn from(Failure(reason): Failure) -> Self {
        Self::Unavailable(reason.into())
    }
}

/// What the store has done since its start, and how it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Groups that were synced, or had nothing to sync.
    pub groups: u64,
    /// Batches in them.
    pub batches: u64,
    /// Keys written.
    pub writes: u64,
    /// Writes that a later write of the same key in their group has spared.
    pub superseded: u64,
    /// Batches answered with a conflict.
    pub conflicts: u64,
    /// Batches refused: full queue, crossed limit, full or failing disk.
    pub refused: u64,
    /// Batches of which nobody knows whether they were kept.
    pub unknown: u64,
    /// Times that a broken store came back.
    pub recoveries: u64,
    /// Times that the engine was given what the log held.
    pub checkpoints: u64,
    /// Bytes that wait or are being committed.
    pub queue_bytes: u64,
    /// Memory of the rows that wait for a checkpoint, in bytes, about.
    pub overlay_bytes: u64,
    /// Why nothing can be written now, while that is so.
    pub broken: Option<String>,
}

/// A batch that was refused before it got into the queue, and who has to hear of it.
struct Turned {
    answer: Answer,
    error: CommitError,
}

impl Turned {
    /// The error, for a caller who hears of it by what is returned.
    fn away(self) -> CommitError {
        self.answer.forget();
        self.error
    }
}

/// A handle on the store. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    /// Opens the store below the folder `path`, or makes an empty one there.
    ///
    /// Reads work at once; commits wait until somebody runs the writer.
    ///
    /// # Errors
    /// [`OpenError`]; it is worded for the operator.
    pub fn open(path: &Path) -> Result<(Self, Writer), OpenError> {
        if path.join(RESTORING).exists() {
            let reason = "a restore into it was not finished: empty the folder and restore again";
            return Err(OpenError::Disk { path: path.into(), reason: reason.into() });
        }
        Self::open_with(path, Limits::DEFAULT)
    }

    fn open_with(path: &Path, limits: Limits) -> Result<(Self, Writer), OpenError> {
        let folder = path.join("control");
        let engine = Disk::open(&folder)?;
        let failed = |error: LogError| OpenError::log(&folder, &error);
        let files = Folder::open(&folder.join("log")).map_err(|error| failed(error.into()))?;
        let (store, writer) = Self::on(engine, files, QUEUE_BYTES_MAX, limits).map_err(failed)?;
        let copy = |version| path.join(format!("control.version-{version}"));
        schema::prepare(store.shared.books().engine(), copy)?;
        Ok((store, writer))
    }

    fn on(
        engine: impl Engine + 'static,
        files: impl Files + 'static,
        queue_bytes_max: usize,
        limits: Limits,
    ) -> Result<(Self, Writer), LogError> {
        let queue = Queue::new(queue_bytes_max);
        let shared = Shared::new(Box::new(engine), Box::new(files), queue, limits)?;
        let shared = Arc::new(shared);
        Ok((Self { shared: shared.clone() }, Writer::new(shared)))
    }

    /// Commits `batch`: when it is Ok, it is on disk. Waits for a place in a full queue.
    ///
    /// Batches of one caller that awaits each are written in that order. If the caller stops
    /// waiting the batch may still be written.
    ///
    /// # Errors
    /// [`CommitError`] says what is known about the batch.
    pub async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        self.check(&batch)?;
        let closed = || CommitError::Refused("the store is closed".into());
        let place = self.shared.queue.place(&batch).await.ok_or_else(closed)?;
        let (told, hears) = oneshot::channel();
        let answer = Answer::new(move |result| drop(told.send(result)));
        self.push(Job { batch, answer, place }).map_err(Turned::away)?;
        let lost = |_| CommitError::Unknown("nobody answered".into());
        hears.await.map_err(lost)?
    }

    /// Commits `batch` as [`Store::commit_then`] does, and waits for the result. `tell` hears it
    /// from whoever ends the write: a caller who goes away meanwhile leaves nobody untold.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_telling(
        &self,
        batch: Batch,
        tell: impl FnOnce(&Result<(), CommitError>) + Send + 'static,
    ) -> Result<(), CommitError> {
        let (told, hears) = oneshot::channel();
        self.commit_then(batch, move |ended| {
            tell(&ended);
            drop(told.send(ended));
        });
        hears.await.map_err(|_| CommitError::Unknown("nobody answered".into()))?
    }

    /// Waits until everything that was given to the store so far has ended, well or not.
    ///
    /// An actor that takes the place of one that was killed reads only after this: what its
    /// predecessor had on the way would else land behind its back.
    pub async fn settled(&self) {
        if let Err(error) = self.commit(Batch::new()).await {
            tracing::debug!(%error, "the store can't write now; what it has can be read");
        }
    }

    /// Commits `batch` and calls `then` with the result: on the writer's thread once it is known,
    /// or here and now if the batch is refused. Never waits.
    ///
    /// Batches given one after the other by the same thread are written in that order. `then` must
    /// be short, and must not panic or wait: everybody else's answer comes after it.
    pub fn commit_then(
        &self,
        batch: Batch,
        then: impl FnOnce(Result<(), CommitError>) + Send + 'static,
    ) {
        if let Err(Turned { answer, error }) = self.offer(batch, Answer::new(then)) {
            answer.give(Err(error));
        }
    }

    /// As [`Store::commit_then`], but a refusal that is known at once is returned, and `then` is
    /// never called: for callers that hold a lock which `then` takes too.
    ///
    /// # Errors
    /// [`CommitError::Refused`]: a limit crossed, a full queue, a closed store.
    pub fn try_commit_then(
        &self,
        batch: Batch,
        then: impl FnOnce(Result<(), CommitError>) + Send + 'static,
    ) -> Result<(), CommitError> {
        self.offer(batch, Answer::new(then)).map_err(Turned::away)
    }

    fn offer(&self, batch: Batch, answer: Answer) -> Result<(), Turned> {
        if let Err(error) = self.check(&batch) {
            return Err(Turned { answer, error });
        }
        let Some(place) = self.shared.queue.place_now(&batch) else {
            self.shared.refused(1);
            let error = CommitError::Refused("too many writes wait for the disk".into());
            return Err(Turned { answer, error });
        };
        self.push(Job { batch, answer, place })
    }

    fn check(&self, batch: &Batch) -> Result<(), CommitError> {
        match batch.fault() {
            Some(fault) => {
                self.shared.refused(1);
                Err(CommitError::Refused(fault.into()))
            }
            None => Ok(()),
        }
    }

    fn push(&self, job: Job) -> Result<(), Turned> {
        self.shared.queue.push(job).map_err(|answer| {
            self.shared.refused(1);
            Turned { answer, error: CommitError::Refused("the store is closed".into()) }
        })
    }

    /// What lies under `key`. Short, but it may touch the disk.
    ///
    /// It may show a write a moment before its writer hears that it is durable.
    ///
    /// # Errors
    /// [`ReadError`] if the row can't be read or is in doubt.
    pub fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, ReadError> {
        self.shared.books().get(key)
    }

    /// The record under `key`.
    ///
    /// # Errors
    /// [`ReadError`] if the row can't be read, is in doubt, or isn't such a record.
    pub fn record<R: Record>(&self, key: &Key) -> Result<Option<R>, ReadError> {
        let found = self.get(key)?;
        Ok(found.map(|bytes| record::decode(key, &bytes)).transpose()?)
    }

    /// Up to `limit` rows (and never more than [`PAGE_ROWS_MAX`]) whose keys begin with `prefix`,
    /// in the order of their keys, all as they were at one moment; after the key `after`, which
    /// must begin with `prefix` as well.
    ///
    /// # Errors
    /// [`ReadError`] if a row can't be read or is in doubt.
    pub fn page(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, ReadError> {
        self.shared.books().page(prefix, after, limit.min(PAGE_ROWS_MAX))
    }

    /// As [`Store::page`], with the records read.
    ///
    /// # Errors
    /// As [`Store::page`], and if a row isn't such a record.
    pub fn records<R: Record>(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, R)>, ReadError> {
        let rows = self.page(prefix, after, limit)?;
        let read = |(key, bytes): (Key, Vec<u8>)| {
            let record = record::decode(&key, &bytes)?;
            Ok((key, record))
        };
        rows.into_iter().map(read).collect()
    }

    /// What the store has done so far, for metrics and the admin page.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.shared.figures()
    }
}

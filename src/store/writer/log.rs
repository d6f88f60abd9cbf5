//! The commit log: makes a group durable with one write and one sync, long before the engine has
//! it. A checkpoint lets go of what the engine has.

mod files;
mod frame;

use std::io;

use super::engine::{Engine, Failure};
use crate::store::batch::Written;
use crate::store::key::Key;
pub(crate) use files::{Files, Folder};
pub(crate) use frame::Damage;
use frame::{Header, Kind, TooLarge};

/// Rows that the engine takes at once while a log is opened.
const ROWS_AT_ONCE: usize = 1024;
/// What the buffer for frames keeps from one to the next.
const BUFFER_BYTES: usize = 64 * 1024;

/// The log can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogError {
    /// It says less than it once did.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The disk or the engine fails.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A row, to be written.
pub(super) type Write<'a> = (&'a Key, &'a Written);

/// The log, as its one writer sees it.
pub(super) struct Log {
    files: Box<dyn Files>,
    /// Of the newest file.
    header: Header,
    next_sequence: u64,
    /// Bytes of frames in the newest file.
    bytes: usize,
    buffer: Vec<u8>,
    /// A frame failed: what the newest file ends with is in doubt until a restart.
    failed: bool,
}

impl Log {
    /// Opens the log in `files`: what it holds goes to the engine, and it begins anew.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if something that was acknowledged can't be read; nothing was changed.
    pub(super) fn open(mut files: Box<dyn Files>, engine: &dyn Engine) -> Result<Self, LogError> {
        let found = files.read()?;
        let replayed = frame::replay(found.iter().map(Vec::as_slice))?;
        for rows in replayed.rows.chunks(ROWS_AT_ONCE) {
            engine.apply(rows)?;
        }
        if !replayed.rows.is_empty() {
            engine.sync()?;
            tracing::info!(rows = replayed.rows.len(), "took over what the log held");
        }
        let header = begin(&mut *files, replayed.next)?;
        files.remove_older()?;
        Ok(Self {
            files,
            header,
            next_sequence: replayed.next,
            bytes: 0,
            buffer: Vec::new(),
            failed: false,
        })
    }

    /// Makes `rows` durable, all or none of them.
    ///
    /// # Errors
    /// After one it isn't known whether they are kept, until [`Log::restart`] has dropped them.
    pub(super) fn append<'a>(
        &mut self,
        rows: impl IntoIterator<Item = Write<'a>>,
    ) -> Result<(), Failure> {
        self.sound()?;
        self.write(Kind::Group, rows)
    }

    /// Begins a new file; a checkpoint of all that was appended until now may start.
    pub(super) fn rotate(&mut self) -> Result<(), Failure> {
        self.sound()?;
        self.begin()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.header = begin(&mut *self.files, self.next_sequence)?;
        self.bytes = 0;
        Ok(())
    }

    /// Lets go of all that was appended before the last [`Log::rotate`]: the engine has it.
    pub(super) fn release(&mut self) -> Result<(), Failure> {
        self.sound()?;
        Ok(self.files.remove_older()?)
    }

    /// After a failure: begins anew with `rows`, all that the engine doesn't have. What failed is
    /// gone when this is Ok.
    pub(super) fn restart<'a>(
        &mut self,
        rows: impl IntoIterator<Item = Write<'a>>,
    ) -> Result<(), Failure> {
        self.failed = true;
        self.begin()?;
        self.write(Kind::Whole, rows)?;
        self.release()
    }

    /// Bytes in the newest file.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn sound(&self) -> Result<(), Failure> {
        let failed = || Failure("the log must begin anew first".into());
        (!self.failed).then_some(()).ok_or_else(failed)
    }

    fn write<'a>(
        &mut self,
        kind: Kind,
        rows: impl IntoIterator<Item = Write<'a>>,
    ) -> Result<(), Failure> {
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES);
        let rows = rows.into_iter().map(|(key, value)| (key, value.as_deref()));
        self.header.frame(self.next_sequence, kind, rows, &mut self.buffer)?;
        self.failed = true;
        self.files.append(&self.buffer)?;
        self.failed = false;
        self.next_sequence += 1;
        self.bytes += self.buffer.len();
        Ok(())
    }
}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<TooLarge> for Failure {
    fn from(error: TooLarge) -> Self {
        Self(error.to_string())
    }
}

/// Begins a file with a salt of its own.
fn begin(files: &mut dyn Files, first: u64) -> Result<Header, Failure> {
    let mut salt = [0; 8];
    getrandom::fill(&mut salt).map_err(|error| Failure(error.to_string()))?;
    let header = Header::new(salt, first);
    files.begin(&header.encode())?;
    Ok(header)
}

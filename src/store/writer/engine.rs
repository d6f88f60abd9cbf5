//! What the writer asks of a storage engine. Everything above it is the same for every engine.

use std::path::Path;

use super::parts::Row;
use crate::store::batch::Written;
use crate::store::key::Key;

/// The engine couldn't do it; the reason is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(pub(crate) String);

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// An ordered map on a disk, with atomic batches and an explicit sync.
///
/// One thread writes, any number read. After `apply` or `sync` has failed nothing is known about
/// the rows of that batch until `recover` has succeeded.
pub(crate) trait Engine: Send + Sync {
    /// What lies under `key`.
    fn get(&self, key: &Key) -> Result<Written, Failure>;

    /// Up to `limit` rows whose keys begin with `prefix`, in order, from `after` on without it.
    fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, Failure>;

    /// Whether the disk has room for a group. Asked before anything is tried.
    fn ready(&self) -> Result<(), Failure>;

    /// Makes all of `rows` visible or, if the process ends here, perhaps none of them.
    fn apply(&self, rows: &[Row]) -> Result<(), Failure>;

    /// Makes everything that was applied durable.
    fn sync(&self) -> Result<(), Failure>;

    /// Called by another thread while a sync takes very long: whatever may get it going.
    fn nudge(&self) {}

    /// After a failure: comes back to what is durable, or says why it can't yet.
    fn recover(&mut self) -> Result<(), Failure>;

    /// Copies the store to the new folder `to`. Nothing may be written meanwhile.
    fn copy_to(&self, to: &Path) -> Result<(), Failure>;
}

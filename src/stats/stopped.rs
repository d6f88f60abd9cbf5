//! The history of a house that stands still, for commands that run without a server.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::classes::Classes;
use super::engine::Engine;
use super::{History, Query, StatsConfig, StatsError};

/// An open history that nobody writes to. It blocks. The store's lock keeps a server away from it.
pub struct StoppedHistory {
    engine: Engine,
    classes: Classes,
    now_ms: i64,
}

impl StoppedHistory {
    /// Opens the history in `dir` as it was at `now_ms`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(dir: &Path, mut config: StatsConfig, now_ms: i64) -> io::Result<Self> {
        let classes = Classes::load(dir, &config);
        config.retention.clone_from(&classes.retention);
        let engine = Engine::open(dir, config, Arc::default(), now_ms)?;
        Ok(Self { engine, classes, now_ms })
    }

    /// The number of the retention under which the readings of a kind fall.
    #[must_use]
    pub fn retention_of(&self, kind: &str) -> u8 {
        self.classes.number(kind)
    }

    /// As [`super::StatsHandle::query`].
    ///
    /// # Errors
    /// [`StatsError`]: more readings than fit, or the disk.
    pub fn query(&self, query: &Query) -> Result<History, StatsError> {
        self.engine.query(query, self.now_ms)
    }

    /// The properties of which a device has any history, by name.
    ///
    /// # Errors
    /// What the disk says.
    pub fn properties(&self, device: u64) -> io::Result<Vec<Arc<str>>> {
        self.engine.properties(device)
    }

    /// As [`super::StatsHandle::snapshot`].
    ///
    /// # Errors
    /// What the disk says; the copy is incomplete then.
    pub fn snapshot(&self, to: &Path) -> io::Result<()> {
        self.engine.snapshot(to)
    }
}

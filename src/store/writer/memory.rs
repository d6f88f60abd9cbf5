//! Engine and log in memory, for tests: a disk that fails when it is told to, and that forgets at a
//! crash what was not synced.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::engine::{Engine, Failure};
use super::log::Files;
use super::parts::Row;
use crate::store::batch::Written;
use crate::store::key::Key;

/// What goes wrong next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no room: nothing is tried.
    Full,
    /// Writing to the log fails before anything is written.
    Write,
    /// Syncing the log fails after everything is written.
    Sync,
    /// The writer panics after that.
    Panic,
    /// The engine takes nothing more.
    Engine,
}

/// A file of the log: what was written, and how much of it was synced.
#[derive(Default, Clone)]
struct LogFile {
    bytes: Vec<u8>,
    synced: usize,
}

#[derive(Default)]
struct Inside {
    visible: BTreeMap<Key, Vec<u8>>,
    durable: BTreeMap<Key, Vec<u8>>,
    log: Vec<LogFile>,
    fault: Option<Fault>,
    log_syncs: usize,
    engine_rows: usize,
}

/// A disk that tests can see into. A clone is the same disk.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Inside>>);

impl Memory {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// From now on this goes wrong; or nothing does.
    pub(crate) fn fail(&self, fault: Option<Fault>) {
        self.inside().fault = fault;
    }

    /// The power is cut: what was not synced is gone.
    pub(crate) fn crash(&self) {
        self.cut(|_, _| 0);
    }

    /// The power is cut. Of what the log's files hold beyond the last sync `kept` says how many
    /// bytes are left, and may change them; the engine has what was synced.
    pub(crate) fn cut(&self, mut kept: impl FnMut(&mut [u8], usize) -> usize) {
        let mut inside = self.inside();
        inside.visible = inside.durable.clone();
        for file in &mut inside.log {
            let synced = file.synced;
            let kept = kept(&mut file.bytes, synced);
            file.bytes.truncate(synced + kept);
            file.synced = file.bytes.len();
        }
        inside.fault = None;
    }

    /// What the files of the log hold.
    pub(crate) fn log(&self) -> Vec<Vec<u8>> {
        self.inside().log.iter().map(|file| file.bytes.clone()).collect()
    }

    /// How often the log was synced.
    pub(crate) fn log_syncs(&self) -> usize {
        self.inside().log_syncs
    }

    /// How many rows the engine was given.
    pub(crate) fn engine_rows(&self) -> usize {
        self.inside().engine_rows
    }

    fn unless(&self, fault: Fault) -> Result<MutexGuard<'_, Inside>, Failure> {
        let inside = self.inside();
        if inside.fault == Some(fault) {
            return Err(Failure(format!("{fault:?} fails")));
        }
        Ok(inside)
    }
}

impl Engine for Memory {
    fn get(&self, key: &Key) -> Result<Written, Failure> {
        Ok(self.inside().visible.get(key).cloned())
    }

    fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Vec<u8>)>, Failure> {
        let inside = self.inside();
        let rows = inside.visible.range(prefix.clone()..);
        let ours = rows.take_while(|(key, _)| key.as_bytes().starts_with(prefix.as_bytes()));
        let later = ours.filter(|(key, _)| after.is_none_or(|after| *key > after)).take(limit);
        Ok(later.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn ready(&self) -> Result<(), Failure> {
        self.unless(Fault::Full).map(drop)
    }

    fn apply(&self, rows: &[Row]) -> Result<(), Failure> {
        let mut inside = self.unless(Fault::Engine)?;
        inside.engine_rows += rows.len();
        for (key, value) in rows.iter().cloned() {
            match value {
                Some(value) => drop(inside.visible.insert(key, value)),
                None => drop(inside.visible.remove(&key)),
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Failure> {
        let mut inside = self.unless(Fault::Engine)?;
        inside.durable = inside.visible.clone();
        Ok(())
    }

    fn recover(&mut self) -> Result<(), Failure> {
        let mut inside = self.unless(Fault::Engine)?;
        inside.visible = inside.durable.clone();
        Ok(())
    }

    fn copy_to(&self, _: &Path) -> Result<(), Failure> {
        Ok(())
    }
}

impl Files for Memory {
    fn read(&self) -> io::Result<Vec<Vec<u8>>> {
        Ok(self.log())
    }

    fn begin(&mut self, header: &[u8]) -> io::Result<()> {
        let file = LogFile { bytes: header.to_vec(), synced: header.len() };
        self.inside().log.push(file);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inside = self.unless(Fault::Write).map_err(io::Error::other)?;
        let fault = inside.fault;
        inside.log_syncs += 1;
        let newest = inside.log.last_mut().expect("a log has a file");
        newest.bytes.extend_from_slice(bytes);
        if fault == Some(Fault::Sync) {
            return Err(io::Error::other("Sync fails"));
        }
        newest.synced = newest.bytes.len();
        assert_ne!(fault, Some(Fault::Panic), "told to");
        Ok(())
    }

    fn remove_older(&mut self) -> io::Result<()> {
        let mut inside = self.inside();
        let newest = inside.log.pop();
        inside.log = newest.into_iter().collect();
        Ok(())
    }
}

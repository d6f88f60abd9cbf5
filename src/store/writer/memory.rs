//! The engine in memory, for tests: a disk that fails when it is told to, and that forgets at a
//! crash what was not synced.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::engine::{Engine, Failure};
use super::parts::Row;
use crate::store::batch::Written;
use crate::store::key::Key;

/// What goes wrong next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no room: nothing is tried.
    Full,
    /// Writing fails before anything is visible.
    Apply,
    /// Syncing fails after everything is visible.
    Sync,
    /// The writer panics between the two.
    Panic,
}

#[derive(Default)]
struct Inside {
    visible: BTreeMap<Key, Vec<u8>>,
    durable: BTreeMap<Key, Vec<u8>>,
    fault: Option<Fault>,
    syncs: usize,
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
        let mut inside = self.inside();
        inside.visible = inside.durable.clone();
    }

    pub(crate) fn syncs(&self) -> usize {
        self.inside().syncs
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
        let mut inside = self.unless(Fault::Apply)?;
        for (key, value) in rows.iter().cloned() {
            match value {
                Some(value) => drop(inside.visible.insert(key, value)),
                None => drop(inside.visible.remove(&key)),
            }
        }
        assert_ne!(inside.fault, Some(Fault::Panic), "told to");
        Ok(())
    }

    fn sync(&self) -> Result<(), Failure> {
        let mut inside = self.unless(Fault::Sync)?;
        inside.durable = inside.visible.clone();
        inside.syncs += 1;
        Ok(())
    }

    fn recover(&mut self) -> Result<(), Failure> {
        if let Some(fault) = self.inside().fault {
            return Err(Failure(format!("{fault:?} fails")));
        }
        self.crash();
        Ok(())
    }

    fn copy_to(&self, _: &Path) -> Result<(), Failure> {
        Ok(())
    }
}

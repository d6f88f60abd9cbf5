//! The overlay: what is in the log and not yet in the engine, in memory. Reads look here first.
//!
//! Two layers: the younger takes what is committed, the older is being handed to the engine. Both
//! hide what the engine says about their keys, so nobody sees a hand-over half done. Pure.

use std::collections::BTreeMap;
use std::iter;
use std::mem;
use std::ops::Bound::{Excluded, Included, Unbounded};

use super::log::Write;
use super::parts::Row;
use crate::store::batch::Written;
use crate::store::key::Key;

/// What a row costs besides its bytes: two allocations and its share of a tree's node.
const ROW_BYTES: usize = 128;

/// Rows that became durable in the same time.
#[derive(Default)]
pub(super) struct Layer {
    rows: BTreeMap<Key, Written>,
    bytes: usize,
}

fn bytes(key: &Key, value: Option<&Written>) -> usize {
    ROW_BYTES + key.len() + value.and_then(Option::as_ref).map_or(0, Vec::len)
}

impl Layer {
    fn put(&mut self, key: &Key, value: &Written) {
        self.bytes += bytes(key, Some(value));
        if let Some(old) = self.rows.insert(key.clone(), value.clone()) {
            self.bytes = self.bytes.saturating_sub(bytes(key, Some(&old)));
        }
    }

    fn from(&self, prefix: &Key, after: Option<&Key>) -> impl Iterator<Item = Write<'_>> {
        let from = match after {
            Some(after) => Excluded(after.clone()),
            None => Included(prefix.clone()),
        };
        self.rows.range((from, Unbounded))
    }
}

/// Both layers.
#[derive(Default)]
pub(super) struct Overlay {
    younger: Layer,
    older: Layer,
}

impl Overlay {
    /// Takes rows that are durable.
    pub(super) fn put(&mut self, rows: &[Row]) {
        for (key, value) in rows {
            self.younger.put(key, value);
        }
    }

    /// What was written under `key`; `None`: ask the engine.
    pub(super) fn get(&self, key: &Key) -> Option<&Written> {
        self.younger.rows.get(key).or_else(|| self.older.rows.get(key))
    }

    /// All rows whose keys come after `after`, or else from `prefix` on; in order, as they are now.
    pub(super) fn from(
        &self,
        prefix: &Key,
        after: Option<&Key>,
    ) -> impl Iterator<Item = Write<'_>> {
        merge(self.younger.from(prefix, after), self.older.from(prefix, after))
    }

    /// All rows, each once.
    pub(super) fn rows(&self) -> impl Iterator<Item = Write<'_>> {
        merge(self.younger.rows.iter(), self.older.rows.iter())
    }

    /// Makes the younger layer the older one, to be handed over; the one before it is gone by then.
    pub(super) fn age(&mut self) {
        self.older = mem::take(&mut self.younger);
    }

    /// Up to `limit` rows of the older layer, after the key `after`.
    pub(super) fn older(&self, after: Option<&Key>, limit: usize) -> Vec<Row> {
        let from = after.map_or(Unbounded, Excluded);
        let rows = self.older.rows.range((from, Unbounded)).take(limit);
        rows.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Gives away the older layer, for the engine has it, durably. To drop it takes a while.
    pub(super) fn forget_older(&mut self) -> Layer {
        mem::take(&mut self.older)
    }

    /// Memory that the younger layer takes, in bytes, about.
    pub(super) const fn young_bytes(&self) -> usize {
        self.younger.bytes
    }

    /// Memory that both layers take, in bytes, about.
    pub(super) const fn bytes(&self) -> usize {
        self.younger.bytes + self.older.bytes
    }
}

/// Two runs of rows in the order of their keys as one: where both have a key, the `newer` counts.
pub(super) fn merge<'a, V>(
    newer: impl Iterator<Item = (&'a Key, V)>,
    older: impl Iterator<Item = (&'a Key, V)>,
) -> impl Iterator<Item = (&'a Key, V)> {
    let (mut newer, mut older) = (newer.peekable(), older.peekable());
    iter::from_fn(move || match (newer.peek(), older.peek()) {
        (Some((new, _)), Some((old, _))) if old < new => older.next(),
        (Some((new, _)), Some((old, _))) => {
            if new == old {
                older.next();
            }
            newer.next()
        }
        (Some(_), None) => newer.next(),
        (None, _) => older.next(),
    })
}

//! Topic spaces in the store: retained messages, the sessions of clients, and their queues.
//!
//! What is in them is the business of the rooms above. A topic or a client's name may be longer
//! than a key: the key has its hash, the record must hold the name itself.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::model::UserId;

use super::record::Record;
use super::{Batch, Key, PAGE_ROWS_MAX, ReadError, Store, Table};

/// Which of a topic space's rows are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// Retained messages, by topic.
    Retained,
    /// Sessions that outlive their connection, by the client's name.
    Sessions,
}

impl Shelf {
    const fn table(self) -> Table {
        match self {
            Self::Retained => Table::Retained,
            Self::Sessions => Table::SpaceSession,
        }
    }

    fn key(self, user: UserId, name: &str) -> Key {
        Key::new(self.table()).id(user.0).raw(&Sha256::digest(name))
    }
}

fn queue_key(user: UserId, client: &str) -> Key {
    Key::new(Table::SpaceQueue).id(user.0).raw(&Sha256::digest(client))
}

/// Keeps `record` under `name`; up to [`VALUE_BYTES_MAX`](super::VALUE_BYTES_MAX) bytes.
pub fn put<R: Record>(batch: &mut Batch, shelf: Shelf, user: UserId, name: &str, record: &R) {
    batch.put(shelf.key(user, name), record);
}

/// Takes away what lies under `name`.
pub fn remove(batch: &mut Batch, shelf: Shelf, user: UserId, name: &str) {
    batch.remove(shelf.key(user, name));
}

/// All of the user's records of a shelf, in no order that means anything.
///
/// # Errors
/// [`ReadError`]
pub fn all<R: Record>(store: &Store, shelf: Shelf, user: UserId) -> Result<Vec<R>, ReadError> {
    let rows = everything(store, &Key::new(shelf.table()).id(user.0))?;
    Ok(rows.into_iter().map(|(_, record)| record).collect())
}

/// Keeps a message of a client's queue under its number.
pub fn put_queued<R: Record>(
    batch: &mut Batch,
    user: UserId,
    client: &str,
    number: u64,
    record: &R,
) {
    batch.put(queue_key(user, client).id(number), record);
}

/// Takes a message out of a client's queue.
pub fn remove_queued(batch: &mut Batch, user: UserId, client: &str, number: u64) {
    batch.remove(queue_key(user, client).id(number));
}

/// A client's queue, in the order of the numbers.
///
/// # Errors
/// [`ReadError`]
pub fn queued<R: Record>(
    store: &Store,
    user: UserId,
    client: &str,
) -> Result<Vec<(u64, R)>, ReadError> {
    let prefix = queue_key(user, client);
    let rows = everything(store, &prefix)?;
    let number = |key: &Key| {
        let tail = key.as_bytes().get(prefix.len()..)?;
        Some(u64::from_be_bytes(tail.try_into().ok()?))
    };
    Ok(rows.into_iter().filter_map(|(key, record)| Some((number(&key)?, record))).collect())
}

/// The users who have sessions that outlive their connections.
///
/// # Errors
/// [`ReadError`]
pub fn users_with_sessions(store: &Store) -> Result<Vec<UserId>, ReadError> {
    let (sessions, mut after) = (Key::new(Table::SpaceSession), None);
    let mut users = BTreeSet::new();
    loop {
        let page = store.page(&sessions, after.as_ref(), PAGE_ROWS_MAX)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        users.extend(page.iter().filter_map(|(key, _)| key.fields().id()));
    }
    Ok(users.into_iter().map(UserId).collect())
}

fn everything<R: Record>(store: &Store, prefix: &Key) -> Result<Vec<(Key, R)>, ReadError> {
    let mut rows = Vec::new();
    loop {
        let after = rows.last().map(|(key, _): &(Key, R)| key.clone());
        let page = store.records(prefix, after.as_ref(), PAGE_ROWS_MAX)?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

//! Topic spaces in the store: retained messages and the sessions of clients, as bytes.
//!
//! What is in them is the business of the rooms above. A topic or a client's name may be longer
//! than a key: the key has its hash, the value must hold the name itself.

use sha2::{Digest, Sha256};

use crate::model::UserId;

use super::{Batch, Key, ReadError, Store, Table};

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

/// Keeps `value` under `name`; up to [`VALUE_BYTES_MAX`](super::VALUE_BYTES_MAX) bytes.
pub fn put(batch: &mut Batch, shelf: Shelf, user: UserId, name: &str, value: Vec<u8>) {
    batch.put_bytes(shelf.key(user, name), value);
}

/// Takes away what lies under `name`.
pub fn remove(batch: &mut Batch, shelf: Shelf, user: UserId, name: &str) {
    batch.remove(shelf.key(user, name));
}

/// What lies under `name`.
///
/// # Errors
/// [`ReadError`]
pub fn get(
    store: &Store,
    shelf: Shelf,
    user: UserId,
    name: &str,
) -> Result<Option<Vec<u8>>, ReadError> {
    store.get(&shelf.key(user, name))
}

/// Up to `limit` rows of the user's, in no order that means anything, after the key `after`.
///
/// # Errors
/// [`ReadError`]
pub fn page(
    store: &Store,
    shelf: Shelf,
    user: UserId,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<(Key, Vec<u8>)>, ReadError> {
    store.page(&Key::new(shelf.table()).id(user.0), after, limit)
}

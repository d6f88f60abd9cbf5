//! What topic spaces leave in the store.

use crate::model::UserId;
use crate::space::row::{Row, Stored};
use crate::store::mqtt::{self, Shelf};
use crate::store::{Batch, ReadError, Store};

/// All that is stored of a user's space.
///
/// # Errors
/// [`ReadError`]
pub(super) fn load(store: &Store, user: UserId) -> Result<Stored, ReadError> {
    let retained = mqtt::all(store, Shelf::Retained, user)?;
    let mut sessions = Vec::new();
    for session in mqtt::all::<crate::space::row::SessionRow>(store, Shelf::Sessions, user)? {
        let queue = mqtt::queued(store, user, &session.client_id)?;
        sessions.push((session, queue));
    }
    Ok(Stored { retained, sessions })
}

/// Writes a row down.
pub(super) fn write(batch: &mut Batch, user: UserId, row: &Row) {
    match row {
        Row::Retain(message) => {
            mqtt::put(batch, Shelf::Retained, user, message.topic(), message.as_ref());
        }
        Row::Forget(topic) => mqtt::remove(batch, Shelf::Retained, user, topic),
        Row::Session(session) => {
            mqtt::put(batch, Shelf::Sessions, user, &session.client_id, session.as_ref());
        }
        Row::EndSession(client) => mqtt::remove(batch, Shelf::Sessions, user, client),
        Row::Queue(client, number, message) => {
            mqtt::put_queued(batch, user, client, *number, message.as_ref());
        }
        Row::Unqueue(client, number) => mqtt::remove_queued(batch, user, client, *number),
    }
}

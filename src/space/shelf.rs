//! What a space has stored, in memory: what the store is to a space, for tests.

use std::collections::BTreeMap;

use super::message::Message;
use super::row::{QueueRow, Row, SessionRow, Stored};

/// Rows, as the store would keep them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shelf {
    retained: BTreeMap<Box<str>, Message>,
    sessions: BTreeMap<Box<str>, SessionRow>,
    queues: BTreeMap<(Box<str>, u64), QueueRow>,
}

impl Shelf {
    pub(crate) fn write(&mut self, rows: Vec<Row>) {
        for row in rows {
            self.write_one(row);
        }
    }

    fn write_one(&mut self, row: Row) {
        match row {
            Row::Retain(message) => {
                self.retained.insert(message.topic().into(), (*message).clone());
            }
            Row::Forget(topic) => drop(self.retained.remove(&topic)),
            Row::Session(row) => drop(self.sessions.insert(row.client_id.clone(), *row)),
            Row::EndSession(client) => drop(self.sessions.remove(&client)),
            Row::Queue(client, number, row) => drop(self.queues.insert((client, number), *row)),
            Row::Unqueue(client, number) => drop(self.queues.remove(&(client, number))),
        }
    }

    pub(crate) fn load(&self) -> Stored {
        let queue = |client: &str| {
            let rows = self.queues.iter().filter(|((known, _), _)| **known == *client);
            rows.map(|((_, number), row)| (*number, row.clone())).collect()
        };
        let sessions = self.sessions.values().map(|row| (row.clone(), queue(&row.client_id)));
        Stored { retained: self.retained.values().cloned().collect(), sessions: sessions.collect() }
    }

    /// Messages of sessions that are not there.
    pub(crate) fn orphans(&self) -> usize {
        self.queues.keys().filter(|(client, _)| !self.sessions.contains_key(client)).count()
    }
}

//! A batch: writes that happen together or not at all, and what must be true for them to happen.

use super::key::{KEY_BYTES_MAX, Key};
use super::record::{Record, encode};

/// Largest value, in bytes: an MQTT message of 256 KiB with its topic and properties, and room.
/// Above 2 KiB the writer spreads it over several rows.
pub const VALUE_BYTES_MAX: usize = 320 * 1024;
/// Most writes and expectations in one batch: a device with all its commands and grants, with room.
pub const BATCH_WRITES_MAX: usize = 4096;
/// Most bytes in one batch: what one commit may put into the log before anybody else's turn.
pub const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What a write leaves under its key: a value, or nothing.
pub(super) type Written = Option<Vec<u8>>;

/// What must lie under a key when the batch's turn comes.
#[derive(Debug, Clone)]
pub(super) struct Expectation {
    pub(super) key: Key,
    pub(super) value: Written,
}

/// Writes that happen together or not at all. A later write of a key supersedes an earlier one.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(super) expectations: Vec<Expectation>,
    pub(super) writes: Vec<(Key, Written)>,
    bytes: usize,
    fault: Option<String>,
}

impl Batch {
    /// Nothing yet. Committed as it is, it is answered when all before it is durable.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps `record` under `key`.
    pub fn put<R: Record>(&mut self, key: Key, record: &R) -> &mut Self {
        match encode(record) {
            Ok(bytes) => self.put_bytes(key, bytes),
            Err(reason) => self.fail(format!("the row {key} can't be written: {reason}")),
        }
    }

    /// Keeps `value` under `key`.
    pub fn put_bytes(&mut self, key: Key, value: Vec<u8>) -> &mut Self {
        self.account(&key, value.len());
        self.writes.push((key, Some(value)));
        self
    }

    /// Takes away what lies under `key`, if anything does.
    pub fn remove(&mut self, key: Key) -> &mut Self {
        self.account(&key, 0);
        self.writes.push((key, None));
        self
    }

    /// The batch happens only if nothing lies under `key`; else it is answered with a conflict.
    pub fn expect_absent(&mut self, key: Key) -> &mut Self {
        self.account(&key, 0);
        self.expectations.push(Expectation { key, value: None });
        self
    }

    /// The batch happens only if `record` lies under `key`, unchanged since it was read.
    pub fn expect<R: Record>(&mut self, key: Key, record: &R) -> &mut Self {
        match encode(record) {
            Ok(value) => {
                self.account(&key, value.len());
                self.expectations.push(Expectation { key, value: Some(value) });
                self
            }
            Err(reason) => self.fail(format!("the row {key} can't be compared: {reason}")),
        }
    }

    /// How many writes it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether it writes nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of keys and values.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Why it can't be committed, if a limit was crossed while it was made.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    fn account(&mut self, key: &Key, value_bytes: usize) {
        self.bytes += key.len() + value_bytes;
        let rows = self.writes.len() + self.expectations.len();
        if key.len() > KEY_BYTES_MAX {
            self.fail(format!("a key of {} bytes, {KEY_BYTES_MAX} at most", key.len()));
        } else if value_bytes > VALUE_BYTES_MAX {
            self.fail(format!("a value of {value_bytes} bytes, {VALUE_BYTES_MAX} at most"));
        } else if rows >= BATCH_WRITES_MAX {
            self.fail(format!("more than {BATCH_WRITES_MAX} writes in one batch"));
        } else if self.bytes > BATCH_BYTES_MAX {
            self.fail(format!("more than {BATCH_BYTES_MAX} bytes in one batch"));
        }
    }

    fn fail(&mut self, reason: String) -> &mut Self {
        self.fault.get_or_insert(reason);
        self
    }
}

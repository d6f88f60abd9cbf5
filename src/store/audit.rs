//! The audit in the store. An entry goes into the batch of the change that it tells of: neither is
//! durable without the other.
//!
//! Of each device, of each account, and of the house, the newest `rows_max` entries are kept, and
//! none that is older than `keep_ms`. Whoever writes entries tidies now and then.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::config::section::Audit;
use crate::host::random_bytes;
use crate::model::audit::{Entry, Subject};
use crate::model::{DeviceId, UserId};
use crate::observe::metrics;

use super::record::Record;
use super::{Batch, Key, PAGE_ROWS_MAX, ReadError, Store, Table};

/// Most entries that one tidying takes away: a part of what fits into a batch.
const TIDIED_MAX: usize = 512;

/// An account's identity has this bit set, so that no device's is the same.
const ACCOUNT: u64 = 1 << 63;

/// Where entries about the house are: identities have no more than 53 bits.
const HOUSE: u64 = u64::MAX;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Entries about one device, one account, or the house.
    pub rows_max: usize,
    /// Age of an entry, in milliseconds.
    pub keep_ms: i64,
}

impl Keep {
    /// As the operator decided.
    #[must_use]
    pub fn of(config: &Audit) -> Self {
        Self { rows_max: config.rows_max, keep_ms: i64::from(config.days) * 24 * 3_600_000 }
    }
}

impl Record for Entry {
    const VERSION: u8 = 1;
}

/// A place in the audit, between two entries: where the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    subject: u64,
    time: u64,
    number: u64,
}

impl Place {
    /// The place right after `entry`, in the order newest first.
    #[must_use]
    pub const fn after(entry: &Entry) -> Self {
        let subject = word(entry.subject);
        Self { subject, time: newest_first(entry.at_ms), number: u64::MAX - entry.number }
    }

    fn key(self) -> Key {
        Key::new(Table::Audit).id(self.subject).id(self.time).id(self.number)
    }

    fn time_key(self) -> Key {
        Key::new(Table::AuditTime).id(self.time).id(self.subject).id(self.number)
    }

    fn of_key(key: &Key) -> Option<Self> {
        let mut fields = key.fields();
        let (subject, time, number) = (fields.id()?, fields.id()?, fields.id()?);
        Some(Self { subject, time, number })
    }

    fn of_time_key(key: &Key) -> Option<Self> {
        let mut fields = key.fields();
        let (time, subject, number) = (fields.id()?, fields.id()?, fields.id()?);
        Some(Self { subject, time, number })
    }

    fn remove(self, batch: &mut Batch) {
        batch.remove(self.key());
        batch.remove(self.time_key());
    }
}

/// A word for a URL.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{:x}-{:x}", self.subject, self.time, self.number)
    }
}

/// The text is no place in the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no place in the audit: take it from the link to the next page")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut words = text.splitn(3, '-').map(|word| u64::from_str_radix(word, 16));
        match (words.next(), words.next(), words.next()) {
            (Some(Ok(subject)), Some(Ok(time)), Some(Ok(number))) => {
                Ok(Self { subject, time, number })
            }
            _ => Err(NoPlace),
        }
    }
}

/// Later instants sort first. Nothing happened before 1970.
const fn newest_first(at_ms: i64) -> u64 {
    u64::MAX - if at_ms > 0 { at_ms.unsigned_abs() } else { 0 }
}

/// A number for what somebody does: above those given before it, so that what is done within one
/// millisecond is read in its order, and below whatever a device makes of it
/// ([`crate::model::audit::number_at`]). Half of it is random: a clock that is set back between two
/// runs of the server leads to no number twice.
///
/// # Errors
/// As [`random_bytes`].
pub fn next_number() -> Result<u64, getrandom::Error> {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let (order, random) =
        (GIVEN.fetch_add(1, Ordering::Relaxed), u16::from_le_bytes(random_bytes()?));
    Ok(u64::from(order) << 16 | u64::from(random))
}

/// Keeps an entry. The same entry twice is one.
pub fn put(batch: &mut Batch, entry: &Entry) {
    let place = Place::after(entry);
    batch.put(place.key(), entry);
    batch.put(place.time_key(), &());
}

/// Up to `limit` entries about `subject`, newest first, from `after` on.
///
/// # Errors
/// [`ReadError`], as all that read.
pub fn about(
    store: &Store,
    subject: Subject,
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<Entry>, ReadError> {
    let after = after.map(Place::key);
    let rows = store.records(&prefix(subject), after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|(_, entry)| entry).collect())
}

/// Up to `limit` entries about everything, newest first, from `after` on.
///
/// # Errors
/// [`ReadError`]
pub fn all(store: &Store, after: Option<Place>, limit: usize) -> Result<Vec<Entry>, ReadError> {
    let after = after.map(Place::time_key);
    let mut entries = Vec::new();
    for (key, _) in store.page(&Key::new(Table::AuditTime), after.as_ref(), limit)? {
        if let Some(place) = Place::of_time_key(&key) {
            entries.extend(store.record::<Entry>(&place.key())?);
        }
    }
    Ok(entries)
}

/// Takes away what is too much about `subject`, and some of what is too old of everything. It
/// reads all entries about `subject`: to be called now and then, not with each.
///
/// # Errors
/// [`ReadError`]
pub fn tidy(
    store: &Store,
    batch: &mut Batch,
    subject: Subject,
    keep: Keep,
    now_ms: i64,
) -> Result<(), ReadError> {
    let mut surplus = surplus(store, subject, keep.rows_max)?;
    let cutoff = Key::new(Table::AuditTime).id(newest_first(now_ms.saturating_sub(keep.keep_ms)));
    let old = store.page(&Key::new(Table::AuditTime), Some(&cutoff), TIDIED_MAX)?;
    surplus.extend(old.iter().filter_map(|(key, _)| Place::of_time_key(key)));
    metrics().audit_dropped.add(u64::try_from(surplus.len()).unwrap_or(0));
    for place in surplus {
        place.remove(batch);
    }
    Ok(())
}

/// Entries about `subject` beyond the newest `rows_max`, up to [`TIDIED_MAX`] of them.
fn surplus(store: &Store, subject: Subject, rows_max: usize) -> Result<BTreeSet<Place>, ReadError> {
    let (prefix, mut after, mut kept) = (prefix(subject), None, 0);
    let mut surplus = BTreeSet::new();
    loop {
        let page = store.page(&prefix, after.as_ref(), PAGE_ROWS_MAX)?;
        let Some((last, _)) = page.last() else { return Ok(surplus) };
        after = Some(last.clone());
        let beyond = page.iter().skip(rows_max.saturating_sub(kept));
        let room = TIDIED_MAX.saturating_sub(surplus.len());
        surplus.extend(beyond.filter_map(|(key, _)| Place::of_key(key)).take(room));
        kept += page.len();
        if surplus.len() >= TIDIED_MAX {
            return Ok(surplus);
        }
    }
}

fn prefix(subject: Subject) -> Key {
    Key::new(Table::Audit).id(word(subject))
}

const fn word(subject: Subject) -> u64 {
    match subject {
        Subject::Device(DeviceId(id)) => id,
        Subject::Account(UserId(id)) => id | ACCOUNT,
        Subject::House => HOUSE,
    }
}

//! The portable form of a house, for people and other programs to read: what `hearth export` writes
//! and `hearth import` reads.
//!
//! ```text
//! house.jsonl              a JSON object a line: people, credentials, devices, rights, commands
//! history/<device>.csv     all that is kept of a device, hours, then minutes, then readings
//! ```
//! Secrets are in it as the store keeps them: as hashes. Sign-ins and the key of access tokens are
//! not: people sign in again.

use std::collections::HashSet;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::model::{Command, Device, DeviceId, Grant, User, UserId};
use crate::stats::{Bucket, Kept, Point};
use crate::store::accounts::PasswordHash;
use crate::store::credentials::{ApiToken, ClientCredential};
use crate::store::invitations::Invitation;
use crate::store::key::TABLES;
use crate::store::{
    Batch, Key, Record, SecretHash, Store, Table, accounts, credentials, devices, invitations,
};

/// The lines' file.
pub const HOUSE: &str = "house.jsonl";
/// The folder of the devices' histories.
pub const HISTORY: &str = "history";
/// The first line of a history.
pub const HEADER: &str = "property,step_s,t,value,min,max,count,last";
/// The form; a reader refuses one that it doesn't know.
pub const FORMAT: u32 = 1;
/// Rows of a page.
const PAGE_ROWS: usize = 512;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Line {
    /// The first: what made it, and when.
    Hearth {
        /// The form.
        format: u32,
        /// The release that wrote it.
        release: String,
        /// Unix milliseconds.
        made: i64,
    },
    /// A person.
    User {
        /// The account.
        #[serde(flatten)]
        user: User,
        /// What the password is checked by.
        password_hash: PasswordHash,
    },
    /// A program's token.
    ApiToken(ApiToken),
    /// A client of a topic space.
    Client(ClientCredential),
    /// A device, with what it was last asked for and last said.
    Device {
        /// The device.
        #[serde(flatten)]
        device: Device,
        /// What its secret is checked by.
        secret_hash: SecretHash,
    },
    /// A command of a device, open or ended.
    Command {
        /// Of which device.
        device: DeviceId,
        /// The command.
        #[serde(flatten)]
        command: Command,
    },
    /// A right on a device.
    Grant {
        /// On which.
        device: DeviceId,
        /// Whose.
        user: UserId,
        /// Which.
        #[serde(flatten)]
        grant: Grant,
    },
    /// A link that gives a right on a device.
    Invitation(Invitation),
    /// A row of a table that has no words: retained messages, timers and what is watched.
    Row {
        /// The table's name.
        table: String,
        /// The key, in hexadecimal digits.
        key: String,
        /// The value, in hexadecimal digits.
        value: String,
    },
    /// The last: how many lines came before it.
    End {
        /// So many.
        lines: u64,
    },
}

/// Tables that [`Line`] has words for, that follow from others, or that are not taken along.
const IN_WORDS: [Table; 18] = [
    Table::Meta,
    Table::User,
    Table::UserName,
    Table::Password,
    Table::RefreshFamily,
    Table::ApiToken,
    Table::ApiTokenHash,
    Table::ClientCredential,
    Table::Device,
    Table::Owned,
    Table::DeviceSecret,
    Table::Command,
    Table::OpenCommand,
    Table::Grant,
    Table::Shared,
    Table::Invitation,
    Table::InvitationHash,
    Table::Part,
];

/// Tables whose rows are taken along as they are.
fn wordless() -> impl Iterator<Item = Table> {
    TABLES.iter().copied().filter(|table| !IN_WORDS.contains(table))
}

/// Tells `sink` every line of a store but the first and the last.
///
/// # Errors
/// What can't be read, or whatever `sink` says.
pub fn lines(
    store: &Store,
    mut sink: impl FnMut(&Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    each(store, Table::User, |_, user: User| {
        let password = accounts::password(store, user.id)?;
        let password_hash = password.with_context(|| format!("{} has no password", user.name))?;
        sink(&Line::User { user, password_hash })
    })?;
    each(store, Table::ApiToken, |_, token| sink(&Line::ApiToken(token)))?;
    each(store, Table::ClientCredential, |_, client| sink(&Line::Client(client)))?;
    each(store, Table::Device, |_, device: Device| {
        let secret = devices::secret(store, device.id)?;
        let secret_hash = secret.with_context(|| format!("device {} has no secret", device.id))?;
        sink(&Line::Device { device, secret_hash })
    })?;
    each(store, Table::Command, |key, command| {
        let device = DeviceId(key.fields().id().context("a command of no device")?);
        sink(&Line::Command { device, command })
    })?;
    each(store, Table::Grant, |key, grant| {
        let mut fields = key.fields();
        let ids = fields.id().zip(fields.id());
        let (device, user) = ids.context("a right on no device, or of no user")?;
        sink(&Line::Grant { device: DeviceId(device), user: UserId(user), grant })
    })?;
    each(store, Table::Invitation, |_, invitation| sink(&Line::Invitation(invitation)))?;
    for table in wordless() {
        let (prefix, mut after) = (Key::new(table), None);
        loop {
            let page = store.page(&prefix, after.as_ref(), PAGE_ROWS)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, value) in &page {
                let (key, value) = (hex(key.as_bytes()), hex(value));
                sink(&Line::Row { table: format!("{table:?}"), key, value })?;
            }
        }
    }
    Ok(())
}

fn each<R: Record>(
    store: &Store,
    table: Table,
    mut take: impl FnMut(&Key, R) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (prefix, mut after) = (Key::new(table), None);
    loop {
        let page = store.records::<R>(&prefix, after.as_ref(), PAGE_ROWS)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        for (key, record) in page {
            take(&key, record)?;
        }
    }
}

/// Adds what a line says to a batch.
///
/// # Errors
/// A row of a table that is none, or that has words.
pub fn put(batch: &mut Batch, line: &Line) -> anyhow::Result<()> {
    match line {
        Line::Hearth { .. } | Line::End { .. } => {}
        Line::User { user, password_hash } => accounts::create_user(batch, user, password_hash),
        Line::ApiToken(token) => credentials::create_token(batch, token),
        Line::Client(client) => credentials::create_client(batch, client),
        Line::Device { device, secret_hash } => devices::create(batch, device, secret_hash),
        Line::Command { device, command } => devices::put_command(batch, *device, command),
        Line::Grant { device, user, grant } => devices::put_grant(batch, *device, *user, grant),
        Line::Invitation(invitation) => invitations::create(batch, invitation),
        Line::Row { table, key, value } => {
            let bytes = unhex(key).zip(unhex(value));
            let (key, value) = bytes.context("key and value are hexadecimal digits")?;
            let key = Key::from_bytes(&key);
            let known: HashSet<String> = wordless().map(|table| format!("{table:?}")).collect();
            let found = key.table().map(|table| format!("{table:?}"));
            if !known.contains(table) || found.as_ref() != Some(table) {
                bail!("there is no table {table} with such a key");
            }
            batch.put_bytes(key, value);
        }
    }
    Ok(())
}

/// Part of a property's history as lines of CSV.
#[must_use]
pub fn csv(property: &str, part: &Kept) -> String {
    match part {
        Kept::Readings(points) => {
            let line = |point: &Point| format!("{property},0,{},{},,,,\n", point.t_ms, point.value);
            points.iter().map(line).collect()
        }
        Kept::Buckets(step_ms, buckets) => {
            let width_s = step_ms / 1_000;
            let line = |bucket: &Bucket| {
                let Bucket { t_ms, min, mean, max, count, last } = bucket;
                format!("{property},{width_s},{t_ms},{mean},{min},{max},{count},{last}\n")
            };
            buckets.iter().map(line).collect()
        }
    }
}

/// A line of CSV.
#[derive(Debug, PartialEq)]
pub struct Measured<'a> {
    /// Which property.
    pub property: &'a str,
    /// What was measured: one reading, or one bucket.
    pub part: Kept,
    /// The most decimal digits of its values, the mean's aside.
    pub digits: usize,
}

/// Reads a line of CSV; `None` if it is none of ours.
#[must_use]
pub fn measured(line: &str) -> Option<Measured<'_>> {
    let fields: Vec<&str> = line.split(',').collect();
    let [property, step_s, t, value, min, max, count, last] = *fields.as_slice() else {
        return None;
    };
    let (step_s, t_ms) = (step_s.parse::<i64>().ok()?, t.parse().ok()?);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, digits)| digits.len());
    if step_s == 0 {
        let part = Kept::Readings(vec![Point { t_ms, value: number(value)? }]);
        return Some(Measured { property, part, digits: decimals(value) });
    }
    let digits = [min, max, last].map(decimals).into_iter().max()?;
    let bucket = Bucket {
        t_ms,
        min: number(min)?,
        mean: number(value)?,
        max: number(max)?,
        count: count.parse().ok()?,
        last: number(last)?,
    };
    let part = Kept::Buckets(step_s.checked_mul(1_000)?, vec![bucket]);
    Some(Measured { property, part, digits })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| DIGITS.get(usize::from(digit)).copied().map(char::from)).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.as_bytes().iter().map(digit).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_csv_read_back() {
        let readings = Kept::Readings(vec![Point { t_ms: -5, value: 21.25 }]);
        let bucket =
            Bucket { t_ms: 60_000, min: 1.5, mean: 1.0 / 3.0, max: 2.0, count: 3, last: 1.75 };
        let buckets = Kept::Buckets(60_000, vec![bucket]);
        for (part, digits) in [(readings, 2), (buckets, 2)] {
            let text = csv("water_c", &part);
            let read = measured(text.trim_end()).unwrap();
            assert_eq!(read, Measured { property: "water_c", part, digits });
            assert_eq!(text.split(',').count(), HEADER.split(',').count());
        }
        for bad in ["", "water_c,0,1,NaN,,,,", "water_c,0,1,,,,,", "water_c,60,1,1,1,1,x,1"] {
            assert_eq!(measured(bad), None, "{bad}");
        }
    }

    #[test]
    fn rows_without_words_go_where_they_came_from_and_nowhere_else() {
        assert_eq!(unhex(&hex(&[0, 15, 16, 255])), Some(vec![0, 15, 16, 255]));
        let row = |table: &str, key: &Key| Line::Row {
            table: table.into(),
            key: hex(key.as_bytes()),
            value: "00".into(),
        };
        let timer = Key::new(Table::Timer).id(7);
        let mut batch = Batch::new();
        put(&mut batch, &row("Timer", &timer)).unwrap();
        assert_eq!(batch.len(), 1);
        let meta = Key::new(Table::Meta).raw(b"signing-key");
        for bad in [row("Meta", &meta), row("Timer", &meta), row("Watch", &timer)] {
            assert!(put(&mut batch, &bad).is_err(), "{bad:?}");
        }
    }
}

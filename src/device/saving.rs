//! When a device is written, and who waits for it. Pure.
//!
//! What a person asks is durable before anybody hears of it: the actor waits for that commit.
//! What the *device* says is told at once and written behind: soon, or at once when the device
//! wants an acknowledgement or a command ended. Nobody is acknowledged before the write is safe.

use crate::model::Command;

use super::{AlarmMoved, Receipt};

/// How long a report may stay unwritten, in milliseconds: one write a second bounds what the
/// chattiest device costs the disk.
pub const WRITE_BEHIND_MS: i64 = 1_000;

/// Writes that nobody waits for start together, four times a second for the whole house: a sync
/// costs the processor the same for one device as for fifty.
pub const WRITE_GRID_MS: i64 = 250;

/// How long after a failed write the next is tried, in milliseconds.
pub const RETRY_MS: i64 = 1_000;

/// What waits for a write: acknowledgements, and the ends of commands and steps of alarms, which
/// are told only once they are durable, so that no crash can make a command end twice, or an alarm
/// be raised again.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Messages to acknowledge.
    pub receipts: Vec<Receipt>,
    /// Commands whose end is to be told.
    pub ended: Vec<Command>,
    /// Alarms that began or are over.
    pub alarms: Vec<AlarmMoved>,
}

/// The writes of one device.
#[derive(Debug, Default)]
pub struct Saving {
    due_ms: Option<i64>,
    rows: Vec<Command>,
    next: Waiting,
    under_way: Option<(u64, Vec<Command>, Waiting)>,
    started: u64,
}

impl Saving {
    /// The device changed; it is to be written within [`WRITE_BEHIND_MS`].
    pub fn soon(&mut self, now_ms: i64) {
        let due_ms = now_ms.saturating_add(WRITE_BEHIND_MS);
        self.due_ms.get_or_insert(due_ms - due_ms.rem_euclid(WRITE_GRID_MS));
    }

    /// The device is to be written at once.
    pub const fn now(&mut self, now_ms: i64) {
        self.due_ms = Some(now_ms);
    }

    /// The rows of these commands changed; they are to be written at once.
    pub fn moved(&mut self, commands: &[Command], now_ms: i64) {
        if !commands.is_empty() {
            self.rows.extend_from_slice(commands);
            self.now(now_ms);
        }
    }

    /// Less is open of these commands: that is written with the device. Else one that is loaded
    /// again would wait for what was done long ago, and may be different by now.
    pub fn narrowed(&mut self, commands: Vec<Command>, now_ms: i64) {
        if !commands.is_empty() {
            self.rows.extend(commands);
            self.soon(now_ms);
        }
    }

    /// Rows that may not be durable yet, oldest first. They go with every write of the device: it
    /// must not be known without them that a command's values are no longer desired.
    pub fn rows(&self) -> impl Iterator<Item = &Command> {
        let under_way = self.under_way.iter().flat_map(|(_, rows, _)| rows);
        under_way.chain(&self.rows)
    }

    /// Newer rows of these commands are durable: an older one that waits, or that must be written
    /// again because its write failed, would bring back what is over.
    pub fn overtaken(&mut self, newer: &[Command]) {
        let current = |row: &Command| newer.iter().all(|newer| newer.rev != row.rev);
        self.rows.retain(current);
        if let Some((_, rows, _)) = &mut self.under_way {
            rows.retain(current);
        }
    }

    /// The ends of these commands are to be told when they are durable.
    pub fn tell_after(&mut self, ended: Vec<Command>, now_ms: i64) {
        self.moved(&ended, now_ms);
        self.next.ended.extend(ended);
    }

    /// This step of an alarm is to be told when it is durable.
    pub fn ring_after(&mut self, alarm: AlarmMoved, now_ms: i64) {
        self.next.alarms.push(alarm);
        self.now(now_ms);
    }

    /// The device waits to hear that what it said is safe. Gives the receipt back when it already
    /// is.
    pub fn confirm_after(&mut self, receipt: Receipt, now_ms: i64) -> Option<Receipt> {
        if self.due_ms.is_some() {
            self.now(now_ms);
            self.next.receipts.push(receipt);
        } else if let Some((_, _, waiting)) = &mut self.under_way {
            waiting.receipts.push(receipt);
        } else {
            return Some(receipt);
        }
        None
    }

    /// When the next write is to start; none while one is under way.
    #[must_use]
    pub const fn due_ms(&self) -> Option<i64> {
        if self.under_way.is_some() { None } else { self.due_ms }
    }

    /// Whether everything is written.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.due_ms.is_none() && self.under_way.is_none()
    }

    /// Starts a write if one is due: its number, and the commands that go with the device.
    pub fn start(&mut self, now_ms: i64) -> Option<(u64, Vec<Command>)> {
        if self.due_ms()? > now_ms {
            return None;
        }
        self.started += 1;
        self.due_ms = None;
        let rows = std::mem::take(&mut self.rows);
        self.under_way = Some((self.started, rows.clone(), std::mem::take(&mut self.next)));
        Some((self.started, rows))
    }

    /// A write ended: what may be told now. After a failure it is tried again.
    pub fn finished(&mut self, number: u64, safe: bool, now_ms: i64) -> Waiting {
        let Some((_, rows, waiting)) = self.under_way.take_if(|(current, ..)| *current == number)
        else {
            return Waiting::default();
        };
        if safe {
            return waiting;
        }
        let newer = std::mem::replace(&mut self.rows, rows);
        self.rows.extend(newer);
        let newer = std::mem::replace(&mut self.next, waiting);
        self.next.receipts.extend(newer.receipts);
        self.next.ended.extend(newer.ended);
        self.next.alarms.extend(newer.alarms);
        self.due_ms = Some(now_ms.saturating_add(RETRY_MS));
        Waiting::default()
    }
}

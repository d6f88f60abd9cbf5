//! A command: what somebody asked of a device, and how far it came.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Caller, Props};

/// Up to this many seconds late is on time, as far as people can tell.
pub const LATE_S_MIN: i64 = 2;

/// Longest time to live that a caller may give a command, in seconds: a week.
pub const TTL_S_MAX: u32 = 7 * 24 * 3_600;

/// Longest reference that a caller may give a command, in characters.
pub const REF_CHARS_MAX: usize = 64;

/// How far a command came. The first two are on the way, the last three are the end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Durable: it will reach the device, or be given up in the open.
    Accepted,
    /// The device has it: acknowledged, or written to its link at `QoS` 0.
    Delivered,
    /// The device reports what was asked.
    Applied,
    /// The device refused, or a newer command took its place.
    Failed,
    /// Not applied within its time to live.
    Expired,
}

impl Phase {
    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Applied | Self::Failed | Self::Expired)
    }
}

/// What somebody asked of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// The device's `rev` when it was accepted: names the command within its device.
    pub rev: u64,
    /// The asker's own name for it, given back with every phase.
    pub reference: Arc<str>,
    /// Who asked.
    pub by: Caller,
    /// What was asked.
    pub wanted: Props,
    /// The part of `wanted` that is neither applied nor superseded yet.
    pub open: Props,
    /// How far it came.
    pub phase: Phase,
    /// Why it failed.
    pub reason: Option<Arc<str>>,
    /// Unix milliseconds at which it was accepted.
    pub accepted_ms: i64,
    /// Unix milliseconds at which the device had it.
    pub delivered_ms: Option<i64>,
    /// Unix milliseconds at which it ended.
    pub finished_ms: Option<i64>,
    /// Unix milliseconds at which it is given up.
    pub expires_ms: Option<i64>,
}

impl Command {
    /// Seconds by which it was given up later than its time to live says: the server did not run
    /// when it was due.
    #[must_use]
    pub fn late_s(&self) -> Option<i64> {
        let (due_ms, end_ms) = (self.expires_ms?, self.finished_ms?);
        let late_s = end_ms.saturating_sub(due_ms) / 1_000;
        (self.phase == Phase::Expired && late_s >= LATE_S_MIN).then_some(late_s)
    }
}

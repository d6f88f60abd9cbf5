//! A device as the store keeps it and its actor owns it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DeviceId, Name, Props, UserId};

/// Longest description, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 200;
/// Longest name of a room, in characters.
pub const ROOM_CHARS_MAX: usize = 64;

/// Everything durable about a device but its secret, commands and history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Names the device for ever.
    pub id: DeviceId,
    /// Who made it.
    pub owner: UserId,
    /// Its kind's name.
    pub kind: Name,
    /// What people call it: any text, shown as text and nothing else.
    pub description: Arc<str>,
    /// Where it stands.
    pub room: Option<Arc<str>>,
    /// Counts the device's changes, people's and its own.
    pub rev: u64,
    /// The `rev` of the last change that a person made: what `If-Match` is held against.
    pub written_rev: u64,
    /// Whether people may have been told a `rev` that the store never saw (see `device/state`).
    pub told_ahead: bool,
    /// What people asked for.
    pub desired: Props,
    /// What the device last said.
    pub reported: Props,
    /// Unix milliseconds at which it was made.
    pub created_ms: i64,
    /// Unix milliseconds of its last message or the end of its last link.
    pub last_seen_ms: Option<i64>,
    /// Unix milliseconds at which its timer was started, for the kinds that have one.
    pub timer_start_ms: Option<i64>,
    /// The last thing it said that could not be understood.
    pub problem: Option<Problem>,
    /// What is wrong with it now, oldest first.
    pub alarms: Vec<Alarm>,
}

impl Device {
    /// A device that nobody asked anything and that never spoke.
    #[must_use]
    pub const fn new(
        id: DeviceId,
        owner: UserId,
        kind: Name,
        description: Arc<str>,
        room: Option<Arc<str>>,
        now_ms: i64,
    ) -> Self {
        Self {
            id,
            owner,
            kind,
            description,
            room,
            rev: 1,
            written_rev: 1,
            told_ahead: false,
            desired: Props::new(),
            reported: Props::new(),
            created_ms: now_ms,
            last_seen_ms: None,
            timer_start_ms: None,
            problem: None,
            alarms: Vec::new(),
        }
    }
}

/// A message of the device that broke its contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What was wrong, in words for the owner.
    pub text: Arc<str>,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Which, by the kind's name for it: `low_water`, `over_temp` ….
    pub code: Name,
    /// Unix milliseconds at which it was raised.
    pub since_ms: i64,
    /// Who has seen it.
    pub acknowledged_by: Option<Arc<str>>,
}

//! What the server keeps an eye on while a device works.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::model::{Device, Name};

/// What an observation changes about a device's alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmChange {
    /// It began now.
    Raise(Name),
    /// It is over.
    Clear(Name),
}

/// What was seen of one device so far. Empty for most kinds; a cooker's is kept with the device,
/// so that a restart of the server loses nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch(Option<Box<()>>);

impl Watch {
    pub(super) fn cooker() -> Self {
        Self(None)
    }

    /// Looks at the device after a message, a change of its link, or when it is time to.
    pub fn observe(&mut self, device: &Device, connected: bool, now_ms: i64) -> Vec<AlarmChange> {
        let _ = (device, connected, now_ms);
        Vec::new()
    }

    /// When to look again even if nothing happens, Unix milliseconds.
    #[must_use]
    pub const fn next_check_ms(&self) -> Option<i64> {
        None
    }

    pub(super) fn derived(&self, device: &Device, now_ms: i64) -> Map<String, Json> {
        let _ = (device, now_ms);
        Map::new()
    }
}

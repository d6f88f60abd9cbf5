//! What the server keeps an eye on while a device works.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::sous_vide::cook::Cook;
use crate::model::{Device, Name};

/// What an observation changes about a device's alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmChange {
    /// It begins.
    Raise {
        /// Which.
        code: Name,
        /// Since when it was due, Unix milliseconds: before now, where nobody looked in time.
        due_ms: i64,
    },
    /// It is over.
    Clear(Name),
}

/// What was seen of one device so far. Nothing for most kinds; a cooker's is below a kilobyte, and
/// is to be stored with the device, so that a restart of the server goes on where it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch(Option<Box<Cook>>);

impl Watch {
    pub(super) fn cooker() -> Self {
        Self(Some(Box::default()))
    }

    /// Whether there is nothing to watch: such a device needs neither observing nor storing.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    /// Looks at the device after a message, a change of its link, or when it is time to.
    ///
    /// `device.last_seen_ms` tells a new message from a second look at an old one;
    /// `device.alarms` are those that are raised already.
    pub fn observe(&mut self, device: &Device, connected: bool, now_ms: i64) -> Vec<AlarmChange> {
        self.0.as_mut().map_or_else(Vec::new, |cook| cook.observe(device, connected, now_ms))
    }

    /// When to look again even if nothing happens, Unix milliseconds.
    #[must_use]
    pub fn next_check_ms(&self) -> Option<i64> {
        self.0.as_ref().and_then(|cook| cook.next_check_ms())
    }

    /// When to look at the device after a restart of the server, Unix milliseconds: one that was
    /// at work may have fallen silent meanwhile, and nothing would tell.
    #[must_use]
    pub fn wake_ms(&self) -> Option<i64> {
        let at_work = self.0.as_ref().is_some_and(|cook| cook.is_at_work());
        self.next_check_ms().or_else(|| at_work.then_some(0))
    }

    /// Seconds by which the device's event `name` comes later than what it tells of, if that is
    /// known and worth a word.
    #[must_use]
    pub fn late_s(&self, name: &str, now_ms: i64) -> Option<i64> {
        self.0.as_ref()?.late_s(name, now_ms)
    }

    pub(super) fn derived(&self, device: &Device, now_ms: i64) -> Map<String, Json> {
        self.0.as_ref().map_or_else(Map::new, |cook| cook.derived(device, now_ms))
    }
}

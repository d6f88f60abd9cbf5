//! What is counted of devices: each person's messages, and whose link is open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::UserId;
use crate::observe::metrics;

/// Messages of one person's devices, since the start of the server.
#[derive(Debug, Default)]
pub struct Tally {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Tally {
    /// A device said something.
    pub(super) fn hear(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// A device was told something.
    pub(super) fn tell(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages from the devices.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Messages to the devices.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// Everybody's tallies: one for each person whose devices ever had an actor, some 100 bytes each.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<HashMap<UserId, Arc<Tally>>>);

impl Tallies {
    /// The tally of a person's devices. A device actor asks once, when it loads its device.
    #[must_use]
    pub fn of(&self, user: UserId) -> Arc<Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(user).or_default().clone()
    }
}

/// Whether a device's link is open, as the house counts it. It is dropped with its actor, so that
/// one that fails leaves nothing behind.
#[derive(Debug, Default)]
pub(super) struct Presence(bool);

impl Presence {
    /// Its link is open, or not.
    pub(super) fn set(&mut self, online: bool) {
        match (std::mem::replace(&mut self.0, online), online) {
            (false, true) => metrics().devices_online.inc(),
            (true, false) => metrics().devices_online.dec(),
            (true, true) | (false, false) => {}
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.set(false);
    }
}

//! Who watches which device.
//!
//! The table outlives the device actors: a device that starts finds its watchers here, and a
//! watcher need not know whether the device runs. A watcher that is gone is dropped when it is next
//! told something.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{DeviceId, UserId};

use super::{DeviceEvent, Said};

/// Locks that the table is spread over, so that two workers seldom want the same.
const SHARDS: usize = 64;

/// Somebody whom a device tells of its events.
pub trait Watcher: Send + Sync {
    /// Hands the event over without waiting. False: the watcher is gone for good.
    fn tell(&self, event: DeviceEvent) -> bool;
}

/// A shared watcher.
pub type WatcherRef = Arc<dyn Watcher>;

/// Names a watcher among those of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WatchKey {
    /// The session of a user.
    Session(UserId),
    /// The topic space of a user.
    Space(UserId),
    /// Who made it of what a user's home announces.
    Discovery(UserId),
}

type Shard = HashMap<DeviceId, Vec<(WatchKey, WatcherRef)>>;

/// The table. Cheap to clone.
#[derive(Clone)]
pub struct Watchers {
    shards: Arc<[Mutex<Shard>]>,
    hasher: RandomState,
}

impl Default for Watchers {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new() }
    }
}

impl Watchers {
    /// Adds a watcher, in place of an older one of the same key.
    pub fn add(&self, id: DeviceId, key: WatchKey, watcher: WatcherRef) {
        self.with(id, |shard| {
            let watchers = shard.entry(id).or_default();
            watchers.retain(|(known, _)| *known != key);
            watchers.push((key, watcher));
        });
    }

    /// Takes a watcher out.
    pub fn remove(&self, id: DeviceId, key: WatchKey) {
        self.keep(id, |(known, _)| *known != key);
    }

    /// Tells every watcher of `id`.
    pub fn tell(&self, id: DeviceId, event: &DeviceEvent) {
        let watchers = self.with(id, |shard| shard.get(&id).cloned());
        for (key, watcher) in watchers.iter().flatten() {
            if !watcher.tell(event.clone()) {
                self.keep(id, |(known, held)| known != key || !Arc::ptr_eq(held, watcher));
            }
        }
    }

    /// Tells the owner's topic space what was said on the device's topics, if it hears the device.
    pub fn tell_said(&self, id: DeviceId, said: impl FnOnce() -> Option<Said>) {
        let find = |shard: &mut Shard| {
            let watchers = shard.get(&id)?;
            let space = watchers.iter().find(|(key, _)| matches!(key, WatchKey::Space(_)));
            space.cloned()
        };
        let Some((key, watcher)) = self.with(id, find) else { return };
        if let Some(said) = said()
            && !watcher.tell(DeviceEvent::Said(Arc::new(said)))
        {
            self.keep(id, |(known, held)| *known != key || !Arc::ptr_eq(held, &watcher));
        }
    }

    fn keep(&self, id: DeviceId, keep: impl Fn(&(WatchKey, WatcherRef)) -> bool) {
        self.with(id, |shard| {
            if let Some(watchers) = shard.get_mut(&id) {
                watchers.retain(keep);
                if watchers.is_empty() {
                    shard.remove(&id);
                }
            }
        });
    }

    fn with<T>(&self, id: DeviceId, act: impl FnOnce(&mut Shard) -> T) -> T
    where
        T: Default,
    {
        let hash = usize::try_from(self.hasher.hash_one(id)).unwrap_or_default();
        let Some(shard) = self.shards.get(hash % SHARDS) else { return T::default() };
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

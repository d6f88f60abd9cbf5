//! All devices: how to reach one, and who watches which.
//!
//! - Process: the dynamic supervisors of the device actors, sharded by id.
//! - Supervised by: `tree`, as its child `devices`; a device actor is transient, restarted with
//!   back-off, quarantined when it keeps failing.
//! - Takes: calls through [`Devices`], the handle that every floor above holds.
//! - Tells: nobody; a device actor tells its watchers itself.
//! - Never: waits for a device actor; its callers do.

use std::sync::Arc;
use std::time::Duration;

use crate::device::tally::Tally;
use crate::device::{Answer, DeviceError, DeviceFloor, DeviceMsg, View, WatchKey, WatcherRef};
use crate::kind::Kinds;
use crate::model::{Device, DeviceId, UserId};
use crate::store::{self, ReadError};
use crate::supervision::Directory;
use crate::supervision::reply::Owed;

/// Reaches every device. Cheap to clone.
#[derive(Clone)]
pub struct Devices {
    directory: Directory<DeviceId, DeviceMsg>,
    floor: Arc<DeviceFloor>,
    answer_within: Duration,
}

impl Devices {
    /// Reaches the devices whose actors `directory` starts on `floor`; an answer later than
    /// `answer_within` is none.
    #[must_use]
    pub const fn new(
        directory: Directory<DeviceId, DeviceMsg>,
        floor: Arc<DeviceFloor>,
        answer_within: Duration,
    ) -> Self {
        Self { directory, floor, answer_within }
    }

    /// The running device actors, for those who look after the house.
    #[must_use]
    pub const fn directory(&self) -> &Directory<DeviceId, DeviceMsg> {
        &self.directory
    }

    /// What a device can be.
    #[must_use]
    pub fn kinds(&self) -> &Kinds {
        &self.floor.kinds
    }

    /// How much the devices of a person said and were told since the start of the server.
    #[must_use]
    pub fn tally(&self, owner: UserId) -> Arc<Tally> {
        self.floor.tallies.of(owner)
    }

    /// Sends a message to a device if its actor runs; one that does not run has nothing to miss.
    pub fn tell(&self, id: DeviceId, message: DeviceMsg) {
        drop(self.directory.try_tell(&id, message));
    }

    /// Brings a message to a device, starting its actor if need be. Where that fails the message
    /// is dropped, and with it any answer it owes.
    pub async fn deliver(&self, id: DeviceId, message: DeviceMsg) {
        if let Err(error) = self.directory.tell(&id, message).await {
            tracing::warn!(%id, %error, "device actor does not start");
        }
    }

    /// Asks a device something.
    ///
    /// # Errors
    /// [`DeviceError::Gone`] if there is no such device, [`DeviceError::Unavailable`] if its actor
    /// does not answer, and whatever the device answers.
    pub async fn ask<T: Send + 'static>(
        &self,
        id: DeviceId,
        question: impl FnOnce(Answer<T>) -> DeviceMsg + Send,
    ) -> Result<T, DeviceError> {
        let (reply, owed) = Answer::owed();
        self.deliver(id, question(reply)).await;
        owed.wait(self.answer_within).await
    }

    /// Watches a device: `watcher` is told of all its events from now on. The answer is the device
    /// as it is stored; one whose actor runs introduces itself to the watcher as it is now.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn watch(
        &self,
        id: DeviceId,
        key: WatchKey,
        watcher: WatcherRef,
    ) -> Result<Option<View>, ReadError> {
        self.floor.watchers.add(id, key, watcher.clone());
        self.tell(id, DeviceMsg::Introduce(watcher));
        Ok(store::devices::get(&self.floor.store, id)?.map(|device| self.show(&device)))
    }

    /// The devices as they are now, of those whose actors run and answer in time.
    pub async fn look(&self, ids: &[DeviceId]) -> Vec<View> {
        let mut views = Vec::new();
        let looking = async {
            // All are asked before any is waited for.
            let asked: Vec<_> = ids.iter().filter_map(|id| self.look_at(*id)).collect();
            for owed in asked {
                views.extend(owed.wait(self.answer_within).await);
            }
        };
        if tokio::time::timeout(self.answer_within, looking).await.is_err() {
            tracing::warn!(devices = ids.len(), "not every device could be looked at in time");
        }
        views
    }

    fn look_at(&self, id: DeviceId) -> Option<Owed<View, DeviceError>> {
        let (reply, owed) = Answer::owed();
        self.directory.try_tell(&id, DeviceMsg::Look(reply)).ok().map(|()| owed)
    }

    /// Ends a watch.
    pub fn unwatch(&self, id: DeviceId, key: WatchKey) {
        self.floor.watchers.remove(id, key);
    }

    /// Shows a device that has no actor.
    #[must_use]
    pub fn show(&self, device: &Device) -> View {
        let kind = self.floor.kinds.get_or_plain(&device.kind);
        View::of(device, &kind, false, &serde_json::Map::new())
    }
}

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

use ractor::MessagingErr;

use crate::device::{Answer, DeviceError, DeviceFloor, DeviceMsg, View, WatchKey, WatcherRef};
use crate::kind::Kinds;
use crate::model::{Device, DeviceId};
use crate::store::{self, ReadError};
use crate::supervision::directory::Directory;

/// How long a caller waits for a device actor. A device waits for one commit at most; a disk that
/// takes longer than this is a fault that the caller should hear of.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long an actor stays with no link and nothing in hand, in milliseconds: long enough that a
/// device which reconnects finds it, short enough that memory follows the links.
pub const IDLE_MS: i64 = 30_000;

/// Reaches every device. Cheap to clone.
#[derive(Clone)]
pub struct Devices {
    directory: Directory<DeviceId, DeviceMsg>,
    floor: Arc<DeviceFloor>,
}

impl Devices {
    /// Reaches the devices whose actors `directory` starts on `floor`.
    #[must_use]
    pub const fn new(directory: Directory<DeviceId, DeviceMsg>, floor: Arc<DeviceFloor>) -> Self {
        Self { directory, floor }
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

    /// Sends a message to a device if its actor runs; one that does not run has nothing to miss.
    pub fn tell(&self, id: DeviceId, message: DeviceMsg) {
        if let Some(device) = self.directory.get(&id)
            && device.cast(message).is_err()
        {
            tracing::debug!(%id, "message for a device actor that just ended");
        }
    }

    /// Brings a message to a device, starting its actor if need be.
    ///
    /// An actor may end, for want of work, between being found and being told: then it is started
    /// once more. Where that fails too, the message is dropped, and with it any answer it owes.
    pub async fn deliver(&self, id: DeviceId, mut message: DeviceMsg) {
        for _ in 0..2 {
            let device = match self.directory.get_or_start(&id).await {
                Ok(device) => device,
                Err(error) => {
                    tracing::warn!(%id, %error, "device actor does not start");
                    return;
                }
            };
            match device.cast(message) {
                Err(MessagingErr::SendErr(returned)) => message = returned,
                Ok(()) | Err(_) => return,
            }
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
        owed.wait(ANSWER_WITHIN).await
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

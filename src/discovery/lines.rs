//! The discovery actor's two kinds of lines, and who listens to them: to its user's space, where it
//! is a client, and to each device, whose link it is.
//!
//! A line is open while the actor keeps it: dropped, it ends the task that listens, and tells the
//! other end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::oneshot;

use crate::codec::Version;
use crate::device::{DeviceMsg, DeviceRef, Link, LinkId, ToLink};
use crate::devices::Devices;
use crate::kind::Kind;
use crate::model::{DeviceId, UserId};
use crate::space::session_state::{self, Outgoing};
use crate::space::{HOUSE_CLIENT, Hello, Line, SpaceState, ToClient};
use crate::spaces::{Place, Spaces};
use crate::supervision::Tasks;
use crate::supervision::outbox::{Inbox, outbox};
use crate::supervision::permit::Permits;

use super::{DiscoveryMsg, DiscoveryRef};

/// Messages of one line that are under way to the actor, and on to devices.
const PERMITS_MAX: u32 = 32;

/// Messages from a device's actor that wait: one `set` is on its way at a time.
const DEVICE_OUTBOX_MAX: usize = 16;

/// Links of the house itself are numbered from here on, those of connections below.
const LINKS_FROM: u64 = 1 << 63;

fn next_link() -> LinkId {
    static LINKS: AtomicU64 = AtomicU64::new(LINKS_FROM);
    LinkId(LINKS.fetch_add(1, Ordering::Relaxed))
}

/// The actor's place in its user's space.
pub(super) struct Seat {
    pub(super) place: Place,
    _listener: oneshot::Sender<()>,
}

impl Seat {
    /// Takes a place in the space of `user`; what comes from it goes to `actor`.
    ///
    /// # Errors
    /// Why there is none, in words for the log.
    pub(super) fn take(
        (spaces, tasks): (&Spaces, &Tasks),
        user: UserId,
        outbox_max: usize,
        actor: DiscoveryRef,
    ) -> Result<Self, String> {
        let (outbox, inbox) = outbox(outbox_max);
        let unwritten_bytes = Arc::new(AtomicUsize::new(0));
        let hello = Hello {
            client_id: HOUSE_CLIENT.into(),
            label: "".into(),
            scope: None,
            clean_start: true,
            expiry_s: 0,
            will: None,
            line: Line {
                id: next_link(),
                outbox,
                unwritten_bytes: Arc::clone(&unwritten_bytes),
                link: session_state::Link::new(Version::V5),
            },
        };
        let (place, _) = spaces.attach(user, hello).map_err(|refused| refused.to_string())?;
        let (listener, over) = oneshot::channel();
        let seat = place.clone();
        let listen = move |_| async move {
            let ends = hear_space(seat, inbox, &unwritten_bytes, &actor);
            tokio::select! {
                () = ends => drop(actor.cast(DiscoveryMsg::SpaceLost)),
                _ = over => {}
            }
        };
        tasks.spawn(listen).map_err(|full| full.to_string())?;
        Ok(Self { place, _listener: listener })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.place.enter(SpaceState::link_lost));
    }
}

/// Hands on what comes from the space until it ends.
async fn hear_space(
    place: Place,
    mut inbox: Inbox<ToClient>,
    unwritten_bytes: &AtomicUsize,
    actor: &DiscoveryRef,
) {
    let mut permits = Permits::new(PERMITS_MAX);
    loop {
        let permit = permits.acquire().await;
        match inbox.recv().await {
            Some(ToClient::Packet(Outgoing::Publish(publish))) => {
                let message = publish.delivery.message;
                unwritten_bytes.fetch_sub(message.len(), Ordering::Relaxed);
                if actor.cast(DiscoveryMsg::FromSpace(message, permit)).is_err() {
                    return;
                }
            }
            Some(ToClient::Packet(_)) => {}
            Some(ToClient::More) => {
                if place.enter(SpaceState::more).is_err() {
                    return;
                }
            }
            Some(ToClient::Close(_)) | None => return,
        }
    }
}

/// The link of a device.
pub(super) struct DeviceLine {
    pub(super) link: LinkId,
    pub(super) device: DeviceRef,
    pub(super) kind: Arc<Kind>,
    _listener: oneshot::Sender<()>,
}

impl DeviceLine {
    /// Becomes the link of device `id`; what its actor sends goes to `actor`.
    ///
    /// # Errors
    /// Why it did not, in words for the log.
    pub(super) async fn open(
        (devices, tasks): (&Devices, &Tasks),
        id: DeviceId,
        actor: DiscoveryRef,
    ) -> Result<Self, String> {
        let (link, (outbox, inbox)) = (next_link(), outbox(DEVICE_OUTBOX_MAX));
        let attach = |reply| DeviceMsg::Attach(Link { id: link, outbox, follows: true }, reply);
        let attached = devices.ask(id, attach).await.map_err(|error| error.to_string())?;
        let (listener, over) = oneshot::channel();
        let listen = move |_| async move {
            tokio::select! {
                () = hear_device(id, link, inbox, &actor) => {
                    drop(actor.cast(DiscoveryMsg::LinkLost(id, link)));
                }
                _ = over => {}
            }
        };
        tasks.spawn(listen).map_err(|full| full.to_string())?;
        Ok(Self { link, device: attached.device, kind: attached.kind, _listener: listener })
    }
}

impl Drop for DeviceLine {
    fn drop(&mut self) {
        drop(self.device.cast(DeviceMsg::LinkLost(self.link)));
    }
}

/// Hands on what a device's actor sends until the link ends.
async fn hear_device(id: DeviceId, link: LinkId, mut inbox: Inbox<ToLink>, actor: &DiscoveryRef) {
    let mut permits = Permits::new(PERMITS_MAX);
    loop {
        let permit = permits.acquire().await;
        let Some(message) = inbox.recv().await else { return };
        if actor.cast(DiscoveryMsg::FromDevice(id, link, message, permit)).is_err() {
            return;
        }
    }
}

//! All topic spaces: how to reach a user's.
//!
//! - Process: one actor, the bell; the spaces themselves run where they are entered.
//! - Supervised by: `tree`, as its child `spaces`; permanent. The spaces outlive it.
//! - Takes: calls through [`Spaces`], the handle that the floors above hold; its own tick.
//! - Tells: spaces whose time has come (wills, sessions that end, queues that grow old).
//! - Never: waits for a space.

mod shelves;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use crate::device::{DeviceEvent, LinkId, WatchKey, Watcher};
use crate::devices::Devices;
use crate::host::now_ms;
use crate::model::{DeviceId, UserId};
use crate::observe::metrics;
use crate::space::row::Row;
use crate::space::topics::SessionKey;
use crate::space::{
    Hello, Scratch, SpaceEffect, SpaceLimits, SpaceState, Tally, TooManySessions, Welcome,
};
use crate::store::{self, Batch, Store};
use crate::supervision::{Cell, Cells, ChildInfo, Family, Resident, StartError, lock};

/// Bytes after which a batch is full: far below what the store takes at a time, so that the
/// largest message still fits in.
const BATCH_BYTES: usize = 256 * 1024;

/// Each life of a space has so many bits of commit numbers of its own.
const COMMITS_BITS: u32 = 40;

thread_local! {
    /// Lent to whichever space this thread is in.
    static SCRATCH: std::cell::Cell<Scratch> = std::cell::Cell::default();
}

/// How often the bell looks whose time has come.
const TICK: Duration = Duration::from_millis(250);

/// What every space needs of the floors below it.
pub struct SpaceFloor {
    /// Where retained messages and sessions are kept.
    pub store: Store,
    /// Reaches the user's devices.
    pub devices: Devices,
    /// How much a space may hold.
    pub limits: Arc<SpaceLimits>,
    /// Most devices that a user may own.
    pub devices_max: usize,
}

/// Reaches every space. Cheap to clone.
#[derive(Clone)]
pub struct Spaces {
    house: Arc<House>,
}

struct House {
    floor: SpaceFloor,
    cells: Cells<UserId, SpaceState>,
    /// Commits that the store has not answered yet: a space that failed does not begin again with
    /// what is stored before all that it gave the store is.
    under_way: Arc<Mutex<HashMap<UserId, u32>>>,
    /// Counts credentials that were taken back.
    revocations: AtomicU64,
    /// Whose spaces have announcements that nobody has heard yet.
    announced: Mutex<BTreeSet<UserId>>,
}

/// Why a client was not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAttached {
    /// The space failed, or there are too many.
    #[error("{0}")]
    Unavailable(#[from] StartError),
    /// The user has as many sessions as may be.
    #[error("{0}")]
    TooMany(#[from] TooManySessions),
}

/// A client's place in its space.
#[derive(Clone)]
pub struct Place {
    spaces: Spaces,
    cell: Arc<Cell<UserId, SpaceState>>,
    key: SessionKey,
    link: LinkId,
}

impl Spaces {
    /// The spaces of a house, run as `family`.
    #[must_use]
    pub fn new(floor: SpaceFloor, family: Family) -> Self {
        let (store, limits) = (floor.store.clone(), Arc::clone(&floor.limits));
        let under_way = Arc::<Mutex<HashMap<UserId, u32>>>::default();
        let (earlier, lives) = (Arc::clone(&under_way), AtomicU64::new(0));
        let start = move |user: &UserId| {
            if lock(&earlier).contains_key(user) {
                return Err("what it left for the store is not stored yet".to_owned());
            }
            let stored = shelves::load(&store, *user).map_err(|error| error.to_string())?;
            let space = SpaceState::restore(Arc::clone(&limits), stored, now());
            Ok(space.with_commits_from(lives.fetch_add(1, Ordering::Relaxed) << COMMITS_BITS))
        };
        let cells = Cells::new(family, start);
        let (revocations, announced) = (AtomicU64::new(0), Mutex::default());
        Self { house: Arc::new(House { floor, cells, under_way, revocations, announced }) }
    }

    /// Brings a client into its user's space, at a place of its own.
    ///
    /// # Errors
    /// [`NotAttached`]
    pub fn attach(&self, user: UserId, hello: Hello) -> Result<(Place, Welcome), NotAttached> {
        let (link, mut hello) = (hello.line.id, Some(hello));
        let entered = self.house.cells.enter(&user, |cell, space| {
            let hello = hello.take()?;
            let attached = self.turn(user, space, |space, out, now| space.attach(hello, out, now));
            Some((Arc::clone(cell), attached))
        })?;
        let Some((cell, attached)) = entered else {
            return Err(StartError::Unavailable.into());
        };
        let welcome = attached?;
        let place = Place { spaces: self.clone(), cell, key: welcome.key, link };
        Ok((place, welcome))
    }

    /// A client credential of the user's was taken back.
    pub fn revoke(&self, user: UserId, label: &str) {
        self.house.revocations.fetch_add(1, Ordering::AcqRel);
        self.if_open(user, |space, out, now| space.revoke(label, out, now));
    }

    /// How many credentials were taken back so far: who let a client in looks whether there was one
    /// meanwhile.
    #[must_use]
    pub fn revocations(&self) -> u64 {
        self.house.revocations.load(Ordering::Acquire)
    }

    /// Something is announced in the user's space, whether or not anybody is in it.
    pub fn announced(&self, user: UserId) {
        lock(&self.house.announced).insert(user);
    }

    /// Whose spaces something was announced in that the house's own client was not there to hear,
    /// since this was asked last.
    #[must_use]
    pub fn take_announced(&self) -> BTreeSet<UserId> {
        std::mem::take(&mut *lock(&self.house.announced))
    }

    /// The user made a device.
    pub fn device_made(&self, user: UserId, device: DeviceId) {
        let hears = self.house.cells.enter_if_open(&user, |space| space.hears_devices());
        if hears == Some(true) {
            self.watch(user, device);
        }
    }

    /// Wakes the spaces of those whose clients' sessions outlive their connections: what they
    /// subscribe to is kept for them.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn wake(&self) -> Result<(), store::ReadError> {
        for user in store::mqtt::users_with_sessions(&self.house.floor.store)? {
            let wake = |_: &_, space: &mut SpaceState| self.turn(user, space, SpaceState::wake);
            let woken = self.house.cells.enter(&user, wake);
            if let Err(error) = woken {
                tracing::warn!(%user, %error, "a topic space does not start");
            }
        }
        Ok(())
    }

    /// The spaces, for those who look after the house.
    #[must_use]
    pub fn snapshot(&self) -> Vec<ChildInfo<UserId>> {
        self.house.cells.snapshot()
    }

    /// How many spaces are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.house.cells.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.house.cells.is_empty()
    }

    /// Ends a space as a fault would. False: it is not open.
    #[must_use]
    pub fn kill(&self, user: UserId) -> bool {
        self.house.cells.kill(&user)
    }

    fn if_open(&self, user: UserId, act: impl FnOnce(&mut SpaceState, &mut Vec<SpaceEffect>, u64)) {
        self.house.cells.enter_if_open(&user, |space| self.turn(user, space, act));
    }

    /// One turn of a space, inside of it: what it asks for is carried out before anybody else's
    /// turn, so that commits are in the order of the turns.
    fn turn<R>(
        &self,
        user: UserId,
        space: &mut SpaceState,
        act: impl FnOnce(&mut SpaceState, &mut Vec<SpaceEffect>, u64) -> R,
    ) -> R {
        let mut out = Vec::new();
        let mut scratch = SCRATCH.take();
        space.swap_scratch(&mut scratch);
        let done = act(space, &mut out, now());
        if !out.is_empty() {
            self.carry_out(user, space, out);
        }
        space.swap_scratch(&mut scratch);
        // Nothing of one user's may be in what another user's space is lent.
        scratch.clear();
        SCRATCH.set(scratch);
        count(space.take_tally());
        done
    }

    fn carry_out(&self, user: UserId, space: &mut SpaceState, effects: Vec<SpaceEffect>) {
        let floor = &self.house.floor;
        for effect in effects {
            if space.fault().is_some() {
                return; // nothing comes after what could not be stored
            }
            match effect {
                SpaceEffect::Commit(number, rows) => self.commit(user, space, number, &rows),
                SpaceEffect::Write(rows) => {
                    for batch in batches(user, &rows) {
                        let ends = self.under_way(user);
                        if let Err(error) = floor.store.try_commit_then(batch, |_| drop(ends)) {
                            tracing::warn!(%user, %error, "a topic space could not be stored");
                            space.give_up();
                            break;
                        }
                    }
                }
                SpaceEffect::WatchDevices => {
                    for device in self.devices_of(user) {
                        // One whose actor runs introduces itself as it is now.
                        let runs = floor.devices.directory().get(&device).is_some();
                        if let Some(view) = self.watch(user, device).filter(|_| !runs) {
                            let mut more = Vec::new();
                            space.device_is(device, &view.reported, &mut more, now());
                            self.carry_out(user, space, more);
                        }
                    }
                }
                SpaceEffect::Announced => self.announced(user),
                SpaceEffect::UnwatchDevices => {
                    for device in self.devices_of(user) {
                        floor.devices.unwatch(device, WatchKey::Space(user));
                    }
                }
            }
        }
    }

    /// Stores rows, in as many batches as they need, and tells the space when the last is safe.
    fn commit(&self, user: UserId, space: &mut SpaceState, number: u64, rows: &[Row]) {
        let store = &self.house.floor.store;
        let mut batches = batches(user, rows);
        let last = batches.pop().unwrap_or_default();
        let safe = Arc::new(AtomicBool::new(true));
        let mut refused = None;
        for batch in batches {
            let (safe, ends) = (Arc::clone(&safe), self.under_way(user));
            let note = move |done: Result<(), store::CommitError>| {
                safe.fetch_and(done.is_ok(), Ordering::Relaxed);
                drop(ends);
            };
            refused = refused.or(store.try_commit_then(batch, note).err());
        }
        let (house, ends) = (Arc::downgrade(&self.house), self.under_way(user));
        let then = move |done: Result<(), store::CommitError>| {
            let Some(house) = house.upgrade() else { return };
            let safe = done.is_ok() && safe.load(Ordering::Relaxed);
            Self { house }.if_open(user, |space, out, now| space.stored(number, safe, out, now));
            drop(ends);
        };
        if refused.is_none() {
            refused = store.try_commit_then(last, then).err();
        }
        if let Some(error) = refused {
            tracing::warn!(%user, %error, "a topic space could not be stored");
            space.give_up();
        }
    }

    fn under_way(&self, user: UserId) -> UnderWay {
        *lock(&self.house.under_way).entry(user).or_default() += 1;
        UnderWay { user, count: Arc::clone(&self.house.under_way) }
    }

    fn devices_of(&self, user: UserId) -> Vec<DeviceId> {
        let floor = &self.house.floor;
        store::devices::owned_by(&floor.store, user, None, floor.devices_max)
            .inspect_err(|error| tracing::warn!(%user, %error, "devices can't be read"))
            .unwrap_or_default()
    }

    fn watch(&self, user: UserId, device: DeviceId) -> Option<crate::device::View> {
        let ear = Arc::new(Ear { user, house: Arc::downgrade(&self.house) });
        self.house.floor.devices.watch(device, WatchKey::Space(user), ear).ok().flatten()
    }
}

/// A commit that the store has not answered yet.
struct UnderWay {
    user: UserId,
    count: Arc<Mutex<HashMap<UserId, u32>>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut count = lock(&self.count);
        if let Entry::Occupied(mut commits) = count.entry(self.user) {
            *commits.get_mut() -= 1;
            if *commits.get() == 0 {
                commits.remove();
            }
        }
    }
}

/// Stands for a space among a device's watchers.
struct Ear {
    user: UserId,
    house: Weak<House>,
}

impl Watcher for Ear {
    fn tell(&self, event: DeviceEvent) -> bool {
        let Some(house) = self.house.upgrade() else { return false };
        if !is_heard(&event) {
            return true;
        }
        let spaces = Spaces { house };
        let heard = spaces.house.cells.enter_if_open(&self.user, |space| {
            spaces.turn(self.user, space, |space, out, now| hear(space, &event, out, now));
            space.hears_devices()
        });
        heard == Some(true)
    }
}

/// Whether a device's event is anything in the topics of its owner's space.
const fn is_heard(event: &DeviceEvent) -> bool {
    matches!(event, DeviceEvent::Whole(_) | DeviceEvent::Said(_) | DeviceEvent::Removed(_))
}

/// What a device's event is in the topics of its owner's space.
fn hear(space: &mut SpaceState, event: &DeviceEvent, out: &mut Vec<SpaceEffect>, now: u64) {
    match event {
        DeviceEvent::Whole(view) => space.device_is(view.id, &view.reported, out, now),
        DeviceEvent::Said(said) => space.device_said(said, out, now),
        DeviceEvent::Removed(id) => space.device_gone(*id),
        DeviceEvent::Changed(..)
        | DeviceEvent::Command(_)
        | DeviceEvent::Alarm(_)
        | DeviceEvent::Happened(..) => {}
    }
}

impl Place {
    /// One turn of the client's space.
    ///
    /// # Errors
    /// [`StartError`] if the space has failed: the connection is over.
    pub fn enter<R>(
        &self,
        act: impl FnOnce(&mut SpaceState, (SessionKey, LinkId), &mut Vec<SpaceEffect>, u64) -> R,
    ) -> Result<R, StartError> {
        let Self { spaces, cell, key, link } = self;
        spaces.house.cells.enter_open(cell, |space| {
            let user = *cell.key();
            spaces.turn(user, space, |space, out, now| act(space, (*key, *link), out, now))
        })
    }
}

fn now() -> u64 {
    u64::try_from(now_ms()).unwrap_or(0)
}

fn count(tally: Tally) {
    let counted = [
        (&metrics().mqtt_sent, tally.sent),
        (&metrics().mqtt_dropped_queue, tally.dropped_full),
        (&metrics().mqtt_dropped_expired, tally.dropped_expired),
        (&metrics().mqtt_held_back, tally.held_back),
        (&metrics().mqtt_expiry_shortened, tally.expiry_shortened),
        (&metrics().mqtt_dropped_retained, tally.retained_refused),
        (&metrics().mqtt_slow, tally.slow),
        (&metrics().mqtt_too_fast, tally.too_fast),
        (&metrics().mqtt_sessions_refused, tally.sessions_refused),
        (&metrics().mqtt_subscriptions_refused, tally.subscriptions_refused),
    ];
    for (counter, events) in counted.into_iter().filter(|(_, events)| *events > 0) {
        counter.add(events);
    }
}

fn batches(user: UserId, rows: &[Row]) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut batch = Batch::new();
    for row in rows {
        shelves::write(&mut batch, user, row);
        if batch.bytes() >= BATCH_BYTES {
            batches.push(std::mem::take(&mut batch));
        }
    }
    batches.push(batch);
    batches
}

/// Ring.
pub struct Ring;

/// Starts the bell under `supervisor`.
///
/// # Errors
/// Only if the supervisor is going down.
pub async fn start(spaces: Spaces, supervisor: ActorCell) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, Bell, spaces, supervisor).await?;
    actor.send_interval(TICK, || Ring);
    Ok(actor.get_cell())
}

struct Bell;

impl Actor for Bell {
    type Msg = Ring;
    type State = Spaces;
    type Arguments = Spaces;

    async fn pre_start(
        &self,
        _: ActorRef<Ring>,
        spaces: Spaces,
    ) -> Result<Spaces, ActorProcessingErr> {
        Ok(spaces)
    }

    async fn handle(
        &self,
        _: ActorRef<Ring>,
        Ring: Ring,
        spaces: &mut Spaces,
    ) -> Result<(), ActorProcessingErr> {
        spaces.house.cells.ring(now(), |user, space| {
            spaces.turn(*user, space, SpaceState::wake);
        });
        Ok(())
    }

    /// The doors are closed by now, and nobody enters any more.
    async fn post_stop(
        &self,
        _: ActorRef<Ring>,
        spaces: &mut Spaces,
    ) -> Result<(), ActorProcessingErr> {
        spaces.house.cells.close(|user, space| {
            spaces.turn(*user, space, |space, out, _| space.close(out));
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;

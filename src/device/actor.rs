//! The device actor: carries out what `device/state` decides.
//!
//! - Process: one per live device.
//! - Supervised by: `devices`; transient, with back-off, its own window and quarantine.
//! - Takes: [`DeviceMsg`].
//! - Tells: its watchers, its link, the store, the statistics.
//! - Never: waits for a watcher, a link or the statistics. It waits for the store where a person
//!   waits for the answer.

mod keeping;

use std::sync::Arc;
use std::time::Duration;

use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, MessagingErr, SpawnErr};

use crate::host::now_ms;
use crate::kind::Watch;
use crate::model::DeviceId;
use crate::model::audit::{Action, Entry, Subject, Who};
use crate::store::{self, Batch};
use crate::supervision::Gauge;

use super::state::{Change, DeviceEffect, DeviceState, Effects};
use super::tally::{Presence, Tally};
use super::{
    Attached, DeviceError, DeviceEvent, DeviceFloor, DeviceMsg, DeviceRef, Link, LinkEnd, Patch,
    Said, ToLink, View,
};
use keeping::{batch, count};

/// Starts the actor of device `id` under `supervisor`. It loads the device with its first message,
/// not inside its supervisor.
///
/// # Errors
/// Only if the supervisor is going down.
pub async fn start(
    id: DeviceId,
    floor: Arc<DeviceFloor>,
    gauge: Gauge,
    supervisor: ActorCell,
) -> Result<ActorRef<DeviceMsg>, SpawnErr> {
    let shell = Shell { id, floor, gauge };
    let (actor, _) = Actor::spawn_linked(None, DeviceActor, shell, supervisor).await?;
    Ok(actor)
}

/// After so many commands those that ended long ago are forgotten: it reads them all.
const PRUNE_EVERY: u32 = 32;

struct DeviceActor;

/// The actor's hands: what it needs to carry effects out.
struct Shell {
    id: DeviceId,
    floor: Arc<DeviceFloor>,
    gauge: Gauge,
}

/// A timer that will cast a message to the actor.
type Timer = JoinHandle<Result<(), MessagingErr<DeviceMsg>>>;

struct Running {
    shell: Shell,
    /// Where its own messages go.
    myself: DeviceRef,
    state: Option<DeviceState>,
    /// Its owner's, once it is loaded.
    tally: Arc<Tally>,
    /// How long its kind's readings are kept, by number.
    retention: u8,
    link: Option<Link>,
    presence: Presence,
    /// Commands since old ones were last forgotten.
    unpruned: u32,
    alarm_clock: Option<(i64, Timer)>,
    /// Whether a write that somebody waited for may have happened or not.
    in_doubt: bool,
}

impl Actor for DeviceActor {
    type Msg = DeviceMsg;
    type State = Running;
    type Arguments = Shell;

    async fn pre_start(
        &self,
        myself: ActorRef<DeviceMsg>,
        shell: Shell,
    ) -> Result<Running, ActorProcessingErr> {
        let myself = DeviceRef::new(myself, shell.gauge.clone());
        Ok(Running {
            shell,
            myself,
            state: None,
            tally: Arc::default(),
            retention: 0,
            link: None,
            presence: Presence::default(),
            unpruned: 0,
            alarm_clock: None,
            in_doubt: false,
        })
    }

    /// An actor that is started again after a fault shows its watchers at once what is so: its link
    /// is gone, and what was never written too.
    async fn post_start(
        &self,
        _: ActorRef<DeviceMsg>,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        Ok(running.myself.cast(DeviceMsg::Wake)?)
    }

    /// Boxed: an actor holds the space of its `handle`, and twice, also while it has nothing to do.
    fn handle(
        &self,
        _: ActorRef<DeviceMsg>,
        message: DeviceMsg,
        running: &mut Running,
    ) -> impl Future<Output = Result<(), ActorProcessingErr>> + Send {
        running.myself.gauge().taken();
        Box::pin(running.handle(message))
    }

    async fn post_stop(
        &self,
        _: ActorRef<DeviceMsg>,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        running.close().await
    }
}

impl Running {
    async fn handle(&mut self, message: DeviceMsg) -> Result<(), ActorProcessingErr> {
        let now_ms = now_ms();
        let mut out = Effects::new();
        if self.state.is_none() && !Box::pin(self.load(now_ms, &mut out)).await? {
            refuse(message);
            self.myself.stop(None);
            return Ok(());
        }
        let Some(state) = &mut self.state else { return Ok(()) };
        match message {
            DeviceMsg::Said(link, report, receipt) => {
                if self.link.as_ref().is_some_and(|held| held.id == link) {
                    let Shell { id, floor, .. } = &self.shell;
                    floor.watchers.tell_said(*id, || Said::by(*id, &report));
                }
                self.tally.hear();
                state.said(link, report, receipt, now_ms, &mut out);
            }
            DeviceMsg::Delivered(link, number) => state.delivered(link, number, now_ms, &mut out),
            DeviceMsg::Listens(link, listens) => state.listens(link, listens, now_ms, &mut out),
            DeviceMsg::Saved(number, rev, safe) => {
                state.saved(number, rev, safe, now_ms, &mut out);
            }
            DeviceMsg::Wake => {
                self.alarm_clock = None;
                state.wake(now_ms, &mut out);
            }
            DeviceMsg::LinkLost(link) => {
                state.link_lost(link, now_ms, &mut out);
                self.link.take_if(|held| held.id == link);
            }
            DeviceMsg::Attach(link, reply) => {
                let attached = Box::pin(self.attach(link, now_ms, &mut out)).await;
                reply.send(attached);
            }
            DeviceMsg::Patch(patch, reply) => {
                let patched = Box::pin(self.patch(&patch, now_ms, &mut out)).await;
                reply.send(patched);
            }
            DeviceMsg::Acknowledge(by, code, reply) => {
                let change = state.acknowledge(&by, &code, now_ms);
                let done = Box::pin(self.commit_and_apply(change, now_ms, &mut out)).await;
                reply.send(done);
            }
            DeviceMsg::Look(reply) => reply.send(Ok(state.view())),
            DeviceMsg::Introduce(watcher) => {
                watcher.tell(DeviceEvent::Whole(Arc::new(state.view())));
            }
            DeviceMsg::RightLost(user, via) => {
                state.right_lost(user, via.as_ref(), now_ms, &mut out);
            }
            DeviceMsg::SecretChanged => self.end_link(LinkEnd::Revoked, now_ms, &mut out),
            DeviceMsg::Delete(who, reply) => {
                let deleted = Box::pin(self.delete(*who, now_ms, &mut out)).await;
                let gone = deleted.is_ok();
                reply.send(deleted);
                if gone {
                    self.myself.stop(None);
                    return Ok(());
                }
            }
        }
        self.presence.set(self.link.is_some());
        self.carry_out(out);
        self.set_alarm_clock(now_ms);
        if self.in_doubt {
            return Err("nobody knows whether a write was kept: begin again with what was".into());
        }
        Ok(())
    }

    /// Loads the device. False: there is none.
    async fn load(&mut self, now_ms: i64, out: &mut Effects) -> Result<bool, ActorProcessingErr> {
        let Shell { id, floor, .. } = &self.shell;
        floor.store.settled().await;
        let Some(device) = store::devices::get(&floor.store, *id)? else { return Ok(false) };
        let kind = floor.kinds.get_or_plain(&device.kind);
        let open = store::devices::open_commands(&floor.store, *id)?;
        let watch = store::devices::watch(&floor.store, *id)?;
        let mut state = DeviceState::new(device, open, watch, kind, floor.idle_ms, now_ms);
        floor.watchers.tell(*id, &DeviceEvent::Whole(Arc::new(state.view())));
        self.tally = floor.tallies.of(state.owner());
        self.retention = floor.stats.retention_of(&state.kind().name);
        // A right may have ended while nobody was here to be told.
        for (user, via) in state.askers() {
            if !self.may_command(state.owner(), user, &via, now_ms)? {
                state.right_lost(user, Some(&via), now_ms, out);
            }
        }
        self.state = Some(state);
        self.prune();
        // Actors that live for a few commands only must not all stop short of tidying.
        self.unpruned = u32::try_from(now_ms.rem_euclid(PRUNE_EVERY.into())).unwrap_or(0);
        Ok(true)
    }

    async fn attach(
        &mut self,
        link: Link,
        now_ms: i64,
        out: &mut Effects,
    ) -> Result<Attached, DeviceError> {
        let Some(state) = &self.state else { return Err(DeviceError::Gone) };
        if let Some(device) = state.to_mark() {
            let batch = batch(&device, &Watch::default(), state.rows());
            self.commit(batch).await?;
        }
        let Some(state) = &mut self.state else { return Err(DeviceError::Gone) };
        state.marked();
        if let Some(older) = self.link.replace(link.clone()) {
            close(&older, LinkEnd::TakenOver);
        }
        state.attach(link.id, now_ms, out);
        if link.follows {
            state.follow();
        }
        Ok(Attached { device: self.myself.clone(), kind: state.kind().clone() })
    }

    async fn patch(
        &mut self,
        patch: &Patch,
        now_ms: i64,
        out: &mut Effects,
    ) -> Result<View, DeviceError> {
        let Some(state) = &self.state else { return Err(DeviceError::Gone) };
        let change = state.patch(patch, now_ms);
        self.commit_and_apply(change, now_ms, out).await
    }

    /// Write before tell: the change is durable before it is so.
    async fn commit_and_apply(
        &mut self,
        decided: Result<Option<Change>, DeviceError>,
        now_ms: i64,
        out: &mut Effects,
    ) -> Result<View, DeviceError> {
        if let Some(change) = decided? {
            let earlier = self.state.iter().flat_map(DeviceState::rows);
            let rows = earlier.chain(&change.rows);
            let mut batch = batch(&change.device, &Watch::default(), rows);
            for entry in &change.audit {
                store::audit::put(&mut batch, entry);
            }
            self.commit(batch).await?;
            let written = change.rows.len().max(change.audit.len());
            let Some(state) = &mut self.state else { return Err(DeviceError::Gone) };
            state.apply(change, now_ms, out);
            self.unpruned = self.unpruned.saturating_add(u32::try_from(written).unwrap_or(1));
            if self.unpruned >= PRUNE_EVERY {
                self.unpruned = 0;
                self.prune();
                self.tidy(now_ms);
            }
        }
        self.state.as_ref().map(DeviceState::view).ok_or(DeviceError::Gone)
    }

    async fn delete(
        &mut self,
        who: Who,
        now_ms: i64,
        out: &mut Effects,
    ) -> Result<(), DeviceError> {
        let Some(state) = &self.state else { return Err(DeviceError::Gone) };
        let (id, owner) = (self.shell.id, state.owner());
        let mut batch = Batch::new();
        store::devices::remove(&self.shell.floor.store, &mut batch, owner, id)
            .map_err(not_stored)?;
        let entry = Entry::new(Subject::Device(id), who, Action::Deleted, now_ms, u64::MAX);
        store::audit::put(&mut batch, &entry.with("description", &*state.view().description));
        self.commit(batch).await?;
        let floor = &self.shell.floor;
        if let Err(error) = floor.stats.forget(id.0).await {
            tracing::warn!(%id, %error, "its history stays until it is too old");
        }
        floor.watchers.tell(id, &DeviceEvent::Removed(id));
        self.end_link(LinkEnd::Revoked, now_ms, out);
        self.state = None;
        Ok(())
    }

    fn end_link(&mut self, why: LinkEnd, now_ms: i64, out: &mut Effects) {
        if let Some(link) = self.link.take() {
            close(&link, why);
            if let Some(state) = &mut self.state {
                state.link_lost(link.id, now_ms, out);
            }
        }
    }

    fn carry_out(&self, effects: Effects) {
        let floor = &self.shell.floor;
        for effect in effects {
            match effect {
                DeviceEffect::Tell(event) => {
                    if let DeviceEvent::Command(moved) = &event {
                        count(moved);
                    }
                    floor.watchers.tell(self.shell.id, &event);
                }
                DeviceEffect::Send(message) => self.send(message),
                DeviceEffect::Confirm(receipt) => {
                    let ack = receipt.into_ack();
                    floor.stats.when_kept(move || ack.confirm());
                }
                DeviceEffect::Record(sample) => {
                    floor.stats.record(sample.of(self.shell.id, self.retention));
                }
                DeviceEffect::Save { number, device, watch, commands } => {
                    let (myself, rev) = (self.myself.clone(), device.rev);
                    let batch = batch(&device, &watch, &commands);
                    floor.store.commit_then(batch, move |done| {
                        let safe = done.is_ok();
                        if myself.cast(DeviceMsg::Saved(number, rev, safe)).is_err() {
                            tracing::debug!("a write ended after its device actor");
                        }
                    });
                }
                // What waits in the mailbox is still handled; the next message finds a successor.
                DeviceEffect::Retire => drop(self.myself.drain()),
            }
        }
    }

    fn send(&self, message: ToLink) {
        if let ToLink::Set(payload, _) = &message {
            let Shell { id, floor, .. } = &self.shell;
            floor.watchers.tell_said(*id, || Some(Said::to(*id, payload.clone())));
        }
        self.tally.tell();
        if let Some(link) = &self.link
            && link.outbox.push(message).is_err()
        {
            tracing::debug!("message for a link that is over");
        }
    }

    fn set_alarm_clock(&mut self, now_ms: i64) {
        let Some(at_ms) = self.state.as_ref().and_then(DeviceState::next_wake_ms) else { return };
        if self.alarm_clock.as_ref().is_some_and(|(set_ms, _)| *set_ms <= at_ms) {
            return;
        }
        if let Some((_, older)) = self.alarm_clock.take() {
            older.abort();
        }
        let wait = Duration::from_millis(u64::try_from(at_ms - now_ms).unwrap_or(0));
        self.alarm_clock = Some((at_ms, self.myself.send_after(wait, || DeviceMsg::Wake)));
    }

    /// The house closes, or the actor retires: the link ends, and the device is written as it is.
    async fn close(&mut self) -> Result<(), ActorProcessingErr> {
        self.end_link(LinkEnd::ShuttingDown, now_ms(), &mut Effects::new());
        let Some(state) = &self.state else { return Ok(()) };
        if let Some((device, watch)) = state.unwritten() {
            self.shell.floor.store.commit(batch(device, watch, state.rows())).await?;
        }
        Ok(())
    }
}

fn not_stored(error: impl std::fmt::Display) -> DeviceError {
    DeviceError::NotStored(error.to_string())
}

fn close(link: &Link, why: LinkEnd) {
    link.outbox.clone().close_with(ToLink::Close(why));
}

/// Answers whoever asks a device that does not exist.
fn refuse(message: DeviceMsg) {
    match message {
        DeviceMsg::Attach(_, reply) => reply.send(Err(DeviceError::Gone)),
        DeviceMsg::Patch(_, reply)
        | DeviceMsg::Acknowledge(_, _, reply)
        | DeviceMsg::Look(reply) => reply.send(Err(DeviceError::Gone)),
        DeviceMsg::Delete(_, reply) => reply.send(Err(DeviceError::Gone)),
        DeviceMsg::Said(..)
        | DeviceMsg::Delivered(..)
        | DeviceMsg::Listens(..)
        | DeviceMsg::LinkLost(_)
        | DeviceMsg::Introduce(_)
        | DeviceMsg::RightLost(..)
        | DeviceMsg::SecretChanged
        | DeviceMsg::Saved(..)
        | DeviceMsg::Wake => {}
    }
}

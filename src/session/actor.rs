//! The session actor: carries out what a user's tabs and REST calls ask.
//!
//! - Process: one per user with a tab open, or with work in hand.
//! - Supervised by: `sessions`; transient, with back-off, its own window and quarantine.
//! - Takes: [`SessionMsg`].
//! - Tells: its tabs; the devices on its list.
//! - Never: waits for a tab. It waits for the store, for a device actor to start, and, before its
//!   first answer, for the devices to say how they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use crate::device::{DeviceEvent, DeviceMsg, Patch, View, WatchKey, Watcher, WatcherRef, Wishes};
use crate::devices::Devices;
use crate::host::{now_ms, random_bytes, random_u64};
use crate::kind::FieldError;
use crate::model::audit::{Action, Entry, Subject, Who};
use crate::model::{Caller, Device, DeviceId, Grant, Role, Scope, UserId};
use crate::spaces::Spaces;
use crate::store::audit::Keep;
use crate::store::credentials;
use crate::store::secret::Secret;
use crate::store::{self, Batch, Store};
use crate::supervision::{AlarmClock, Gauge};

use super::frame::{self, Request};
use super::state::SessionState;
use super::{Asked, Created, Neighbours, NewDevice, SessionError, SessionMsg, SessionRef, TabId};

/// What every session actor needs of the floors below it.
pub struct SessionFloor {
    /// Reaches the devices.
    pub devices: Devices,
    /// Tells the user's topic space of new devices.
    pub spaces: Spaces,
    /// Where lists and devices are kept.
    pub store: Store,
    /// Most devices a user may own.
    pub devices_max: usize,
    /// Tells other users' sessions.
    pub neighbours: Neighbours,
    /// Most people one device is shared with.
    pub grants_max: usize,
    /// Most tabs of one user; the oldest is closed for one more.
    pub tabs_max: usize,
    /// How much of the audit is kept of each device.
    pub audit: Keep,
    /// How long the actor stays with no tab and nothing in hand, in milliseconds.
    pub idle_ms: i64,
    /// When tabs are asked to come back after the house closed, in milliseconds.
    pub reconnect_in_ms: u64,
}

/// Starts the session actor of `user` under `supervisor`. It loads the list with its first message,
/// not inside its supervisor.
///
/// # Errors
/// Only if the supervisor is going down.
pub async fn start(
    user: UserId,
    floor: Arc<SessionFloor>,
    gauge: Gauge,
    supervisor: ActorCell,
) -> Result<ActorRef<SessionMsg>, SpawnErr> {
    let arguments = (user, floor, gauge);
    let (actor, _) = Actor::spawn_linked(None, SessionActor, arguments, supervisor).await?;
    Ok(actor)
}

struct SessionActor;

pub(super) struct Running {
    pub(super) user: UserId,
    pub(super) floor: Arc<SessionFloor>,
    /// Where its own messages go.
    myself: SessionRef,
    watcher: WatcherRef,
    pub(super) state: Option<SessionState>,
    alarm_clock: AlarmClock<SessionMsg>,
}

/// Who asks, and with which part of the user's rights.
pub(super) struct Authority {
    pub(super) by: Who,
    pub(super) scope: Scope,
}

/// Stands for the session among a device's watchers.
struct Ear(SessionRef);

impl Watcher for Ear {
    fn tell(&self, event: DeviceEvent) -> bool {
        // People see what a device is, not what it said.
        matches!(event, DeviceEvent::Said(_)) || self.0.cast(SessionMsg::Device(event)).is_ok()
    }
}

impl Actor for SessionActor {
    type Msg = SessionMsg;
    type State = Running;
    type Arguments = (UserId, Arc<SessionFloor>, Gauge);

    async fn pre_start(
        &self,
        myself: ActorRef<SessionMsg>,
        (user, floor, gauge): Self::Arguments,
    ) -> Result<Running, ActorProcessingErr> {
        let myself = SessionRef::new(myself, gauge);
        let watcher = Arc::new(Ear(myself.clone()));
        Ok(Running {
            user,
            floor,
            myself,
            watcher,
            state: None,
            alarm_clock: AlarmClock::default(),
        })
    }

    /// An actor that is started again after a fault may never hear from anybody: it looks by itself
    /// whether it is needed.
    async fn post_start(
        &self,
        _: ActorRef<SessionMsg>,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        Ok(running.myself.cast(SessionMsg::Tick)?)
    }

    /// Boxed: an actor holds the space of its `handle`, and twice, also while it has nothing to do.
    fn handle(
        &self,
        _: ActorRef<SessionMsg>,
        message: SessionMsg,
        running: &mut Running,
    ) -> impl Future<Output = Result<(), ActorProcessingErr>> + Send {
        running.myself.gauge().taken();
        Box::pin(running.handle(message))
    }

    async fn post_stop(
        &self,
        _: ActorRef<SessionMsg>,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        let Running { user, floor, state: Some(state), .. } = running else { return Ok(()) };
        state.close_all(&frame::bye(floor.reconnect_in_ms));
        for id in state.devices() {
            floor.devices.unwatch(id, WatchKey::Session(*user));
        }
        Ok(())
    }
}

impl Running {
    async fn handle(&mut self, message: SessionMsg) -> Result<(), ActorProcessingErr> {
        let now_ms = now_ms();
        if self.state.is_none() {
            Box::pin(self.load(now_ms)).await?;
        }
        self.end_rights(now_ms);
        let Self { user, floor, myself, state: Some(state), .. } = self else { return Ok(()) };
        #[expect(clippy::wildcard_enum_match_arm, reason = "all else is a question: see `answer`")]
        match message {
            SessionMsg::Device(event) => state.hear(&event, now_ms),
            SessionMsg::TabOpened(tab) => state.open(*tab, floor.tabs_max, now_ms),
            SessionMsg::TabClosed(tab) => state.close(tab, now_ms),
            SessionMsg::TabDrained(tab) => state.catch_up(tab, now_ms),
            SessionMsg::LoginEnded(login) => state.close_login(login, now_ms),
            SessionMsg::ProgramEnded(program) => {
                state.close_program(&program, now_ms);
                // What this session handed on before has reached the devices before this.
                for id in state.devices() {
                    floor.devices.tell(id, DeviceMsg::RightLost(*user, Some(program.clone())));
                }
            }
            SessionMsg::GrantChanged(id) => self.grant_changed(id, now_ms)?,
            SessionMsg::Answered(tab, frame) => state.answer(tab, frame),
            SessionMsg::Tick => {
                self.alarm_clock.rang();
                if !state.tick(now_ms, floor.idle_ms) {
                    // What waits in the mailbox is still handled.
                    myself.drain().ok();
                }
            }
            asked => {
                state.touched(now_ms);
                let (by, scope, asked) = match asked {
                    SessionMsg::Asked(asked) => {
                        let Asked { by, scope, question } = *asked;
                        (Who::Caller(by), scope, question)
                    }
                    asked => (Who::Server, Scope::ALL, asked),
                };
                let authority = Authority { by, scope };
                Box::pin(self.answer(&authority, asked, now_ms)).await;
            }
        }
        self.set_alarm_clock(now_ms);
        Ok(())
    }

    /// Loads the user's list and watches every device on it. The first answer shows devices as they
    /// are, not as they were when they were last written: `connected` is nothing that is stored.
    async fn load(&mut self, now_ms: i64) -> Result<(), ActorProcessingErr> {
        let mut state = SessionState::new(now_ms);
        let Self { user, floor, .. } = self;
        floor.store.settled().await;
        let owned = store::devices::owned_by(&floor.store, *user, None, floor.devices_max)?;
        let shared = store::devices::shared_with(&floor.store, *user, None, floor.devices_max)?;
        let mut rights: BTreeMap<DeviceId, Grant> =
            owned.into_iter().map(|id| (id, Grant::OWNER)).collect();
        for id in shared {
            rights.extend(self.right(id, now_ms)?.map(|right| (id, right)));
        }
        for (id, right) in &rights {
            if let Some(view) = self.watch(*id)? {
                state.load(view, *right);
            }
        }
        let ids: Vec<DeviceId> = rights.keys().copied().collect();
        for view in self.floor.devices.look(&ids).await {
            if let Some(right) = rights.get(&view.id) {
                state.load(view, *right);
            }
        }
        self.state = Some(state);
        Ok(())
    }

    pub(super) fn watch(&self, id: DeviceId) -> Result<Option<View>, store::ReadError> {
        self.floor.devices.watch(id, self.watch_key(), self.watcher.clone())
    }

    pub(super) const fn watch_key(&self) -> WatchKey {
        WatchKey::Session(self.user)
    }

    /// Takes the devices off the list on which the user's right has ended: no message is handled
    /// with a right that is over.
    fn end_rights(&mut self, now_ms: i64) {
        let ended = self.state.as_ref().map(|state| state.ended(now_ms)).unwrap_or_default();
        for id in ended {
            self.forget(id, now_ms);
            self.floor.devices.tell(id, DeviceMsg::RightLost(self.user, None));
        }
    }

    /// Has itself woken when there will be something to do that nobody asks for.
    fn set_alarm_clock(&mut self, now_ms: i64) {
        let next_ms = self.state.as_ref().and_then(|state| state.next_tick_ms(self.floor.idle_ms));
        self.alarm_clock.set(next_ms, now_ms, &self.myself, || SessionMsg::Tick);
    }

    /// What somebody waits for.
    async fn answer(&mut self, authority: &Authority, asked: SessionMsg, now_ms: i64) {
        let Self { floor, state: Some(state), .. } = self else { return };
        let Authority { by, scope } = authority;
        match asked {
            SessionMsg::FromTab(tab, request, _permit) => {
                self.asked_by_tab(tab, request, now_ms).await;
            }
            SessionMsg::List(reply) => reply.send(Ok(state.list(scope))),
            SessionMsg::Show(id, reply) => reply.send(state.show(id, scope)),
            SessionMsg::Check(id, role, reply) => {
                reply.send(state.check(id, role, scope).map(drop));
            }
            SessionMsg::Patch(id, mut patch, reply) => {
                let needed = role_for(&patch);
                patch.ttl_s = state.ttl_s(id, patch.ttl_s, scope, now_ms);
                if let Err(refused) = self.admits(&patch.by, now_ms) {
                    return reply.send(Err(refused));
                }
                let forward = |answer| DeviceMsg::Patch(patch, answer);
                self.forward(id, (needed, scope), reply, forward).await;
            }
            SessionMsg::Acknowledge(id, by, code, reply) => {
                if let Err(refused) = self.admits(&by, now_ms) {
                    return reply.send(Err(refused));
                }
                let forward = |answer| DeviceMsg::Acknowledge(by, code, answer);
                self.forward(id, (Role::Operator, scope), reply, forward).await;
            }
            SessionMsg::Create(device, reply) => {
                let created = if *scope == Scope::ALL {
                    self.create(&device, by, now_ms).await
                } else {
                    Err(SessionError::Forbidden)
                };
                reply.send(created);
            }
            SessionMsg::NewSecret(id, reply) => {
                let made = self.new_secret(id, authority, now_ms).await;
                reply.send(made);
            }
            SessionMsg::Delete(id, reply) => {
                if let Err(refused) = state.check(id, Role::Owner, scope) {
                    return reply.send(Err(refused));
                }
                let answer = crate::device::Answer::to(|done: Result<(), _>| {
                    reply.send(done.map_err(SessionError::from));
                });
                let delete = DeviceMsg::Delete(Box::new(by.clone()), answer);
                floor.devices.deliver(id, delete).await;
            }
            sharing @ (SessionMsg::Grants(..)
            | SessionMsg::Share(..)
            | SessionMsg::Invite(..)
            | SessionMsg::Accept(..)) => self.answer_sharing(authority, sharing, now_ms).await,
            SessionMsg::Asked(..)
            | SessionMsg::GrantChanged(_)
            | SessionMsg::ProgramEnded(_)
            | SessionMsg::Device(_)
            | SessionMsg::TabOpened(_)
            | SessionMsg::TabClosed(_)
            | SessionMsg::TabDrained(_)
            | SessionMsg::LoginEnded(_)
            | SessionMsg::Answered(..)
            | SessionMsg::Tick => {}
        }
    }

    /// What a program was about to do when its key was taken back is not done any more.
    fn admits(&self, by: &Caller, now_ms: i64) -> Result<(), SessionError> {
        match credentials::admits(&self.floor.store, by.user, &by.via, now_ms) {
            Ok(true) => Ok(()),
            Ok(false) => Err(SessionError::Forbidden),
            Err(error) => Err(not_stored(error)),
        }
    }

    /// Hands a question on to a device, if the user may ask it. The device answers for itself: the
    /// session goes on with its next message.
    async fn forward(
        &self,
        id: DeviceId,
        (needed, scope): (Role, &Scope),
        reply: super::Answer<(String, u64)>,
        question: impl FnOnce(crate::device::Answer<View>) -> DeviceMsg,
    ) {
        let Some(state) = &self.state else { return };
        let role = match state.check(id, needed, scope) {
            Ok(role) => role,
            Err(refused) => return reply.send(Err(refused)),
        };
        let answer = crate::device::Answer::to(move |done: Result<View, _>| {
            let shown = done.map(|view| (view.to_json(role), view.rev));
            reply.send(shown.map_err(SessionError::from));
        });
        self.floor.devices.deliver(id, question(answer)).await;
    }

    /// Puts an entry of the audit into the batch of what it tells of, and makes room for it.
    pub(super) fn note(&self, batch: &mut Batch, entry: &Entry) -> Result<(), SessionError> {
        let Self { floor, .. } = self;
        store::audit::put(batch, entry);
        store::audit::tidy(&floor.store, batch, entry.subject, floor.audit, entry.at_ms)
            .map_err(not_stored)
    }

    async fn asked_by_tab(&mut self, tab: TabId, request: Request, now_ms: i64) {
        let Some(state) = &mut self.state else { return };
        match request {
            Request::Ping { reference } => {
                state.answer(tab, frame::pong(reference.as_deref(), now_ms));
            }
            Request::Resume { since } => state.resume(tab, since, now_ms),
            Request::Set { reference, device, desired, ttl_s } => {
                let Some((by, scope)) = state.rights(tab) else { return };
                let ttl_s = state.ttl_s(DeviceId(device), ttl_s, &scope, now_ms);
                let patch = Patch {
                    by,
                    reference: reference.clone(),
                    if_match: None,
                    description: None,
                    room: None,
                    wishes: Wishes { desired: Some(desired), ..Wishes::default() },
                    ttl_s,
                };
                let myself = self.myself.clone();
                let reply = super::Answer::to(move |done| {
                    if let Err(refused) = done {
                        let frame = frame::refusal(&reference, &refused);
                        drop(myself.cast(SessionMsg::Answered(tab, frame)));
                    }
                });
                let forward = |answer| DeviceMsg::Patch(Box::new(patch), answer);
                self.forward(DeviceId(device), (Role::Operator, &scope), reply, forward).await;
            }
        }
    }

    async fn create(
        &mut self,
        new: &NewDevice,
        by: &Who,
        now_ms: i64,
    ) -> Result<Created, SessionError> {
        let Self { user, floor, state: Some(state), .. } = self else {
            return Err(SessionError::Unavailable);
        };
        if state.owned() >= floor.devices_max {
            return Err(SessionError::TooMany(floor.devices_max));
        }
        let Some(kind) = floor.devices.kinds().get(&new.kind) else {
            let fault = FieldError::new("kind", "unknown_kind", "no such kind");
            return Err(SessionError::Invalid(vec![fault]));
        };
        let id = match new.announced {
            Some(id) => id,
            None => DeviceId::from_random(random_u64().map_err(not_stored)?),
        };
        let device = Device::new(
            id,
            *user,
            kind.name.clone(),
            new.description.clone(),
            new.room.clone(),
            now_ms,
        );
        let secret = Secret::from_random(random_bytes().map_err(not_stored)?);
        let mut batch = Batch::new();
        store::devices::create(&mut batch, &device, &secret.hash());
        if new.announced.is_some() {
            store::devices::note_announced(&mut batch, *user, id);
        }
        let entry = entry(id, by, Action::Created, now_ms)?.with("kind", &*device.kind);
        store::audit::put(&mut batch, &entry.with("description", &*device.description));
        floor.store.commit(batch).await.map_err(not_stored)?;
        let view = floor.devices.show(&device);
        let json = view.to_json(Role::Owner);
        floor.spaces.device_made(*user, id);
        self.watch(id).map_err(not_stored)?;
        if let Some(state) = &mut self.state {
            state.add(view, Grant::OWNER, now_ms);
        }
        Ok(Created { id, json, secret })
    }

    async fn new_secret(
        &self,
        id: DeviceId,
        Authority { by, scope }: &Authority,
        now_ms: i64,
    ) -> Result<Secret, SessionError> {
        let Self { floor, state: Some(state), .. } = self else {
            return Err(SessionError::Unavailable);
        };
        state.check(id, Role::Owner, scope)?;
        let secret = Secret::from_random(random_bytes().map_err(not_stored)?);
        let mut batch = Batch::new();
        store::devices::put_secret(&mut batch, id, &secret.hash());
        self.note(&mut batch, &entry(id, by, Action::SecretChanged, now_ms)?)?;
        floor.store.commit(batch).await.map_err(not_stored)?;
        floor.devices.tell(id, DeviceMsg::SecretChanged);
        Ok(secret)
    }
}

/// What `by` does to a device, for the audit.
pub(super) fn entry(
    id: DeviceId,
    by: &Who,
    action: Action,
    now_ms: i64,
) -> Result<Entry, SessionError> {
    let number = store::audit::next_number().map_err(not_stored)?;
    Ok(Entry::new(Subject::Device(id), by.clone(), action, now_ms, number))
}

/// A change of what the device is called or where it stands is the owner's; a command is not.
const fn role_for(patch: &Patch) -> Role {
    if patch.description.is_some() || patch.room.is_some() { Role::Owner } else { Role::Operator }
}

pub(super) fn not_stored(error: impl std::fmt::Display) -> SessionError {
    SessionError::NotStored(error.to_string())
}

//! The discovery actor: carries out what `discovery/state` decides.
//!
//! - Process: one per user whose topic space has announcements.
//! - Supervised by: `discovery`; transient, with back-off, its own window and quarantine.
//! - Takes: [`DiscoveryMsg`].
//! - Tells: its user's space, as a client of it; the devices whose link it is; the user's session.
//! - Never: waits for the space. It waits for the session that makes or deletes a device, and for a
//!   device's actor to start.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use crate::codec::{
    QoS, RetainHandling, Subscribe, SubscribeFilters, Subscription, TopicFilters, Unsubscribe,
    UserProperties,
};
use crate::device::{
    DeviceEvent, DeviceMsg, LinkEnd, LinkId, Receipt, Report, ToLink, WatchKey, Watcher,
};
use crate::host::now_ms;
use crate::model::{DeviceId, UserId};
use crate::observe::metrics;
use crate::session::{NewDevice, SessionError, SessionMsg};
use crate::space::Published;
use crate::space::message::Message;
use crate::store::{self, Batch};
use crate::supervision::permit::{Permit, Permits};
use crate::supervision::{AlarmClock, Gauge};

use super::config;
use super::entity::Order;
use super::lines::{DeviceLine, Seat};
use super::state::{DiscoveryState, Effect, Said};
use super::{DiscoveryFloor, DiscoveryMsg, DiscoveryRef};

/// How long a device is new, in milliseconds: a day.
const NEW_MS: i64 = 24 * 3_600_000;

/// Under which a client subscribes; nobody looks at the answer.
const PACKET_ID: NonZeroU16 = NonZeroU16::MIN;

/// Starts the actor of `user` under `supervisor`.
///
/// # Errors
/// Only if the supervisor is going down.
pub async fn start(
    user: UserId,
    floor: Arc<DiscoveryFloor>,
    gauge: Gauge,
    supervisor: ActorCell,
) -> Result<ActorRef<DiscoveryMsg>, SpawnErr> {
    let arguments = (user, floor, gauge);
    let (actor, _) = Actor::spawn_linked(None, DiscoveryActor, arguments, supervisor).await?;
    Ok(actor)
}

struct DiscoveryActor;

/// Stands for the actor among a device's watchers.
struct Ear(DiscoveryRef);

impl Watcher for Ear {
    fn tell(&self, event: DeviceEvent) -> bool {
        let DeviceEvent::Removed(id) = event else { return true };
        self.0.cast(DiscoveryMsg::Gone(id)).is_ok()
    }
}

struct Running {
    user: UserId,
    floor: Arc<DiscoveryFloor>,
    /// Where its own messages go.
    myself: DiscoveryRef,
    /// Its place in the space, and what is announced there.
    home: Option<(Seat, DiscoveryState)>,
    lines: HashMap<DeviceId, DeviceLine>,
    alarm_clock: AlarmClock<DiscoveryMsg>,
}

impl Actor for DiscoveryActor {
    type Msg = DiscoveryMsg;
    type State = Running;
    type Arguments = (UserId, Arc<DiscoveryFloor>, Gauge);

    async fn pre_start(
        &self,
        myself: ActorRef<DiscoveryMsg>,
        (user, floor, gauge): Self::Arguments,
    ) -> Result<Running, ActorProcessingErr> {
        let myself = DiscoveryRef::new(myself, gauge);
        let (home, lines) = (None, HashMap::new());
        Ok(Running { user, floor, myself, home, lines, alarm_clock: AlarmClock::default() })
    }

    /// An actor that is started again after a fault may never hear from anybody.
    async fn post_start(
        &self,
        _: ActorRef<DiscoveryMsg>,
        running: &mut Running,
    ) -> Result<(), ActorProcessingErr> {
        Ok(running.myself.cast(DiscoveryMsg::Wake)?)
    }

    /// Boxed: an actor holds the space of its `handle`, and twice, also while it has nothing to do.
    fn handle(
        &self,
        _: ActorRef<DiscoveryMsg>,
        message: DiscoveryMsg,
        running: &mut Running,
    ) -> impl Future<Output = Result<(), ActorProcessingErr>> + Send {
        running.myself.gauge().taken();
        Box::pin(running.handle(message))
    }
}

impl Running {
    async fn handle(&mut self, message: DiscoveryMsg) -> Result<(), ActorProcessingErr> {
        let (now_ms, mut out) = (now_ms(), Vec::new());
        if self.home.is_none() {
            self.home = Some(self.enter(now_ms).await?);
        }
        let Some((seat, state)) = &mut self.home else { return Ok(()) };
        let mut permit = None;
        match message {
            DiscoveryMsg::Wake => {}
            DiscoveryMsg::FromSpace(message, held) => {
                state.hear(&message, now_ms, &mut out);
                permit = Some(held);
            }
            DiscoveryMsg::SpaceLost => return Err("the topic space ended".into()),
            DiscoveryMsg::FromDevice(id, link, message, _permit) => {
                if self.is_on(id, link) {
                    self.told_by_device(id, message, now_ms, &mut out);
                }
            }
            DiscoveryMsg::LinkLost(id, link) => {
                if self.lines.get(&id).is_some_and(|line| line.link == link) {
                    self.lines.remove(&id);
                    state.link_lost(id, now_ms);
                }
            }
            DiscoveryMsg::Gone(id) => {
                self.lines.remove(&id);
                state.dismissed(id, now_ms, &mut out);
            }
            DiscoveryMsg::Tick => {
                self.alarm_clock.rang();
                let announced = || seat.place.enter(|space, _, _, _| space.announcements());
                state.tick(now_ms, announced, &mut out)?;
            }
        }
        self.complain();
        self.carry_out(out, permit, now_ms).await?;
        self.set_alarm_clock(now_ms);
        Ok(())
    }

    /// What is announced in vain is counted, and told in the log: all in one line, by an example.
    fn complain(&mut self) {
        let Some((_, state)) = &mut self.home else { return };
        let in_vain = state.take_in_vain();
        if let Some(example) = in_vain.first() {
            metrics().announced_in_vain.add(u64::try_from(in_vain.len()).unwrap_or(u64::MAX));
            tracing::info!(user = %self.user, count = in_vain.len(), example, "announced in vain");
        }
    }

    fn is_on(&self, id: DeviceId, link: LinkId) -> bool {
        self.lines.get(&id).is_some_and(|line| line.link == link)
    }

    /// Takes a place in the space, and hears what is announced there from now on. What was
    /// announced before is seen at the first tick.
    async fn enter(&self, now_ms: i64) -> Result<(Seat, DiscoveryState), ActorProcessingErr> {
        let Self { user, floor, myself, .. } = self;
        floor.store.settled().await;
        let known = store::devices::announced_to(&floor.store, *user, floor.devices_max)?;
        let seats = (&floor.spaces, &floor.tasks);
        let seat = Seat::take(seats, *user, floor.outbox_max, myself.clone())?;
        let retain_handling = RetainHandling::DoNotSend;
        let filters = config::TOPICS.map(|topic| Subscription { retain_handling, ..heard(topic) });
        seat.place.enter(|space, at, out, now| {
            space.subscribe(at, &subscribe(&filters), out, now);
        })?;
        Ok((seat, DiscoveryState::new(*user, known, now_ms)))
    }

    fn told_by_device(
        &mut self,
        id: DeviceId,
        message: ToLink,
        now_ms: i64,
        out: &mut Vec<Effect>,
    ) {
        let Some((_, state)) = &mut self.home else { return };
        match message {
            ToLink::Set(payload, number) => state.want(id, number, &payload, out),
            ToLink::Handled(_) => {}
            ToLink::Close(why) => {
                self.lines.remove(&id);
                match why {
                    LinkEnd::TakenOver => state.taken_over(id),
                    LinkEnd::Revoked | LinkEnd::ShuttingDown => state.link_lost(id, now_ms),
                }
            }
        }
    }

    async fn carry_out(
        &mut self,
        effects: Vec<Effect>,
        permit: Option<Permit>,
        now_ms: i64,
    ) -> Result<(), ActorProcessingErr> {
        let mut effects = VecDeque::from(effects);
        let mut is_room = true;
        while let Some(effect) = effects.pop_front() {
            let mut more = Vec::new();
            match effect {
                Effect::Subscribe(topics) => self.subscribe(&topics)?,
                Effect::Unsubscribe(topics) => self.unsubscribe(&topics)?,
                Effect::Publish(Order { topic, payload, qos, retain }) => {
                    self.publish(Message::new(&topic, &payload, qos, retain))?;
                }
                Effect::Announce(topic, payload) => {
                    let payload = payload.unwrap_or_default();
                    self.publish(Message::new(&topic, &payload, QoS::AtLeastOnce, true))?;
                }
                Effect::Make(id) => {
                    let exists = self.make(id, &mut is_room).await;
                    if let Some((_, state)) = &mut self.home {
                        state.made(id, exists, now_ms, &mut more);
                    }
                }
                Effect::Forget(id) => self.forget(id, now_ms).await?,
                Effect::Attach(id) => {
                    let is_linked = self.attach(id).await;
                    if let Some((_, state)) = &mut self.home {
                        state.attached(id, is_linked, now_ms, &mut more);
                    }
                }
                Effect::Listen(id) => self.tell(id, |link| DeviceMsg::Listens(link, true)),
                Effect::Detach(id) => drop(self.lines.remove(&id)),
                Effect::Say(id, said) => self.say(id, said, permit.as_ref()),
                Effect::Delivered(id, number) => {
                    self.tell(id, |link| DeviceMsg::Delivered(link, number));
                }
            }
            more.into_iter().rev().for_each(|effect| effects.push_front(effect));
        }
        Ok(())
    }

    fn subscribe(&self, topics: &[Box<str>]) -> Result<(), ActorProcessingErr> {
        let Some((seat, _)) = &self.home else { return Ok(()) };
        let filters: Vec<Subscription<'_>> = topics.iter().map(|topic| heard(topic)).collect();
        Ok(seat.place.enter(|space, at, out, now| {
            space.subscribe(at, &subscribe(&filters), out, now);
        })?)
    }

    fn unsubscribe(&self, topics: &[Box<str>]) -> Result<(), ActorProcessingErr> {
        let Some((seat, _)) = &self.home else { return Ok(()) };
        let filters: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
        Ok(seat.place.enter(|space, at, out, now| {
            let unsubscribe = Unsubscribe {
                packet_id: PACKET_ID,
                user_properties: UserProperties::default(),
                filters: TopicFilters::new(&filters),
            };
            space.unsubscribe(at, &unsubscribe, out, now);
        })?)
    }

    fn publish(&self, message: Message) -> Result<(), ActorProcessingErr> {
        let Some((seat, _)) = &self.home else { return Ok(()) };
        let message = Arc::new(message);
        let published = Published { message: Arc::clone(&message), packet_id: None };
        let done =
            seat.place.enter(|space, at, out, now| space.publish(at, published, out, now))?;
        if let Err(fault) = done {
            tracing::warn!(user = %self.user, topic = message.topic(), %fault, "not published");
        }
        Ok(())
    }

    /// Sees to it that an announced device exists, as long as there `is_room` for new ones. False:
    /// it does not.
    async fn make(&self, id: DeviceId, is_room: &mut bool) -> bool {
        let Self { user, floor, .. } = self;
        let exists = match store::devices::get(&floor.store, id) {
            Ok(Some(device)) if device.owner == *user => self.note(id).await,
            Ok(Some(_)) => {
                tracing::warn!(%user, %id, "an announced device has another's identity");
                false
            }
            Ok(None) => *is_room && self.create(id, is_room).await,
            Err(error) => {
                tracing::warn!(%user, %error, "devices can't be read");
                false
            }
        };
        if exists {
            self.watch(id);
        }
        exists
    }

    async fn create(&self, id: DeviceId, is_room: &mut bool) -> bool {
        let Self { user, floor, home: Some((_, state)), .. } = self else { return false };
        let Some(thing) = state.thing(id) else { return false };
        let new = NewDevice {
            description: thing.name.as_str().into(),
            kind: thing.kind.into(),
            room: thing.room.as_deref().map(Into::into),
            announced: Some(id),
        };
        let create = |reply| SessionMsg::Create(Box::new(new), reply);
        let Err(error) = floor.sessions.ask(*user, create).await else { return true };
        tracing::warn!(%user, %error, "an announced device is not made");
        *is_room = !matches!(error, SessionError::TooMany(_));
        false
    }

    /// Notes that a device which was there before was announced: one of an imported house, say.
    async fn note(&self, id: DeviceId) -> bool {
        let Self { user, floor, home: Some((_, state)), .. } = self else { return false };
        if state.knows(id) {
            return true;
        }
        let mut batch = Batch::new();
        store::devices::note_announced(&mut batch, *user, id);
        let noted = floor.store.commit(batch).await;
        noted.inspect_err(|error| tracing::warn!(%user, %error, "not stored")).is_ok()
    }

    /// Hears when somebody deletes the device.
    fn watch(&self, id: DeviceId) {
        let Self { user, floor, myself, .. } = self;
        let ear = Arc::new(Ear(myself.clone()));
        if let Err(error) = floor.devices.watch(id, WatchKey::Discovery(*user), ear) {
            tracing::warn!(%user, %id, %error, "a device can't be watched");
        }
    }

    /// Deletes a device that is announced no longer, if it is new. An older one has a history, and
    /// perhaps others who share it: it stays, not connected, until its owner deletes it.
    async fn forget(&mut self, id: DeviceId, now_ms: i64) -> Result<(), ActorProcessingErr> {
        self.lines.remove(&id);
        let Self { user, floor, .. } = self;
        let Some(device) = store::devices::get(&floor.store, id)? else { return Ok(()) };
        if now_ms.saturating_sub(device.created_ms) > NEW_MS {
            tracing::info!(%user, %id, "a device is announced no longer, and stays");
            return Ok(());
        }
        match floor.sessions.ask(*user, |reply| SessionMsg::Delete(id, reply)).await {
            Ok(()) | Err(SessionError::NoSuchDevice) => {}
            Err(error) => tracing::warn!(%user, %id, %error, "a device that left is not deleted"),
        }
        Ok(())
    }

    async fn attach(&mut self, id: DeviceId) -> bool {
        let floor = &self.floor;
        let lines = (&floor.devices, &floor.tasks);
        match DeviceLine::open(lines, id, self.myself.clone()).await {
            Ok(line) => {
                self.lines.insert(id, line);
                true
            }
            Err(error) => {
                tracing::warn!(user = %self.user, %id, %error, "no link to an announced device");
                false
            }
        }
    }

    /// Brings a device what it says of itself.
    fn say(&self, id: DeviceId, said: Said, permit: Option<&Permit>) {
        let Some(line) = self.lines.get(&id) else { return };
        let report = match said {
            Said::State(properties) => {
                let (props, faults) = line.kind.report(&properties);
                Report::State(props, faults)
            }
            Said::Other(report) => report,
        };
        // What no message from the space caused is little.
        let permit = permit.cloned().or_else(|| Permits::new(1).try_acquire());
        if let Some(permit) = permit {
            self.tell(id, |link| DeviceMsg::Said(link, report, Receipt::silent(permit)));
        }
    }

    /// An actor that is gone is noticed at its line.
    fn tell(&self, id: DeviceId, message: impl FnOnce(LinkId) -> DeviceMsg) {
        if let Some(line) = self.lines.get(&id) {
            drop(line.device.cast(message(line.link)));
        }
    }

    /// Has itself woken when there will be something to do that nobody asks for.
    fn set_alarm_clock(&mut self, now_ms: i64) {
        let next_ms = self.home.as_ref().and_then(|(_, state)| state.next_tick_ms());
        self.alarm_clock.set(next_ms, now_ms, &self.myself, || DiscoveryMsg::Tick);
    }
}

fn heard(filter: &str) -> Subscription<'_> {
    Subscription { filter, no_local: true, ..Subscription::default() }
}

fn subscribe<'a>(filters: &'a [Subscription<'a>]) -> Subscribe<'a> {
    Subscribe {
        packet_id: PACKET_ID,
        subscription_id: None,
        user_properties: UserProperties::default(),
        filters: SubscribeFilters::new(filters),
    }
}

//! Several users whose clients bear the same names and use the same topics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::codec::{
    QoS, ReasonCode, RetainHandling, Subscribe, SubscribeFilters, Subscription, TopicFilters,
    Unsubscribe, UserProperties, Version,
};
use crate::device::LinkId;
use crate::model::UserId;
use crate::space::message::Message;
use crate::space::row::LastWill;
use crate::space::shelf::Shelf;
use crate::space::{
    AckKind, ClientEnd, Hello, Line, Published, Received, SpaceEffect, SpaceState, session_state,
};
use crate::supervision::outbox::outbox;
use crate::supervision::{Cell, Cells, Family, Patience, lock};

use super::choices::{FILTERS, Step, TOPICS};
use super::model::{Model, Said, Sent, Session, Sub};
use super::seat::Seat;

const USERS: usize = 3;
const CLIENTS: usize = 4;
pub(super) const LABELS: [&str; 2] = ["hub", "panel"];

pub(super) struct Town {
    chance: TestRng,
    clock: Arc<AtomicU64>,
    store: Arc<Mutex<BTreeMap<UserId, Shelf>>>,
    cells: Cells<UserId, SpaceState>,
    pub(super) topics: Vec<&'static str>,
    pub(super) filters: Vec<&'static str>,
    users: [UserId; USERS],
    models: [Model; USERS],
    pub(super) seats: [[Option<Seat>; CLIENTS]; USERS],
    links: u64,
    pub(super) said: u64,
    delivered: u64,
    steps: Vec<(usize, usize, Step)>,
}

impl Town {
    pub(super) fn found(seed: u64) -> Self {
        let mut bytes = [1; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut chance = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
        let clock = Arc::new(AtomicU64::new(1_000_000));
        let store = Arc::<Mutex<BTreeMap<UserId, Shelf>>>::default();
        let (begin, shelves) = (Arc::clone(&clock), Arc::clone(&store));
        let start = move |user: &UserId| {
            let stored = lock(&shelves).entry(*user).or_default().load();
            Ok(SpaceState::restore(Arc::default(), stored, begin.load(Ordering::Relaxed)))
        };
        let patience = Patience {
            backoff_base: Duration::ZERO,
            faults_max: usize::MAX,
            ..Patience::default()
        };
        let cells = Cells::new(Family { patience, ..Family::named("spaces") }, start);
        let mut some = |all: &'static [String], count: usize| {
            (0..count).map(|_| all[chance.next_u32() as usize % all.len()].as_str()).collect()
        };
        let (topics, filters) = (some(&TOPICS, 10), some(&FILTERS, 20));
        let users = std::array::from_fn(|_| UserId::from_random(chance.next_u64()));
        Self {
            chance,
            clock,
            store,
            cells,
            topics,
            filters,
            users,
            models: std::array::from_fn(|_| Model::default()),
            seats: std::array::from_fn(|_| std::array::from_fn(|_| None)),
            links: 0,
            said: 0,
            delivered: 0,
            steps: Vec::new(),
        }
    }

    pub(super) fn last_steps(&self) -> String {
        let last = self.steps.iter().rev().take(60).rev();
        let lines =
            last.map(|(user, client, step)| format!("user {user} client {client}: {step:?}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    pub(super) const fn delivered(&self) -> u64 {
        self.delivered
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.chance.next_u32() as usize % end
    }

    pub(super) fn some_filter(&mut self) -> &'static str {
        let index = self.below(self.filters.len());
        self.filters[index]
    }

    pub(super) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn now_ms(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Does something; says how the outcome differs from the model, if it does.
    pub(super) fn step(&mut self) -> Result<(), String> {
        self.clock.fetch_add(1, Ordering::Relaxed);
        let (user, client) = (self.below(USERS), self.below(CLIENTS));
        let step = self.choose(user, client);
        self.steps.push((user, client, step.clone()));
        match step {
            Step::Connect { .. } => self.connect(user, client, step)?,
            Step::Lose => self.lose(user, client, None),
            Step::Goodbye { with_will } => self.lose(user, client, Some(with_will)),
            Step::Subscribe(sub, handling) => self.subscribe(user, client, &sub, handling),
            Step::Unsubscribe(filter) => self.unsubscribe(user, client, filter)?,
            Step::Publish(said) => self.publish(user, client, &said)?,
            Step::Revoke(label) => self.revoke(user, label)?,
            Step::Pass(ms) => self.pass(ms),
            Step::Restart => self.restart(user),
        }
        self.compare()
    }

    fn connect(&mut self, user: usize, client: usize, step: Step) -> Result<(), String> {
        let Step::Connect { clean, expiry_s, label, will } = step else { return Ok(()) };
        self.links += 1;
        let link = LinkId(self.links);
        let (outbox, inbox) = outbox(10_000);
        let to_client = Line {
            id: link,
            outbox,
            unwritten_bytes: Arc::new(AtomicUsize::new(0)),
            link: session_state::Link::new(Version::V5),
        };
        let last_will = will.as_ref().map(|(said, delay_s)| {
            let message = Arc::new(message(said));
            Box::new(LastWill { message, delay_s: *delay_s, expiry_s: None })
        });
        let (client_id, label_text) = (format!("client {client}").into(), LABELS[label].into());
        let mut hello = Some(Hello {
            client_id,
            label: label_text,
            scope: None,
            clean_start: clean,
            expiry_s,
            will: last_will,
            line: to_client,
        });
        let (store, now) = (Arc::clone(&self.store), self.now_ms());
        let owner = self.users[user];
        let (cell, welcome) = self
            .cells
            .enter(&owner, |cell, space| {
                let hello = hello.take().unwrap();
                let attached = turn(&store, owner, space, now, |space, out, now| {
                    space.attach(hello, out, now)
                });
                (Arc::clone(cell), attached.unwrap())
            })
            .unwrap();
        let model = &mut self.models[user];
        let present = model.attach(client, clean, now);
        if present != welcome.session_present {
            return Err(format!("session present: {}", welcome.session_present));
        }
        let session = Session {
            key: welcome.key,
            label,
            expiry_s: u64::from(welcome.expiry_s),
            away_since_ms: None,
            will: will.map(|(said, delay_s)| (said, u64::from(delay_s))),
            subs: Vec::new(),
            queue: Vec::new(),
        };
        model.attached(client, session);
        let seat = Seat {
            cell,
            at: (welcome.key, link),
            inbox,
            last_packet_id: 0,
            got: Vec::new(),
            answers: Vec::new(),
            ended: None,
        };
        if let Some(mut older) = self.seats[user][client].replace(seat) {
            self.drain(&mut older);
            if older.ended != Some(ClientEnd::TakenOver) {
                return Err("the older connection does not end".into());
            }
        }
        Ok(())
    }

    fn lose(&mut self, user: usize, client: usize, goodbye: Option<bool>) {
        let Some(seat) = self.seats[user][client].take() else { return };
        let at = seat.at;
        self.enter(&seat, |space, out, now| match goodbye {
            None => space.link_lost(at, out, now),
            Some(with_will) => space.goodbye(at, (with_will, None), out, now),
        });
        let now = self.now_ms();
        self.models[user].leave(client, goodbye.unwrap_or(true), now);
    }

    fn subscribe(&mut self, user: usize, client: usize, sub: &Sub, handling: RetainHandling) {
        let wanted = [Subscription {
            filter: sub.filter,
            qos: sub.qos,
            no_local: sub.no_local,
            retain_as_published: sub.as_published,
            retain_handling: handling,
        }];
        self.with_seat(user, client, |town, seat| {
            let subscribe = Subscribe {
                packet_id: seat.next_packet_id(),
                subscription_id: (sub.id > 0).then_some(sub.id),
                user_properties: UserProperties::default(),
                filters: SubscribeFilters::new(&wanted),
            };
            let at = seat.at;
            town.enter(seat, |space, out, now| space.subscribe(at, &subscribe, out, now));
        });
        self.models[user].subscribe(client, sub, |is_new| match handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        });
    }

    fn unsubscribe(
        &mut self,
        user: usize,
        client: usize,
        filter: &'static str,
    ) -> Result<(), String> {
        let filters = [filter];
        let reason = self.with_seat(user, client, |town, seat| {
            let unsubscribe = Unsubscribe {
                packet_id: seat.next_packet_id(),
                user_properties: UserProperties::default(),
                filters: TopicFilters::new(&filters),
            };
            let at = seat.at;
            town.enter(seat, |space, out, now| space.unsubscribe(at, &unsubscribe, out, now));
            town.drain(seat);
            seat.answers.pop()
        });
        let was = self.models[user].unsubscribe(client, filter);
        let wanted = if was { ReasonCode::SUCCESS } else { ReasonCode::NO_SUBSCRIPTION_EXISTED };
        if reason.is_some_and(|(_, reason)| reason == wanted) {
            return Ok(());
        }
        Err(format!("unsubscribed: {reason:?}"))
    }

    fn publish(&mut self, user: usize, client: usize, said: &Said) -> Result<(), String> {
        let any = self.models[user].publish(Some(client), said);
        let again = self.one_in(2);
        let answers = self.with_seat(user, client, |town, seat| {
            let packet_id = (said.qos > QoS::AtMostOnce).then(|| seat.next_packet_id());
            let (at, message) = (seat.at, Arc::new(message(said)));
            let times = if again && said.qos == QoS::ExactlyOnce { 2 } else { 1 };
            for time in 0..times {
                let published = Published { message: Arc::clone(&message), packet_id };
                let received =
                    town.enter(seat, |space, out, now| space.publish(at, published, out, now));
                let wanted = if time == 0 { Received::Fresh } else { Received::Duplicate };
                assert_eq!(received, Ok(wanted));
            }
            if let Some(packet_id) = packet_id.filter(|_| said.qos == QoS::ExactlyOnce) {
                let ack = (AckKind::Pubrel, packet_id, ReasonCode::SUCCESS);
                town.enter(seat, |space, out, now| space.acknowledged(at, ack, out, now)).unwrap();
            }
            town.drain(seat);
            std::mem::take(&mut seat.answers)
        });
        let nobody = ReasonCode::NO_MATCHING_SUBSCRIBERS;
        let first = if any { ReasonCode::SUCCESS } else { nobody };
        let reasons: Vec<ReasonCode> = answers.into_iter().map(|(_, reason)| reason).collect();
        let wanted: &[ReasonCode] = match said.qos {
            QoS::AtMostOnce => &[],
            QoS::AtLeastOnce => &[first],
            QoS::ExactlyOnce if again => &[first, ReasonCode::SUCCESS, ReasonCode::SUCCESS],
            QoS::ExactlyOnce => &[first, ReasonCode::SUCCESS],
        };
        if reasons == wanted { Ok(()) } else { Err(format!("answered {reasons:?}")) }
    }

    fn revoke(&mut self, user: usize, label: usize) -> Result<(), String> {
        let (store, owner, now) = (Arc::clone(&self.store), self.users[user], self.now_ms());
        self.cells.enter_if_open(&owner, |space| {
            turn(&store, owner, space, now, |space, out, now| {
                space.revoke(LABELS[label], out, now);
            });
        });
        for client in 0..CLIENTS {
            let session = self.models[user].sessions.get(&client);
            if session.is_some_and(|session| session.label == label)
                && let Some(mut seat) = self.seats[user][client].take()
            {
                self.drain(&mut seat);
                if seat.ended != Some(ClientEnd::Revoked) {
                    return Err(format!("client {client} is still there"));
                }
            }
        }
        self.models[user].revoke(label);
        Ok(())
    }

    fn pass(&mut self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
        self.ring();
        let now = self.now_ms();
        for model in &mut self.models {
            model.ring(now);
        }
    }

    fn ring(&mut self) {
        let (store, now) = (Arc::clone(&self.store), self.now_ms());
        self.cells.ring(now, |user, space| turn(&store, *user, space, now, SpaceState::wake));
    }

    /// The user's space is killed when all it has to store is stored, and begins again.
    fn restart(&mut self, user: usize) {
        let (store, owner, now) = (Arc::clone(&self.store), self.users[user], self.now_ms());
        self.cells.enter_if_open(&owner, |space| {
            turn(&store, owner, space, now, |space, out, _| space.close(out));
        });
        self.cells.kill(&owner);
        self.seats[user] = std::array::from_fn(|_| None);
        self.models[user].restart(now);
        self.pass(0);
    }

    fn with_seat<R>(
        &mut self,
        user: usize,
        client: usize,
        act: impl FnOnce(&mut Self, &mut Seat) -> R,
    ) -> R {
        let mut seat = self.seats[user][client].take().unwrap();
        let done = act(self, &mut seat);
        self.seats[user][client] = Some(seat);
        done
    }

    fn enter<R>(
        &self,
        seat: &Seat,
        act: impl FnOnce(&mut SpaceState, &mut Vec<SpaceEffect>, u64) -> R,
    ) -> R {
        enter(&self.cells, &self.store, &seat.cell, self.now_ms(), act)
    }

    fn drain(&self, seat: &mut Seat) {
        let now = self.now_ms();
        while seat.take(&self.topics, |cell, act| {
            enter(&self.cells, &self.store, cell, now, act);
        }) {}
    }

    /// Every client has got what its model was told, and nothing of anybody else's.
    fn compare(&mut self) -> Result<(), String> {
        // What one acknowledges may bring another something.
        for _ in 0..2 {
            for user in 0..USERS {
                for client in 0..CLIENTS {
                    if let Some(mut seat) = self.seats[user][client].take() {
                        self.drain(&mut seat);
                        self.seats[user][client] = Some(seat);
                    }
                }
            }
        }
        for user in 0..USERS {
            let mut told = std::mem::take(&mut self.models[user].told);
            for client in 0..CLIENTS {
                let wanted = told.remove(&client).unwrap_or_default();
                let Some(seat) = &mut self.seats[user][client] else { continue };
                let got = std::mem::take(&mut seat.got);
                seat.answers.clear();
                self.delivered += got.len() as u64;
                differs(user, &got, &wanted)
                    .map_err(|why| format!("user {user} client {client}: {why}"))?;
            }
        }
        Ok(())
    }
}

fn differs(user: usize, got: &[Sent], wanted: &[Sent]) -> Result<(), String> {
    let own = format!("{user} said");
    let foreign = |sent: &&Sent| !sent.payload.is_empty() && !sent.payload.starts_with(&own);
    if let Some(sent) = got.iter().find(foreign) {
        return Err(format!("CROSSED: {sent:?}"));
    }
    // Several subscriptions may bring the same message several times, in any order.
    let in_order = |all: &[Sent]| -> Vec<String> {
        let queued = |sent: &&Sent| sent.qos > QoS::AtMostOnce && !sent.retain;
        all.iter().filter(queued).map(|sent| sent.payload.clone()).collect()
    };
    let sorted = |all: &[Sent]| {
        let mut all = all.to_vec();
        all.sort_unstable();
        all
    };
    if sorted(got) != sorted(wanted) || in_order(got) != in_order(wanted) {
        return Err(format!("got {got:#?}\nbut the model says {wanted:#?}"));
    }
    Ok(())
}

fn message(said: &Said) -> Message {
    Message::new(said.topic, said.payload.as_bytes(), said.qos, said.retain)
}

fn enter<R>(
    cells: &Cells<UserId, SpaceState>,
    store: &Mutex<BTreeMap<UserId, Shelf>>,
    cell: &Cell<UserId, SpaceState>,
    now: u64,
    act: impl FnOnce(&mut SpaceState, &mut Vec<SpaceEffect>, u64) -> R,
) -> R {
    cells.enter_open(cell, |space| turn(store, *cell.key(), space, now, act)).unwrap()
}

/// A turn, with a store that is quick.
fn turn<R>(
    store: &Mutex<BTreeMap<UserId, Shelf>>,
    user: UserId,
    space: &mut SpaceState,
    now: u64,
    act: impl FnOnce(&mut SpaceState, &mut Vec<SpaceEffect>, u64) -> R,
) -> R {
    let mut out = Vec::new();
    let done = act(space, &mut out, now);
    while !out.is_empty() {
        for effect in std::mem::take(&mut out) {
            match effect {
                SpaceEffect::Commit(number, rows) => {
                    lock(store).entry(user).or_default().write(rows);
                    space.stored(number, true, &mut out, now);
                }
                SpaceEffect::Write(rows) => lock(store).entry(user).or_default().write(rows),
                SpaceEffect::WatchDevices
                | SpaceEffect::UnwatchDevices
                | SpaceEffect::Announced => {}
            }
        }
    }
    done
}

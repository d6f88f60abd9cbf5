//! A whole town over the pure states, from a seed: people, tabs, devices, links, a store, and all
//! that goes wrong between them. A failure prints its seed; `just sim SEED` shows it again.

mod screen;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::device::state::{DeviceEffect, DeviceState, Effects};
use crate::device::{DeviceEvent, LinkId, Patch, Receipt, Report, ToLink, View, Wishes};
use crate::kind::{Kind, Kinds};
use crate::model::{
    Caller, Command, Device, DeviceId, Grant, Phase, Props, Role, Scope, UserId, Via,
};
use crate::session::state::SessionState;
use crate::session::tab::OUTBOX_FRAMES_MAX;
use crate::session::{Tab, TabId, ToTab};
use crate::supervision::outbox;
use crate::supervision::permit::Permits;

use screen::Screen;

const USERS: u64 = 3;
const DEVICES: u64 = 5;
const STEPS: usize = 3_000;
const TABS_MAX: usize = 3;
const IDLE_MS: i64 = 1_000_000;

/// Numbers that follow from a seed (xorshift64*; Vigna, 2016).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

struct Person {
    session: SessionState,
    screens: Vec<Screen>,
}

/// A device out there: what it is by itself, and what is under way to it.
struct Thing {
    owner: usize,
    state: DeviceState,
    link: Option<LinkId>,
    really: Props,
    sets: Vec<(Json, u64)>,
    stored: Device,
    commands: BTreeMap<u64, Command>,
}

struct Town {
    chance: Chance,
    now_ms: i64,
    kind: Arc<Kind>,
    people: Vec<Person>,
    things: Vec<Thing>,
    names: u64,
    accepted: BTreeSet<String>,
    store_works: bool,
}

impl Town {
    fn found(seed: u64) -> Self {
        let kind = Kinds::load([]).unwrap().get("light").unwrap().clone();
        let mut town = Self {
            chance: Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            now_ms: 1_000,
            kind,
            people: Vec::new(),
            things: Vec::new(),
            names: 0,
            accepted: BTreeSet::new(),
            store_works: true,
        };
        for _ in 0..USERS {
            let session = SessionState::new(town.now_ms);
            town.people.push(Person { session, screens: Vec::new() });
        }
        for number in 0..DEVICES {
            let owner = number % USERS;
            let name = format!("Bob's \"lamp\" {number}");
            let device = Device {
                told_ahead: true,
                ..Device::new(
                    DeviceId(number + 1),
                    UserId(owner + 1),
                    town.kind.name.clone(),
                    name.into(),
                    None,
                    0,
                )
            };
            let state = town.wake_up(&device, &BTreeMap::new());
            let owner = usize::try_from(owner).unwrap();
            town.people[owner].session.load(state.view(), Grant::OWNER);
            town.things.push(Thing {
                owner,
                state,
                link: None,
                really: Props::new(),
                sets: Vec::new(),
                stored: device,
                commands: BTreeMap::new(),
            });
        }
        town
    }

    /// What an actor is that starts on what the store knows.
    fn wake_up(&self, device: &Device, commands: &BTreeMap<u64, Command>) -> DeviceState {
        let open = commands.values().filter(|command| !command.phase.is_final()).cloned();
        DeviceState::new(
            device.clone(),
            open.collect(),
            None,
            self.kind.clone(),
            IDLE_MS,
            self.now_ms,
        )
    }

    fn thing(&mut self) -> usize {
        usize::try_from(self.chance.below(DEVICES)).unwrap()
    }

    fn person(&mut self) -> usize {
        usize::try_from(self.chance.below(USERS)).unwrap()
    }

    fn act(&mut self, thing: usize, turn: impl FnOnce(&mut DeviceState, i64, &mut Effects)) {
        let mut out = Effects::new();
        turn(&mut self.things[thing].state, self.now_ms, &mut out);
        self.carry_out(thing, out);
    }

    fn carry_out(&mut self, thing: usize, effects: Effects) {
        for effect in effects {
            match effect {
                DeviceEffect::Tell(event) => self.tell(thing, &event),
                DeviceEffect::Send(ToLink::Set(payload, number)) => {
                    let json = serde_json::from_slice(&payload).unwrap();
                    self.things[thing].sets.push((json, number));
                }
                DeviceEffect::Save { number, device, commands, .. } => {
                    let (safe, rev) = (self.store_works, device.rev);
                    if safe {
                        self.store(thing, *device, commands);
                    }
                    let mut out = Effects::new();
                    let state = &mut self.things[thing].state;
                    state.saved(number, rev, safe, self.now_ms, &mut out);
                    self.carry_out(thing, out);
                }
                DeviceEffect::Send(_)
                | DeviceEffect::Confirm(_)
                | DeviceEffect::Record(_)
                | DeviceEffect::Retire => {}
            }
        }
    }

    fn store(&mut self, thing: usize, device: Device, commands: Vec<Command>) {
        let thing = &mut self.things[thing];
        thing.stored = device;
        for command in commands {
            let known = thing.commands.get(&command.rev).map(|known| known.phase);
            let changed = known != Some(command.phase);
            assert!(
                !(known.is_some_and(Phase::is_final) && changed),
                "a command ended twice: {known:?}, then {command:?}"
            );
            thing.commands.insert(command.rev, command);
        }
    }

    fn tell(&mut self, thing: usize, event: &DeviceEvent) {
        let owner = self.things[thing].owner;
        self.people[owner].session.hear(event, self.now_ms);
    }

    fn connect(&mut self, thing: usize) {
        self.names += 1;
        let link = LinkId(self.names);
        self.things[thing].link = Some(link);
        self.things[thing].sets.clear();
        self.act(thing, |state, now, out| state.attach(link, now, out));
        self.act(thing, |state, now, out| state.listens(link, true, now, out));
        self.report(thing);
    }

    fn disconnect(&mut self, thing: usize) {
        self.things[thing].sets.clear();
        if let Some(link) = self.things[thing].link.take() {
            self.act(thing, |state, now, out| state.link_lost(link, now, out));
        }
    }

    /// The device says what it is.
    fn report(&mut self, thing: usize) {
        let Some(link) = self.things[thing].link else { return };
        let report = Report::State(self.things[thing].really.clone(), Vec::new());
        let receipt = Receipt::silent(Permits::new(1).try_acquire().unwrap());
        self.act(thing, |state, now, out| state.said(link, report, receipt, now, out));
    }

    /// The oldest message under way arrives, sometimes twice.
    fn arrive(&mut self, thing: usize) {
        let Some(link) = self.things[thing].link else { return };
        if self.things[thing].sets.is_empty() {
            return;
        }
        let again = self.chance.below(5) == 0;
        let (set, number) = self.things[thing].sets.remove(0);
        let (props, _) = self.kind.report(set.as_object().unwrap());
        self.things[thing].really.merge(&props);
        for _ in 0..=usize::from(again) {
            self.act(thing, |state, now, out| state.delivered(link, number, now, out));
            self.report(thing);
        }
    }

    /// Somebody wants something, of a device that may not be theirs.
    fn command(&mut self) {
        let (person, thing) = (self.person(), self.thing());
        let id = self.things[thing].stored.id;
        let allowed = self.people[person].session.check(id, Role::Operator, &Scope::ALL);
        assert_eq!(allowed.is_ok(), self.things[thing].owner == person, "a stranger got through");
        if allowed.is_err() {
            return;
        }
        self.names += 1;
        let reference = format!("c{}", self.names);
        let (on, level) = (self.chance.below(2) == 0, self.chance.below(5) + 1);
        let desired = json!({"on": on, "brightness": level * 10});
        let user = UserId(u64::try_from(person).unwrap() + 1);
        let patch = Patch {
            by: Caller { user, name: "p".into(), via: Via::Login, from: None },
            reference: reference.as_str().into(),
            if_match: None,
            description: None,
            room: None,
            wishes: Wishes { desired: desired.as_object().cloned(), ..Wishes::default() },
            ttl_s: (self.chance.below(4) == 0).then_some(3),
        };
        let change = self.things[thing].state.patch(&patch, self.now_ms).unwrap().unwrap();
        if self.store_works {
            self.accepted.insert(reference);
            self.store(thing, change.device.clone(), change.rows.clone());
            self.act(thing, |state, now, out| state.apply(change, now, out));
        }
    }

    /// A device's actor dies and is started again: its link ends, its watchers see what is so.
    fn crash_device(&mut self, thing: usize) {
        let Thing { stored, commands, .. } = &self.things[thing];
        let state = self.wake_up(stored, commands);
        self.things[thing].state = state;
        self.things[thing].link = None;
        self.things[thing].sets.clear();
        let whole = DeviceEvent::Whole(Arc::new(self.things[thing].state.view()));
        self.tell(thing, &whole);
    }

    /// A session's actor dies: its tabs end, the next one loads the list.
    fn crash_session(&mut self, person: usize) {
        let mut session = SessionState::new(self.now_ms);
        for thing in self.things.iter().filter(|thing| thing.owner == person) {
            session.load(stored_view(thing, &self.kind), Grant::OWNER);
        }
        self.people[person] = Person { session, screens: Vec::new() };
        for thing in 0..self.things.len() {
            let whole = DeviceEvent::Whole(Arc::new(self.things[thing].state.view()));
            self.tell(thing, &whole);
        }
    }

    fn open_tab(&mut self, person: usize) {
        self.names += 1;
        let (id, now_ms) = (TabId(self.names), self.now_ms);
        let (outbox, inbox) = outbox(OUTBOX_FRAMES_MAX);
        let caller = Caller { user: UserId(1), name: "p".into(), via: Via::Login, from: None };
        let tab = Tab { id, login: None, caller, scope: Scope::ALL, outbox };
        let screen = Screen { id, inbox, seq: 0, devices: BTreeMap::new(), ends: BTreeMap::new() };
        let Person { session, screens } = &mut self.people[person];
        session.open(tab, TABS_MAX, now_ms);
        screens.push(screen);
        if screens.len() > TABS_MAX {
            screens.remove(0);
        }
    }

    /// A tab reads some of what waits for it.
    fn read(&mut self, person: usize, screen: usize, frames: usize) {
        let now_ms = self.now_ms;
        let own: BTreeSet<u64> = self.own_ids(person);
        let Person { session, screens } = &mut self.people[person];
        let Some(screen) = screens.get_mut(screen) else { return };
        for _ in 0..frames {
            assert!(screen.inbox.len() <= OUTBOX_FRAMES_MAX + 1, "an outbox grew over its limit");
            match screen.inbox.try_recv() {
                Some(ToTab::Frame(frame)) => screen.show(&frame, &own),
                Some(ToTab::CaughtUp) => session.catch_up(screen.id, now_ms),
                Some(ToTab::Close(_)) | None => return,
            }
        }
    }

    fn own_ids(&self, person: usize) -> BTreeSet<u64> {
        let own = self.things.iter().filter(|thing| thing.owner == person);
        own.map(|thing| thing.stored.id.0).collect()
    }

    fn step(&mut self) {
        let (thing, person) = (self.thing(), self.person());
        match self.chance.below(100) {
            0..=24 => self.command(),
            25..=44 => self.arrive(thing),
            45..=54 => {
                let level = i64::try_from(self.chance.below(9)).unwrap() + 1;
                self.things[thing].really.set("brightness".into(), level.into());
                self.report(thing);
            }
            55..=60 => self.connect(thing),
            61..=63 => self.disconnect(thing),
            64..=65 => self.crash_device(thing),
            66 => self.crash_session(person),
            67..=69 => self.open_tab(person),
            70 => {
                self.store_works = !self.store_works;
            }
            71..=74 => self.now_ms += i64::try_from(self.chance.below(2_000)).unwrap(),
            75 => self.resume(person),
            _ => {
                let frames = usize::try_from(self.chance.below(30)).unwrap();
                let screen = usize::try_from(self.chance.below(3)).unwrap();
                self.read(person, screen, frames);
            }
        }
        self.now_ms += 1;
        for thing in 0..self.things.len() {
            if self.things[thing].state.next_wake_ms().is_some_and(|at| at <= self.now_ms) {
                self.act(thing, DeviceState::wake);
            }
        }
    }

    fn resume(&mut self, person: usize) {
        let now_ms = self.now_ms;
        let Person { session, screens } = &mut self.people[person];
        if let Some(screen) = screens.first() {
            session.resume(screen.id, screen.seq, now_ms);
        }
    }

    /// The storm is over: the store works, every device is there, every tab reads.
    fn settle(&mut self) {
        self.store_works = true;
        for _ in 0..6 {
            self.now_ms += 5_000;
            for thing in 0..self.things.len() {
                self.act(thing, DeviceState::wake);
                if self.things[thing].link.is_none() {
                    self.connect(thing);
                }
                while !self.things[thing].sets.is_empty() {
                    self.arrive(thing);
                }
            }
        }
        for person in 0..self.people.len() {
            for screen in 0..self.people[person].screens.len() {
                self.read(person, screen, 100_000);
            }
        }
    }

    fn everybody_agrees(&self) {
        for (number, person) in self.people.iter().enumerate() {
            let list: Vec<Json> = serde_json::from_str(&person.session.list(&Scope::ALL)).unwrap();
            let list: BTreeMap<u64, Json> =
                list.into_iter().map(|device| (device["id"].as_u64().unwrap(), device)).collect();
            for thing in self.things.iter().filter(|thing| thing.owner == number) {
                let shown: Json =
                    serde_json::from_str(&thing.state.view().to_json(Role::Owner)).unwrap();
                let held = &list[&thing.stored.id.0];
                for member in ["connected", "desired", "reported", "rev", "status"] {
                    assert_eq!(held[member], shown[member], "{member} in the session");
                }
            }
            for screen in &person.screens {
                assert_eq!(screen.devices, list, "a tab shows something else than the session");
            }
        }
    }

    fn every_command_ended_once(&self) {
        let mut ended: BTreeMap<&str, usize> = BTreeMap::new();
        for command in self.things.iter().flat_map(|thing| thing.commands.values()) {
            assert!(command.phase.is_final(), "never ended: {command:?}");
            *ended.entry(&command.reference).or_default() += 1;
        }
        for reference in &self.accepted {
            assert_eq!(ended.get(reference.as_str()), Some(&1), "{reference}");
        }
        for screen in self.people.iter().flat_map(|person| &person.screens) {
            for (reference, times) in &screen.ends {
                assert_eq!(*times, 1, "{reference} was told to have ended {times} times");
            }
        }
    }
}

fn stored_view(thing: &Thing, kind: &Kind) -> View {
    View::of(&thing.stored, kind, false, &serde_json::Map::new())
}

fn live_through(seed: u64) {
    let mut town = Town::found(seed);
    for _ in 0..STEPS {
        town.step();
    }
    town.settle();
    town.everybody_agrees();
    town.every_command_ended_once();
}

#[test]
fn a_town_stays_in_step_whatever_happens() {
    let one = std::env::var("HEARTH_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = one.map_or(1..=20, |seed: u64| seed..=seed);
    for seed in seeds {
        let lived = std::panic::catch_unwind(|| live_through(seed));
        assert!(lived.is_ok(), "seed {seed}: see above; again with HEARTH_SEED={seed}");
    }
}

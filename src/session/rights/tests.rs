//! Random people, devices, grants and operations against a naive model: nothing ever crosses.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::device::View;
use crate::device::command::OpenCommands;
use crate::kind::Kinds;
use crate::model::{Device, DeviceId, Scope, Via};
use crate::session::state::SessionState;

mod programs;

use programs::Token;

const USERS: u64 = 6;
const DEVICES: u64 = 8;
const PEOPLE_MAX: usize = 3;
const LINKS_MAX: usize = 12;
const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Owner];

/// A small generator (`SplitMix64`), so that a failure names its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }

    fn role(&mut self) -> Role {
        ROLES[usize::try_from(self.roll(3)).unwrap()]
    }
}

/// A link to a device that waits to be used.
#[derive(Clone, Copy)]
struct Link {
    device: u64,
    by: u64,
    grant: Grant,
    expires_ms: i64,
}

/// The town as it should be: a list of facts, searched from end to end.
#[derive(Default)]
struct Model {
    made: Vec<(u64, u64)>,
    given: Vec<(u64, u64, Role, Option<i64>)>,
    links: Vec<Link>,
    tokens: Vec<Token>,
}

impl Model {
    fn give(&mut self, device: u64, user: u64, grant: Option<Grant>) {
        self.given.retain(|(of, to, ..)| (*of, *to) != (device, user));
        self.given.extend(grant.map(|grant| (device, user, grant.role, grant.until_ms)));
    }

    fn role(&self, device: u64, user: u64, now_ms: i64) -> Option<Role> {
        if self.made.contains(&(device, user)) {
            return Some(Role::Owner);
        }
        if !self.made.iter().any(|(made, _)| *made == device) {
            return None;
        }
        let of = |(d, u, role, until): &(u64, u64, Role, Option<i64>)| {
            (*d == device && *u == user && until.is_none_or(|until| now_ms < until))
                .then_some(*role)
        };
        self.given.iter().find_map(of)
    }

    fn people(&self, device: u64, now_ms: i64) -> usize {
        let not_maker = |user: &u64| !self.made.contains(&(device, *user));
        (0..USERS)
            .filter(not_maker)
            .filter(|user| self.role(device, *user, now_ms).is_some())
            .count()
    }
}

/// The town as it is: what the store keeps, and the sessions that run.
struct Town {
    view: View,
    made: BTreeMap<u64, UserId>,
    grants: BTreeMap<(u64, u64), Grant>,
    sessions: BTreeMap<u64, SessionState>,
    links: Vec<Link>,
    tokens: Vec<Token>,
    asked: BTreeMap<u64, OpenCommands>,
    now_ms: i64,
}

impl Town {
    fn new() -> Self {
        let kind = Kinds::load([]).unwrap().get("light").unwrap().clone();
        let device = Device::new(DeviceId(1), UserId(1), kind.name.clone(), "lamp".into(), None, 0);
        let view = View::of(&device, &kind, false, &serde_json::Map::new());
        let (made, grants, sessions, links) = Default::default();
        let (tokens, asked) = Default::default();
        Self { view, made, grants, sessions, links, tokens, asked, now_ms: 1 }
    }

    fn view(&self, device: u64) -> View {
        View { id: DeviceId(device), ..self.view.clone() }
    }

    fn right(&self, device: u64, user: u64) -> Option<Grant> {
        let grant = self.grants.get(&(device, user)).copied();
        right(*self.made.get(&device)?, UserId(user), grant, self.now_ms)
    }

    /// A session, as its actor has it before it handles a message.
    fn session(&mut self, user: u64) -> &mut SessionState {
        if !self.sessions.contains_key(&user) {
            let mut state = SessionState::new(self.now_ms);
            for device in 0..DEVICES {
                if let Some(right) = self.right(device, user) {
                    state.load(self.view(device), right);
                }
            }
            self.sessions.insert(user, state);
        }
        let (now_ms, state) = (self.now_ms, self.sessions.get_mut(&user).unwrap());
        let ended = state.ended(now_ms);
        for id in &ended {
            state.remove(*id, now_ms);
        }
        for id in ended {
            self.right_lost(id.0, user, None);
        }
        self.sessions.get_mut(&user).unwrap()
    }

    fn grant_changed(&mut self, device: u64, user: u64) {
        if self.right(device, user).is_none_or(|right| right.role < Role::Operator) {
            self.right_lost(device, user, None);
        }
        if !self.sessions.contains_key(&user) {
            return;
        }
        let (right, view, now_ms) = (self.right(device, user), self.view(device), self.now_ms);
        let state = self.session(user);
        match right {
            None => state.remove(DeviceId(device), now_ms),
            Some(right) => {
                if !state.give(DeviceId(device), right, now_ms) {
                    state.add(view, right, now_ms);
                }
            }
        }
    }

    fn share(&mut self, device: u64, sharing: &Sharing) -> Result<(), SessionError> {
        let (now_ms, with) = (self.now_ms, sharing.with.0);
        let by = self.session(sharing.by.user.0);
        by.check(DeviceId(device), needed(sharing), &Scope::ALL)?;
        decide(sharing, self.shares(device, with)?, now_ms)?;
        match sharing.grant {
            Some(grant) => drop(self.grants.insert((device, with), grant)),
            None => drop(self.grants.remove(&(device, with))),
        }
        self.grant_changed(device, with);
        Ok(())
    }

    fn shares(&self, device: u64, with: u64) -> Result<Shares, SessionError> {
        let maker = *self.made.get(&device).ok_or(SessionError::NoSuchDevice)?;
        let held = |user: &u64| {
            self.grants.get(&(device, *user)).is_some_and(|grant| grant.holds(self.now_ms))
        };
        let (people, has_one) = ((0..USERS).filter(held).count(), held(&with));
        Ok(Shares { maker, has_one, people, people_max: PEOPLE_MAX })
    }

    fn accept(&mut self, at: usize, user: u64) -> Result<bool, SessionError> {
        let Link { device, by, grant, expires_ms } = self.links[at];
        let (inviter, own) = (self.right(device, by), self.right(device, user));
        let link = Invited { grant, expires_ms, inviter, own };
        let gives = accept(&link, self.shares(device, user)?, self.now_ms)?;
        if gives {
            self.links.remove(at);
            self.grants.insert((device, user), grant);
            self.grant_changed(device, user);
        }
        Ok(gives)
    }

    fn delete(&mut self, device: u64, user: u64) -> Result<(), SessionError> {
        self.session(user).check(DeviceId(device), Role::Owner, &Scope::ALL)?;
        self.made.remove(&device);
        self.asked.remove(&device);
        self.grants.retain(|(of, _), _| *of != device);
        self.links.retain(|link| link.device != device);
        let now_ms = self.now_ms;
        for state in self.sessions.values_mut() {
            state.remove(DeviceId(device), now_ms);
        }
        Ok(())
    }
}

fn grant(dice: &mut Dice, now_ms: i64) -> Grant {
    let until_ms = (dice.roll(2) == 0).then(|| now_ms + i64::try_from(dice.roll(60)).unwrap() - 5);
    Grant { role: dice.role(), until_ms }
}

fn sharing(dice: &mut Dice, by: u64, now_ms: i64) -> Sharing {
    let grant = (dice.roll(3) > 0).then(|| grant(dice, now_ms));
    let by = Caller { user: UserId(by), name: "bob".into(), via: Via::Login, from: None };
    Sharing { by, with: UserId(dice.roll(USERS)), grant }
}

/// Somebody makes a link to a device, if that user may.
fn invite(town: &mut Town, model: &mut Model, dice: &mut Dice) {
    let (by, device, now_ms) = (dice.roll(USERS), dice.roll(DEVICES), town.now_ms);
    let may = town.session(by).check(DeviceId(device), Role::Owner, &Scope::ALL);
    assert_eq!(may.is_ok(), model.role(device, by, now_ms) == Some(Role::Owner));
    if may.is_ok() && town.links.len() < LINKS_MAX {
        let expires_ms = now_ms + i64::try_from(dice.roll(80)).unwrap();
        let link = Link { device, by, grant: grant(dice, now_ms), expires_ms };
        town.links.push(link);
        model.links.push(link);
    }
}

/// Somebody uses a link: it gives what it says, once, while its maker may give that.
fn join(town: &mut Town, model: &mut Model, dice: &mut Dice) {
    let Ok(end @ 1..) = u64::try_from(town.links.len()) else { return };
    let (at, user) = (usize::try_from(dice.roll(end)).unwrap(), dice.roll(USERS));
    let (Link { device, by, grant, expires_ms }, now_ms) = (model.links[at], town.now_ms);
    let role = model.role(device, user, now_ms);
    let good = now_ms < expires_ms
        && grant.until_ms.is_none_or(|until_ms| now_ms < until_ms)
        && model.role(device, by, now_ms) == Some(Role::Owner);
    let full = role.is_none() && model.people(device, now_ms) >= PEOPLE_MAX;
    let expected = match role {
        _ if !good => Err(SessionError::NoSuchDevice),
        Some(role) if role >= grant.role => Ok(false),
        _ if full => Err(SessionError::TooManyPeople(PEOPLE_MAX)),
        _ => Ok(true),
    };
    assert_eq!(town.accept(at, user), expected);
    if expected == Ok(true) {
        model.links.remove(at);
        model.give(device, user, Some(grant));
    } else if !good {
        // What is void stays void: room for others.
        town.links.remove(at);
        model.links.remove(at);
    }
}

fn step(town: &mut Town, model: &mut Model, dice: &mut Dice) {
    let (user, device, now_ms) = (dice.roll(USERS), dice.roll(DEVICES), town.now_ms);
    match dice.roll(30) {
        0..=2 if !town.made.contains_key(&device) => {
            town.made.insert(device, UserId(user));
            model.made.push((device, user));
            let view = town.view(device);
            town.session(user).add(view, Grant::OWNER, now_ms);
        }
        3 => {
            let done = town.delete(device, user);
            assert_eq!(done.is_ok(), model.role(device, user, now_ms) == Some(Role::Owner));
            if done.is_ok() {
                model.made.retain(|(made, _)| *made != device);
                model.given.retain(|(given, ..)| *given != device);
                model.links.retain(|link| link.device != device);
            }
        }
        20..=21 => invite(town, model, dice),
        22..=23 => join(town, model, dice),
        24..=29 => programs::step(town, model, dice),
        4 => drop(town.sessions.remove(&user)),
        5..=6 => town.now_ms += i64::try_from(dice.roll(20)).unwrap(),
        _ => {
            let sharing = sharing(dice, user, now_ms);
            let (with, role) = (sharing.with.0, model.role(device, user, now_ms));
            let has_one = model.role(device, with, now_ms).is_some();
            let leaves = with == user && sharing.grant.is_none();
            let may = (role == Some(Role::Owner) || leaves && role.is_some())
                && !model.made.contains(&(device, with))
                && match sharing.grant {
                    None => has_one,
                    Some(grant) => {
                        grant.until_ms.is_none_or(|until| now_ms < until)
                            && (has_one || model.people(device, now_ms) < PEOPLE_MAX)
                    }
                };
            let done = town.share(device, &sharing);
            assert_eq!(done.is_ok(), may, "{sharing:?} {done:?}");
            if done.is_ok() {
                model.give(device, with, sharing.grant);
            }
        }
    }
}

/// What somebody may do with some device is what the model says, no more and no less.
fn look(town: &mut Town, model: &Model, dice: &mut Dice) {
    let (user, device, now_ms) = (dice.roll(USERS), dice.roll(DEVICES), town.now_ms);
    let (wanted, most) = (dice.role(), dice.role());
    let only: Option<Arc<[DeviceId]>> =
        (dice.roll(3) == 0).then(|| [DeviceId(dice.roll(DEVICES))].into());
    let there = only.as_ref().is_none_or(|only| only[0] == DeviceId(device));
    let role = model.role(device, user, now_ms).filter(|_| there);
    let scope = Scope { role: most, devices: only, until_ms: None };
    let expected = match role.map(|role| role.min(most)) {
        None => Err(SessionError::NoSuchDevice),
        Some(role) if role < wanted => Err(SessionError::Forbidden),
        Some(role) => Ok(role),
    };
    let state = town.session(user);
    assert_eq!(state.check(DeviceId(device), wanted, &scope), expected);
    assert_eq!(state.show(DeviceId(device), &scope).is_ok(), role.is_some());
    let listed: Vec<_> = state.devices().map(|id| id.0).collect();
    let allowed: Vec<_> =
        (0..DEVICES).filter(|device| model.role(*device, user, now_ms).is_some()).collect();
    assert_eq!(listed, allowed);
}

/// 20,000 steps, or as many as `HEARTH_STEPS` says; `HEARTH_SEED` repeats a run.
#[test]
fn nobody_ever_sees_or_does_what_nobody_gave_them() {
    let number = |name: &str, default| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (steps, seed): (u64, u64) = (number("HEARTH_STEPS", 20_000), number("HEARTH_SEED", 7));
    let (mut town, mut model, mut dice) = (Town::new(), Model::default(), Dice(seed));
    for count in 0..steps {
        let turn = std::panic::AssertUnwindSafe(|| {
            step(&mut town, &mut model, &mut dice);
            look(&mut town, &model, &mut dice);
            programs::look(&mut town, &model, &mut dice);
        });
        assert!(std::panic::catch_unwind(turn).is_ok(), "seed {seed}, step {count}");
    }
}

#[test]
fn leaving_is_everybodys_and_sharing_the_owners() {
    let by = Caller { user: UserId(2), name: "ann".into(), via: Via::Login, from: None };
    let grant = Some(Grant { role: Role::Viewer, until_ms: None });
    let leave = Sharing { by: by.clone(), with: UserId(2), grant: None };
    assert_eq!(needed(&leave), Role::Viewer);
    assert_eq!(needed(&Sharing { grant, ..leave.clone() }), Role::Owner);
    assert_eq!(needed(&Sharing { with: UserId(3), ..leave }), Role::Owner);
}

//! What the announcements of a home come to, and what follows from each message. Pure.
//!
//! Announcements come in bursts, entity by entity, so they are looked at together once there has
//! been no other for a moment ([`SETTLE_MS`]): only then is it clear what is one device. What is
//! looked at is all that is retained by then, so that it does not matter which messages came.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::device::Report;
use crate::model::{DeviceId, Name, UserId};
use crate::space::message::Message;

use super::announcements::Announcements;
use super::availability::Words;
use super::config;
use super::entity::{Entity, Order};
use super::payload::Payload;
use super::things::{Thing, things};

/// How long nothing else has to be announced until what was is acted upon, in milliseconds; and how
/// long at most, however often something is.
const SETTLE_MS: (i64, i64) = (1_000, 5_000);
/// How long a device stays that is announced no longer, in milliseconds: what takes its
/// announcements back to make better ones has done so by then.
const LEAVES_MS: i64 = 5_000;
/// How long it is waited before something that could not be done is tried again, in milliseconds;
/// twice as long each time, up to the second.
const RETRY_MS: (i64, i64) = (5_000, 600_000);

/// What the actor is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Hear these topics, and what is retained there.
    Subscribe(Vec<Box<str>>),
    /// Hear them no longer.
    Unsubscribe(Vec<Box<str>>),
    /// See to it that the device exists; then call [`DiscoveryState::made`].
    Make(DeviceId),
    /// The device is announced no longer, and has not been announced anew.
    Forget(DeviceId),
    /// Become the device's link; then call [`DiscoveryState::attached`].
    Attach(DeviceId),
    /// The device takes what is wanted from now on.
    Listen(DeviceId),
    /// The device can't be reached: be its link no longer.
    Detach(DeviceId),
    /// The device says this of itself.
    Say(DeviceId, Said),
    /// Publish this in the space.
    Publish(Order),
    /// What is retained on this topic is now this; nothing: it is to be no more.
    Announce(Box<str>, Option<Vec<u8>>),
    /// The device has what was wanted, by this number.
    Delivered(DeviceId, u64),
}

/// What a device says, before its kind has looked at it.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Properties as they are.
    State(Map<String, Json>),
    /// The rest of what can be said.
    Other(Report),
}

/// A device, and how far it is.
#[derive(Debug)]
struct Place {
    thing: Thing,
    /// The device is in the store.
    exists: bool,
    /// The house is its link.
    is_linked: bool,
    /// Somebody else is: a device that was given its secret.
    is_taken: bool,
    /// What is known of it.
    reported: Map<String, Json>,
    /// What of it its actor was not told, because the house was not its link.
    untold: Map<String, Json>,
    /// What it was last told of each property.
    wanted: Map<String, Json>,
    /// By the key of a part: what it said of whether it can be reached.
    words: BTreeMap<Box<str>, Words>,
}

impl Place {
    fn of(thing: Thing) -> Self {
        Self {
            thing,
            exists: false,
            is_linked: false,
            is_taken: false,
            reported: Map::new(),
            untold: Map::new(),
            wanted: Map::new(),
            words: BTreeMap::new(),
        }
    }

    /// What it consists of now. What a part said that is another one now was said by another.
    fn become_thing(&mut self, thing: Thing) {
        let before = std::mem::replace(&mut self.thing, thing);
        for part in before.parts {
            if !self.thing.parts.iter().any(|it| Arc::ptr_eq(it, &part)) {
                self.words.remove(&part.key);
            }
        }
    }

    fn said_of(&self, part: &Entity) -> Words {
        self.words.get(&part.key).copied().unwrap_or_default()
    }

    /// Whether any part of the device can be reached.
    fn is_available(&self) -> bool {
        let available = |part: &Arc<Entity>| part.availability.is_available(self.said_of(part));
        self.thing.parts.iter().any(available)
    }

    fn should_attach(&self) -> bool {
        self.exists && !self.is_linked && !self.is_taken && self.is_available()
    }
}

/// What one home announces.
#[derive(Debug)]
pub struct DiscoveryState {
    user: UserId,
    announcements: Announcements,
    places: BTreeMap<DeviceId, Place>,
    /// Which parts of which devices hear a topic.
    routes: HashMap<Box<str>, Vec<(DeviceId, Arc<Entity>)>>,
    /// Devices that were made of announcements, in this life or an earlier one.
    known: BTreeSet<DeviceId>,
    /// Devices that are announced no longer, and when they go.
    leaving: BTreeMap<DeviceId, i64>,
    settle_ms: Option<i64>,
    /// Since when there has been something to act upon.
    unsettled_ms: Option<i64>,
    retry_ms: Option<i64>,
    /// How long the next wait before another try will be.
    patience_ms: i64,
}

impl DiscoveryState {
    /// A home that is to be looked at; the `known` devices were made in earlier lives of what was
    /// announced there.
    #[must_use]
    pub fn new(user: UserId, known: impl IntoIterator<Item = DeviceId>, now_ms: i64) -> Self {
        Self {
            user,
            announcements: Announcements::default(),
            places: BTreeMap::new(),
            routes: HashMap::new(),
            known: known.into_iter().collect(),
            leaving: BTreeMap::new(),
            settle_ms: Some(now_ms),
            unsettled_ms: None,
            retry_ms: None,
            patience_ms: RETRY_MS.0,
        }
    }

    /// A message came from the space.
    pub fn hear(&mut self, message: &Arc<Message>, now_ms: i64, out: &mut Vec<Effect>) {
        if config::is_config(message.topic()) {
            // What is not retained is said to those who are there, and is gone when they are.
            if message.retain && !self.announcements.knows(message) {
                let since_ms = *self.unsettled_ms.get_or_insert(now_ms);
                self.settle_ms = Some((now_ms + SETTLE_MS.0).min(since_ms + SETTLE_MS.1));
            }
        } else {
            self.told(message.topic(), message.payload(), out);
        }
    }

    /// The time has come that [`DiscoveryState::next_tick_ms`] named. What is announced is asked
    /// for, if that is to be acted upon.
    ///
    /// # Errors
    /// What is announced can't be told.
    pub fn tick<E>(
        &mut self,
        now_ms: i64,
        announced: impl FnOnce() -> Result<Vec<Arc<Message>>, E>,
        out: &mut Vec<Effect>,
    ) -> Result<(), E> {
        if self.settle_ms.take_if(|due_ms| *due_ms <= now_ms).is_some() {
            self.unsettled_ms = None;
            self.announcements.look(announced()?);
            self.settle(now_ms, out);
        }
        // What is announced anew is seen before it is forgotten.
        let settled = self.settle_ms.is_none();
        self.leaving.retain(|id, due_ms| {
            let stays = *due_ms > now_ms || !settled;
            if !stays {
                self.known.remove(id);
                out.push(Effect::Forget(*id));
            }
            stays
        });
        if self.retry_ms.take_if(|due_ms| *due_ms <= now_ms).is_some() {
            self.patience_ms = RETRY_MS.1.min(2 * self.patience_ms);
            for (id, place) in &self.places {
                if !place.exists {
                    out.push(Effect::Make(*id));
                } else if place.should_attach() {
                    out.push(Effect::Attach(*id));
                }
            }
        }
        Ok(())
    }

    /// When [`DiscoveryState::tick`] is to be called next.
    #[must_use]
    pub fn next_tick_ms(&self) -> Option<i64> {
        let leaving = self.leaving.values().copied().filter(|_| self.settle_ms.is_none());
        self.settle_ms.into_iter().chain(self.retry_ms).chain(leaving).min()
    }

    /// What was announced and not understood, or fits no kind, and why; since this was asked last.
    pub fn take_in_vain(&mut self) -> Vec<String> {
        self.announcements.take_in_vain()
    }

    /// Whether the device was made of announcements before.
    #[must_use]
    pub fn knows(&self, id: DeviceId) -> bool {
        self.known.contains(&id)
    }

    /// The device that is to be made.
    #[must_use]
    pub fn thing(&self, id: DeviceId) -> Option<&Thing> {
        self.places.get(&id).map(|place| &place.thing)
    }

    /// The device exists now, or could not be made.
    pub fn made(&mut self, id: DeviceId, exists: bool, now_ms: i64, out: &mut Vec<Effect>) {
        let Some(place) = self.places.get_mut(&id) else { return };
        place.exists = exists;
        if exists && place.should_attach() {
            out.push(Effect::Attach(id));
        }
        if exists {
            self.known.insert(id);
        } else {
            self.retry(now_ms);
        }
    }

    /// The house is the device's link now, or could not become it.
    pub fn attached(&mut self, id: DeviceId, is_linked: bool, now_ms: i64, out: &mut Vec<Effect>) {
        let Some(place) = self.places.get_mut(&id) else { return };
        place.is_linked = is_linked;
        if !is_linked {
            self.retry(now_ms);
            return;
        }
        // What its actor knows already would look like news.
        let untold = std::mem::take(&mut place.untold);
        if !untold.is_empty() {
            out.push(Effect::Say(id, Said::State(untold)));
        }
        out.push(Effect::Listen(id));
    }

    /// The device's actor ended, and what it was told may be lost with it.
    pub fn link_lost(&mut self, id: DeviceId, now_ms: i64) {
        if let Some(place) = self.places.get_mut(&id) {
            place.is_linked = false;
            place.untold = place.reported.clone();
            self.patience_ms = RETRY_MS.0;
            self.retry(now_ms);
        }
    }

    /// Somebody who knows the device's secret is its link.
    pub fn taken_over(&mut self, id: DeviceId) {
        if let Some(place) = self.places.get_mut(&id) {
            (place.is_linked, place.is_taken) = (false, true);
        }
    }

    /// A person deleted the device: its announcements are taken back, so that it stays away until
    /// it announces itself anew.
    pub fn dismissed(&mut self, id: DeviceId, now_ms: i64, out: &mut Vec<Effect>) {
        let Some(place) = self.places.remove(&id) else { return };
        self.known.remove(&id);
        for (topic, left) in self.announcements.take_back(&place.thing.parts) {
            out.push(Effect::Announce(topic, left));
        }
        self.settle_ms = Some(now_ms);
    }

    /// Something is wanted of the device.
    pub fn want(&mut self, id: DeviceId, number: u64, wanted: &[u8], out: &mut Vec<Effect>) {
        let Some(place) = self.places.get_mut(&id) else { return };
        let Ok(wanted) = serde_json::from_slice::<Map<String, Json>>(wanted) else { return };
        let mut done = Map::new();
        for part in &place.thing.parts {
            out.extend(part.command(&wanted, &place.reported).into_iter().map(Effect::Publish));
            done.extend(part.assumed(&wanted, &place.reported));
        }
        place.wanted.extend(wanted.clone());
        out.push(Effect::Delivered(id, number));
        let why: Arc<str> = "was announced without a way to be told this".into();
        let is_taken = |name: &String| place.thing.parts.iter().any(|part| part.takes(name));
        let refused = wanted.keys().filter(|name| !is_taken(name));
        let refused: Vec<(Name, Arc<str>)> =
            refused.map(|name| (name.as_str().into(), Arc::clone(&why))).collect();
        if !done.is_empty() {
            place.reported.extend(done.clone());
            out.push(Effect::Say(id, Said::State(done)));
        }
        if !refused.is_empty() {
            out.push(Effect::Say(id, Said::Other(Report::Refused(refused))));
        }
    }

    /// Brings devices and subscriptions in line with what is announced.
    fn settle(&mut self, now_ms: i64, out: &mut Vec<Effect>) {
        self.patience_ms = RETRY_MS.0;
        let entities = self.announcements.entities();
        let mut planned = things(self.user, entities, |id| self.known.contains(&id));
        let known: Vec<DeviceId> = self.places.keys().copied().collect();
        for id in known {
            if !planned.contains_key(&id) {
                self.places.remove(&id);
                self.leaving.insert(id, now_ms + LEAVES_MS);
                out.push(Effect::Detach(id));
            }
        }
        let mut made = Vec::new();
        while let Some((id, thing)) = planned.pop_first() {
            self.leaving.remove(&id);
            if let Some(place) = self.places.get_mut(&id) {
                place.become_thing(thing);
            } else {
                self.places.insert(id, Place::of(thing));
                made.push(Effect::Make(id));
            }
        }
        // A device that people see hears what the thing says.
        self.route(out);
        out.extend(made);
    }

    /// Hears the topics of all parts; one that has a new listener is heard from the start.
    fn route(&mut self, out: &mut Vec<Effect>) {
        let mut routes: HashMap<Box<str>, Vec<(DeviceId, Arc<Entity>)>> = HashMap::new();
        for (id, place) in &self.places {
            for part in &place.thing.parts {
                for topic in part.topics() {
                    routes.entry(topic.into()).or_default().push((*id, Arc::clone(part)));
                }
            }
        }
        let is_new = |topic: &str, takers: &[(DeviceId, Arc<Entity>)]| {
            let before = self.routes.get(topic).map(Vec::as_slice).unwrap_or_default();
            takers.iter().any(|(id, part)| {
                !before.iter().any(|(old, entity)| old == id && Arc::ptr_eq(entity, part))
            })
        };
        let new = routes.iter().filter(|(topic, takers)| is_new(topic, takers));
        let mut new: Vec<Box<str>> = new.map(|(topic, _)| topic.clone()).collect();
        let gone = self.routes.keys().filter(|topic| !routes.contains_key(*topic));
        let mut gone: Vec<Box<str>> = gone.cloned().collect();
        new.sort();
        gone.sort();
        out.extend((!new.is_empty()).then_some(Effect::Subscribe(new)));
        out.extend((!gone.is_empty()).then_some(Effect::Unsubscribe(gone)));
        self.routes = routes;
    }

    /// Something was said on a topic that parts of devices hear.
    fn told(&mut self, topic: &str, payload: &[u8], out: &mut Vec<Effect>) {
        let Some(takers) = self.routes.get(topic) else { return };
        let payload = match Payload::new(payload) {
            Ok(payload) => payload,
            Err(why) => return self.blame(topic, &why, out),
        };
        for (id, part) in takers {
            let Some(place) = self.places.get_mut(id) else { continue };
            let words = part.availability.hear(place.said_of(part), topic, &payload);
            if words != Words::default() || place.words.contains_key(&part.key) {
                place.words.insert(part.key.clone(), words);
            }
            match part.heard(topic, &payload) {
                Ok(said) if said.is_empty() => {}
                Ok(mut said) => {
                    part.settle(&place.wanted, &mut said, &payload);
                    place.reported.extend(said.clone());
                    if place.is_linked {
                        out.push(Effect::Say(*id, Said::State(said)));
                    } else {
                        place.untold.extend(said);
                    }
                }
                Err(why) if place.is_linked => {
                    let garbage = Report::Garbage(why.into());
                    out.push(Effect::Say(*id, Said::Other(garbage)));
                }
                Err(_) => {}
            }
        }
        let ids: BTreeSet<DeviceId> = takers.iter().map(|(id, _)| *id).collect();
        for id in ids {
            let Some(place) = self.places.get_mut(&id) else { continue };
            if place.should_attach() {
                out.push(Effect::Attach(id));
            } else if place.is_linked && !place.is_available() {
                place.is_linked = false;
                out.push(Effect::Detach(id));
            }
        }
    }

    /// Tells the owners of all who hear the topic what is wrong with a message.
    fn blame(&self, topic: &str, why: &str, out: &mut Vec<Effect>) {
        for (id, _) in self.routes.get(topic).into_iter().flatten() {
            let garbage = Report::Garbage(why.into());
            out.push(Effect::Say(*id, Said::Other(garbage)));
        }
    }

    fn retry(&mut self, now_ms: i64) {
        let due_ms = now_ms + self.patience_ms;
        self.retry_ms = Some(self.retry_ms.map_or(due_ms, |earlier_ms| earlier_ms.min(due_ms)));
    }
}

#[cfg(test)]
mod tests;

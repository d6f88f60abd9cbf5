//! Which devices the entities of a home make up. Pure.
//!
//! An entity with something to command is a device of its own; sensors of one thing are one
//! device, and join the only switch that the thing has. The answer follows from the entities, not
//! from the order in which they were announced, so that a device has the same identity in every
//! life; and a switch that was a device without sensors stays one, with its history and its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::model::device::{DESCRIPTION_CHARS_MAX, ROOM_CHARS_MAX};
use crate::model::{DeviceId, UserId};

use super::entity::{Entity, Role};
use super::sensor::Measure;

/// A device that was announced.
#[derive(Debug, Clone)]
pub struct Thing {
    /// Its kind's name.
    pub kind: &'static str,
    /// What people will call it.
    pub name: String,
    /// Where it stands.
    pub room: Option<String>,
    /// The entities that it consists of.
    pub parts: Vec<Arc<Entity>>,
}

/// The devices that `entities` make up in the home of `user`, where some are known already.
pub fn things<'e>(
    user: UserId,
    entities: impl IntoIterator<Item = &'e Arc<Entity>>,
    is_known: impl Fn(DeviceId) -> bool,
) -> BTreeMap<DeviceId, Thing> {
    let mut groups: BTreeMap<Option<&str>, Vec<&Arc<Entity>>> = BTreeMap::new();
    for entity in entities {
        groups.entry(entity.device.as_deref()).or_default().push(entity);
    }
    let mut plan = Plan { user, is_known, things: BTreeMap::new() };
    for (device, mut group) in groups {
        group.sort_by_cached_key(|entity| (rank(entity), entity.key.clone()));
        match device {
            Some(device) => plan.group(device, &group),
            None => group.iter().for_each(|entity| plan.group("", &[entity])),
        }
    }
    plan.things
}

/// Which of several sensors of the same is the one that people mean: the one that is called so
/// (`…_temperature` rather than `…_dew_point` or `…_device_temperature`), of energy the total.
fn rank(entity: &Entity) -> (bool, usize) {
    let Role::Sensor(sensor) = &entity.role else { return (false, 0) };
    let key = entity.key.to_ascii_lowercase();
    let is_meant = match sensor.measure {
        Measure::Energy => key.contains("total"),
        Measure::Temperature => key.ends_with("temperature"),
        Measure::Humidity => key.ends_with("humidity"),
        Measure::Power => key.ends_with("power"),
        Measure::Battery => key.ends_with("battery"),
    };
    (!is_meant, key.len())
}

fn measures(entity: &Entity, wanted: &[Measure]) -> bool {
    matches!(&entity.role, Role::Sensor(sensor) if wanted.contains(&sensor.measure))
}

struct Plan<K> {
    user: UserId,
    is_known: K,
    things: BTreeMap<DeviceId, Thing>,
}

impl<K: Fn(DeviceId) -> bool> Plan<K> {
    /// The entities of one thing, those first that are meant if several are alike.
    fn group(&mut self, device: &str, group: &[&Arc<Entity>]) {
        let mut switches = group.iter().filter(|entity| matches!(entity.role, Role::Switch(_)));
        let only = switches.next().filter(|_| switches.next().is_none());
        let measures = |wanted: &[Measure]| group.iter().any(|entity| measures(entity, wanted));
        let metered = measures(&[Measure::Power, Measure::Energy]);
        let is_plug = metered && only.is_some_and(|switch| !self.stands_alone(device, switch));
        let has_climate = measures(&[Measure::Temperature, Measure::Humidity]);
        let (mut plug, mut thermometer) = (Vec::new(), Vec::new());
        for entity in group {
            let sensor = match &entity.role {
                Role::Switch(_) if is_plug => {
                    plug.push(Arc::clone(entity));
                    continue;
                }
                Role::Light(_) | Role::Switch(_) => {
                    self.alone(device, entity);
                    continue;
                }
                Role::Sensor(sensor) => sensor,
            };
            let parts = match sensor.measure {
                Measure::Power | Measure::Energy => &mut plug,
                // How full the battery of a door's contact is makes it no thermometer.
                Measure::Battery if !has_climate => continue,
                Measure::Temperature | Measure::Humidity | Measure::Battery => &mut thermometer,
            };
            if !parts.iter().any(|part| self::measures(part, &[sensor.measure])) {
                parts.push(Arc::clone(entity));
            } else if sensor.measure != Measure::Energy {
                // Of today and of yesterday are no meters of their own.
                self.alone(device, entity);
            }
        }
        self.together("plug", device, plug);
        self.together("thermometer", device, thermometer);
    }

    /// Whether the only switch of a thing is a device already, and the thing no plug.
    fn stands_alone(&self, device: &str, switch: &Entity) -> bool {
        let is_known = |kind, key| (self.is_known)(identity(self.user, kind, (device, key)));
        is_known(switch.kind(), &switch.key) && !is_known("plug", "")
    }

    /// A device of one entity.
    fn alone(&mut self, device: &str, entity: &Arc<Entity>) {
        let key = (device, &*entity.key);
        self.add(entity.kind(), key, &entity.name, vec![Arc::clone(entity)]);
    }

    /// A device of all that one thing has of a kind.
    fn together(&mut self, kind: &'static str, device: &str, parts: Vec<Arc<Entity>>) {
        let Some(first) = parts.first().cloned() else { return };
        let name = match &first.device_name {
            Some(name) => name,
            None => &first.name,
        };
        // Without a device the entity itself is all that there is.
        let key = if device.is_empty() { &*first.key } else { "" };
        self.add(kind, (device, key), name, parts);
    }

    fn add(&mut self, kind: &'static str, key: (&str, &str), name: &str, parts: Vec<Arc<Entity>>) {
        let short = |text: &str, chars_max| text.chars().take(chars_max).collect::<String>();
        let room = parts.iter().find_map(|part| part.area.as_deref());
        let thing = Thing {
            kind,
            name: short(name, DESCRIPTION_CHARS_MAX),
            room: room.map(|room| short(room, ROOM_CHARS_MAX)),
            parts,
        };
        // Of two with one name, the first is it.
        self.things.entry(identity(self.user, kind, key)).or_insert(thing);
    }
}

/// The identity of what a device of a home calls `key`: another in every home, and the same for
/// ever. Entities of two devices may be called the same (`ESPHome` names them by what they are).
fn identity(user: UserId, kind: &str, (device, key): (&str, &str)) -> DeviceId {
    let mut hash = Sha256::new();
    hash.update(user.0.to_be_bytes());
    for text in [kind, device, key] {
        hash.update([0]);
        hash.update(text);
    }
    let bits = hash.finalize().iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    DeviceId::from_random(bits)
}

#[cfg(test)]
mod tests;

//! What breaks: actors, shards and the store are killed, one after the other.

use std::time::Duration;

use hearth::model::DeviceId;

use super::{Chance, Weather};
use crate::support::{Open, Person, Thing};

/// The pause between two faults.
const PAUSE: Duration = Duration::from_millis(15);

/// Breaks something again and again while the storm lasts; says how often.
pub async fn break_things(
    open: &Open,
    people: &[(Person, Vec<Thing>)],
    mut chance: Chance,
    weather: &Weather,
) -> u64 {
    let users: Vec<_> = people
        .iter()
        .map(|(person, _)| hearth::store::accounts::user_named(&open.house.store, &person.name))
        .map(|user| user.unwrap().unwrap().id)
        .collect();
    let lamps: Vec<DeviceId> =
        people.iter().flat_map(|(_, own)| own).map(|thing| DeviceId(thing.id)).collect();
    let (devices, sessions) = (open.house.devices.directory(), open.house.sessions.directory());
    let mut faults = 0;
    while weather.is(Weather::STORM) {
        let mut pick = |end: usize| usize::try_from(chance.below(end.try_into().unwrap())).unwrap();
        let victim = match pick(40) {
            0..=25 => devices.get(&lamps[pick(lamps.len())]).map(|actor| actor.get_cell()),
            26..=37 => sessions.get(&users[pick(users.len())]).map(|actor| actor.get_cell()),
            38 => {
                let shards = devices.supervisors();
                Some(shards[pick(shards.len())].clone())
            }
            _ => {
                let memory = open.house.rooms.iter().find(|(room, _)| *room == "memory");
                memory.and_then(|(_, room)| room.roster().cell("store"))
            }
        };
        if let Some(victim) = victim {
            victim.kill();
            faults += 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
    faults
}

use serde_json::{Value as Json, json};

use super::*;
use crate::discovery::config;

const ANN: UserId = UserId(1);

/// The entities that are announced so: a component, an identifier and the rest.
fn entities(announced: &[(&str, &str, Json)]) -> Vec<Arc<Entity>> {
    let read = |(component, id, config): &(&str, &str, Json)| {
        let mut config = config.clone();
        config["unique_id"] = json!(id);
        let topic = format!("homeassistant/{component}/{id}/config");
        let read = config::read(&topic, config.to_string().as_bytes()).unwrap();
        assert!(read.passed_over.is_empty(), "{read:?}");
        read.entities.into_iter().map(Arc::new).collect::<Vec<_>>()
    };
    announced.iter().flat_map(read).collect()
}

/// The devices in words: kind, name, and the keys of their parts.
fn shown(announced: &[(&str, &str, Json)]) -> Vec<String> {
    let entities = entities(announced);
    let there = words(&things(ANN, &entities, |_| false));
    let back = words(&things(ANN, entities.iter().rev(), |_| false));
    assert_eq!(there, back, "the order of the announcements makes no difference");
    there
}

fn words(things: &BTreeMap<DeviceId, Thing>) -> Vec<String> {
    let word = |thing: &Thing| {
        let parts: Vec<&str> = thing.parts.iter().map(|part| &*part.key).collect();
        format!("{} {:?} {}", thing.kind, thing.name, parts.join(" "))
    };
    let mut words: Vec<String> = things.values().map(word).collect();
    words.sort();
    words
}

fn switch(device: &str) -> Json {
    json!({"command_topic": "s/set", "name": "Relay", "device": {"ids": device, "name": "Desk"}})
}

fn sensor(device: &str, class: &str) -> Json {
    let unit = match class {
        "temperature" => "°C",
        "power" => "W",
        "energy" => "kWh",
        _ => "%",
    };
    json!({
        "state_topic": "s", "device_class": class, "unit_of_measurement": unit,
        "device": {"ids": device, "name": "Desk", "sa": "Study"},
    })
}

#[test]
fn the_sensors_of_one_thing_are_one_thermometer() {
    let announced = ["temperature", "humidity", "battery"].map(|class| sensor("d", class));
    let [t, h, b] = announced;
    let shown = shown(&[("sensor", "t", t), ("sensor", "h", h), ("sensor", "b", b)]);
    assert_eq!(shown, [r#"thermometer "Desk" sensor:b sensor:h sensor:t"#]);
}

#[test]
fn a_second_sensor_of_the_same_is_a_device_of_its_own() {
    let (t, other) = (sensor("d", "temperature"), sensor("d", "temperature"));
    let shown = shown(&[("sensor", "t1", t), ("sensor", "t2", other)]);
    assert_eq!(
        shown,
        [r#"thermometer "Desk Temperature" sensor:t2"#, r#"thermometer "Desk" sensor:t1"#]
    );
}

#[test]
fn of_several_sensors_of_the_same_the_one_that_is_meant_is_the_devices() {
    let energy = || sensor("d", "energy");
    let shown = shown(&[
        ("sensor", "d_ENERGY_Today", energy()),
        ("sensor", "d_ENERGY_Total", energy()),
        ("sensor", "d_ENERGY_Yesterday", energy()),
        ("sensor", "d_BME280_DewPoint", sensor("d", "temperature")),
        ("sensor", "d_BME280_Temperature", sensor("d", "temperature")),
    ]);
    assert_eq!(
        shown,
        [
            r#"plug "Desk" sensor:d_ENERGY_Total"#,
            r#"thermometer "Desk Temperature" sensor:d_BME280_DewPoint"#,
            r#"thermometer "Desk" sensor:d_BME280_Temperature"#
        ]
    );
}

#[test]
fn two_devices_may_call_a_part_the_same() {
    let relay = |device| {
        let config = json!({
            "unique_id": "ESPswitchrelay", "command_topic": format!("{device}/set"),
            "name": "Relay", "device": {"ids": device, "name": device},
        });
        let topic = format!("homeassistant/switch/{device}/relay/config");
        let mut read = config::read(&topic, config.to_string().as_bytes()).unwrap();
        Arc::new(read.entities.remove(0))
    };
    let entities = [relay("garage"), relay("garden")];
    assert_eq!(
        words(&things(ANN, &entities, |_| false)),
        [
            r#"switch "garage Relay" switch:ESPswitchrelay"#,
            r#"switch "garden Relay" switch:ESPswitchrelay"#
        ]
    );
}

#[test]
fn the_only_switch_of_a_thing_that_measures_power_is_a_plug_with_its_power() {
    let (s, p, e) = (switch("d"), sensor("d", "power"), sensor("d", "energy"));
    let shown = shown(&[("switch", "s", s), ("sensor", "p", p), ("sensor", "e", e)]);
    assert_eq!(shown, [r#"plug "Desk" switch:s sensor:e sensor:p"#]);
}

#[test]
fn of_two_switches_none_has_the_power() {
    let (one, other, p) = (switch("d"), switch("d"), sensor("d", "power"));
    let shown = shown(&[("switch", "s1", one), ("switch", "s2", other), ("sensor", "p", p)]);
    assert_eq!(
        shown,
        [
            r#"plug "Desk" sensor:p"#,
            r#"switch "Desk Relay" switch:s1"#,
            r#"switch "Desk Relay" switch:s2"#
        ]
    );
}

#[test]
fn a_switch_that_was_a_device_stays_one_when_its_thing_begins_to_measure() {
    let before = entities(&[("switch", "s", switch("d"))]);
    let known: Vec<DeviceId> = things(ANN, &before, |_| false).into_keys().collect();
    let now = entities(&[("switch", "s", switch("d")), ("sensor", "p", sensor("d", "power"))]);
    let now = things(ANN, &now, |id| known.contains(&id));
    assert_eq!(words(&now), [r#"plug "Desk" sensor:p"#, r#"switch "Desk Relay" switch:s"#]);
    assert!(now.contains_key(&known[0]));
}

#[test]
fn a_meter_whose_thing_gets_a_switch_is_its_plug() {
    let before = entities(&[("sensor", "p", sensor("d", "power"))]);
    let known: Vec<DeviceId> = things(ANN, &before, |_| false).into_keys().collect();
    let now = entities(&[("switch", "s", switch("d")), ("sensor", "p", sensor("d", "power"))]);
    let now = things(ANN, &now, |id| known.contains(&id));
    assert!(now.keys().eq(&known));
}

#[test]
fn a_battery_alone_is_no_thermometer() {
    assert!(shown(&[("sensor", "b", sensor("d", "battery"))]).is_empty());
}

#[test]
fn things_without_a_device_stand_alone() {
    let alone = |class| {
        let mut sensor = sensor("", class);
        sensor.as_object_mut().unwrap().remove("device");
        sensor
    };
    let shown = shown(&[
        ("sensor", "t", alone("temperature")),
        ("sensor", "h", alone("humidity")),
        ("light", "l", json!({"command_topic": "l/set", "name": "Lamp"})),
    ]);
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert_eq!(shown[0], r#"light "Lamp" light:l"#);
}

#[test]
fn a_device_is_the_same_in_every_life_and_another_in_every_home() {
    let entities = entities(&[("switch", "s", switch("d"))]);
    let id = |user| *things(user, &entities, |_| false).keys().next().unwrap();
    // It is in people's stores.
    assert_eq!(id(ANN), DeviceId(6_213_160_947_628_042));
    assert_ne!(id(ANN), id(UserId(2)));
}

#[test]
fn a_device_stands_where_its_thing_says() {
    let entities = entities(&[("sensor", "p", sensor("d", "power"))]);
    let things = things(ANN, &entities, |_| false);
    assert_eq!(things.values().next().unwrap().room.as_deref(), Some("Study"));
}

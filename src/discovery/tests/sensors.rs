//! Sensors.

use serde_json::json;

use super::*;

const BEDROOM: &str = r#"{"device_class":"temperature","name":"Temperature",
    "state_topic":"homeassistant/sensor/sensorBedroom/state","unit_of_measurement":"°C",
    "value_template":"{{ value_json.temperature}}"}"#;

const GARAGE: &str = r#"{"unit_of_meas":"°C","stat_cla":"measurement",
    "name":"Garage Temperature","dev_cla":"temperature",
    "stat_t":"garagedoor1/sensor/garage_temperature/state","avty_t":"garagedoor1/status",
    "uniq_id":"ESPsensorgarage_temperature",
    "dev":{"ids":"20500de464ec","name":"GarageDoor1","mdl":"esp32","mf":"Espressif"}}"#;

fn sensor(class: &str, unit: &str) -> Entity {
    let payload = json!({"dev_cla": class, "unit_of_meas": unit, "stat_t": "s"});
    entity("homeassistant/sensor/s/config", &payload.to_string())
}

#[test]
fn a_sensor_with_a_template_is_read_and_heard() {
    let sensor = entity("homeassistant/sensor/sensorBedroomT/config", BEDROOM);
    assert_eq!((sensor.kind(), &*sensor.name), ("thermometer", "Temperature"));
    assert_eq!(sensor.device, None);
    let said = r#"{"temperature":23.20,"humidity":43.70}"#;
    let state = "homeassistant/sensor/sensorBedroom/state";
    assert_eq!(heard(&sensor, state, said), json!({"temperature_c": 23.2}));
}

#[test]
fn a_sensor_of_esphome_is_read_and_heard() {
    let topic = "homeassistant/sensor/garagedoor1/garage_temperature/config";
    let sensor = entity(topic, GARAGE);
    assert_eq!(&*sensor.key, "sensor:ESPsensorgarage_temperature");
    assert_eq!(sensor.device.as_deref(), Some("20500de464ec"));
    assert_eq!(&*sensor.name, "GarageDoor1 Garage Temperature");
    let state = "garagedoor1/sensor/garage_temperature/state";
    assert_eq!(sensor.topics(), [state, "garagedoor1/status"]);
    assert_eq!(heard(&sensor, state, "-3.5"), json!({"temperature_c": -3.5}));
    let words = told(&sensor, Words::default(), "garagedoor1/status", b"online");
    assert!(sensor.availability.is_available(words));
}

#[test]
fn each_unit_becomes_the_one_of_the_property() {
    let cases = [
        ("temperature", "°F", "212", json!({"temperature_c": 100.0})),
        ("temperature", "°F", "70", json!({"temperature_c": 21.111_111})),
        ("temperature", "K", "293.15", json!({"temperature_c": 20.0})),
        ("humidity", "%", " 43.7\n", json!({"humidity_pct": 43.7})),
        ("battery", "%", "100", json!({"battery_pct": 100.0})),
        ("power", "W", "12.5", json!({"power_w": 12.5})),
        ("power", "kW", "1.25", json!({"power_w": 1250.0})),
        ("power", "mW", "500", json!({"power_w": 0.5})),
        ("energy", "kWh", "1.5", json!({"energy_kwh": 1.5})),
        ("energy", "Wh", "1500", json!({"energy_kwh": 1.5})),
        ("energy", "MWh", "0.0015", json!({"energy_kwh": 1.5})),
    ];
    for (class, unit, said, meant) in cases {
        assert_eq!(heard(&sensor(class, unit), "s", said), meant, "{class} {unit}");
    }
}

#[test]
fn power_and_energy_are_of_a_plug() {
    assert_eq!([sensor("power", "W").kind(), sensor("energy", "Wh").kind()], ["plug", "plug"]);
}

#[test]
fn words_that_say_nothing_say_nothing() {
    let sensor = sensor("temperature", "°C");
    for said in ["", "None", "unknown", "unavailable", "nan", "NaN"] {
        assert_eq!(heard(&sensor, "s", said), json!({}), "{said}");
    }
}

#[test]
fn what_is_no_number_is_explained() {
    let sensor = sensor("temperature", "°C");
    assert_eq!(hears(&sensor, "s", b"warm").unwrap_err(), "“warm” isn't a number");
    assert_eq!(hears(&sensor, "s", b"inf").unwrap_err(), "“inf” isn't a number");
    assert_eq!(hears(&sensor, "s", b"\xff").unwrap_err(), "it isn't a text");
}

#[test]
fn a_message_without_the_measure_says_nothing() {
    let sensor = entity("homeassistant/sensor/sensorBedroomT/config", BEDROOM);
    let state = "homeassistant/sensor/sensorBedroom/state";
    assert_eq!(heard(&sensor, state, r#"{"humidity":43.70}"#), json!({}));
    assert_eq!(heard(&sensor, state, r#"{"temperature":null}"#), json!({}));
}

#[test]
fn a_sensor_that_no_kind_fits_is_passed_over_with_its_reason() {
    let cases = [
        (json!({"dev_cla": "illuminance", "stat_t": "s"}), "no kind has what “illuminance” is"),
        (json!({"stat_t": "s"}), "it has no device_class"),
        (json!({"dev_cla": "power"}), "it has no state_topic"),
        (
            json!({"dev_cla": "power", "stat_t": "s", "unit_of_meas": "BTU/h"}),
            "unknown unit “BTU/h”",
        ),
        (json!({"dev_cla": "power", "stat_t": "a/+"}), "state_topic isn't a topic: “a/+”"),
        (json!({"dev_cla": "power", "stat_t": "$S/x"}), "state_topic isn't a topic: “$S/x”"),
    ];
    for (payload, reason) in cases {
        assert_eq!(why("homeassistant/sensor/s/config", &payload), reason);
    }
}

//! Bundles, topics, and what is wrong with a whole message.

use std::sync::Arc;

use serde_json::json;

use super::super::config::{COMPONENTS_MAX, CONFIG_BYTES_MAX, ConfigError, is_config, without};
use super::*;

const TOPIC: &str = "homeassistant/device/ea334450945afc/config";

const KITCHEN: &str = r#"{"dev":{"ids":"ea334450945afc","name":"Kitchen",
    "mf":"Bla electronics","mdl":"xya","sw":"1.0","sn":"ea334450945afc","hw":"1.0rev2"},
    "o":{"name":"bla2mqtt","sw":"2.1","url":"https://bla2mqtt.example.com/support"},
    "cmps":{"some_unique_component_id1":{"p":"sensor","device_class":"temperature",
    "unit_of_measurement":"°C","value_template":"{{ value_json.temperature}}",
    "unique_id":"temp01ae_t"}},"state_topic":"sensorBedroom/state","qos":2}"#;

#[test]
fn what_is_for_upkeep_or_not_enabled_is_passed_over() {
    for (more, reason) in [
        (json!({"entity_category": "config"}), "it is for the thing's upkeep"),
        (json!({"ent_cat": "diagnostic"}), "it is for the thing's upkeep"),
        (json!({"enabled_by_default": false}), "it is not enabled"),
        (json!({"en": "false"}), "it is not enabled"),
    ] {
        let mut config = json!({"command_topic": "a"});
        config.as_object_mut().unwrap().extend(map(&more));
        assert_eq!(why("homeassistant/switch/a/config", &config), reason);
    }
    let config = r#"{"command_topic":"a","entity_category":null,"enabled_by_default":true}"#;
    entity("homeassistant/switch/a/config", config);
}

#[test]
fn what_tells_of_a_bundle_whether_it_is_there_is_kept_once() {
    let switch = |topic| json!({"p": "switch", "command_topic": topic});
    let mut own = switch("c");
    own["payload_available"] = json!("yes");
    let bundle = json!({
        "o": {"name": "o"}, "availability_topic": "here",
        "cmps": {"a": switch("a"), "b": switch("b"), "c": own},
    });
    let entities = announced("homeassistant/device/a/config", &bundle).entities;
    let [a, b, c] = [0, 1, 2].map(|at| &entities[at].availability);
    assert!(Arc::ptr_eq(a, b) && !Arc::ptr_eq(a, c));
    assert_eq!(c.topics().collect::<Vec<_>>(), ["here"]);
}

#[test]
fn topics_of_configurations_are_known() {
    for topic in [
        "homeassistant/light/kitchen/config",
        "homeassistant/binary_sensor/node-1/object_2/config",
        TOPIC,
    ] {
        assert!(is_config(topic), "{topic}");
    }
    for topic in [
        "homeassistant/light/kitchen/state",
        "homeassistant/light/config",
        "homeassistant/light/a/b/c/config",
        "homeassistant/light//config",
        "homeassistant/light/a b/config",
        "homeassistant/li-ght/a/config",
        "other/light/kitchen/config",
        "homeassistant/light/kitchen/config/",
        "homeassistant/status",
    ] {
        assert!(!is_config(topic), "{topic}");
    }
}

#[test]
fn a_component_takes_what_its_bundle_shares() {
    let sensor = entity(TOPIC, KITCHEN);
    assert_eq!(
        (&*sensor.key, &*sensor.component),
        ("sensor:temp01ae_t", "some_unique_component_id1")
    );
    assert_eq!(sensor.device.as_deref(), Some("ea334450945afc"));
    assert_eq!(&*sensor.name, "Kitchen Temperature");
    assert_eq!(sensor.device_name.as_deref(), Some("Kitchen"));
    let said = heard(&sensor, "sensorBedroom/state", r#"{"temperature":23.20}"#);
    assert_eq!(said, json!({"temperature_c": 23.2}));
}

#[test]
fn a_component_has_its_own_before_what_its_bundle_shares() {
    let payload = json!({
        "~": "dev", "dev": {"ids": ["d"], "name": "Strip"}, "o": {"name": "x"},
        "avty": [{"t": "~/avty"}], "stat_t": "~/state", "cmd_t": "~/set", "qos": 1,
        "name": "not shared",
        "cmps": {
            "a": {"p": "switch", "uniq_id": "a", "val_tpl": "{{ value_json.a }}"},
            "b": {"p": "switch", "uniq_id": "b", "~": "other", "cmd_t": "~/b",
                "qos": 0, "name": "B"},
        },
    });
    let announced = announced(TOPIC, &payload);
    assert_eq!(announced.passed_over, []);
    let [a, b] = announced.entities.as_slice() else { panic!("{announced:?}") };
    assert_eq!(a.topics(), ["dev/avty", "dev/state"]);
    assert_eq!(b.topics(), ["dev/avty", "dev/state"]);
    assert_eq!([&*a.name, &*b.name], ["Strip", "Strip B"]);
    let on = json!({"on": true});
    assert_eq!(orders(a, &on, &json!({})), ["dev/set ON"]);
    assert_eq!(orders(b, &on, &json!({})), ["other/b ON"]);
    let qos = |entity| commanded(entity, &on, &json!({}))[0].qos;
    assert_eq!([qos(a), qos(b)], [QoS::AtLeastOnce, QoS::AtMostOnce]);
}

#[test]
fn what_is_wrong_with_one_component_leaves_the_others() {
    let good = json!({"p": "switch", "cmd_t": "a/set", "uniq_id": "one"});
    let payload = json!({"cmps": {
        "a": good, "b": good, "c": {"p": "sensor"}, "d": 1, "e": {"name": "x"},
        "f": {"p": "lock", "cmd_t": "l"},
        "g": {"p": "light", "cmd_t": "l", "schema": "template"},
        "h": {"p": "switch", "cmd_t": "l", "val_tpl": "{{ value | "},
        "i": {"p": "switch", "cmd_t": "l", "e": "utf-16"},
        "j": {"p": "switch", "cmd_t": "l", "qos": 3},
    }});
    let announced = announced(TOPIC, &payload);
    assert_eq!(announced.entities.len(), 1);
    let why: Vec<_> =
        announced.passed_over.iter().map(|it| (it.component.as_ref(), it.why.as_ref())).collect();
    assert_eq!(
        why[..5],
        [
            ("b", "another has the same unique_id"),
            ("d", "it isn't an object"),
            ("e", "it has no platform"),
            ("f", "no kind is like it"),
            ("g", "schema “template” isn't known here"),
        ]
    );
    assert!(why[5].1.starts_with("value_template isn't a template that the house knows: "));
    assert_eq!(why[6..], [("i", "its encoding isn't utf-8"), ("j", "qos isn't 0, 1 or 2")]);
}

#[test]
fn an_empty_message_and_a_moved_one_describe_nothing() {
    for payload in ["", r#"{"migrate_discovery":true}"#] {
        assert_eq!(read(TOPIC, payload.as_bytes()), Ok(Announced::default()));
    }
}

#[test]
fn a_message_that_is_none_is_refused_as_a_whole() {
    let refused = |topic, payload: &str| read(topic, payload.as_bytes()).unwrap_err();
    assert_eq!(refused("a/b", "{}"), ConfigError::NotATopic);
    assert_eq!(refused(TOPIC, "[]"), ConfigError::NotAnObject);
    assert_eq!(refused(TOPIC, "{}"), ConfigError::NoComponents);
    assert!(matches!(refused(TOPIC, "{"), ConfigError::NotJson(_)));
    let long = format!("{{}}{}", " ".repeat(CONFIG_BYTES_MAX));
    assert_eq!(refused(TOPIC, &long), ConfigError::TooLarge(CONFIG_BYTES_MAX + 2));
}

#[test]
fn a_bundle_of_too_many_components_is_refused() {
    let of = |many: usize| {
        let components: Map<String, Json> =
            (0..many).map(|at| (at.to_string(), json!({"p": "sensor", "a": 1}))).collect();
        read(TOPIC, json!({"cmps": components}).to_string().as_bytes())
    };
    assert_eq!(of(COMPONENTS_MAX).unwrap().passed_over.len(), COMPONENTS_MAX);
    assert_eq!(of(COMPONENTS_MAX + 1), Err(ConfigError::TooManyComponents(COMPONENTS_MAX + 1)));
}

#[test]
fn a_bundle_without_a_component_keeps_only_its_platform() {
    let two = KITCHEN.replace(
        r#""cmps":{"#,
        r#""cmps":{"h":{"p":"sensor","dev_cla":"humidity","uniq_id":"h"},"gone":{"p":"light"},"#,
    );
    let left = without(TOPIC, two.as_bytes(), &["h", "unheard of"]).unwrap();
    let json: Json = serde_json::from_slice(&left).unwrap();
    assert_eq!(json["cmps"]["h"], json!({"p": "sensor"}));
    assert_eq!(json["o"]["name"], "bla2mqtt");
    let left = entity(TOPIC, std::str::from_utf8(&left).unwrap());
    assert_eq!(&*left.key, "sensor:temp01ae_t");
}

#[test]
fn a_message_of_which_nothing_would_be_left_is_to_be_cleared() {
    let component = ["some_unique_component_id1"];
    assert_eq!(without(TOPIC, KITCHEN.as_bytes(), &component), None);
    assert_eq!(without("homeassistant/light/a/config", b"{}", &component), None);
    assert_eq!(without(TOPIC, b"nonsense", &[]), None);
}

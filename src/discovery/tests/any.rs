//! What no bytes may do, and what an echo must bring back.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::json;

use super::super::config::without;
use super::*;
use crate::kind::{Kind, Kinds};
use crate::model::{Name, Value};

/// Fields as configurations have them, in any combination and with any value.
fn config() -> impl Strategy<Value = Json> {
    let name = prop::sample::select(vec![
        "~",
        "cmd_t",
        "stat_t",
        "schema",
        "bri_scl",
        "sup_clrm",
        "val_tpl",
        "dev_cla",
        "avty",
        "qos",
        "unit_of_meas",
        "bri_cmd_t",
        "bri_stat_t",
        "hs_cmd_t",
        "rgb_cmd_t",
        "rgb_stat_t",
        "uniq_id",
        "cmd_tpl",
        "hs_cmd_tpl",
        "xy_cmd_t",
        "dev",
        "name",
        "clr_temp_cmd_t",
        "fx_cmd_t",
        "opt",
        "p",
    ]);
    let value = prop::sample::select(vec![
        json!("a/b"),
        json!("~/x"),
        json!("json"),
        json!(null),
        json!(["rgbw", "color_temp"]),
        json!(1),
        json!(0),
        json!(1e308),
        json!(true),
        json!("temperature"),
        json!("{{ value }}"),
        json!("{{ value_json.a | float }}"),
        json!([{"t": "~"}]),
        json!({"ids": [1], "name": "x"}),
        json!("°F"),
        json!("power"),
        json!([]),
    ]);
    let fields = prop::collection::btree_map(name, value, 0..10);
    fields.prop_map(|fields| fields.into_iter().map(|(key, it)| (key.to_owned(), it)).collect())
}

fn message() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "ON",
        "OFF",
        "None",
        "0",
        "255",
        "-1",
        "1e999",
        "1,2,3",
        "0,0",
        "[]",
        "{}",
        r#"{"state":"ON","brightness":1e308,"color":{"x":0,"y":0},"color_temp":1e-300}"#,
        r#"{"color":{"r":-1,"g":1e300,"b":0,"w":1e300},"color_mode":"rgbw"}"#,
        r#"{"color":{"h":1e300,"s":-1e300}}"#,
    ]);
    prop_oneof![known.prop_map(ToOwned::to_owned), "\\PC{0,30}"]
}

/// All that can be asked of an entity.
fn ask_all(entity: &Entity, said: &str, number: f64) {
    let mut reported = Map::new();
    for topic in entity.topics() {
        if let Ok(more) = hears(entity, topic, said.as_bytes()) {
            reported.extend(more);
        }
        let words = told(entity, Words::default(), topic, said.as_bytes());
        let again = told(entity, words, topic, said.as_bytes());
        assert_eq!(again, words);
    }
    let wanted = map(&json!({"on": true, "brightness": number, "hue": number, "effect": said,
        "transition_s": number}));
    for wanted in [wanted, map(&json!({"color_temp_k": number})), map(&json!({"on": false}))] {
        drop(entity.command(&wanted, &reported));
        drop(entity.assumed(&wanted, &reported));
        settle(entity, &wanted, &mut reported.clone());
    }
}

/// What a light of JSON says after an order: the same, as most do.
fn echo(order: &Order) -> Vec<u8> {
    let mut said: Json = serde_json::from_slice(&order.payload).unwrap();
    if let Some(colour) = said.get("color") {
        let mode = ["hs", "rgb", "xy"];
        let mode = mode.into_iter().find(|mode| colour.get(&mode[..1]).is_some()).unwrap();
        said["color_mode"] = mode.into();
    }
    said.to_string().into_bytes()
}

/// Whether both are the same to a light: a hue of 8.01 is one of 8.
fn is_same(one: &Map<String, Json>, other: &Map<String, Json>) -> bool {
    static LIGHT: LazyLock<Arc<Kind>> =
        LazyLock::new(|| Kinds::load([]).unwrap().get("light").unwrap().clone());
    let kind = &*LIGHT;
    let ((one, faults), (other, _)) = (kind.report(one), kind.report(other));
    let same = |(name, value): &(Name, Value)| {
        other.get(name).is_some_and(|other| kind.same(name, value, other))
    };
    faults.is_empty() && one.iter().count() == other.iter().count() && one.iter().all(same)
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        for topic in ["homeassistant/light/a/config", "homeassistant/device/a/config", "x"] {
            drop(read(topic, &payload));
            drop(without(topic, &payload, &["a"]));
        }
    }

    #[test]
    fn any_configuration_is_read_and_asked(
        own in config(), bundle in config(), said in message(), number in any::<f64>(),
    ) {
        let mut bundle = bundle;
        for platform in ["light", "switch", "sensor"] {
            let mut own = own.clone();
            own["cmd_t"] = "a/set".into();
            let topic = format!("homeassistant/{platform}/a/config");
            let mut found = announced(&topic, &own).entities;
            own["p"] = platform.into();
            bundle["cmps"] = json!({"a": own});
            found.extend(announced("homeassistant/device/a/config", &bundle).entities);
            for entity in found {
                ask_all(&entity, &said, number);
            }
        }
    }

    #[test]
    fn a_light_of_json_that_echoes_reports_what_was_wished(
        mode in prop::sample::select(vec!["hs", "rgb", "xy"]),
        scale in 1..5000_u32, percent in 1..=100_i64,
        hue in 0..=360_i32, saturation in 0..=100_i32, kelvin in 2000..=6500_i64,
    ) {
        let payload = json!({"schema": "json", "cmd_t": "a/set", "stat_t": "a", "bri_scl": scale,
            "sup_clrm": [mode, "color_temp"]});
        let light = entity("homeassistant/light/a/config", &payload.to_string());
        for wanted in [
            json!({"on": true, "brightness": percent}),
            json!({"on": true, "hue": f64::from(hue), "saturation": f64::from(saturation)}),
            json!({"on": true, "color_temp_k": kelvin}),
            json!({"on": false}),
        ] {
            let orders = commanded(&light, &wanted, &json!({}));
            let mut said = hears(&light, "a", &echo(&orders[0])).unwrap();
            settle(&light, &map(&wanted), &mut said);
            prop_assert!(is_same(&said, &map(&wanted)), "{said:?} is not {wanted}");
        }
    }

    #[test]
    fn a_light_of_topics_that_echoes_reports_what_was_wished(
        colour in prop::sample::select(vec!["hs", "rgb", "xy"]),
        scale in 1..5000_u32, percent in 1..=100_i64,
        hue in 0..=360_i32, saturation in 0..=100_i32, kelvin in 2000..=6500_i64,
    ) {
        let mut payload = json!({"cmd_t": "on/set", "stat_t": "on", "bri_scl": scale});
        for name in ["brightness", "color_temp", colour] {
            payload[format!("{name}_command_topic")] = format!("{name}/set").into();
            payload[format!("{name}_state_topic")] = name.into();
        }
        let light = entity("homeassistant/light/a/config", &payload.to_string());
        for wanted in [
            json!({"on": true, "brightness": percent, "hue": f64::from(hue),
                "saturation": f64::from(saturation)}),
            json!({"on": true, "color_temp_k": kelvin}),
            json!({"on": false}),
        ] {
            let mut said = Map::new();
            for order in commanded(&light, &wanted, &json!({})) {
                let topic = order.topic.strip_suffix("/set").unwrap();
                said.extend(hears(&light, topic, &order.payload).unwrap());
            }
            settle(&light, &map(&wanted), &mut said);
            prop_assert!(is_same(&said, &map(&wanted)), "{said:?} is not {wanted}");
        }
    }

    #[test]
    fn whole_per_cents_survive_a_scale_of_a_hundred_or_more(
        scale in 100..100_000_u32, percent in 1..=100_i64,
    ) {
        let payload = json!({"schema": "json", "brightness": true, "cmd_t": "a/set", "stat_t": "a",
            "bri_scl": scale});
        let light = entity("homeassistant/light/a/config", &payload.to_string());
        let wanted = json!({"on": true, "brightness": percent});
        let orders = commanded(&light, &wanted, &json!({}));
        prop_assert_eq!(hears(&light, "a", &orders[0].payload).unwrap(), map(&wanted));
    }

    #[test]
    fn a_switch_that_echoes_reports_what_was_wished(on in any::<bool>()) {
        let payload = r#"{"cmd_t":"a/set","stat_t":"a"}"#;
        let switch = entity("homeassistant/switch/a/config", payload);
        let orders = commanded(&switch, &json!({"on": on}), &json!({}));
        let said = hears(&switch, "a", &orders[0].payload).unwrap();
        prop_assert_eq!(said, map(&json!({"on": on})));
    }
}

#[test]
fn an_entity_costs_little_more_than_its_words() {
    let sensor = r#"{"dev_cla":"temperature","stat_t":"zigbee2mqtt/bedroom","unit_of_meas":"°C",
        "val_tpl":"{{ value_json.temperature }}","uniq_id":"0x00158d0001_temperature",
        "dev":{"ids":["zigbee2mqtt_0x00158d0001"],"name":"Bedroom"},
        "avty":[{"t":"zigbee2mqtt/bridge/state"}]}"#;
    let light = r#"{"schema":"json","brightness":true,"sup_clrm":["xy"],"cmd_t":"zigbee2mqtt/b/set",
        "stat_t":"zigbee2mqtt/b","uniq_id":"0x0017880104e45517_light","name":null,
        "dev":{"ids":["zigbee2mqtt_0x0017880104e45517"],"name":"Bulb"},
        "avty":[{"t":"zigbee2mqtt/bridge/state"}]}"#;
    for (platform, payload) in [("sensor", sensor), ("light", light)] {
        let topic = format!("homeassistant/{platform}/a/config");
        drop(entity(&topic, payload));
        let mut kept = None;
        let cost = allocation_counter::measure(|| kept = Some(Box::new(entity(&topic, payload))));
        let words = i64::try_from(payload.len()).unwrap();
        println!("{platform}: {} bytes of {words}", cost.bytes_current);
        assert!(cost.bytes_current < 2 * words + 512, "{platform}: {cost:?}");
    }
}

//! What people see, and what identifies an entity.

use serde_json::json;

use super::super::entity::NAME_CHARS_MAX;
use super::*;

fn named(payload: &Json) -> String {
    let mut payload = payload.clone();
    payload["cmd_t"] = "a/set".into();
    entity("homeassistant/switch/node/the_object/config", &payload.to_string()).name.to_string()
}

#[test]
fn a_name_is_the_device_and_the_entity() {
    let cases = [
        (json!({"name": "Fan"}), "Fan"),
        (json!({}), "the_object"),
        (json!({"name": null}), "the_object"),
        (json!({"name": "Fan", "dev": {"ids": "1"}}), "Fan"),
        (json!({"name": "Fan", "dev": {"ids": "1", "name": "Kitchen"}}), "Kitchen Fan"),
        (json!({"name": null, "dev": {"ids": "1", "name": "Kitchen"}}), "Kitchen"),
        (json!({"dev": {"ids": "1", "name": "Kitchen"}}), "Kitchen"),
        (json!({"name": "", "device": {"ids": "1", "name": "Kitchen"}}), "Kitchen"),
        (json!({"name": "Kitchen", "dev": {"ids": "1", "name": "Kitchen"}}), "Kitchen"),
        (json!({"name": "Kitchen Fan", "dev": {"ids": "1", "name": "Kitchen"}}), "Kitchen Fan"),
        (json!({"name": "Kitchenette", "dev": {"name": "Kitchen"}}), "Kitchen Kitchenette"),
        (json!({"name": " Fa\u{7}n\n "}), "Fa n"),
        (json!({"name": 3}), "3"),
    ];
    for (payload, name) in cases {
        assert_eq!(named(&payload), name, "{payload}");
    }
}

#[test]
fn a_long_name_is_cut() {
    assert_eq!(named(&json!({"name": "é".repeat(500)})), "é".repeat(NAME_CHARS_MAX));
}

#[test]
fn a_device_is_its_first_identifier_or_else_its_first_connection() {
    let cases = [
        (json!({"ids": ["a", "b"]}), Some("a")),
        (json!({"identifiers": "a"}), Some("a")),
        (json!({"ids": [], "cns": [["mac", "02:5b"], ["x", "y"]]}), Some("mac:02:5b")),
        (json!({"name": "x"}), None),
    ];
    for (device, id) in cases {
        let payload = json!({"cmd_t": "a/set", "dev": device, "uniq_id": "u"}).to_string();
        let entity = entity("homeassistant/switch/a/config", &payload);
        assert_eq!((entity.device.as_deref(), &*entity.key), (id, "switch:u"), "{payload}");
    }
}

#[test]
fn a_device_suggests_where_it_stands() {
    let payload = r#"{"cmd_t":"a/set","dev":{"ids":"1","sa":" Living room "}}"#;
    let entity = entity("homeassistant/switch/a/config", payload);
    assert_eq!(entity.area.as_deref(), Some("Living room"));
}

#[test]
fn without_a_unique_id_the_topic_and_the_component_are_the_key() {
    let payload = json!({"cmps": {"c": {"p": "switch", "cmd_t": "a/set"}}});
    let announced = announced("homeassistant/device/d/config", &payload);
    assert_eq!(&*announced.entities[0].key, "homeassistant/device/d/config#c");
}

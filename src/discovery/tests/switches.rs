//! Switches.

use serde_json::json;

use super::*;

const IRRIGATION: &str =
    r#"{"~":"homeassistant/switch/irrigation","name":"garden","cmd_t":"~/set","stat_t":"~/state"}"#;

const TASMOTA: &str = r#"{"name":"Tasmota","stat_t":"tele/x/STATE","avty_t":"tele/x/LWT",
    "pl_avail":"Online","pl_not_avail":"Offline","cmd_t":"cmnd/x/POWER",
    "val_tpl":"{{value_json.POWER}}","pl_off":"OFF","pl_on":"ON","uniq_id":"D8F15B_RL_1",
    "dev":{"ids":["D8F15B"],"name":"Coffee machine"}}"#;

#[test]
fn a_switch_with_a_base_topic_is_read() {
    let switch = entity("homeassistant/switch/irrigation/config", IRRIGATION);
    assert_eq!(&*switch.name, "garden");
    assert_eq!(&*switch.key, "homeassistant/switch/irrigation/config");
    assert_eq!(switch.kind(), "switch");
    assert_eq!(switch.topics(), ["homeassistant/switch/irrigation/state"]);
    assert!(!switch.is_optimistic());
}

#[test]
fn a_switch_is_told_on_and_off() {
    let switch = entity("homeassistant/switch/irrigation/config", IRRIGATION);
    for (on, word) in [(true, "ON"), (false, "OFF")] {
        let told = orders(&switch, &json!({"on": on}), &json!({}));
        assert_eq!(told, [format!("homeassistant/switch/irrigation/set {word}")]);
    }
}

#[test]
fn a_switch_says_on_and_off() {
    let switch = entity("homeassistant/switch/irrigation/config", IRRIGATION);
    let state = "homeassistant/switch/irrigation/state";
    assert_eq!(heard(&switch, state, "ON"), json!({"on": true}));
    assert_eq!(heard(&switch, state, "OFF"), json!({"on": false}));
    assert_eq!(heard(&switch, state, "None"), json!({}));
}

#[test]
fn the_topics_of_the_house_are_nobodys_to_announce() {
    for topic in ["devices/7/set", "devices/7/state", "devices", "$SYS/x", "a/#"] {
        let config = json!({"command_topic": "a", "state_topic": topic});
        let why = why("homeassistant/switch/a/config", &config);
        assert!(why.starts_with("state_topic isn't a topic"), "{topic}: {why}");
    }
}

#[test]
fn a_word_that_is_neither_on_nor_off_is_explained() {
    let switch = entity("homeassistant/switch/irrigation/config", IRRIGATION);
    let why = hears(&switch, "homeassistant/switch/irrigation/state", b"open\x07").unwrap_err();
    assert_eq!(why, "“open ” is neither “ON” nor “OFF”");
}

#[test]
fn a_message_on_a_topic_of_another_says_nothing() {
    let switch = entity("homeassistant/switch/irrigation/config", IRRIGATION);
    assert_eq!(heard(&switch, "elsewhere", "ON"), json!({}));
}

#[test]
fn a_switch_of_tasmota_is_read_commanded_and_heard() {
    let switch = entity("homeassistant/switch/D8F15B_RL_1/config", TASMOTA);
    assert_eq!(&*switch.key, "switch:D8F15B_RL_1");
    assert_eq!(switch.device.as_deref(), Some("D8F15B"));
    assert_eq!(&*switch.name, "Coffee machine Tasmota");
    assert_eq!(switch.topics(), ["tele/x/LWT", "tele/x/STATE"]);
    assert_eq!(orders(&switch, &json!({"on": true}), &json!({})), ["cmnd/x/POWER ON"]);
    let said = r#"{"Time":"2026-01-01T00:00:00","POWER":"ON","Wifi":{"RSSI":70}}"#;
    assert_eq!(heard(&switch, "tele/x/STATE", said), json!({"on": true}));
    assert!(!switch.availability.is_available(Words::default()));
    let words = told(&switch, Words::default(), "tele/x/LWT", b"Online");
    assert!(switch.availability.is_available(words));
    let words = told(&switch, words, "tele/x/LWT", b"Offline");
    assert!(!switch.availability.is_available(words));
}

#[test]
fn an_outlet_is_a_plug() {
    let payload = r#"{"cmd_t":"a/set","dev_cla":"outlet"}"#;
    assert_eq!(entity("homeassistant/switch/a/config", payload).kind(), "plug");
}

#[test]
fn a_switch_without_a_state_topic_is_believed() {
    let switch = entity("homeassistant/switch/a/config", r#"{"cmd_t":"a/set"}"#);
    assert!(switch.is_optimistic());
    let wanted = map(&json!({"on": true}));
    assert_eq!(switch.assumed(&wanted, &Map::new()), wanted);
}

#[test]
fn a_switch_may_say_other_words_than_it_is_told() {
    let payload = r#"{"cmd_t":"a/set","stat_t":"a","pl_on":"1","pl_off":0,"stat_on":true,
        "stat_off":"no","val_tpl":"{{ value_json['on'] }}","ret":true,"qos":1}"#;
    let switch = entity("homeassistant/switch/a/config", payload);
    assert_eq!(heard(&switch, "a", r#"{"on":true}"#), json!({"on": true}));
    assert_eq!(heard(&switch, "a", r#"{"on":"no"}"#), json!({"on": false}));
    let order = commanded(&switch, &json!({"on": false}), &json!({})).remove(0);
    assert_eq!((order.payload.as_slice(), order.retain), (b"0".as_slice(), true));
    assert_eq!(order.qos, QoS::AtLeastOnce);
}

#[test]
fn a_command_template_writes_the_order() {
    let payload = r#"{"cmd_t":"a/set",
        "cmd_tpl":"{\"state\": {{ (value == 'ON') | tojson }}, \"by\": \"{{ value }}\"}"}"#;
    let switch = entity("homeassistant/switch/a/config", payload);
    assert_eq!(
        order(&switch, &json!({"on": true}), &json!({})),
        json!({"state": true, "by": "ON"})
    );
}

#[test]
fn a_switch_without_a_command_topic_is_passed_over() {
    let why = why("homeassistant/switch/a/config", &json!({"stat_t": "a"}));
    assert_eq!(why, "it has no command_topic");
}

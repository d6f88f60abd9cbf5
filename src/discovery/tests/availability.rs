//! Whether a thing can be reached.

use serde_json::json;

use super::super::availability::SOURCES_MAX;
use super::*;

fn of(more: &Json) -> Entity {
    let mut payload = more.clone();
    payload["cmd_t"] = "a/set".into();
    entity("homeassistant/switch/a/config", &payload.to_string())
}

/// Whether it can be reached after some messages.
fn after(entity: &Entity, said: &[(&str, &str)]) -> bool {
    let words = said.iter().fold(Words::default(), |words, (topic, payload)| {
        told(entity, words, topic, payload.as_bytes())
    });
    entity.availability.is_available(words)
}

#[test]
fn a_thing_without_a_topic_can_always_be_reached() {
    assert!(after(&of(&json!({})), &[("elsewhere", "offline")]));
}

#[test]
fn modes_say_which_topics_count() {
    let two = json!([{"topic": "bridge", "val_tpl": "{{ value_json.state }}"}, {"t": "thing"}]);
    let bridge = ("bridge", r#"{"state":"online"}"#);
    let no_bridge = ("bridge", r#"{"state":"offline"}"#);
    let cases = [
        ("all", vec![], false),
        ("all", vec![bridge], false),
        ("all", vec![bridge, ("thing", "online")], true),
        ("all", vec![bridge, ("thing", "online"), no_bridge], false),
        ("any", vec![], false),
        ("any", vec![no_bridge, ("thing", "online")], true),
        ("any", vec![bridge, ("thing", "offline")], true),
        ("latest", vec![], false),
        ("latest", vec![no_bridge, ("thing", "online")], true),
        ("latest", vec![("thing", "online"), no_bridge], false),
        ("latest", vec![("thing", "online"), ("thing", "what?")], true),
    ];
    for (mode, said, reached) in cases {
        let thing = of(&json!({"availability": two, "avty_mode": mode}));
        assert_eq!(after(&thing, &said), reached, "{mode} {said:?}");
    }
}

#[test]
fn one_topic_may_have_its_words_and_its_template() {
    let thing = of(&json!({"~": "base", "avty_t": "~/up", "pl_avail": 1, "pl_not_avail": 0,
        "avty_tpl": "{{ 1 if value == 'yes' else 0 }}"}));
    assert!(after(&thing, &[("base/up", "yes")]));
    assert!(!after(&thing, &[("base/up", "yes"), ("base/up", "no")]));
}

#[test]
fn too_many_topics_are_refused() {
    let many =
        |count: usize| -> Json { (0..count).map(|at| json!({"t": at.to_string()})).collect() };
    let thing = of(&json!({"avty": many(SOURCES_MAX - 1)}));
    assert_eq!(thing.topics().len(), SOURCES_MAX - 1);
    let payload = json!({"cmd_t": "a", "avty": many(SOURCES_MAX)});
    let reason = "it has 16 availability topics or more";
    assert_eq!(why("homeassistant/switch/a/config", &payload), reason);
}

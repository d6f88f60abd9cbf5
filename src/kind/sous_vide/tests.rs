//! What may be asked of a cooker, its word, and its old names.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::*;
use crate::kind::Kinds;
use crate::model::{Alarm, DeviceId, UserId};

fn named(name: &str) -> Arc<Kind> {
    Kinds::load([]).unwrap().get(name).cloned().unwrap()
}

fn device(kind: &Kind, desired: &Json, reported: &Json) -> Device {
    let mut device =
        Device::new(DeviceId(1), UserId(1), kind.name.clone(), "cooker".into(), None, 0);
    device.desired = kind.wish(desired.as_object().unwrap()).unwrap().set;
    device.reported = kind.report(reported.as_object().unwrap()).0;
    device
}

/// The field and code for which `asked` is refused of a cooker that was asked `before`.
fn refused(before: &Json, asked: &Json) -> Option<(String, &'static str)> {
    let kind = named("sous_vide");
    let device = device(&kind, before, &json!({"target_c": 50.0}));
    let mut wish = kind.wish(asked.as_object().unwrap()).unwrap();
    let faults = kind.complete(&mut wish, &device).err()?;
    faults.first().map(|fault| (fault.field.clone(), fault.code))
}

#[test]
fn below_54_4_for_more_than_four_hours_wants_an_expert() {
    let cool = json!({"target_c": 50, "timer_s": 14400});
    let warm = json!({"target_c": 60, "timer_s": 72000});
    let expert = json!({"target_c": 50, "timer_s": 72000, "expert": true});
    let none = json!({});
    let cases = [
        (&none, json!({"target_c": 54.3, "timer_s": 14401}), Some("desired.timer_s")),
        (&none, json!({"target_c": 54.4, "timer_s": 14401}), None),
        (&none, json!({"target_c": 54.3, "timer_s": 14400}), None),
        (&none, json!({"target_c": 54.3, "timer_s": 14401, "expert": true}), None),
        (&none, json!({"target_c": 50}), None),
        (&none, json!({"timer_s": 14401}), Some("desired.timer_s")),
        (&cool, json!({"timer_s": 14401}), Some("desired.timer_s")),
        (&cool, json!({"heating": true}), None),
        (&warm, json!({"target_c": 54.3}), Some("desired.target_c")),
        (&warm, json!({"target_c": 54.3, "timer_s": null}), None),
        (&warm, json!({"target_c": null}), Some("desired.target_c")),
        (&expert, json!({"heating": true}), None),
        (&expert, json!({"expert": false}), Some("desired.expert")),
        (&expert, json!({"expert": null}), Some("desired.expert")),
        (&expert, json!({"food_mm": 30}), None),
        (&expert, json!({"expert": false, "heating": false}), None),
    ];
    for (before, asked, field) in cases {
        let wanted = field.map(|field| (field.to_owned(), "needs_expert"));
        assert_eq!(refused(before, &asked), wanted, "{before} then {asked}");
    }
}

#[test]
fn zero_is_a_temperature_and_never_off() {
    let faults = named("sous_vide").wish(json!({"target_c": 0}).as_object().unwrap()).unwrap_err();
    let fault = faults.first().unwrap();
    assert_eq!((fault.field.as_str(), fault.code), ("desired.target_c", "out_of_range"));
    assert!(fault.reason.contains("set heating to false"), "{}", fault.reason);
}

#[test]
fn a_new_cook_forgets_that_the_last_ones_food_was_in() {
    let kind = named("sous_vide");
    let device = device(&kind, &json!({"start": true}), &json!({}));
    for (asked, forgets) in [
        (json!({"heating": true}), true),
        (json!({"heating": false}), true),
        (json!({"heating": true, "start": true}), false),
        (json!({"target_c": 60}), false),
    ] {
        let mut wish = kind.wish(asked.as_object().unwrap()).unwrap();
        kind.complete(&mut wish, &device).unwrap();
        assert_eq!(wish.clears("start"), forgets, "{asked}");
    }
}

#[test]
fn heat_asked_for_is_given_up_after_five_minutes_and_a_stop_never() {
    let kind = named("sous_vide");
    assert_eq!(kind.ttl_s("heating", &Value::from(true)), Some(300));
    assert_eq!(kind.ttl_s("heating", &Value::from(false)), None);
    assert_eq!(kind.ttl_s("target_c", &Value::from(56.0)), None);
    assert_eq!(kind.ttl_s("unknown", &Value::from(56.0)), None);
}

#[test]
fn a_devices_word_is_its_kinds() {
    let cases = [
        ("sous_vide", json!({"phase": "holding"}), true, "holding"),
        ("sous_vide", json!({}), true, "off"),
        ("light", json!({"on": true}), false, "on"),
        ("light", json!({}), true, "off"),
        ("plug", json!({"on": true, "power_w": 3}), true, "on"),
        ("switch", json!({"on": false}), true, "off"),
        ("thermometer", json!({"temperature_c": 20}), true, "ok"),
        ("thermometer", json!({"temperature_c": 20}), false, "off"),
        ("counter", json!({"count": 3}), true, "ok"),
    ];
    for (name, reported, connected, word) in cases {
        let kind = named(name);
        let mut device = device(&kind, &json!({}), &reported);
        assert_eq!(kind.status(&device, connected), word, "{name} {reported}");
        device.alarms.push(Alarm { code: "a".into(), since_ms: 0, acknowledged_by: None });
        let plain = matches!(name, "thermometer" | "counter");
        let wanted = if plain { "alarm" } else { word };
        assert_eq!(kind.status(&device, connected), wanted, "{name} with an alarm");
    }
}

#[test]
fn the_old_names_are_shown_beside_the_rest() {
    let kind = named("sous_vide");
    let reported = json!({"target_c": 54.5, "phase": "cooking"});
    let mut device = device(&kind, &json!({"timer_s": 7200}), &reported);
    device.timer_start_ms = Some(1_795_399_000_000);
    let shown = serde_json::to_value(kind.legacy(&device)).unwrap();
    let wanted = json!({"targetTemp": 54.5, "time": 7200, "timestamp": 1_795_399_000_000_i64});
    assert_eq!(shown, wanted);
    assert_eq!(named("light").legacy(&device), None);
}

#[test]
fn the_old_names_are_understood_and_no_others() {
    let kind = named("sous_vide");
    let asked = json!({"targetTemp": 54.46, "time": 7200, "current_time": 1_795_399_000_000_i64});
    let read = kind.legacy_wish(asked.as_object().unwrap()).unwrap();
    let set = serde_json::to_value(&read.wish.set).unwrap();
    assert_eq!(set, json!({"target_c": 54.5, "timer_s": 7200}));
    assert_eq!(read.timer_start_ms, Some(Some(1_795_399_000_000)));
    let bad = json!({"targetTemp": 0, "time": -1, "current_time": "now", "rename": 1});
    let faults = kind.legacy_wish(bad.as_object().unwrap()).unwrap_err();
    let mut told: Vec<_> = faults.iter().map(|f| (f.field.as_str(), f.code)).collect();
    told.sort_unstable();
    let wanted = [
        ("current_time", "wrong_type"),
        ("rename", "unknown_field"),
        ("targetTemp", "out_of_range"),
        ("time", "out_of_range"),
    ];
    assert_eq!(told, wanted);
    let light = named("light");
    let faults = light.legacy_wish(json!({"time": 5}).as_object().unwrap()).unwrap_err();
    assert_eq!(faults.first().map(|fault| fault.code), Some("unknown_field"));
    assert_eq!(light.legacy_wish(&serde_json::Map::new()), Ok(crate::kind::LegacyWish::default()));
}

//! Kinds as a whole: what people ask and devices say, held against the built-in kinds.

use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

fn kinds() -> Kinds {
    Kinds::load([]).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn kind(name: &str) -> Arc<Kind> {
    kinds().get(name).cloned().unwrap()
}

fn object(json: Json) -> Map<String, Json> {
    let Json::Object(map) = json else { panic!("not an object: {json}") };
    map
}

/// What a wish would set, as JSON; or the fields and codes that it is refused for.
fn wished(name: &str, json: Json) -> Result<Json, Vec<(String, &'static str)>> {
    kind(name)
        .wish(&object(json))
        .map(|wish| serde_json::to_value(wish.set).unwrap())
        .map_err(|faults| faults.into_iter().map(|fault| (fault.field, fault.code)).collect())
}

#[test]
fn the_built_in_kinds_are_there_without_any_file() {
    let kinds = kinds();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_ref()).collect();
    assert_eq!(names, ["counter", "light", "plug", "sous_vide", "switch", "thermometer"]);
}

#[test]
fn every_fault_of_a_wish_is_told_by_its_path() {
    let faults = wished(
        "sous_vide",
        json!({"target_c": 0, "water_c": 60, "timer_s": 1.5, "heating": "yes", "colour": 1,
               "at_end": "explode", "food_mm": [1], "expert": true}),
    );
    let wanted = [
        ("desired.at_end", "unknown_value"),
        ("desired.colour", "unknown_property"),
        ("desired.food_mm", "wrong_type"),
        ("desired.heating", "wrong_type"),
        ("desired.target_c", "out_of_range"),
        ("desired.timer_s", "wrong_type"),
        ("desired.water_c", "not_writable"),
    ];
    assert_eq!(faults, Err(wanted.map(|(field, code)| (field.to_owned(), code)).to_vec()));
}

#[test]
fn numbers_are_snapped_to_their_grid() {
    let cases = [
        ("sous_vide", json!({"target_c": 54.46}), json!({"target_c": 54.5})),
        ("sous_vide", json!({"target_c": 20.3}), json!({"target_c": 20.3})),
        ("sous_vide", json!({"target_c": 60}), json!({"target_c": 60.0})),
        ("sous_vide", json!({"timer_s": 7200.0}), json!({"timer_s": 7200})),
        ("light", json!({"color_temp_k": 2712}), json!({"color_temp_k": 2700})),
        ("light", json!({"color_temp_k": 6499}), json!({"color_temp_k": 6500})),
        ("light", json!({"hue": -0.0}), json!({"hue": 0.0})),
        (
            "counter",
            json!({"preset": 9_007_199_254_740_991_i64}),
            json!({"preset": 9_007_199_254_740_991_i64}),
        ),
    ];
    for (name, asked, wanted) in cases {
        assert_eq!(wished(name, asked.clone()), Ok(wanted), "{asked}");
    }
}

#[test]
fn null_means_no_longer_desired() {
    let wish = kind("light").wish(&object(json!({"hue": null, "effect": null}))).unwrap();
    assert!(wish.set.is_empty());
    assert_eq!(wish.clear, ["effect".into(), "hue".into()]);
    let faults = kind("sous_vide").wish(&object(json!({"water_c": null}))).unwrap_err();
    assert_eq!(faults.first().map(|fault| fault.code), Some("not_writable"));
}

#[test]
fn a_report_keeps_what_is_in_the_schema_and_names_the_rest() {
    let said =
        object(json!({"water_c": 54.46, "phase": "dancing", "duty_pct": 101, "held_s": null,
        "weather": {"deep": [1, 2]}, "heating": true}));
    let (good, faults) = kind("sous_vide").report(&said);
    assert_eq!(serde_json::to_value(good).unwrap(), json!({"water_c": 54.46, "heating": true}));
    let told: Vec<_> = faults.iter().map(|fault| (fault.field.as_str(), fault.code)).collect();
    let wanted = [
        ("reported.duty_pct", "out_of_range"),
        ("reported.held_s", "wrong_type"),
        ("reported.phase", "unknown_value"),
        ("reported.weather", "unknown_property"),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn the_last_of_two_values_counts_and_its_fault_too() {
    let cooker = kind("sous_vide");
    let read = |text: &str| {
        let (good, faults) = cooker.report_bytes(text.as_bytes()).unwrap();
        (serde_json::to_string(&good).unwrap(), faults.len())
    };
    assert_eq!(read(r#"{"water_c":1,"water_c":2}"#), (r#"{"water_c":2.0}"#.into(), 0));
    assert_eq!(read(r#"{"water_c":"x","water_c":2}"#), (r#"{"water_c":2.0}"#.into(), 0));
    assert_eq!(read(r#"{"water_c":2,"water_c":"x"}"#), ("{}".into(), 1));
}

#[test]
fn a_report_that_is_not_one_bounded_object_is_malformed() {
    let cooker = kind("sous_vide");
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(cooker.report_bytes(deep(report::DEPTH_MAX - 1).as_bytes()).is_ok());
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(REPORT_BYTES_MAX));
    for bad in ["", "1", "[]", "null", "{", "{}x", "{\"a\":1e999}", &long, &deep(8), &deep(9999)] {
        assert!(cooker.report_bytes(bad.as_bytes()).is_err(), "{}", bad.len());
    }
    assert!(cooker.report_bytes(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
    assert!(cooker.report_bytes(b" {} \n").is_ok());
}

#[test]
fn values_are_the_same_within_half_a_step() {
    let cooker = kind("sous_vide");
    let light = kind("light");
    let cases = [
        (&cooker, "target_c", Value::from(54.5), Value::from(54.45), true),
        (&cooker, "target_c", Value::from(54.5), Value::from(54.44), false),
        (&cooker, "target_c", Value::from(54.5), Value::from(f64::from(54.5_f32)), true),
        (&cooker, "timer_s", Value::from(7200), Value::from(7201), false),
        (&cooker, "at_end", Value::from("hold"), Value::from("hold"), true),
        (&light, "color_temp_k", Value::from(2700), Value::from(2725), true),
        (&light, "color_temp_k", Value::from(2700), Value::from(2726), false),
        (&light, "on", Value::from(true), Value::from(false), false),
        (&light, "unknown", Value::from(1), Value::from(1), true),
    ];
    for (kind, name, one, other, same) in cases {
        assert_eq!(kind.same(name, &one, &other), same, "{name}: {one:?} {other:?}");
        assert_eq!(kind.same(name, &other, &one), same, "{name}: {other:?} {one:?}");
    }
}

#[test]
fn the_device_is_told_what_differs_and_nothing_local() {
    let desired: Props = [
        ("heating", Value::from(true)),
        ("target_c", 54.5.into()),
        ("food_mm", 30.0.into()),
        ("timer_s", 60.into()),
        ("gone", 1.into()),
    ]
    .into_iter()
    .collect();
    let reported: Props =
        [("target_c", Value::from(54.46)), ("heating", false.into())].into_iter().collect();
    let differing = kind("sous_vide").differing(&desired, &reported);
    let wanted = json!({"heating": true, "timer_s": 60});
    assert_eq!(serde_json::to_value(differing).unwrap(), wanted);
}

#[test]
fn a_kind_is_a_thing_model_too() {
    for kind in kinds().iter() {
        let model = kind.thing_model();
        assert_eq!(model.get("@type"), Some(&"tm:ThingModel".into()));
        let shown = model.get("properties").and_then(Json::as_object).map(Map::len);
        assert_eq!(shown, Some(kind.properties.len()));
    }
    let model = kind("sous_vide").thing_model();
    assert_eq!(
        model.pointer("/properties/target_c"),
        Some(&json!({"type": "number", "title": "Target temperature", "unit": "°C",
            "minimum": 20.0, "maximum": 95.0, "multipleOf": 0.1, "readOnly": false,
            "observable": true}))
    );
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-400.0..400.0_f64).prop_map(Json::from),
        (-10_i64..400).prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,40}".prop_map(Json::from),
        prop::sample::select(vec!["hold", "stop", "cooking", "at_temp"]).prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::hash_map("[a-z]{0,4}", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Any kind, and an object that speaks mostly of its properties.
fn any_object() -> impl Strategy<Value = (Arc<Kind>, Map<String, Json>)> {
    let kinds: Vec<Arc<Kind>> = kinds().iter().cloned().collect();
    prop::sample::select(kinds).prop_flat_map(|kind| {
        let mut names: Vec<String> = kind.properties.iter().map(|p| p.name.to_string()).collect();
        names.extend(["unknown".to_owned(), String::new()]);
        let entry = (prop::sample::select(names), any_json());
        let entries = prop::collection::vec(entry, 0..8);
        (Just(kind), entries.prop_map(|entries| entries.into_iter().collect()))
    })
}

/// Whether the value is one that the property's schema allows.
fn lies_inside(property: &Property, value: &Value) -> bool {
    match (&property.type_, value) {
        (Type::Bool, Value::Bool(_)) => true,
        (Type::Number { min, max, .. }, Value::Number(number)) => {
            number.is_finite()
                && min.is_none_or(|min| *number >= min)
                && max.is_none_or(|max| *number <= max)
        }
        (Type::Integer { min, max, .. }, Value::Integer(whole)) => (min..=max).contains(&whole),
        (Type::Text { max_chars }, Value::Text(text)) => {
            text.chars().count() <= usize::from(*max_chars)
        }
        (Type::Enum { values }, Value::Text(text)) => values.contains(text),
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_a_wish_asks_lies_inside_the_schema((kind, json) in any_object()) {
        if let Ok(wish) = kind.wish(&json) {
            for (name, value) in &wish.set {
                let property = kind.property(name).unwrap();
                prop_assert!(property.writable);
                prop_assert!(lies_inside(property, value), "{name}: {value:?}");
                prop_assert_eq!(&property.snap(value.clone()), value, "on the grid");
            }
            prop_assert!(wish.clear.iter().all(|name| wish.set.get(name).is_none()));
        }
    }

    #[test]
    fn what_a_report_keeps_lies_inside_the_schema((kind, json) in any_object()) {
        let (good, _) = kind.report(&json);
        for (name, value) in &good {
            prop_assert!(lies_inside(kind.property(name).unwrap(), value), "{name}: {value:?}");
        }
    }

    #[test]
    fn bytes_mean_what_their_json_means((kind, json) in any_object()) {
        let bytes = serde_json::to_vec(&json).unwrap();
        let parsed: Map<String, Json> = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(kind.report_bytes(&bytes), Ok(kind.report(&parsed)));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..64),
            "[{}\\[\\]\",:a-z0-9e.\\\\-]{0,48}".prop_map(String::into_bytes),
        ],
    ) {
        let read = kind("sous_vide").report_bytes(&bytes);
        let parsed = serde_json::from_slice::<Map<String, Json>>(&bytes);
        prop_assert_eq!(read.is_ok(), parsed.is_ok());
    }

    #[test]
    fn the_nearest_grid_point_is_at_most_half_a_step_away(
        number in 20.0..=95.0_f64, whole in 2000..=6500_i64,
    ) {
        let (cooker, light) = (kind("sous_vide"), kind("light"));
        let number = Value::from(number);
        let snapped = cooker.property("target_c").unwrap().snap(number.clone());
        prop_assert!(cooker.same("target_c", &number, &snapped));
        let whole = Value::from(whole);
        let snapped = light.property("color_temp_k").unwrap().snap(whole.clone());
        prop_assert!(light.same("color_temp_k", &whole, &snapped));
    }
}

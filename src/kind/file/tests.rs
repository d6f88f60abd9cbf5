//! Kinds' files: what is read, and what is said of those that can't be.

use super::*;
use crate::kind::Kinds;
use proptest::prelude::*;

fn load(file: &str, text: &str) -> Result<Kinds, Vec<String>> {
    Kinds::load([(file.to_owned(), text.to_owned())])
        .map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// The TOML block of docs/kinds.md.
fn aquarium() -> &'static str {
    let docs = include_str!("../../../docs/kinds.md");
    let block = docs.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    block.unwrap_or_default()
}

#[test]
fn the_example_of_the_documentation_is_a_kind() {
    let kinds = load("aquarium.toml", aquarium()).unwrap();
    let kind = kinds.get("aquarium").unwrap();
    assert_eq!(kind.title.as_ref(), "Aquarium");
    let names: Vec<&str> = kind.properties.iter().map(|p| p.name.as_ref()).collect();
    assert_eq!(names, ["feed_g", "mode", "note", "pump", "water_c"]);
    let json = serde_json::to_value(kind.as_ref()).unwrap();
    assert_eq!(
        json.pointer("/properties/water_c"),
        Some(&serde_json::json!({
            "type": "number", "title": "Water", "unit": "°C", "min": 0.0, "max": 40.0,
            "step": 0.1, "writable": false, "history": true,
        }))
    );
    assert_eq!(
        json.pointer("/properties/mode"),
        Some(&serde_json::json!({
            "type": "enum", "values": ["day", "night"], "writable": true, "history": false,
        }))
    );
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let text = r#"title = ""
colour = "red"
[property.water_c]
type = "number"
min = 10
max = 1
writeable = true
[property.Pump]
type = "bool"
values = ["on"]
[property.mode]
type = "enum"
values = ["day", "day"]
ttl_s = 5
[property.size]
type = "float"
[property.count]
type = "integer"
min = -9007199254740992
[property.rate]
type = "number"
step = 0
max = inf
[property.note]
max_chars = 0
"#;
    let faults = load("aquarium.toml", text).unwrap_err();
    let wanted = [
        "aquarium.toml:1: title is text of 1 to 64 characters",
        "aquarium.toml:2: unknown key \"colour\": a kind has title and property",
        "aquarium.toml:6: max is below min",
        "aquarium.toml:7: unknown key \"writeable\"",
        "aquarium.toml:8: \"Pump\" is no name: 1 to 32 of a-z, 0-9 and _",
        "aquarium.toml:10: values means nothing for type \"bool\"",
        "aquarium.toml:13: \"day\" is there twice",
        "aquarium.toml:14: ttl_s is for properties with writable = true",
        "aquarium.toml:16: type is bool, number, integer, text or enum",
        "aquarium.toml:19: JSON holds whole numbers up to 2^53-1 exactly, no larger",
        "aquarium.toml:22: step is above zero",
        "aquarium.toml:23: max is a finite number",
        "aquarium.toml:24: type is missing: bool, number, integer, text or enum",
    ];
    assert_eq!(faults, wanted);
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let faults = load("aquarium.toml", "title = \"a\"\n[property.on]\ntype = bool\n").unwrap_err();
    assert!(faults.iter().any(|fault| fault.starts_with("aquarium.toml:3: ")), "{faults:?}");
}

#[test]
fn a_file_must_be_named_like_a_kind_and_not_like_a_built_in_one() {
    let good = "[property.on]\ntype = \"bool\"\n";
    assert!(load("fan_2.toml", good).is_ok());
    for bad in ["light.toml", "Fan.toml", "fan", ".toml", "fan-2.toml", "a/b.toml"] {
        assert!(load(bad, good).is_err(), "{bad}");
    }
    assert!(load(&format!("{}.toml", "f".repeat(33)), good).is_err());
    let twice = [("fan.toml", good), ("fan.toml", good)];
    assert!(Kinds::load(twice.map(|(f, t)| (f.to_owned(), t.to_owned()))).is_err());
}

#[test]
fn one_bad_file_refuses_all_and_every_file_is_told() {
    let files = [("a.toml", "x = 1\n"), ("b.toml", aquarium()), ("c.toml", "")];
    let files = files.map(|(file, text)| (file.to_owned(), text.to_owned()));
    let faults = Kinds::load(files).unwrap_err();
    let told: Vec<&str> = faults.iter().map(|fault| fault.file.as_str()).collect();
    assert_eq!(told, ["a.toml", "c.toml"]);
}

#[test]
fn limits_are_kept() {
    let many = |count: usize| {
        let property = |at: usize| format!("[property.p{at}]\ntype = \"bool\"\n");
        (0..count).map(property).collect::<String>()
    };
    assert!(load("many.toml", &many(PROPERTIES_MAX)).is_ok());
    assert!(load("many.toml", &many(PROPERTIES_MAX + 1)).is_err());
    assert!(load("long.toml", &"#".repeat(FILE_BYTES_MAX + 1)).is_err());
    let files = (0..crate::kind::KINDS_MAX).map(|at| (format!("k{at}.toml"), many(1)));
    assert!(Kinds::load(files).is_err(), "six are there already");
}

/// Whether every fault names the file and one of the lines of `text`.
fn faults_are_placed(text: &str) -> bool {
    let Err(faults) = Kinds::load([("any.toml".to_owned(), text.to_owned())]) else { return true };
    let lines = 1 + text.matches('\n').count();
    faults.iter().all(|fault| fault.file == "any.toml" && (1..=lines).contains(&fault.line))
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]=a-z\".{}0-9\n _-]{0,200}") {
        prop_assert!(faults_are_placed(&text));
    }

    #[test]
    fn no_property_makes_the_reader_panic(
        key in prop::sample::select(FIELDS),
        value in prop::sample::select(vec![
            "1", "-1", "0x10", "1e400", "nan", "inf", "true", "\"bool\"", "\"number\"", "[]",
            "[1]", "[\"a\"]", "{}", "1979-05-27", "99999999999999999999", "\"\"", "0.1", "1_0.0",
        ]),
        type_ in prop::sample::select(vec!["bool", "number", "integer", "text", "enum"]),
    ) {
        let text = format!("[property.p]\ntype = \"{type_}\"\n{key} = {value}\n");
        prop_assert!(faults_are_placed(&text));
    }
}

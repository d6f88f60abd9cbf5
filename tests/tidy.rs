//! The house rules that a machine can check. Each test names what it found.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 100;

/// The floors, top to bottom; rooms of one line may know each other only where `NEIGHBOURS` says.
const FLOORS: [&[&str]; 7] = [
    &["main", "lib", "cli", "simulator", "gateway"],
    &["tree", "simulation"],
    &["mqtt", "http", "listener", "discovery"],
    &["sessions", "session", "spaces", "space"],
    &["devices", "device"],
    &["backup", "stats", "store"],
    &["codec", "kind", "model", "config", "observe", "host", "supervision", "throttle"],
];

/// Rooms of one floor that belong together: a plural and its singular, and the words.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("backup", "stats"),
    ("backup", "store"),
    ("sessions", "session"),
    ("devices", "device"),
    ("spaces", "space"),
    ("session", "spaces"),
    ("kind", "model"),
    ("observe", "config"),
    ("config", "supervision"),
    ("config", "throttle"),
    ("supervision", "observe"),
    ("cli", "simulator"),
    ("cli", "gateway"),
    ("lib", "cli"),
    ("main", "lib"),
];

/// Files that decide: no IO, no clock, no waiting.
const PURE: &[&str] = &[
    "device/state.rs",
    "device/alarm.rs",
    "device/converge.rs",
    "device/command.rs",
    "device/patch.rs",
    "device/saving.rs",
    "device/view.rs",
    "session/state.rs",
    "session/frame.rs",
    "discovery/announcements.rs",
    "discovery/availability.rs",
    "discovery/colour.rs",
    "discovery/config.rs",
    "discovery/entity.rs",
    "discovery/fields.rs",
    "discovery/light.rs",
    "discovery/light/",
    "discovery/payload.rs",
    "discovery/names.rs",
    "discovery/number.rs",
    "discovery/sensor.rs",
    "discovery/state.rs",
    "discovery/switch.rs",
    "discovery/template.rs",
    "discovery/template/",
    "discovery/things.rs",
    "mqtt/protocol.rs",
    "mqtt/contract.rs",
    "mqtt/client.rs",
    "mqtt/fatal.rs",
    "mqtt/greeting.rs",
    "mqtt/aliases.rs",
    "space.rs",
    "space/",
    "supervision/restart.rs",
    "store/writer/log/frame.rs",
    "store/writer/overlay.rs",
    "stats/chunk.rs",
    "stats/rollup.rs",
    "stats/query.rs",
    "throttle/attempts.rs",
    "kind/",
    "model/",
    "codec/",
];

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !["target", "node_modules"].iter().any(|name| path.ends_with(name)) {
                    walk(&path, ending, found);
                }
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), ending, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{folder} has no {ending} files");
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// The part of a source file that ships: everything before its tests.
fn shipped(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn is_test(path: &Path) -> bool {
    let name = name(path);
    name.contains("test") || name.contains("simulation")
}

fn none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

fn room(path: &Path) -> String {
    let inside = name(path);
    let inside = inside.strip_prefix("src/").unwrap();
    inside.split(['/', '.']).next().unwrap().to_owned()
}

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&room))
        .unwrap_or_else(|| panic!("{room} stands on no floor: add it to FLOORS"))
}

fn may_know(room: &str, other: &str) -> bool {
    let pair = |(a, b): &(&str, &str)| (*a == room && *b == other) || (*a == other && *b == room);
    room == other || floor(room) < floor(other) || NEIGHBOURS.iter().any(pair)
}

#[test]
fn imports_only_point_down_the_floors() {
    let mut found = Vec::new();
    for path in files("src", "rs").iter().filter(|path| !is_test(path)) {
        let text = fs::read_to_string(path).unwrap();
        let here = room(path);
        for (number, line) in shipped(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for part in code.split("crate::").skip(1) {
                let other: String =
                    part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if other.is_empty() || FLOORS.iter().all(|floor| !floor.contains(&other.as_str())) {
                    continue;
                }
                if !may_know(&here, &other) {
                    found.push(format!("{}:{}: {here} knows {other}", name(path), number + 1));
                }
            }
        }
    }
    none(&found, "imports only point down the floors");
}

#[test]
fn what_decides_is_pure() {
    let banned = [
        "use tokio",
        "use ractor",
        "use axum",
        "use sled",
        "use tracing",
        "tracing::",
        "Instant::now",
        "SystemTime",
        ".await",
        "std::fs",
        "std::net",
    ];
    let mut found = Vec::new();
    for path in files("src", "rs").iter().filter(|path| !is_test(path)) {
        let inside = name(path);
        let inside = inside.strip_prefix("src/").unwrap();
        if !PURE
            .iter()
            .any(|pure| inside == *pure || (pure.ends_with('/') && inside.starts_with(pure)))
        {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for line in shipped(&text).lines().filter(|line| !line.trim_start().starts_with("//")) {
            found.extend(
                banned
                    .iter()
                    .filter(|word| line.contains(**word))
                    .map(|word| format!("{inside}: {word}")),
            );
        }
    }
    none(&found, "files that decide do no IO, know no clock and wait for nothing");
}

#[test]
fn every_actor_opens_with_its_five_lines() {
    let mut found = Vec::new();
    for path in files("src", "rs").iter().filter(|path| !is_test(path)) {
        let text = fs::read_to_string(path).unwrap();
        let is_process = shipped(&text).lines().any(|line| line.starts_with("impl Actor for"));
        for word in ["Process:", "Supervised by:", "Takes:", "Tells:", "Never:"] {
            let says =
                text.lines().take(20).any(|line| line.starts_with("//!") && line.contains(word));
            if is_process && !says {
                found.push(format!("{}: {word}", name(path)));
            }
        }
    }
    none(&found, "a file with an actor says whose process it is");
}

#[test]
fn files_and_lines_stay_short() {
    let mut found = Vec::new();
    for folder in ["src", "tests", "firmware/core/src"] {
        for path in files(folder, "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().count();
            if lines > LINES_MAX {
                found.push(format!("{}: {lines} lines", name(&path)));
            }
            for (number, line) in text.lines().enumerate() {
                if line.chars().count() > COLUMNS_MAX && !line.contains("http") {
                    found.push(format!("{}:{}: too long", name(&path), number + 1));
                }
            }
        }
    }
    none(&found, "a file has at most 500 lines, a line 100 columns");
}

#[test]
fn names_say_something() {
    let empty = ["utils", "util", "common", "types", "manager", "helper", "helpers", "misc"];
    let found: Vec<String> = files("src", "rs")
        .iter()
        .filter(|path| path.file_stem().is_some_and(|stem| empty.iter().any(|name| stem == *name)))
        .map(|path| name(path))
        .collect();
    none(&found, "a file's name says what is in it");
}

#[test]
fn only_the_writer_names_the_storage_engine() {
    let found: Vec<String> = files("src", "rs")
        .iter()
        .filter(|path| !name(path).starts_with("src/store/writer") && !is_test(path))
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            shipped(&text).lines().any(|line| line.contains("sled::"))
        })
        .map(|path| name(path))
        .collect();
    none(&found, "only store/writer names the storage engine");
}

#[test]
fn every_key_of_the_configuration_is_explained() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml")).unwrap();
    let mut found = Vec::new();
    let mut above = "";
    for line in text.lines() {
        if line.contains(" = ") && !line.starts_with('#') && !above.starts_with('#') {
            found.push(line.to_owned());
        }
        above = line;
    }
    none(&found, "every key has a comment above it");
}

#[test]
fn every_key_of_the_configuration_is_used() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml");
    let keys: BTreeSet<String> = fs::read_to_string(config)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = ").map(|(key, _)| key.to_owned()))
        .collect();
    let sources: String = files("src", "rs")
        .iter()
        .filter(|path| !name(path).contains("config/section.rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let patience =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/section.rs"))
            .unwrap();
    let used = |key: &String| {
        let word = format!(".{key}");
        sources.contains(&word) || patience.contains(&format!("self.{key}"))
    };
    let found: Vec<String> = keys.into_iter().filter(|key| !used(key)).collect();
    none(&found, "every key is used");
}

#[test]
fn the_map_names_the_children_that_the_tree_starts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [top, doors] = ["src/tree.rs", "src/tree/doors.rs"]
        .map(|file| fs::read_to_string(root.join(file)).unwrap());
    let tree = top + &doors;
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let map = map.split("```").nth(1).unwrap();
    let started = tree.split("ChildSpec::new(\"").skip(1).chain(tree.split("family(\"").skip(1));
    let found: Vec<String> = started
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .filter(|child| !map.contains(child.as_str()))
        .collect();
    none(&found, "ARCHITECTURE.md draws every child");
}

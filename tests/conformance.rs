//! `docs/conformance.md` against the standards' numbers and the names of the tests.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The sections that have statements, each with the numbers of its first and its last.
const V311: [(&str, u32, u32); 39] = [
    ("1.5.3", 1, 3),
    ("2.2.2", 1, 2),
    ("2.3.1", 1, 7),
    ("3.1.0", 1, 2),
    ("3.1.2", 1, 24),
    ("3.1.3", 1, 11),
    ("3.1.4", 1, 5),
    ("3.2.0", 1, 1),
    ("3.2.2", 1, 6),
    ("3.3.1", 1, 12),
    ("3.3.2", 1, 3),
    ("3.3.4", 1, 1),
    ("3.3.5", 1, 2),
    ("3.6.1", 1, 1),
    ("3.8.1", 1, 1),
    ("3.8.3", 1, 4),
    ("3.8.4", 1, 6),
    ("3.9.3", 1, 2),
    ("3.10.1", 1, 1),
    ("3.10.3", 1, 2),
    ("3.10.4", 1, 6),
    ("3.12.4", 1, 1),
    ("3.14.1", 1, 1),
    ("3.14.4", 1, 3),
    ("4.1.0", 1, 2),
    ("4.3.1", 1, 1),
    ("4.3.2", 1, 2),
    ("4.3.3", 1, 2),
    ("4.4.0", 1, 1),
    ("4.5.0", 1, 2),
    ("4.6.0", 1, 6),
    ("4.7.1", 1, 3),
    ("4.7.2", 1, 1),
    ("4.7.3", 1, 4),
    ("4.8.0", 1, 2),
    ("6.0.0", 1, 4),
    ("7.0.0", 1, 2),
    ("7.1.1", 1, 1),
    ("7.1.2", 1, 1),
];

const V5: [(&str, u32, u32); 59] = [
    ("1.5.4", 1, 3),
    ("1.5.5", 1, 1),
    ("1.5.7", 1, 1),
    ("2.1.3", 1, 1),
    ("2.2.1", 2, 6),
    ("2.2.2", 1, 1),
    ("3.1.0", 1, 2),
    ("3.1.2", 1, 30),
    ("3.1.3", 1, 12),
    ("3.1.4", 1, 6),
    ("3.2.0", 1, 2),
    ("3.2.2", 1, 22),
    ("3.3.1", 1, 13),
    ("3.3.2", 1, 20),
    ("3.3.4", 1, 10),
    ("3.4.2", 1, 3),
    ("3.5.2", 1, 3),
    ("3.6.1", 1, 1),
    ("3.6.2", 1, 3),
    ("3.7.2", 1, 3),
    ("3.8.1", 1, 1),
    ("3.8.3", 1, 5),
    ("3.8.4", 1, 8),
    ("3.9.2", 1, 2),
    ("3.9.3", 1, 2),
    ("3.10.1", 1, 1),
    ("3.10.3", 1, 2),
    ("3.10.4", 1, 6),
    ("3.11.2", 1, 2),
    ("3.11.3", 1, 2),
    ("3.12.4", 1, 1),
    ("3.14.0", 1, 1),
    ("3.14.1", 1, 1),
    ("3.14.2", 1, 4),
    ("3.14.4", 1, 3),
    ("3.15.1", 1, 1),
    ("3.15.2", 1, 3),
    ("4.1.0", 1, 2),
    ("4.2.0", 1, 1),
    ("4.3.1", 1, 1),
    ("4.3.2", 1, 5),
    ("4.3.3", 1, 13),
    ("4.4.0", 1, 2),
    ("4.5.0", 1, 2),
    ("4.6.0", 1, 6),
    ("4.7.0", 1, 1),
    ("4.7.1", 1, 2),
    ("4.7.2", 1, 1),
    ("4.7.3", 1, 4),
    ("4.8.2", 1, 6),
    ("4.9.0", 1, 3),
    ("4.12.0", 1, 7),
    ("4.12.1", 1, 2),
    ("4.13.1", 1, 1),
    ("4.13.2", 1, 1),
    ("6.0.0", 1, 4),
    ("7.0.0", 1, 2),
    ("7.1.1", 1, 1),
    ("7.1.2", 1, 1),
];

/// A version of the table and a number, as `("v5", "3.1.2-4")`.
type Statement = (&'static str, String);

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file of `folder`.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(read(&path));
        }
    }
}

/// The statements whose numbers a test bears: `mqtt_3_1_0_1_and_2_…` four of them.
fn borne_by(name: &str) -> Vec<Statement> {
    let mut words = name.split('_').peekable();
    let mut found = Vec::new();
    while let Some(versions) = words.next().and_then(|prefix| match prefix {
        "v311" => Some(&["v311"][..]),
        "v5" => Some(&["v5"]),
        "mqtt" => Some(&["v311", "v5"]),
        _ => None,
    }) {
        let mut number = || words.next_if(|word| word.parse::<u32>().is_ok());
        let (Some(chapter), Some(part), Some(section)) = (number(), number(), number()) else {
            break;
        };
        while let Some(last) = words.next_if(|word| word.parse::<u32>().is_ok()) {
            let statement = format!("{chapter}.{part}.{section}-{last}");
            found.extend(versions.iter().map(|version| (*version, statement.clone())));
            words.next_if_eq(&"and");
        }
    }
    found
}

/// Which tests bear which number.
fn tests() -> BTreeMap<Statement, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    sources(&root.join("src"), &mut texts);
    sources(&root.join("tests"), &mut texts);
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for text in &texts {
        let mut above = "";
        for line in text.lines().map(str::trim) {
            let signature = line.trim_start_matches("async ").strip_prefix("fn ");
            let is_test = above.starts_with("#[") && above.contains("test");
            if let Some(name) =
                signature.and_then(|rest| rest.split('(').next()).filter(|_| is_test)
            {
                for statement in borne_by(name) {
                    found.entry(statement).or_default().insert(name.to_owned());
                }
            }
            above = line;
        }
    }
    found
}

/// The rows of the table: statement, for whom, in words, shown by.
fn rows() -> Vec<(Statement, [String; 3])> {
    let table = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md"));
    let mut version = "";
    let mut found = Vec::new();
    for line in table.lines() {
        match line {
            "## MQTT 3.1.1" => version = "v311",
            "## MQTT 5.0" => version = "v5",
            _ => {}
        }
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
        if let [_, number, whom, words, shown, _] = &cells[..]
            && number.starts_with(|first: char| first.is_ascii_digit())
        {
            found.push(((version, number.clone()), [whom, words, shown].map(Clone::clone)));
        }
    }
    found
}

fn none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn the_table_has_every_statement_of_both_standards_in_their_order() {
    let numbers = |version, sections: &[(&str, u32, u32)]| {
        let of_section = |(section, first, last): &(&str, u32, u32)| {
            (*first..=*last).map(|last| format!("{section}-{last}")).collect::<Vec<_>>()
        };
        let all = sections.iter().flat_map(of_section).map(move |number| (version, number));
        all.collect::<Vec<Statement>>()
    };
    let expected = [numbers("v311", &V311), numbers("v5", &V5)].concat();
    let found: Vec<_> = rows().into_iter().map(|(statement, _)| statement).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_statement_names_exactly_the_tests_that_bear_its_number_or_says_why_there_is_none() {
    let mut tests = tests();
    let mut found = Vec::new();
    for (statement, [whom, words, shown]) in rows() {
        let (version, number) = &statement;
        let named: Vec<_> = tests
            .remove(&statement)
            .unwrap_or_default()
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let fits = match shown.strip_prefix("not applicable: ") {
            Some(why) => named.is_empty() && !why.is_empty(),
            None => !named.is_empty() && shown == named.join(", "),
        };
        if !fits {
            found.push(format!("{version} {number}: tests are {}", named.join(", ")));
        }
        if words.is_empty() || !["server", "client", "both"].contains(&whom.as_str()) {
            found.push(format!("{version} {number}: says too little"));
        }
    }
    found
        .extend(tests.keys().map(|(version, number)| format!("{version} {number} does not exist")));
    none(&found, "statements, tests and docs/conformance.md go together");
}

#[test]
fn the_numbers_in_a_name_are_read_as_they_are_meant() {
    let numbers = |name| {
        let found = borne_by(name).into_iter();
        found.map(|(version, number)| format!("{version} {number}")).collect::<Vec<_>>()
    };
    assert_eq!(numbers("v5_3_8_3_4_no_local"), ["v5 3.8.3-4"]);
    assert_eq!(numbers("mqtt_3_1_0_1_first"), ["v311 3.1.0-1", "v5 3.1.0-1"]);
    assert_eq!(
        numbers("v311_2_2_2_1_and_2_v5_2_1_3_1_flags"),
        ["v311 2.2.2-1", "v311 2.2.2-2", "v5 2.1.3-1"]
    );
    assert_eq!(numbers("a_test_of_3_1_2_4"), [""; 0]);
}

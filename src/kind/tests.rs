//! Tests of kinds as a whole: loading, validation, comparison.

use super::*;

fn kinds() -> Kinds {
    Kinds::load([]).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn the_built_in_kinds_are_there_without_any_file() {
    let kinds = kinds();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_ref()).collect();
    assert_eq!(names, ["counter", "light", "plug", "sous_vide", "switch", "thermometer"]);
}

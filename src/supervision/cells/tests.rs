use std::time::Duration;

use super::*;
use crate::supervision::{ChildStatus, Patience};

#[derive(Default)]
struct Jar {
    coins: u32,
    over: bool,
    due_ms: Option<u64>,
}

impl Resident for Jar {
    fn is_over(&self) -> bool {
        self.over
    }

    fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }
}

fn jars_with(patience: Patience) -> Cells<u32, Jar> {
    let family = Family { patience, children_max: 3, ..Family::named("jars") };
    Cells::new(family, |_| Ok(Jar::default()))
}

fn jars() -> Cells<u32, Jar> {
    jars_with(Patience { backoff_base: Duration::ZERO, ..Patience::default() })
}

#[test]
fn a_cell_keeps_its_state_between_two_who_enter() {
    let jars = jars();
    jars.enter(&1, |_, jar| jar.coins += 5).unwrap();
    assert_eq!(jars.enter(&1, |_, jar| jar.coins), Ok(5));
    assert_eq!(jars.enter(&2, |_, jar| jar.coins), Ok(0));
}

#[test]
fn a_cell_that_panics_loses_its_state_and_nobody_elses() {
    let jars = jars();
    jars.enter(&1, |_, jar| jar.coins = 1).unwrap();
    jars.enter(&2, |_, jar| jar.coins = 2).unwrap();
    let failed = jars.enter(&1, |_, _: &mut Jar| -> () { panic!("broken") });
    assert_eq!(failed, Err(StartError::Failed("broken".into())));
    assert_eq!(jars.enter(&1, |_, jar| jar.coins), Ok(0), "started afresh");
    assert_eq!(jars.enter(&2, |_, jar| jar.coins), Ok(2));
    assert_eq!(jars.faults(), 1);
}

#[test]
fn who_keeps_a_cell_that_failed_is_told_so_and_does_not_open_it() {
    let jars = jars();
    let cell = jars.enter(&1, |cell, _| Arc::clone(cell)).unwrap();
    assert!(jars.kill(&1));
    assert_eq!(jars.enter_open(&cell, |jar| jar.coins), Err(StartError::Unavailable));
    assert_eq!(jars.enter_if_open(&1, |jar| jar.coins), None);
}

#[test]
fn a_cell_that_keeps_failing_rests_and_is_shown_in_quarantine() {
    let jars = jars_with(Patience { faults_max: 2, ..Patience::default() });
    let fail = || jars.enter(&1, |_, _: &mut Jar| -> () { panic!("again") });
    drop(fail());
    assert!(matches!(fail(), Err(StartError::BackingOff { .. })));
    jars.kill(&1);
    assert!(matches!(fail(), Err(StartError::Quarantined { .. })));
    let shown = jars.snapshot();
    assert_eq!(shown.first().map(|info| info.status), Some(ChildStatus::Quarantined));
    assert_eq!(shown.first().and_then(|info| info.last_fault.clone()), Some("killed".into()));
}

#[test]
fn a_cell_that_is_over_is_given_up_and_started_afresh_for_the_next() {
    let jars = jars();
    let cell = jars.enter(&1, |cell, jar| {
        jar.over = true;
        Arc::clone(cell)
    });
    assert!(jars.is_empty());
    assert_eq!(jars.enter_open(&cell.unwrap(), |jar| jar.coins), Err(StartError::Unavailable));
    assert_eq!(jars.enter(&1, |_, jar| jar.over), Ok(false));
}

#[test]
fn a_cell_too_many_is_refused() {
    let jars = jars();
    for key in 0..3 {
        jars.enter(&key, |_, _| ()).unwrap();
    }
    assert_eq!(jars.enter(&3, |_, _| ()), Err(StartError::Full { limit: 3 }));
    jars.enter(&0, |_, jar| jar.over = true).unwrap();
    assert_eq!(jars.enter(&3, |_, _| ()), Ok(()));
}

#[test]
fn the_bell_rings_for_those_whose_time_has_come() {
    let jars = jars();
    jars.enter(&1, |_, jar| jar.due_ms = Some(10)).unwrap();
    jars.enter(&2, |_, jar| jar.due_ms = Some(11)).unwrap();
    jars.enter(&3, |_, _| ()).unwrap();
    let mut rung = Vec::new();
    jars.ring(10, |key, jar| {
        rung.push(*key);
        jar.due_ms = None;
    });
    jars.ring(10, |key, _| rung.push(*key));
    assert_eq!(rung, [1]);
}

#[test]
fn many_threads_take_their_turns_even_while_the_cell_comes_and_goes() {
    let jars = jars();
    let enter = || {
        for turn in 0..2_000_u32 {
            jars.enter(&7, |_, jar| jar.over = turn % 3 == 0).unwrap();
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(enter))));
    assert!(jars.len() <= 1);
}

use super::*;
use proptest::prelude::*;

fn cook(settings: &[(&str, Value<'_>)]) -> Cook {
    let mut cook = Cook::default();
    for (property, value) in settings {
        cook.wish(property, *value).unwrap();
    }
    cook.step(0, None);
    cook.begin();
    cook
}

/// `seconds` one by one, with the water at `water`; the events on the way.
fn pass(cook: &mut Cook, now_s: &mut u64, seconds: u64, water: i32) -> std::vec::Vec<CookEvent> {
    let mut events = std::vec::Vec::new();
    for _ in 0..seconds {
        *now_s += 1;
        events.extend(cook.step(*now_s * 1000, Some(MilliC(water))));
    }
    events
}

const TARGET: (&str, Value<'_>) = ("target_c", Value::Number(60_000));

#[test]
fn a_timer_starts_at_temperature_and_holding_follows() {
    let mut cook = cook(&[TARGET, ("timer_s", Value::Number(600_000))]);
    let mut now_s = 0;
    assert!(pass(&mut cook, &mut now_s, 100, 40_000).is_empty());
    assert_eq!((cook.phase(), cook.remaining_s()), (Phase::Preheating, 600));
    assert_eq!(pass(&mut cook, &mut now_s, 31, 59_500), [CookEvent::Ready]);
    assert!(pass(&mut cook, &mut now_s, 1, 59_500).is_empty());
    assert_eq!(cook.phase(), Phase::Cooking);
    assert_eq!(pass(&mut cook, &mut now_s, 600, 60_000), [CookEvent::TimerDone]);
    assert_eq!((cook.phase(), cook.remaining_s()), (Phase::Holding, 0));
    pass(&mut cook, &mut now_s, 90, 60_000);
    assert_eq!(cook.held_s(), 90);
}

#[test]
fn a_moment_at_the_target_is_not_ready() {
    let mut cook = cook(&[TARGET]);
    let mut now_s = 0;
    pass(&mut cook, &mut now_s, 29, 59_600);
    pass(&mut cook, &mut now_s, 1, 60_600);
    pass(&mut cook, &mut now_s, 30, 60_400);
    assert_eq!(cook.phase(), Phase::Preheating);
    pass(&mut cook, &mut now_s, 1, 60_400);
    assert_eq!(cook.phase(), Phase::Ready);
}

#[test]
fn a_manual_timer_waits_for_the_food() {
    let manual = ("start_mode", Value::Text("manual"));
    let mut cook = cook(&[TARGET, manual, ("timer_s", Value::Number(60_000))]);
    let mut now_s = 0;
    pass(&mut cook, &mut now_s, 5_000, 60_000);
    assert_eq!((cook.phase(), cook.remaining_s()), (Phase::Ready, 60));
    cook.wish("start", Value::Bool(true)).unwrap();
    pass(&mut cook, &mut now_s, 1, 60_000);
    assert_eq!(cook.phase(), Phase::Cooking);
}

#[test]
fn a_timer_that_starts_now_runs_while_the_water_warms() {
    let now = ("start_mode", Value::Text("now"));
    let stop = ("at_end", Value::Text("stop"));
    let mut cook = cook(&[TARGET, now, stop, ("timer_s", Value::Number(100_000))]);
    let mut now_s = 0;
    pass(&mut cook, &mut now_s, 40, 30_000);
    assert_eq!((cook.phase(), cook.remaining_s()), (Phase::Preheating, 60));
    let events = pass(&mut cook, &mut now_s, 60, 30_000);
    assert_eq!(events, [CookEvent::TimerDone]);
    assert_eq!(cook.phase(), Phase::Done);
}

#[test]
fn the_dip_when_food_goes_in_does_not_leave_cooking() {
    let mut cook = cook(&[TARGET, ("timer_s", Value::Number(600_000))]);
    let mut now_s = 0;
    pass(&mut cook, &mut now_s, 40, 60_000);
    pass(&mut cook, &mut now_s, 100, 52_000);
    assert_eq!(cook.phase(), Phase::Cooking);
    assert!(cook.remaining_s() < 500);
}

#[test]
fn five_minutes_more_bring_a_holding_cook_back_to_its_timer() {
    let mut cook = cook(&[TARGET, ("timer_s", Value::Number(60_000))]);
    let mut now_s = 0;
    pass(&mut cook, &mut now_s, 120, 60_000);
    assert_eq!(cook.phase(), Phase::Holding);
    cook.wish("timer_s", Value::Number(360_000)).unwrap();
    pass(&mut cook, &mut now_s, 1, 60_000);
    assert_eq!((cook.phase(), cook.remaining_s()), (Phase::Cooking, 300));
}

#[test]
fn a_new_target_is_approached_anew_but_a_running_timer_runs_on() {
    let mut cook = cook(&[TARGET, ("start_mode", Value::Text("manual"))]);
    let mut now_s = 0;
    pass(&mut cook, &mut now_s, 40, 60_000);
    cook.wish("target_c", Value::Number(65_040)).unwrap();
    assert_eq!((cook.phase(), cook.settings().target), (Phase::Preheating, MilliC(65_000)));
    cook.wish("start", Value::Bool(true)).unwrap();
    cook.wish("timer_s", Value::Number(60_000)).unwrap();
    pass(&mut cook, &mut now_s, 40, 65_000);
    assert_eq!(cook.phase(), Phase::Cooking);
    cook.wish("target_c", Value::Number(55_000)).unwrap();
    assert_eq!(cook.phase(), Phase::Cooking);
}

#[test]
fn a_fault_ends_the_cook_and_stopping_is_always_possible() {
    let mut cook = cook(&[TARGET]);
    cook.fail();
    assert_eq!(cook.phase(), Phase::Error);
    assert!(cook.confirm_food().is_err());
    cook.end();
    assert_eq!(cook.phase(), Phase::Off);
    cook.begin();
    assert_eq!(cook.phase(), Phase::Preheating);
}

#[test]
fn settings_out_of_range_are_refused_and_change_nothing() {
    let mut cook = Cook::default();
    for (property, value) in [
        ("target_c", Value::Number(19_900)),
        ("target_c", Value::Number(95_100)),
        ("timer_s", Value::Number(259_201_000)),
        ("timer_s", Value::Number(-1_000)),
        ("start_mode", Value::Text("soon")),
        ("at_end", Value::Bool(true)),
        ("water_c", Value::Number(50_000)),
        ("salt", Value::Bool(true)),
        ("start", Value::Bool(true)),
    ] {
        assert!(cook.wish(property, value).is_err(), "{property}");
    }
    assert_eq!(cook.settings(), &Settings::default());
}

proptest! {
    #[test]
    fn heat_is_only_wanted_between_a_begin_and_an_end(
        steps in prop::collection::vec((0_u8..8, 0_u64..400_000, 15_000_i32..99_000), 1..200)
    ) {
        let mut cook = Cook::default();
        let (mut now_ms, mut begun) = (0, false);
        for (act, passed_ms, water) in steps {
            match act {
                0 => { cook.begin(); begun = true; }
                1 => { cook.end(); begun = false; }
                2 => { cook.fail(); begun = false; }
                3 => drop(cook.wish("target_c", Value::Number(i64::from(water)))),
                4 => drop(cook.wish("timer_s", Value::Number(i64::from(water)))),
                5 => drop(cook.wish("start", Value::Bool(true))),
                _ => {}
            }
            now_ms += passed_ms;
            let left_s = cook.remaining_s();
            let event = cook.step(now_ms, Some(MilliC(water)));
            prop_assert!(!cook.phase().is_heating() || begun);
            prop_assert!(cook.remaining_s() <= left_s);
            prop_assert_eq!(cook.progress().is_some(), cook.phase().is_heating());
            if event == Some(CookEvent::TimerDone) {
                prop_assert_eq!(cook.remaining_s(), 0);
            }
        }
    }
}

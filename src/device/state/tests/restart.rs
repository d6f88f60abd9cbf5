//! A cook goes on where it was after a restart of the server.

use super::*;

const MINUTE_MS: i64 = 60_000;

/// A cooker that has heated for ten minutes, reporting every five seconds.
fn heating() -> Bench {
    let mut bench = Bench::of("sous_vide");
    bench.connect();
    for step in 0..120 {
        bench.later(5_000);
        let water_c = 20.0 + f64::from(step) * 0.1;
        let report = serde_json::json!({
            "phase": "preheating", "heating": true, "target_c": 60.0,
            "water_c": water_c, "duty_pct": 100,
        });
        bench.say(&report.to_string());
    }
    bench.later(2_000);
    bench
}

/// The state that the next process makes of what was stored, `ms` later.
fn after_restart(bench: Bench, watch: Option<Watch>, ms: i64) -> Bench {
    let (device, _) = bench.stored.clone().unwrap();
    let (kind, now_ms) = (bench.state.kind.clone(), bench.now_ms + ms);
    let state = DeviceState::new(device, Vec::new(), watch, kind, IDLE_MS, now_ms);
    Bench { state, now_ms, ..bench }
}

#[test]
fn a_cooks_estimate_goes_on_after_a_restart() {
    let bench = heating();
    let (watch, extra) = (bench.stored_watch.clone(), bench.state.view().extra);
    assert!(format!("{extra:?}").contains("eta_s"), "{extra:?}");
    let next = after_restart(bench, watch, 0);
    let shown = next.state.view().extra;
    assert!(format!("{shown:?}").contains("eta_s"), "{shown:?}");
    let anew = after_restart(next, None, 0);
    assert!(!format!("{:?}", anew.state.view().extra).contains("eta_s"));
}

#[test]
fn a_cooker_at_work_is_looked_at_after_a_restart_and_missed_if_it_is_silent() {
    let bench = heating();
    let watch = bench.stored_watch.clone();
    assert!(watch.as_ref().unwrap().wake_ms().is_some());
    let mut next = after_restart(bench, watch, MINUTE_MS);
    next.act(DeviceState::wake);
    next.later(2 * MINUTE_MS);
    let codes: Vec<_> = next.state.view().alarms.iter().map(|alarm| alarm.code.clone()).collect();
    assert!(codes.iter().any(|code| &**code == "offline_while_cooking"), "{codes:?}");
}

#[test]
fn a_watch_is_stored_and_read_back_whole() {
    let watch = heating().stored_watch.unwrap();
    let bytes = crate::store::record::encode(&watch).unwrap();
    assert!(bytes.len() < 1_500, "{} bytes", bytes.len());
    let key = crate::store::Key::new(crate::store::Table::Watch).id(7);
    assert_eq!(crate::store::record::decode(&key, &bytes), Ok(watch));
}

#[test]
fn a_cooker_that_rests_needs_no_waking() {
    let mut bench = Bench::of("sous_vide");
    bench.connect();
    bench.say(r#"{"phase":"off","heating":false,"target_c":60.0,"water_c":21.0}"#);
    bench.later(2_000);
    assert_eq!(bench.stored_watch.unwrap().wake_ms(), None);
}

#[test]
fn what_a_device_says_before_the_first_write_after_a_restart_is_shown() {
    let mut bench = Bench::of("light");
    let marked = bench.state.to_mark().unwrap();
    bench.stored = Some((marked, Vec::new()));
    let mut next = after_restart(bench, None, 0);
    next.store_works = false; // the store takes its time
    next.connect();
    next.say(r#"{"on":true}"#);
    next.store_works = true;
    next.later(2_000);
    let shown = next.state.view().reported;
    assert_eq!(shown, [("on", true)].into_iter().collect::<Props>());
}

#[test]
fn an_alarm_that_was_due_while_the_server_was_away_says_how_late_it_comes() {
    let bench = heating();
    let (watch, away_ms) = (bench.stored_watch.clone(), 60 * MINUTE_MS);
    let mut next = after_restart(bench, watch, away_ms);
    next.told.clear();
    next.act(DeviceState::wake);
    next.later(2 * MINUTE_MS);
    let raised = next.told.iter().find_map(|event| {
        let DeviceEvent::Alarm(moved) = event else { return None };
        Some(moved.clone())
    });
    let raised = raised.unwrap();
    assert_eq!((&*raised.code, &raised.step), ("offline_while_cooking", &AlarmStep::Raised));
    let late_s = raised.late_s.unwrap();
    assert!((3_500..3_700).contains(&late_s), "{late_s}");
    assert_eq!(next.state.view().alarms[0].since_ms, raised.since_ms);
    assert!(next.now_ms - raised.since_ms >= away_ms - MINUTE_MS);
}

#[test]
fn the_end_of_a_timer_outlives_the_server_and_a_late_word_of_it_says_so() {
    let mut bench = heating();
    bench.say(r#"{"phase":"cooking","remaining_s":600}"#);
    let ends_ms = bench.now_ms + 600_000;
    bench.later(2_000);
    let watch = bench.stored_watch.clone();
    let mut next = after_restart(bench, watch, 30 * MINUTE_MS);
    let shown = serde_json::Value::from(next.state.view().extra);
    assert_eq!(shown["estimates"]["timer_ends_ms"], ends_ms);
    next.connect();
    next.said(Report::Event("timer_done".into(), Props::new()), false);
    let late_s = next.told.iter().find_map(|event| {
        let DeviceEvent::Happened(_, _, props) = event else { return None };
        props.number("late_s")
    });
    assert_eq!(late_s, Some(1_202.0));
}

#[test]
fn a_command_given_up_late_says_how_late() {
    let mut bench = Bench::of("light");
    bench.ask("a", json!({"on": true}), Some(60));
    let open: Vec<Command> = bench.state.open.all().cloned().collect();
    let (kind, device) = (bench.state.kind.clone(), bench.state.device.clone());
    let now_ms = 60 * MINUTE_MS;
    let state = DeviceState::new(device, open, None, kind, IDLE_MS, now_ms);
    let mut next = Bench { state, now_ms, ..bench };
    next.told.clear();
    next.act(DeviceState::wake);
    let ended = next.told.iter().find_map(|event| {
        let DeviceEvent::Command(moved) = event else { return None };
        Some(moved.clone())
    });
    let ended = ended.unwrap();
    assert_eq!((ended.phase, ended.late_s), (Phase::Expired, Some(59 * 60)));
}

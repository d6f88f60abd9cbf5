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

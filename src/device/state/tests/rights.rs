//! What becomes of commands whose asker may not command the device any more.

use super::*;

const BOB: UserId = UserId(1);

#[test]
fn what_somebody_asked_who_lost_the_right_ends_and_desired_returns() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.say(r#"{"on":true,"brightness":10}"#);
    bench.ask("a", json!({"brightness": 90}), None);
    bench.act(|state, now, out| state.right_lost(BOB, now, out));
    assert_eq!(bench.phases("a"), [Phase::Accepted, Phase::Failed]);
    assert_eq!(bench.desired()["brightness"], 10);
    assert_eq!(bench.state.askers(), [].into());
}

#[test]
fn what_others_asked_goes_on() {
    let mut bench = Bench::of("light");
    bench.ask("a", json!({"brightness": 90}), None);
    bench.act(|state, now, out| state.right_lost(UserId(2), now, out));
    assert_eq!(bench.phases("a"), [Phase::Accepted]);
    assert_eq!(bench.state.askers(), [BOB].into());
}

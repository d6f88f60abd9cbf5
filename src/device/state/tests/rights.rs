//! What becomes of commands whose asker may not command the device any more.

use super::*;

const BOB: UserId = UserId(1);

impl Bench {
    fn ask_by(&mut self, via: &Via, reference: &str, desired: serde_json::Value) {
        let mut patch = patch(reference, desired, None);
        patch.by.via = via.clone();
        let change = self.state.patch(&patch, self.now_ms).unwrap().unwrap();
        self.act(|state, now, out| state.apply(change, now, out));
    }
}

#[test]
fn what_somebody_asked_who_lost_the_right_ends_and_desired_returns() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.say(r#"{"on":true,"brightness":10}"#);
    bench.ask("a", json!({"brightness": 90}), None);
    bench.act(|state, now, out| state.right_lost(BOB, None, now, out));
    assert_eq!(bench.phases("a"), [Phase::Accepted, Phase::Failed]);
    assert_eq!(bench.desired()["brightness"], 10);
    assert_eq!(bench.state.askers(), [].into());
}

#[test]
fn what_a_program_asked_ends_with_its_key_and_what_its_user_asked_goes_on() {
    let mut bench = Bench::of("light");
    let button = Via::Token("button".into());
    bench.ask_by(&button, "a", json!({"brightness": 90}));
    bench.ask("b", json!({"hue": 20}), None);
    bench.act(|state, now, out| state.right_lost(BOB, Some(&button), now, out));
    assert_eq!(bench.phases("a"), [Phase::Accepted, Phase::Failed]);
    assert_eq!(bench.phases("b"), [Phase::Accepted]);
    assert_eq!(bench.state.askers(), [(BOB, Via::Login)].into());
}

#[test]
fn what_others_asked_goes_on() {
    let mut bench = Bench::of("light");
    bench.ask("a", json!({"brightness": 90}), None);
    bench.act(|state, now, out| state.right_lost(UserId(2), None, now, out));
    assert_eq!(bench.phases("a"), [Phase::Accepted]);
    assert_eq!(bench.state.askers(), [(BOB, Via::Login)].into());
}

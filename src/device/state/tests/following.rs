//! A device that knows nothing of what is desired: what it says stands.

use serde_json::json;

use super::*;

/// A light that was as desired, and comes back after a break.
fn returned(follows: bool, asked_meanwhile: bool) -> Bench {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.ask("a", json!({"on": true, "brightness": 50}), None);
    bench.delivered();
    bench.say(r#"{"on":true,"brightness":50}"#);
    bench.disconnect();
    if asked_meanwhile {
        bench.ask("b", json!({"brightness": 80}), None);
    }
    bench.sent.clear();
    bench.act(|state, now, out| state.attach(LINK, now, out));
    if follows {
        bench.state.follow();
    }
    bench.say(r#"{"on":false,"brightness":20}"#);
    bench.act(|state, now, out| state.listens(LINK, true, now, out));
    bench
}

#[test]
fn what_it_says_after_a_break_stands() {
    let bench = returned(true, false);
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert_eq!(bench.desired(), json!({"on": false, "brightness": 20}));
    assert_eq!(returned(false, false).sent, [json!({"on": true, "brightness": 50})]);
}

#[test]
fn what_somebody_waits_for_is_sent_when_it_is_back() {
    let bench = returned(true, true);
    assert_eq!(bench.sent.len(), 1);
    assert_eq!(bench.sent[0]["brightness"], 80);
}

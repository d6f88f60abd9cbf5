//! How long sessions last, and what they keep.
use super::bench::{connect, staying};
use super::*;
use crate::codec::{Connect, Packet};

#[test]
fn v5_3_1_2_23_a_session_with_an_expiry_outlives_its_connection() {
    let mut bench = Bench::new();
    let gone = bench.join(&staying(Version::V5, "gone"));
    bench.subscribe(gone, "a", AT_LEAST_ONCE);
    bench.cut(gone);
    bench.wait_s(99);
    let other = bench.join(&connect(Version::V5, "other"));
    bench.send(other, "a", "x", AT_LEAST_ONCE);
    let back = bench.open(&staying(Version::V5, "gone"));
    assert_eq!(bench.hears(back), ["connack 00 present", "a 'x' q1 #1"]);
}

#[test]
fn v5_4_1_0_2_a_session_is_discarded_when_its_expiry_has_passed() {
    let mut bench = Bench::new();
    let gone = bench.join(&staying(Version::V5, "gone"));
    bench.cut(gone);
    bench.wait_s(101);
    let back = bench.open(&staying(Version::V5, "gone"));
    assert_eq!(bench.hears(back), ["connack 00"]);
    let brief = bench.join(&Connect { clean_start: false, ..connect(Version::V5, "brief") });
    bench.cut(brief);
    let back = bench.open(&Connect { clean_start: false, ..connect(Version::V5, "brief") });
    assert_eq!(bench.hears(back), ["connack 00"], "an expiry of 0 is the connection's end");
}

#[test]
fn mqtt_4_1_0_1_v311_4_1_0_2_a_session_lasts_as_long_as_its_connection() {
    for version in BOTH {
        let mut bench = Bench::new();
        let stays = bench.join(&connect(version, "stays"));
        bench.subscribe(stays, "a", AT_LEAST_ONCE);
        bench.wait_s(1_000_000);
        let other = bench.join(&connect(version, "other"));
        bench.send(other, "a", "x", AT_LEAST_ONCE);
        assert_eq!(bench.hears(stays), ["a 'x' q1 #1"], "{version:?}");
    }
}

#[test]
fn a_disconnect_may_change_how_long_its_session_stays_but_not_begin_it() {
    let mut bench = Bench::new();
    let brief = |expiry_s| {
        let goodbye = crate::codec::Disconnect::new(ReasonCode::SUCCESS);
        let goodbye = crate::codec::Disconnect { session_expiry_s: Some(expiry_s), ..goodbye };
        bench::bytes_of(Version::V5, &Packet::Disconnect(goodbye))
    };
    let gone = bench.join(&staying(Version::V5, "gone"));
    bench.say(gone, &brief(5));
    bench.wait_s(6);
    let back = bench.open(&staying(Version::V5, "gone"));
    assert_eq!(bench.hears(back), ["connack 00"]);
    let never = bench.join(&connect(Version::V5, "never"));
    bench.say(never, &brief(5));
    assert_eq!(bench.hears(never), ["disconnect 82"]);
}

#[test]
fn what_is_in_flight_when_the_connection_breaks_comes_again_with_dup() {
    for version in BOTH {
        let mut bench = Bench::new();
        let gone = bench.join(&staying(version, "gone"));
        bench.subscribe(gone, "a", EXACTLY_ONCE);
        let other = bench.join(&connect(version, "other"));
        bench.send(other, "a", "one", AT_LEAST_ONCE);
        bench.send(other, "a", "two", EXACTLY_ONCE);
        assert_eq!(bench.hears(gone), ["a 'one' q1 #1", "a 'two' q2 #2"]);
        bench.cut(gone);
        let back = bench.join(&staying(version, "gone"));
        assert_eq!(bench.hears(back), ["a 'one' q1 #1 dup", "a 'two' q2 #2 dup"]);
        bench.say(back, &[0x40, 2, 0, 1, 0x50, 2, 0, 2, 0x70, 2, 0, 2]);
        assert_eq!(bench.hears(back), ["pubrel 2 00"]);
    }
}

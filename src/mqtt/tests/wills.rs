//! Wills: when they are published, and when not.
use super::bench::{bytes_of, connect, staying};
use super::*;
use crate::codec::{Connect, Disconnect, Packet, Will};

const WILL: Will<'static> = Will {
    topic: "will",
    payload: b"gone",
    qos: QoS::AtLeastOnce,
    retain: false,
    delay_s: None,
    properties: crate::codec::MessageProperties {
        payload_format: None,
        expiry_s: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: crate::codec::UserProperties::new(&[]),
    },
};

fn with_will<'a>(connect: &Connect<'a>) -> Connect<'a> {
    Connect { will: Some(WILL), ..*connect }
}

fn delayed<'a>(connect: &Connect<'a>, delay_s: u32) -> Connect<'a> {
    Connect { will: Some(Will { delay_s: Some(delay_s), ..WILL }), ..*connect }
}

/// A bench and a client on it that listens to wills.
fn listened(version: Version) -> (Bench, Conn) {
    let mut bench = Bench::new();
    let listener = bench.join(&connect(version, "listener"));
    bench.subscribe(listener, "will", AT_LEAST_ONCE);
    (bench, listener)
}

fn goodbye(reason: ReasonCode) -> Vec<u8> {
    bytes_of(Version::V5, &Packet::Disconnect(Disconnect::new(reason)))
}

const HEARD: [&str; 1] = ["will 'gone' q1 #1"];

#[test]
fn v311_3_1_2_8_v5_3_1_2_7_a_will_is_stored_and_published_when_the_connection_breaks() {
    for version in BOTH {
        let (mut bench, listener) = listened(version);
        let anna = bench.join(&with_will(&connect(version, "anna")));
        assert!(bench.hears(listener).is_empty());
        bench.cut(anna);
        assert_eq!(bench.hears(listener), HEARD, "{version:?}");
    }
}

#[test]
fn v5_3_1_2_8_a_will_waits_for_its_delay_or_the_end_of_its_session() {
    let (mut bench, listener) = listened(Version::V5);
    let anna = bench.join(&delayed(&staying(Version::V5, "anna"), 10));
    bench.cut(anna);
    bench.wait_s(9);
    assert!(bench.hears(listener).is_empty(), "the delay is not over");
    bench.wait_s(2);
    assert_eq!(bench.hears(listener), HEARD);
    let (mut bench, listener) = listened(Version::V5);
    let brief = bench.join(&delayed(&connect(Version::V5, "brief"), 10));
    bench.cut(brief);
    assert_eq!(bench.hears(listener), HEARD, "the session ended first");
}

#[test]
fn a_will_is_published_after_a_disconnect_with_any_reason_but_success() {
    for reason in [0x04, 0x80, 0x81, 0x97] {
        let (mut bench, listener) = listened(Version::V5);
        let anna = bench.join(&with_will(&connect(Version::V5, "anna")));
        bench.say(anna, &[0xE0, 1, reason]);
        assert_eq!(bench.hears(listener), HEARD, "{reason:02x}");
    }
}

#[test]
fn a_will_is_published_when_the_client_breaks_a_rule() {
    for version in BOTH {
        let (mut bench, listener) = listened(version);
        let anna = bench.join(&with_will(&connect(version, "anna")));
        bench.say(anna, &[0xD0, 0]);
        assert_eq!(bench.hears(listener), HEARD, "{version:?}");
    }
}

#[test]
fn a_will_is_published_when_its_connection_is_taken_over() {
    for version in BOTH {
        let (mut bench, listener) = listened(version);
        bench.join(&with_will(&staying(version, "anna")));
        bench.join(&staying(version, "anna"));
        assert_eq!(bench.hears(listener), HEARD, "{version:?}");
    }
}

#[test]
fn mqtt_3_1_2_10_a_will_is_published_once() {
    for version in BOTH {
        let (mut bench, listener) = listened(version);
        let anna = bench.join(&with_will(&staying(version, "anna")));
        bench.cut(anna);
        assert_eq!(bench.hears(listener), HEARD);
        let back = bench.join(&staying(version, "anna"));
        bench.cut(back);
        bench.wait_s(1_000);
        assert!(bench.hears(listener).is_empty(), "{version:?}");
    }
}

#[test]
fn v311_3_1_2_12_without_a_will_none_is_published() {
    for version in BOTH {
        let mut bench = Bench::new();
        let listener = bench.join(&connect(version, "listener"));
        bench.subscribe(listener, "#", AT_LEAST_ONCE);
        let anna = bench.join(&connect(version, "anna"));
        bench.cut(anna);
        assert!(bench.hears(listener).is_empty(), "{version:?}");
    }
}

/// What a client hears that subscribes after a will with this RETAIN was published.
fn heard_later(version: Version, retain: bool) -> Vec<String> {
    let mut bench = Bench::new();
    let will = Some(Will { retain, ..WILL });
    let anna = bench.join(&Connect { will, ..connect(version, "anna") });
    bench.cut(anna);
    let late = bench.join(&connect(version, "late"));
    bench.subscribe(late, "will", AT_LEAST_ONCE)
}

#[test]
fn v311_3_1_2_16_v5_3_1_2_14_a_will_without_retain_is_not_retained() {
    assert!(BOTH.into_iter().all(|version| heard_later(version, false).is_empty()));
}

#[test]
fn v311_3_1_2_17_v5_3_1_2_15_a_will_with_retain_is_retained() {
    for version in BOTH {
        assert_eq!(heard_later(version, true), ["will 'gone' q1 #1 retain"], "{version:?}");
    }
}

#[test]
fn v5_3_1_3_9_a_new_connection_within_the_delay_cancels_the_will() {
    let (mut bench, listener) = listened(Version::V5);
    let anna = bench.join(&delayed(&staying(Version::V5, "anna"), 10));
    bench.cut(anna);
    bench.wait_s(5);
    bench.join(&staying(Version::V5, "anna"));
    bench.wait_s(1_000);
    assert!(bench.hears(listener).is_empty());
}

#[test]
fn v5_3_1_3_10_user_properties_of_a_will_keep_their_order() {
    let (mut bench, listener) = listened(Version::V5);
    let pairs = [("b", "2"), ("a", "1"), ("b", "3")];
    let user_properties = crate::codec::UserProperties::new(&pairs);
    let properties = crate::codec::MessageProperties { user_properties, ..WILL.properties };
    let will = Some(Will { properties, ..WILL });
    let anna = bench.join(&Connect { will, ..connect(Version::V5, "anna") });
    bench.cut(anna);
    let packet = bench.packet(listener);
    let heard = crate::codec::decode_publish(Version::V5, &packet).unwrap();
    assert_eq!(heard.properties.message.user_properties, user_properties);
}

#[test]
fn mqtt_3_14_4_3_a_disconnect_discards_the_will() {
    for version in BOTH {
        let (mut bench, listener) = listened(version);
        let anna = bench.join(&with_will(&staying(version, "anna")));
        bench.say(anna, &goodbye(ReasonCode::SUCCESS)[..2]);
        bench.wait_s(1_000);
        assert!(bench.hears(listener).is_empty(), "{version:?}");
    }
}

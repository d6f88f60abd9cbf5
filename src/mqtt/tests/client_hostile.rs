//! Clients that say anything at any time, and what is too much.
use super::bench::{bytes_of, connect, id, staying};
use super::*;
use crate::codec::{Packet, Publish, Subscribe, SubscribeFilters, Subscription, UserProperties};

/// Brings a client into a state; nothing is left to be heard.
type Lead = fn(&mut Bench, Version) -> Conn;

fn joined(bench: &mut Bench, version: Version) -> Conn {
    let conn = bench.join(&staying(version, "hostile"));
    bench.subscribe(conn, "a/#", EXACTLY_ONCE);
    conn
}

/// A client with a message of this QoS on its way to it, under identifier 1.
fn awaited(bench: &mut Bench, version: Version, qos: QoS) -> Conn {
    let conn = joined(bench, version);
    let other = bench.join(&connect(version, "other"));
    bench.send(other, "a/b", "x", qos);
    bench.hears(conn);
    conn
}

/// Every state a client can be in, by what leads there.
const STATES: [(&str, Lead); 6] = [
    ("fresh", |bench, version| bench.join(&connect(version, "hostile"))),
    ("subscribed", joined),
    ("QoS 1 on its way", |bench, version| awaited(bench, version, AT_LEAST_ONCE)),
    ("QoS 2 on its way", |bench, version| awaited(bench, version, EXACTLY_ONCE)),
    ("QoS 2 to be completed", |bench, version| {
        let conn = awaited(bench, version, EXACTLY_ONCE);
        bench.say(conn, &[0x50, 2, 0, 1]);
        bench.hears(conn);
        conn
    }),
    ("QoS 2 to be released", |bench, version| {
        let conn = joined(bench, version);
        let publish = Publish { topic: "b", qos: EXACTLY_ONCE, ..Publish::default() };
        bench.publish(conn, &Publish { packet_id: Some(id(1)), ..publish });
        bench.hears(conn);
        conn
    }),
];

/// Bodies that packets of some type have, and some that no packet has.
const BODIES: [&[u8]; 9] = [
    b"",
    b"\x00",
    b"\x00\x01",
    b"\x00\x01\x00",
    b"\x00\x01\x00\x00",
    b"\x00\x01a\x00\x01\x00",
    b"\x00\x01\x00\x00\x01a\x00",
    b"\x00\x04MQTT\x05\x02\x00\x3C\x00\x00\x01a",
    b"\xFF\xFF\xFF\xFF\xFF\xFF",
];

#[test]
fn every_packet_in_every_state_is_taken_or_ends_the_connection_and_nobody_elses() {
    for version in BOTH {
        for (state, lead) in STATES {
            for first in 0..=0xFF_u8 {
                let mut bench = Bench::new();
                let bystander = bench.join(&connect(version, "bystander"));
                for body in BODIES {
                    let conn = lead(&mut bench, version);
                    let frame = [&[first, u8::try_from(body.len()).unwrap()], body].concat();
                    bench.say(conn, &frame);
                    bench.hears(conn);
                    let welcome = matches!(first >> 4, 3..=8 | 10 | 12 | 14);
                    let ended = bench.closed(conn);
                    assert!(welcome || ended.is_some(), "{state} {version:?} {frame:02x?}");
                    bench.cut(conn);
                    // The next begins anew.
                    let cleaner = bench.join(&connect(version, "hostile"));
                    bench.cut(cleaner);
                }
                bench.hears(bystander);
                assert_eq!(bench.closed(bystander), None);
            }
        }
    }
}

#[test]
fn what_only_servers_send_is_a_protocol_error_in_every_state() {
    for (state, lead) in STATES {
        for first in [0x20, 0x90, 0xB0, 0xD0] {
            let mut bench = Bench::new();
            let conn = lead(&mut bench, Version::V5);
            bench.say(conn, &[first, 0]);
            assert_eq!(bench.hears(conn), ["disconnect 82"], "{state} {first:02x}");
        }
    }
}

#[test]
fn sixty_five_thousand_slashes_are_no_filter_and_no_topic() {
    let slashes = "/".repeat(65_000);
    for (version, code) in BOTH.into_iter().zip(["80", "8f"]) {
        let mut bench = Bench::new();
        let anna = bench.join(&connect(version, "anna"));
        let entries = [Subscription { filter: &slashes, ..Subscription::default() }];
        let subscribe = Subscribe {
            packet_id: id(1),
            subscription_id: None,
            user_properties: UserProperties::default(),
            filters: SubscribeFilters::new(&entries),
        };
        bench.say(anna, &bytes_of(version, &Packet::Subscribe(subscribe)));
        assert_eq!(bench.hears(anna), [format!("suback 1 {code}")]);
        bench.publish(anna, &Publish { topic: &slashes, ..Publish::default() });
        assert_eq!(bench.closed(anna), Some(ReasonCode::TOPIC_NAME_INVALID));
    }
}

#[test]
fn a_client_with_more_in_flight_than_announced_is_told_so() {
    let mut bench = Bench::new();
    let anna = bench.join(&connect(Version::V5, "anna"));
    for packet_id in 1..=21 {
        let publish = Publish { topic: "a", qos: EXACTLY_ONCE, ..Publish::default() };
        bench.publish(anna, &Publish { packet_id: Some(id(packet_id)), ..publish });
    }
    let heard = bench.hears(anna);
    assert_eq!((heard.len(), heard[20].as_str()), (21, "disconnect 93"));
}

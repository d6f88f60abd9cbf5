//! CONNECT and CONNACK: sessions found again or begun, take-over, what is granted.
use super::bench::{connect, decoded, id, staying};
use super::*;
use crate::codec::{Connack, Connect, Packet, Publish, PublishProperties};
use crate::mqtt::greeting::{connack_fits, kept_alive_s};

/// Connects and gives the CONNACK to `read`.
fn welcomed<T>(bench: &mut Bench, connect: &Connect<'_>, read: impl Fn(&Connack<'_>) -> T) -> T {
    let conn = bench.open(connect);
    let packet = bench.packet(conn);
    let Packet::Connack(connack) = decoded(connect.version, &packet) else { panic!("{packet:?}") };
    read(&connack)
}

fn is_present(bench: &mut Bench, connect: &Connect<'_>) -> bool {
    welcomed(bench, connect, |connack| connack.session_present)
}

/// A session that subscribes to `a` and whose connection is cut.
fn left_behind(bench: &mut Bench, version: Version) {
    let gone = bench.join(&staying(version, "gone"));
    bench.subscribe(gone, "a", AT_LEAST_ONCE);
    bench.cut(gone);
}

#[test]
fn v311_3_1_2_6_v5_3_1_2_4_a_clean_start_discards_the_session() {
    for version in BOTH {
        let mut bench = Bench::new();
        left_behind(&mut bench, version);
        let back = bench.join(&connect(version, "gone"));
        let other = bench.join(&connect(version, "other"));
        bench.send(other, "a", "x", AT_LEAST_ONCE);
        assert!(bench.hears(back).is_empty(), "{version:?}");
    }
}

#[test]
fn v311_3_1_4_3_v5_3_1_4_4_a_clean_start_discards_a_session_that_is_connected() {
    for version in BOTH {
        let mut bench = Bench::new();
        let first = bench.join(&staying(version, "anna"));
        bench.subscribe(first, "a", AT_LEAST_ONCE);
        let second = bench.join(&connect(version, "anna"));
        bench.send(second, "a", "x", AT_MOST_ONCE);
        assert!(bench.hears(second).is_empty(), "{version:?}");
    }
}

#[test]
fn v311_3_2_2_1_v5_3_2_2_2_after_a_clean_start_no_session_is_present() {
    for version in BOTH {
        let mut bench = Bench::new();
        left_behind(&mut bench, version);
        assert!(!is_present(&mut bench, &connect(version, "gone")));
    }
}

#[test]
fn v311_3_1_2_4_v5_3_1_2_5_and_6_without_a_clean_start_a_session_goes_on_or_begins() {
    for version in BOTH {
        let mut bench = Bench::new();
        left_behind(&mut bench, version);
        let other = bench.join(&staying(version, "other"));
        bench.send(other, "a", "x", AT_LEAST_ONCE);
        let back = bench.join(&staying(version, "gone"));
        assert_eq!(bench.hears(back), ["a 'x' q1 #1"], "{version:?}");
    }
}

#[test]
fn v311_3_2_2_2_and_3_v5_3_2_2_3_session_present_says_whether_there_was_one() {
    for version in BOTH {
        let mut bench = Bench::new();
        left_behind(&mut bench, version);
        assert!(is_present(&mut bench, &staying(version, "gone")));
        assert!(!is_present(&mut bench, &staying(version, "new")));
    }
}

#[test]
fn v311_3_1_2_5_messages_above_qos_0_wait_for_a_session_that_stays() {
    let mut bench = Bench::new();
    left_behind(&mut bench, Version::V311);
    let other = bench.join(&connect(Version::V311, "other"));
    bench.send(other, "a", "lost", AT_MOST_ONCE);
    bench.send(other, "a", "one", AT_LEAST_ONCE);
    bench.send(other, "a", "two", EXACTLY_ONCE);
    let back = bench.join(&staying(Version::V311, "gone"));
    assert_eq!(bench.hears(back), ["a 'one' q1 #1", "a 'two' q1 #2"], "at the granted QoS");
}

#[test]
fn mqtt_3_1_3_2_the_client_identifier_names_the_session() {
    for version in BOTH {
        let mut bench = Bench::new();
        left_behind(&mut bench, version);
        assert!(!is_present(&mut bench, &staying(version, "Gone")));
        assert!(is_present(&mut bench, &staying(version, "gone")));
    }
}

#[test]
fn v311_3_1_4_2_v5_3_1_4_3_a_second_connection_of_a_client_ends_its_first() {
    for version in BOTH {
        let mut bench = Bench::new();
        let first = bench.join(&connect(version, "anna"));
        let second = bench.join(&connect(version, "anna"));
        let said: &[&str] = if version.is_v5() { &["disconnect 8e"] } else { &[] };
        assert_eq!(bench.hears(first), said);
        assert_eq!(bench.closed(first), Some(ReasonCode::SESSION_TAKEN_OVER));
        assert_eq!(bench.closed(second), None);
    }
}

#[test]
fn v5_3_14_2_2_the_server_says_no_session_expiry_when_it_disconnects() {
    let mut bench = Bench::new();
    let first = bench.join(&staying(Version::V5, "anna"));
    bench.join(&staying(Version::V5, "anna"));
    let packet = bench.packet(first);
    let Packet::Disconnect(said) = decoded(Version::V5, &packet) else { panic!("{packet:?}") };
    assert_eq!(said.session_expiry_s, None);
}

#[test]
fn v5_3_1_2_28_v5_4_12_0_6_nothing_is_granted_that_was_not_asked_for() {
    let mut bench = Bench::new();
    let mut asks = connect(Version::V5, "asks");
    asks.properties.request_response_information = Some(false);
    for connect in [asks, connect(Version::V5, "silent")] {
        welcomed(&mut bench, &connect, |connack| {
            assert_eq!(connack.properties.response_information, None);
            assert_eq!(connack.properties.authentication_method, None);
            assert_eq!(connack.properties.authentication_data, None);
        });
    }
}

#[test]
fn v5_3_2_2_22_without_a_server_keep_alive_the_clients_holds() {
    let mut bench = Bench::new();
    for (asked_s, told_s, held_s) in [(60, None, 60), (0, Some(1_200), 1_200)] {
        let connect = Connect { keep_alive_s: asked_s, ..connect(Version::V5, "anna") };
        let told = welcomed(&mut bench, &connect, |connack| connack.properties.server_keep_alive_s);
        assert_eq!((told, kept_alive_s(&connect, &bench.limits)), (told_s, held_s));
    }
}

#[test]
fn v5_3_1_2_24_a_client_that_cannot_take_its_connack_is_refused() {
    let limits = Bench::new().limits;
    let fits = |bytes| {
        let mut connect = connect(Version::V5, "tiny");
        connect.properties.maximum_packet_size = std::num::NonZeroU32::new(bytes);
        connack_fits(&connect, &limits)
    };
    assert!(!fits(10));
    assert!(fits(64));
}

/// A message with a topic alias, and a topic unless it is empty.
fn aliased(topic: &str, alias: u16) -> Publish<'_> {
    let properties = PublishProperties { topic_alias: Some(id(alias)), ..Default::default() };
    Publish { topic, properties, payload: b"x", ..Publish::default() }
}

#[test]
fn v5_3_3_2_7_aliases_end_with_their_connection() {
    let mut bench = Bench::new();
    let first = bench.join(&staying(Version::V5, "anna"));
    bench.publish(first, &aliased("a", 1));
    bench.publish(first, &aliased("", 1));
    assert!(bench.hears(first).is_empty());
    bench.cut(first);
    let second = bench.join(&staying(Version::V5, "anna"));
    bench.publish(second, &aliased("", 1));
    assert_eq!(bench.hears(second), ["disconnect 94"]);
}

#[test]
fn v5_3_2_2_18_a_server_without_an_alias_maximum_takes_no_alias() {
    let mut bench = Bench::new();
    std::sync::Arc::make_mut(&mut bench.limits).packets.topic_alias_maximum = 0;
    let anna = bench.join(&connect(Version::V5, "anna"));
    bench.publish(anna, &aliased("a", 1));
    assert_eq!(bench.hears(anna), ["disconnect 94"]);
}

#[test]
fn v5_3_1_2_27_a_client_that_takes_no_alias_gets_none() {
    for maximum in [None, Some(0)] {
        let mut bench = Bench::new();
        let mut connect = connect(Version::V5, "anna");
        connect.properties.topic_alias_maximum = maximum;
        let anna = bench.join(&connect);
        bench.subscribe(anna, "#", AT_MOST_ONCE);
        let other = bench.join(&bench::connect(Version::V5, "other"));
        for _ in 0..3 {
            bench.publish(other, &aliased("a/long/topic", 1));
        }
        assert_eq!(bench.hears(anna), ["a/long/topic 'x'"; 3], "with its topic, and no alias");
    }
}

#[test]
fn v5_3_1_2_29_nothing_is_explained_to_a_client_that_does_not_want_it() {
    let mut bench = Bench::new();
    let mut connect = connect(Version::V5, "anna");
    connect.properties.request_problem_information = Some(false);
    let anna = bench.join(&connect);
    let refused = Publish { topic: "$SYS/x", qos: AT_LEAST_ONCE, ..Publish::default() };
    bench.publish(anna, &Publish { packet_id: Some(id(3)), ..refused });
    bench.unsubscribe(anna, 4, &["nothing"]);
    bench.say(anna, &[0x62, 2, 0, 9]);
    // Words are made of packets without reason strings and user properties.
    assert_eq!(bench.hears(anna), ["puback 3 87", "unsuback 4 11", "pubcomp 9 92"]);
}

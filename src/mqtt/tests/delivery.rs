//! How messages reach everybody who subscribed: all of them, in order, or with a word.
use super::bench::{connect, id, staying};
use super::*;
use crate::codec::Publish;

#[test]
fn mqtt_4_5_0_1_a_message_is_added_to_every_session_with_a_matching_subscription() {
    for version in BOTH {
        let mut bench = Bench::new();
        let here = bench.join(&connect(version, "here"));
        bench.subscribe(here, "a/#", AT_LEAST_ONCE);
        let away = bench.join(&staying(version, "away"));
        bench.subscribe(away, "+/b", AT_LEAST_ONCE);
        bench.cut(away);
        let other = bench.join(&connect(version, "other"));
        bench.subscribe(other, "b/#", AT_LEAST_ONCE);
        let publisher = bench.join(&connect(version, "publisher"));
        bench.send(publisher, "a/b", "x", AT_LEAST_ONCE);
        assert_eq!(bench.hears(here), ["a/b 'x' q1 #1"]);
        assert!(bench.hears(other).is_empty());
        let back = bench.join(&staying(version, "away"));
        assert_eq!(bench.hears(back), ["a/b 'x' q1 #1"], "{version:?}");
    }
}

#[test]
fn mqtt_4_6_0_5_and_6_messages_of_a_publisher_arrive_in_its_order() {
    for version in BOTH {
        for qos in [AT_MOST_ONCE, AT_LEAST_ONCE, EXACTLY_ONCE] {
            let mut bench = Bench::new();
            let subscriber = bench.join(&staying(version, "subscriber"));
            bench.subscribe(subscriber, "#", qos);
            let publisher = bench.join(&connect(version, "publisher"));
            for number in 0..15 {
                bench.send(publisher, "any/topic", &number.to_string(), qos);
            }
            let heard = bench.hears(subscriber);
            let order: Vec<_> = heard.iter().map(|word| word.split('\'').nth(1).unwrap()).collect();
            let expected: Vec<_> = (0..15).map(|number| number.to_string()).collect();
            assert_eq!(order, expected, "{version:?} {qos:?}");
        }
    }
}

#[test]
fn v311_3_3_5_2_a_message_that_may_not_be_published_closes_or_has_a_reason() {
    for (qos, answer) in [(AT_LEAST_ONCE, "puback 5 87"), (EXACTLY_ONCE, "pubrec 5 87")] {
        for topic in ["$SYS/load", "devices/7/state"] {
            let publish = Publish { topic, qos, packet_id: Some(id(5)), ..Publish::default() };
            let mut bench = Bench::new();
            let old = bench.join(&connect(Version::V311, "old"));
            bench.publish(old, &publish);
            assert_eq!(bench.closed(old), Some(ReasonCode::NOT_AUTHORIZED));
            let new = bench.join(&connect(Version::V5, "new"));
            bench.publish(new, &publish);
            assert_eq!(bench.hears(new), [answer]);
            assert_eq!(bench.closed(new), None);
        }
    }
}

#[test]
fn v311_4_8_0_2_a_message_that_cannot_be_stored_closes_the_connection() {
    for version in BOTH {
        let mut bench = Bench::new();
        let anna = bench.join(&connect(version, "anna"));
        bench.store_fails = true;
        let publish =
            Publish { topic: "a", qos: AT_LEAST_ONCE, retain: true, ..Publish::default() };
        bench.publish(anna, &Publish { packet_id: Some(id(5)), payload: b"x", ..publish });
        let said: &[&str] = if version.is_v5() { &["disconnect 83"] } else { &[] };
        assert_eq!(bench.hears(anna), said, "and no PUBACK");
        assert!(bench.closed(anna).is_some());
    }
}

#[test]
fn every_property_of_a_message_reaches_its_subscribers() {
    let mut bench = Bench::new();
    let subscriber = bench.join(&connect(Version::V5, "subscriber"));
    bench.subscribe(subscriber, "a", AT_MOST_ONCE);
    let publisher = bench.join(&connect(Version::V5, "publisher"));
    let pairs = [("b", "2"), ("a", "1"), ("b", "3")];
    let mut publish = Publish { topic: "a", payload: b"question", ..Publish::default() };
    publish.properties.message = crate::codec::MessageProperties {
        payload_format: Some(crate::codec::PayloadFormat::Utf8),
        expiry_s: Some(60),
        content_type: Some("text/plain"),
        response_topic: Some("answers/7"),
        correlation_data: Some(&[7, 0, 255]),
        user_properties: crate::codec::UserProperties::new(&pairs),
    };
    bench.publish(publisher, &publish);
    let packet = bench.packet(subscriber);
    assert_eq!(crate::codec::decode_publish(Version::V5, &packet), Ok(publish));
}

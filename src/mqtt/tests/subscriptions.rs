//! SUBSCRIBE and UNSUBSCRIBE: their answers, and what follows from them.
use super::bench::{bytes_of, connect, id};
use super::*;
use crate::codec::{Packet, Publish, Subscribe, SubscribeFilters, Subscription, UserProperties};

/// A SUBSCRIBE under identifier 258 to these filters.
fn subscribe(version: Version, filters: &[(&str, QoS)]) -> Vec<u8> {
    let entries: Vec<_> = filters
        .iter()
        .map(|(filter, qos)| Subscription { filter, qos: *qos, ..Subscription::default() })
        .collect();
    let filters = SubscribeFilters::new(&entries);
    let user_properties = UserProperties::default();
    let packet_id = id(258);
    let subscribe = Subscribe { packet_id, subscription_id: None, user_properties, filters };
    bytes_of(version, &Packet::Subscribe(subscribe))
}

/// A bench with a publisher and a subscriber to these filters.
fn subscribed(version: Version, filters: &[(&str, QoS)]) -> (Bench, Conn, Conn) {
    let mut bench = Bench::new();
    let publisher = bench.join(&connect(version, "publisher"));
    let subscriber = bench.join(&connect(version, "subscriber"));
    bench.say(subscriber, &subscribe(version, filters));
    bench.packet(subscriber);
    (bench, publisher, subscriber)
}

#[test]
fn v311_2_3_1_7_v5_2_2_1_6_mqtt_3_8_4_1_and_2_a_subscribe_is_answered_under_its_identifier() {
    for version in BOTH {
        let mut bench = Bench::new();
        let anna = bench.join(&connect(version, "anna"));
        bench.say(anna, &subscribe(version, &[("a", AT_MOST_ONCE)]));
        assert_eq!(bench.hears(anna), ["suback 258 00"], "{version:?}");
        bench.unsubscribe(anna, 259, &["a"]);
        let codes = if version.is_v5() { " 00" } else { "" };
        assert_eq!(bench.hears(anna), [format!("unsuback 259{codes}")]);
    }
}

#[test]
fn v311_3_8_4_4_v5_3_8_4_5_many_filters_are_many_subscriptions_with_one_answer() {
    for version in BOTH {
        let mut bench = Bench::new();
        let anna = bench.join(&connect(version, "anna"));
        let filters = [("a", AT_MOST_ONCE), ("b", AT_LEAST_ONCE), ("a", AT_LEAST_ONCE)];
        bench.say(anna, &subscribe(version, &filters));
        assert_eq!(bench.hears(anna), ["suback 258 00 01 01"]);
        let other = bench.join(&connect(version, "other"));
        bench.send(other, "a", "x", AT_LEAST_ONCE);
        bench.send(other, "b", "y", AT_LEAST_ONCE);
        assert_eq!(bench.hears(anna), ["a 'x' q1 #1", "b 'y' q1 #2"], "{version:?}");
    }
}

/// Filters of which the second is refused.
const REFUSED_SECOND: [(&str, QoS); 3] =
    [("a", QoS::ExactlyOnce), ("refused/#", QoS::AtMostOnce), ("b", QoS::AtLeastOnce)];

fn refuses_second(version: Version) -> Vec<String> {
    let refused_filters = Box::from(["refused/#".to_owned()]);
    let limits = crate::space::SpaceLimits { refused_filters, ..Default::default() };
    let mut bench = Bench::limited(limits);
    let anna = bench.join(&connect(version, "anna"));
    bench.say(anna, &subscribe(version, &REFUSED_SECOND));
    bench.hears(anna)
}

#[test]
fn v311_3_8_4_5_v5_3_8_4_6_and_7_a_suback_says_the_granted_qos_or_the_failure_of_each() {
    for version in BOTH {
        assert_eq!(refuses_second(version), ["suback 258 02 80 01"], "{version:?}");
    }
}

#[test]
fn mqtt_3_9_3_1_a_suback_has_the_order_of_the_filters() {
    for version in BOTH {
        let mut bench = Bench::new();
        let anna = bench.join(&connect(version, "anna"));
        let filters = [("c", AT_LEAST_ONCE), ("a", EXACTLY_ONCE), ("b", AT_MOST_ONCE)];
        bench.say(anna, &subscribe(version, &filters));
        assert_eq!(bench.hears(anna), ["suback 258 01 02 00"], "{version:?}");
    }
}

#[test]
fn v311_3_8_4_6_v5_3_8_4_8_a_message_comes_at_the_lower_of_its_and_the_granted_qos() {
    let all = [AT_MOST_ONCE, AT_LEAST_ONCE, EXACTLY_ONCE];
    for (version, granted) in BOTH.into_iter().flat_map(|version| all.map(|qos| (version, qos))) {
        for qos in all {
            let (mut bench, publisher, subscriber) = subscribed(version, &[("a", granted)]);
            bench.send(publisher, "a", "x", qos);
            let expected = match qos.min(granted) {
                QoS::AtMostOnce => "a 'x'",
                QoS::AtLeastOnce => "a 'x' q1 #1",
                QoS::ExactlyOnce => "a 'x' q2 #1",
            };
            assert_eq!(bench.hears(subscriber), [expected], "{version:?}");
        }
    }
}

#[test]
fn mqtt_3_10_4_1_only_the_same_filter_to_the_letter_is_taken_back() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = subscribed(version, &[("a/+", AT_MOST_ONCE)]);
        bench.unsubscribe(subscriber, 2, &["a/b", "a/#", "A/+", "+/+", "a/+/"]);
        bench.hears(subscriber);
        bench.send(publisher, "a/b", "still", AT_MOST_ONCE);
        assert_eq!(bench.hears(subscriber), ["a/b 'still'"], "{version:?}");
    }
}

#[test]
fn mqtt_3_10_4_2_no_message_comes_after_an_unsubscribe() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = subscribed(version, &[("a", AT_LEAST_ONCE)]);
        bench.unsubscribe(subscriber, 2, &["a"]);
        bench.hears(subscriber);
        bench.send(publisher, "a", "x", AT_LEAST_ONCE);
        assert!(bench.hears(subscriber).is_empty(), "{version:?}");
    }
}

#[test]
fn mqtt_3_10_4_3_deliveries_that_have_begun_go_on_after_an_unsubscribe() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = subscribed(version, &[("a", EXACTLY_ONCE)]);
        bench.send(publisher, "a", "x", EXACTLY_ONCE);
        assert_eq!(bench.hears(subscriber), ["a 'x' q2 #1"]);
        bench.unsubscribe(subscriber, 2, &["a"]);
        bench.hears(subscriber);
        bench.say(subscriber, &[0x50, 2, 0, 1]);
        assert_eq!(bench.hears(subscriber), ["pubrel 1 00"], "{version:?}");
    }
}

#[test]
fn mqtt_3_10_4_4_and_5_an_unsubscribe_is_answered_even_if_nothing_was_subscribed() {
    for (version, expected) in BOTH.into_iter().zip(["unsuback 7", "unsuback 7 11"]) {
        let mut bench = Bench::new();
        let anna = bench.join(&connect(version, "anna"));
        bench.unsubscribe(anna, 7, &["nothing"]);
        assert_eq!(bench.hears(anna), [expected]);
    }
}

#[test]
fn mqtt_3_10_4_6_v5_3_11_3_1_many_filters_have_one_answer_in_their_order() {
    for (version, expected) in BOTH.into_iter().zip(["unsuback 7", "unsuback 7 00 11 00"]) {
        let filters = [("a", AT_MOST_ONCE), ("b", AT_MOST_ONCE)];
        let (mut bench, publisher, subscriber) = subscribed(version, &filters);
        bench.unsubscribe(subscriber, 7, &["b", "nothing", "a"]);
        assert_eq!(bench.hears(subscriber), [expected]);
        bench.send(publisher, "a", "x", AT_MOST_ONCE);
        assert!(bench.hears(subscriber).is_empty());
    }
}

#[test]
fn mqtt_3_12_4_1_a_ping_is_answered() {
    for version in BOTH {
        let mut bench = Bench::new();
        let anna = bench.join(&connect(version, "anna"));
        bench.say(anna, &[0xC0, 0]);
        assert_eq!(bench.hears(anna), ["pingresp"]);
    }
}

#[test]
fn v5_3_8_3_3_no_local_keeps_a_clients_messages_from_itself() {
    let mut bench = Bench::new();
    let anna = bench.join(&connect(Version::V5, "anna"));
    let other = bench.join(&connect(Version::V5, "other"));
    let entry = Subscription { filter: "a", no_local: true, ..Subscription::default() };
    bench.subscribe_as(anna, &[entry], None);
    bench.send(anna, "a", "own", AT_MOST_ONCE);
    bench.send(other, "a", "foreign", AT_MOST_ONCE);
    assert_eq!(bench.hears(anna), ["a 'foreign'"]);
}

#[test]
fn v311_3_3_5_1_v5_3_3_4_2_overlapping_subscriptions_deliver_at_the_highest_qos() {
    for version in BOTH {
        let filters = [("a/#", AT_MOST_ONCE), ("a/+", EXACTLY_ONCE), ("a/b", AT_LEAST_ONCE)];
        let (mut bench, publisher, subscriber) = subscribed(version, &filters);
        bench.send(publisher, "a/b", "x", EXACTLY_ONCE);
        assert_eq!(bench.hears(subscriber), ["a/b 'x' q2 #1"], "{version:?}");
    }
}

#[test]
fn v5_3_3_4_3_and_4_a_message_bears_the_identifiers_of_all_that_took_it() {
    let mut bench = Bench::new();
    let anna = bench.join(&connect(Version::V5, "anna"));
    for (filter, subscription_id) in [("a/#", Some(1)), ("a/+", Some(268_435_455)), ("a/b", None)] {
        let entry = Subscription { filter, ..Subscription::default() };
        bench.subscribe_as(anna, &[entry], subscription_id);
    }
    let other = bench.join(&connect(Version::V5, "other"));
    bench.send(other, "a/b", "x", AT_MOST_ONCE);
    bench.send(other, "a", "y", AT_MOST_ONCE);
    let mut heard = bench.hears(anna);
    heard[0] = heard[0].replace("ids 268435455,1", "ids 1,268435455");
    assert_eq!(heard, ["a/b 'x' ids 1,268435455", "a 'y' ids 1"]);
}

#[test]
fn mqtt_3_3_2_3_a_message_comes_under_a_topic_that_the_filter_takes() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = subscribed(version, &[("a/+/c", AT_MOST_ONCE)]);
        for topic in ["a/b/c", "a//c", "a/b", "a/b/c/d", "b/a/c"] {
            bench.publish(publisher, &Publish { topic, ..Publish::default() });
        }
        assert_eq!(bench.hears(subscriber), ["a/b/c ''", "a//c ''"], "{version:?}");
    }
}

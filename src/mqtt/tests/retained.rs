//! Retained messages: which are kept, and who gets them.
use super::bench::connect;
use super::*;
use crate::codec::{Publish, RetainHandling, Subscription};

/// A bench with a publisher and a subscriber, of which nobody has said anything yet.
fn two(version: Version) -> (Bench, Conn, Conn) {
    let mut bench = Bench::new();
    let publisher = bench.join(&connect(version, "publisher"));
    let subscriber = bench.join(&connect(version, "subscriber"));
    (bench, publisher, subscriber)
}

#[test]
fn mqtt_3_3_1_5_a_message_with_retain_is_kept_with_its_qos_in_place_of_the_older() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = two(version);
        bench.retain(publisher, "a", "old", EXACTLY_ONCE);
        bench.retain(publisher, "a", "new", AT_LEAST_ONCE);
        let heard = bench.subscribe(subscriber, "a", EXACTLY_ONCE);
        assert_eq!(heard, ["a 'new' q1 #1 retain"], "{version:?}");
    }
}

#[test]
fn v311_3_3_1_6_and_8_v5_3_3_1_9_a_new_subscription_gets_what_is_retained_with_retain_set() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = two(version);
        for topic in ["a/1", "a/2", "b"] {
            bench.retain(publisher, topic, "x", AT_MOST_ONCE);
        }
        let heard = bench.subscribe(subscriber, "a/+", AT_MOST_ONCE);
        assert_eq!(heard, ["a/1 'x' retain", "a/2 'x' retain"], "{version:?}");
    }
}

#[test]
fn v311_3_3_1_7_a_qos_0_message_with_retain_discards_the_older() {
    let (mut bench, publisher, subscriber) = two(Version::V311);
    bench.retain(publisher, "a", "old", EXACTLY_ONCE);
    bench.retain(publisher, "a", "new", AT_MOST_ONCE);
    assert_eq!(bench.subscribe(subscriber, "a", EXACTLY_ONCE), ["a 'new' retain"]);
}

#[test]
fn v311_3_3_1_9_v5_3_3_1_12_an_old_subscription_gets_messages_without_retain() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = two(version);
        bench.subscribe(subscriber, "a", AT_MOST_ONCE);
        bench.retain(publisher, "a", "x", AT_MOST_ONCE);
        assert_eq!(bench.hears(subscriber), ["a 'x'"], "{version:?}");
    }
}

#[test]
fn v5_3_3_1_13_retain_as_published_passes_retain_on() {
    let (mut bench, publisher, subscriber) = two(Version::V5);
    let entry = Subscription { filter: "a", retain_as_published: true, ..Default::default() };
    bench.subscribe_as(subscriber, &[entry], None);
    bench.retain(publisher, "a", "kept", AT_MOST_ONCE);
    bench.send(publisher, "a", "passing", AT_MOST_ONCE);
    assert_eq!(bench.hears(subscriber), ["a 'kept' retain", "a 'passing'"]);
}

#[test]
fn v311_3_3_1_10_and_11_v5_3_3_1_6_and_7_an_empty_message_is_passed_on_and_clears_its_topic() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = two(version);
        bench.subscribe(subscriber, "a", AT_LEAST_ONCE);
        bench.retain(publisher, "a", "x", AT_LEAST_ONCE);
        bench.retain(publisher, "a", "", AT_LEAST_ONCE);
        assert_eq!(bench.hears(subscriber), ["a 'x' q1 #1", "a '' q1 #2"]);
        let late = bench.join(&connect(version, "late"));
        assert!(bench.subscribe(late, "a", AT_LEAST_ONCE).is_empty(), "{version:?}");
    }
}

#[test]
fn v311_3_3_1_12_v5_3_3_1_8_a_message_without_retain_leaves_the_store_alone() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = two(version);
        bench.retain(publisher, "a", "kept", AT_MOST_ONCE);
        bench.send(publisher, "a", "passing", AT_MOST_ONCE);
        bench.send(publisher, "a", "", AT_MOST_ONCE);
        bench.send(publisher, "b", "passing", AT_MOST_ONCE);
        let heard = bench.subscribe(subscriber, "#", AT_MOST_ONCE);
        assert_eq!(heard, ["a 'kept' retain"], "{version:?}");
    }
}

#[test]
fn v311_3_1_2_7_retained_messages_outlive_sessions() {
    let (mut bench, publisher, subscriber) = two(Version::V311);
    bench.retain(publisher, "a", "x", AT_LEAST_ONCE);
    bench.cut(publisher);
    bench.wait_s(30);
    assert_eq!(bench.subscribe(subscriber, "a", AT_LEAST_ONCE), ["a 'x' q1 #1 retain"]);
}

/// What a subscription of this handling gets, made once and made again.
fn handled(retain_handling: RetainHandling) -> [Vec<String>; 2] {
    let (mut bench, publisher, subscriber) = two(Version::V5);
    bench.retain(publisher, "a", "x", AT_MOST_ONCE);
    let entry = Subscription { filter: "a", retain_handling, ..Default::default() };
    [(); 2].map(|()| bench.subscribe_as(subscriber, &[entry], None))
}

#[test]
fn v5_3_8_4_4_retain_handling_0_sends_what_is_retained_each_time() {
    assert_eq!(handled(RetainHandling::Send), [["a 'x' retain"], ["a 'x' retain"]]);
}

#[test]
fn v5_3_3_1_10_retain_handling_1_sends_what_is_retained_to_a_new_subscription() {
    let [first, again] = handled(RetainHandling::SendIfNew);
    assert_eq!((first, again.len()), (vec!["a 'x' retain".to_owned()], 0));
}

#[test]
fn v5_3_3_1_11_retain_handling_2_sends_nothing_that_is_retained() {
    assert!(handled(RetainHandling::DoNotSend).iter().all(Vec::is_empty));
}

#[test]
fn mqtt_3_8_4_3_a_filter_subscribed_to_again_is_replaced_and_loses_nothing() {
    for version in BOTH {
        let (mut bench, publisher, subscriber) = two(version);
        bench.retain(publisher, "a", "kept", AT_LEAST_ONCE);
        bench.subscribe(subscriber, "a", AT_LEAST_ONCE);
        bench.send(publisher, "a", "one", AT_LEAST_ONCE);
        let heard = bench.subscribe(subscriber, "a", AT_MOST_ONCE);
        assert_eq!(heard, ["a 'one' q1 #2", "a 'kept' retain"], "{version:?}");
        bench.send(publisher, "a", "two", AT_LEAST_ONCE);
        assert_eq!(bench.hears(subscriber), ["a 'two'"], "once, at the new QoS");
    }
}

#[test]
fn a_retained_message_expires() {
    let (mut bench, publisher, subscriber) = two(Version::V5);
    let mut publish = Publish { topic: "a", retain: true, payload: b"x", ..Publish::default() };
    publish.properties.message.expiry_s = Some(10);
    bench.publish(publisher, &publish);
    bench.wait_s(11);
    assert!(bench.subscribe(subscriber, "a", AT_MOST_ONCE).is_empty());
}

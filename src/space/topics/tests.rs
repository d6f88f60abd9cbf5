use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::codec::topic;

fn taker(session: SessionKey) -> Taker {
    Taker {
        session,
        qos: QoS::AtMostOnce,
        no_local: false,
        retain_as_published: false,
        wants_retained: true,
        id: 0,
    }
}

fn takers(topics: &mut Topics, name: &str) -> Vec<SessionKey> {
    let mut found = Vec::new();
    topics.matching(name, |_| true, |taker, _| found.push(taker.session));
    found.sort_unstable();
    found
}

fn with(filters: &[&str]) -> Topics {
    let mut topics = Topics::default();
    for (session, filter) in filters.iter().enumerate() {
        topics.insert(filter, taker(session));
    }
    topics
}

#[test]
fn wildcards_take_what_the_standard_says() {
    let mut topics = with(&["a/b", "a/+", "a/#", "+/+", "#", "/+", "+", "a/b/#"]);
    assert_eq!(takers(&mut topics, "a/b"), [0, 1, 2, 3, 4, 7]);
    assert_eq!(takers(&mut topics, "a"), [2, 4, 6]);
    assert_eq!(takers(&mut topics, "/x"), [3, 4, 5]);
    assert_eq!(takers(&mut topics, "a/b/c"), [2, 4, 7]);
}

#[test]
fn a_wildcard_at_the_first_level_takes_no_dollar_topic() {
    let mut topics = with(&["#", "+/x", "$SYS/#", "$SYS/x"]);
    assert_eq!(takers(&mut topics, "$SYS/x"), [2, 3]);
}

#[test]
fn of_a_group_one_takes_each_message_in_turn_and_the_absent_are_passed_over() {
    let mut topics = Topics::default();
    for session in 0..3 {
        topics.insert("$share/g/a/+", taker(session));
    }
    topics.insert("$share/other/#", taker(9));
    assert_eq!(takers(&mut topics, "a/b"), [0, 9]);
    assert_eq!(takers(&mut topics, "a/b"), [1, 9]);
    assert_eq!(takers(&mut topics, "a/b"), [2, 9]);
    assert_eq!(takers(&mut topics, "a/b"), [0, 9]);
    let mut found = Vec::new();
    topics.matching("a/b", |session| session == 0, |taker, _| found.push(taker.session));
    found.sort_unstable();
    assert_eq!(found, [0, 9], "of the other group nobody is there, so it waits for the next");
}

#[test]
fn a_subscription_takes_the_place_of_the_sessions_older_one() {
    let mut topics = Topics::default();
    assert!(!topics.insert("a", taker(1)));
    assert!(topics.insert("a", Taker { qos: QoS::ExactlyOnce, ..taker(1) }));
    let mut found = Vec::new();
    topics.matching("a", |_| true, |taker, _| found.push(taker.qos));
    assert_eq!(found, [QoS::ExactlyOnce]);
}

#[test]
fn a_tree_without_subscriptions_holds_no_nodes() {
    let mut topics = with(&["a/b/c", "a/#", "#", "$share/g/a/b"]);
    for (session, filter) in ["a/b/c", "a/#", "#", "$share/g/a/b"].iter().enumerate() {
        assert!(!topics.is_empty());
        assert!(topics.remove(filter, session));
        assert!(!topics.remove(filter, session));
    }
    assert!(topics.is_empty());
}

#[test]
fn matching_a_topic_of_very_many_levels_does_not_recurse() {
    let mut topics = with(&["#", "+/#"]);
    assert_eq!(takers(&mut topics, &"/".repeat(65_000)), [0, 1]);
}

proptest! {
    #[test]
    fn the_tree_takes_what_filters_one_by_one_take(
        filters in prop::collection::vec("([ab+]|)(/([ab+]|)){0,3}(/#)?|#|\\$S/[ab#]", 1..12),
        names in prop::collection::vec("[ab$]?(/[ab]?){0,4}|\\$S/a", 1..8),
        gone in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut topics = Topics::default();
        let mut naive = BTreeSet::new();
        let valid = filters.iter().enumerate().filter(|(_, filter)| topic::valid_filter(filter));
        for (session, filter) in valid {
            prop_assert!(!topics.insert(filter, taker(session)));
            naive.insert((filter, session));
        }
        for index in gone {
            let session = index.index(filters.len());
            let filter = &filters[session];
            let known = naive.remove(&(filter, session));
            prop_assert_eq!(topics.remove(filter, session), known);
        }
        for name in names.iter().filter(|name| topic::valid_name(name)) {
            let mut expected: Vec<_> = naive.iter()
                .filter(|(filter, _)| topic::matches(filter, name))
                .map(|(_, session)| *session)
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(takers(&mut topics, name), expected);
        }
    }
}

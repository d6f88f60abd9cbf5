//! Who hears what, and how.

use super::home::{Connect, Home};
use crate::codec::{QoS, Subscription, Version};
use crate::space::SpaceLimits;

const AT_MOST_ONCE: QoS = QoS::AtMostOnce;
const AT_LEAST_ONCE: QoS = QoS::AtLeastOnce;

fn to(filter: &str, qos: QoS) -> Subscription<'_> {
    Subscription { filter, qos, ..Subscription::default() }
}

#[test]
fn a_message_comes_at_the_lower_of_both_qualities() {
    let mut home = Home::new();
    let mut hub = home.listener(Connect::new("hub"), "t", AT_LEAST_ONCE);
    let mut panel = home.connect(Connect::new("panel"));
    home.publish(&mut panel, "t", "1", AT_MOST_ONCE);
    home.publish(&mut panel, "t", "2", QoS::ExactlyOnce);
    assert_eq!(hub.words(), ["t 1 q0", "t 2 q1"]);
}

#[test]
fn who_wants_nothing_of_its_own_gets_nothing_of_its_own() {
    let mut home = Home::new();
    let mut hub = home.connect(Connect::new("hub"));
    let mut panel = home.connect(Connect::new("panel"));
    home.subscribe(&mut hub, Subscription { no_local: true, ..to("t", AT_MOST_ONCE) });
    hub.words();
    home.publish(&mut hub, "t", "own", AT_MOST_ONCE);
    home.publish(&mut panel, "t", "other", AT_MOST_ONCE);
    assert_eq!(hub.words(), ["t other q0"]);
}

#[test]
fn retain_comes_as_published_only_to_who_asks_for_it() {
    let mut home = Home::new();
    let mut plain = home.listener(Connect::new("plain"), "t", AT_MOST_ONCE);
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, Subscription { retain_as_published: true, ..to("t", AT_MOST_ONCE) });
    hub.words();
    home.retain(&mut hub, "t", "on", AT_MOST_ONCE);
    assert_eq!(plain.words(), ["t on q0"]);
    assert_eq!(hub.words(), ["t on q0 retained"]);
}

#[test]
fn overlapping_subscriptions_bring_one_message_at_the_highest_quality_with_all_their_numbers() {
    let mut home = Home::new();
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe_as(&mut hub, to("t/+", AT_MOST_ONCE), Some(1));
    home.subscribe_as(&mut hub, to("t/a", AT_LEAST_ONCE), Some(2));
    home.subscribe_as(&mut hub, to("#", AT_MOST_ONCE), None);
    hub.words();
    let mut panel = home.connect(Connect::new("panel"));
    home.publish(&mut panel, "t/a", "on", AT_LEAST_ONCE);
    let words = hub.words();
    assert!(words == ["t/a on q1 [1, 2]"] || words == ["t/a on q1 [2, 1]"], "{words:?}");
}

#[test]
fn a_shared_subscription_brings_each_message_to_one_and_to_one_who_is_there() {
    let mut home = Home::new();
    let shared =
        |home: &mut Home, id| home.listener(Connect::lasting(id), "$share/g/t", AT_LEAST_ONCE);
    let (mut a, mut b) = (shared(&mut home, "a"), shared(&mut home, "b"));
    let mut panel = home.connect(Connect::new("panel"));
    for payload in ["1", "2", "3", "4"] {
        home.publish(&mut panel, "t", payload, AT_LEAST_ONCE);
    }
    assert_eq!(
        (a.words(), b.words()),
        (vec!["t 1 q1".into(), "t 3 q1".to_owned()], vec!["t 2 q1".into(), "t 4 q1".to_owned()])
    );
    home.lose(&a);
    for payload in ["5", "6"] {
        home.publish(&mut panel, "t", payload, AT_LEAST_ONCE);
    }
    assert_eq!(b.words(), ["t 5 q1", "t 6 q1"]);
    home.lose(&b);
    home.publish(&mut panel, "t", "7", AT_LEAST_ONCE);
    let waits =
        |home: &mut Home, id| home.connect(Connect::lasting(id)).words().contains(&"t 7 q1".into());
    assert_eq!([waits(&mut home, "a"), waits(&mut home, "b")].iter().filter(|w| **w).count(), 1);
}

#[test]
fn subscriptions_are_taken_back_one_by_one() {
    let mut home = Home::new();
    let mut hub = home.listener(Connect::new("hub"), "t", AT_MOST_ONCE);
    home.unsubscribe(&mut hub, "t");
    home.unsubscribe(&mut hub, "t");
    assert_eq!(hub.words(), ["unsuback 2 00", "unsuback 3 11"]);
    home.publish(&mut hub, "t", "on", AT_MOST_ONCE);
    assert_eq!(hub.words(), Vec::<String>::new());
}

#[test]
fn one_subscription_more_than_may_be_is_refused_and_counted_but_a_known_one_is_changed() {
    let mut home = Home::with(SpaceLimits { subscriptions_max: 1, ..SpaceLimits::default() });
    let mut hub = home.listener(Connect::new("hub"), "a", AT_MOST_ONCE);
    home.subscribe(&mut hub, to("b", AT_MOST_ONCE));
    home.subscribe(&mut hub, to("a", AT_LEAST_ONCE));
    assert_eq!(hub.words(), ["suback 2 97", "suback 3 01"]);
    let mut old = home.connect(Connect { version: Version::V311, ..Connect::new("old") });
    home.subscribe(&mut old, to("a", AT_MOST_ONCE));
    home.subscribe(&mut old, to("b", AT_MOST_ONCE));
    assert_eq!(old.words(), ["suback 1 00", "suback 2 80"]);
    assert_eq!(home.space.take_tally().subscriptions_refused, 2);
}

#[test]
fn a_filter_that_nobody_may_subscribe_to_is_refused() {
    let refused_filters = ["#".to_owned()].into();
    let mut home = Home::with(SpaceLimits { refused_filters, ..SpaceLimits::default() });
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, to("#", AT_MOST_ONCE));
    assert_eq!(hub.words(), ["suback 1 80"]);
    home.publish(&mut hub, "t", "on", AT_MOST_ONCE);
    assert_eq!(hub.words(), Vec::<String>::new());
}

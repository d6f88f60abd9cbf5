//! Retained messages, and the states of devices, on their way to those who subscribe.

use serde_json::json;

use super::home::{Connect, Home};
use crate::codec::{QoS, RetainHandling, Subscription, Version};
use crate::device::Said;
use crate::model::{DeviceId, Props};
use crate::space::message::Message;
use crate::space::{HOUSE_CLIENT, RetainedLimits, SpaceLimits};

const AT_MOST_ONCE: QoS = QoS::AtMostOnce;
const AT_LEAST_ONCE: QoS = QoS::AtLeastOnce;
const LAMP: DeviceId = DeviceId(7);

fn wanted(filter: &str, retain_handling: RetainHandling) -> Subscription<'_> {
    Subscription { filter, qos: AT_LEAST_ONCE, retain_handling, ..Subscription::default() }
}

fn props(on: bool) -> Props {
    serde_json::from_value(json!({ "on": on })).unwrap()
}

#[test]
fn who_subscribes_is_brought_what_is_retained() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    home.retain(&mut panel, "t/b", "2", AT_MOST_ONCE);
    home.retain(&mut panel, "t/a", "1", AT_LEAST_ONCE);
    home.retain(&mut panel, "u", "3", AT_LEAST_ONCE);
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, wanted("t/#", RetainHandling::Send));
    assert_eq!(hub.words(), ["suback 1 01", "t/a 1 q1 retained", "t/b 2 q0 retained"]);
}

#[test]
fn an_empty_retained_message_takes_the_topic_s_away_and_is_delivered() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    let mut hub = home.listener(Connect::new("hub"), "t", AT_LEAST_ONCE);
    home.retain(&mut panel, "t", "on", AT_LEAST_ONCE);
    home.retain(&mut panel, "t", "", AT_LEAST_ONCE);
    assert_eq!(hub.words(), ["t on q1", "t  q1"]);
    home.subscribe(&mut hub, wanted("t", RetainHandling::Send));
    assert_eq!(hub.words(), ["suback 2 01"]);
    home.restart();
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, wanted("t", RetainHandling::Send));
    assert_eq!(hub.words(), ["suback 1 01"]);
}

#[test]
fn a_subscription_says_whether_it_wants_what_is_retained() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    home.retain(&mut panel, "t", "on", AT_MOST_ONCE);
    let mut hub = home.connect(Connect::new("hub"));
    let mut brought = |handling| {
        home.subscribe(&mut hub, wanted("t", handling));
        hub.words().len() > 1
    };
    assert!(!brought(RetainHandling::DoNotSend));
    assert!(!brought(RetainHandling::SendIfNew), "it is not new");
    assert!(brought(RetainHandling::Send));
    assert!(brought(RetainHandling::Send), "whenever it subscribes");
}

#[test]
fn a_new_subscription_is_brought_what_is_retained_if_it_wants_it_when_new() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    home.retain(&mut panel, "t", "on", AT_MOST_ONCE);
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, wanted("t", RetainHandling::SendIfNew));
    assert_eq!(hub.words().len(), 2);
}

#[test]
fn a_session_that_is_resumed_is_not_brought_again_what_is_retained() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    home.retain(&mut panel, "t", "on", AT_LEAST_ONCE);
    let mut hub = home.listener(Connect::lasting("hub"), "t", AT_LEAST_ONCE);
    home.ack_all(&mut hub);
    home.lose(&hub);
    assert_eq!(home.connect(Connect::lasting("hub")).words(), Vec::<String>::new());
}

#[test]
fn what_is_retained_survives_a_restart() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    home.retain(&mut panel, "a", "1", AT_LEAST_ONCE);
    home.retain(&mut panel, "b", "2", AT_MOST_ONCE);
    home.pass(1_000);
    home.restart();
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, wanted("+", RetainHandling::Send));
    assert_eq!(hub.words(), ["suback 1 01", "a 1 q1 retained", "b 2 q0 retained"]);
}

#[test]
fn many_are_brought_fifty_at_a_time_as_fast_as_the_client_takes_them() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    for number in 0..120 {
        home.retain(&mut panel, &format!("t/{number}"), "x", AT_MOST_ONCE);
    }
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, wanted("#", RetainHandling::Send));
    let mut batches = Vec::new();
    loop {
        let words = hub.words();
        batches.push(words.iter().filter(|word| word.starts_with("t/")).count());
        if words.last().is_none_or(|word| word != "more") {
            break;
        }
        home.more(&hub);
    }
    assert_eq!(batches, [50, 50, 20]);
}

#[test]
fn what_is_owed_costs_the_same_however_often_a_client_subscribes() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    for number in 0..60 {
        home.retain(&mut panel, &format!("t/{number}"), "x", AT_MOST_ONCE);
    }
    let mut hub = home.connect(Connect::new("hub"));
    for _ in 0..10 {
        home.subscribe(&mut hub, wanted("#", RetainHandling::Send));
    }
    let more = hub.words().iter().filter(|word| **word == "more").count();
    home.more(&hub);
    let rest = hub.words();
    assert_eq!((more, rest.len()), (1, 10), "{rest:?}");
}

#[test]
fn a_newer_message_is_brought_once_and_not_overtaken_by_the_older_one() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    for number in 100..160 {
        home.retain(&mut panel, &format!("t/{number}"), "old", AT_MOST_ONCE);
    }
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, wanted("t/+", RetainHandling::Send));
    home.retain(&mut panel, "t/155", "new", AT_MOST_ONCE);
    hub.words();
    home.more(&hub);
    assert!(!hub.words().iter().any(|word| word.starts_with("t/155")));
}

#[test]
fn who_loses_the_connection_is_brought_the_rest_when_it_comes_back() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    for number in 100..160 {
        home.retain(&mut panel, &format!("t/{number}"), "x", AT_MOST_ONCE);
    }
    let mut hub = home.connect(Connect::lasting("hub"));
    home.subscribe(&mut hub, wanted("t/+", RetainHandling::Send));
    home.lose(&hub);
    assert_eq!(home.connect(Connect::lasting("hub")).words().len(), 10);
}

#[test]
fn who_unsubscribes_is_owed_nothing_any_more() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    for number in 100..160 {
        home.retain(&mut panel, &format!("t/{number}"), "x", AT_MOST_ONCE);
    }
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, wanted("t/+", RetainHandling::Send));
    home.unsubscribe(&mut hub, "t/+");
    hub.words();
    home.more(&hub);
    assert_eq!(hub.words(), Vec::<String>::new());
}

#[test]
fn a_retained_message_that_expired_is_neither_brought_nor_kept() {
    let mut home = Home::new();
    let mut panel = home.connect(Connect::new("panel"));
    let fleeting = Message::new("t", b"on", AT_LEAST_ONCE, true).expiring_at(home.now_ms + 5_000);
    home.send(&mut panel, fleeting).unwrap();
    home.now_ms += 5_000;
    let mut hub = home.connect(Connect::new("hub"));
    home.subscribe(&mut hub, wanted("t", RetainHandling::Send));
    assert_eq!(hub.words(), ["suback 1 01"]);
    for _ in 0..4 {
        home.pass(15_000);
    }
    assert_eq!(home.shelf.load().retained, []);
}

#[test]
fn a_retained_message_without_room_is_refused_with_a_reason_or_delivered_only_and_counted() {
    let retained = RetainedLimits { messages_max: 1, bytes_max: 100 };
    let mut home = Home::with(SpaceLimits { retained, ..SpaceLimits::default() });
    let mut hub = home.listener(Connect::new("hub"), "#", AT_MOST_ONCE);
    let mut panel = home.connect(Connect::new("panel"));
    let mut old = home.connect(Connect { version: Version::V311, ..Connect::new("old") });
    home.retain(&mut panel, "a", "1", AT_LEAST_ONCE);
    home.retain(&mut panel, "b", "2", AT_LEAST_ONCE);
    home.retain(&mut old, "c", "3", AT_LEAST_ONCE);
    home.retain(&mut panel, "a", &"x".repeat(200), AT_LEAST_ONCE);
    assert_eq!(panel.words(), ["puback 1 00", "puback 2 97", "puback 3 97"]);
    assert_eq!(old.words(), ["puback 1 00"]);
    assert_eq!(hub.words(), ["a 1 q0", "c 3 q0"]);
    assert_eq!(home.space.take_tally().retained_refused, 3);
}

#[test]
fn devices_are_watched_while_somebody_wants_to_hear_them() {
    let mut home = Home::new();
    let mut hub = home.listener(Connect::lasting("hub"), "devices/+/state", AT_LEAST_ONCE);
    assert!(home.watches);
    home.unsubscribe(&mut hub, "devices/+/state");
    assert!(!home.watches);
    home.subscribe(&mut hub, wanted("$share/g/#", RetainHandling::Send));
    assert!(home.watches);
    home.restart();
    assert!(home.watches, "a session that survived still wants to");
}

#[test]
fn a_device_s_state_is_retained_for_those_who_subscribe_before_and_after_it_is_known() {
    let mut home = Home::new();
    let mut before = home.listener(Connect::new("before"), "devices/+/state", AT_LEAST_ONCE);
    home.turn(|space, out, now| space.device_is(LAMP, &props(true), out, now));
    assert_eq!(before.words(), [r#"devices/7/state {"on":true} q1 retained"#]);
    let mut after = home.connect(Connect::new("after"));
    home.subscribe(&mut after, wanted("#", RetainHandling::Send));
    assert_eq!(after.words(), ["suback 1 01", r#"devices/7/state {"on":true} q1 retained"#]);
    home.turn(|space, out, now| space.device_is(LAMP, &props(true), out, now));
    assert_eq!(before.words(), Vec::<String>::new(), "nothing new");
    home.turn(|space, _, _| space.device_gone(LAMP));
    home.subscribe(&mut after, wanted("#", RetainHandling::Send));
    assert_eq!(after.words(), ["suback 2 01"]);
}

#[test]
fn what_a_device_says_is_brought_live_and_is_its_state_from_then_on() {
    let mut home = Home::new();
    let mut hub = home.listener(Connect::new("hub"), "devices/#", AT_LEAST_ONCE);
    home.turn(|space, out, now| space.device_is(LAMP, &props(true), out, now));
    hub.words();
    let payload = br#"{"on":false}"#.as_slice().into();
    let said = Said { id: LAMP, leaf: "state", payload, reported: props(false) };
    home.turn(|space, out, now| space.device_said(&said, out, now));
    assert_eq!(hub.words(), [r#"devices/7/state {"on":false} q1"#]);
    home.subscribe(&mut hub, wanted("devices/#", RetainHandling::Send));
    assert_eq!(hub.words(), ["suback 2 01", r#"devices/7/state {"on":false} q1 retained"#]);
}

#[test]
fn a_session_that_was_away_when_the_devices_became_known_is_brought_their_states_once() {
    let mut home = Home::new();
    home.listener(Connect::lasting("hub"), "devices/#", AT_LEAST_ONCE);
    home.restart();
    home.turn(|space, out, now| space.device_is(LAMP, &props(true), out, now));
    home.turn(|space, out, now| space.device_is(LAMP, &props(false), out, now));
    let mut hub = home.connect(Connect::lasting("hub"));
    assert_eq!(hub.words(), [r#"devices/7/state {"on":false} q1 retained"#]);
}

#[test]
fn what_is_announced_is_told_unless_the_house_is_here_to_hear_it() {
    let mut home = Home::new();
    let mut hub = home.connect(Connect::new("hub"));
    home.retain(&mut hub, "homeassistants/light/a/config", "{}", AT_LEAST_ONCE);
    home.retain(&mut hub, "homeassistant/light/a/config", "", AT_LEAST_ONCE);
    assert_eq!(home.announced, 0, "nothing is announced");
    home.retain(&mut hub, "homeassistant/light/a/config", "{}", AT_LEAST_ONCE);
    assert_eq!(home.announced, 1);
    let house = home.connect(Connect::new(HOUSE_CLIENT));
    home.retain(&mut hub, "homeassistant/light/b/config", "{}", AT_LEAST_ONCE);
    assert_eq!(home.announced, 1);
    let topics: Vec<String> =
        home.space.announcements().iter().map(|it| it.topic().into()).collect();
    assert_eq!(topics, ["homeassistant/light/a/config", "homeassistant/light/b/config"]);
    home.turn(|space, out, now| space.link_lost(house.at, out, now));
    assert_eq!(home.announced, 1);
    home.restart();
    assert_eq!(home.announced, 2, "whoever could have heard it is gone");
    let mut hub = home.connect(Connect::new("hub"));
    home.retain(&mut hub, "homeassistant/light/b/config", "{}", AT_LEAST_ONCE);
    assert_eq!(home.announced, 3);
}

#[test]
fn the_house_may_subscribe_to_as_much_as_it_wants() {
    let mut home = Home::with(SpaceLimits { subscriptions_max: 1, ..SpaceLimits::default() });
    for (id, code) in [("hub", "suback 2 97"), (HOUSE_CLIENT, "suback 2 01")] {
        let mut client = home.connect(Connect::new(id));
        home.subscribe(&mut client, wanted("a", RetainHandling::Send));
        home.subscribe(&mut client, wanted("b", RetainHandling::Send));
        assert_eq!(client.words().last().map(String::as_str), Some(code), "{id}");
    }
}

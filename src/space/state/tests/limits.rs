//! What happens at the limits: of queues, of slow clients, of rates.

use super::home::{Client, Connect, Home};
use crate::codec::QoS;
use crate::space::message::Message;
use crate::space::session_state::SessionLimits;
use crate::space::{ClientFault, HOUSE_CLIENT, SpaceLimits};

const AT_MOST_ONCE: QoS = QoS::AtMostOnce;
const AT_LEAST_ONCE: QoS = QoS::AtLeastOnce;

/// A home whose sessions are so limited, one that is away, and a publisher.
fn with_queue(session: SessionLimits) -> (Home, Client) {
    let mut home = Home::with(SpaceLimits { session: session.into(), ..SpaceLimits::default() });
    let hub = home.listener(Connect::lasting("hub"), "t", AT_LEAST_ONCE);
    home.lose(&hub);
    let panel = home.connect(Connect::new("panel"));
    (home, panel)
}

fn waited(home: &mut Home) -> Vec<String> {
    home.connect(Connect::lasting("hub")).words()
}

#[test]
fn the_house_finds_a_place_however_many_are_there() {
    let mut home = Home::with(SpaceLimits { sessions_max: 1, ..SpaceLimits::default() });
    home.connect(Connect::new("hub"));
    assert!(home.try_connect(Connect::new("other")).is_err());
    assert!(home.try_connect(Connect::new(HOUSE_CLIENT)).is_ok());
}

#[test]
fn a_queue_that_is_full_of_messages_drops_the_oldest_and_counts_it() {
    let limits = SessionLimits { queue_messages_max: 2, ..SessionLimits::default() };
    let (mut home, mut panel) = with_queue(limits);
    for payload in ["1", "2", "3"] {
        home.publish(&mut panel, "t", payload, AT_LEAST_ONCE);
    }
    assert_eq!(home.space.take_tally().dropped_full, 1);
    home.pass(1_000);
    home.restart();
    assert_eq!(waited(&mut home), ["t 2 q1", "t 3 q1"], "in the store as well");
}

#[test]
fn a_queue_that_is_full_of_bytes_drops_the_oldest_and_what_is_too_large_for_it() {
    let limits = SessionLimits { queue_bytes_max: 10, ..SessionLimits::default() };
    let (mut home, mut panel) = with_queue(limits);
    for payload in ["1234", "5678", "a", "12345678901"] {
        home.publish(&mut panel, "t", payload, AT_LEAST_ONCE);
    }
    assert_eq!(home.space.take_tally().dropped_full, 2);
    assert_eq!(waited(&mut home), ["t 5678 q1", "t a q1"]);
}

#[test]
fn a_message_that_waited_too_long_is_dropped_from_queue_and_store_and_counted() {
    let limits = SessionLimits { queue_age_ms_max: 40_000, ..SessionLimits::default() };
    let (mut home, mut panel) = with_queue(limits);
    home.publish(&mut panel, "t", "old", AT_LEAST_ONCE);
    home.pass(30_000);
    home.publish(&mut panel, "t", "new", AT_LEAST_ONCE);
    home.pass(30_000);
    home.pass(1_000);
    assert_eq!(home.space.take_tally().dropped_expired, 1);
    home.restart();
    assert_eq!(waited(&mut home), ["t new q1"]);
}

#[test]
fn a_message_that_expires_while_it_waits_is_dropped_and_counted() {
    let (mut home, mut panel) = with_queue(SessionLimits::default());
    let fleeting = Message::new("t", b"on", AT_LEAST_ONCE, false).expiring_at(home.now_ms + 5_000);
    home.send(&mut panel, fleeting).unwrap();
    home.now_ms += 5_000;
    assert_eq!(waited(&mut home), Vec::<String>::new());
    assert_eq!(home.space.take_tally().dropped_expired, 1);
}

#[test]
fn no_more_are_on_their_way_to_a_client_than_may_be() {
    let limits = SessionLimits { in_flight_max: 2, ..SessionLimits::default() };
    let (mut home, mut panel) = with_queue(limits);
    for payload in ["1", "2", "3"] {
        home.publish(&mut panel, "t", payload, AT_LEAST_ONCE);
    }
    let mut hub = home.connect(Connect::lasting("hub"));
    assert_eq!(hub.words(), ["t 1 q1", "t 2 q1"]);
    home.ack_all(&mut hub);
    assert_eq!(hub.words(), ["t 3 q1"]);
}

#[test]
fn a_message_that_waits_for_a_client_that_is_there_is_counted() {
    let limits = SessionLimits { in_flight_max: 2, ..SessionLimits::default() };
    for connect in [Connect::new("hub"), Connect::lasting("hub")] {
        let mut home = Home::with(SpaceLimits { session: limits.into(), ..SpaceLimits::default() });
        let hub = home.listener(connect, "t", AT_LEAST_ONCE);
        let mut panel = home.connect(Connect::new("panel"));
        for payload in ["1", "2", "3"] {
            home.publish(&mut panel, "t", payload, AT_LEAST_ONCE);
        }
        assert_eq!(home.space.take_tally().held_back, 1);
        home.lose(&hub);
        home.publish(&mut panel, "t", "4", AT_LEAST_ONCE);
        assert_eq!(home.space.take_tally().held_back, 0, "it is not there");
    }
}

#[test]
fn a_slow_client_is_spared_messages_at_qos_0_beyond_a_count_and_it_is_counted() {
    let mut home = Home::with(SpaceLimits { unwritten_messages_max: 3, ..SpaceLimits::default() });
    let mut hub = home.listener(Connect::new("hub"), "t", AT_MOST_ONCE);
    let mut panel = home.connect(Connect::new("panel"));
    for _ in 0..5 {
        home.publish(&mut panel, "t", "x", AT_MOST_ONCE);
    }
    assert_eq!(hub.words().len(), 3);
    assert_eq!(home.space.take_tally().dropped_full, 2);
    home.publish(&mut panel, "t", "x", AT_MOST_ONCE);
    assert_eq!(hub.words().len(), 1, "it has caught up");
}

#[test]
fn a_slow_client_is_spared_messages_at_qos_0_beyond_so_many_bytes() {
    let mut home = Home::with(SpaceLimits { unwritten_bytes_max: 10, ..SpaceLimits::default() });
    let mut hub = home.listener(Connect::new("hub"), "t", AT_MOST_ONCE);
    let mut panel = home.connect(Connect::new("panel"));
    for _ in 0..3 {
        home.publish(&mut panel, "t", "123456", AT_MOST_ONCE);
    }
    assert_eq!(hub.words().len(), 2);
    assert_eq!(home.space.take_tally().dropped_full, 1);
}

#[test]
fn a_client_that_takes_nothing_at_all_is_ended_and_counted_and_its_session_goes_on() {
    let mut home = Home::new();
    home.outbox_max = 5;
    let mut hub = home.listener(Connect::lasting("hub"), "t", AT_LEAST_ONCE);
    for _ in 0..6 {
        home.unsubscribe(&mut hub, "nothing");
    }
    assert_eq!(home.space.take_tally().slow, 1);
    assert_eq!(hub.words().last().map(String::as_str), Some("close TooSlow"));
    assert!(home.connect(Connect::lasting("hub")).session_present);
}

fn floods(home: &mut Home, client: &mut Client) -> usize {
    let message = || Message::new("t", b"x", AT_MOST_ONCE, false);
    (0..100).take_while(|_| home.send(client, message()).is_ok()).count()
}

#[test]
fn a_client_that_publishes_too_fast_is_refused_and_counted_until_it_has_paused() {
    let limits = SpaceLimits { client_rate_max: 10, client_burst_max: 5, ..SpaceLimits::default() };
    let mut home = Home::with(limits);
    let mut hub = home.connect(Connect::new("hub"));
    assert_eq!(floods(&mut home, &mut hub), 5);
    let refused = home.send(&mut hub, Message::new("t", b"x", AT_MOST_ONCE, false));
    assert_eq!(refused, Err(ClientFault::TooFast));
    assert_eq!(home.space.take_tally().too_fast, 2);
    home.pass(200);
    assert_eq!(floods(&mut home, &mut hub), 2);
}

#[test]
fn the_clients_of_a_space_have_one_rate_together() {
    let limits = SpaceLimits { space_rate_max: 10, space_burst_max: 5, ..SpaceLimits::default() };
    let mut home = Home::with(limits);
    let (mut hub, mut panel) =
        (home.connect(Connect::new("hub")), home.connect(Connect::new("panel")));
    assert_eq!(floods(&mut home, &mut hub), 5);
    assert_eq!(floods(&mut home, &mut panel), 0);
    assert_eq!(home.space.take_tally().too_fast, 2);
}

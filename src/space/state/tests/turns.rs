//! What is stored before who is told what.

use super::home::{Client, Connect, Home};
use crate::codec::{QoS, ReasonCode};
use crate::space::session_state::SessionLimits;
use crate::space::{AckKind, Received, SpaceLimits, SpaceState};
use crate::supervision::Resident;

const ONCE: QoS = QoS::ExactlyOnce;
const AT_LEAST_ONCE: QoS = QoS::AtLeastOnce;

/// A home whose store takes its time from now on, a session that survives, and a publisher.
fn slow_home() -> (Home, Client, Client) {
    let mut home = Home::new();
    let hub = home.listener(Connect::lasting("hub"), "t/#", ONCE);
    let panel = home.connect(Connect::new("panel"));
    home.is_quick = false;
    (home, hub, panel)
}

#[test]
fn a_message_for_a_session_that_survives_is_stored_before_anybody_is_told() {
    let (mut home, mut hub, mut panel) = slow_home();
    home.publish(&mut panel, "t/a", "on", AT_LEAST_ONCE);
    assert_eq!((hub.words(), panel.words()), (vec![], vec![]));
    home.store();
    assert_eq!(hub.words(), ["t/a on q1"]);
    assert_eq!(panel.words(), ["puback 1 00"]);
}

#[test]
fn what_is_at_qos_0_waits_for_no_store() {
    let (mut home, mut hub, mut panel) = slow_home();
    home.publish(&mut panel, "t/a", "1", AT_LEAST_ONCE);
    home.publish(&mut panel, "t/a", "2", QoS::AtMostOnce);
    assert_eq!(hub.words(), ["t/a 2 q0"]);
}

#[test]
fn what_need_not_be_stored_does_not_overtake_what_is_being_stored() {
    let (mut home, mut hub, mut panel) = slow_home();
    home.publish(&mut panel, "t/a", "1", AT_LEAST_ONCE);
    home.publish(&mut panel, "nobody", "2", AT_LEAST_ONCE);
    assert_eq!(panel.words(), Vec::<String>::new());
    home.store();
    assert_eq!(panel.words(), ["puback 1 00", "puback 2 10"]);
    assert_eq!(hub.words(), ["t/a 1 q1"]);
}

#[test]
fn messages_come_in_the_order_in_which_they_were_published() {
    let (mut home, mut hub, mut panel) = slow_home();
    for number in 0..30 {
        home.publish(&mut panel, "t/a", &number.to_string(), AT_LEAST_ONCE);
    }
    let mut got = Vec::new();
    while got.len() < 30 {
        home.store();
        got.extend(hub.words());
        home.ack_all(&mut hub);
    }
    let wanted: Vec<String> = (0..30).map(|number| format!("t/a {number} q1")).collect();
    assert_eq!(got, wanted);
}

#[test]
fn a_space_that_could_not_be_stored_acknowledges_nothing_and_ends_as_by_a_fault() {
    let (mut home, mut hub, mut panel) = slow_home();
    home.publish(&mut panel, "t/a", "on", AT_LEAST_ONCE);
    let (number, _) = home.asked.remove(0);
    home.turn(|space, out, now| space.stored(number.unwrap(), false, out, now));
    assert_eq!(
        (hub.words(), panel.words()),
        (vec!["close NotStored".to_owned()], vec!["close NotStored".to_owned()])
    );
    assert!(home.space.fault().is_some());
}

#[test]
fn the_store_s_answer_to_an_earlier_life_is_none_to_this_one() {
    let (mut home, _hub, mut panel) = slow_home();
    home.publish(&mut panel, "t/a", "1", AT_LEAST_ONCE);
    let (earlier, _) = home.asked[0].clone();
    home.restart();
    home.space = std::mem::replace(&mut home.space, SpaceState::new(std::sync::Arc::default()))
        .with_commits_from(1 << 40);
    let mut panel = home.connect(Connect::new("panel"));
    home.publish(&mut panel, "t/a", "2", AT_LEAST_ONCE);
    home.turn(|space, out, now| space.stored(earlier.unwrap(), true, out, now));
    assert_eq!(panel.words(), Vec::<String>::new());
    home.store();
    assert_eq!(panel.words(), ["puback 1 00"]);
}

#[test]
fn a_message_exactly_once_is_remembered_before_it_is_acknowledged() {
    let mut home = Home::new();
    let _hub = home.listener(Connect::lasting("hub"), "t", ONCE);
    let mut panel = home.connect(Connect::lasting("panel"));
    home.is_quick = false;
    home.publish(&mut panel, "t", "on", ONCE);
    assert_eq!(panel.words(), Vec::<String>::new());
    home.store();
    assert_eq!(panel.words(), ["pubrec 1 00"]);
    home.restart();
    home.is_quick = true;
    let mut hub = home.connect(Connect::lasting("hub"));
    let mut panel = home.connect(Connect::lasting("panel"));
    home.publish(&mut panel, "t", "on", ONCE);
    assert_eq!(panel.words(), ["pubrec 1 00"], "it is the same message");
    assert_eq!(hub.words(), ["t on q2 again"]);
}

#[test]
fn each_step_of_a_message_exactly_once_is_stored_before_it_is_told() {
    let (mut home, mut hub, mut panel) = slow_home();
    home.publish(&mut panel, "t/a", "on", ONCE);
    home.store();
    assert_eq!(hub.words(), ["t/a on q2"]);
    home.ack(&hub, AckKind::Pubrec, 1);
    assert_eq!(hub.words(), Vec::<String>::new());
    home.store();
    assert_eq!(hub.words(), ["pubrel 1"]);
    home.restart();
    let mut hub = home.connect(Connect::lasting("hub"));
    home.store();
    assert_eq!(hub.words(), ["pubrel 1"], "it is not sent twice");
}

#[test]
fn of_a_message_sent_out_of_the_queue_exactly_once_the_identifier_is_stored_first() {
    let (mut home, hub, mut panel) = slow_home();
    home.lose(&hub);
    home.publish(&mut panel, "t/a", "on", ONCE);
    home.store();
    let mut hub = home.connect(Connect::lasting("hub"));
    assert_eq!(hub.words(), Vec::<String>::new());
    home.store();
    assert_eq!(hub.words(), ["t/a on q2"]);
    home.restart();
    let mut hub = home.connect(Connect::lasting("hub"));
    home.store();
    assert_eq!(hub.words(), ["t/a on q2 again"], "under its identifier");
}

#[test]
fn a_session_that_ends_in_the_turn_that_brings_it_a_message_leaves_none_in_the_store() {
    let mut home = Home::new();
    let says = home.connect(Connect::lasting("says").with_will("t", 10));
    let ends = Connect { expiry_s: 10, ..Connect::new("ends") };
    let ends = home.listener(ends, "t", AT_LEAST_ONCE);
    home.lose(&says);
    home.lose(&ends);
    home.pass(10_000);
    home.pass(1_000);
    assert_eq!((home.space.sessions(), home.shelf.orphans()), ((1, 0), 0));
}

#[test]
fn after_a_restart_nothing_overtakes_what_was_sent_out_of_the_queue() {
    let mut home = Home::with(SpaceLimits {
        session: SessionLimits { in_flight_max: 2, ..SessionLimits::default() }.into(),
        ..SpaceLimits::default()
    });
    let mut hub = home.listener(Connect::lasting("hub"), "t", AT_LEAST_ONCE);
    let mut panel = home.connect(Connect::new("panel"));
    for payload in ["1", "2", "3"] {
        home.publish(&mut panel, "t", payload, AT_LEAST_ONCE);
    }
    hub.words();
    home.ack_all(&mut hub);
    home.publish(&mut panel, "t", "4", AT_LEAST_ONCE);
    home.pass(1_000);
    home.restart();
    let mut hub = home.connect(Connect::lasting("hub"));
    assert_eq!(hub.words(), ["t 3 q1", "t 4 q1"]);
}

#[test]
fn what_comes_by_a_connection_that_was_taken_over_is_nobody_s() {
    let mut home = Home::new();
    let mut older = home.listener(Connect::lasting("hub"), "t", AT_LEAST_ONCE);
    let mut newer = home.connect(Connect::lasting("hub"));
    home.publish(&mut older, "t", "late", AT_LEAST_ONCE);
    assert_eq!(newer.words(), Vec::<String>::new(), "no acknowledgement of another's message");
    let late = (AT_LEAST_ONCE, Some(older.next_packet_id()));
    let at = older.at;
    let received = home.turn(|space, out, now| space.take_command(at, late, out, now));
    assert_eq!(received, Ok(Received::Duplicate));
}

#[test]
fn a_command_exactly_once_is_acknowledged_by_the_connection_that_is_there_when_it_ends() {
    let mut home = Home::new();
    let mut older = home.connect(Connect::lasting("hub"));
    let (at, packet_id) = (older.at, older.next_packet_id());
    let command = (ONCE, Some(packet_id));
    let received = home.turn(|space, out, now| space.take_command(at, command, out, now));
    assert_eq!(received, Ok(Received::Fresh));
    home.lose(&older);
    let mut newer = home.connect(Connect::lasting("hub"));
    let again = newer.at;
    let received = home.turn(|space, out, now| space.take_command(again, command, out, now));
    assert_eq!(received, Ok(Received::Duplicate), "it is under way");
    let done = (packet_id, ReasonCode::SUCCESS);
    home.turn(|space, out, now| space.accept(at, done, out, now));
    assert_eq!(newer.words(), ["pubrec 1 00"]);
}

#[test]
fn a_command_that_could_not_be_stored_is_new_when_it_comes_again() {
    let mut home = Home::new();
    let mut hub = home.connect(Connect::lasting("hub"));
    let (at, packet_id) = (hub.at, hub.next_packet_id());
    let command = (ONCE, Some(packet_id));
    home.turn(|space, out, now| space.take_command(at, command, out, now)).unwrap();
    home.turn(|space, out, now| space.not_stored(at, packet_id, out, now));
    assert_eq!(hub.words(), ["close NotStored"]);
    let again = home.connect(Connect::lasting("hub")).at;
    let received = home.turn(|space, out, now| space.take_command(again, command, out, now));
    assert_eq!(received, Ok(Received::Fresh));
}

//! How sessions begin, are taken over, and end.

use super::home::{Connect, EVER_S, Home};
use crate::codec::{QoS, TopicScope};
use crate::space::SpaceLimits;
use crate::space::shelf::Shelf;
use crate::supervision::Resident;

const AT_LEAST_ONCE: QoS = QoS::AtLeastOnce;

#[test]
fn the_same_client_identifier_ends_the_older_connection() {
    let mut home = Home::new();
    let mut older = home.connect(Connect::new("hub"));
    let newer = home.connect(Connect::new("hub"));
    assert_eq!(older.words(), ["close TakenOver"]);
    assert!(!newer.session_present, "the older one was not to outlive its connection");
}

#[test]
fn a_session_that_outlives_its_connection_keeps_what_came_meanwhile_in_order() {
    let mut home = Home::new();
    let hub = home.listener(Connect::lasting("hub"), "t", AT_LEAST_ONCE);
    let mut panel = home.connect(Connect::new("panel"));
    home.lose(&hub);
    for payload in ["1", "2", "3"] {
        home.publish(&mut panel, "t", payload, AT_LEAST_ONCE);
    }
    home.publish(&mut panel, "t", "4", QoS::AtMostOnce);
    let mut hub = home.connect(Connect::lasting("hub"));
    assert!(hub.session_present);
    assert_eq!(hub.words(), ["t 1 q1", "t 2 q1", "t 3 q1"]);
}

#[test]
fn a_clean_start_forgets_the_older_session() {
    let mut home = Home::new();
    let hub = home.listener(Connect::lasting("hub"), "t", AT_LEAST_ONCE);
    home.lose(&hub);
    let mut panel = home.connect(Connect::new("panel"));
    home.publish(&mut panel, "t", "1", AT_LEAST_ONCE);
    let mut hub = home.connect(Connect { clean: true, ..Connect::lasting("hub") });
    home.publish(&mut panel, "t", "2", AT_LEAST_ONCE);
    assert!(!hub.session_present);
    assert_eq!(hub.words(), Vec::<String>::new());
}

#[test]
fn a_session_ends_when_its_time_is_over_and_its_rows_with_it() {
    let mut home = Home::new();
    let hub =
        home.listener(Connect { expiry_s: 10, ..Connect::lasting("hub") }, "t", AT_LEAST_ONCE);
    let mut panel = home.connect(Connect::new("panel"));
    home.lose(&hub);
    home.publish(&mut panel, "t", "1", AT_LEAST_ONCE);
    home.pass(9_999);
    assert_eq!(home.space.sessions(), (2, 1));
    home.pass(1);
    assert_eq!(home.space.sessions(), (1, 1));
    home.pass(1_000);
    assert_eq!(home.shelf, Shelf::default());
}

#[test]
fn a_session_whose_time_is_over_is_not_resumed_though_the_bell_has_not_rung() {
    let mut home = Home::new();
    let hub = home.connect(Connect { expiry_s: 10, ..Connect::new("hub") });
    home.lose(&hub);
    home.now_ms += 10_000;
    assert!(!home.connect(Connect::lasting("hub")).session_present);
}

#[test]
fn a_goodbye_may_end_the_session_at_once() {
    let mut home = Home::new();
    let hub = home.connect(Connect::lasting("hub"));
    home.goodbye(&hub, false, Some(0));
    assert!(!home.connect(Connect::lasting("hub")).session_present);
}

#[test]
fn nobody_s_session_outlives_its_connection_longer_than_allowed_and_it_is_counted() {
    let mut home = Home::with(SpaceLimits { session_expiry_s_max: 5, ..SpaceLimits::default() });
    let hub = home.connect(Connect::lasting("hub"));
    assert_eq!(home.space.take_tally().expiry_shortened, 1);
    home.lose(&hub);
    home.pass(5_000);
    assert!(!home.connect(Connect::lasting("hub")).session_present);
}

#[test]
fn one_session_more_than_may_be_is_refused_and_counted_but_an_older_one_is_resumed() {
    let mut home = Home::with(SpaceLimits { sessions_max: 1, ..SpaceLimits::default() });
    let hub = home.connect(Connect::lasting("hub"));
    assert!(home.try_connect(Connect::new("panel")).is_err());
    assert_eq!(home.space.take_tally().sessions_refused, 1);
    home.lose(&hub);
    assert!(home.connect(Connect::lasting("hub")).session_present);
}

#[test]
fn a_credential_that_is_taken_back_ends_its_sessions_and_nobody_else_s() {
    let mut home = Home::new();
    let will = Connect { label: "old", ..Connect::lasting("hub") }.with_will("t", 0);
    let mut hub = home.connect(will);
    let away = home.connect(Connect { label: "old", ..Connect::lasting("away") });
    home.lose(&away);
    let mut other = home.listener(Connect::lasting("other"), "t", AT_LEAST_ONCE);
    home.revoke("old");
    assert_eq!(hub.words(), ["close Revoked"]);
    assert_eq!(other.words(), Vec::<String>::new(), "without its will");
    assert_eq!(home.space.sessions(), (1, 1));
    assert!(!home.connect(Connect::lasting("away")).session_present);
}

#[test]
fn a_session_comes_back_with_its_subscriptions_after_a_restart() {
    let mut home = Home::new();
    home.listener(Connect::lasting("hub"), "t", AT_LEAST_ONCE);
    home.restart();
    let mut panel = home.connect(Connect::new("panel"));
    home.publish(&mut panel, "t", "1", AT_LEAST_ONCE);
    let mut hub = home.connect(Connect::lasting("hub"));
    assert!(hub.session_present);
    assert_eq!(hub.words(), ["t 1 q1"]);
}

#[test]
fn a_session_resumed_for_its_connection_only_does_not_come_back_after_a_restart() {
    let mut home = Home::new();
    home.connect(Connect::lasting("hub"));
    home.connect(Connect::new("hub"));
    home.restart();
    assert!(!home.connect(Connect::lasting("hub")).session_present);
}

#[test]
fn the_time_of_a_session_that_nobody_resumes_is_not_begun_anew_by_each_restart() {
    let mut home = Home::new();
    home.connect(Connect { expiry_s: 10, ..Connect::new("hub") });
    for _ in 0..2 {
        home.restart();
        home.pass(6_000);
    }
    assert_eq!(home.space.sessions(), (0, 0));
}

#[test]
fn a_space_without_sessions_is_given_up_after_a_while() {
    let mut home = Home::new();
    let hub = home.connect(Connect::new("hub"));
    let lasting = home.connect(Connect { expiry_s: EVER_S, ..Connect::new("other") });
    home.lose(&hub);
    home.pass(100_000);
    assert!(!home.space.is_over());
    home.goodbye(&lasting, false, Some(0));
    home.pass(30_000);
    assert!(!home.space.is_over());
    home.pass(30_000);
    home.pass(1_000);
    assert!(home.space.is_over());
}

fn hears(filters: &[&str]) -> TopicScope {
    let subscribe = Some(filters.iter().map(|&filter| filter.into()).collect());
    TopicScope { publish: None, subscribe }
}

#[test]
fn a_session_that_hears_more_than_its_credential_is_for_does_not_go_on() {
    let mut home = Home::new();
    let hub = home.listener(Connect::lasting("hub"), "a/#", AT_LEAST_ONCE);
    home.lose(&hub);
    let wide = Connect { scope: Some(hears(&["a/#", "b"])), ..Connect::lasting("hub") };
    let hub = home.connect(wide);
    assert!(hub.session_present);
    home.lose(&hub);
    let mut panel = home.connect(Connect::new("panel"));
    home.publish(&mut panel, "a/secret", "x", AT_LEAST_ONCE);
    let narrow = Connect { scope: Some(hears(&["a/open"])), ..Connect::lasting("hub") };
    let mut hub = home.connect(narrow);
    assert_eq!((hub.session_present, hub.words()), (false, Vec::new()));
}

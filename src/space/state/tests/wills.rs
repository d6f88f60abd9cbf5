//! What a client wanted said if its connection breaks.

use super::home::{Client, Connect, Home};
use crate::codec::QoS;

const SAID: [&str; 1] = ["w gone q1"];
const NOTHING: [&str; 0] = [];

fn home() -> (Home, Client) {
    let mut home = Home::new();
    let watcher = home.listener(Connect::new("watcher"), "w", QoS::AtLeastOnce);
    (home, watcher)
}

#[test]
fn a_will_is_published_when_the_connection_breaks() {
    let (mut home, mut watcher) = home();
    let hub = home.connect(Connect::new("hub").with_will("w", 0));
    home.lose(&hub);
    assert_eq!(watcher.words(), SAID);
    home.pass(100_000);
    assert_eq!(watcher.words(), NOTHING, "once");
}

#[test]
fn a_goodbye_takes_the_will_back_unless_it_asks_for_it() {
    let (mut home, mut watcher) = home();
    let hub = home.connect(Connect::new("hub").with_will("w", 0));
    home.goodbye(&hub, false, None);
    assert_eq!(watcher.words(), NOTHING);
    let hub = home.connect(Connect::new("hub").with_will("w", 0));
    home.goodbye(&hub, true, None);
    assert_eq!(watcher.words(), SAID);
}

#[test]
fn a_will_is_kept_back_as_long_as_it_asks_for() {
    let (mut home, mut watcher) = home();
    let hub = home.connect(Connect::lasting("hub").with_will("w", 10));
    home.lose(&hub);
    home.pass(9_999);
    assert_eq!(watcher.words(), NOTHING);
    home.pass(1);
    assert_eq!(watcher.words(), SAID);
}

#[test]
fn a_client_that_comes_back_in_time_has_its_will_not_published() {
    let (mut home, mut watcher) = home();
    let hub = home.connect(Connect::lasting("hub").with_will("w", 10));
    home.lose(&hub);
    home.pass(5_000);
    home.connect(Connect::lasting("hub"));
    home.pass(100_000);
    assert_eq!(watcher.words(), NOTHING);
}

#[test]
fn a_client_that_comes_back_too_late_has_it_published_though_the_bell_has_not_rung() {
    let (mut home, mut watcher) = home();
    let hub = home.connect(Connect::lasting("hub").with_will("w", 10));
    home.lose(&hub);
    home.now_ms += 10_000;
    home.connect(Connect::lasting("hub"));
    assert_eq!(watcher.words(), SAID);
}

#[test]
fn the_end_of_the_session_does_not_wait_for_the_will_s_delay() {
    let (mut home, mut watcher) = home();
    let hub = home.connect(Connect { expiry_s: 5, ..Connect::new("hub") }.with_will("w", 100));
    home.lose(&hub);
    home.pass(5_000);
    assert_eq!(watcher.words(), SAID);
    let hub = home.connect(Connect::lasting("hub").with_will("w", 100));
    home.lose(&hub);
    home.connect(Connect { clean: true, ..Connect::lasting("hub") });
    assert_eq!(watcher.words(), SAID);
}

#[test]
fn a_take_over_publishes_a_will_without_delay_and_takes_back_one_with() {
    let (mut home, mut watcher) = home();
    home.connect(Connect::lasting("hub").with_will("w", 0));
    home.connect(Connect::lasting("hub").with_will("w", 10));
    assert_eq!(watcher.words(), SAID);
    home.connect(Connect::lasting("hub"));
    home.pass(100_000);
    assert_eq!(watcher.words(), NOTHING);
}

#[test]
fn a_will_of_a_session_that_survives_is_published_after_a_restart() {
    let (mut home, _) = home();
    home.connect(Connect::lasting("hub").with_will("w", 10));
    home.restart();
    let mut watcher = home.listener(Connect::new("watcher"), "w", QoS::AtLeastOnce);
    home.pass(10_000);
    assert_eq!(watcher.words(), SAID);
    home.restart();
    let mut watcher = home.listener(Connect::new("watcher"), "w", QoS::AtLeastOnce);
    home.pass(100_000);
    assert_eq!(watcher.words(), NOTHING, "once");
}

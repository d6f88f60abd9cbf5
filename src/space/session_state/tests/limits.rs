use super::*;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

fn expiring(number: u64, expires_at_ms: u64) -> Delivery {
    let mut message = Message::new("t", &number.to_be_bytes(), AT_LEAST_ONCE, false);
    message.expires_at_ms = Some(expires_at_ms);
    Delivery { token: Some(number), ..Delivery::new(Arc::new(message), AT_LEAST_ONCE) }
}

#[test]
fn no_more_is_in_flight_than_the_client_takes() {
    let mut told = Told::new(SessionLimits::default());
    told.attach(Link { receive_maximum: id(2), ..Link::new(Version::V5) });
    for number in 1..=4 {
        told.deliver(number, AT_LEAST_ONCE);
    }
    assert_eq!(told.words(), ["publish 1 #1", "publish 2 #2"]);
    told.session.puback(id(2), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["delivered 2", "publish 3 #3"]);
}

#[test]
fn a_qos_2_message_counts_until_its_pubcomp() {
    let mut told = Told::new(SessionLimits::default());
    told.attach(Link { receive_maximum: id(1), ..Link::new(Version::V5) });
    told.deliver(1, EXACTLY_ONCE);
    told.deliver(2, AT_LEAST_ONCE);
    told.session.pubrec(id(1), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["publish 1 #1", "delivered 1", "pubrel 1 00"]);
    told.session.pubcomp(id(1), 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["publish 2 #2"]);
}

#[test]
fn a_client_that_takes_any_number_gets_the_servers_window() {
    let mut told = Told::new(SessionLimits { in_flight_max: 3, ..SessionLimits::default() });
    told.attach(Link::new(Version::V311));
    for number in 1..=5 {
        told.deliver(number, AT_LEAST_ONCE);
    }
    assert_eq!(told.words().len(), 3);
    assert_eq!(told.session.queued(), 2);
}

#[test]
fn the_oldest_make_room_when_there_are_too_many() {
    let limits = SessionLimits { queue_messages_max: 2, ..SessionLimits::default() };
    let mut told = Told::new(limits);
    for number in 1..=3 {
        told.deliver(number, AT_LEAST_ONCE);
    }
    assert_eq!(told.words(), ["dropped 1 QueueFull"]);
    told.attach(Link::new(Version::V311));
    assert_eq!(told.words(), ["publish 1 #2", "publish 2 #3"]);
}

#[test]
fn the_oldest_make_room_when_there_are_too_many_bytes() {
    // Each message has a topic of 1 byte and a payload of 8.
    let limits = SessionLimits { queue_bytes_max: 20, ..SessionLimits::default() };
    let mut told = Told::new(limits);
    for number in 1..=3 {
        told.deliver(number, AT_LEAST_ONCE);
    }
    assert_eq!(told.words(), ["dropped 1 QueueFull"]);
    let large = Message::new("t", &[0; 20], AT_LEAST_ONCE, false);
    let delivery = Delivery::new(Arc::new(large), AT_LEAST_ONCE);
    told.session.deliver(delivery, 0, &mut told.effects);
    assert_eq!(told.words(), ["dropped 0 QueueFull"], "nothing makes room for what never fits");
    assert_eq!(told.session.queued(), 2);
}

#[test]
fn a_queue_of_none_keeps_nothing() {
    let limits = SessionLimits { queue_messages_max: 0, ..SessionLimits::default() };
    let mut told = Told::new(limits);
    told.deliver(1, AT_LEAST_ONCE);
    assert_eq!(told.words(), ["dropped 1 QueueFull"]);
}

#[test]
fn what_waited_too_long_is_not_sent() {
    let limits = SessionLimits { queue_age_ms_max: DAY_MS, ..SessionLimits::default() };
    let mut told = Told::new(limits);
    told.session.deliver(numbered(1, AT_LEAST_ONCE), 0, &mut told.effects);
    told.session.deliver(numbered(2, AT_LEAST_ONCE), 1, &mut told.effects);
    told.session.attach(Link::new(Version::V311), DAY_MS + 1, &mut told.effects);
    assert_eq!(told.words(), ["dropped 1 Expired", "publish 1 #2"]);
}

#[test]
fn v5_3_3_2_5_and_6_an_expired_message_is_not_sent_and_a_living_one_says_what_it_has_left() {
    let mut told = Told::new(SessionLimits::default());
    told.session.deliver(expiring(1, 5_000), 0, &mut told.effects);
    told.session.deliver(expiring(2, 9_500), 0, &mut told.effects);
    told.session.attach(Link::new(Version::V5), 5_000, &mut told.effects);
    let SessionEffect::Write(Outgoing::Publish(publish)) = &told.effects[1] else {
        panic!("{:?}", told.effects);
    };
    assert_eq!(publish.expiry_s, Some(5), "4.5 s rounded up");
    assert_eq!(told.words(), ["dropped 1 Expired", "publish 1 #2"]);
    told.session.deliver(expiring(3, 5_000), 5_000, &mut told.effects);
    assert_eq!(told.words(), ["dropped 3 Expired"]);
}

#[test]
fn v5_4_3_3_7_a_delivery_once_begun_goes_on_past_its_expiry() {
    let mut told = Told::attached();
    told.session.deliver(expiring(1, 5_000), 0, &mut told.effects);
    told.session.detach();
    told.words();
    told.session.attach(Link::new(Version::V5), 60_000, &mut told.effects);
    let SessionEffect::Write(Outgoing::Publish(publish)) = &told.effects[0] else {
        panic!("{:?}", told.effects);
    };
    assert_eq!((publish.dup, publish.expiry_s), (true, Some(1)));
}

#[test]
fn a_sweep_drops_what_expired_wherever_it_stands() {
    let mut told = Told::new(SessionLimits::default());
    told.session.deliver(expiring(1, 9_000), 0, &mut told.effects);
    told.session.deliver(expiring(2, 1_000), 0, &mut told.effects);
    assert!(told.session.take_changed());
    told.session.expire(1_000, &mut told.effects);
    assert_eq!(told.words(), ["dropped 2 Expired"]);
    assert!(told.session.take_changed());
    told.session.expire(1_000, &mut told.effects);
    assert!(!told.session.take_changed());
}

#[test]
fn v5_3_1_2_24_and_25_a_packet_too_large_for_the_client_is_dropped() {
    let mut told = Told::new(SessionLimits::default());
    let small = Link { packet_bytes_max: 15, ..Link::new(Version::V5) };
    told.attach(small);
    told.deliver(1, AT_MOST_ONCE);
    told.deliver(2, AT_LEAST_ONCE);
    // 2 header + 3 topic + 1 properties + 8 payload = 14; an identifier makes it 16.
    assert_eq!(told.words(), ["publish 0 #1", "delivered 1", "dropped 2 TooLarge"]);
    told.session.detach();
    told.attach(Link::new(Version::V5));
    told.deliver(3, AT_LEAST_ONCE);
    told.session.detach();
    told.words();
    told.attach(small);
    assert_eq!(told.words(), ["dropped 3 TooLarge"]);
    assert!(told.session.is_idle());
}

#[test]
fn a_session_and_its_effects_are_small() {
    assert!(size_of::<SessionState>() <= 400, "{}", size_of::<SessionState>());
    assert!(size_of::<SessionEffect>() <= 72, "{}", size_of::<SessionEffect>());
}

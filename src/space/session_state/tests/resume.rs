use super::*;

#[test]
fn what_waited_is_sent_in_its_order_when_the_client_comes() {
    let mut told = Told::new(SessionLimits::default());
    for number in 1..=3 {
        told.deliver(number, AT_LEAST_ONCE);
    }
    assert_eq!(told.session.queued(), 3);
    told.attach(Link::new(Version::V311));
    assert_eq!(told.words(), ["publish 1 #1", "publish 2 #2", "publish 3 #3"]);
}

#[test]
fn mqtt_3_3_1_1_mqtt_4_4_0_1_mqtt_4_6_0_1_what_was_in_flight_is_sent_again_in_the_old_order() {
    let mut told = Told::attached();
    told.deliver(1, AT_LEAST_ONCE);
    told.deliver(2, EXACTLY_ONCE);
    told.deliver(3, AT_LEAST_ONCE);
    told.session.puback(id(1), OK, 0, &mut told.effects).unwrap();
    told.session.detach();
    told.deliver(4, AT_LEAST_ONCE);
    told.words();
    told.attach(Link::new(Version::V5));
    assert_eq!(told.words(), ["again 2 #2", "again 3 #3", "publish 4 #4"]);
}

#[test]
fn a_second_connection_takes_the_place_of_the_first() {
    let mut told = Told::attached();
    told.deliver(1, AT_LEAST_ONCE);
    told.session.publish(AT_LEAST_ONCE, id(5), &mut told.effects).unwrap();
    told.words();
    told.attach(Link::new(Version::V5));
    assert_eq!(told.words(), ["again 1 #1"]);
    let again = told.session.publish(AT_LEAST_ONCE, id(5), &mut told.effects);
    assert_eq!(again, Ok(Received::Fresh));
}

#[test]
fn mqtt_4_6_0_4_released_messages_are_released_again_in_their_order() {
    let mut told = Told::attached();
    for number in 1..=3 {
        told.deliver(number, EXACTLY_ONCE);
    }
    told.session.pubrec(id(2), OK, 0, &mut told.effects).unwrap();
    told.session.pubrec(id(1), OK, 0, &mut told.effects).unwrap();
    told.session.detach();
    told.words();
    told.attach(Link::new(Version::V5));
    assert_eq!(told.words(), ["pubrel 2 00", "pubrel 1 00", "again 3 #3"]);
}

#[test]
fn a_narrower_receive_maximum_holds_for_what_is_sent_again() {
    let mut told = Told::attached();
    for number in 1..=4 {
        told.deliver(number, AT_LEAST_ONCE);
    }
    told.session.detach();
    told.words();
    let link = Link { receive_maximum: id(2), ..Link::new(Version::V5) };
    told.attach(link);
    assert_eq!(told.words(), ["again 1 #1", "again 2 #2"]);
    told.deliver(5, AT_LEAST_ONCE);
    told.session.puback(id(1), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["delivered 1", "again 3 #3"]);
}

#[test]
fn a_snapshot_is_the_whole_session() {
    let mut told = Told::attached();
    for number in 1..=3 {
        told.deliver(number, EXACTLY_ONCE);
    }
    told.session.pubrec(id(1), OK, 0, &mut told.effects).unwrap();
    told.session.publish(EXACTLY_ONCE, id(9), &mut told.effects).unwrap();
    told.session.accept(id(9), OK, &mut told.effects);
    told.session.detach();
    told.deliver(4, AT_LEAST_ONCE);
    told.words();

    let stored = postcard::to_allocvec(&told.session.snapshot()).unwrap();
    let snapshot: Snapshot = postcard::from_bytes(&stored).unwrap();
    let mut effects = Vec::new();
    let session = SessionState::restore(Arc::default(), snapshot.clone(), &mut effects);
    assert_eq!(session.snapshot(), snapshot);

    let mut told = Told { session, effects };
    told.attach(Link::new(Version::V5));
    assert_eq!(told.words(), ["pubrel 1 00", "again 2 #2", "again 3 #3", "publish 4 #4"]);
    let again = told.session.publish(EXACTLY_ONCE, id(9), &mut told.effects);
    assert_eq!(again, Ok(Received::Duplicate));
}

#[test]
fn only_what_changes_the_snapshot_is_a_change() {
    let mut told = Told::attached();
    told.deliver(1, AT_MOST_ONCE);
    told.session.publish(AT_LEAST_ONCE, id(1), &mut told.effects).unwrap();
    told.session.accept(id(1), OK, &mut told.effects);
    assert!(!told.session.take_changed());
    told.deliver(2, AT_LEAST_ONCE);
    assert!(told.session.take_changed());
    assert!(!told.session.take_changed());
    told.session.puback(id(1), OK, 0, &mut told.effects).unwrap();
    assert!(told.session.take_changed());
}

#[test]
fn a_pubrec_read_after_the_connection_ended_is_answered_on_the_next() {
    let mut told = Told::attached();
    told.deliver(1, EXACTLY_ONCE);
    told.session.detach();
    told.words();
    told.session.pubrec(id(1), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["delivered 1"]);
    told.attach(Link::new(Version::V5));
    assert_eq!(told.words(), ["pubrel 1 00"]);
}

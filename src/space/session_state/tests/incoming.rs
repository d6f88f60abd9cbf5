use super::*;

#[test]
fn a_qos_1_message_is_acknowledged_once_it_is_accepted() {
    let mut told = Told::attached();
    let received = told.session.publish(AT_LEAST_ONCE, id(5), &mut told.effects);
    assert_eq!(received, Ok(Received::Fresh));
    assert!(told.words().is_empty());
    told.session.accept(id(5), OK, &mut told.effects);
    assert_eq!(told.words(), ["puback 5 00"]);
    assert!(told.session.is_idle());
}

#[test]
fn v311_4_3_3_2_v5_4_3_3_8_and_10_and_11_and_12_a_qos_2_message_is_held_until_pubrel() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    assert_eq!(session.publish(EXACTLY_ONCE, id(5), effects), Ok(Received::Fresh));
    session.accept(id(5), OK, effects);
    assert_eq!(session.publish(EXACTLY_ONCE, id(5), effects), Ok(Received::Duplicate));
    session.pubrel(id(5), effects).unwrap();
    assert_eq!(session.publish(EXACTLY_ONCE, id(5), effects), Ok(Received::Fresh));
    assert_eq!(told.words(), ["pubrec 5 00", "pubrec 5 00", "pubcomp 5 00"]);
}

#[test]
fn a_message_that_is_being_accepted_is_not_passed_on_twice() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    session.publish(EXACTLY_ONCE, id(5), effects).unwrap();
    session.detach();
    session.attach(Link::new(Version::V5), 0, effects);
    assert_eq!(session.publish(EXACTLY_ONCE, id(5), effects), Ok(Received::Duplicate));
    assert!(effects.is_empty());
    session.accept(id(5), OK, effects);
    assert_eq!(told.words(), ["pubrec 5 00"]);
}

#[test]
fn a_message_accepted_while_the_client_is_away_is_held() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    session.publish(EXACTLY_ONCE, id(5), effects).unwrap();
    session.detach();
    session.accept(id(5), OK, effects);
    assert!(effects.is_empty());
    session.attach(Link::new(Version::V5), 0, effects);
    assert_eq!(session.publish(EXACTLY_ONCE, id(5), effects), Ok(Received::Duplicate));
    assert_eq!(told.words(), ["pubrec 5 00"]);
}

#[test]
fn v5_4_3_3_9_a_refused_message_frees_its_identifier() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    session.publish(EXACTLY_ONCE, id(5), effects).unwrap();
    session.accept(id(5), ReasonCode::QUOTA_EXCEEDED, effects);
    assert_eq!(session.publish(EXACTLY_ONCE, id(5), effects), Ok(Received::Fresh));
    assert_eq!(told.words(), ["pubrec 5 97"]);
}

#[test]
fn a_pubrel_of_nothing_is_answered() {
    let mut told = Told::attached();
    told.session.pubrel(id(5), &mut told.effects).unwrap();
    assert_eq!(told.words(), ["pubcomp 5 92"]);
}

#[test]
fn a_pubrel_before_pubrec_is_out_of_turn() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    session.publish(EXACTLY_ONCE, id(5), effects).unwrap();
    assert_eq!(session.pubrel(id(5), effects), Err(SessionError::OutOfTurn));
}

#[test]
fn v5_3_3_4_7_a_client_of_mqtt_5_keeps_to_the_receive_maximum() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    for packet_id in 1..=20 {
        session.publish(AT_LEAST_ONCE, id(packet_id), effects).unwrap();
    }
    let error = SessionError::ReceiveMaximumExceeded;
    assert_eq!(session.publish(EXACTLY_ONCE, id(21), effects), Err(error));
    assert_eq!(error.reason(), ReasonCode::RECEIVE_MAXIMUM_EXCEEDED);
    session.accept(id(3), OK, effects);
    assert_eq!(session.publish(EXACTLY_ONCE, id(21), effects), Ok(Received::Fresh));
}

#[test]
fn a_client_before_mqtt_5_may_have_a_thousand() {
    let mut told = Told::new(SessionLimits::default());
    told.attach(Link::new(Version::V311));
    let Told { session, effects } = &mut told;
    for packet_id in 1..=1_000 {
        session.publish(EXACTLY_ONCE, id(packet_id), effects).unwrap();
        session.accept(id(packet_id), OK, effects);
    }
    let error = SessionError::ReceiveMaximumExceeded;
    assert_eq!(session.publish(EXACTLY_ONCE, id(1_001), effects), Err(error));
}

#[test]
fn a_qos_1_message_may_come_again_on_the_next_connection() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    session.publish(AT_LEAST_ONCE, id(5), effects).unwrap();
    session.detach();
    session.attach(Link::new(Version::V5), 0, effects);
    assert_eq!(session.publish(AT_LEAST_ONCE, id(5), effects), Ok(Received::Fresh));
}

use super::*;

#[test]
fn a_qos_0_message_is_written_and_forgotten() {
    let mut told = Told::attached();
    told.deliver(1, AT_MOST_ONCE);
    assert_eq!(told.words(), ["publish 0 #1", "delivered 1"]);
    assert!(told.session.is_idle());
}

#[test]
fn a_qos_0_message_does_not_wait_for_a_client_that_is_away() {
    let mut told = Told::new(SessionLimits::default());
    told.deliver(1, AT_MOST_ONCE);
    assert_eq!(told.words(), ["dropped 1 Offline"]);
    told.attach(Link::new(Version::V311));
    assert!(told.words().is_empty());
}

#[test]
fn a_qos_1_message_is_delivered_by_its_puback() {
    let mut told = Told::attached();
    told.deliver(7, AT_LEAST_ONCE);
    assert_eq!(told.words(), ["publish 1 #7"]);
    told.session.puback(id(1), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["delivered 7"]);
    assert!(told.session.is_idle());
}

#[test]
fn a_qos_2_message_is_delivered_by_its_pubrec_and_done_by_its_pubcomp() {
    let mut told = Told::attached();
    told.deliver(7, EXACTLY_ONCE);
    told.session.pubrec(id(1), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["publish 1 #7", "delivered 7", "pubrel 1 00"]);
    assert_eq!(told.session.in_flight(), 1);
    told.session.pubcomp(id(1), 0, &mut told.effects).unwrap();
    assert!(told.words().is_empty());
    assert!(told.session.is_idle());
}

#[test]
fn a_second_pubrec_is_answered_again() {
    let mut told = Told::attached();
    told.deliver(7, EXACTLY_ONCE);
    told.session.pubrec(id(1), OK, 0, &mut told.effects).unwrap();
    told.words();
    told.session.pubrec(id(1), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["pubrel 1 00"]);
}

#[test]
fn v5_4_4_0_2_a_refused_message_is_dropped_and_its_identifier_free() {
    let mut told = Told::attached();
    told.deliver(1, AT_LEAST_ONCE);
    told.deliver(2, EXACTLY_ONCE);
    told.words();
    let refused = ReasonCode::NOT_AUTHORIZED;
    told.session.puback(id(1), refused, 0, &mut told.effects).unwrap();
    told.session.pubrec(id(2), refused, 0, &mut told.effects).unwrap();
    let expected =
        ["dropped 1 Refused(0x87 Not authorized)", "dropped 2 Refused(0x87 Not authorized)"];
    assert_eq!(told.words(), expected);
    assert!(told.session.is_idle());
}

#[test]
fn nobody_listening_is_no_refusal() {
    let mut told = Told::attached();
    told.deliver(1, AT_LEAST_ONCE);
    let nobody = ReasonCode::NO_MATCHING_SUBSCRIBERS;
    told.session.puback(id(1), nobody, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["publish 1 #1", "delivered 1"]);
}

#[test]
fn acknowledgements_out_of_turn_end_the_connection() {
    let mut told = Told::attached();
    told.deliver(1, AT_LEAST_ONCE);
    told.deliver(2, EXACTLY_ONCE);
    told.deliver(3, EXACTLY_ONCE);
    told.session.pubrec(id(3), OK, 0, &mut told.effects).unwrap();
    let error = SessionError::OutOfTurn;
    let Told { session, effects } = &mut told;
    assert_eq!(session.pubrec(id(1), OK, 0, effects), Err(error), "PUBREC for QoS 1");
    assert_eq!(session.pubcomp(id(1), 0, effects), Err(error), "PUBCOMP for QoS 1");
    assert_eq!(session.puback(id(2), OK, 0, effects), Err(error), "PUBACK for QoS 2");
    assert_eq!(session.pubcomp(id(2), 0, effects), Err(error), "PUBCOMP before PUBREC");
    assert_eq!(session.puback(id(3), OK, 0, effects), Err(error), "PUBACK after PUBREC");
    assert_eq!(error.reason(), ReasonCode::PROTOCOL_ERROR);
}

#[test]
fn acknowledgements_of_nothing_are_harmless() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    session.puback(id(9), OK, 0, effects).unwrap();
    session.pubcomp(id(9), 0, effects).unwrap();
    session.pubrec(id(9), ReasonCode::UNSPECIFIED_ERROR, 0, effects).unwrap();
    assert!(told.words().is_empty());
    told.session.pubrec(id(9), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["pubrel 9 92"], "so that the client can forget it");
}

#[test]
fn v311_2_3_1_4_v5_2_2_1_4_an_identifier_in_use_is_not_given_again() {
    let mut told = Told::attached();
    told.deliver(0, EXACTLY_ONCE);
    told.deliver(0, EXACTLY_ONCE);
    told.session.pubrec(id(2), OK, 0, &mut told.effects).unwrap();
    for round in 0..65_534_u64 {
        told.words();
        told.deliver(round, AT_LEAST_ONCE);
        let SessionEffect::Write(Outgoing::Publish(publish)) = &told.effects[0] else {
            panic!("{:?}", told.effects);
        };
        let packet_id = publish.packet_id.unwrap();
        assert!(packet_id > id(2), "{packet_id} in round {round}");
        told.session.puback(packet_id, OK, 0, &mut told.effects).unwrap();
    }
}

#[test]
fn a_session_that_ends_tells_of_everything_that_will_not_arrive() {
    let limits = SessionLimits { in_flight_max: 1, ..SessionLimits::default() };
    let mut told = Told::new(limits);
    told.attach(Link::new(Version::V311));
    told.deliver(1, AT_LEAST_ONCE);
    told.deliver(2, AT_LEAST_ONCE);
    told.words();
    told.session.clear(&mut told.effects);
    assert_eq!(told.words(), ["dropped 1 SessionEnded", "dropped 2 SessionEnded"]);
    assert!(told.session.is_idle());
}

//! Normative statements that a session decides, each test named after the statements it shows:
//! `v311_…`, `v5_…`, or `mqtt_…` where both versions give it one number. What another file here
//! shows already bears its numbers there; `docs/conformance.md` has the whole list.
use super::*;
use crate::codec::{Encoder, Packet, Publish, decode};

/// Link of a client that takes so many messages at a time.
fn window(receive_maximum: u16) -> Link {
    Link { receive_maximum: id(receive_maximum), ..Link::new(Version::V5) }
}

/// What a message becomes between a publisher's packet and a subscriber's, both as bytes.
fn passed_on<T>(version: Version, packet: &[u8], read: impl Fn(&Publish<'_>) -> T) -> T {
    let Packet::Publish(publish) = decode(version, packet).unwrap() else { panic!("no message") };
    let message = Message::from_publish(&publish, publish.topic, 0);
    let delivery = Delivery::new(Arc::new(message), AT_MOST_ONCE);
    let mut told = Told::new(SessionLimits::default());
    told.attach(Link::new(version));
    told.session.deliver(delivery, 0, &mut told.effects);
    let [SessionEffect::Write(outgoing)] = &told.effects[..] else { panic!("{:?}", told.effects) };
    let mut out = Vec::new();
    outgoing.encode(Encoder::new(version), &mut out).unwrap();
    let Packet::Publish(publish) = decode(version, &out).unwrap() else { panic!("no message") };
    read(&publish)
}

#[test]
fn v311_2_3_1_6_v5_2_2_1_5_an_acknowledgement_bears_the_identifier_of_its_message() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    session.publish(AT_LEAST_ONCE, id(500), effects).unwrap();
    session.accept(id(500), OK, effects);
    session.publish(EXACTLY_ONCE, id(65_535), effects).unwrap();
    session.accept(id(65_535), OK, effects);
    session.pubrel(id(65_535), effects).unwrap();
    assert_eq!(told.words(), ["puback 500 00", "pubrec 65535 00", "pubcomp 65535 00"]);
}

#[test]
fn mqtt_3_3_1_3_dup_of_the_publisher_is_not_passed_on() {
    for version in [Version::V311, Version::V5] {
        let again = b"\x3A\x07\x00\x01t\x00\x01\x00x";
        assert!(!passed_on(version, again, |publish| publish.dup));
    }
}

#[test]
fn mqtt_3_3_4_1_a_message_is_answered_as_its_qos_wants() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    for (qos, packet_id) in [(AT_MOST_ONCE, 1), (AT_LEAST_ONCE, 2), (EXACTLY_ONCE, 3)] {
        assert_eq!(session.publish(qos, id(packet_id), effects), Ok(Received::Fresh));
        session.accept(id(packet_id), OK, effects);
    }
    assert_eq!(told.words(), ["puback 2 00", "pubrec 3 00"]);
}

#[test]
fn v5_3_3_2_4_the_payload_format_is_passed_on_unaltered() {
    use crate::codec::PayloadFormat;
    let format = |packet: &[u8]| {
        passed_on(Version::V5, packet, |publish| publish.properties.message.payload_format)
    };
    assert_eq!(format(b"\x30\x07\x00\x01t\x02\x01\x01x"), Some(PayloadFormat::Utf8));
    assert_eq!(format(b"\x30\x07\x00\x01t\x02\x01\x00x"), Some(PayloadFormat::Bytes));
    assert_eq!(format(b"\x30\x05\x00\x01t\x00x"), None);
}

#[test]
fn v5_3_3_2_15_and_16_response_topic_and_correlation_data_are_passed_on_unaltered() {
    let packet = b"\x30\x0E\x00\x01t\x0A\x08\x00\x01r\x09\x00\x03\x00\xFF\x01";
    passed_on(Version::V5, packet, |publish| {
        let message = publish.properties.message;
        assert_eq!(message.response_topic, Some("r"));
        assert_eq!(message.correlation_data, Some(&[0x00, 0xFF, 0x01][..]));
    });
}

#[test]
fn v5_3_3_2_17_and_18_user_properties_are_passed_on_in_their_order() {
    let packet = b"\x30\x1A\x00\x01t\x16\
        \x26\x00\x01b\x00\x012\x26\x00\x01a\x00\x00\x26\x00\x01b\x00\x011\x01\x01";
    passed_on(Version::V5, packet, |publish| {
        let pairs: Vec<_> = publish.properties.message.user_properties.iter().collect();
        assert_eq!(pairs, [("b", "2"), ("a", ""), ("b", "1")]);
    });
}

#[test]
fn v5_3_3_2_20_the_content_type_is_passed_on_unaltered() {
    let packet = b"\x30\x0E\x00\x01t\x0A\x03\x00\x07a/b; c=";
    let content = passed_on(Version::V5, packet, |publish| {
        publish.properties.message.content_type.map(str::to_owned)
    });
    assert_eq!(content.as_deref(), Some("a/b; c="));
}

#[test]
fn v5_3_3_4_9_v5_4_9_0_1_and_2_no_more_is_in_flight_than_the_client_takes() {
    for receive_maximum in [1, 2, 7] {
        let mut told = Told::new(SessionLimits::default());
        told.attach(window(receive_maximum));
        for number in 0..20 {
            told.deliver(number, if number % 2 == 0 { AT_LEAST_ONCE } else { EXACTLY_ONCE });
        }
        assert_eq!(told.words().len(), usize::from(receive_maximum));
        assert_eq!(told.session.in_flight(), usize::from(receive_maximum));
    }
}

#[test]
fn v5_3_3_4_10_v5_4_9_0_3_a_spent_quota_delays_nothing_but_messages_above_qos_0() {
    let mut told = Told::new(SessionLimits::default());
    told.attach(window(1));
    told.deliver(1, EXACTLY_ONCE);
    told.deliver(2, AT_LEAST_ONCE);
    told.deliver(3, AT_MOST_ONCE);
    let Told { session, effects } = &mut told;
    session.publish(AT_LEAST_ONCE, id(9), effects).unwrap();
    session.accept(id(9), OK, effects);
    session.pubrel(id(8), effects).unwrap();
    session.pubrec(id(1), OK, 0, effects).unwrap();
    let expected = [
        "publish 1 #1",
        "publish 0 #3",
        "delivered 3",
        "puback 9 00",
        "pubcomp 8 92",
        "delivered 1",
        "pubrel 1 00",
    ];
    assert_eq!(told.words(), expected);
}

#[test]
fn mqtt_4_3_1_1_a_qos_0_message_is_sent_once_without_dup() {
    let mut told = Told::attached();
    told.deliver(1, AT_MOST_ONCE);
    assert_eq!(told.words(), ["publish 0 #1", "delivered 1"]);
    told.session.detach();
    told.attach(Link::new(Version::V5));
    assert!(told.words().is_empty());
}

#[test]
fn v311_4_3_2_1_v5_4_3_2_1_and_2_and_3_a_qos_1_message_is_unacknowledged_until_puback() {
    let mut told = Told::attached();
    told.deliver(1, AT_LEAST_ONCE);
    told.deliver(2, AT_LEAST_ONCE);
    assert_eq!(told.words(), ["publish 1 #1", "publish 2 #2"], "identifiers of their own, no DUP");
    assert_eq!(told.session.in_flight(), 2);
    told.session.puback(id(1), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.session.in_flight(), 1);
    told.session.detach();
    told.words();
    told.attach(Link::new(Version::V5));
    assert_eq!(told.words(), ["again 2 #2"]);
}

#[test]
fn v311_4_3_2_2_v5_4_3_2_4_and_5_after_puback_an_identifier_is_free_for_a_new_message() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    for _ in 0..3 {
        assert_eq!(session.publish(AT_LEAST_ONCE, id(5), effects), Ok(Received::Fresh));
        session.accept(id(5), OK, effects);
    }
    assert_eq!(told.words(), ["puback 5 00"; 3]);
}

#[test]
fn v311_4_3_3_1_v5_4_3_3_1_and_2_and_3_a_qos_2_message_is_unacknowledged_until_pubrec() {
    let mut told = Told::attached();
    told.deliver(1, EXACTLY_ONCE);
    told.deliver(2, EXACTLY_ONCE);
    assert_eq!(told.words(), ["publish 1 #1", "publish 2 #2"], "identifiers of their own, no DUP");
    told.session.detach();
    told.attach(Link::new(Version::V5));
    assert_eq!(told.words(), ["again 1 #1", "again 2 #2"]);
}

#[test]
fn v5_4_3_3_4_and_5_and_6_after_pubrec_the_pubrel_is_sent_again_and_never_the_message() {
    let mut told = Told::attached();
    told.deliver(1, EXACTLY_ONCE);
    told.session.pubrec(id(1), OK, 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["publish 1 #1", "delivered 1", "pubrel 1 00"]);
    for _ in 0..2 {
        told.session.detach();
        told.attach(Link::new(Version::V5));
        assert_eq!(told.words(), ["pubrel 1 00"], "until PUBCOMP");
    }
    told.session.pubcomp(id(1), 0, &mut told.effects).unwrap();
    told.session.detach();
    told.attach(Link::new(Version::V5));
    assert!(told.words().is_empty());
}

#[test]
fn v5_4_3_3_13_the_exchange_goes_on_though_the_message_expired() {
    let mut told = Told::attached();
    let mut message = Message::new("t", &1_u64.to_be_bytes(), EXACTLY_ONCE, false);
    message.expires_at_ms = Some(1_000);
    let delivery = Delivery::new(Arc::new(message), EXACTLY_ONCE);
    let Told { session, effects } = &mut told;
    session.deliver(delivery, 0, effects);
    session.expire(2_000, effects);
    session.pubrec(id(1), OK, 3_000, effects).unwrap();
    session.pubcomp(id(1), 4_000, effects).unwrap();
    assert_eq!(told.words(), ["publish 1 #1", "pubrel 1 00"]);
    assert!(told.session.is_idle());
}

#[test]
fn mqtt_4_6_0_2_pubacks_follow_the_order_of_the_messages() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    for packet_id in [7, 3, 5] {
        session.publish(AT_LEAST_ONCE, id(packet_id), effects).unwrap();
    }
    for packet_id in [7, 3, 5] {
        session.accept(id(packet_id), OK, effects);
    }
    assert_eq!(told.words(), ["puback 7 00", "puback 3 00", "puback 5 00"]);
}

#[test]
fn mqtt_4_6_0_3_pubrecs_follow_the_order_of_the_messages() {
    let mut told = Told::attached();
    let Told { session, effects } = &mut told;
    for packet_id in [7, 3, 5] {
        session.publish(EXACTLY_ONCE, id(packet_id), effects).unwrap();
        session.accept(id(packet_id), OK, effects);
    }
    assert_eq!(told.words(), ["pubrec 7 00", "pubrec 3 00", "pubrec 5 00"]);
}

#[test]
fn v5_4_8_2_4_a_delivery_that_was_cut_off_is_completed_when_the_client_returns() {
    let mut told = Told::attached();
    told.deliver(1, EXACTLY_ONCE);
    told.session.detach();
    told.words();
    told.attach(Link::new(Version::V5));
    told.session.pubrec(id(1), OK, 0, &mut told.effects).unwrap();
    told.session.pubcomp(id(1), 0, &mut told.effects).unwrap();
    assert_eq!(told.words(), ["again 1 #1", "delivered 1", "pubrel 1 00"]);
}

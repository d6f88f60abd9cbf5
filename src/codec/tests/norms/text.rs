use super::*;
use crate::codec::{QoS, frame_len};

/// A field of text: in which versions, the first byte, and the packet before and after it.
type Place = (&'static [Version], u8, &'static str, &'static str);

const V5: &[Version] = &[Version::V5];

const CLIENT_ID: Place = (&ALL, 0x10, "0004'MQTT'04 02 003C", "");
const WILL_TOPIC: Place = (&ALL, 0x10, "0004'MQTT'04 06 003C 0001'a'", "0000");
const USER_NAME: Place = (&ALL, 0x10, "0004'MQTT'04 82 003C 0001'a'", "");
const TOPIC: Place = (&ALL, 0x30, "", "00");
const SUBSCRIBED: Place = (&MQTT3, 0x82, "0001", "00");
const SUBSCRIBED_V5: Place = (V5, 0x82, "0001 00", "00");
const UNSUBSCRIBED: Place = (&MQTT3, 0xA2, "0001", "");
const UNSUBSCRIBED_V5: Place = (V5, 0xA2, "0001 00", "");
// In sections of five bytes, which a text of two fills.
const CONTENT_TYPE: Place = (V5, 0x30, "0001't' 05 03", "");
const RESPONSE_TOPIC: Place = (V5, 0x30, "0001't' 05 08", "");
const REASON_STRING: Place = (V5, 0xE0, "00 05 1F", "");
const METHOD: Place = (V5, 0xF0, "18 05 15", "");
const PAIR_NAME: Place = (V5, 0x30, "0001't' 07 26", "0000");
const PAIR_VALUE: Place = (V5, 0x30, "0001't' 07 26 0000", "");

const EVERYWHERE: [Place; 14] = [
    CLIENT_ID,
    WILL_TOPIC,
    USER_NAME,
    TOPIC,
    SUBSCRIBED,
    SUBSCRIBED_V5,
    UNSUBSCRIBED,
    UNSUBSCRIBED_V5,
    CONTENT_TYPE,
    RESPONSE_TOPIC,
    REASON_STRING,
    METHOD,
    PAIR_NAME,
    PAIR_VALUE,
];

/// What becomes of a packet with these two bytes of text at `place`.
#[track_caller]
fn text_is(place: Place, text: &str, expected: Result<(), DecodeError>) {
    let (versions, first, before, after) = place;
    check(versions, first, &format!("{before} 0002 {text} {after}"), expected);
}

#[track_caller]
fn is_utf_8(places: &[Place]) {
    for place in places {
        text_is(*place, "C3A9", Ok(()));
        for broken in ["C328", "FF61", "C0AF", "61C3"] {
            text_is(*place, broken, Err(DecodeError::Utf8));
        }
    }
}

#[test]
fn v311_1_5_3_1_v5_1_5_4_1_text_is_well_formed_utf_8() {
    is_utf_8(&EVERYWHERE);
    let topic_of_a_surrogate = "0003 EDA080 00";
    refused(&ALL, 0x30, topic_of_a_surrogate, DecodeError::Utf8);
}

#[test]
fn v311_1_5_3_2_v5_1_5_4_2_text_has_no_null_character() {
    for place in EVERYWHERE {
        text_is(place, "6100", Err(DecodeError::ControlCharacter));
    }
}

#[test]
fn v311_1_5_3_3_v5_1_5_4_3_a_byte_order_mark_is_kept() {
    for version in ALL {
        let topic = decoded(version, &frame(0x30, "0004 EFBBBF 61 00"), |packet| {
            let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            publish.topic.to_owned()
        });
        assert_eq!(topic, "\u{FEFF}a");
    }
}

#[test]
fn v5_1_5_7_1_both_texts_of_a_pair_are_utf_8() {
    is_utf_8(&[PAIR_NAME, PAIR_VALUE]);
}

#[test]
fn mqtt_3_1_3_4_a_client_identifier_is_utf_8() {
    is_utf_8(&[CLIENT_ID]);
}

#[test]
fn v311_3_1_3_10_v5_3_1_3_11_a_will_topic_is_utf_8() {
    is_utf_8(&[WILL_TOPIC]);
}

#[test]
fn v311_3_1_3_11_v5_3_1_3_12_a_user_name_is_utf_8() {
    is_utf_8(&[USER_NAME]);
}

#[test]
fn mqtt_3_3_2_1_the_topic_comes_first_and_is_utf_8() {
    is_utf_8(&[TOPIC]);
    refused(&ALL, 0x30, "", DecodeError::Truncated);
    refused(&ALL, 0x30, "0003't'", DecodeError::Truncated);
}

#[test]
fn v5_3_3_2_13_a_response_topic_is_utf_8() {
    is_utf_8(&[RESPONSE_TOPIC]);
}

#[test]
fn v5_3_3_2_19_a_content_type_is_utf_8() {
    is_utf_8(&[CONTENT_TYPE]);
}

#[test]
fn mqtt_3_8_3_1_filters_subscribed_to_are_utf_8() {
    is_utf_8(&[SUBSCRIBED, SUBSCRIBED_V5]);
}

#[test]
fn mqtt_3_10_3_1_filters_unsubscribed_from_are_utf_8() {
    is_utf_8(&[UNSUBSCRIBED, UNSUBSCRIBED_V5]);
}

#[test]
fn mqtt_4_7_3_1_a_topic_or_filter_has_at_least_one_character() {
    refused(&MQTT3, 0x30, "0000", DecodeError::TopicName);
    for place in [SUBSCRIBED, SUBSCRIBED_V5, UNSUBSCRIBED, UNSUBSCRIBED_V5] {
        let (versions, first, before, after) = place;
        let error = DecodeError::TopicFilter;
        refused(versions, first, &format!("{before} 0000 {after}"), error);
    }
}

#[test]
fn mqtt_4_7_3_2_a_topic_or_filter_has_no_null_character() {
    for place in [TOPIC, SUBSCRIBED, SUBSCRIBED_V5, UNSUBSCRIBED, UNSUBSCRIBED_V5] {
        text_is(place, "0061", Err(DecodeError::ControlCharacter));
    }
}

#[test]
fn mqtt_4_7_3_3_a_topic_has_at_most_65_535_bytes() {
    let mut packet = vec![0x30, 0x82, 0x80, 0x04, 0xFF, 0xFF];
    packet.resize(6 + 65_535, b'a');
    packet.push(0);
    assert_eq!(frame_len(&packet, u32::MAX), Ok(Some(packet.len())));
    for version in ALL {
        let (bytes, qos) = decoded(version, &packet, |packet| {
            let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            (publish.topic.len(), publish.qos)
        });
        assert_eq!((bytes, qos), (65_535, QoS::AtMostOnce));
    }
}

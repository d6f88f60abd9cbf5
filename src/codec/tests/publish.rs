use super::*;
use crate::codec::{PayloadFormat, QoS, decode_publish};

#[test]
fn every_part_of_a_publish_is_read() {
    let frame = frame(0x3D, "0003'a/b' 0102 05 23 0005 01 01 'hello'");
    let publish = decode_publish(Version::V5, &frame).unwrap();
    assert_eq!((publish.dup, publish.qos, publish.retain), (true, QoS::ExactlyOnce, true));
    assert_eq!((publish.topic, publish.payload), ("a/b", "hello".as_bytes()));
    assert_eq!(publish.packet_id.unwrap().get(), 0x0102);
    assert_eq!(publish.properties.topic_alias.unwrap().get(), 5);
    assert_eq!(publish.properties.message.payload_format, Some(PayloadFormat::Utf8));
}

#[test]
fn a_payload_may_be_empty() {
    taken(&MQTT3, 0x30, "0001'a'");
    taken(&[Version::V5], 0x30, "0001'a' 00");
}

#[test]
fn mqtt_3_3_1_4_qos_3_does_not_exist() {
    refused(&ALL, 0x36, "0001'a' 0001 00", DecodeError::QoS);
}

#[test]
fn mqtt_3_3_1_2_dup_belongs_to_qos_1_and_2() {
    refused(&[Version::V311, Version::V5], 0x38, "0001'a' 00", DecodeError::DupWithoutQos);
    taken(&ALL, 0x3A, "0001'a' 0001 00");
}

#[test]
fn a_packet_id_is_not_0() {
    refused(&ALL, 0x32, "0001'a' 0000 00", DecodeError::PacketId);
    refused(&ALL, 0x32, "0001'a' 00", DecodeError::Truncated);
}

#[test]
fn mqtt_3_3_2_2_v311_4_7_1_1_v5_4_7_0_1_a_topic_name_has_no_wildcard() {
    for topic in ["0001'+'", "0001'#'", "0003'a+b'", "0003'a/#'"] {
        refused(&ALL, 0x30, &format!("{topic} 00"), DecodeError::TopicName);
    }
    for topic in ["0001'/'", "0003' / '", "0004'$SYS'", "0002 C3A9"] {
        taken(&ALL, 0x30, &format!("{topic} 00"));
    }
}

#[test]
fn an_empty_topic_needs_an_alias() {
    refused(&MQTT3, 0x30, "0000", DecodeError::TopicName);
    refused(&[Version::V5], 0x30, "0000 00", DecodeError::TopicAliasMissing);
    taken(&[Version::V5], 0x30, "0000 03 23 0001");
}

#[test]
fn v5_3_3_2_8_a_topic_alias_is_not_0() {
    refused(&[Version::V5], 0x30, "0001'a' 03 23 0000", DecodeError::TopicAlias);
    assert_eq!(DecodeError::TopicAlias.reason().byte(), 0x94);
}

#[test]
fn a_topic_is_clean_text() {
    refused(&ALL, 0x30, "0002'a' 00 00", DecodeError::ControlCharacter);
    refused(&ALL, 0x30, "0002'a' FF 00", DecodeError::Utf8);
    refused(&ALL, 0x30, "0003 EDA080 00", DecodeError::Utf8);
}

#[test]
fn v5_3_3_2_14_a_response_topic_is_a_valid_name() {
    taken(&[Version::V5], 0x30, "0001'a' 04 08 0001'r'");
    refused(&[Version::V5], 0x30, "0001'a' 04 08 0001'#'", DecodeError::TopicName);
    refused(&[Version::V5], 0x30, "0001'a' 03 08 0000", DecodeError::TopicName);
}

#[test]
fn a_payload_format_is_0_or_1() {
    refused(&[Version::V5], 0x30, "0001'a' 02 01 02", DecodeError::PropertyValue(0x01));
}

#[test]
fn a_message_may_expire_at_once() {
    let frame = frame(0x30, "0001'a' 05 02 00000000");
    let publish = decode_publish(Version::V5, &frame).unwrap();
    assert_eq!(publish.properties.message.expiry_s, Some(0));
}

#[test]
fn subscription_ids_are_read_in_their_order_and_are_not_0() {
    let frame = frame(0x30, "0001'a' 0B 0B 01 26 0001'k' 0000 0B FF7F 'x'");
    let publish = decode_publish(Version::V5, &frame).unwrap();
    assert_eq!(publish.properties.subscription_ids.iter().collect::<Vec<_>>(), [1, 16_383]);
    let pairs = publish.properties.message.user_properties;
    assert_eq!(pairs.iter().collect::<Vec<_>>(), [("k", "")]);
    assert_eq!(publish.payload, b"x");
    refused(&[Version::V5], 0x30, "0001'a' 02 0B 00", DecodeError::PropertyValue(0x0B));
}

#[test]
fn a_section_that_ends_inside_a_property_is_malformed() {
    refused(&[Version::V5], 0x3D, "0001'a' 0102 04 23 0005 01", DecodeError::Truncated);
}

#[test]
fn only_a_publish_is_read_as_one() {
    let found = decode_publish(Version::V311, &frame(0x40, "0001")).map(|_| ());
    assert_eq!(found, Err(DecodeError::UnexpectedPacket(4)));
}

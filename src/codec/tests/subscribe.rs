use super::*;
use crate::codec::{QoS, RetainHandling};

#[test]
fn a_subscribe_lists_its_filters_with_their_options() {
    let body = "0001 02 0B 05 0003'a/+' 01 0001'#' 2E";
    decoded(Version::V5, &frame(0x82, body), |packet| {
        let Packet::Subscribe(subscribe) = packet else { panic!("{packet:?}") };
        assert_eq!(subscribe.subscription_id, Some(5));
        let [first, second] = subscribe.filters.iter().collect::<Vec<_>>()[..] else {
            panic!("two filters");
        };
        assert_eq!((first.filter, first.qos), ("a/+", QoS::AtLeastOnce));
        assert_eq!((second.filter, second.qos), ("#", QoS::ExactlyOnce));
        assert!(!first.no_local && second.no_local && second.retain_as_published);
        assert_eq!(second.retain_handling, RetainHandling::DoNotSend);
    });
}

#[test]
fn v311_3_8_3_4_v5_3_8_3_5_options_have_no_reserved_bit() {
    for options in [0x04, 0x08, 0x10, 0x20, 0x40, 0x80] {
        let body = format!("0001 0001'a' {options:02x}");
        refused(&MQTT3, 0x82, &body, DecodeError::ReservedBit);
    }
    for options in [0x40, 0x80, 0x30] {
        let body = format!("0001 00 0001'a' {options:02x}");
        refused(&[Version::V5], 0x82, &body, DecodeError::ReservedBit);
    }
    refused(&MQTT3, 0x82, "0001 0001'a' 03", DecodeError::QoS);
    refused(&[Version::V5], 0x82, "0001 00 0001'a' 03", DecodeError::QoS);
}

#[test]
fn v311_3_8_3_3_v5_3_8_3_2_mqtt_3_10_3_2_a_packet_that_lists_nothing_is_refused() {
    for first in [0x82, 0xA2] {
        refused(&MQTT3, first, "0001", DecodeError::EmptyList);
        refused(&[Version::V5], first, "0001 00", DecodeError::EmptyList);
    }
    refused(&MQTT3, 0x90, "0001", DecodeError::EmptyList);
    refused(&[Version::V5], 0x90, "0001 00", DecodeError::EmptyList);
    refused(&[Version::V5], 0xB0, "0001 00", DecodeError::EmptyList);
}

#[test]
fn a_list_ends_with_a_whole_entry() {
    refused(&MQTT3, 0x82, "0001 0001'a'", DecodeError::Truncated);
    refused(&MQTT3, 0x82, "0001 0001'a' 00 0001", DecodeError::Truncated);
    refused(&MQTT3, 0x82, "0001 0001'a' 00 00", DecodeError::Truncated);
    refused(&MQTT3, 0xA2, "0001 0001'a' 00", DecodeError::Truncated);
}

#[test]
fn every_filter_of_a_list_is_checked() {
    for filter in ["0000", "0002'a#'", "0003'#/a'", "0002'a+'", "0005'a/#/b'"] {
        let error = DecodeError::TopicFilter;
        refused(&MQTT3, 0x82, &format!("0001 0001'a' 00 {filter} 00"), error);
        refused(&MQTT3, 0xA2, &format!("0001 0001'a' {filter}"), error);
        refused(&[Version::V5], 0xA2, &format!("0001 00 0001'a' {filter}"), error);
    }
    refused(&MQTT3, 0x82, "0001 0001 07 00", DecodeError::ControlCharacter);
}

#[test]
fn a_shared_filter_has_a_group_and_a_filter() {
    taken(&[Version::V5], 0x82, "0001 00 000A'$share/g/t' 00");
    taken(&[Version::V5], 0x82, "0001 00 000A'$share/g/#' 00");
    for filter in ["0008'$share/g'", "0009'$share/g/'", "0009'$share//t'", "000A'$share/+/t'"] {
        refused(&MQTT3, 0xA2, &format!("0001 {filter}"), DecodeError::TopicFilter);
    }
}

#[test]
fn v5_3_8_3_4_a_shared_subscription_cannot_be_no_local() {
    let body = "0001 00 000A'$share/g/t' 04";
    refused(&[Version::V5], 0x82, body, DecodeError::NoLocalOnShared);
}

#[test]
fn requests_and_answers_name_a_packet() {
    for first in [0x82, 0xA2, 0x90, 0xB0] {
        refused(&ALL, first, "0000 00", DecodeError::PacketId);
    }
}

#[test]
fn mqtt_3_9_3_2_a_suback_has_the_codes_of_its_version() {
    taken(&MQTT3, 0x90, "0001 00 01 02 80");
    refused(&MQTT3, 0x90, "0001 03", DecodeError::ReasonCode(0x03));
    refused(&MQTT3, 0x90, "0001 87", DecodeError::ReasonCode(0x87));
    taken(&[Version::V5], 0x90, "0001 00 00 01 02 80 83 87 8F 91 97 9E A1 A2");
    refused(&[Version::V5], 0x90, "0001 00 03", DecodeError::ReasonCode(3));
}

#[test]
fn v5_3_11_3_2_an_unsuback_has_its_own_reasons_and_before_mqtt_5_none() {
    taken(&MQTT3, 0xB0, "0001");
    refused(&MQTT3, 0xB0, "0001 00", DecodeError::TrailingBytes);
    taken(&[Version::V5], 0xB0, "0001 00 00 11 80 83 87 8F 91");
    refused(&[Version::V5], 0xB0, "0001 00 01", DecodeError::ReasonCode(1));
}

use super::*;
use crate::codec::{ConnectReturnCode, ReasonCode};

#[test]
fn v5_3_2_2_1_a_connack_has_one_flag() {
    taken(&MQTT3, 0x20, "01 00");
    taken(&[Version::V5], 0x20, "01 00 00");
    refused(&[Version::V311], 0x20, "02 00", DecodeError::ReservedBit);
    refused(&[Version::V5], 0x20, "80 00 00", DecodeError::ReservedBit);
    taken(&[Version::V31], 0x20, "FF 00");
}

#[test]
fn v311_3_2_2_4_v5_3_2_2_6_a_refusal_keeps_no_session() {
    refused(&[Version::V311], 0x20, "01 05", DecodeError::SessionPresent);
    refused(&[Version::V5], 0x20, "01 87 00", DecodeError::SessionPresent);
}

#[test]
fn return_codes_before_mqtt_5_are_0_to_5() {
    for byte in 0..=5 {
        let code = ConnectReturnCode::from_byte(byte).unwrap();
        assert_eq!(ConnectReturnCode::from_reason(code.reason()), code);
        taken(&MQTT3, 0x20, &format!("00 {byte:02x}"));
    }
    refused(&MQTT3, 0x20, "00 06", DecodeError::ReasonCode(6));
}

#[test]
fn v5_3_2_2_8_a_connack_of_mqtt_5_has_its_own_reasons() {
    for code in [0x01, 0x7F, 0x8B, 0x8D, 0x96, 0x9E, 0xA0] {
        let body = format!("00 {code:02x} 00");
        refused(&[Version::V5], 0x20, &body, DecodeError::ReasonCode(code));
    }
    for code in [0x84, 0x8C, 0x95, 0x9F] {
        taken(&[Version::V5], 0x20, &format!("00 {code:02x} 00"));
    }
}

#[test]
fn refusals_of_mqtt_5_become_the_nearest_return_code() {
    let code = ConnectReturnCode::from_reason;
    assert_eq!(code(ReasonCode::BANNED), ConnectReturnCode::NotAuthorized);
    assert_eq!(code(ReasonCode::SERVER_BUSY), ConnectReturnCode::ServerUnavailable);
    assert_eq!(code(ReasonCode::CONNECTION_RATE_EXCEEDED), ConnectReturnCode::ServerUnavailable);
}

#[test]
fn values_in_a_connack_are_checked() {
    let v5 = [Version::V5];
    taken(&v5, 0x20, "00 00 02 24 01");
    refused(&v5, 0x20, "00 00 02 24 02", DecodeError::PropertyValue(0x24));
    refused(&v5, 0x20, "00 00 03 21 0000", DecodeError::PropertyValue(0x21));
    refused(&v5, 0x20, "00 00 05 27 00000000", DecodeError::PropertyValue(0x27));
    refused(&v5, 0x20, "00 00 02 2A 02", DecodeError::PropertyValue(0x2A));
    refused(&v5, 0x20, "00 00 04 16 0001'd'", DecodeError::AuthenticationMethodMissing);
    refused(&v5, 0x20, "00 00", DecodeError::Truncated);
}

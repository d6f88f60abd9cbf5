use super::*;
use crate::codec::{Connect, ConnectReturnCode, QoS, ReasonCode};

const MQTT_3: &str = "0004'MQTT'04";
const MQTT_5: &str = "0004'MQTT'05";

fn v3(rest: &str) -> String {
    format!("{MQTT_3} {rest}")
}

fn v5(rest: &str) -> String {
    format!("{MQTT_5} {rest}")
}

fn read<T>(body: &str, read: impl Fn(Connect<'_>) -> T) -> T {
    read(decode_connect(&frame(0x10, body)).unwrap())
}

#[test]
fn the_version_is_that_of_the_protocol_name_and_level() {
    let version = |body: &str| read(body, |connect| connect.version);
    assert_eq!(version("0006'MQIsdp'03 02 003C 0001'a'"), Version::V31);
    assert_eq!(version(&v3("02 003C 0001'a'")), Version::V311);
    assert_eq!(version(&v5("02 003C 00 0001'a'")), Version::V5);
}

#[test]
fn every_field_of_a_connect_is_read() {
    let body =
        v5("EE 003C 05 11 00000E10 0001'c' 05 18 0000000A 0004'will' 0003'bye' 0001'u' 0002 00FF");
    read(&body, |connect| {
        let will = connect.will.unwrap();
        assert_eq!((connect.clean_start, connect.keep_alive_s), (true, 60));
        assert_eq!(connect.properties.session_expiry_s, Some(3_600));
        assert_eq!(connect.client_id, "c");
        assert_eq!((will.topic, will.payload), ("will", "bye".as_bytes()));
        assert_eq!((will.qos, will.retain, will.delay_s), (QoS::AtLeastOnce, true, Some(10)));
        assert_eq!((connect.username, connect.password), (Some("u"), Some(&[0, 0xFF][..])));
    });
}

#[test]
fn mqtt_3_1_2_1_another_protocol_name_is_not_mqtt() {
    for name in ["0000", "0003'MQT'", "0004'mqtt'", "0004'MQTU'", "0005'MQTTT'", "0006'MQIsdq'"] {
        connect_is(&format!("{name} 04 02 003C 0001'a'"), Err(DecodeError::ProtocolName));
    }
}

#[test]
fn mqtt_3_1_2_2_an_unknown_level_is_answered_with_return_code_1() {
    for (name, level) in [("0004'MQTT'", 3), ("0004'MQTT'", 6), ("0006'MQIsdp'", 4)] {
        let error = DecodeError::ProtocolLevel(level);
        connect_is(&format!("{name} {level:02x} 02 003C 0001'a'"), Err(error));
        let code = ConnectReturnCode::UnacceptableProtocolVersion;
        assert_eq!(error.connect_return_code(), Some(code));
        assert_eq!(error.reason(), ReasonCode::UNSUPPORTED_PROTOCOL_VERSION);
    }
}

#[test]
fn mqtt_3_1_2_3_the_reserved_flag_is_0_from_mqtt_3_1_1_on() {
    connect_is(&v3("03 003C 0001'a'"), Err(DecodeError::ReservedBit));
    connect_is(&v5("03 003C 00 0001'a'"), Err(DecodeError::ReservedBit));
    connect_is("0006'MQIsdp'03 03 003C 0001'a'", Ok(()));
}

#[test]
fn header_flags_of_a_connect_are_0_from_mqtt_3_1_1_on() {
    let found = decode_connect(&frame(0x12, &v3("02 003C 0001'a'"))).map(|_| ());
    assert_eq!(found, Err(DecodeError::HeaderFlags));
}

#[test]
fn v311_3_1_2_11_and_13_and_14_and_15_v5_3_1_2_11_and_12_and_13_will_bits_need_a_will() {
    for flags in ["0A", "12", "22"] {
        connect_is(&v3(&format!("{flags} 003C 0001'a'")), Err(DecodeError::WillFlags));
    }
    connect_is(&v3("1E 003C 0001'a' 0001't' 0000"), Err(DecodeError::QoS));
}

#[test]
fn a_will_topic_is_a_valid_name() {
    connect_is(&v3("06 003C 0001'a' 0001't' 0000"), Ok(()));
    for topic in ["0000", "0001'#'", "0003'a/+'"] {
        connect_is(&v3(&format!("06 003C 0001'a' {topic} 0000")), Err(DecodeError::TopicName));
    }
}

#[test]
fn v311_3_1_2_22_a_password_needs_a_user_name_before_mqtt_5() {
    let error = DecodeError::PasswordWithoutUsername;
    connect_is(&v3("42 003C 0001'a' 0001'p'"), Err(error));
    connect_is(&v5("42 003C 00 0001'a' 0001'p'"), Ok(()));
}

#[test]
fn a_password_is_any_bytes_and_may_be_empty() {
    connect_is(&v3("C2 003C 0001'a' 0000 0003 00FF80"), Ok(()));
    let empty = read(&v3("C2 003C 0001'a' 0000 0000"), |connect| {
        (connect.username == Some(""), connect.password == Some(&[][..]))
    });
    assert_eq!(empty, (true, true), "empty is not absent");
}

#[test]
fn v311_3_1_3_7_and_8_an_empty_client_id_needs_a_clean_session_before_mqtt_5() {
    connect_is(&v3("02 003C 0000"), Ok(()));
    connect_is(&v3("00 003C 0000"), Err(DecodeError::ClientId));
    connect_is(&v5("00 003C 00 0000"), Ok(()));
    connect_is("0006'MQIsdp'03 02 003C 0000", Err(DecodeError::ClientId));
    let code = DecodeError::ClientId.connect_return_code();
    assert_eq!(code, Some(ConnectReturnCode::IdentifierRejected));
}

#[test]
fn fields_follow_the_flags_exactly() {
    connect_is(&v3("02 003C"), Err(DecodeError::Truncated));
    connect_is(&v3("06 003C 0001'a'"), Err(DecodeError::Truncated));
    connect_is(&v3("82 003C 0001'a'"), Err(DecodeError::Truncated));
    connect_is(&v3("C2 003C 0001'a' 0001'u'"), Err(DecodeError::Truncated));
    connect_is(&v3("02 003C 0001'a' 0001'u'"), Err(DecodeError::TrailingBytes));
}

#[test]
fn text_without_control_characters_is_wanted_everywhere() {
    let bad = ["0001 00", "0001 1F", "0001 7F", "0002 C280", "0002 C29F"];
    for text in bad {
        let error = Err(DecodeError::ControlCharacter);
        connect_is(&v3(&format!("02 003C {text}")), error);
        connect_is(&v3(&format!("82 003C 0001'a' {text}")), error);
        connect_is(&v3(&format!("06 003C 0001'a' {text} 0000")), error);
    }
    connect_is(&v3("02 003C 0003 EDA080"), Err(DecodeError::Utf8));
    connect_is(&v3("02 003C 0002 C0AF"), Err(DecodeError::Utf8));
    connect_is(&v3("02 003C 0002 C2A0"), Ok(()));
    connect_is(&v3("02 003C 0003 EFBBBF"), Ok(()));
}

#[test]
fn properties_of_a_connect_have_allowed_values() {
    let section = |hex: &str| {
        let length = bytes(hex).len();
        v5(&format!("02 003C {length:02x} {hex} 0001'a'"))
    };
    connect_is(&section("21 0001 27 00000001 22 0000 17 01 19 00"), Ok(()));
    connect_is(&section("21 0000"), Err(DecodeError::PropertyValue(0x21)));
    connect_is(&section("27 00000000"), Err(DecodeError::PropertyValue(0x27)));
    connect_is(&section("17 02"), Err(DecodeError::PropertyValue(0x17)));
    connect_is(&section("19 02"), Err(DecodeError::PropertyValue(0x19)));
    connect_is(&section("15 0001'm' 16 0001'd'"), Ok(()));
    connect_is(&section("16 0001'd'"), Err(DecodeError::AuthenticationMethodMissing));
}

#[test]
fn mqtt_3_1_0_1_the_first_packet_is_a_connect() {
    for packet_type in (0..=15_u8).filter(|packet_type| *packet_type != 1) {
        for body in ["", "0001", "0004'MQTT'04 02 003C 0001'a'"] {
            let found = decode_connect(&frame(packet_type << 4, body)).map(|_| ());
            assert_eq!(found, Err(DecodeError::UnexpectedPacket(packet_type)));
        }
    }
}

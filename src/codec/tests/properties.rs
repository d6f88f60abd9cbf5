use super::*;

/// Every property of the standard (2.2.2.2) with a value that is right, and the packets that may
/// carry it, by the digits of their type; `w` is a will.
const PROPERTIES: [(u8, &str, &str); 27] = [
    (0x01, "01", "3w"),
    (0x02, "0000000A", "3w"),
    (0x03, "0001'x'", "3w"),
    (0x08, "0001'x'", "3w"),
    (0x09, "0001'x'", "3w"),
    (0x0B, "01", "38"),
    (0x11, "0000000A", "12e"),
    (0x12, "0001'x'", "2"),
    (0x13, "000A", "2"),
    (0x15, "0001'x'", "12f"),
    (0x16, "0001'x' 15 0001'x'", "12f"),
    (0x17, "01", "1"),
    (0x18, "0000000A", "w"),
    (0x19, "01", "1"),
    (0x1A, "0001'x'", "2"),
    (0x1C, "0001'x'", "2e"),
    (0x1F, "0001'x'", "245679bef"),
    (0x21, "000A", "12"),
    (0x22, "000A", "12"),
    (0x23, "000A", "3"),
    (0x24, "01", "2"),
    (0x25, "01", "2"),
    (0x26, "0001'x' 0001'x'", "12345678 9abefw"),
    (0x27, "0000000A", "12"),
    (0x28, "01", "2"),
    (0x29, "01", "2"),
    (0x2A, "01", "2"),
];

/// The packets that have a property section: first byte, what comes before and after it.
const PACKETS: [(char, u8, &str, &str); 14] = [
    ('1', 0x10, "0004'MQTT'05 02 003C", "0001'a'"),
    ('w', 0x10, "0004'MQTT'05 06 003C 00 0001'a'", "0001't' 0000"),
    ('2', 0x20, "00 00", ""),
    ('3', 0x30, "0001't'", ""),
    ('4', 0x40, "0001 00", ""),
    ('5', 0x50, "0001 00", ""),
    ('6', 0x62, "0001 00", ""),
    ('7', 0x70, "0001 00", ""),
    ('8', 0x82, "0001", "0001't' 00"),
    ('9', 0x90, "0001", "00"),
    ('a', 0xA2, "0001", "0001't'"),
    ('b', 0xB0, "0001", "00"),
    ('e', 0xE0, "00", ""),
    ('f', 0xF0, "18", ""),
];

fn with_section(before: &str, section: &str, after: &str) -> String {
    format!("{before} {:02x} {section} {after}", bytes(section).len())
}

/// The method without which an AUTH is none.
fn method(packet: char, id: u8) -> &'static str {
    if packet == 'f' && id != 0x15 && id != 0x16 { "15 0001'm'" } else { "" }
}

#[test]
fn each_property_belongs_to_its_packets_and_to_no_other() {
    for (id, value, packets) in PROPERTIES {
        for (packet, first, before, after) in PACKETS {
            let section = format!("{} {id:02x} {value}", method(packet, id));
            let body = with_section(before, &section, after);
            // An authentication method is next to its data, and is refused first or second.
            let expected = if packets.contains(packet) {
                Ok(())
            } else {
                Err(DecodeError::PropertyNotAllowed(id))
            };
            check(&[Version::V5], first, &body, expected);
        }
    }
}

#[test]
fn a_property_appears_once_unless_it_is_a_list() {
    for (id, value, packets) in PROPERTIES {
        for (packet, first, before, after) in PACKETS {
            if !packets.contains(packet) || id == 0x16 {
                continue;
            }
            let one = format!("{id:02x} {value}");
            let body = with_section(before, &format!("{} {one} {one}", method(packet, id)), after);
            let list = id == 0x26 || (id == 0x0B && packet == '3');
            let expected = if list { Ok(()) } else { Err(DecodeError::PropertyRepeated(id)) };
            check(&[Version::V5], first, &body, expected);
        }
    }
}

#[test]
fn a_property_that_does_not_exist_is_malformed() {
    let known: Vec<u8> = PROPERTIES.iter().map(|(id, _, _)| *id).collect();
    for id in (0..=0xFF).filter(|id| !known.contains(id)) {
        for (_, first, before, after) in PACKETS {
            let body = with_section(before, &format!("{id:02x} 00"), after);
            refused(&[Version::V5], first, &body, DecodeError::PropertyUnknown(id));
        }
    }
}

#[test]
fn a_property_ends_within_its_section() {
    for (id, value, packets) in PROPERTIES {
        for (packet, first, before, after) in PACKETS {
            if !packets.contains(packet) || id == 0x16 {
                continue;
            }
            let short = match value.strip_suffix("'x'") {
                Some(length) => length.to_owned(),
                None => value[..value.len() - 2].to_owned(),
            };
            let section = format!("{} {id:02x} {short}", method(packet, id));
            let body = with_section(before, &section, after);
            refused(&[Version::V5], first, &body, DecodeError::Truncated);
        }
    }
}

#[test]
fn a_section_ends_within_its_packet() {
    for (_, first, before, _) in PACKETS {
        refused(&[Version::V5], first, &format!("{before} 02 01"), DecodeError::Truncated);
        let padded = format!("{before} 80 00");
        refused(&[Version::V5], first, &padded, DecodeError::VariableByteInteger);
    }
}

#[test]
fn text_in_properties_is_clean() {
    let v5 = [Version::V5];
    let error = DecodeError::ControlCharacter;
    refused(&v5, 0x30, "0001't' 04 03 0001 07", error);
    refused(&v5, 0x30, "0001't' 07 26 0001 07 0001'x'", error);
    refused(&v5, 0x30, "0001't' 07 26 0001'x' 0001 7F", error);
    refused(&v5, 0x30, "0001't' 04 03 0001 FF", DecodeError::Utf8);
    taken(&v5, 0x30, "0001't' 04 09 0001 FF");
}

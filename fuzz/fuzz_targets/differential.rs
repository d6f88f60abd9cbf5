//! What Hearth takes, an independent codec takes as well. The other way round Hearth is stricter.
#![no_main]

use hearth::codec::{MessageProperties, Packet, PayloadFormat, Version, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, frame)) = input.split_first() else { return };
    let version = if first % 2 == 0 { Version::V311 } else { Version::V5 };
    let Ok(packet) = decode(version, frame) else { return };
    // A CONNECT speaks its own version.
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let taken = match version {
        Version::V31 => return,
        Version::V311 => matches!(mqtt_proto::v3::Packet::decode(frame), Ok(Some(_))),
        Version::V5 => matches!(mqtt_proto::v5::Packet::decode(frame), Ok(Some(_))),
    };
    let exempt = match &packet {
        // The other codec knows only one identifier, though several may match (3.3.2.3.8).
        Packet::Publish(publish) if publish.properties.subscription_ids.iter().count() > 1 => true,
        Packet::Publish(publish) => misnamed(&publish.properties.message, publish.payload),
        Packet::Connect(connect) => {
            connect.will.as_ref().is_some_and(|will| misnamed(&will.properties, will.payload))
        }
        _ => false,
    };
    assert!(taken || exempt, "{version:?} {frame:02x?} {packet:?}");
});

/// A payload that is said to be text and is not: whether to check is left to the receiver
/// (3.3.2.3.2); Hearth does not, the other codec does.
fn misnamed(properties: &MessageProperties<'_>, payload: &[u8]) -> bool {
    properties.payload_format == Some(PayloadFormat::Utf8) && std::str::from_utf8(payload).is_err()
}

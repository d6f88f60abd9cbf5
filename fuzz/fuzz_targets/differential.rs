//! What Hearth takes, an independent codec takes as well. The other way round Hearth is stricter.
#![no_main]

use hearth::mqtt::codec::{Packet, Version, decode};
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
    assert!(taken, "{version:?} {frame:02x?} {packet:?}");
});

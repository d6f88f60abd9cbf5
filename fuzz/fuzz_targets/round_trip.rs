//! What is taken is written in no more bytes, and taken the same way again.
#![no_main]

use hearth::codec::{Packet, Version, decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, frame)) = input.split_first() else { return };
    let version = match first % 3 {
        0 => Version::V31,
        1 => Version::V311,
        _ => Version::V5,
    };
    let Ok(packet) = decode(version, frame) else { return };
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let mut out = Vec::new();
    encode(version, &packet, &mut out).expect("what was read can be written");
    assert!(out.len() <= frame.len(), "the shortest form is written");
    assert_eq!(decode(version, &out).as_ref(), Ok(&packet));
});

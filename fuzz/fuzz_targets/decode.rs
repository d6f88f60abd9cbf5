//! Framer and decoder on a stream of hostile bytes, as a connection meets them.
#![no_main]

use hearth::codec::{Limits, Version, decode, decode_connect, frame_len};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, mut stream)) = input.split_first() else { return };
    let version = match first % 3 {
        0 => Version::V31,
        1 => Version::V311,
        _ => Version::V5,
    };
    let _ = decode_connect(stream);
    let limits = Limits::default();
    while let Ok(Some(length)) = frame_len(stream, 65_536) {
        let Some((frame, rest)) = stream.split_at_checked(length) else { break };
        if let Ok(packet) = decode(version, frame) {
            let _ = format!("{packet:?}");
        }
        let _ = limits.decode(version, frame);
        stream = rest;
    }
});

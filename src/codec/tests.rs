//! The rules of the codec, one sentence each, and properties over generated packets.
mod acknowledge;
mod connect;
mod frame;
mod generate;
mod known_bugs;
mod limits;
mod norms;
mod properties;
mod publish;
mod round_trip;
mod server;
mod subscribe;
mod topic;

use super::{DecodeError, Packet, Version, decode, decode_connect};

const ALL: [Version; 3] = [Version::V31, Version::V311, Version::V5];
const MQTT3: [Version; 2] = [Version::V31, Version::V311];

/// The bytes that hexadecimal digits stand for; anything else separates for the eye. A word in
/// quotes stands for its UTF-8 bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            out.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u32> = part.chars().filter_map(|char| char.to_digit(16)).collect();
        assert!(digits.len().is_multiple_of(2), "half a byte in {part}");
        out.extend(digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()));
    }
    out
}

/// A whole frame: the first byte, then `body` behind its length.
fn frame(first: u8, body: &str) -> Vec<u8> {
    let body = bytes(body);
    let mut frame = vec![first];
    let mut rest = body.len();
    loop {
        let low = u8::try_from(rest % 128).unwrap();
        rest /= 128;
        frame.push(if rest > 0 { low | 0x80 } else { low });
        if rest == 0 {
            break;
        }
    }
    frame.extend_from_slice(&body);
    frame
}

#[track_caller]
fn check(versions: &[Version], first: u8, body: &str, expected: Result<(), DecodeError>) {
    let frame = frame(first, body);
    for version in versions {
        let found = decode(*version, &frame).map(|_| ());
        assert_eq!(found, expected, "{version:?} {first:02x} {body}");
    }
}

#[track_caller]
fn taken(versions: &[Version], first: u8, body: &str) {
    check(versions, first, body, Ok(()));
}

#[track_caller]
fn refused(versions: &[Version], first: u8, body: &str, error: DecodeError) {
    check(versions, first, body, Err(error));
}

/// Decodes a frame that is right.
#[track_caller]
fn decoded<T>(version: Version, frame: &[u8], read: impl Fn(Packet<'_>) -> T) -> T {
    read(decode(version, frame).unwrap())
}

#[track_caller]
fn connect_is(body: &str, expected: Result<(), DecodeError>) {
    assert_eq!(decode_connect(&frame(0x10, body)).map(|_| ()), expected, "{body}");
}

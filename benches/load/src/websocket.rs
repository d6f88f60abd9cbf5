//! As much of WebSocket (RFC 6455) as a load generator and the floor need.
//!
//! The client always sends the key of the RFC's example, so that the floor can answer it with the
//! accept value of the same example and needs no SHA-1; masks are zero, which costs a server as
//! much as any other mask and costs the generator nothing.

use std::borrow::Cow;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The request that opens a WebSocket at `path`, with the page's own origin.
pub(crate) fn upgrade(host: &str, path: &str, protocol: Option<&str>) -> Vec<u8> {
    let protocol = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{}\r\n",
        protocol.unwrap_or_default()
    )
    .into_bytes()
}

/// The floor's answer to [`upgrade`].
pub(crate) fn switching() -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    )
    .into_bytes()
}

/// Takes a whole HTTP head off `bytes`.
pub(crate) fn split_head(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = bytes.split_at_checked(end + 4)?;
    Some((std::str::from_utf8(head).unwrap_or_default(), rest))
}

/// Status of an HTTP response head; 0 when it is none.
pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// A frame that was received, its mask taken off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// 0 for a continuation.
    pub(crate) opcode: u8,
    pub(crate) payload: Cow<'a, [u8]>,
}

/// Takes the first whole frame off `bytes`, or nothing while it is incomplete.
pub(crate) fn split(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let ([first, second], rest) = bytes.split_first_chunk()?;
    let opcode = first & 0x0f;
    let (length, rest) = match second & 0x7f {
        126 => rest.split_first_chunk().map(|(l, rest)| (u64::from(u16::from_be_bytes(*l)), rest)),
        127 => rest.split_first_chunk().map(|(l, rest)| (u64::from_be_bytes(*l), rest)),
        short => Some((u64::from(short), rest)),
    }?;
    let length = usize::try_from(length).ok()?;
    let (mask, rest) =
        if second & 0x80 == 0 { (&[0; 4], rest) } else { rest.split_first_chunk::<4>()? };
    let (payload, rest) = rest.split_at_checked(length)?;
    if *mask == [0; 4] {
        return Some((Frame { opcode, payload: Cow::Borrowed(payload) }, rest));
    }
    let clear = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((Frame { opcode, payload: Cow::Owned(clear) }, rest))
}

/// One final frame; `masked` for what a client sends (with a mask of zeros).
pub(crate) fn frame(opcode: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    let mask_bit: u8 = if masked { 0x80 } else { 0 };
    let mut out = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => out.push(mask_bit + short),
        (_, Ok(medium)) => {
            out.push(mask_bit + 126);
            out.extend(medium.to_be_bytes());
        }
        _ => {
            out.push(mask_bit + 127);
            out.extend(u64::try_from(payload.len()).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    if masked {
        out.extend([0; 4]);
    }
    out.extend(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_any_length_is_read_back_and_never_before_its_last_byte() {
        for (size, masked) in [(0, true), (125, false), (126, true), (70_000, false)] {
            let written = frame(TEXT, masked, &vec![b'a'; size]);
            assert_eq!(split(written.get(..written.len() - 1).unwrap_or_default()), None);
            let (frame, rest) = split(&written).unwrap_or_else(|| panic!("whole"));
            assert_eq!((frame.opcode, frame.payload.len(), rest.len()), (TEXT, size, 0));
        }
    }

    #[test]
    fn a_mask_is_taken_off() {
        let masked = [0x81, 0x83, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, b'c' ^ 3];
        let read = split(&masked).map(|(frame, _)| frame.payload.into_owned());
        assert_eq!(read.as_deref(), Some(&b"abc"[..]));
    }

    #[test]
    fn the_status_of_an_answer_is_found() {
        let head = switching();
        let (head, rest) = split_head(&head).unwrap_or_else(|| panic!("head"));
        assert_eq!((status(head), rest.len()), (101, 0));
    }
}

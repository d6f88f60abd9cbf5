//! Packets in, each checked by the letter of the specification.

/// The server sent what MQTT 3.1.1 does not allow, or what a device did not ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Where a packet begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The first byte: type and flags.
    pub head: u8,
    /// The length of the fixed header.
    pub header_len: usize,
    /// The length of what follows it.
    pub body_len: usize,
}

/// A packet from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The answer to CONNECT: 0 is welcome.
    ConnAck {
        /// The return code.
        code: u8,
    },
    /// A message; with an identifier it is `QoS` 1 and wants a PUBACK.
    Publish {
        /// The topic.
        topic: &'a str,
        /// The identifier.
        id: Option<u16>,
        /// The message.
        payload: &'a [u8],
    },
    /// A message of ours arrived.
    PubAck {
        /// Which one.
        id: u16,
    },
    /// The answer to SUBSCRIBE: the granted `QoS`, or 0x80.
    SubAck {
        /// Which SUBSCRIBE.
        id: u16,
        /// The return code.
        code: u8,
    },
    /// The answer to PINGREQ.
    PingResp,
}

/// Finds the packet at the beginning of `bytes`; `None` while its header is not complete.
///
/// # Errors
/// [`Malformed`] when the length is written with more than four bytes.
pub fn frame(bytes: &[u8]) -> Result<Option<Frame>, Malformed> {
    let Some((head, rest)) = bytes.split_first() else { return Ok(None) };
    let mut body_len = 0;
    for (at, byte) in rest.iter().take(4).enumerate() {
        body_len |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some(Frame { head: *head, header_len: at + 2, body_len }));
        }
    }
    if rest.len() >= 4 { Err(Malformed) } else { Ok(None) }
}

/// Reads the body of a packet whose first byte was `head`.
///
/// # Errors
/// [`Malformed`] for anything a server may not send to a device that subscribed at `QoS` 1.
pub fn decode(head: u8, body: &[u8]) -> Result<Packet<'_>, Malformed> {
    match (head, body) {
        (0x20, [session @ 0..=1, code @ 0..=5]) if *session == 0 || *code == 0 => {
            Ok(Packet::ConnAck { code: *code })
        }
        (0x40, [high, low]) => Ok(Packet::PubAck { id: identifier(*high, *low)? }),
        (0x90, [high, low, code @ (0..=2 | 0x80)]) => {
            Ok(Packet::SubAck { id: identifier(*high, *low)?, code: *code })
        }
        (0xd0, []) => Ok(Packet::PingResp),
        (0x30..=0x3f, _) => publish(head, body),
        _ => Err(Malformed),
    }
}

fn publish(head: u8, body: &[u8]) -> Result<Packet<'_>, Malformed> {
    let (&[high, low], rest) = body.split_first_chunk::<2>().ok_or(Malformed)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (topic, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
    let topic = core::str::from_utf8(topic).map_err(|_| Malformed)?;
    if topic.is_empty() || topic.contains(['\0', '+', '#']) {
        return Err(Malformed);
    }
    let again = head & 0x08 != 0;
    match head >> 1 & 3 {
        0 if !again => Ok(Packet::Publish { topic, id: None, payload: rest }),
        1 => {
            let (&[high, low], payload) = rest.split_first_chunk::<2>().ok_or(Malformed)?;
            Ok(Packet::Publish { topic, id: Some(identifier(high, low)?), payload })
        }
        _ => Err(Malformed),
    }
}

fn identifier(high: u8, low: u8) -> Result<u16, Malformed> {
    match u16::from_be_bytes([high, low]) {
        0 => Err(Malformed),
        id => Ok(id),
    }
}

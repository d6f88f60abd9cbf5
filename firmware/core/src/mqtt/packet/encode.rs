//! Packets out. Every function writes one packet to the beginning of `room` and returns its
//! length, or `None` when it does not fit.

use crate::mqtt::Options;

/// PINGREQ.
pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];
/// DISCONNECT.
pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];

/// What the server says in the device's name when the link breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where it is said.
    pub topic: &'a str,
    /// What is said.
    pub payload: &'a [u8],
    /// Whether it stays.
    pub retain: bool,
}

/// CONNECT with a clean session: the server tells a device what it missed when it subscribes.
#[must_use]
pub fn connect(room: &mut [u8], options: &Options<'_>) -> Option<usize> {
    let texts = [options.client, options.username, options.password];
    let mut length = 10 + texts.iter().map(|text| 2 + text.len()).sum::<usize>();
    let mut flags = 0xc2; // username, password, clean session
    if let Some(will) = &options.will {
        length += 4 + will.topic.len() + will.payload.len();
        flags |= 0x0c | (u8::from(will.retain) << 5); // will at QoS 1
    }
    let mut to = Encoder::start(room, 0x10, length)?;
    to.bytes(&[0, 4, b'M', b'Q', b'T', b'T', 4, flags])?;
    to.u16(options.keepalive_s)?;
    to.text(options.client.as_bytes())?;
    if let Some(will) = &options.will {
        to.text(will.topic.as_bytes())?;
        to.text(will.payload)?;
    }
    to.text(options.username.as_bytes())?;
    to.text(options.password.as_bytes())?;
    Some(to.at)
}

/// SUBSCRIBE to one filter at `QoS` 1.
#[must_use]
pub fn subscribe(room: &mut [u8], id: u16, filter: &str) -> Option<usize> {
    let mut to = Encoder::start(room, 0x82, 5 + filter.len())?;
    to.u16(id)?;
    to.text(filter.as_bytes())?;
    to.bytes(&[1])?;
    Some(to.at)
}

/// PUBLISH, at `QoS` 1 when it has an identifier.
#[must_use]
pub fn publish(room: &mut [u8], id: Option<u16>, topic: &str, payload: &[u8]) -> Option<usize> {
    let head = if id.is_some() { 0x32 } else { 0x30 };
    let length = 2 + topic.len() + id.map_or(0, |_| 2) + payload.len();
    let mut to = Encoder::start(room, head, length)?;
    to.text(topic.as_bytes())?;
    if let Some(id) = id {
        to.u16(id)?;
    }
    to.bytes(payload)?;
    Some(to.at)
}

/// PUBACK.
#[must_use]
pub(crate) fn puback(room: &mut [u8], id: u16) -> Option<usize> {
    let mut to = Encoder::start(room, 0x40, 2)?;
    to.u16(id)?;
    Some(to.at)
}

struct Encoder<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl<'a> Encoder<'a> {
    fn start(room: &'a mut [u8], head: u8, length: usize) -> Option<Self> {
        let mut encoder = Self { room, at: 0 };
        encoder.bytes(&[head])?;
        let mut rest = length;
        loop {
            let [low, ..] = (rest % 128).to_le_bytes();
            rest /= 128;
            encoder.bytes(&[if rest > 0 { low | 0x80 } else { low }])?;
            if rest == 0 {
                return (encoder.at <= 5).then_some(encoder);
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at + bytes.len();
        self.room.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }

    fn u16(&mut self, number: u16) -> Option<()> {
        self.bytes(&number.to_be_bytes())
    }

    fn text(&mut self, text: &[u8]) -> Option<()> {
        self.u16(u16::try_from(text.len()).ok()?)?;
        self.bytes(text)
    }
}

//! The few MQTT 3.1.1 packets that a load generator needs: written whole, read in place.

/// What a peer sent, borrowed from the read buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    /// Packet type, 1 (CONNECT) to 14 (DISCONNECT).
    pub(crate) kind: u8,
    /// The lower four bits of the first byte.
    pub(crate) flags: u8,
    /// Everything after the fixed header.
    pub(crate) body: &'a [u8],
}

pub(crate) const CONNECT: u8 = 1;
pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const PINGREQ: u8 = 12;

/// Keep-alive that is announced: longer than any run, so that no pings disturb the measurement.
const KEEP_ALIVE_S: u16 = 600;

/// Takes the first whole packet off `bytes`, or nothing while it is incomplete.
pub(crate) fn split(bytes: &[u8]) -> Option<(Packet<'_>, &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    let (mut length, mut shift) = (0_usize, 0_u32);
    loop {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 21 {
            break;
        }
    }
    let (body, after) = rest.split_at_checked(length)?;
    Some((Packet { kind: first >> 4, flags: first & 0x0f, body }, after))
}

impl<'a> Packet<'a> {
    /// Topic, packet id (QoS 1 and 2 only) and payload of a PUBLISH.
    pub(crate) fn as_publish(&self) -> Option<(&'a [u8], Option<u16>, &'a [u8])> {
        let (topic, rest) = text(self.body)?;
        if self.flags & 0b0110 == 0 {
            return Some((topic, None, rest));
        }
        let (id, payload) = rest.split_first_chunk()?;
        Some((topic, Some(u16::from_be_bytes(*id)), payload))
    }

    /// The packet id that opens the body of PUBACK, SUBSCRIBE and SUBACK.
    pub(crate) fn id(&self) -> u16 {
        self.body.first_chunk().map_or(0, |id| u16::from_be_bytes(*id))
    }

    /// Return code of a CONNACK: 0 is accepted.
    pub(crate) fn return_code(&self) -> u8 {
        self.body.get(1).copied().unwrap_or(u8::MAX)
    }

    /// First filter of a SUBSCRIBE and the QoS it asks for.
    pub(crate) fn first_filter(&self) -> Option<(&'a [u8], u8)> {
        let (filter, rest) = text(self.body.get(2..)?)?;
        Some((filter, *rest.first()?))
    }
}

/// A two-byte length and that many bytes.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(text);
}

/// Fixed header and body.
fn whole(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or(0);
        length >>= 7;
        out.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            break;
        }
    }
    out.extend(body);
    out
}

/// CONNECT with user name, password and a clean session.
pub(crate) fn connect(client_id: &str, user: &str, password: &str) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0b1100_0010];
    body.extend(KEEP_ALIVE_S.to_be_bytes());
    for field in [client_id, user, password] {
        put_text(&mut body, field.as_bytes());
    }
    whole(CONNECT << 4, &body)
}

/// CONNACK: accepted, no session present.
pub(crate) fn connack() -> Vec<u8> {
    whole(CONNACK << 4, &[0, 0])
}

/// SUBSCRIBE to one filter, with packet id 1.
pub(crate) fn subscribe(filter: &str, qos: u8) -> Vec<u8> {
    let mut body = vec![0, 1];
    put_text(&mut body, filter.as_bytes());
    body.push(qos);
    whole(SUBSCRIBE << 4 | 2, &body)
}

/// SUBACK that grants `qos`.
pub(crate) fn suback(id: u16, qos: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    whole(SUBACK << 4, &[high, low, qos])
}

/// PUBACK of one packet id.
pub(crate) fn puback(id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [PUBACK << 4, 2, high, low]
}

/// PUBLISH at QoS 0 (no id) or 1 (with id).
pub(crate) fn publish(topic: &[u8], id: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 4);
    put_text(&mut body, topic);
    body.extend(id.map(u16::to_be_bytes).into_iter().flatten());
    body.extend(payload);
    whole(PUBLISH << 4 | if id.is_some() { 2 } else { 0 }, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_is_read_back_whole_and_never_before_its_last_byte() {
        for (id, size) in [(None, 0), (Some(7), 64), (Some(9), 300), (None, 20_000)] {
            let written = publish(b"pairs/1", id, &vec![b'x'; size]);
            for cut in 0..written.len() {
                assert_eq!(split(written.get(..cut).unwrap_or_default()), None);
            }
            let (packet, rest) = split(&written).unwrap_or_else(|| panic!("whole"));
            assert!(rest.is_empty());
            let (topic, read, payload) = packet.as_publish().unwrap_or_else(|| panic!("publish"));
            assert_eq!((topic, read, payload.len()), (&b"pairs/1"[..], id, size));
        }
    }

    #[test]
    fn a_subscription_tells_its_filter_and_qos() {
        let written = subscribe("devices/1/set", 1);
        let filter = split(&written).and_then(|(packet, _)| packet.first_filter());
        assert_eq!(filter, Some((&b"devices/1/set"[..], 1)));
    }

    #[test]
    fn two_packets_in_one_read_are_taken_one_after_the_other() {
        let bytes = [connack(), suback(1, 0)].concat();
        let (first, rest) = split(&bytes).unwrap_or_else(|| panic!("first"));
        assert_eq!((first.kind, first.return_code()), (CONNACK, 0));
        let (second, rest) = split(rest).unwrap_or_else(|| panic!("second"));
        assert_eq!((second.kind, second.id(), rest.len()), (SUBACK, 1, 0));
    }
}

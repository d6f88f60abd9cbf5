use super::ack::Ack;
use super::frame::{self, PacketType};
use super::reader::Reader;
use super::{
    Auth, Connack, Connect, DecodeError, Disconnect, Publish, Suback, Subscribe, Unsuback,
    Unsubscribe, Version, connect, publish,
};

/// Any control packet, borrowing from the frame it was decoded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A client opens its connection. Boxed: it is large, and comes once.
    Connect(Box<Connect<'a>>),
    /// The server's answer to CONNECT.
    Connack(Connack<'a>),
    /// An application message.
    Publish(Publish<'a>),
    /// A QoS 1 message arrived.
    Puback(Ack<'a>),
    /// A QoS 2 message arrived.
    Pubrec(Ack<'a>),
    /// A QoS 2 message may be released.
    Pubrel(Ack<'a>),
    /// A QoS 2 message was released.
    Pubcomp(Ack<'a>),
    /// A client subscribes.
    Subscribe(Subscribe<'a>),
    /// The server's answer to SUBSCRIBE.
    Suback(Suback<'a>),
    /// A client unsubscribes.
    Unsubscribe(Unsubscribe<'a>),
    /// The server's answer to UNSUBSCRIBE.
    Unsuback(Unsuback<'a>),
    /// A client says that it is alive.
    Pingreq,
    /// The server's answer to PINGREQ.
    Pingresp,
    /// Either side closes; before MQTT 5 only the client says so.
    Disconnect(Disconnect<'a>),
    /// A step of enhanced authentication, MQTT 5 only.
    Auth(Auth<'a>),
}

impl Packet<'_> {
    /// The type in the first byte.
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::Connack(_) => PacketType::Connack,
            Self::Publish(_) => PacketType::Publish,
            Self::Puback(_) => PacketType::Puback,
            Self::Pubrec(_) => PacketType::Pubrec,
            Self::Pubrel(_) => PacketType::Pubrel,
            Self::Pubcomp(_) => PacketType::Pubcomp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::Suback(_) => PacketType::Suback,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::Unsuback(_) => PacketType::Unsuback,
            Self::Pingreq => PacketType::Pingreq,
            Self::Pingresp => PacketType::Pingresp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

/// Decodes exactly one whole frame of a connection that speaks `version`. A CONNECT is read in the
/// version it names itself.
///
/// # Errors
/// The frame breaks a rule of its version; the connection cannot go on.
pub fn decode(version: Version, frame: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let (first, body) = frame::split(frame)?;
    let packet_type =
        PacketType::of_first_byte(first).ok_or(DecodeError::PacketType(first >> 4))?;
    if packet_type == PacketType::Auth && !version.is_v5() {
        return Err(DecodeError::PacketType(packet_type.number()));
    }
    check_flags(version, packet_type, first)?;
    let mut reader = Reader::new(body);
    let packet = match packet_type {
        PacketType::Connect => Packet::Connect(Box::new(connect::decode_body(first, &mut reader)?)),
        PacketType::Connack => Packet::Connack(Connack::read(version, &mut reader)?),
        PacketType::Publish => {
            return publish::decode_body(version, first, reader).map(Packet::Publish);
        }
        PacketType::Puback => Packet::Puback(Ack::read(packet_type, version, &mut reader)?),
        PacketType::Pubrec => Packet::Pubrec(Ack::read(packet_type, version, &mut reader)?),
        PacketType::Pubrel => Packet::Pubrel(Ack::read(packet_type, version, &mut reader)?),
        PacketType::Pubcomp => Packet::Pubcomp(Ack::read(packet_type, version, &mut reader)?),
        PacketType::Subscribe => Packet::Subscribe(Subscribe::read(version, &mut reader)?),
        PacketType::Suback => Packet::Suback(Suback::read(version, &mut reader)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::read(version, &mut reader)?),
        PacketType::Unsuback => Packet::Unsuback(Unsuback::read(version, &mut reader)?),
        PacketType::Pingreq => Packet::Pingreq,
        PacketType::Pingresp => Packet::Pingresp,
        PacketType::Disconnect => Packet::Disconnect(Disconnect::read(version, &mut reader)?),
        PacketType::Auth => Packet::Auth(Auth::read(&mut reader)?),
    };
    reader.finish()?;
    Ok(packet)
}

/// The flags of every type but PUBLISH are fixed (2.1.3). MQTT 3.1 used them for DUP and QoS, so
/// its clients may set them; a CONNECT is checked where its version is known.
const fn check_flags(
    version: Version,
    packet_type: PacketType,
    first: u8,
) -> Result<(), DecodeError> {
    let free = matches!(packet_type, PacketType::Publish | PacketType::Connect);
    if free || matches!(version, Version::V31) || first == packet_type.first_byte() {
        Ok(())
    } else {
        Err(DecodeError::HeaderFlags)
    }
}

use std::num::{NonZeroU16, NonZeroU32};

use thiserror::Error;

use super::frame::{PACKET_BYTES_MAX, PacketType};
use super::sink::{Body, Counter, Sink};
use super::{Ack, Connect, Packet, Publish, ReasonCode, Version};

/// Why a packet cannot be written. Nothing has been appended then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A string or binary field has more than 65,535 bytes, or an integer more than 28 bits.
    #[error("a field is longer than its length prefix can say")]
    FieldTooLong,
    /// The packet is longer than the peer takes (3.1.2.11.4).
    #[error("a packet of {length} bytes where the peer takes {limit}")]
    PacketTooLarge {
        /// Bytes of the whole packet.
        length: u32,
        /// Bytes the peer takes.
        limit: u32,
    },
    /// A message above QoS 0 without a packet identifier.
    #[error("a message above QoS 0 needs a packet identifier")]
    PacketIdMissing,
    /// AUTH before MQTT 5.
    #[error("the packet does not exist in this version")]
    NotInThisVersion,
    /// Authentication Data, or an AUTH that is not bare, without Authentication Method.
    #[error("authentication data without a method")]
    AuthenticationMethodMissing,
    /// SUBSCRIBE, UNSUBSCRIBE or their answers without an entry.
    #[error("the packet lists nothing")]
    EmptyList,
}

/// Writes packets for one peer. What the peer's version does not know (properties, reason codes)
/// is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoder {
    version: Version,
    packet_bytes_max: u32,
}

impl Encoder {
    /// An encoder without a limit but the protocol's own.
    #[must_use]
    pub const fn new(version: Version) -> Self {
        Self { version, packet_bytes_max: PACKET_BYTES_MAX }
    }

    /// An encoder for the client that sent `connect`: its version, and no more than it takes.
    #[must_use]
    pub fn towards(connect: &Connect<'_>) -> Self {
        let bytes =
            connect.properties.maximum_packet_size.map_or(PACKET_BYTES_MAX, NonZeroU32::get);
        Self::new(connect.version).with_packet_bytes_max(bytes)
    }

    /// The same, refusing packets of more than `bytes`: the peer's Maximum Packet Size.
    #[must_use]
    pub const fn with_packet_bytes_max(self, bytes: u32) -> Self {
        Self { packet_bytes_max: bytes, ..self }
    }

    /// The version packets are written in.
    #[must_use]
    pub const fn version(self) -> Version {
        self.version
    }

    /// Appends any packet; a CONNECT in the version it names itself.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn packet(self, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match packet {
            Packet::Connect(connect) => {
                Self { version: connect.version, ..self }.body(connect.as_ref(), out)
            }
            Packet::Connack(connack) => self.body(connack, out),
            Packet::Publish(publish) => self.body(publish, out),
            Packet::Puback(ack) => self.ack(PacketType::Puback, ack, out),
            Packet::Pubrec(ack) => self.ack(PacketType::Pubrec, ack, out),
            Packet::Pubrel(ack) => self.ack(PacketType::Pubrel, ack, out),
            Packet::Pubcomp(ack) => self.ack(PacketType::Pubcomp, ack, out),
            Packet::Subscribe(subscribe) => self.body(subscribe, out),
            Packet::Suback(suback) => self.body(suback, out),
            Packet::Unsubscribe(unsubscribe) => self.body(unsubscribe, out),
            Packet::Unsuback(unsuback) => self.body(unsuback, out),
            Packet::Pingreq => self.bare(PacketType::Pingreq, out),
            Packet::Pingresp => self.bare(PacketType::Pingresp, out),
            Packet::Disconnect(disconnect) => self.body(disconnect, out),
            Packet::Auth(auth) => self.body(auth, out),
        }
    }

    /// Appends a PUBLISH without building a [`Packet`].
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn publish(self, publish: &Publish<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.body(publish, out)
    }

    /// Bytes of a PUBLISH as it would be written, without writing it.
    ///
    /// # Errors
    /// See [`EncodeError`]; among them, that it is larger than the peer takes.
    pub fn publish_len(self, publish: &Publish<'_>) -> Result<u32, EncodeError> {
        publish.check(self.version)?;
        let mut counter = Counter::default();
        publish.write(self.version, &mut counter);
        self.whole_len(counter.total()?)
    }

    /// Appends a PUBACK.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn puback(
        self,
        packet_id: NonZeroU16,
        reason: ReasonCode,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.ack(PacketType::Puback, &Ack::new(packet_id, reason), out)
    }

    /// Appends a PUBREC.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn pubrec(
        self,
        packet_id: NonZeroU16,
        reason: ReasonCode,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.ack(PacketType::Pubrec, &Ack::new(packet_id, reason), out)
    }

    /// Appends a PUBREL.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn pubrel(
        self,
        packet_id: NonZeroU16,
        reason: ReasonCode,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.ack(PacketType::Pubrel, &Ack::new(packet_id, reason), out)
    }

    /// Appends a PUBCOMP.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn pubcomp(
        self,
        packet_id: NonZeroU16,
        reason: ReasonCode,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.ack(PacketType::Pubcomp, &Ack::new(packet_id, reason), out)
    }

    /// Appends a PINGRESP.
    pub fn pingresp(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[PacketType::Pingresp.first_byte(), 0]);
    }

    fn bare(self, packet_type: PacketType, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.header(packet_type.first_byte(), 0, out)
    }

    fn ack(
        self,
        packet_type: PacketType,
        ack: &Ack<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.body(&ack.as_type(packet_type), out)
    }

    fn body(self, body: &impl Body, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        body.check(self.version)?;
        let mut counter = Counter::default();
        body.write(self.version, &mut counter);
        self.header(body.first_byte(), counter.total()?, out)?;
        body.write(self.version, out);
        Ok(())
    }

    /// The length with the fixed header of a packet that goes on with `remaining` bytes.
    fn whole_len(self, remaining: u32) -> Result<u32, EncodeError> {
        let mut header = Counter::default();
        header.u8(0);
        header.variable_byte_integer(remaining);
        let length = header.total()?.saturating_add(remaining);
        if length > self.packet_bytes_max {
            return Err(EncodeError::PacketTooLarge { length, limit: self.packet_bytes_max });
        }
        Ok(length)
    }

    /// Makes room for the whole packet and writes its fixed header.
    fn header(self, first: u8, remaining: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let length = self.whole_len(remaining)?;
        out.reserve(usize::try_from(length).unwrap_or(0));
        out.u8(first);
        out.variable_byte_integer(remaining);
        Ok(())
    }
}

/// Appends `packet` to `out` as a peer of `version` reads it, however large.
///
/// # Errors
/// See [`EncodeError`]; nothing has been appended then.
pub fn encode(version: Version, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    Encoder::new(version).packet(packet, out)
}

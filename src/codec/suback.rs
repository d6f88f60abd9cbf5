use std::num::NonZeroU16;

use super::ack::{Explanation, read_explanation};
use super::frame::PacketType;
use super::reader::Reader;
use super::sink::{Body, Sink};
use super::{DecodeError, EncodeError, ReasonCode, ReasonCodes, UserProperties, Version};

/// SUBACK (3.9). Before MQTT 5 a code is a granted QoS or 0x80. MQTT 3.1 knew no refusal; its
/// servers have long said what MQTT 3.1.1 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suback<'a> {
    /// That of the SUBSCRIBE.
    pub packet_id: NonZeroU16,
    /// For people, not for programs.
    pub reason_string: Option<&'a str>,
    /// Name-value pairs.
    pub user_properties: UserProperties<'a>,
    /// One for each filter.
    pub codes: ReasonCodes<'a>,
}

/// UNSUBACK (3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsuback<'a> {
    /// That of the UNSUBSCRIBE.
    pub packet_id: NonZeroU16,
    /// For people, not for programs.
    pub reason_string: Option<&'a str>,
    /// Name-value pairs.
    pub user_properties: UserProperties<'a>,
    /// One for each filter; before MQTT 5 there is none.
    pub codes: ReasonCodes<'a>,
}

impl<'a> Suback<'a> {
    /// An answer without properties.
    #[must_use]
    pub const fn new(packet_id: NonZeroU16, codes: ReasonCodes<'a>) -> Self {
        let user_properties = UserProperties::new(&[]);
        Self { packet_id, reason_string: None, user_properties, codes }
    }

    pub(super) fn read(version: Version, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut suback = Self::new(reader.packet_id()?, ReasonCodes::default());
        if version.is_v5() {
            (suback.reason_string, suback.user_properties) = read_explanation(reader)?;
        }
        suback.codes = read_codes(reader, |byte| match version {
            Version::V31 | Version::V311 => {
                byte <= 2 || byte == ReasonCode::UNSPECIFIED_ERROR.byte()
            }
            Version::V5 => ReasonCode::of_packet(PacketType::Suback, byte).is_some(),
        })?;
        Ok(suback)
    }
}

impl<'a> Unsuback<'a> {
    /// An answer without properties.
    #[must_use]
    pub const fn new(packet_id: NonZeroU16, codes: ReasonCodes<'a>) -> Self {
        let user_properties = UserProperties::new(&[]);
        Self { packet_id, reason_string: None, user_properties, codes }
    }

    pub(super) fn read(version: Version, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut unsuback = Self::new(reader.packet_id()?, ReasonCodes::default());
        if version.is_v5() {
            (unsuback.reason_string, unsuback.user_properties) = read_explanation(reader)?;
            unsuback.codes = read_codes(reader, |byte| {
                ReasonCode::of_packet(PacketType::Unsuback, byte).is_some()
            })?;
        }
        Ok(unsuback)
    }
}

fn read_codes<'a>(
    reader: &mut Reader<'a>,
    belongs: impl Fn(u8) -> bool,
) -> Result<ReasonCodes<'a>, DecodeError> {
    let bytes = reader.into_rest();
    if bytes.is_empty() {
        return Err(DecodeError::EmptyList);
    }
    while !reader.is_empty() {
        let byte = reader.u8()?;
        if !belongs(byte) {
            return Err(DecodeError::ReasonCode(byte));
        }
    }
    Ok(ReasonCodes::from_wire(bytes))
}

impl Body for Suback<'_> {
    fn first_byte(&self) -> u8 {
        PacketType::Suback.first_byte()
    }

    fn check(&self, _version: Version) -> Result<(), EncodeError> {
        if self.codes.is_empty() { Err(EncodeError::EmptyList) } else { Ok(()) }
    }

    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        let Self { packet_id, reason_string, user_properties, codes } = *self;
        sink.u16(packet_id.get());
        if version.is_v5() {
            sink.section(&Explanation { reason_string, user_properties });
        }
        for code in codes.iter() {
            let refused = code.is_error() && !version.is_v5();
            sink.u8(if refused { ReasonCode::UNSPECIFIED_ERROR } else { code }.byte());
        }
    }
}

impl Body for Unsuback<'_> {
    fn first_byte(&self) -> u8 {
        PacketType::Unsuback.first_byte()
    }

    fn check(&self, version: Version) -> Result<(), EncodeError> {
        if self.codes.is_empty() && version.is_v5() { Err(EncodeError::EmptyList) } else { Ok(()) }
    }

    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        let Self { packet_id, reason_string, user_properties, codes } = *self;
        sink.u16(packet_id.get());
        if version.is_v5() {
            sink.section(&Explanation { reason_string, user_properties });
            for code in codes.iter() {
                sink.u8(code.byte());
            }
        }
    }
}

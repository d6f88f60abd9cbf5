use std::num::NonZeroU16;

use super::frame::PacketType;
use super::property::{id, once};
use super::reader::Reader;
use super::sink::{Body, Section, Sink};
use super::{DecodeError, ReasonCode, UserProperties, Version, property};

/// PUBACK, PUBREC, PUBREL or PUBCOMP (3.4 to 3.7), which have one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The message it is about.
    pub packet_id: NonZeroU16,
    /// Always success before MQTT 5.
    pub reason: ReasonCode,
    /// For people, not for programs.
    pub reason_string: Option<&'a str>,
    /// Name-value pairs.
    pub user_properties: UserProperties<'a>,
}

impl<'a> Ack<'a> {
    /// An acknowledgement without properties.
    #[must_use]
    pub const fn new(packet_id: NonZeroU16, reason: ReasonCode) -> Self {
        let user_properties = UserProperties::new(&[]);
        Self { packet_id, reason, reason_string: None, user_properties }
    }

    pub(super) fn read(
        packet_type: PacketType,
        version: Version,
        reader: &mut Reader<'a>,
    ) -> Result<Self, DecodeError> {
        let mut ack = Self::new(reader.packet_id()?, ReasonCode::SUCCESS);
        if !version.is_v5() || reader.is_empty() {
            return Ok(ack);
        }
        let reason = reader.u8()?;
        ack.reason =
            ReasonCode::of_packet(packet_type, reason).ok_or(DecodeError::ReasonCode(reason))?;
        if !reader.is_empty() {
            (ack.reason_string, ack.user_properties) = read_explanation(reader)?;
        }
        Ok(ack)
    }

    pub(super) const fn as_type(&self, packet_type: PacketType) -> AckOfType<'a> {
        AckOfType { packet_type, ack: *self }
    }
}

/// The property section of an answer that can only explain itself.
pub(super) fn read_explanation<'a>(
    reader: &mut Reader<'a>,
) -> Result<(Option<&'a str>, UserProperties<'a>), DecodeError> {
    let section = reader.section()?;
    let mut reason_string = None;
    let mut reader = section;
    while let Some(id) = reader.property() {
        match id {
            id::REASON_STRING => once(&mut reason_string, id, reader.string()?)?,
            id::USER_PROPERTY => UserProperties::check(&mut reader)?,
            _ => return Err(property::refusal(&mut reader, id)),
        }
    }
    Ok((reason_string, UserProperties::of_section(section.into_rest())))
}

/// The same properties, to be written.
pub(super) struct Explanation<'a> {
    pub(super) reason_string: Option<&'a str>,
    pub(super) user_properties: UserProperties<'a>,
}

impl Explanation<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.reason_string.is_none() && self.user_properties.is_empty()
    }
}

impl Section for Explanation<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.string_property(id::REASON_STRING, self.reason_string);
        self.user_properties.write(sink);
    }
}

/// An acknowledgement and which of the four it is.
pub(super) struct AckOfType<'a> {
    packet_type: PacketType,
    ack: Ack<'a>,
}

impl Body for AckOfType<'_> {
    fn first_byte(&self) -> u8 {
        self.packet_type.first_byte()
    }

    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        let Ack { packet_id, reason, reason_string, user_properties } = self.ack;
        sink.u16(packet_id.get());
        if !version.is_v5() {
            return;
        }
        let explanation = Explanation { reason_string, user_properties };
        // Success without properties is the shorter form (3.4.2.1).
        if explanation.is_empty() {
            if reason != ReasonCode::SUCCESS {
                sink.u8(reason.byte());
            }
        } else {
            sink.u8(reason.byte());
            sink.section(&explanation);
        }
    }
}

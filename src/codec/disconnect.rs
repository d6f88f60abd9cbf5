use super::frame::PacketType;
use super::property::{id, once};
use super::reader::Reader;
use super::sink::{Body, Section, Sink};
use super::{DecodeError, ReasonCode, UserProperties, Version, property};

/// DISCONNECT (3.14). Before MQTT 5 only a client sends it, and it says nothing but that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why; success before MQTT 5.
    pub reason: ReasonCode,
    /// Replaces the session expiry of CONNECT, seconds; only from a client.
    pub session_expiry_s: Option<u32>,
    /// For people, not for programs.
    pub reason_string: Option<&'a str>,
    /// Name-value pairs.
    pub user_properties: UserProperties<'a>,
    /// Another server to use; only from a server.
    pub server_reference: Option<&'a str>,
}

impl<'a> Disconnect<'a> {
    /// A DISCONNECT without properties.
    #[must_use]
    pub const fn new(reason: ReasonCode) -> Self {
        Self {
            reason,
            session_expiry_s: None,
            reason_string: None,
            user_properties: UserProperties::new(&[]),
            server_reference: None,
        }
    }

    pub(super) fn read(version: Version, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut disconnect = Self::new(ReasonCode::SUCCESS);
        if !version.is_v5() || reader.is_empty() {
            return Ok(disconnect);
        }
        let reason = reader.u8()?;
        disconnect.reason = ReasonCode::of_packet(PacketType::Disconnect, reason)
            .ok_or(DecodeError::ReasonCode(reason))?;
        if !reader.is_empty() {
            disconnect.read_properties(reader.section()?)?;
        }
        Ok(disconnect)
    }

    fn read_properties(&mut self, mut reader: Reader<'a>) -> Result<(), DecodeError> {
        self.user_properties = UserProperties::of_section(reader.into_rest());
        while let Some(id) = reader.property() {
            match id {
                id::SESSION_EXPIRY_INTERVAL => {
                    once(&mut self.session_expiry_s, id, reader.u32()?)?;
                }
                id::REASON_STRING => once(&mut self.reason_string, id, reader.string()?)?,
                id::USER_PROPERTY => UserProperties::check(&mut reader)?,
                id::SERVER_REFERENCE => once(&mut self.server_reference, id, reader.string()?)?,
                _ => return Err(property::refusal(&mut reader, id)),
            }
        }
        Ok(())
    }

    fn has_properties(&self) -> bool {
        self.session_expiry_s.is_some()
            || self.reason_string.is_some()
            || self.server_reference.is_some()
            || !self.user_properties.is_empty()
    }
}

impl Section for Disconnect<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.u32_property(id::SESSION_EXPIRY_INTERVAL, self.session_expiry_s);
        sink.string_property(id::REASON_STRING, self.reason_string);
        self.user_properties.write(sink);
        sink.string_property(id::SERVER_REFERENCE, self.server_reference);
    }
}

impl Body for Disconnect<'_> {
    fn first_byte(&self) -> u8 {
        PacketType::Disconnect.first_byte()
    }

    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        let properties = self.has_properties();
        if !version.is_v5() || (self.reason == ReasonCode::SUCCESS && !properties) {
            return;
        }
        sink.u8(self.reason.byte());
        if properties {
            sink.section(self);
        }
    }
}

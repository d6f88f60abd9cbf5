use super::frame::PacketType;
use super::property::{id, once};
use super::reader::Reader;
use super::sink::{Body, Section, Sink};
use super::{DecodeError, EncodeError, ReasonCode, UserProperties, Version, property};

/// AUTH (3.15): a step of enhanced authentication, MQTT 5 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, continue or re-authenticate.
    pub reason: ReasonCode,
    /// The method of the CONNECT.
    pub method: Option<&'a str>,
    /// What the method says.
    pub data: Option<&'a [u8]>,
    /// For people, not for programs.
    pub reason_string: Option<&'a str>,
    /// Name-value pairs.
    pub user_properties: UserProperties<'a>,
}

impl<'a> Auth<'a> {
    /// An AUTH without properties.
    #[must_use]
    pub const fn new(reason: ReasonCode) -> Self {
        Self {
            reason,
            method: None,
            data: None,
            reason_string: None,
            user_properties: UserProperties::new(&[]),
        }
    }

    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut auth = Self::new(ReasonCode::SUCCESS);
        if reader.is_empty() {
            return Ok(auth);
        }
        let reason = reader.u8()?;
        auth.reason = ReasonCode::of_packet(PacketType::Auth, reason)
            .ok_or(DecodeError::ReasonCode(reason))?;
        auth.read_properties(reader.section()?)?;
        if auth.method.is_none() {
            // Only the form of length 0 may leave it out (3.15.2.2.2).
            return Err(DecodeError::AuthenticationMethodMissing);
        }
        Ok(auth)
    }

    fn read_properties(&mut self, mut reader: Reader<'a>) -> Result<(), DecodeError> {
        self.user_properties = UserProperties::of_section(reader.into_rest());
        while let Some(id) = reader.property() {
            match id {
                id::AUTHENTICATION_METHOD => once(&mut self.method, id, reader.string()?)?,
                id::AUTHENTICATION_DATA => once(&mut self.data, id, reader.binary()?)?,
                id::REASON_STRING => once(&mut self.reason_string, id, reader.string()?)?,
                id::USER_PROPERTY => UserProperties::check(&mut reader)?,
                _ => return Err(property::refusal(&mut reader, id)),
            }
        }
        Ok(())
    }
}

impl Section for Auth<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.string_property(id::AUTHENTICATION_METHOD, self.method);
        sink.binary_property(id::AUTHENTICATION_DATA, self.data);
        sink.string_property(id::REASON_STRING, self.reason_string);
        self.user_properties.write(sink);
    }
}

impl Body for Auth<'_> {
    fn first_byte(&self) -> u8 {
        PacketType::Auth.first_byte()
    }

    fn check(&self, version: Version) -> Result<(), EncodeError> {
        if !version.is_v5() {
            return Err(EncodeError::NotInThisVersion);
        }
        if self.method.is_none() && *self != Self::new(ReasonCode::SUCCESS) {
            return Err(EncodeError::AuthenticationMethodMissing);
        }
        Ok(())
    }

    fn write<S: Sink>(&self, _version: Version, sink: &mut S) {
        if *self != Self::new(ReasonCode::SUCCESS) {
            sink.u8(self.reason.byte());
            sink.section(self);
        }
    }
}

use std::num::{NonZeroU16, NonZeroU32};

use super::frame::PacketType;
use super::property::{id, once};
use super::reader::Reader;
use super::sink::{Body, Section, Sink};
use super::{ConnectReturnCode, DecodeError, QoS, ReasonCode, UserProperties, Version, property};

/// CONNACK (3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connack<'a> {
    /// The server has kept this client's session; never in a refusal, and never in MQTT 3.1.
    pub session_present: bool,
    /// Success or why not; MQTT 3 gets the nearest [`ConnectReturnCode`].
    pub reason: ReasonCode,
    /// MQTT 5 only.
    pub properties: ConnackProperties<'a>,
}

/// The properties of a CONNACK (3.2.2.3); `None` stands for the standard's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnackProperties<'a> {
    /// Seconds the session outlives the connection, if other than the client asked.
    pub session_expiry_s: Option<u32>,
    /// Messages above QoS 0 that the server takes at a time; 65,535 if absent.
    pub receive_maximum: Option<NonZeroU16>,
    /// The highest QoS the server takes, 0 or 1; 2 if absent.
    pub maximum_qos: Option<QoS>,
    /// Whether the server keeps retained messages; yes if absent.
    pub retain_available: Option<bool>,
    /// Bytes of the largest packet the server takes; any if absent.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// The identifier the server chose for a client that gave none.
    pub assigned_client_id: Option<&'a str>,
    /// The highest topic alias the server takes; 0 if absent.
    pub topic_alias_maximum: Option<u16>,
    /// For people, not for programs.
    pub reason_string: Option<&'a str>,
    /// Name-value pairs.
    pub user_properties: UserProperties<'a>,
    /// Whether filters may have wildcards; yes if absent.
    pub wildcard_subscription_available: Option<bool>,
    /// Whether subscriptions may have identifiers; yes if absent.
    pub subscription_ids_available: Option<bool>,
    /// Whether subscriptions may be shared; yes if absent.
    pub shared_subscription_available: Option<bool>,
    /// Seconds of keep-alive that replace the client's.
    pub server_keep_alive_s: Option<u16>,
    /// A base for response topics.
    pub response_information: Option<&'a str>,
    /// Another server to use.
    pub server_reference: Option<&'a str>,
    /// The method of the CONNECT.
    pub authentication_method: Option<&'a str>,
    /// What the method says.
    pub authentication_data: Option<&'a [u8]>,
}

impl<'a> Connack<'a> {
    /// A CONNACK without properties.
    #[must_use]
    pub fn new(session_present: bool, reason: ReasonCode) -> Self {
        Self { session_present, reason, properties: ConnackProperties::default() }
    }

    pub(super) fn read(version: Version, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let flags = reader.u8()?;
        let byte = reader.u8()?;
        let reason = if version.is_v5() {
            ReasonCode::of_packet(PacketType::Connack, byte)
        } else {
            ConnectReturnCode::from_byte(byte).map(ConnectReturnCode::reason)
        }
        .ok_or(DecodeError::ReasonCode(byte))?;
        // MQTT 3.1 leaves the first byte unused.
        let session_present = version != Version::V31 && flags & 0x01 != 0;
        if version != Version::V31 && flags & 0xFE != 0 {
            return Err(DecodeError::ReservedBit);
        }
        if session_present && reason.is_error() {
            return Err(DecodeError::SessionPresent);
        }
        let mut connack = Self::new(session_present, reason);
        if version.is_v5() {
            connack.properties = ConnackProperties::read(reader.section()?)?;
        }
        Ok(connack)
    }
}

impl<'a> ConnackProperties<'a> {
    fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let user_properties = UserProperties::of_section(reader.into_rest());
        let mut all = Self { user_properties, ..Self::default() };
        while let Some(id) = reader.property() {
            let reader = &mut reader;
            match id {
                id::SESSION_EXPIRY_INTERVAL => once(&mut all.session_expiry_s, id, reader.u32()?),
                id::RECEIVE_MAXIMUM => {
                    once(&mut all.receive_maximum, id, property::non_zero_u16(reader, id)?)
                }
                id::MAXIMUM_QOS => {
                    let at_least_once = property::flag(reader, id)?;
                    let qos = if at_least_once { QoS::AtLeastOnce } else { QoS::AtMostOnce };
                    once(&mut all.maximum_qos, id, qos)
                }
                id::RETAIN_AVAILABLE => {
                    once(&mut all.retain_available, id, property::flag(reader, id)?)
                }
                id::MAXIMUM_PACKET_SIZE => {
                    once(&mut all.maximum_packet_size, id, property::non_zero_u32(reader, id)?)
                }
                id::ASSIGNED_CLIENT_IDENTIFIER => {
                    once(&mut all.assigned_client_id, id, reader.string()?)
                }
                id::TOPIC_ALIAS_MAXIMUM => once(&mut all.topic_alias_maximum, id, reader.u16()?),
                id::REASON_STRING => once(&mut all.reason_string, id, reader.string()?),
                id::USER_PROPERTY => UserProperties::check(reader),
                id::WILDCARD_SUBSCRIPTION_AVAILABLE => {
                    once(&mut all.wildcard_subscription_available, id, property::flag(reader, id)?)
                }
                id::SUBSCRIPTION_IDENTIFIERS_AVAILABLE => {
                    once(&mut all.subscription_ids_available, id, property::flag(reader, id)?)
                }
                id::SHARED_SUBSCRIPTION_AVAILABLE => {
                    once(&mut all.shared_subscription_available, id, property::flag(reader, id)?)
                }
                id::SERVER_KEEP_ALIVE => once(&mut all.server_keep_alive_s, id, reader.u16()?),
                id::RESPONSE_INFORMATION => {
                    once(&mut all.response_information, id, reader.string()?)
                }
                id::SERVER_REFERENCE => once(&mut all.server_reference, id, reader.string()?),
                id::AUTHENTICATION_METHOD => {
                    once(&mut all.authentication_method, id, reader.string()?)
                }
                id::AUTHENTICATION_DATA => once(&mut all.authentication_data, id, reader.binary()?),
                _ => Err(property::refusal(reader, id)),
            }?;
        }
        if all.authentication_data.is_some() && all.authentication_method.is_none() {
            return Err(DecodeError::AuthenticationMethodMissing);
        }
        Ok(all)
    }
}

impl Section for ConnackProperties<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.u32_property(id::SESSION_EXPIRY_INTERVAL, self.session_expiry_s);
        sink.u16_property(id::RECEIVE_MAXIMUM, self.receive_maximum.map(NonZeroU16::get));
        // Full QoS is said by leaving the property out.
        let below_two = self.maximum_qos.filter(|qos| *qos != QoS::ExactlyOnce);
        sink.flag_property(id::MAXIMUM_QOS, below_two.map(|qos| qos == QoS::AtLeastOnce));
        sink.flag_property(id::RETAIN_AVAILABLE, self.retain_available);
        let packet_bytes_max = self.maximum_packet_size.map(NonZeroU32::get);
        sink.u32_property(id::MAXIMUM_PACKET_SIZE, packet_bytes_max);
        sink.string_property(id::ASSIGNED_CLIENT_IDENTIFIER, self.assigned_client_id);
        sink.u16_property(id::TOPIC_ALIAS_MAXIMUM, self.topic_alias_maximum);
        sink.string_property(id::REASON_STRING, self.reason_string);
        self.user_properties.write(sink);
        let wildcards = self.wildcard_subscription_available;
        sink.flag_property(id::WILDCARD_SUBSCRIPTION_AVAILABLE, wildcards);
        sink.flag_property(id::SUBSCRIPTION_IDENTIFIERS_AVAILABLE, self.subscription_ids_available);
        sink.flag_property(id::SHARED_SUBSCRIPTION_AVAILABLE, self.shared_subscription_available);
        sink.u16_property(id::SERVER_KEEP_ALIVE, self.server_keep_alive_s);
        sink.string_property(id::RESPONSE_INFORMATION, self.response_information);
        sink.string_property(id::SERVER_REFERENCE, self.server_reference);
        sink.string_property(id::AUTHENTICATION_METHOD, self.authentication_method);
        sink.binary_property(id::AUTHENTICATION_DATA, self.authentication_data);
    }
}

impl Body for Connack<'_> {
    fn first_byte(&self) -> u8 {
        PacketType::Connack.first_byte()
    }

    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        let present = self.session_present && !self.reason.is_error() && version != Version::V31;
        sink.u8(u8::from(present));
        if version.is_v5() {
            sink.u8(self.reason.byte());
            sink.section(&self.properties);
        } else {
            sink.u8(ConnectReturnCode::from_reason(self.reason) as u8);
        }
    }
}

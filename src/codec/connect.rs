use std::num::{NonZeroU16, NonZeroU32};

use super::frame::{self, PacketType};
use super::message::MessageProperties;
use super::property::{id, once};
use super::reader::Reader;
use super::sink::{Body, Section, Sink};
use super::{DecodeError, EncodeError, QoS, UserProperties, Version, property};

const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_QOS_AND_RETAIN: u8 = 0x38;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USERNAME: u8 = 0x80;
const RESERVED: u8 = 0x01;

/// CONNECT (3.1): the first packet of every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The protocol the client speaks.
    pub version: Version,
    /// Begin with an empty session. Before MQTT 5 it also ends with the connection.
    pub clean_start: bool,
    /// Seconds within which the client sends something; 0 is never.
    pub keep_alive_s: u16,
    /// May be empty where the server is to choose one.
    pub client_id: &'a str,
    /// Published when the connection ends without DISCONNECT.
    pub will: Option<Will<'a>>,
    /// Who.
    pub username: Option<&'a str>,
    /// Any bytes; before MQTT 5 only with a user name.
    pub password: Option<&'a [u8]>,
    /// MQTT 5 only.
    pub properties: ConnectProperties<'a>,
}

/// The will in a CONNECT (3.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Will<'a> {
    /// A valid topic name.
    pub topic: &'a str,
    /// Any bytes, also none.
    pub payload: &'a [u8],
    /// The QoS it is published with.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// Seconds between the end of the connection and the will; MQTT 5 only.
    pub delay_s: Option<u32>,
    /// Properties of the message it becomes; MQTT 5 only.
    pub properties: MessageProperties<'a>,
}

/// The properties of a CONNECT (3.1.2.11); `None` stands for the standard's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectProperties<'a> {
    /// Seconds the session outlives the connection; 0 if absent, `u32::MAX` is for ever.
    pub session_expiry_s: Option<u32>,
    /// Messages above QoS 0 that the client takes at a time; 65,535 if absent.
    pub receive_maximum: Option<NonZeroU16>,
    /// Bytes of the largest packet the client takes; any if absent.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// The highest topic alias the client takes; 0 if absent.
    pub topic_alias_maximum: Option<u16>,
    /// Whether response information is wanted in CONNACK; no if absent.
    pub request_response_information: Option<bool>,
    /// Whether reason strings and user properties are wanted in answers; yes if absent.
    pub request_problem_information: Option<bool>,
    /// Name-value pairs.
    pub user_properties: UserProperties<'a>,
    /// The method of enhanced authentication.
    pub authentication_method: Option<&'a str>,
    /// What the method says; never without a method.
    pub authentication_data: Option<&'a [u8]>,
}

impl<'a> Connect<'a> {
    /// A CONNECT of `client_id` with everything else absent.
    #[must_use]
    pub fn new(version: Version, client_id: &'a str, keep_alive_s: u16) -> Self {
        Self {
            version,
            clean_start: true,
            keep_alive_s,
            client_id,
            will: None,
            username: None,
            password: None,
            properties: ConnectProperties::default(),
        }
    }
}

/// Decodes the first packet of a connection, which must be one whole CONNECT, and with it learns
/// the version.
///
/// # Errors
/// The frame is another packet, or breaks a rule of the version it names.
/// [`DecodeError::connect_return_code`] tells which faults an MQTT 3 server answers.
pub fn decode_connect(frame: &[u8]) -> Result<Connect<'_>, DecodeError> {
    let (first, body) = frame::split(frame)?;
    if PacketType::of_first_byte(first) != Some(PacketType::Connect) {
        return Err(DecodeError::UnexpectedPacket(first >> 4));
    }
    let mut reader = Reader::new(body);
    let connect = decode_body(first, &mut reader)?;
    reader.finish()?;
    Ok(connect)
}

pub(super) fn decode_body<'a>(
    first: u8,
    reader: &mut Reader<'a>,
) -> Result<Connect<'a>, DecodeError> {
    let version = read_version(reader)?;
    if first != PacketType::Connect.first_byte() && version != Version::V31 {
        return Err(DecodeError::HeaderFlags);
    }
    let flags = reader.u8()?;
    check_flags(version, flags)?;
    let keep_alive_s = reader.u16()?;
    let mut properties = ConnectProperties::default();
    if version.is_v5() {
        properties = ConnectProperties::read(reader.section()?)?;
    }
    let clean_start = flags & CLEAN_START != 0;
    let client_id = reader.string()?;
    let may_be_empty = match version {
        Version::V31 => false,
        Version::V311 => clean_start,
        Version::V5 => true,
    };
    if client_id.is_empty() && !may_be_empty {
        return Err(DecodeError::ClientId);
    }
    let will = if flags & WILL != 0 { Some(Will::read(version, flags, reader)?) } else { None };
    let username = if flags & USERNAME != 0 { Some(reader.string()?) } else { None };
    let password = if flags & PASSWORD != 0 { Some(reader.binary()?) } else { None };
    Ok(Connect {
        version,
        clean_start,
        keep_alive_s,
        client_id,
        will,
        username,
        password,
        properties,
    })
}

fn read_version(reader: &mut Reader<'_>) -> Result<Version, DecodeError> {
    let name = reader.binary()?;
    if name != b"MQTT" && name != b"MQIsdp" {
        return Err(DecodeError::ProtocolName);
    }
    match (name, reader.u8()?) {
        (b"MQIsdp", 3) => Ok(Version::V31),
        (b"MQTT", 4) => Ok(Version::V311),
        (b"MQTT", 5) => Ok(Version::V5),
        (_, level) => Err(DecodeError::ProtocolLevel(level)),
    }
}

fn check_flags(version: Version, flags: u8) -> Result<(), DecodeError> {
    // MQTT 3.1 leaves this bit unused, and its clients set it.
    if flags & RESERVED != 0 && version != Version::V31 {
        return Err(DecodeError::ReservedBit);
    }
    if flags & WILL == 0 && flags & WILL_QOS_AND_RETAIN != 0 {
        return Err(DecodeError::WillFlags);
    }
    if flags & PASSWORD != 0 && flags & USERNAME == 0 && !version.is_v5() {
        return Err(DecodeError::PasswordWithoutUsername);
    }
    Ok(())
}

impl<'a> Will<'a> {
    fn read(version: Version, flags: u8, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let qos = QoS::from_bits((flags >> 3) & 0x03).ok_or(DecodeError::QoS)?;
        let mut will = Self { qos, retain: flags & WILL_RETAIN != 0, ..Self::default() };
        if version.is_v5() {
            will.read_properties(reader.section()?)?;
        }
        will.topic = reader.topic_name()?;
        if will.topic.is_empty() {
            return Err(DecodeError::TopicName);
        }
        will.payload = reader.binary()?;
        Ok(will)
    }

    fn read_properties(&mut self, section: Reader<'a>) -> Result<(), DecodeError> {
        let mut reader = section;
        while let Some(id) = reader.property() {
            match id {
                id::WILL_DELAY_INTERVAL => once(&mut self.delay_s, id, reader.u32()?)?,
                _ => self.properties.read(id, &mut reader, section)?,
            }
        }
        Ok(())
    }
}

impl Section for Will<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.u32_property(id::WILL_DELAY_INTERVAL, self.delay_s);
        self.properties.write(sink);
    }
}

impl<'a> ConnectProperties<'a> {
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
                id::MAXIMUM_PACKET_SIZE => {
                    once(&mut all.maximum_packet_size, id, property::non_zero_u32(reader, id)?)
                }
                id::TOPIC_ALIAS_MAXIMUM => once(&mut all.topic_alias_maximum, id, reader.u16()?),
                id::REQUEST_RESPONSE_INFORMATION => {
                    once(&mut all.request_response_information, id, property::flag(reader, id)?)
                }
                id::REQUEST_PROBLEM_INFORMATION => {
                    once(&mut all.request_problem_information, id, property::flag(reader, id)?)
                }
                id::USER_PROPERTY => UserProperties::check(reader),
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

impl Section for ConnectProperties<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.u32_property(id::SESSION_EXPIRY_INTERVAL, self.session_expiry_s);
        sink.u16_property(id::RECEIVE_MAXIMUM, self.receive_maximum.map(NonZeroU16::get));
        let packet_bytes_max = self.maximum_packet_size.map(NonZeroU32::get);
        sink.u32_property(id::MAXIMUM_PACKET_SIZE, packet_bytes_max);
        sink.u16_property(id::TOPIC_ALIAS_MAXIMUM, self.topic_alias_maximum);
        sink.flag_property(id::REQUEST_RESPONSE_INFORMATION, self.request_response_information);
        sink.flag_property(id::REQUEST_PROBLEM_INFORMATION, self.request_problem_information);
        self.user_properties.write(sink);
        sink.string_property(id::AUTHENTICATION_METHOD, self.authentication_method);
        sink.binary_property(id::AUTHENTICATION_DATA, self.authentication_data);
    }
}

impl Connect<'_> {
    fn flags(&self) -> u8 {
        let mut flags = if self.clean_start { CLEAN_START } else { 0 };
        if let Some(will) = &self.will {
            flags |= WILL | (will.qos.bits() << 3) | if will.retain { WILL_RETAIN } else { 0 };
        }
        if self.username.is_some() {
            flags |= USERNAME;
        }
        if self.password.is_some() {
            flags |= PASSWORD;
        }
        flags
    }
}

impl Body for Connect<'_> {
    fn first_byte(&self) -> u8 {
        PacketType::Connect.first_byte()
    }

    fn check(&self, version: Version) -> Result<(), EncodeError> {
        let properties = &self.properties;
        if properties.authentication_data.is_some() && properties.authentication_method.is_none() {
            return Err(EncodeError::AuthenticationMethodMissing);
        }
        if self.password.is_some() && self.username.is_none() && !version.is_v5() {
            return Err(EncodeError::NotInThisVersion);
        }
        Ok(())
    }

    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.string(version.protocol_name());
        sink.u8(version.level());
        sink.u8(self.flags());
        sink.u16(self.keep_alive_s);
        if version.is_v5() {
            sink.section(&self.properties);
        }
        sink.string(self.client_id);
        if let Some(will) = &self.will {
            if version.is_v5() {
                sink.section(will);
            }
            sink.string(will.topic);
            sink.binary(will.payload);
        }
        if let Some(username) = self.username {
            sink.string(username);
        }
        if let Some(password) = self.password {
            sink.binary(password);
        }
    }
}

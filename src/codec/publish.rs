use std::num::NonZeroU16;

use super::frame::{self, PacketType};
use super::message::MessageProperties;
use super::property::{id, once};
use super::reader::Reader;
use super::sink::{Body, Section, Sink};
use super::{DecodeError, EncodeError, QoS, SubscriptionIds, Version};

const DUP: u8 = 0x08;
const RETAIN: u8 = 0x01;

/// PUBLISH: an application message (3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Publish<'a> {
    /// Sent before, perhaps without arriving.
    pub dup: bool,
    /// How surely it is delivered on this connection.
    pub qos: QoS,
    /// To be kept for later subscribers; towards a client, kept before it subscribed.
    pub retain: bool,
    /// Where to; empty if a topic alias stands for it.
    pub topic: &'a str,
    /// Present exactly if QoS is above 0.
    pub packet_id: Option<NonZeroU16>,
    /// MQTT 5 only.
    pub properties: PublishProperties<'a>,
    /// Any bytes, also none.
    pub payload: &'a [u8],
}

/// The properties of a PUBLISH (3.3.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PublishProperties<'a> {
    /// A number for the topic, on this connection and in this direction.
    pub topic_alias: Option<NonZeroU16>,
    /// Which subscriptions took the message; only towards a client.
    pub subscription_ids: SubscriptionIds<'a>,
    /// What belongs to the message and is passed on.
    pub message: MessageProperties<'a>,
}

/// Decodes one whole PUBLISH frame: the hot path of [`super::decode`], and free of allocations.
///
/// # Errors
/// The frame is not a PUBLISH or breaks a rule of `version`.
pub fn decode_publish(version: Version, frame: &[u8]) -> Result<Publish<'_>, DecodeError> {
    let (first, body) = frame::split(frame)?;
    if PacketType::of_first_byte(first) != Some(PacketType::Publish) {
        return Err(DecodeError::UnexpectedPacket(first >> 4));
    }
    decode_body(version, first, Reader::new(body))
}

pub(super) fn decode_body(
    version: Version,
    first: u8,
    mut reader: Reader<'_>,
) -> Result<Publish<'_>, DecodeError> {
    let qos = QoS::from_bits((first >> 1) & 0x03).ok_or(DecodeError::QoS)?;
    let dup = first & DUP != 0;
    if dup && qos == QoS::AtMostOnce && version != Version::V31 {
        return Err(DecodeError::DupWithoutQos);
    }
    let topic = reader.topic_name()?;
    let packet_id = if qos == QoS::AtMostOnce { None } else { Some(reader.packet_id()?) };
    let mut properties = PublishProperties::default();
    if version.is_v5() {
        properties = PublishProperties::read(&mut reader)?;
    }
    if topic.is_empty() && properties.topic_alias.is_none() {
        return Err(if version.is_v5() {
            DecodeError::TopicAliasMissing
        } else {
            DecodeError::TopicName
        });
    }
    let retain = first & RETAIN != 0;
    Ok(Publish { dup, qos, retain, topic, packet_id, properties, payload: reader.into_rest() })
}

impl<'a> PublishProperties<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let section = reader.section()?;
        let mut properties = Self::default();
        let mut reader = section;
        while let Some(id) = reader.property() {
            match id {
                id::TOPIC_ALIAS => {
                    let alias = NonZeroU16::new(reader.u16()?).ok_or(DecodeError::TopicAlias)?;
                    once(&mut properties.topic_alias, id, alias)?;
                }
                id::SUBSCRIPTION_IDENTIFIER => {
                    SubscriptionIds::read(&mut reader)?;
                    properties.subscription_ids = SubscriptionIds::of_section(section.into_rest());
                }
                _ => properties.message.read(id, &mut reader, section)?,
            }
        }
        Ok(properties)
    }
}

impl Section for PublishProperties<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.u16_property(id::TOPIC_ALIAS, self.topic_alias.map(NonZeroU16::get));
        self.subscription_ids.write(sink);
        self.message.write(sink);
    }
}

impl Body for Publish<'_> {
    fn first_byte(&self) -> u8 {
        let dup = if self.dup { DUP } else { 0 };
        PacketType::Publish.first_byte() | dup | (self.qos.bits() << 1) | u8::from(self.retain)
    }

    fn check(&self, _version: Version) -> Result<(), EncodeError> {
        if self.qos != QoS::AtMostOnce && self.packet_id.is_none() {
            return Err(EncodeError::PacketIdMissing);
        }
        Ok(())
    }

    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.string(self.topic);
        if let (Some(packet_id), true) = (self.packet_id, self.qos != QoS::AtMostOnce) {
            sink.u16(packet_id.get());
        }
        if version.is_v5() {
            sink.section(&self.properties);
        }
        sink.bytes(self.payload);
    }
}

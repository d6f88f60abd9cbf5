use super::property::{id, once};
use super::reader::Reader;
use super::sink::{Counter, Section, Sink};
use super::{DecodeError, UserProperties, property, topic};

/// What the publisher says about the payload (3.3.2.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadFormat {
    /// Bytes of no stated kind, the default.
    Bytes,
    /// UTF-8 text. The codec does not check the payload.
    Utf8,
}

/// The properties that belong to an application message and travel with it from its publisher, or
/// from a will, to every subscriber (3.3.2.3, 3.1.3.2). All `None` and empty before MQTT 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageProperties<'a> {
    /// Whether the payload is said to be text.
    pub payload_format: Option<PayloadFormat>,
    /// Seconds after which the message is not worth delivering; 0 is at once.
    pub expiry_s: Option<u32>,
    /// MIME type or any other description of the payload.
    pub content_type: Option<&'a str>,
    /// Where an answer is expected; never has wildcards.
    pub response_topic: Option<&'a str>,
    /// What the asker recognises the answer by.
    pub correlation_data: Option<&'a [u8]>,
    /// Name-value pairs.
    pub user_properties: UserProperties<'a>,
}

impl<'a> MessageProperties<'a> {
    /// The properties of a section without its length, as [`MessageProperties::section_bytes`]
    /// wrote it.
    ///
    /// # Errors
    /// The bytes are no such section.
    pub fn from_section(section: &'a [u8]) -> Result<Self, DecodeError> {
        let section = Reader::new(section);
        let mut properties = Self::default();
        let mut reader = section;
        while let Some(id) = reader.property() {
            properties.read(id, &mut reader, section)?;
        }
        Ok(properties)
    }

    /// The properties as they stand in a packet, without a length: how messages are kept. Empty if
    /// one of them is too long for any packet.
    #[must_use]
    pub fn section_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut counter = Counter::default();
        self.write(&mut counter);
        if counter.total().is_ok() {
            self.write(&mut out);
        }
        out
    }

    /// Reads property `id` if it is one of a message; user properties are only checked here, since
    /// they are kept as the `section` that holds them.
    pub(super) fn read(
        &mut self,
        id: u8,
        reader: &mut Reader<'a>,
        section: Reader<'a>,
    ) -> Result<(), DecodeError> {
        match id {
            id::PAYLOAD_FORMAT_INDICATOR => {
                let text = property::flag(reader, id)?;
                let format = if text { PayloadFormat::Utf8 } else { PayloadFormat::Bytes };
                once(&mut self.payload_format, id, format)
            }
            id::MESSAGE_EXPIRY_INTERVAL => once(&mut self.expiry_s, id, reader.u32()?),
            id::CONTENT_TYPE => once(&mut self.content_type, id, reader.string()?),
            id::RESPONSE_TOPIC => {
                let topic = reader.string()?;
                if !topic::valid_name(topic) {
                    return Err(DecodeError::TopicName);
                }
                once(&mut self.response_topic, id, topic)
            }
            id::CORRELATION_DATA => once(&mut self.correlation_data, id, reader.binary()?),
            id::USER_PROPERTY => {
                self.user_properties = UserProperties::of_section(section.into_rest());
                UserProperties::check(reader)
            }
            _ => Err(property::refusal(reader, id)),
        }
    }
}

impl Section for MessageProperties<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        let text = self.payload_format.map(|format| format == PayloadFormat::Utf8);
        sink.flag_property(id::PAYLOAD_FORMAT_INDICATOR, text);
        sink.u32_property(id::MESSAGE_EXPIRY_INTERVAL, self.expiry_s);
        sink.string_property(id::CONTENT_TYPE, self.content_type);
        sink.string_property(id::RESPONSE_TOPIC, self.response_topic);
        sink.binary_property(id::CORRELATION_DATA, self.correlation_data);
        self.user_properties.write(sink);
    }
}

//! An application message as Hearth keeps it: checked once, in one piece of memory, shared by all
//! sessions that get it, by the retained store and by wills.

use serde::{Deserialize, Serialize};

use crate::codec::{MessageProperties, Publish, QoS, Will};

/// A message on its way from its publisher to any number of subscribers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Topic, then properties as they stand in an MQTT 5 packet, then payload.
    bytes: Box<[u8]>,
    topic_bytes: u16,
    properties_bytes: u32,
    /// As published; a subscription may lower it.
    pub qos: QoS,
    /// As published.
    pub retain: bool,
    /// When it is no longer worth delivering, Unix milliseconds.
    pub expires_at_ms: Option<u64>,
}

impl Message {
    /// A message without properties.
    #[must_use]
    pub fn new(topic: &str, payload: &[u8], qos: QoS, retain: bool) -> Self {
        Self::with_properties(topic, payload, qos, retain, &MessageProperties::default(), 0)
    }

    /// A published message that arrived at `now_ms`. The `topic` is given apart, since the packet
    /// may have only an alias for it, and a topic space may see it under another name.
    #[must_use]
    pub fn from_publish(publish: &Publish<'_>, topic: &str, now_ms: u64) -> Self {
        let Publish { payload, qos, retain, .. } = *publish;
        Self::with_properties(topic, payload, qos, retain, &publish.properties.message, now_ms)
    }

    /// The message that a will becomes at `now_ms`, when its expiry begins to count (3.1.3.2.4).
    #[must_use]
    pub fn from_will(will: &Will<'_>, topic: &str, now_ms: u64) -> Self {
        let Will { payload, qos, retain, ref properties, .. } = *will;
        Self::with_properties(topic, payload, qos, retain, properties, now_ms)
    }

    /// A message of parts. What no packet can carry (a topic or property beyond 65,535 bytes)
    /// leaves an empty topic, which no subscription takes.
    fn with_properties(
        topic: &str,
        payload: &[u8],
        qos: QoS,
        retain: bool,
        properties: &MessageProperties<'_>,
        now_ms: u64,
    ) -> Self {
        let expires_at_ms = properties
            .expiry_s
            .map(|expiry_s| now_ms.saturating_add(u64::from(expiry_s).saturating_mul(1_000)));
        let lasting = MessageProperties { expiry_s: None, ..*properties };
        let section = lasting.section_bytes();
        let (topic, topic_bytes) = match u16::try_from(topic.len()) {
            Ok(bytes) => (topic, bytes),
            Err(_) => ("", 0),
        };
        let mut bytes = Vec::with_capacity(topic.len() + section.len() + payload.len());
        bytes.extend_from_slice(topic.as_bytes());
        bytes.extend_from_slice(&section);
        bytes.extend_from_slice(payload);
        let properties_bytes = u32::try_from(section.len()).unwrap_or(0);
        let bytes = bytes.into_boxed_slice();
        Self { bytes, topic_bytes, properties_bytes, qos, retain, expires_at_ms }
    }

    /// The same message, worth delivering for ever.
    #[must_use]
    pub fn without_expiry(self) -> Self {
        Self { expires_at_ms: None, ..self }
    }

    /// The same message, no longer worth delivering at `expires_at_ms`.
    #[must_use]
    pub fn expiring_at(self, expires_at_ms: u64) -> Self {
        Self { expires_at_ms: Some(expires_at_ms), ..self }
    }

    /// The topic name.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.bytes
            .get(..usize::from(self.topic_bytes))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(self.payload_start()..).unwrap_or_default()
    }

    /// The properties, but for the expiry, which depends on the hour: see
    /// [`Message::expiry_s`].
    #[must_use]
    pub fn properties(&self) -> MessageProperties<'_> {
        self.bytes
            .get(usize::from(self.topic_bytes)..self.payload_start())
            .and_then(|section| MessageProperties::from_section(section).ok())
            .unwrap_or_default()
    }

    /// Whether it is no longer worth delivering at `now_ms`.
    #[must_use]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= now_ms)
    }

    /// Seconds left at `now_ms`, rounded up: what a packet says (3.3.2.3.3).
    #[must_use]
    pub fn expiry_s(&self, now_ms: u64) -> Option<u32> {
        let left_ms = self.expires_at_ms?.saturating_sub(now_ms);
        Some(u32::try_from(left_ms.div_ceil(1_000)).unwrap_or(u32::MAX))
    }

    /// Bytes it holds: what queues count.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it holds nothing, which no published message does.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn payload_start(&self) -> usize {
        let section = usize::try_from(self.properties_bytes).unwrap_or(usize::MAX);
        usize::from(self.topic_bytes).saturating_add(section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{PayloadFormat, PublishProperties, UserProperties};

    fn with(properties: MessageProperties<'_>) -> Message {
        let properties = PublishProperties { message: properties, ..Default::default() };
        let publish = Publish { topic: "a", payload: b"payload", properties, ..Default::default() };
        Message::from_publish(&publish, "users/1/a", 10_000)
    }

    #[test]
    fn a_message_keeps_its_parts() {
        let pairs = [("k", "v"), ("k", "é")];
        let properties = MessageProperties {
            payload_format: Some(PayloadFormat::Utf8),
            expiry_s: None,
            content_type: Some("text/plain"),
            response_topic: Some("answer"),
            correlation_data: Some(&[0, 255]),
            user_properties: UserProperties::new(&pairs),
        };
        let message = with(properties);
        assert_eq!(message.topic(), "users/1/a");
        assert_eq!(message.payload(), b"payload");
        assert_eq!(message.properties(), properties);
        assert_eq!(message.expires_at_ms, None);
    }

    #[test]
    fn a_message_without_properties_holds_topic_and_payload_alone() {
        let message = Message::new("t", b"123", QoS::AtLeastOnce, true);
        assert_eq!((message.topic(), message.payload()), ("t", b"123".as_slice()));
        assert_eq!((message.len(), message.retain), (4, true));
        assert_eq!(message.properties(), MessageProperties::default());
    }

    #[test]
    fn expiry_counts_from_arrival_and_is_rounded_up() {
        let message = with(MessageProperties { expiry_s: Some(5), ..Default::default() });
        assert_eq!(message.expires_at_ms, Some(15_000));
        assert_eq!(message.expiry_s(10_000), Some(5));
        assert_eq!(message.expiry_s(10_001), Some(5));
        assert_eq!(message.expiry_s(14_001), Some(1));
        assert!(!message.is_expired(14_999) && message.is_expired(15_000));
        assert_eq!(message.properties().expiry_s, None, "it depends on the hour");
        assert!(
            with(MessageProperties { expiry_s: Some(0), ..Default::default() }).is_expired(10_000)
        );
    }

    #[test]
    fn the_longest_expiry_does_not_overflow() {
        let message = with(MessageProperties { expiry_s: Some(u32::MAX), ..Default::default() });
        assert_eq!(message.expiry_s(10_000), Some(u32::MAX));
    }

    #[test]
    fn a_will_becomes_a_message_when_it_is_published() {
        let properties = MessageProperties { expiry_s: Some(1), ..Default::default() };
        let will = Will { topic: "w", payload: b"bye", properties, ..Default::default() };
        let message = Message::from_will(&will, will.topic, 60_000);
        assert_eq!((message.topic(), message.payload()), ("w", b"bye".as_slice()));
        assert_eq!(message.expires_at_ms, Some(61_000));
    }

    #[test]
    fn what_no_packet_can_carry_has_no_topic() {
        let message = Message::new(&"t".repeat(65_536), b"", QoS::AtMostOnce, false);
        assert_eq!(message.topic(), "");
    }
}

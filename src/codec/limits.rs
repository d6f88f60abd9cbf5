use super::{
    Connect, DecodeError, MessageProperties, Packet, PacketType, Publish, Subscribe, Unsubscribe,
    UserProperties, Version, decode, topic,
};

/// What a server takes beyond what the standard allows, and the rules that hold only for packets
/// from a client. [`Limits::check`] costs one pass over a packet's topics and user properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a topic name or filter.
    pub topic_bytes_max: usize,
    /// Levels of a topic name or filter.
    pub topic_levels_max: usize,
    /// Bytes of a client identifier.
    pub client_id_bytes_max: usize,
    /// User properties in one packet.
    pub user_properties_max: usize,
    /// Bytes of all names and values of the user properties in one packet.
    pub user_properties_bytes_max: usize,
    /// Filters in one SUBSCRIBE or UNSUBSCRIBE.
    pub filters_max: usize,
    /// The highest topic alias: what CONNACK announced.
    pub topic_alias_maximum: u16,
}

impl Default for Limits {
    /// Twice what is common in homes: the deepest topics of known ecosystems have 8 levels.
    fn default() -> Self {
        Self {
            topic_bytes_max: 1_024,
            topic_levels_max: 16,
            client_id_bytes_max: 256,
            user_properties_max: 32,
            user_properties_bytes_max: 8_192,
            filters_max: 16,
            topic_alias_maximum: 10,
        }
    }
}

impl Limits {
    /// Decodes what a client sends after its CONNECT: [`decode`] and [`Limits::check`]. What only
    /// servers send, and a second CONNECT, is refused unread.
    ///
    /// # Errors
    /// The frame breaks a rule of `version` or of these limits.
    pub fn decode<'a>(&self, version: Version, frame: &'a [u8]) -> Result<Packet<'a>, DecodeError> {
        let packet_type = frame.first().and_then(|first| PacketType::of_first_byte(*first));
        if let Some(unexpected) = packet_type.filter(|packet_type| {
            *packet_type == PacketType::Connect || packet_type.is_from_server_only()
        }) {
            return Err(DecodeError::UnexpectedPacket(unexpected.number()));
        }
        let packet = decode(version, frame)?;
        self.check(&packet)?;
        Ok(packet)
    }

    /// Holds a packet from a client against the limits.
    ///
    /// # Errors
    /// The packet breaks a limit, is one that only servers send, or carries what only servers say.
    pub fn check(&self, packet: &Packet<'_>) -> Result<(), DecodeError> {
        match packet {
            Packet::Connect(connect) => self.connect(connect),
            Packet::Publish(publish) => self.publish(publish),
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) => {
                self.user_properties(ack.user_properties)
            }
            Packet::Pubcomp(ack) => self.user_properties(ack.user_properties),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe),
            Packet::Pingreq => Ok(()),
            Packet::Disconnect(disconnect) => {
                let reason = disconnect.reason;
                if !reason.disconnects_from_client() {
                    return Err(DecodeError::ReasonCode(reason.byte()));
                }
                if disconnect.server_reference.is_some() {
                    return Err(DecodeError::PropertyNotAllowed(
                        super::property::id::SERVER_REFERENCE,
                    ));
                }
                self.user_properties(disconnect.user_properties)
            }
            Packet::Auth(auth) => self.user_properties(auth.user_properties),
            Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {
                Err(DecodeError::UnexpectedPacket(packet.packet_type().number()))
            }
        }
    }

    /// Holds a CONNECT against the limits.
    ///
    /// # Errors
    /// The client identifier, the will or the user properties are too large.
    pub fn connect(&self, connect: &Connect<'_>) -> Result<(), DecodeError> {
        if connect.client_id.len() > self.client_id_bytes_max {
            return Err(DecodeError::ClientId);
        }
        if let Some(will) = &connect.will {
            self.topic(will.topic)?;
            self.message(&will.properties)?;
        }
        self.user_properties(connect.properties.user_properties)
    }

    /// Holds a PUBLISH from a client against the limits.
    ///
    /// # Errors
    /// The topic or the user properties are too large, the alias is beyond the maximum, or there is
    /// a subscription identifier, which only servers send (3.3.4).
    pub fn publish(&self, publish: &Publish<'_>) -> Result<(), DecodeError> {
        self.topic(publish.topic)?;
        let properties = &publish.properties;
        if properties.topic_alias.is_some_and(|alias| alias.get() > self.topic_alias_maximum) {
            return Err(DecodeError::TopicAlias);
        }
        if !properties.subscription_ids.is_empty() {
            return Err(DecodeError::SubscriptionIdFromClient);
        }
        self.message(&properties.message)
    }

    /// Holds a SUBSCRIBE against the limits. A single filter that is too long is not an error of
    /// the packet: ask [`Limits::takes_filter`] and refuse it in SUBACK.
    ///
    /// # Errors
    /// There are too many filters or user properties.
    pub fn subscribe(&self, subscribe: &Subscribe<'_>) -> Result<(), DecodeError> {
        self.filters(subscribe.filters.iter().count())?;
        self.user_properties(subscribe.user_properties)
    }

    /// Holds an UNSUBSCRIBE against the limits.
    ///
    /// # Errors
    /// There are too many filters or user properties.
    pub fn unsubscribe(&self, unsubscribe: &Unsubscribe<'_>) -> Result<(), DecodeError> {
        self.filters(unsubscribe.filters.iter().count())?;
        self.user_properties(unsubscribe.user_properties)
    }

    /// Whether a filter is within the limits of topics; the `$share/group/` before it is not
    /// counted as levels.
    #[must_use]
    pub fn takes_filter(&self, filter: &str) -> bool {
        let plain = topic::shared(filter).map_or(filter, |(_, plain)| plain);
        filter.len() <= self.topic_bytes_max && topic::levels(plain) <= self.topic_levels_max
    }

    fn topic(&self, name: &str) -> Result<(), DecodeError> {
        if name.len() > self.topic_bytes_max || topic::levels(name) > self.topic_levels_max {
            return Err(DecodeError::TopicTooLong);
        }
        Ok(())
    }

    fn message(&self, properties: &MessageProperties<'_>) -> Result<(), DecodeError> {
        if let Some(response_topic) = properties.response_topic {
            self.topic(response_topic)?;
        }
        self.user_properties(properties.user_properties)
    }

    const fn filters(&self, filters: usize) -> Result<(), DecodeError> {
        if filters > self.filters_max { Err(DecodeError::TooManyFilters) } else { Ok(()) }
    }

    fn user_properties(&self, properties: UserProperties<'_>) -> Result<(), DecodeError> {
        let mut bytes = 0;
        for (index, (name, value)) in properties.iter().enumerate() {
            bytes += name.len() + value.len();
            if index >= self.user_properties_max || bytes > self.user_properties_bytes_max {
                return Err(DecodeError::UserProperties);
            }
        }
        Ok(())
    }
}

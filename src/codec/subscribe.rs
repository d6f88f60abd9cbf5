use std::fmt;
use std::num::NonZeroU16;

use super::frame::PacketType;
use super::property::{id, once};
use super::reader::Reader;
use super::sink::{Body, Section, Sink};
use super::{
    DecodeError, EncodeError, QoS, SubscriptionIds, UserProperties, Version, property, topic,
};

/// SUBSCRIBE (3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// For SUBACK.
    pub packet_id: NonZeroU16,
    /// Comes back with every message of these subscriptions, 1 to 268,435,455; MQTT 5 only.
    pub subscription_id: Option<u32>,
    /// Name-value pairs.
    pub user_properties: UserProperties<'a>,
    /// At least one.
    pub filters: SubscribeFilters<'a>,
}

/// One entry of a SUBSCRIBE with its options (3.8.3.1). All but the QoS are MQTT 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subscription<'a> {
    /// Valid, wildcards and `$share` included.
    pub filter: &'a str,
    /// The highest QoS wanted.
    pub qos: QoS,
    /// Nothing that came from this client id.
    pub no_local: bool,
    /// RETAIN as the publisher set it.
    pub retain_as_published: bool,
    /// Whether retained messages are wanted.
    pub retain_handling: RetainHandling,
}

/// Which retained messages a new subscription wants (3.8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum RetainHandling {
    /// All, whenever subscribed.
    #[default]
    Send = 0,
    /// All, if the subscription is new.
    SendIfNew = 1,
    /// None.
    DoNotSend = 2,
}

const NO_LOCAL: u8 = 0x04;
const RETAIN_AS_PUBLISHED: u8 = 0x08;

impl<'a> Subscription<'a> {
    fn read(version: Version, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let filter = reader.topic_filter()?;
        let options = reader.u8()?;
        let reserved = if version.is_v5() { 0xC0 } else { 0xFC };
        if options & reserved != 0 {
            return Err(DecodeError::ReservedBit);
        }
        let no_local = options & NO_LOCAL != 0;
        if no_local && filter.starts_with(topic::SHARED_PREFIX) {
            return Err(DecodeError::NoLocalOnShared);
        }
        Ok(Self {
            filter,
            qos: QoS::from_bits(options & 0x03).ok_or(DecodeError::QoS)?,
            no_local,
            retain_as_published: options & RETAIN_AS_PUBLISHED != 0,
            retain_handling: match options >> 4 {
                0 => RetainHandling::Send,
                1 => RetainHandling::SendIfNew,
                2 => RetainHandling::DoNotSend,
                _ => return Err(DecodeError::ReservedBit),
            },
        })
    }

    fn options(&self, version: Version) -> u8 {
        if !version.is_v5() {
            return self.qos.bits();
        }
        self.qos.bits()
            | if self.no_local { NO_LOCAL } else { 0 }
            | if self.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 }
            | ((self.retain_handling as u8) << 4)
    }
}

/// The entries of a SUBSCRIBE: checked when decoded, read again by every iteration.
#[derive(Clone, Copy)]
pub struct SubscribeFilters<'a>(Entries<'a, Subscription<'a>>);

/// The entries of an UNSUBSCRIBE.
#[derive(Clone, Copy)]
pub struct TopicFilters<'a>(Entries<'a, &'a str>);

#[derive(Clone, Copy)]
enum Entries<'a, T> {
    Wire(Version, &'a [u8]),
    Given(&'a [T]),
}

impl<'a, T: Copy> Entries<'a, T> {
    fn read(
        version: Version,
        reader: &mut Reader<'a>,
        entry: fn(Version, &mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Self, DecodeError> {
        if reader.is_empty() {
            return Err(DecodeError::EmptyList);
        }
        let entries = Self::Wire(version, reader.into_rest());
        while !reader.is_empty() {
            entry(version, reader)?;
        }
        Ok(entries)
    }

    /// Ends at the first fault, of which checked entries have none.
    fn iter(
        self,
        entry: fn(Version, &mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> impl Iterator<Item = T> + use<'a, T> {
        let (version, bytes, given): (_, &[u8], &[T]) = match self {
            Self::Wire(version, bytes) => (version, bytes, &[]),
            Self::Given(entries) => (Version::V5, &[], entries),
        };
        let mut reader = Reader::new(bytes);
        std::iter::from_fn(move || entry(version, &mut reader).ok()).chain(given.iter().copied())
    }
}

impl<'a> SubscribeFilters<'a> {
    /// Entries to be written.
    #[must_use]
    pub const fn new(entries: &'a [Subscription<'a>]) -> Self {
        Self(Entries::Given(entries))
    }

    /// The entries in their order.
    pub fn iter(self) -> impl Iterator<Item = Subscription<'a>> + use<'a> {
        self.0.iter(Subscription::read)
    }
}

impl<'a> TopicFilters<'a> {
    /// Filters to be written.
    #[must_use]
    pub const fn new(filters: &'a [&'a str]) -> Self {
        Self(Entries::Given(filters))
    }

    /// The filters in their order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.iter(read_filter)
    }
}

fn read_filter<'a>(_version: Version, reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    reader.topic_filter()
}

impl PartialEq for SubscribeFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for SubscribeFilters<'_> {}

impl fmt::Debug for SubscribeFilters<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for TopicFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for TopicFilters<'_> {}

impl fmt::Debug for TopicFilters<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Subscribe<'a> {
    pub(super) fn read(version: Version, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let mut subscription_id = None;
        let mut user_properties = UserProperties::default();
        if version.is_v5() {
            let section = reader.section()?;
            user_properties = UserProperties::of_section(section.into_rest());
            let mut reader = section;
            while let Some(id) = reader.property() {
                match id {
                    id::SUBSCRIPTION_IDENTIFIER => {
                        once(&mut subscription_id, id, SubscriptionIds::read(&mut reader)?)?;
                    }
                    id::USER_PROPERTY => UserProperties::check(&mut reader)?,
                    _ => return Err(property::refusal(&mut reader, id)),
                }
            }
        }
        let filters = SubscribeFilters(Entries::read(version, reader, Subscription::read)?);
        Ok(Self { packet_id, subscription_id, user_properties, filters })
    }
}

struct SubscribeProperties<'a>(&'a Subscribe<'a>);

impl Section for SubscribeProperties<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        if let Some(subscription_id) = self.0.subscription_id {
            sink.u8(id::SUBSCRIPTION_IDENTIFIER);
            sink.variable_byte_integer(subscription_id);
        }
        self.0.user_properties.write(sink);
    }
}

impl Body for Subscribe<'_> {
    fn first_byte(&self) -> u8 {
        PacketType::Subscribe.first_byte()
    }

    fn check(&self, _version: Version) -> Result<(), EncodeError> {
        self.filters.iter().next().map(|_| ()).ok_or(EncodeError::EmptyList)
    }

    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.u16(self.packet_id.get());
        if version.is_v5() {
            sink.section(&SubscribeProperties(self));
        }
        for entry in self.filters.iter() {
            sink.string(entry.filter);
            sink.u8(entry.options(version));
        }
    }
}

/// UNSUBSCRIBE (3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// For UNSUBACK.
    pub packet_id: NonZeroU16,
    /// Name-value pairs, MQTT 5 only.
    pub user_properties: UserProperties<'a>,
    /// At least one.
    pub filters: TopicFilters<'a>,
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn read(version: Version, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let mut user_properties = UserProperties::default();
        if version.is_v5() {
            user_properties = UserProperties::read_section(reader)?;
        }
        let filters = TopicFilters(Entries::read(version, reader, read_filter)?);
        Ok(Self { packet_id, user_properties, filters })
    }
}

impl Body for Unsubscribe<'_> {
    fn first_byte(&self) -> u8 {
        PacketType::Unsubscribe.first_byte()
    }

    fn check(&self, _version: Version) -> Result<(), EncodeError> {
        self.filters.iter().next().map(|_| ()).ok_or(EncodeError::EmptyList)
    }

    fn write<S: Sink>(&self, version: Version, sink: &mut S) {
        sink.u16(self.packet_id.get());
        if version.is_v5() {
            sink.section(&self.user_properties);
        }
        for filter in self.filters.iter() {
            sink.string(filter);
        }
    }
}

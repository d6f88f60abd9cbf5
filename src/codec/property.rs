use std::fmt;

use super::DecodeError;
use super::reader::Reader;
use super::sink::{Section, Sink};

/// Property identifiers (2.2.2.2), named as in the standard's table.
pub(super) mod id {
    pub(in super::super) const PAYLOAD_FORMAT_INDICATOR: u8 = 0x01;
    pub(in super::super) const MESSAGE_EXPIRY_INTERVAL: u8 = 0x02;
    pub(in super::super) const CONTENT_TYPE: u8 = 0x03;
    pub(in super::super) const RESPONSE_TOPIC: u8 = 0x08;
    pub(in super::super) const CORRELATION_DATA: u8 = 0x09;
    pub(in super::super) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
    pub(in super::super) const SESSION_EXPIRY_INTERVAL: u8 = 0x11;
    pub(in super::super) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 0x12;
    pub(in super::super) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(in super::super) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(in super::super) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(in super::super) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(in super::super) const WILL_DELAY_INTERVAL: u8 = 0x18;
    pub(in super::super) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(in super::super) const RESPONSE_INFORMATION: u8 = 0x1A;
    pub(in super::super) const SERVER_REFERENCE: u8 = 0x1C;
    pub(in super::super) const REASON_STRING: u8 = 0x1F;
    pub(in super::super) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(in super::super) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(in super::super) const TOPIC_ALIAS: u8 = 0x23;
    pub(in super::super) const MAXIMUM_QOS: u8 = 0x24;
    pub(in super::super) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(in super::super) const USER_PROPERTY: u8 = 0x26;
    pub(in super::super) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(in super::super) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 0x28;
    pub(in super::super) const SUBSCRIPTION_IDENTIFIERS_AVAILABLE: u8 = 0x29;
    pub(in super::super) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 0x2A;
}

/// Reads past the value of property `id`; `Ok(false)` if no such property exists.
fn skip_value(reader: &mut Reader<'_>, id: u8) -> Result<bool, DecodeError> {
    match id {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2A => reader.take(1).map(|_| true),
        0x13 | 0x21..=0x23 => reader.take(2).map(|_| true),
        0x02 | 0x11 | 0x18 | 0x27 => reader.take(4).map(|_| true),
        0x0B => reader.variable_byte_integer().map(|_| true),
        0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => {
            reader.binary().map(|_| true)
        }
        0x26 => reader.binary().and_then(|_| reader.binary()).map(|_| true),
        _ => Ok(false),
    }
}

/// Why a packet does not take property `id`, whose value is next in `reader`.
pub(super) fn refusal(reader: &mut Reader<'_>, id: u8) -> DecodeError {
    match skip_value(reader, id) {
        Ok(true) => DecodeError::PropertyNotAllowed(id),
        Ok(false) => DecodeError::PropertyUnknown(id),
        Err(error) => error,
    }
}

/// Fills the place of a property that may appear once.
pub(super) fn once<T>(place: &mut Option<T>, id: u8, value: T) -> Result<(), DecodeError> {
    if place.replace(value).is_some() {
        return Err(DecodeError::PropertyRepeated(id));
    }
    Ok(())
}

/// A byte property that only knows 0 and 1.
pub(super) fn flag(reader: &mut Reader<'_>, id: u8) -> Result<bool, DecodeError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::PropertyValue(id)),
    }
}

/// A 16-bit property that must not be 0.
pub(super) fn non_zero_u16(
    reader: &mut Reader<'_>,
    id: u8,
) -> Result<std::num::NonZeroU16, DecodeError> {
    std::num::NonZeroU16::new(reader.u16()?).ok_or(DecodeError::PropertyValue(id))
}

/// A 32-bit property that must not be 0.
pub(super) fn non_zero_u32(
    reader: &mut Reader<'_>,
    id: u8,
) -> Result<std::num::NonZeroU32, DecodeError> {
    std::num::NonZeroU32::new(reader.u32()?).ok_or(DecodeError::PropertyValue(id))
}

/// The user properties of a packet (2.2.2.2): name-value pairs in their order, names may repeat.
///
/// From a decoded packet this is the packet's own property section, checked when it was decoded
/// and read again by every iteration: no list is built.
#[derive(Clone, Copy, Default)]
pub struct UserProperties<'a>(Pairs<'a>);

#[derive(Clone, Copy)]
enum Pairs<'a> {
    Section(&'a [u8]),
    Given(&'a [(&'a str, &'a str)]),
}

impl Default for Pairs<'_> {
    fn default() -> Self {
        Self::Section(&[])
    }
}

impl<'a> UserProperties<'a> {
    /// Pairs to be written.
    #[must_use]
    pub const fn new(pairs: &'a [(&'a str, &'a str)]) -> Self {
        Self(Pairs::Given(pairs))
    }

    /// The user properties among the properties of `section`, whose values have been checked.
    pub(super) const fn of_section(section: &'a [u8]) -> Self {
        Self(Pairs::Section(section))
    }

    /// Reads one pair past, as a check.
    pub(super) fn check(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        reader.string()?;
        reader.string().map(|_| ())
    }

    /// A section that may hold nothing else.
    pub(super) fn read_section(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let section = reader.section()?;
        let mut reader = section;
        while let Some(id) = reader.property() {
            match id {
                id::USER_PROPERTY => Self::check(&mut reader)?,
                _ => return Err(refusal(&mut reader, id)),
            }
        }
        Ok(Self::of_section(section.into_rest()))
    }

    /// The pairs in their order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let (section, given): (&[u8], &[(&str, &str)]) = match self.0 {
            Pairs::Section(section) => (section, &[]),
            Pairs::Given(pairs) => (&[], pairs),
        };
        SectionValues { reader: Reader::new(section), id: id::USER_PROPERTY, value: pair }
            .chain(given.iter().copied())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }
}

fn pair<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, &'a str), DecodeError> {
    let text = |reader: &mut Reader<'a>| {
        std::str::from_utf8(reader.binary()?).map_err(|_| DecodeError::Utf8)
    };
    Ok((text(reader)?, text(reader)?))
}

impl Section for UserProperties<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        for (name, value) in self.iter() {
            sink.u8(id::USER_PROPERTY);
            sink.string(name);
            sink.string(value);
        }
    }
}

impl PartialEq for UserProperties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for UserProperties<'_> {}

impl fmt::Debug for UserProperties<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// The subscription identifiers of a PUBLISH to a client (3.3.2.3.8), one for each subscription
/// that took the message.
#[derive(Clone, Copy, Default)]
pub struct SubscriptionIds<'a>(Ids<'a>);

#[derive(Clone, Copy)]
enum Ids<'a> {
    Section(&'a [u8]),
    Given(&'a [u32]),
}

impl Default for Ids<'_> {
    fn default() -> Self {
        Self::Section(&[])
    }
}

impl<'a> SubscriptionIds<'a> {
    /// Identifiers to be written, each 1 to 268,435,455.
    #[must_use]
    pub const fn new(ids: &'a [u32]) -> Self {
        Self(Ids::Given(ids))
    }

    pub(super) const fn of_section(section: &'a [u8]) -> Self {
        Self(Ids::Section(section))
    }

    /// Reads one identifier: not 0.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
        match reader.variable_byte_integer()? {
            0 => Err(DecodeError::PropertyValue(id::SUBSCRIPTION_IDENTIFIER)),
            value => Ok(value),
        }
    }

    /// The identifiers in their order.
    pub fn iter(self) -> impl Iterator<Item = u32> + use<'a> {
        let (section, given): (&[u8], &[u32]) = match self.0 {
            Ids::Section(section) => (section, &[]),
            Ids::Given(ids) => (&[], ids),
        };
        SectionValues {
            reader: Reader::new(section),
            id: id::SUBSCRIPTION_IDENTIFIER,
            value: Self::read,
        }
        .chain(given.iter().copied())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }
}

impl Section for SubscriptionIds<'_> {
    fn write<S: Sink>(&self, sink: &mut S) {
        for value in self.iter() {
            sink.u8(id::SUBSCRIPTION_IDENTIFIER);
            sink.variable_byte_integer(value);
        }
    }
}

impl PartialEq for SubscriptionIds<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for SubscriptionIds<'_> {}

impl fmt::Debug for SubscriptionIds<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// The values of one repeatable property in a checked section; ends at the first fault, of which a
/// checked section has none.
struct SectionValues<'a, T> {
    reader: Reader<'a>,
    id: u8,
    value: fn(&mut Reader<'a>) -> Result<T, DecodeError>,
}

impl<T> Iterator for SectionValues<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        while let Some(id) = self.reader.property() {
            if id == self.id {
                return (self.value)(&mut self.reader).ok();
            }
            if !skip_value(&mut self.reader, id).unwrap_or(false) {
                return None;
            }
        }
        None
    }
}

use std::num::NonZeroU16;

use super::frame::variable_byte_integer;
use super::{DecodeError, topic};

type Result<T> = std::result::Result<T, DecodeError>;

/// A cursor over the fields of one packet, or of one property section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left.
    pub(super) const fn into_rest(self) -> &'a [u8] {
        self.rest
    }

    /// The end of a packet whose last field has been read.
    pub(super) const fn finish(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*chunk)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.chunk().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.chunk().map(u32::from_be_bytes)
    }

    pub(super) fn variable_byte_integer(&mut self) -> Result<u32> {
        let (value, bytes) = variable_byte_integer(self.rest)?.ok_or(DecodeError::Truncated)?;
        self.take(bytes)?;
        Ok(value)
    }

    pub(super) fn packet_id(&mut self) -> Result<NonZeroU16> {
        NonZeroU16::new(self.u16()?).ok_or(DecodeError::PacketId)
    }

    /// Binary data (1.5.6).
    pub(super) fn binary(&mut self) -> Result<&'a [u8]> {
        let bytes = self.u16()?;
        self.take(usize::from(bytes))
    }

    /// A UTF-8 string (1.5.4) without control characters.
    pub(super) fn string(&mut self) -> Result<&'a str> {
        let text = std::str::from_utf8(self.binary()?).map_err(|_| DecodeError::Utf8)?;
        if topic::has_control(text) {
            return Err(DecodeError::ControlCharacter);
        }
        Ok(text)
    }

    /// The topic name of a message; an empty one passes, where an alias may stand for it.
    pub(super) fn topic_name(&mut self) -> Result<&'a str> {
        let name = self.string()?;
        if topic::has_wildcard(name) { Err(DecodeError::TopicName) } else { Ok(name) }
    }

    pub(super) fn topic_filter(&mut self) -> Result<&'a str> {
        let filter = self.string()?;
        if topic::valid_filter(filter) { Ok(filter) } else { Err(DecodeError::TopicFilter) }
    }

    /// A property section: its length, then a reader over just that.
    pub(super) fn section(&mut self) -> Result<Self> {
        let bytes = self.variable_byte_integer()?;
        self.take(usize::try_from(bytes).unwrap_or(usize::MAX)).map(Self::new)
    }

    /// The identifier of the next property of a section. All that exist fit in one byte, so a
    /// longer one shows as a number that does not exist.
    pub(super) fn property(&mut self) -> Option<u8> {
        self.u8().ok()
    }
}

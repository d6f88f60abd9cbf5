use super::DecodeError;

/// Bytes of the largest packet the protocol can express: 268,435,455 and a header of five (2.1.4).
pub const PACKET_BYTES_MAX: u32 = 268_435_460;

/// The control packet types (2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names of the standard say it")]
pub enum PacketType {
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Unsuback = 11,
    Pingreq = 12,
    Pingresp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// The type in the upper half of a packet's first byte; 0 does not exist.
    #[must_use]
    pub const fn of_first_byte(first: u8) -> Option<Self> {
        Some(match first >> 4 {
            1 => Self::Connect,
            2 => Self::Connack,
            3 => Self::Publish,
            4 => Self::Puback,
            5 => Self::Pubrec,
            6 => Self::Pubrel,
            7 => Self::Pubcomp,
            8 => Self::Subscribe,
            9 => Self::Suback,
            10 => Self::Unsubscribe,
            11 => Self::Unsuback,
            12 => Self::Pingreq,
            13 => Self::Pingresp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The number in the first byte, 1 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether only a server sends it (2.1.2).
    #[must_use]
    pub const fn is_from_server_only(self) -> bool {
        matches!(self, Self::Connack | Self::Suback | Self::Unsuback | Self::Pingresp)
    }

    /// The first byte of every packet of this type but PUBLISH, whose flags mean something (2.1.3).
    pub(super) const fn first_byte(self) -> u8 {
        let flags = match self {
            Self::Pubrel | Self::Subscribe | Self::Unsubscribe => 0x02,
            Self::Connect
            | Self::Connack
            | Self::Publish
            | Self::Puback
            | Self::Pubrec
            | Self::Pubcomp
            | Self::Suback
            | Self::Unsuback
            | Self::Pingreq
            | Self::Pingresp
            | Self::Disconnect
            | Self::Auth => 0,
        };
        (self.number() << 4) | flags
    }
}

/// A variable byte integer and how many bytes it took, `None` while its last byte is missing.
///
/// # Errors
/// A fifth byte would be needed, or the form is longer than necessary (1.5.5).
pub(super) fn variable_byte_integer(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let padded = *byte == 0 && index > 0;
            return if padded {
                Err(DecodeError::VariableByteInteger)
            } else {
                Ok(Some((value, index + 1)))
            };
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(DecodeError::VariableByteInteger) }
}

/// The length in bytes, header included, of the first packet in `buf`; `None` while its header is
/// not whole. The packet itself may still be on its way: compare with `buf.len()`.
///
/// # Errors
/// The length field is malformed, or the packet would have more than `limit` bytes. Both are known
/// before anything is stored.
pub fn frame_len(buf: &[u8], limit: u32) -> Result<Option<usize>, DecodeError> {
    let Some((_, after_first)) = buf.split_first() else {
        return Ok(None);
    };
    let Some((remaining, header)) = variable_byte_integer(after_first)? else {
        return Ok(None);
    };
    let whole = header + 1 + usize::try_from(remaining).unwrap_or(usize::MAX);
    let length = u32::try_from(whole).unwrap_or(u32::MAX);
    if length > limit {
        return Err(DecodeError::PacketTooLarge { length, limit });
    }
    Ok(Some(whole))
}

/// The first byte of one whole frame, and what follows its length field.
pub(super) fn split(frame: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    let (first, after_first) = frame.split_first().ok_or(DecodeError::Truncated)?;
    let (remaining, header) = variable_byte_integer(after_first)?.ok_or(DecodeError::Truncated)?;
    let body = after_first.get(header..).ok_or(DecodeError::Truncated)?;
    match usize::try_from(remaining).map(|remaining| body.len().cmp(&remaining)) {
        Ok(std::cmp::Ordering::Equal) => Ok((*first, body)),
        Ok(std::cmp::Ordering::Greater) => Err(DecodeError::TrailingBytes),
        Ok(std::cmp::Ordering::Less) | Err(_) => Err(DecodeError::Truncated),
    }
}

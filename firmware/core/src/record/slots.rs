//! Two places in flash, written in turn: whatever moment the power goes, one of them is whole.

use super::bytes::{Reader, Writer};

/// The longest record, in bytes.
pub const RECORD_MAX: usize = 232;
/// The length of a slot, in bytes; each lies in a flash sector of its own.
pub const SLOT_BYTES: usize = 256;
/// "HRT1": an erased or foreign sector is none of ours.
const MAGIC: u32 = 0x3154_5248;

/// One of the two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// Where the next record goes: never over the newest.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// The newest whole record of two slots: which one, its sequence number and its bytes.
#[must_use]
pub fn newest<'a>(a: &'a [u8], b: &'a [u8]) -> Option<(Slot, u32, &'a [u8])> {
    match (open(a), open(b)) {
        // Sequence numbers may wrap: the newer is less than half the circle ahead.
        (Some((first, _)), Some((second, record))) if second.wrapping_sub(first) < 1 << 31 => {
            Some((Slot::B, second, record))
        }
        (Some((sequence, record)), _) => Some((Slot::A, sequence, record)),
        (None, Some((sequence, record))) => Some((Slot::B, sequence, record)),
        (None, None) => None,
    }
}

/// The slot that holds `record` (at most [`RECORD_MAX`] bytes) as number `sequence`; one more
/// than the newest. `None` when the record is too long.
#[must_use]
pub fn seal(sequence: u32, record: &[u8]) -> Option<[u8; SLOT_BYTES]> {
    let length = u16::try_from(record.len()).ok().filter(|len| usize::from(*len) <= RECORD_MAX)?;
    let mut slot = [0xff; SLOT_BYTES];
    let mut to = Writer::new(&mut slot);
    to.put(&MAGIC.to_le_bytes());
    to.put(&check(sequence, record).to_le_bytes());
    to.put(&sequence.to_le_bytes());
    to.put(&length.to_le_bytes());
    to.put(record);
    Some(slot)
}

fn open(slot: &[u8]) -> Option<(u32, &[u8])> {
    let mut from = Reader::new(slot);
    let (magic, sum, sequence) = (from.u32()?, from.u32()?, from.u32()?);
    let length = from.u16()?;
    let record = from.take(usize::from(length))?;
    (magic == MAGIC && sum == check(sequence, record)).then_some((sequence, record))
}

fn check(sequence: u32, record: &[u8]) -> u32 {
    crc32(sequence.to_le_bytes().iter().chain(record))
}

/// CRC-32 as in IEEE 802.3 (reflected 0xEDB88320).
fn crc32<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    !bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_sum_is_the_one_of_the_standard() {
        assert_eq!(crc32(b"123456789".iter()), 0xcbf4_3926);
    }

    #[test]
    fn two_erased_slots_hold_nothing() {
        assert_eq!(newest(&[0xff; SLOT_BYTES], &[0xff; SLOT_BYTES]), None);
        assert_eq!(newest(&[], &[0; 3]), None);
    }

    proptest! {
        #[test]
        fn power_may_go_at_any_byte_of_a_write(
            old in prop::collection::vec(any::<u8>(), 0..=RECORD_MAX),
            new in prop::collection::vec(any::<u8>(), 0..=RECORD_MAX),
            sequence: u32, cut in 0_usize..=SLOT_BYTES, erased: bool,
        ) {
            let a = seal(sequence, &old).unwrap();
            let written = seal(sequence.wrapping_add(1), &new).unwrap();
            let older = seal(sequence.wrapping_sub(1), b"older").unwrap();
            let mut b = if erased { [0xff; SLOT_BYTES] } else { older };
            b[..cut].copy_from_slice(&written[..cut]);
            let (_, number, record) = newest(&a, &b).unwrap();
            if number == sequence {
                prop_assert_eq!(record, &old[..]);
            } else {
                prop_assert_eq!(record, &new[..]);
            }
            prop_assert_eq!(newest(&a, &written).unwrap().0, Slot::B);
        }

        #[test]
        fn any_bytes_are_read_without_harm(a in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(newest(&a, &a).is_none());
        }
    }
}

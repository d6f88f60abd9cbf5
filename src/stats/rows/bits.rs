//! Streams of bits, and the Rice code in which they hold numbers.
//!
//! A Rice code of order `k` writes a number as its high part in unary and its `k` low bits as they
//! are, which is close to the entropy when small numbers are likelier than large ones (Rice &
//! Plaunt 1971). The unary part is zeros up to a one, and the first bit of a byte is its lowest:
//! so a processor counts it at once.

/// The unary part from which a number is written with its length instead.
const ESCAPE: u32 = 12;
/// The highest order: its codes are 56 bits at most, or escaped.
pub(super) const ORDER_MAX: u32 = 44;
/// A reader sees so many bits at once, or some more.
const WINDOW_BITS: u32 = 57;
/// How an open stream grows: small steps, for there are hundreds of thousands of them.
const GROWTH_BYTES: usize = 64;

/// The smallest number that a code of this order writes with its length.
pub(super) const fn escaped_from(order: u32) -> u64 {
    (ESCAPE as u64) << order
}

/// The lowest `width` bits, fewer than 64.
const fn low_bits(number: u64, width: u32) -> u64 {
    number & !(u64::MAX << width)
}

/// A stream of bits being written.
#[derive(Debug, Clone, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// The last bits, fewer than eight, that don't fill a byte yet.
    pending: u64,
    pending_bits: u32,
}

impl BitWriter {
    /// Writes a number in the Rice code of `order`, at most [`ORDER_MAX`].
    pub(super) fn put_rice(&mut self, number: u64, order: u32) {
        if number < escaped_from(order) {
            let high = number >> order;
            self.put(1 << high, u32::try_from(high).unwrap_or(0) + 1);
            self.put(low_bits(number, order), order);
        } else {
            let width = 64 - number.leading_zeros();
            let low = width.min(32);
            self.put(0, ESCAPE);
            self.put(u64::from(width - 1), 6);
            self.put(low_bits(number, low), low);
            self.put(number >> low, width - low);
        }
    }

    /// Writes the low `width` bits of `number`; `width` is at most 48 and nothing is set above it.
    fn put(&mut self, number: u64, width: u32) {
        self.pending |= number << self.pending_bits;
        self.pending_bits += width;
        while self.pending_bits >= 8 {
            if self.bytes.len() == self.bytes.capacity() {
                self.bytes.reserve_exact(GROWTH_BYTES);
            }
            let [byte, ..] = self.pending.to_le_bytes();
            self.bytes.push(byte);
            self.pending >>= 8;
            self.pending_bits -= 8;
        }
    }

    /// Appends the stream so far to `out`, filled up with zero bits to a whole byte.
    pub(super) fn copy_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        if self.pending_bits > 0 {
            let [byte, ..] = self.pending.to_le_bytes();
            out.push(byte);
        }
    }

    /// Bytes held in memory.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

/// A stream of bits being read. Past its end it reads zeros: who reads knows how many numbers
/// there are, and a checksum has said that they are all there.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The number of the next bit.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads a number in the Rice code of each of these orders.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a day of readings takes a third longer without")]
    pub(super) fn take_row<const N: usize>(&mut self, orders: [u32; N]) -> [u64; N] {
        let mut row = [0; N];
        let (mut bits, mut window, mut width) = (*self, 0, 0);
        for (index, (number, order)) in row.iter_mut().zip(orders).enumerate() {
            // Two numbers are read with one look at the stream. Whether they were wholly in sight
            // is asked once: nothing has happened yet if they weren't.
            if index % 2 == 0 {
                bits.at += width as usize;
                (window, width) = (bits.window(), 0);
            }
            let high = window.trailing_zeros();
            width += high + 1 + order;
            if high >= ESCAPE || (index % 2 == 1 && width > WINDOW_BITS) {
                (row, *self) = self.take_long_row(orders);
                return row;
            }
            let rest = window >> 1 >> high;
            *number = (u64::from(high) << order) | low_bits(rest, order);
            window = rest >> order;
        }
        self.at = bits.at + width as usize;
        row
    }

    /// The same where two numbers may be longer than can be seen at once, or are escaped. By value,
    /// so that the stream may stay in registers where they are not.
    #[cold]
    #[inline(never)]
    fn take_long_row<const N: usize>(mut self, orders: [u32; N]) -> ([u64; N], Self) {
        (orders.map(|order| self.take_rice(order)), self)
    }

    /// Reads a number, however long it is.
    fn take_rice(&mut self, order: u32) -> u64 {
        let high = self.window().trailing_zeros();
        if high < ESCAPE {
            self.at += high as usize + 1;
            (u64::from(high) << order) | self.take(order)
        } else {
            self.at += ESCAPE as usize;
            let width = u32::try_from(self.take(6)).unwrap_or(0) + 1;
            let low = width.min(32);
            self.take(low) | (self.take(width - low) << low)
        }
    }

    /// Takes `width` bits, at most 48.
    fn take(&mut self, width: u32) -> u64 {
        let number = low_bits(self.window(), width);
        self.at += width as usize;
        number
    }

    /// The next [`WINDOW_BITS`], or some more, the first of them lowest.
    fn window(&self) -> u64 {
        let start = self.at / 8;
        let word = self.bytes.get(start..start + 8).and_then(<[u8]>::first_chunk);
        word.map_or_else(|| self.last_bytes(start), |word| u64::from_le_bytes(*word))
            >> (self.at % 8)
    }

    /// The fewer than eight bytes that are left.
    #[cold]
    #[inline(never)]
    fn last_bytes(&self, start: usize) -> u64 {
        let left = self.bytes.get(start..).unwrap_or_default();
        left.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<const N: usize>(orders: [u32; N], rows: &[[u64; N]]) -> usize {
        let mut writer = BitWriter::default();
        for row in rows {
            row.iter().zip(orders).for_each(|(number, order)| writer.put_rice(*number, order));
        }
        let mut bytes = Vec::new();
        writer.copy_to(&mut bytes);
        let mut reader = BitReader::new(&bytes);
        for row in rows {
            assert_eq!(reader.take_row(orders), *row);
        }
        bytes.len()
    }

    #[test]
    fn the_extremes_survive_at_every_order() {
        for order in 0..=ORDER_MAX {
            let edge = escaped_from(order);
            check([order], &[[0], [u64::MAX], [1], [1 << 63], [edge - 1], [edge], [1 << 32], [0]]);
            check(
                [order, 0, ORDER_MAX],
                &[[edge - 1, 0, 5], [0, u64::MAX, u64::MAX], [edge, 1, 0]],
            );
        }
    }

    #[test]
    fn a_number_takes_its_low_bits_and_its_high_part_in_unary() {
        assert_eq!(check([0], &[[0]; 8]), 1);
        assert_eq!(check([3], &[[7]; 8]), 4);
        assert_eq!(check([3], &[[8]; 8]), 5);
        assert_eq!(check([3, 0], &[[8, 1]; 8]), 7);
    }

    proptest! {
        #[test]
        fn every_sequence_reads_back(
            orders: [u32; 3],
            rows in prop::collection::vec((any::<[u64; 3]>(), 0_u32..64), 0..100),
        ) {
            let rows: Vec<_> = rows.iter().map(|(row, shift)| row.map(|n| n >> shift)).collect();
            check(orders.map(|order| order % (ORDER_MAX + 1)), &rows);
        }

        #[test]
        fn any_bytes_read_without_a_panic(bytes: Vec<u8>, order in 0..=ORDER_MAX) {
            let mut reader = BitReader::new(&bytes);
            for _ in 0..=bytes.len() * 8 {
                reader.take_row([order, 0]);
            }
        }
    }
}

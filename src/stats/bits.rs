//! Streams of bits, and the adaptive Rice code in which chunks keep their numbers.
//!
//! A Rice code of order `k` writes a number as its high part in unary and its `k` low bits as
//! they are, which is close to the entropy when small numbers are likelier than large ones: what
//! differences of sensor values are. The order follows a running mean on both sides, so nothing
//! about it is stored (Rice & Plaunt 1971; the adaptation is that of JPEG-LS, Weinberger et al.
//! 2000, with an exponential mean).

/// The unary part from which a number is written with its length instead.
const ESCAPE: u32 = 12;
/// The running mean is kept in sixteenths and forgets a sixteenth at every number.
const MEAN_SHIFT: u32 = 4;
/// How an open stream grows: small steps, for there are hundreds of thousands of them.
const GROWTH_BYTES: usize = 64;

/// Maps small numbers of either sign to small numbers without one: 0, -1, 1, -2, …
pub(super) const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(super) const fn unzigzag(code: u64) -> i64 {
    (code >> 1).cast_signed() ^ -((code & 1).cast_signed())
}

/// A stream of bits being written, the most significant bit of a byte first.
#[derive(Debug, Clone, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// The last bits, fewer than eight, that don't fill a byte yet (in the low end).
    pending: u64,
    pending_bits: u32,
}

impl BitWriter {
    /// Writes the low `width` bits of `number`; `width` is at most 48 and nothing is set above it.
    fn put(&mut self, number: u64, width: u32) {
        self.pending = (self.pending << width) | number;
        self.pending_bits += width;
        while self.pending_bits >= 8 {
            self.pending_bits -= 8;
            let [byte, ..] = (self.pending >> self.pending_bits).to_le_bytes();
            if self.bytes.len() == self.bytes.capacity() {
                self.bytes.reserve_exact(GROWTH_BYTES);
            }
            self.bytes.push(byte);
        }
        self.pending &= (1 << self.pending_bits) - 1;
    }

    /// Appends the stream so far to `out`, filled up with zero bits to a whole byte.
    pub(super) fn copy_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        if self.pending_bits > 0 {
            let [byte, ..] = (self.pending << (8 - self.pending_bits)).to_le_bytes();
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
    rest: &'a [u8],
    /// The next bits, left-aligned.
    window: u64,
    window_bits: u32,
}

impl<'a> BitReader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, window: 0, window_bits: 0 }
    }

    /// Fills the window to at least 56 bits; fewer than 64 are in it. Always, rather than when it
    /// runs dry: that is a branch which no processor foresees.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a day of readings takes a fifth longer without")]
    fn fill(&mut self) {
        // Eight bytes at a time. Of the last of them a part is in the window and not counted: it is
        // laid there once more with the next.
        if let Some(word) = self.rest.first_chunk() {
            self.window |= u64::from_be_bytes(*word) >> self.window_bits;
            let bytes = (63 - self.window_bits) / 8;
            self.rest = self.rest.get(bytes as usize..).unwrap_or_default();
            self.window_bits += bytes * 8;
            return;
        }
        *self = self.filled_at_the_end();
    }

    /// The same where fewer than eight bytes are left.
    #[cold]
    fn filled_at_the_end(mut self) -> Self {
        while self.window_bits <= 56 {
            let byte = match self.rest.split_first() {
                Some((byte, rest)) => {
                    self.rest = rest;
                    *byte
                }
                None => 0,
            };
            self.window |= u64::from(byte) << (56 - self.window_bits);
            self.window_bits += 8;
        }
        self
    }

    /// Takes `width` bits, at most 48.
    fn take(&mut self, width: u32) -> u64 {
        if self.window_bits < width {
            self.fill();
        }
        // Two shifts, because a shift by 64 isn't one.
        let number = (self.window >> 1) >> (63 - width);
        self.window <<= width;
        self.window_bits -= width;
        number
    }

    /// Takes ones up to the next zero, and that zero; at most [`ESCAPE`] ones and then no zero.
    fn take_unary(&mut self) -> u32 {
        if self.window_bits <= ESCAPE {
            self.fill();
        }
        let ones = self.window.leading_ones();
        let width = if ones >= ESCAPE { ESCAPE } else { ones + 1 };
        self.window <<= width;
        self.window_bits -= width;
        ones.min(ESCAPE)
    }
}

/// One column of numbers in Rice code: remembers how large they are of late.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rice {
    mean: u64,
}

impl Rice {
    /// Writes a number of either sign.
    pub(super) fn put_signed(&mut self, number: i64, out: &mut BitWriter) {
        self.put(zigzag(number), out);
    }

    /// Reads what [`Self::put_signed`] wrote.
    #[inline]
    pub(super) fn take_signed(&mut self, from: &mut BitReader<'_>) -> i64 {
        unzigzag(self.take(from))
    }

    /// Reads a number from each of two columns, as they were written in turn.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a day of readings takes a fifth longer without")]
    pub(super) fn take_signed_pair(
        one: &mut Self,
        other: &mut Self,
        from: &mut BitReader<'_>,
    ) -> (i64, i64) {
        from.fill();
        let first = one.take_filled(from);
        (unzigzag(first), unzigzag(other.take_filled(from)))
    }

    /// Writes a number.
    pub(super) fn put(&mut self, number: u64, out: &mut BitWriter) {
        let order = self.order();
        let high = number >> order;
        if high < u64::from(ESCAPE) {
            out.put((1 << (high + 1)) - 2, u32::try_from(high).unwrap_or(0) + 1);
            out.put(number & ((1 << order) - 1), order);
        } else {
            let width = 64 - number.leading_zeros();
            out.put((1 << ESCAPE) - 1, ESCAPE);
            out.put(u64::from(width - 1), 6);
            let low = width.min(32);
            out.put(number >> low, width - low);
            out.put(number & ((1 << low) - 1), low);
        }
        self.learn(number);
    }

    /// Reads what [`Self::put`] wrote.
    #[inline]
    pub(super) fn take(&mut self, from: &mut BitReader<'_>) -> u64 {
        from.fill();
        self.take_filled(from)
    }

    /// The same from a window that is full, but for a code or two.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a day of readings takes a fifth longer without")]
    fn take_filled(&mut self, from: &mut BitReader<'_>) -> u64 {
        let (order, high) = (self.order(), from.window.leading_ones());
        let width = high + 1 + order;
        if high >= ESCAPE || width > from.window_bits {
            // By value, so that all of it may stay in registers here.
            let number;
            (number, *self, *from) = self.take_long(*from);
            return number;
        }
        let rest = from.window << (high + 1);
        // Two shifts, because a shift by 64 isn't one.
        let number = (u64::from(high) << order) | ((rest >> 1) >> (63 - order));
        from.window = rest << order;
        from.window_bits -= width;
        self.learn(number);
        number
    }

    /// The same for what is too long for the window, or for a code.
    #[cold]
    fn take_long(mut self, mut from: BitReader<'_>) -> (u64, Self, BitReader<'_>) {
        let order = self.order();
        let high = from.take_unary();
        let number = if high < ESCAPE {
            (u64::from(high) << order) | from.take(order)
        } else {
            let width = u32::try_from(from.take(6)).unwrap_or(0) + 1;
            let low = width.min(32);
            let top = from.take(width - low);
            (top << low) | from.take(low)
        };
        self.learn(number);
        (number, self, from)
    }

    /// The number of low bits: the logarithm of the mean. At most 44, to keep a code within a word.
    fn order(self) -> u32 {
        ((self.mean >> MEAN_SHIFT) | 1).ilog2().min(44)
    }

    /// A single wild number (a gap, a sensor's hiccup) may at most double the mean.
    fn learn(&mut self, number: u64) {
        let bounded = number.min(self.mean + (1 << MEAN_SHIFT)).min(1 << 48);
        self.mean = self.mean - (self.mean >> MEAN_SHIFT) + bounded;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(numbers: &[u64]) -> usize {
        let (mut rice, mut writer) = (Rice::default(), BitWriter::default());
        for number in numbers {
            rice.put(*number, &mut writer);
        }
        let mut bytes = Vec::new();
        writer.copy_to(&mut bytes);
        let (mut rice, mut reader) = (Rice::default(), BitReader::new(&bytes));
        for number in numbers {
            assert_eq!(rice.take(&mut reader), *number);
        }
        bytes.len()
    }

    #[test]
    fn the_extremes_survive() {
        check(&[0, u64::MAX, 1, u64::MAX >> 1, 1 << 63, 1 << 32, (1 << 32) - 1, 0, 0]);
        check(&[u64::MAX; 200]);
        for number in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(number)), number);
        }
    }

    #[test]
    fn what_never_changes_costs_one_bit() {
        assert_eq!(check(&vec![0; 8_000]), 1_000);
    }

    #[test]
    fn a_single_wild_number_does_not_spoil_the_ones_after_it() {
        let mut numbers = vec![2; 1_000];
        let calm = check(&numbers);
        numbers[500] = 1 << 40;
        assert!(check(&numbers) < calm + 12);
    }

    proptest! {
        #[test]
        fn every_sequence_reads_back(
            numbers in prop::collection::vec((any::<u64>(), 0_u32..64), 0..300),
        ) {
            check(&numbers.iter().map(|(number, shift)| number >> shift).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_read_without_a_panic(bytes: Vec<u8>) {
            let (mut rice, mut reader) = (Rice::default(), BitReader::new(&bytes));
            for _ in 0..bytes.len() * 8 {
                rice.take(&mut reader);
            }
        }
    }
}

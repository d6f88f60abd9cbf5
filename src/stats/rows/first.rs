//! Rows as they were coded first: the unary part of a number as ones up to a zero, the first bit of
//! a byte its highest, and orders that follow a running mean from number to number.

/// The unary part from which a number was written with its length instead.
const ESCAPE: u32 = 12;
/// The running mean is kept in sixteenths and forgets a sixteenth at every number.
const MEAN_SHIFT: u32 = 4;

/// Reads [`super::Code::First`].
#[derive(Debug, Clone)]
pub(in crate::stats) struct RowReader<'a, const N: usize> {
    means: [Mean; N],
    bits: BitReader<'a>,
}

impl<'a, const N: usize> RowReader<'a, N> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let bits = BitReader { bytes, window: 0, window_bits: 0 };
        Self { means: [Mean(0); N], bits }
    }

    pub(super) fn fill<T>(&mut self, places: &mut [T], mut make: impl FnMut([u64; N]) -> T) {
        for place in places {
            let row = self.means.each_mut().map(|mean| mean.take(&mut self.bits));
            *place = make(row);
        }
    }
}

/// How large the numbers of a column are of late.
#[derive(Debug, Clone, Copy)]
struct Mean(u64);

impl Mean {
    fn take(&mut self, from: &mut BitReader<'_>) -> u64 {
        let order = ((self.0 >> MEAN_SHIFT) | 1).ilog2().min(44);
        let high = from.take_unary();
        let number = if high < ESCAPE {
            (u64::from(high) << order) | from.take(order)
        } else {
            let width = u32::try_from(from.take(6)).unwrap_or(0) + 1;
            let low = width.min(32);
            let top = from.take(width - low);
            (top << low) | from.take(low)
        };
        let bounded = number.min(self.0 + (1 << MEAN_SHIFT)).min(1 << 48);
        self.0 = self.0 - (self.0 >> MEAN_SHIFT) + bounded;
        number
    }
}

#[derive(Debug, Clone)]
struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next bits, left-aligned.
    window: u64,
    window_bits: u32,
}

impl BitReader<'_> {
    /// Takes `width` bits, at most 48; past the end they are zeros.
    fn take(&mut self, width: u32) -> u64 {
        while self.window_bits < width {
            let byte = self.bytes.split_off_first().copied().unwrap_or(0);
            self.window |= u64::from(byte) << (56 - self.window_bits);
            self.window_bits += 8;
        }
        // Two shifts, because a shift by 64 isn't one.
        let number = (self.window >> 1) >> (63 - width);
        self.window <<= width;
        self.window_bits -= width;
        number
    }

    /// Takes ones up to the next zero, and that zero; at most [`ESCAPE`] ones and then no zero.
    fn take_unary(&mut self) -> u32 {
        let mut ones = 0;
        while ones < ESCAPE && self.take(1) == 1 {
            ones += 1;
        }
        ones
    }
}

//! Chunks: the readings of one series in a few bits each.
//!
//! Times are kept as the difference of two differences, values as the difference to the one
//! before, both in adaptive Rice code ([`super::bits`]). An open chunk can be read at any moment.
//!
//! Layout: digits (1 byte), count, first time, time before the first (when readings came out of
//! order), time after it, first value (varints); then the bits of the other readings.

use super::bits::{BitReader, BitWriter, Rice};
use super::varint::{self, Cursor};

/// A chunk is full at this many readings: small enough to skip when only a part is wanted.
pub(super) const READINGS_MAX: u32 = 4_096;
/// Readings decoded at a time: few enough for the processor's nearest cache.
const BLOCK: usize = 256;

/// One reading, its value in units of 10^-digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) t_ms: i64,
    pub(super) scaled: i64,
}

/// What can be told about a chunk without decoding it. Also of chunks of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) digits: u8,
    pub(super) count: u32,
    pub(super) first_ms: i64,
    pub(super) earliest_ms: i64,
    pub(super) latest_ms: i64,
}

impl Head {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.push(self.digits);
        varint::put(u64::from(self.count), out);
        varint::put_signed(self.first_ms, out);
        varint::put(self.first_ms.abs_diff(self.earliest_ms), out);
        varint::put(self.first_ms.abs_diff(self.latest_ms), out);
    }

    pub(super) fn take(from: &mut Cursor<'_>) -> Option<Self> {
        let digits = from.byte()?;
        let count = from.small()?;
        let first_ms = from.signed()?;
        Some(Self {
            digits,
            count,
            first_ms,
            earliest_ms: first_ms.checked_sub_unsigned(from.varint()?)?,
            latest_ms: first_ms.checked_add_unsigned(from.varint()?)?,
        })
    }

    /// Whether any of it may lie in `from_ms..to_ms`.
    pub(super) const fn overlaps(&self, from_ms: i64, to_ms: i64) -> bool {
        self.earliest_ms < to_ms && self.latest_ms >= from_ms
    }
}

/// Where a series stands: what both sides need to know to code the next reading.
#[derive(Debug, Clone, Copy)]
struct Track {
    last: Sample,
    step_ms: i64,
    times: Rice,
    values: Rice,
}

impl Track {
    fn new(first: Sample) -> Self {
        Self { last: first, step_ms: 0, times: Rice::default(), values: Rice::default() }
    }

    // Wrapping arithmetic throughout: it is exact both ways for any input.
    fn put(&mut self, sample: Sample, out: &mut BitWriter) {
        let step_ms = sample.t_ms.wrapping_sub(self.last.t_ms);
        self.times.put_signed(step_ms.wrapping_sub(self.step_ms), out);
        self.values.put_signed(sample.scaled.wrapping_sub(self.last.scaled), out);
        self.step_ms = step_ms;
        self.last = sample;
    }

    /// Reads the next samples, as many as there is room for.
    fn take(&mut self, from: &mut BitReader<'_>, into: &mut [Sample]) {
        // A copy, so that all of it may stay in registers.
        let Self { mut last, mut step_ms, mut times, mut values } = *self;
        let mut bits = *from;
        for sample in into {
            let (step, scaled) = Rice::take_signed_pair(&mut times, &mut values, &mut bits);
            step_ms = step_ms.wrapping_add(step);
            last.t_ms = last.t_ms.wrapping_add(step_ms);
            last.scaled = last.scaled.wrapping_add(scaled);
            *sample = last;
        }
        *self = Self { last, step_ms, times, values };
        *from = bits;
    }
}

/// A chunk that still takes readings.
#[derive(Debug, Clone)]
pub(super) struct OpenChunk {
    head: Head,
    first_scaled: i64,
    track: Track,
    bits: BitWriter,
}

impl OpenChunk {
    /// A chunk with its first reading.
    pub(super) fn new(digits: u8, first: Sample) -> Self {
        let t_ms = first.t_ms;
        Self {
            head: Head { digits, count: 1, first_ms: t_ms, earliest_ms: t_ms, latest_ms: t_ms },
            first_scaled: first.scaled,
            track: Track::new(first),
            bits: BitWriter::default(),
        }
    }

    /// Takes a reading, in any order of time.
    pub(super) fn push(&mut self, sample: Sample) {
        self.track.put(sample, &mut self.bits);
        self.head.count += 1;
        self.head.earliest_ms = self.head.earliest_ms.min(sample.t_ms);
        self.head.latest_ms = self.head.latest_ms.max(sample.t_ms);
    }

    pub(super) const fn is_full(&self) -> bool {
        self.head.count >= READINGS_MAX
    }

    /// The chunk as it goes to disk; it may go on taking readings.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bits.capacity() + 32);
        self.head.put(&mut out);
        varint::put_signed(self.first_scaled, &mut out);
        self.bits.copy_to(&mut out);
        out
    }

    /// Bytes held in memory beyond the struct itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bits.capacity()
    }
}

/// What can be told about an encoded chunk of readings or buckets without decoding it.
pub(super) fn head(bytes: &[u8]) -> Option<Head> {
    Head::take(&mut Cursor(bytes))
}

/// Reads an encoded chunk; `None` if it is damaged. `sink` gets the readings in order of arrival,
/// [`BLOCK`] at a time.
pub(super) fn decode(bytes: &[u8], mut sink: impl FnMut(&[Sample])) -> Option<Head> {
    let mut cursor = Cursor(bytes);
    let head = Head::take(&mut cursor)?;
    let first = Sample { t_ms: head.first_ms, scaled: cursor.signed()? };
    if head.count == 0 || head.count > READINGS_MAX {
        return None;
    }
    sink(&[first]);
    let (mut track, mut bits) = (Track::new(first), BitReader::new(cursor.0));
    let mut block = [first; BLOCK];
    let mut left = usize::try_from(head.count).ok()? - 1;
    while left > 0 {
        let some = block.get_mut(..left.min(BLOCK))?;
        track.take(&mut bits, some);
        sink(some);
        left -= some.len();
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(digits: u8, samples: &[Sample]) -> usize {
        let (first, others) = samples.split_first().unwrap();
        let mut chunk = OpenChunk::new(digits, *first);
        for sample in others {
            chunk.push(*sample);
        }
        let bytes = chunk.encoded();
        let mut back = Vec::new();
        let head = decode(&bytes, |samples| back.extend_from_slice(samples)).unwrap();
        assert_eq!(back, samples);
        assert_eq!(head.digits, digits);
        assert_eq!(head.earliest_ms, samples.iter().map(|sample| sample.t_ms).min().unwrap());
        assert_eq!(head.latest_ms, samples.iter().map(|sample| sample.t_ms).max().unwrap());
        bytes.len()
    }

    #[test]
    fn a_steady_series_costs_a_quarter_of_a_byte_a_reading() {
        let samples: Vec<_> = (0..4_000)
            .map(|i| Sample { t_ms: 1_795_000_000_000 + i * 10_000, scaled: 2_150 })
            .collect();
        assert!(check(2, &samples) < 1_100);
    }

    #[test]
    fn a_gap_and_a_reading_out_of_order_are_kept() {
        let times = [0, 10_000, 20_000, 3_600_000, 3_610_000, 30_000, 3_620_000];
        let samples: Vec<_> =
            times.iter().map(|t| Sample { t_ms: *t, scaled: -*t / 1_000 }).collect();
        check(0, &samples);
    }

    proptest! {
        #[test]
        fn every_series_reads_back(
            digits in 0_u8..10,
            samples in prop::collection::vec(
                (-(1_i64 << 44)..1 << 44, any::<i64>(), 0_u32..63)
                    .prop_map(|(t_ms, v, shift)| Sample { t_ms, scaled: v >> shift }),
                1..200,
            ),
        ) {
            check(digits, &samples);
        }

        #[test]
        fn any_bytes_decode_without_a_panic(bytes: Vec<u8>) {
            decode(&bytes, |_| ());
        }
    }
}

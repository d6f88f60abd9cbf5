//! Chunks: the readings of one series in a few bits each.
//!
//! Times are kept as the difference of two differences, values as the difference to the one
//! before, as [`rows`](super::rows) of two. An open chunk can be read at any moment.
//!
//! Layout: how its rows are coded and the digits (1 byte), count, first time, time before the first
//! (when readings came out of order), time after it, first value (varints); then the rows of the
//! other readings.

use super::rows::{Code, RowReader, RowWriter};
use super::varint::{self, Cursor, unzigzag, zigzag};

/// A chunk is full at this many readings: small enough to skip when only a part is wanted.
pub(super) const READINGS_MAX: u32 = 4_096;
/// Readings decoded at a time: few enough for the processor's nearest cache.
const BLOCK: usize = 256;

/// Stands with the digits, which are fewer than 16, and says [`Code::Grouped`].
const GROUPED: u8 = 0x10;
/// From here on the first byte says a code that is not known yet.
const UNKNOWN: u8 = 0x20;

/// One reading, its value in units of 10^-digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) t_ms: i64,
    pub(super) scaled: i64,
}

/// What can be told about a chunk without decoding it. Also of chunks of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) code: Code,
    pub(super) digits: u8,
    pub(super) count: u32,
    pub(super) first_ms: i64,
    pub(super) earliest_ms: i64,
    pub(super) latest_ms: i64,
}

impl Head {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let code = match self.code {
            Code::First => 0,
            Code::Grouped => GROUPED,
        };
        out.push(code | self.digits);
        varint::put(u64::from(self.count), out);
        varint::put_signed(self.first_ms, out);
        varint::put(self.first_ms.abs_diff(self.earliest_ms), out);
        varint::put(self.first_ms.abs_diff(self.latest_ms), out);
    }

    pub(super) fn take(from: &mut Cursor<'_>) -> Option<Self> {
        let (code, digits) = match from.byte()? {
            digits @ ..GROUPED => (Code::First, digits),
            byte @ GROUPED..UNKNOWN => (Code::Grouped, byte - GROUPED),
            UNKNOWN.. => return None,
        };
        let count = from.small()?;
        let first_ms = from.signed()?;
        Some(Self {
            code,
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

/// Where a series stands: what both sides need to know to make a row of the next reading.
#[derive(Debug, Clone, Copy)]
struct Track {
    last: Sample,
    step_ms: i64,
}

// Wrapping arithmetic throughout: it is exact both ways for any input.
impl Track {
    const fn new(first: Sample) -> Self {
        Self { last: first, step_ms: 0 }
    }

    fn row(&mut self, next: Sample) -> [u64; 2] {
        let step_ms = next.t_ms.wrapping_sub(self.last.t_ms);
        let change = next.scaled.wrapping_sub(self.last.scaled);
        let row = [zigzag(step_ms.wrapping_sub(self.step_ms)), zigzag(change)];
        *self = Self { last: next, step_ms };
        row
    }

    fn sample(&mut self, [step, change]: [u64; 2]) -> Sample {
        self.step_ms = self.step_ms.wrapping_add(unzigzag(step));
        self.last.t_ms = self.last.t_ms.wrapping_add(self.step_ms);
        self.last.scaled = self.last.scaled.wrapping_add(unzigzag(change));
        self.last
    }
}

/// A chunk that still takes readings.
#[derive(Debug, Clone)]
pub(super) struct OpenChunk {
    head: Head,
    first_scaled: i64,
    track: Track,
    rows: RowWriter<2>,
}

impl OpenChunk {
    /// A chunk with its first reading.
    pub(super) fn new(digits: u8, first: Sample) -> Self {
        let Sample { t_ms, scaled } = first;
        let (code, count) = (Code::Grouped, 1);
        Self {
            head: Head { code, digits, count, first_ms: t_ms, earliest_ms: t_ms, latest_ms: t_ms },
            first_scaled: scaled,
            track: Track::new(first),
            rows: RowWriter::new(),
        }
    }

    /// Takes a reading, in any order of time.
    pub(super) fn push(&mut self, sample: Sample) {
        self.rows.put(self.track.row(sample));
        self.head.count += 1;
        self.head.earliest_ms = self.head.earliest_ms.min(sample.t_ms);
        self.head.latest_ms = self.head.latest_ms.max(sample.t_ms);
    }

    pub(super) const fn is_full(&self) -> bool {
        self.head.count >= READINGS_MAX
    }

    /// The chunk as it goes to disk; it may go on taking readings.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.rows.heap_bytes() + 32);
        self.head.put(&mut out);
        varint::put_signed(self.first_scaled, &mut out);
        self.rows.copy_to(&mut out);
        out
    }

    /// Bytes held in memory beyond the struct itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.rows.heap_bytes()
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
    let (mut track, mut rows) = (Track::new(first), RowReader::new(head.code, cursor.0));
    let mut block = [first; BLOCK];
    let mut left = usize::try_from(head.count).ok()? - 1;
    while left > 0 {
        let some = block.get_mut(..left.min(BLOCK))?;
        rows.fill(some, |row| track.sample(row));
        sink(some);
        left -= some.len();
    }
    Some(head)
}

/// Readings that were put into files in the first code, see the tests of both kinds of chunks.
#[cfg(test)]
pub(super) fn readings_of_the_first_code() -> Vec<Sample> {
    let usual = |i: i64| Sample {
        t_ms: 1_795_392_000_000 + i * 10_000 + i * 7_919 % 20,
        scaled: 2_150 + i * i * 37 % 23,
    };
    let mut samples: Vec<_> = (0..60).map(usual).collect();
    samples[20].t_ms -= 3_600_000;
    samples[40].scaled = -1_000_000_000;
    samples[59].scaled = i64::MAX;
    samples
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

    #[test]
    fn chunks_of_the_first_code_are_still_read() {
        let bytes = include_bytes!("rows/first/readings.chunk");
        let mut back = Vec::new();
        let head = decode(bytes, |samples| back.extend_from_slice(samples)).unwrap();
        assert_eq!(back, readings_of_the_first_code());
        assert_eq!((head.code, head.digits), (Code::First, 2));
    }

    #[test]
    fn a_code_that_is_not_known_yet_is_damage() {
        let mut bytes = OpenChunk::new(2, Sample { t_ms: 5, scaled: 7 }).encoded();
        assert!(decode(&bytes, |_| ()).is_some());
        bytes[0] = 0x22;
        assert_eq!(decode(&bytes, |_| ()), None);
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

//! Roll-ups: readings condensed to minutes and hours, and minutes and hours to any step.
//!
//! A bucket may come in parts (a late reading makes a part of its own, in a later file). Parts of
//! one bucket merge when they are read: count, minimum, maximum and sum don't care for the order,
//! and of two last values the one with the later time wins, to the second.
//!
//! A chunk of buckets is a chunk's head and the first minimum, then a row per bucket: the step of
//! its start, the change of its count and of its minimum, and above the minimum: maximum,
//! sum of all readings, last value; the change of the last reading's second within the bucket.

use super::chunk::{Head, Sample};
use super::rows::{Code, RowReader, RowWriter};
use super::varint::{self, Cursor, unzigzag, zigzag};

/// A chunk of buckets holds this many at most.
pub(super) const BUCKETS_MAX: usize = 4_096;
/// Buckets decoded at a time: few enough for the processor's nearest cache.
const BLOCK: usize = 64;

/// What is known of the readings of one series in one stretch of time, in units of 10^-digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) start_ms: i64,
    pub(super) count: u32,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) sum: i128,
    pub(super) last: i64,
    pub(super) last_ms: i64,
}

/// The start of the bucket of `width_ms` in which `t_ms` lies; buckets are aligned to UTC.
pub(super) const fn bucket_start(t_ms: i64, width_ms: i64) -> i64 {
    t_ms.saturating_sub(t_ms.rem_euclid(width_ms))
}

impl Summary {
    /// The bucket of `width_ms` with a single reading.
    pub(super) fn of(sample: Sample, width_ms: i64) -> Self {
        Self {
            start_ms: bucket_start(sample.t_ms, width_ms),
            count: 1,
            min: sample.scaled,
            max: sample.scaled,
            sum: i128::from(sample.scaled),
            last: sample.scaled,
            last_ms: sample.t_ms,
        }
    }

    /// Takes in another part; of equally late last values the other's wins.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        if other.last_ms >= self.last_ms {
            self.last = other.last;
            self.last_ms = other.last_ms;
        }
    }
}

/// Condenses readings, in any order; neighbours of one bucket become one part.
pub(super) fn roll_up(samples: &[Sample], width_ms: i64) -> Vec<Summary> {
    merged(samples.iter().map(|sample| Summary::of(*sample, width_ms)))
}

/// Puts neighbouring parts of one bucket together.
pub(super) fn merged(parts: impl Iterator<Item = Summary>) -> Vec<Summary> {
    let mut whole: Vec<Summary> = Vec::new();
    for part in parts {
        match whole.last_mut() {
            Some(open) if open.start_ms == part.start_ms => open.merge(&part),
            _ => whole.push(part),
        }
    }
    whole
}

/// A chunk of at most [`BUCKETS_MAX`] buckets of `width_ms`; `None` if there is none.
pub(super) fn encode(buckets: &[Summary], digits: u8, width_ms: i64) -> Option<Vec<u8>> {
    let first = buckets.first()?;
    let starts = buckets.iter().map(|bucket| bucket.start_ms);
    let head = Head {
        code: Code::Grouped,
        digits,
        count: u32::try_from(buckets.len()).ok()?,
        first_ms: first.start_ms,
        earliest_ms: starts.clone().min()?,
        latest_ms: starts.max()?,
    };
    let mut out = Vec::with_capacity(buckets.len() * 4 + 32);
    head.put(&mut out);
    varint::put_signed(first.min, &mut out);
    let mut rows = RowWriter::new();
    let mut before = Before::first(first.start_ms / width_ms, first.min);
    for bucket in buckets {
        let index = bucket.start_ms / width_ms;
        let count = i64::from(bucket.count);
        let floor = i128::from(bucket.count) * i128::from(bucket.min);
        let last_s = (bucket.last_ms - bucket.start_ms) / 1_000;
        rows.put([
            zigzag(index - before.index),
            zigzag(count - before.count),
            zigzag(bucket.min.wrapping_sub(before.min)),
            bucket.max.abs_diff(bucket.min),
            u64::try_from(bucket.sum - floor).unwrap_or(u64::MAX),
            bucket.last.abs_diff(bucket.min),
            zigzag(last_s - before.last_s),
        ]);
        before = Before { index: index + 1, count, min: bucket.min, last_s };
    }
    rows.copy_to(&mut out);
    Some(out)
}

/// What the next bucket is expected to be like: the next in time, and as the one before.
struct Before {
    index: i64,
    count: i64,
    min: i64,
    last_s: i64,
}

impl Before {
    const fn first(index: i64, min: i64) -> Self {
        Self { index, count: 0, min, last_s: 0 }
    }

    /// What a row says; `None` if that can't be.
    fn bucket(&mut self, row: [u64; 7], width_ms: i64) -> Option<Summary> {
        let [start, count, min, max, excess, last, last_s] = row;
        let index = self.index.wrapping_add(unzigzag(start));
        let count = self.count.wrapping_add(unzigzag(count));
        let min = self.min.wrapping_add(unzigzag(min));
        let last_s = self.last_s.wrapping_add(unzigzag(last_s));
        *self = Self { index: index.wrapping_add(1), count, min, last_s };
        let start_ms = index.checked_mul(width_ms)?;
        Some(Summary {
            start_ms,
            count: u32::try_from(count).ok()?,
            min,
            max: min.checked_add_unsigned(max)?,
            sum: i128::from(count) * i128::from(min) + i128::from(excess),
            last: min.checked_add_unsigned(last)?,
            last_ms: start_ms.checked_add(last_s.checked_mul(1_000)?)?,
        })
    }
}

/// Reads an encoded chunk of buckets of `width_ms`; `None` if it is damaged.
pub(super) fn decode(bytes: &[u8], width_ms: i64, mut sink: impl FnMut(Summary)) -> Option<Head> {
    let mut cursor = Cursor(bytes);
    let head = Head::take(&mut cursor)?;
    if usize::try_from(head.count).ok()? > BUCKETS_MAX {
        return None;
    }
    let mut before = Before::first(head.first_ms / width_ms, cursor.signed()?);
    let mut rows = RowReader::new(head.code, cursor.0);
    let mut block = [[0; 7]; BLOCK];
    let mut left = usize::try_from(head.count).ok()?;
    while left > 0 {
        let some = block.get_mut(..left.min(BLOCK))?;
        rows.fill(some, |row| row);
        for row in &*some {
            sink(before.bucket(*row, width_ms)?);
        }
        left -= some.len();
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::chunk::readings_of_the_first_code;

    const MINUTE_MS: i64 = 60_000;

    fn samples() -> impl Strategy<Value = Vec<Sample>> {
        prop::collection::vec(
            (-1_000_000_i64..1_000_000, -(1_i64 << 53)..1 << 53, 0_u32..53)
                .prop_map(|(t, v, shift)| Sample { t_ms: t * 1_000, scaled: v >> shift }),
            1..200,
        )
    }

    fn in_order(mut parts: Vec<Summary>) -> Vec<Summary> {
        parts.sort_by_key(|part| part.start_ms);
        merged(parts.into_iter())
    }

    #[test]
    fn a_late_reading_lands_in_its_own_minute() {
        let at = |t_ms, scaled| Sample { t_ms, scaled };
        let live = [at(0, 10), at(30_000, 14), at(60_000, 20), at(10_000, 2), at(70_000, 22)];
        let buckets = in_order(roll_up(&live, MINUTE_MS));
        let [first, second] = buckets.as_slice() else { panic!("{buckets:?}") };
        assert_eq!((first.count, first.min, first.max, first.sum, first.last), (3, 2, 14, 26, 14));
        assert_eq!((second.count, second.min, second.max, second.last), (2, 20, 22, 22));
    }

    #[test]
    fn times_before_1970_fall_into_the_bucket_before() {
        assert_eq!(bucket_start(-1, MINUTE_MS), -MINUTE_MS);
        assert_eq!(bucket_start(i64::MIN, MINUTE_MS), i64::MIN);
    }

    #[test]
    fn minutes_of_a_kitchen_cost_three_bytes_each() {
        let minutes: Vec<_> = (0..1_440_i64)
            .flat_map(|m| (0..6).map(move |s| (m * 6 + s, 2_000 + (m * 7 + s * 3) % 11)))
            .map(|(i, scaled)| Sample { t_ms: i * 10_000, scaled })
            .collect();
        let bytes = encode(&roll_up(&minutes, MINUTE_MS), 2, MINUTE_MS).unwrap().len();
        assert!(bytes < 1_440 * 3, "{bytes}");
    }

    #[test]
    fn chunks_of_the_first_code_are_still_read() {
        let bytes = include_bytes!("rows/first/buckets.chunk");
        let mut back = Vec::new();
        let head = decode(bytes, MINUTE_MS, |bucket| back.push(bucket)).unwrap();
        let readings = readings_of_the_first_code();
        let expected = roll_up(&readings[..readings.len() - 1], MINUTE_MS);
        let seconds = |mut bucket: Summary| {
            bucket.last_ms -= bucket.last_ms % 1_000;
            bucket
        };
        assert_eq!(back, expected.into_iter().map(seconds).collect::<Vec<_>>());
        assert_eq!((head.code, head.digits), (Code::First, 2));
    }

    proptest! {
        #[test]
        fn buckets_read_back(samples in samples(), digits in 0_u8..10) {
            let buckets = roll_up(&samples, MINUTE_MS);
            let bytes = encode(&buckets, digits, MINUTE_MS).unwrap();
            let mut back = Vec::new();
            decode(&bytes, MINUTE_MS, |bucket| back.push(bucket)).unwrap();
            prop_assert_eq!(back, buckets);
        }

        #[test]
        fn the_order_of_readings_does_not_matter(mut samples in samples()) {
            samples.sort_by_key(|sample| sample.t_ms);
            samples.dedup_by_key(|sample| sample.t_ms);
            let expected = in_order(roll_up(&samples, MINUTE_MS));
            samples.sort_by_key(|sample| sample.scaled);
            prop_assert_eq!(in_order(roll_up(&samples, MINUTE_MS)), expected);
        }

        #[test]
        fn any_bytes_decode_without_a_panic(bytes: Vec<u8>) {
            decode(&bytes, MINUTE_MS, |_| ());
        }
    }
}

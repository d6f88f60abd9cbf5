//! A histogram of durations with a relative error below 1.6 %, cheap to fill and to merge.

use std::io;

/// Buckets in each power of two: 64, so a bucket is at most 1/64 of its value wide.
const STEPS: u64 = 64;
/// Powers of two kept: up to 2^42 ns, a little over an hour.
const OCTAVES: u64 = 37;

/// Counts of durations in nanoseconds; what is longer than an hour is put into the last bucket.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; usize::try_from(OCTAVES * STEPS).unwrap_or(0)], total: 0 }
    }
}

/// The bucket of a duration: exact below 64 ns, then 64 buckets for each doubling.
fn bucket_of(nanos: u64) -> usize {
    let octave = u64::from(nanos.max(1).ilog2()).saturating_sub(5);
    let step = if octave == 0 { nanos } else { (nanos >> (octave - 1)) - STEPS + octave * STEPS };
    usize::try_from(step.min(OCTAVES * STEPS - 1)).unwrap_or(usize::MAX)
}

/// The middle of a bucket, in nanoseconds.
fn middle_of(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let (octave, step) = (bucket / STEPS, bucket % STEPS);
    if octave == 0 {
        return step;
    }
    let width = 1 << (octave - 1);
    (step + STEPS) * width + width / 2
}

impl Histogram {
    /// Counts one duration.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.add(bucket_of(nanos), 1);
    }

    fn add(&mut self, bucket: usize, count: u64) {
        if let Some(slot) = self.buckets.get_mut(bucket) {
            *slot += count;
            self.total += count;
        }
    }

    /// Adds what another histogram counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, &count) in other.buckets.iter().enumerate() {
            self.add(bucket, count);
        }
    }

    /// The duration in microseconds below which `per_mille` of a thousand lie; 0 when empty.
    pub(crate) fn micros_at(&self, per_mille: u64) -> f64 {
        let wanted = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return super::ratio(middle_of(bucket), 1000);
            }
        }
        0.0
    }

    /// One line that [`Histogram::from_line`] reads back: `bucket:count` for what is not empty.
    pub(crate) fn to_line(&self) -> String {
        let filled = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, count)| format!("{bucket}:{count}")).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`Histogram::to_line`] wrote.
    ///
    /// # Errors
    /// When a word is not `bucket:count`.
    pub(crate) fn from_line(line: &str) -> io::Result<Self> {
        let mut read = Self::default();
        for word in line.split_whitespace() {
            let pair =
                word.split_once(':').and_then(|(b, c)| Some((b.parse().ok()?, c.parse().ok()?)));
            let (bucket, count) = pair.ok_or_else(|| io::Error::other("not a histogram"))?;
            read.add(bucket, count);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_never_further_from_its_value_than_one_part_in_64() {
        for nanos in (0..200_000).chain((0..1 << 41).step_by(1 << 22)) {
            let middle = middle_of(bucket_of(nanos));
            assert!(middle.abs_diff(nanos) * 64 <= nanos.max(64), "{nanos} became {middle}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        let mut filled = Histogram::default();
        (1..=1000).for_each(|micros| filled.record(micros * 1000));
        assert!((filled.micros_at(500) - 500.0).abs() < 10.0);
        assert!((filled.micros_at(990) - 990.0).abs() < 17.0);
        assert!(Histogram::default().micros_at(500).abs() < f64::EPSILON);
    }

    #[test]
    fn a_histogram_written_as_a_line_is_read_back_and_merged() -> io::Result<()> {
        let mut filled = Histogram::default();
        for nanos in [5, 70, 1_000_000] {
            filled.record(nanos);
        }
        let mut read = Histogram::from_line(&filled.to_line())?;
        read.merge(&filled);
        assert_eq!(read.total, 6);
        assert!(Histogram::from_line("x").is_err());
        Ok(())
    }
}

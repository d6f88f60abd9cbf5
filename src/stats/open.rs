//! Open chunks: the readings of one generation, in memory, by series.
//!
//! A series gets a number when its first reading comes, and the write-ahead log names it by that.
//! The series of a device are a list threaded through the table: a hundred thousand devices cost
//! an entry of a map each and nothing else.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Reading;
use super::chunk::{self, OpenChunk, Sample};
use super::decimal;
use super::segment::{SegmentWriter, SeriesKey};
use super::wal::{Definition, Replay};

/// Series that one device may have: telemetry names its properties freely.
const SERIES_PER_DEVICE_MAX: usize = 64;
/// Distinct property names within one generation; a segment numbers them with 16 bits.
const NAMES_MAX: usize = 65_535;
/// Series within one generation; some 200 bytes each.
const SERIES_MAX: usize = 4_000_000;
/// The longest name of a property, in bytes.
const NAME_BYTES_MAX: usize = 64;

#[derive(Debug)]
struct OpenSeries {
    definition: Definition,
    /// Full chunks, encoded, oldest first.
    full: Vec<Box<[u8]>>,
    chunk: Option<OpenChunk>,
    /// The device's next series.
    next: Option<u32>,
}

/// A reading that was found a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: u32,
    pub(super) sample: Sample,
    /// The series has just got its number: the log has to learn it first.
    pub(super) new: bool,
}

/// All open chunks of one generation.
#[derive(Debug, Default)]
pub(super) struct OpenChunks {
    names: HashSet<Arc<str>>,
    /// The series of each device that was numbered last.
    devices: HashMap<u64, u32>,
    series: Vec<OpenSeries>,
    readings: u64,
}

impl OpenChunks {
    /// Finds the place of a reading, which is not taken in yet; `None` if it can't be kept: it is
    /// no number or too large, its name is too long, or there are too many series.
    pub(super) fn place(&mut self, reading: &Reading) -> Option<Place> {
        let digits = reading.digits.min(decimal::DIGITS_MAX);
        let scaled = decimal::scale(reading.value, digits)?;
        let sample = Sample { t_ms: reading.t_ms, scaled };
        let mut next = self.devices.get(&reading.device).copied();
        let mut count = 0;
        while let Some((number, series)) = next.and_then(|n| Some((n, self.get(n)?))) {
            let known = &series.definition;
            if known.digits == digits
                && known.retention == reading.retention
                && known.property == reading.property
            {
                return Some(Place { number, sample, new: false });
            }
            next = series.next;
            count += 1;
        }
        let property =
            (count < SERIES_PER_DEVICE_MAX).then(|| self.intern(&reading.property))??;
        let definition =
            Definition { device: reading.device, property, digits, retention: reading.retention };
        Some(Place { number: self.add(definition)?, sample, new: true })
    }

    /// The number and name of a series, for the log.
    pub(super) fn definition(&self, number: u32) -> Option<&Definition> {
        self.get(number).map(|series| &series.definition)
    }

    /// Takes a reading in at its place.
    pub(super) fn push(&mut self, number: u32, sample: Sample) {
        let slot = usize::try_from(number).ok().and_then(|slot| self.series.get_mut(slot));
        let Some(series) = slot else { return };
        self.readings += 1;
        let Some(chunk) = &mut series.chunk else {
            series.chunk = Some(OpenChunk::new(series.definition.digits, sample));
            return;
        };
        chunk.push(sample);
        if chunk.is_full() {
            series.full.push(chunk.encoded().into());
            series.chunk = None;
        }
    }

    /// The number of series so far; [`Self::retract`] goes back to it.
    pub(super) fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Forgets the series that were numbered since: the log could not be told of them.
    pub(super) fn retract(&mut self, series_count: usize) {
        while self.series.len() > series_count {
            let Some(series) = self.series.pop() else { return };
            match series.next {
                Some(next) => self.devices.insert(series.definition.device, next),
                None => self.devices.remove(&series.definition.device),
            };
        }
    }

    pub(super) const fn readings(&self) -> u64 {
        self.readings
    }

    /// The names of a device's properties.
    pub(super) fn properties(&self, device: u64) -> Vec<Arc<str>> {
        self.of(device).map(|series| series.definition.property.clone()).collect()
    }

    /// The chunks of a series as they would go to disk, oldest first.
    pub(super) fn chunks(&self, device: u64, property: &str) -> Vec<Vec<u8>> {
        // The list is in the reverse order of numbers: digits may have changed on the way.
        let mut series: Vec<_> =
            self.of(device).filter(|series| *series.definition.property == *property).collect();
        series.reverse();
        series.into_iter().flat_map(OpenSeries::encoded).collect()
    }

    /// Writes everything that isn't of a forgotten device into a segment.
    pub(super) fn write(
        &self,
        into: &mut SegmentWriter,
        forgotten: &HashSet<u64>,
    ) -> std::io::Result<()> {
        let mut ordered: Vec<(SeriesKey, &OpenSeries)> = self
            .series
            .iter()
            .filter(|series| !forgotten.contains(&series.definition.device))
            .map(|series| (series.key(), series))
            .collect();
        ordered.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut before = None;
        for (key, series) in &ordered {
            if before != Some(key) {
                into.begin(key)?;
            }
            before = Some(key);
            for bytes in series.encoded() {
                if let Some(head) = chunk::head(&bytes) {
                    into.chunk(&bytes, head.earliest_ms, head.latest_ms)?;
                }
            }
        }
        Ok(())
    }

    /// Bytes of memory held, within a few per cent.
    pub(super) fn memory_bytes(&self) -> usize {
        let chunks = self.series.iter().map(|series| {
            let full: usize = series.full.iter().map(|bytes| bytes.len() + 16).sum();
            full + series.full.capacity() * 16
                + series.chunk.as_ref().map_or(0, OpenChunk::heap_bytes)
        });
        chunks.sum::<usize>()
            + self.series.capacity() * size_of::<OpenSeries>()
            + self.devices.capacity() * 17
    }

    fn get(&self, number: u32) -> Option<&OpenSeries> {
        self.series.get(usize::try_from(number).ok()?)
    }

    fn of(&self, device: u64) -> impl Iterator<Item = &OpenSeries> {
        let first = self.devices.get(&device).and_then(|number| self.get(*number));
        std::iter::successors(first, |series| self.get(series.next?))
    }

    fn intern(&mut self, name: &Arc<str>) -> Option<Arc<str>> {
        if let Some(known) = self.names.get(name) {
            return Some(known.clone());
        }
        let fits = self.names.len() < NAMES_MAX && name.len() <= NAME_BYTES_MAX;
        (fits && self.names.insert(name.clone())).then(|| name.clone())
    }

    fn add(&mut self, definition: Definition) -> Option<u32> {
        let number = self.series.len();
        let numbered = u32::try_from(number).ok().filter(|_| number < SERIES_MAX)?;
        let next = self.devices.insert(definition.device, numbered);
        self.series.push(OpenSeries { definition, full: Vec::new(), chunk: None, next });
        Some(numbered)
    }
}

impl OpenSeries {
    fn key(&self) -> SeriesKey {
        SeriesKey {
            device: self.definition.device,
            property: self.definition.property.clone(),
            retention: self.definition.retention,
        }
    }

    fn encoded(&self) -> impl Iterator<Item = Vec<u8>> {
        let full = self.full.iter().map(|bytes| bytes.to_vec());
        full.chain(self.chunk.as_ref().map(OpenChunk::encoded))
    }
}

impl Replay for OpenChunks {
    fn define(&mut self, number: u32, series: Definition) {
        // A log defines its series in order; the names were within limits when they were logged.
        if usize::try_from(number).is_ok_and(|number| number == self.series.len())
            && let Some(property) = self.intern(&series.property)
        {
            self.add(Definition { property, ..series });
        }
    }

    fn reading(&mut self, number: u32, sample: Sample) {
        self.push(number, sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(device: u64, property: &str, digits: u8, t_ms: i64, value: f64) -> Reading {
        Reading { device, property: property.into(), digits, retention: 0, t_ms, value }
    }

    fn take(open: &mut OpenChunks, reading: &Reading) -> Option<bool> {
        let place = open.place(reading)?;
        open.push(place.number, place.sample);
        Some(place.new)
    }

    fn times(open: &OpenChunks, device: u64, property: &str) -> Vec<i64> {
        let mut times = Vec::new();
        for bytes in open.chunks(device, property) {
            chunk::decode(&bytes, |some| times.extend(some.iter().map(|sample| sample.t_ms)))
                .unwrap();
        }
        times
    }

    #[test]
    fn readings_go_to_the_series_of_their_device_and_property() {
        let mut open = OpenChunks::default();
        assert_eq!(take(&mut open, &reading(1, "a", 2, 10, 1.0)), Some(true));
        assert_eq!(take(&mut open, &reading(2, "a", 2, 11, 1.0)), Some(true));
        assert_eq!(take(&mut open, &reading(1, "b", 2, 12, 1.0)), Some(true));
        assert_eq!(take(&mut open, &reading(1, "a", 2, 13, 1.0)), Some(false));
        assert_eq!(times(&open, 1, "a"), [10, 13]);
        assert_eq!(times(&open, 1, "b"), [12]);
        assert_eq!(times(&open, 2, "b"), [0; 0]);
        assert_eq!(open.properties(1).len(), 2);
    }

    #[test]
    fn a_change_of_digits_begins_another_chunk_of_the_same_series() {
        let mut open = OpenChunks::default();
        for (digits, t_ms) in [(1, 10), (2, 20), (2, 30)] {
            take(&mut open, &reading(1, "a", digits, t_ms, 21.5)).unwrap();
        }
        assert_eq!(times(&open, 1, "a"), [10, 20, 30]);
        assert_eq!(open.chunks(1, "a").len(), 2);
    }

    #[test]
    fn a_full_chunk_makes_way_for_the_next() {
        let mut open = OpenChunks::default();
        for t_ms in 0..=i64::from(chunk::READINGS_MAX) * 2 {
            take(&mut open, &reading(1, "a", 0, t_ms, 1.0)).unwrap();
        }
        assert_eq!(open.chunks(1, "a").len(), 3);
        assert_eq!(times(&open, 1, "a").len(), 8_193);
    }

    #[test]
    fn a_device_may_not_invent_names_without_end() {
        let mut open = OpenChunks::default();
        for i in 0..SERIES_PER_DEVICE_MAX {
            assert!(take(&mut open, &reading(1, &format!("p{i}"), 0, 0, 1.0)).is_some());
        }
        assert_eq!(take(&mut open, &reading(1, "one more", 0, 0, 1.0)), None);
        assert_eq!(take(&mut open, &reading(2, &"x".repeat(65), 0, 0, 1.0)), None);
        assert_eq!(take(&mut open, &reading(2, "nan", 0, 0, f64::NAN)), None);
        assert!(take(&mut open, &reading(2, "one more", 0, 0, 1.0)).is_some());
    }

    #[test]
    fn series_the_log_never_heard_of_are_taken_back() {
        let mut open = OpenChunks::default();
        take(&mut open, &reading(1, "a", 0, 0, 1.0)).unwrap();
        let before = open.series_count();
        open.place(&reading(1, "b", 0, 0, 1.0)).unwrap();
        open.place(&reading(2, "a", 0, 0, 1.0)).unwrap();
        open.retract(before);
        assert_eq!((open.properties(1).len(), open.properties(2).len()), (1, 0));
        assert!(open.place(&reading(1, "b", 0, 0, 1.0)).unwrap().new);
    }
}

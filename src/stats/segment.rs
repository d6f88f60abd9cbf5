//! Segments: immutable files of sealed chunks, ordered by series, found by one small index.
//!
//! ```text
//! "HEARSEG1"
//! chunks      length u32, CRC32C u32, chunk; all of one series side by side
//! index       pages of 170 entries and a CRC32C; an entry is device u64, offset u64, length u32,
//!             name u16, retention class u8, 0
//! table       the names, and the first device of every page; this is kept in memory
//! footer      index offset, entries, table length, tier, times of the data, CRC32C, "HEARSEG1"
//! ```
//! All numbers are little-endian. A damaged chunk costs that chunk, a damaged page its series.

mod reader;
mod writer;

use std::sync::Arc;

pub(super) use self::reader::{Segment, Step, Walk};
pub(super) use self::writer::SegmentWriter;
use super::varint::Cursor;

const MAGIC: [u8; 8] = *b"HEARSEG1";
const ENTRY_BYTES: usize = 24;
const PAGE_ENTRIES: usize = 170;
const PAGE_BYTES: usize = PAGE_ENTRIES * ENTRY_BYTES + 4;
const FOOTER_BYTES: usize = 61;

/// What the chunks of a segment hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    Raw,
    Minute,
    Hour,
}

impl Tier {
    pub(super) const ALL: [Self; 3] = [Self::Raw, Self::Minute, Self::Hour];

    /// The width of a bucket; 1 for readings themselves.
    pub(super) const fn width_ms(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Minute => 1,
            Self::Hour => 2,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.code() == code)
    }
}

/// A series within a segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeriesKey {
    pub(super) device: u64,
    pub(super) property: Arc<str>,
    /// Which of the configured retentions it falls under.
    pub(super) retention: u8,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    device: u64,
    offset: u64,
    len: u32,
    name: u16,
    retention: u8,
}

impl Entry {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.device.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&self.name.to_le_bytes());
        out.extend_from_slice(&[self.retention, 0]);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        let entry = Self {
            device: from.u64()?,
            offset: from.u64()?,
            len: from.u32()?,
            name: from.array().map(u16::from_le_bytes)?,
            retention: from.byte()?,
        };
        from.byte()?;
        Some(entry)
    }
}

/// What the footer says.
#[derive(Debug, Clone, Copy)]
struct Footer {
    index_offset: u64,
    entries: u64,
    table_len: u64,
    tier: Tier,
    opened_ms: i64,
    earliest_ms: i64,
    latest_ms: i64,
}

impl Footer {
    fn encoded(&self, table: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        out.extend_from_slice(&self.index_offset.to_le_bytes());
        out.extend_from_slice(&self.entries.to_le_bytes());
        out.extend_from_slice(&self.table_len.to_le_bytes());
        out.push(self.tier.code());
        out.extend_from_slice(&self.opened_ms.to_le_bytes());
        out.extend_from_slice(&self.earliest_ms.to_le_bytes());
        out.extend_from_slice(&self.latest_ms.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(table), &out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        out
    }

    /// The footer, its bytes under the checksum, and the checksum.
    fn take(bytes: &[u8]) -> Option<(Self, &[u8], u32)> {
        let mut cursor = Cursor(bytes);
        let signed = |cursor: &mut Cursor<'_>| cursor.array().map(i64::from_le_bytes);
        let footer = Self {
            index_offset: cursor.u64()?,
            entries: cursor.u64()?,
            table_len: cursor.u64()?,
            tier: Tier::from_code(cursor.byte()?)?,
            opened_ms: signed(&mut cursor)?,
            earliest_ms: signed(&mut cursor)?,
            latest_ms: signed(&mut cursor)?,
        };
        let covered = bytes.get(..bytes.len().checked_sub(cursor.0.len())?)?;
        let crc = cursor.u32()?;
        (cursor.array()? == MAGIC).then_some((footer, covered, crc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(device: u64, property: &str) -> SeriesKey {
        SeriesKey { device, property: property.into(), retention: 1 }
    }

    fn house(path: &std::path::Path, devices: u64) -> Arc<Segment> {
        let mut writer = SegmentWriter::create(path, Tier::Raw, 5).unwrap();
        for device in 0..devices {
            for property in ["power_w", "water_c"] {
                writer.begin(&key(device * 3, property)).unwrap();
                writer.chunk(format!("{device} {property}").as_bytes(), 10, 20).unwrap();
                writer.chunk(b"more", 15, 30).unwrap();
            }
            writer.begin(&key(device * 3, "silent")).unwrap();
        }
        let path = writer.finish().unwrap().unwrap();
        Arc::new(Segment::open(&path).unwrap())
    }

    fn chunks(segment: &Segment, device: u64, property: &str) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        segment.chunks(device, property, |chunk| chunks.push(chunk.to_vec())).unwrap();
        chunks
    }

    #[test]
    fn every_series_of_many_pages_is_found_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let segment = house(&dir.path().join("a.seg"), 1_000);
        for device in 0..1_000 {
            for property in ["power_w", "water_c"] {
                let text = format!("{device} {property}").into_bytes();
                assert_eq!(chunks(&segment, device * 3, property), [text, b"more".to_vec()]);
            }
            assert!(chunks(&segment, device * 3 + 1, "water_c").is_empty());
        }
        assert!(chunks(&segment, 0, "silent").is_empty());
        let names = segment.properties(30).unwrap();
        assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["power_w", "water_c"]);
        assert!(segment.overlaps(30, 31) && !segment.overlaps(31, 99) && !segment.overlaps(0, 10));
    }

    #[test]
    fn a_walk_meets_every_series_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let segment = house(&dir.path().join("a.seg"), 400);
        let mut walk = segment.walk();
        let mut met = Vec::new();
        while let Some(step) = walk.next().unwrap() {
            let mut count = 0;
            walk.chunks(&step, |_| count += 1).unwrap();
            assert_eq!(count, 2);
            met.push(step.series);
        }
        assert_eq!(met.len(), 800);
        assert!(met.is_sorted());
    }

    #[test]
    fn a_segment_without_data_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let writer = SegmentWriter::create(&dir.path().join("a.seg"), Tier::Hour, 0).unwrap();
        assert_eq!(writer.finish().unwrap(), None);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_flipped_bit_costs_one_chunk_or_one_page_and_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        drop(house(&path, 3));
        let whole = std::fs::read(&path).unwrap();
        for at in 8..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&path, &bytes).unwrap();
            let Ok(segment) = Segment::open(&path) else { continue };
            let found: usize = [0, 3, 6]
                .iter()
                .map(|device| chunks(&segment, *device, "water_c"))
                .chain([0, 3, 6].iter().map(|device| chunks(&segment, *device, "power_w")))
                .map(|chunks| chunks.len())
                .sum();
            assert!(found < 12 && segment.damaged() > 0, "byte {at}: {found} found");
        }
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.seg");
        drop(house(&path, 3));
        let whole = std::fs::read(&path).unwrap();
        for len in 0..whole.len() {
            std::fs::write(&path, &whole[..len]).unwrap();
            assert!(Segment::open(&path).is_err(), "{len} of {}", whole.len());
        }
    }
}

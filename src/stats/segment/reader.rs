//! Reading a segment: by series through the index, or all of it in order.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{ENTRY_BYTES, Entry, FOOTER_BYTES, Footer, PAGE_BYTES, PAGE_ENTRIES, SeriesKey, Tier};
use crate::stats::varint::Cursor;

/// A segment open for reading.
#[derive(Debug)]
pub(in crate::stats) struct Segment {
    path: PathBuf,
    file: File,
    footer: Footer,
    names: Vec<Arc<str>>,
    /// The first device of every page of the index.
    fence: Vec<u64>,
    bytes: u64,
    damaged: AtomicU64,
}

impl Segment {
    /// Opens a finished segment.
    ///
    /// # Errors
    /// What the disk says; `InvalidData` if the file isn't a whole segment.
    pub(in crate::stats) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut footer = [0; FOOTER_BYTES];
        let footer_offset = bytes.checked_sub(FOOTER_BYTES as u64).ok_or_else(broken)?;
        file.read_exact_at(&mut footer, footer_offset)?;
        let (footer, covered, crc) = Footer::take(&footer).ok_or_else(broken)?;
        let table_offset = footer_offset.checked_sub(footer.table_len).ok_or_else(broken)?;
        let mut table = vec![0; usize::try_from(footer.table_len).map_err(|_| broken())?];
        file.read_exact_at(&mut table, table_offset)?;
        if crc32c::crc32c_append(crc32c::crc32c(&table), covered) != crc {
            return Err(broken());
        }
        let mut cursor = Cursor(&table);
        let count: usize = cursor.small().ok_or_else(broken)?;
        let names = std::iter::from_fn(|| cursor.text().map(Arc::from)).take(count).collect();
        let fence = std::iter::from_fn(|| cursor.u64()).collect();
        let path = path.to_owned();
        Ok(Self { path, file, footer, names, fence, bytes, damaged: AtomicU64::new(0) })
    }

    pub(in crate::stats) fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::stats) const fn tier(&self) -> Tier {
        self.footer.tier
    }

    /// When the first of its readings arrived.
    pub(in crate::stats) const fn opened_ms(&self) -> i64 {
        self.footer.opened_ms
    }

    /// The time of its latest reading, or of its latest bucket's start.
    pub(in crate::stats) const fn latest_ms(&self) -> i64 {
        self.footer.latest_ms
    }

    /// Whether any of its data may lie in `from_ms..to_ms`.
    pub(in crate::stats) const fn overlaps(&self, from_ms: i64, to_ms: i64) -> bool {
        self.footer.earliest_ms < to_ms && self.footer.latest_ms >= from_ms
    }

    pub(in crate::stats) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Chunks and pages found damaged since the segment was opened.
    pub(in crate::stats) fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// The chunks of a series, in order of arrival.
    pub(in crate::stats) fn chunks(
        &self,
        device: u64,
        property: &str,
        mut sink: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        for entry in self.entries_of(device)? {
            if self.names.get(usize::from(entry.name)).is_some_and(|name| **name == *property) {
                self.read(entry, &mut sink)?;
            }
        }
        Ok(())
    }

    /// The properties of a device that have data here.
    pub(in crate::stats) fn properties(&self, device: u64) -> io::Result<Vec<Arc<str>>> {
        let name = |entry: &Entry| self.names.get(usize::from(entry.name)).cloned();
        Ok(self.entries_of(device)?.iter().filter_map(name).collect())
    }

    /// Walks all series in order.
    pub(in crate::stats) fn walk(self: &Arc<Self>) -> Walk {
        Walk { segment: self.clone(), page: 0, entries: Vec::new().into_iter() }
    }

    fn entries_of(&self, device: u64) -> io::Result<Vec<Entry>> {
        let first = self.fence.partition_point(|first| *first < device).saturating_sub(1);
        let last = self.fence.partition_point(|first| *first <= device);
        let mut entries = Vec::new();
        for page in first..last {
            let page = self.page(page)?;
            let (page, _) = page.as_chunks::<ENTRY_BYTES>();
            let is_before = |entry: Entry| entry.device < device;
            let start = page.partition_point(|bytes| entry(bytes).is_some_and(is_before));
            let others = page.get(start..).unwrap_or_default().iter();
            entries.extend(others.map_while(entry).take_while(|entry| entry.device == device));
        }
        Ok(entries)
    }

    /// The entries of a page of the index; none if it is damaged.
    fn page(&self, page: usize) -> io::Result<Vec<u8>> {
        let start = page as u64 * PAGE_BYTES as u64;
        let left = self.footer.entries.saturating_sub(page as u64 * PAGE_ENTRIES as u64);
        let count = usize::try_from(left).map_or(PAGE_ENTRIES, |left| left.min(PAGE_ENTRIES));
        let mut bytes = vec![0; count * ENTRY_BYTES + 4];
        self.file.read_exact_at(&mut bytes, self.footer.index_offset + start)?;
        let crc = bytes.split_off(count * ENTRY_BYTES);
        if crc != crc32c::crc32c(&bytes).to_le_bytes() {
            self.damaged.fetch_add(1, Ordering::Relaxed);
            bytes.clear();
        }
        Ok(bytes)
    }

    fn read(&self, entry: Entry, sink: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let mut bytes = vec![0; usize::try_from(entry.len).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, entry.offset)?;
        let mut cursor = Cursor(&bytes);
        while let Some(len) = cursor.u32() {
            let crc = cursor.u32();
            let Some(chunk) = usize::try_from(len).ok().and_then(|len| cursor.bytes(len)) else {
                self.damaged.fetch_add(1, Ordering::Relaxed);
                break;
            };
            if crc == Some(crc32c::crc32c(chunk)) {
                sink(chunk);
            } else {
                self.damaged.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Option<Entry> {
    Entry::take(&mut Cursor(bytes))
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a whole segment")
}

/// All series of a segment, one after another.
pub(in crate::stats) struct Walk {
    segment: Arc<Segment>,
    page: usize,
    entries: std::vec::IntoIter<Entry>,
}

/// A series met on a walk.
pub(in crate::stats) struct Step {
    pub(in crate::stats) series: SeriesKey,
    entry: Entry,
}

impl Walk {
    /// The next series.
    pub(in crate::stats) fn next(&mut self) -> io::Result<Option<Step>> {
        loop {
            if let Some(entry) = self.entries.next() {
                let Some(name) = self.segment.names.get(usize::from(entry.name)) else { continue };
                let series = SeriesKey {
                    device: entry.device,
                    property: name.clone(),
                    retention: entry.retention,
                };
                return Ok(Some(Step { series, entry }));
            }
            if self.page >= self.segment.fence.len() {
                return Ok(None);
            }
            let page = self.segment.page(self.page)?;
            let (page, _) = page.as_chunks::<ENTRY_BYTES>();
            self.entries = page.iter().filter_map(entry).collect::<Vec<_>>().into_iter();
            self.page += 1;
        }
    }

    /// The chunks of a series met on this walk.
    pub(in crate::stats) fn chunks(
        &self,
        step: &Step,
        mut sink: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        self.segment.read(step.entry, &mut sink)
    }
}

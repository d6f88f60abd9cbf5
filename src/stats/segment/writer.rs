//! Writing a segment, front to back.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{ENTRY_BYTES, Entry, Footer, MAGIC, PAGE_ENTRIES, SeriesKey, Tier};
use crate::stats::varint;

/// Writes a segment: its series in ascending order, each with its chunks in order of arrival.
///
/// The file has a `.tmp` name until it is complete and on the disk.
pub(in crate::stats) struct SegmentWriter {
    path: PathBuf,
    out: BufWriter<File>,
    offset: u64,
    entries: Vec<u8>,
    entry_count: u64,
    open: Option<Entry>,
    names: HashMap<Arc<str>, u16>,
    table: Vec<u8>,
    footer: Footer,
}

impl SegmentWriter {
    /// Starts a file; `opened_ms` is when the first of its readings arrived.
    pub(in crate::stats) fn create(path: &Path, tier: Tier, opened_ms: i64) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 18, File::create(unfinished(path))?);
        out.write_all(&MAGIC)?;
        Ok(Self {
            path: path.to_owned(),
            out,
            offset: 8,
            entries: Vec::new(),
            entry_count: 0,
            open: None,
            names: HashMap::new(),
            table: Vec::new(),
            footer: Footer {
                index_offset: 0,
                entries: 0,
                table_len: 0,
                tier,
                opened_ms,
                earliest_ms: i64::MAX,
                latest_ms: i64::MIN,
            },
        })
    }

    /// Begins the next series; chunks follow.
    ///
    /// # Errors
    /// More than 65,536 names.
    pub(in crate::stats) fn begin(&mut self, series: &SeriesKey) -> io::Result<()> {
        self.end();
        let name = if let Some(name) = self.names.get(&series.property) {
            *name
        } else {
            let name = u16::try_from(self.names.len()).map_err(io::Error::other)?;
            self.names.insert(series.property.clone(), name);
            varint::put_text(&series.property, &mut self.table);
            name
        };
        self.open = Some(Entry {
            device: series.device,
            offset: self.offset,
            len: 0,
            name,
            retention: series.retention,
        });
        Ok(())
    }

    /// Appends a chunk to the series begun last, whose data lie in `earliest_ms..=latest_ms`.
    pub(in crate::stats) fn chunk(
        &mut self,
        bytes: &[u8],
        earliest_ms: i64,
        latest_ms: i64,
    ) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(&crc32c::crc32c(bytes).to_le_bytes())?;
        self.out.write_all(bytes)?;
        self.offset += u64::from(len) + 8;
        if let Some(open) = &mut self.open {
            open.len = u32::try_from(self.offset - open.offset).map_err(io::Error::other)?;
        }
        self.footer.earliest_ms = self.footer.earliest_ms.min(earliest_ms);
        self.footer.latest_ms = self.footer.latest_ms.max(latest_ms);
        Ok(())
    }

    fn end(&mut self) {
        if let Some(entry) = self.open.take().filter(|entry| entry.len > 0) {
            entry.put(&mut self.entries);
            self.entry_count += 1;
        }
    }

    /// Writes the index, syncs the file and gives it its name; `None` if it would hold nothing.
    pub(in crate::stats) fn finish(mut self) -> io::Result<Option<PathBuf>> {
        self.end();
        if self.entry_count == 0 {
            std::fs::remove_file(unfinished(&self.path))?;
            return Ok(None);
        }
        self.footer.index_offset = self.offset;
        self.footer.entries = self.entry_count;
        let mut table = Vec::new();
        varint::put(u64::try_from(self.names.len()).unwrap_or(0), &mut table);
        table.append(&mut self.table);
        for page in self.entries.chunks(PAGE_ENTRIES * ENTRY_BYTES) {
            self.out.write_all(page)?;
            self.out.write_all(&crc32c::crc32c(page).to_le_bytes())?;
            table.extend(page.iter().take(8));
        }
        self.footer.table_len = u64::try_from(table.len()).map_err(io::Error::other)?;
        self.out.write_all(&table)?;
        self.out.write_all(&self.footer.encoded(&table))?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        std::fs::rename(unfinished(&self.path), &self.path)?;
        Ok(Some(self.path))
    }
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

//! An image of the store: all its rows as they are at one moment, in one file, while it runs.
//!
//! The rows are read page by page while others are written; what is written meanwhile is noted,
//! and follows them. So the image is what was there when the last page was read, and nobody waits.
//! It holds rows, not an engine's files: an image of one engine can be restored on another.
//!
//! Layout, little-endian: "HEARIMG1"; rows: length of the key u16, of the value u32 (all ones: the
//! row is taken away), key, value; the end: 0 u16, number of rows u64, CRC32C u32 of all before it.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::observe::metrics;

use super::key::{KEY_BYTES_MAX, Key};
use super::writer::{Disk, Engine, Failure, Row};
use super::{OpenError, PAGE_ROWS_MAX, Store, VALUE_BYTES_MAX, schema};

const MAGIC: &[u8; 8] = b"HEARIMG1";
/// The length of a value that is none.
const GONE: u32 = u32::MAX;
/// Rows that are applied at a time when an image is restored.
const RESTORED_ROWS: usize = 1_024;
/// Most bytes of rows that are noted while an image is written. A minute of 4,000 writes a second
/// is a fifth of it.
pub(super) const NOTED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why there is no image, or none that can be restored.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Another one is being made.
    #[error("another image of the store is being made")]
    Busy,
    /// The store failed, or too much was written meanwhile; it may be tried again.
    #[error("the store could not be read whole: {0}")]
    Store(Arc<str>),
    /// The file that it is written to or read from.
    #[error(transparent)]
    File(#[from] io::Error),
    /// What was read is no image, or not a whole one.
    #[error("the image of the store is damaged: {0}")]
    Damaged(&'static str),
    /// The store that it is restored to can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<Failure> for ImageError {
    fn from(Failure(reason): Failure) -> Self {
        Self::Store(reason.into())
    }
}

/// What was written since somebody began to make an image.
#[derive(Debug, Default)]
pub(super) struct Notes {
    groups: Vec<Arc<[Row]>>,
    bytes: usize,
    too_many: bool,
}

impl Notes {
    /// A group became durable.
    pub(super) fn group(&mut self, rows: &Arc<[Row]>) {
        let len = |(key, value): &Row| key.len() + value.as_ref().map_or(0, Vec::len);
        self.bytes += rows.iter().map(len).sum::<usize>();
        self.too_many |= self.bytes > NOTED_BYTES_MAX;
        if self.too_many {
            self.groups.clear();
        } else {
            self.groups.push(rows.clone());
        }
    }

    /// The groups, in the order in which they became durable.
    pub(super) fn groups(self) -> Result<Vec<Arc<[Row]>>, ImageError> {
        if self.too_many {
            metrics().backups_overrun.inc();
            return Err(ImageError::Store("more was written meanwhile than can be noted".into()));
        }
        Ok(self.groups)
    }
}

impl Store {
    /// Writes an image of the store to `out` and returns its number of rows. It blocks; between
    /// pages it calls `rest` with the time that it worked.
    ///
    /// # Errors
    /// [`ImageError`]; what was written so far is no image.
    pub fn image(&self, out: impl Write, rest: &dyn Fn(Duration)) -> Result<u64, ImageError> {
        if !self.shared.begin_notes() {
            return Err(ImageError::Busy);
        }
        let written = self.write_image(out, rest);
        // Nobody needs the notes any more, however it ended.
        drop(self.shared.end_notes());
        written
    }

    fn write_image(&self, out: impl Write, rest: &dyn Fn(Duration)) -> Result<u64, ImageError> {
        let mut out = Summed::new(out);
        out.write_all(MAGIC)?;
        let (mut rows, mut after) = (0, None);
        let everything = Key::from_bytes(&[]);
        loop {
            let began = std::time::Instant::now();
            let page = self.shared.books().sure_rows(&everything, after.as_ref(), PAGE_ROWS_MAX)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, value) in &page {
                put_row(&mut out, key, Some(value))?;
            }
            rows += page.len() as u64;
            rest(began.elapsed());
        }
        for group in self.shared.end_notes()? {
            for (key, value) in group.iter() {
                put_row(&mut out, key, value.as_deref())?;
            }
            rows += group.len() as u64;
        }
        out.write_all(&0_u16.to_le_bytes())?;
        out.write_all(&rows.to_le_bytes())?;
        let sum = out.sum;
        out.write_all(&sum.to_le_bytes())?;
        out.inner.flush()?;
        Ok(rows)
    }

    /// Makes a new store below `path` out of an image, and returns its number of rows. Nothing
    /// there counts before this has succeeded.
    ///
    /// # Errors
    /// [`ImageError`]
    pub fn restore(path: &Path, image: impl Read) -> Result<u64, ImageError> {
        let engine = Disk::open(&path.join("control"))?;
        let rows = restore(&engine, image)?;
        schema::prepare(&engine, |version| path.join(format!("control.version-{version}")))?;
        Ok(rows)
    }
}

/// Applies an image to an empty engine.
fn restore(engine: &dyn Engine, image: impl Read) -> Result<u64, ImageError> {
    let mut image = Summed::new(image);
    if image.array()? != *MAGIC {
        return Err(ImageError::Damaged("it does not begin like one"));
    }
    let (mut count, mut rows) = (0_u64, Vec::new());
    loop {
        let key_bytes = usize::from(u16::from_le_bytes(image.array()?));
        if key_bytes == 0 {
            break;
        }
        rows.push(take_row(&mut image, key_bytes)?);
        count += 1;
        if rows.len() >= RESTORED_ROWS {
            engine.apply(&rows)?;
            rows.clear();
        }
    }
    let promised = u64::from_le_bytes(image.array()?);
    let sum = image.sum;
    if u32::from_le_bytes(image.array()?) != sum || promised != count {
        return Err(ImageError::Damaged("its checksum is wrong"));
    }
    engine.apply(&rows)?;
    engine.sync()?;
    Ok(count)
}

fn put_row(out: &mut impl Write, key: &Key, value: Option<&[u8]>) -> io::Result<()> {
    let key_bytes = u16::try_from(key.len()).map_err(io::Error::other)?;
    let value_bytes = value.map_or(Ok(GONE), |value| u32::try_from(value.len()));
    out.write_all(&key_bytes.to_le_bytes())?;
    out.write_all(&value_bytes.map_err(io::Error::other)?.to_le_bytes())?;
    out.write_all(key.as_bytes())?;
    out.write_all(value.unwrap_or_default())
}

fn take_row(image: &mut Summed<impl Read>, key_bytes: usize) -> Result<Row, ImageError> {
    let value_bytes = u32::from_le_bytes(image.array()?);
    // A piece of a large value has a few bytes more before its key.
    if key_bytes > KEY_BYTES_MAX + 8 {
        return Err(ImageError::Damaged("a key is too long"));
    }
    let key = Key::from_bytes(&image.bytes(key_bytes)?);
    if value_bytes == GONE {
        return Ok((key, None));
    }
    match usize::try_from(value_bytes) {
        Ok(len) if len <= VALUE_BYTES_MAX => Ok((key, Some(image.bytes(len)?))),
        _ => Err(ImageError::Damaged("a value is too long")),
    }
}

/// A file with the checksum of what went through.
struct Summed<F> {
    inner: F,
    sum: u32,
}

impl<F> Summed<F> {
    const fn new(inner: F) -> Self {
        Self { inner, sum: 0 }
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum = crc32c::crc32c_append(self.sum, bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Summed<R> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ImageError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn bytes(&mut self, len: usize) -> Result<Vec<u8>, ImageError> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ImageError> {
        self.inner.read_exact(bytes).map_err(|error| {
            let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
            if is_cut { ImageError::Damaged("it ends too early") } else { error.into() }
        })?;
        self.sum = crc32c::crc32c_append(self.sum, bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

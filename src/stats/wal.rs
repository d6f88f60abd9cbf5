//! The write-ahead log: what arrived since the last segment, as it arrived.
//!
//! A log is a header and frames; a frame is a length, a CRC32C and what one turn of the writer
//! took in. Frames go to the operating system at once, so that a killed process loses nothing,
//! and to the disk every few seconds. Reading stops at the first frame that isn't whole: nothing
//! behind it was ever promised.
//!
//! Layout: "HEARWAL1", generation u64, opened i64, CRC32C; per frame: length u32, CRC32C u32, base
//! time (varint), then records: a series (0, number, device, digits, retention, name) or a
//! reading (number + 1, time since the one before, value).

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use super::chunk::Sample;
use super::varint::{self, Cursor};

const MAGIC: [u8; 8] = *b"HEARWAL1";
/// The header's length.
pub(super) const HEADER_BYTES: u64 = 28;
/// A frame is no longer than this: a longer one is damage.
const FRAME_BYTES_MAX: usize = 1 << 24;

/// A series as one generation of the log numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) device: u64,
    pub(super) property: Arc<str>,
    pub(super) digits: u8,
    pub(super) retention: u8,
}

/// A frame being filled.
#[derive(Debug, Default)]
pub(super) struct Frame {
    body: Vec<u8>,
    last_ms: i64,
    records: usize,
}

impl Frame {
    /// Empties it for the next turn; `now_ms` is the base of its times.
    pub(super) fn clear(&mut self, now_ms: i64) {
        self.body.clear();
        self.body.extend_from_slice(&[0; 8]);
        varint::put_signed(now_ms, &mut self.body);
        self.last_ms = now_ms;
        self.records = 0;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Numbers a series, before its first reading.
    pub(super) fn define(&mut self, number: u32, series: &Definition) {
        self.records += 1;
        self.body.push(0);
        varint::put(u64::from(number), &mut self.body);
        self.body.extend_from_slice(&series.device.to_le_bytes());
        self.body.extend_from_slice(&[series.digits, series.retention]);
        varint::put_text(&series.property, &mut self.body);
    }

    /// Adds a reading of a series that has a number.
    pub(super) fn reading(&mut self, number: u32, sample: Sample) {
        self.records += 1;
        varint::put(u64::from(number) + 1, &mut self.body);
        varint::put_signed(sample.t_ms.wrapping_sub(self.last_ms), &mut self.body);
        varint::put_signed(sample.scaled, &mut self.body);
        self.last_ms = sample.t_ms;
    }

    /// Fills in length and checksum.
    fn sealed(&mut self) -> &[u8] {
        if let Some((head, body)) = self.body.split_first_chunk_mut::<8>() {
            let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
            let crc = crc32c::crc32c(body);
            *head = (u64::from(len) | (u64::from(crc) << 32)).to_le_bytes();
        }
        &self.body
    }
}

/// What a log needs of the file it is in; a test's may fail.
pub(super) trait Disk: Write {
    /// Cuts the file back to `len` and continues there.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Disk for &File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        use std::io::{Seek, SeekFrom};
        self.set_len(len)?;
        self.seek(SeekFrom::Start(len)).map(drop)
    }
}

/// Writes the header of a new log.
pub(super) fn write_header(
    mut disk: impl Write,
    generation: u64,
    opened_ms: i64,
) -> io::Result<()> {
    let mut header = Vec::from(MAGIC);
    header.extend_from_slice(&generation.to_le_bytes());
    header.extend_from_slice(&opened_ms.to_le_bytes());
    header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
    disk.write_all(&header)
}

/// Appends a frame to a log of `len` bytes and returns its new length.
///
/// # Errors
/// What the disk said. A half-written frame has been taken back, so that the next one can follow;
/// where even that failed, `Err(true)`: nothing may be appended to this log any more.
pub(super) fn append(mut disk: impl Disk, len: u64, frame: &mut Frame) -> Result<u64, bool> {
    let bytes = frame.sealed();
    match disk.write_all(bytes) {
        Ok(()) => Ok(len + bytes.len() as u64),
        Err(_) => Err(disk.cut(len).is_err()),
    }
}

/// What became of a log that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replayed {
    pub(super) generation: u64,
    pub(super) opened_ms: i64,
    /// How far it is whole; what follows was torn by a crash.
    pub(super) whole_bytes: u64,
}

/// Who takes what a log holds, in order.
pub(super) trait Replay {
    /// A series gets its number.
    fn define(&mut self, number: u32, series: Definition);
    /// A reading of a series that has a number.
    fn reading(&mut self, number: u32, sample: Sample);
}

/// Reads a log; `None` if even its header isn't whole.
pub(super) fn replay(bytes: &[u8], into: &mut impl Replay) -> Option<Replayed> {
    let mut cursor = Cursor(bytes);
    let header = cursor.bytes(24)?;
    if cursor.u32()? != crc32c::crc32c(header) {
        return None;
    }
    let mut fields = Cursor(header);
    if fields.array()? != MAGIC {
        return None;
    }
    let generation = fields.u64()?;
    let opened_ms = fields.array().map(i64::from_le_bytes)?;
    let mut rest = cursor;
    while let Some(body) = next_frame(&mut cursor) {
        replay_frame(body, into);
        rest = cursor;
    }
    let whole_bytes = bytes.len().saturating_sub(rest.0.len()) as u64;
    Some(Replayed { generation, opened_ms, whole_bytes })
}

fn next_frame<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let len = usize::try_from(cursor.u32()?).ok()?;
    let crc = cursor.u32()?;
    // No frame is empty; zeros are what a file system leaves where it had no time to write.
    let body = cursor.bytes(len).filter(|_| (1..=FRAME_BYTES_MAX).contains(&len))?;
    (crc32c::crc32c(body) == crc).then_some(body)
}

/// A frame whose checksum is right was written by this program: it is read to its end.
fn replay_frame(body: &[u8], into: &mut impl Replay) -> Option<()> {
    let mut cursor = Cursor(body);
    let mut last_ms = cursor.signed()?;
    loop {
        let code = cursor.varint()?;
        if code == 0 {
            let number = cursor.small()?;
            let device = cursor.u64()?;
            let (digits, retention) = (cursor.byte()?, cursor.byte()?);
            let property = cursor.text()?.into();
            into.define(number, Definition { device, property, digits, retention });
        } else {
            let number = u32::try_from(code - 1).ok()?;
            last_ms = last_ms.wrapping_add(cursor.signed()?);
            into.reading(number, Sample { t_ms: last_ms, scaled: cursor.signed()? });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Seen(Vec<(u32, Definition)>, Vec<(u32, Sample)>);

    impl Replay for Seen {
        fn define(&mut self, number: u32, series: Definition) {
            self.0.push((number, series));
        }
        fn reading(&mut self, number: u32, sample: Sample) {
            self.1.push((number, sample));
        }
    }

    /// A disk that has room for so many bytes, and may refuse to cut.
    struct Small<'a> {
        bytes: &'a mut Vec<u8>,
        room: usize,
        cuts: bool,
    }

    impl Write for Small<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room - self.bytes.len());
            self.bytes.extend_from_slice(&bytes[..fits]);
            if fits == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(fits) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Disk for Small<'_> {
        fn cut(&mut self, len: u64) -> io::Result<()> {
            if !self.cuts {
                return Err(io::ErrorKind::Other.into());
            }
            self.bytes.truncate(usize::try_from(len).unwrap());
            Ok(())
        }
    }

    fn frame(frames: i64) -> Frame {
        let mut frame = Frame::default();
        let now_ms = 100_000 + frames * 1_000;
        frame.clear(now_ms);
        let property = "water_c".into();
        frame.define(0, &Definition { device: 7, property, digits: 2, retention: 0 });
        for i in 0..3 {
            frame.reading(0, Sample { t_ms: now_ms - i, scaled: -i * 100 });
        }
        frame
    }

    fn log(frames: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_header(&mut bytes, 9, 77).unwrap();
        for i in 0..frames {
            let len = bytes.len() as u64;
            let disk = Small { bytes: &mut bytes, room: 1 << 20, cuts: true };
            append(disk, len, &mut frame(i)).unwrap();
        }
        bytes
    }

    #[test]
    fn a_log_torn_at_any_byte_gives_every_frame_before_the_tear() {
        let bytes = log(5);
        let frame_bytes = (bytes.len() - 28) / 5;
        for len in 0..=bytes.len() {
            let mut seen = Seen::default();
            let replayed = replay(&bytes[..len], &mut seen);
            let Some(whole) = len.checked_sub(28).map(|len| len / frame_bytes) else {
                assert_eq!(replayed, None);
                continue;
            };
            let whole_bytes = (28 + whole * frame_bytes) as u64;
            let expected = Replayed { generation: 9, opened_ms: 77, whole_bytes };
            assert_eq!(replayed, Some(expected));
            assert_eq!((seen.0.len(), seen.1.len()), (whole, whole * 3));
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_log_before_its_frame() {
        let bytes = log(3);
        let frame_bytes = (bytes.len() - 28) / 3;
        for at in 28..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let mut seen = Seen::default();
            replay(&bytes, &mut seen).unwrap();
            assert_eq!(seen.0.len(), (at - 28) / frame_bytes, "byte {at}");
        }
    }

    #[test]
    fn zeros_after_a_log_are_no_frames() {
        let mut bytes = log(2);
        let len = bytes.len() as u64;
        bytes.extend_from_slice(&[0; 4_096]);
        assert_eq!(replay(&bytes, &mut Seen::default()).unwrap().whole_bytes, len);
    }

    #[test]
    fn a_frame_that_did_not_fit_leaves_no_trace() {
        let mut bytes = log(1);
        let (len, room) = (bytes.len(), bytes.len() + 10);
        let disk = Small { bytes: &mut bytes, room, cuts: true };
        assert_eq!(append(disk, len as u64, &mut frame(1)), Err(false));
        assert_eq!(bytes, log(1));
        let disk = Small { bytes: &mut bytes, room, cuts: false };
        assert_eq!(append(disk, len as u64, &mut frame(1)), Err(true));
        assert_eq!(replay(&bytes, &mut Seen::default()).unwrap().whole_bytes, len as u64);
    }
}

//! The form of the commit log, and what a log says after a crash. Pure.
//!
//! A file is a header and frames; all numbers are little-endian.
//! - Header: "HEARLOG1", salt (8 random bytes), sequence of the first frame u64, CRC32C u32.
//! - Frame: CRC32C u32, length of what follows u32, sequence u64, kind u8, then the writes: length
//!   of the key u16, key, length of the value and one u32 (0: taken away), value.
//!
//! A frame is begun only when the one before it is durable. So a frame that isn't whole with none
//! behind it was torn by a crash and never acknowledged; with one behind it, it is damage. A
//! frame's CRC begins with the salt, which nobody outside knows: no value can pass for a frame.

use std::iter;

use super::super::parts::Row;
use crate::store::key::Key;

const MAGIC: [u8; 8] = *b"HEARLOG1";
const HEADER_BYTES: usize = 28;
/// CRC and length.
const PREFIX_BYTES: usize = 8;
/// Largest frame: all that waits for a checkpoint, with room. A larger one is never written.
pub(super) const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a frame's writes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One group, after all those before it.
    Group = 0,
    /// Everything that waits for the checkpoint: nothing before this frame counts any more.
    Whole = 1,
}

/// A log that says less than it once did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// Something was acknowledged here and can't be read; what came after it can.
    #[error("commit {0} can't be read, and later ones can")]
    Hole(u64),
    /// The beginning of a file is neither ours nor empty.
    #[error("a file of it begins with something else")]
    Header,
    /// Whole, but nothing that this release understands.
    #[error("commit {0} has a form that this release doesn't know")]
    Unknown(u64),
}

/// A frame would be larger than [`FRAME_BYTES_MAX`], or a key of it longer than 65,535 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many bytes for one frame of the log")]
pub(super) struct TooLarge;

/// The beginning of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    salt: [u8; 8],
    first: u64,
}

impl Header {
    pub(super) const fn new(salt: [u8; 8], first: u64) -> Self {
        Self { salt, first }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = [MAGIC, self.salt, self.first.to_le_bytes()].concat();
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// `None` for a file whose header never reached the disk, so that nothing else in it did.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Damage> {
        let Some(mut header) = bytes.get(..HEADER_BYTES) else { return Ok(None) };
        let crc = crc32c::crc32c(header.get(..HEADER_BYTES - 4).unwrap_or_default());
        let fields = (take(&mut header), take(&mut header), take(&mut header), take(&mut header));
        match fields {
            (Some(MAGIC), Some(salt), Some(first), Some(found))
                if u32::from_le_bytes(found) == crc =>
            {
                Ok(Some(Self { salt, first: u64::from_le_bytes(first) }))
            }
            _ if bytes.iter().all(|byte| *byte == 0) => Ok(None),
            _ => Err(Damage::Header),
        }
    }

    fn seed(&self) -> u32 {
        crc32c::crc32c(&self.salt)
    }

    /// Writes a frame of this file into the empty buffer `frame`.
    pub(super) fn frame<'a>(
        &self,
        sequence: u64,
        kind: Kind,
        rows: impl IntoIterator<Item = (&'a Key, Option<&'a [u8]>)>,
        frame: &mut Vec<u8>,
    ) -> Result<(), TooLarge> {
        frame.extend_from_slice(&[0; PREFIX_BYTES]);
        frame.extend_from_slice(&sequence.to_le_bytes());
        frame.push(kind as u8);
        for (key, value) in rows {
            let key_bytes = u16::try_from(key.len()).map_err(|_| TooLarge)?;
            let value_code = value.map_or(0, |value| value.len() + 1);
            let value_code = u32::try_from(value_code).map_err(|_| TooLarge)?;
            frame.extend_from_slice(&key_bytes.to_le_bytes());
            frame.extend_from_slice(key.as_bytes());
            frame.extend_from_slice(&value_code.to_le_bytes());
            frame.extend_from_slice(value.unwrap_or_default());
        }
        if frame.len() > FRAME_BYTES_MAX {
            return Err(TooLarge);
        }
        let length = u32::try_from(frame.len() - PREFIX_BYTES).map_err(|_| TooLarge)?;
        if let Some(place) = frame.get_mut(4..PREFIX_BYTES) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        let crc = crc32c::crc32c_append(self.seed(), frame.get(4..).unwrap_or_default());
        if let Some(place) = frame.get_mut(..4) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
        Ok(())
    }

    /// The frame that `bytes` begin with, and its length.
    fn frame_at<'a>(&self, bytes: &'a [u8]) -> Option<(Frame<'a>, usize)> {
        let mut rest = bytes;
        let crc = u32::from_le_bytes(take(&mut rest)?);
        let length = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let sequence = u64::from_le_bytes(take(&mut rest)?);
        // Cheap, and right for hardly anything that is no frame: spares most checksums.
        let plausible = u32::try_from(sequence.checked_sub(self.first)?).is_ok();
        let end = PREFIX_BYTES.checked_add(length).filter(|end| *end <= FRAME_BYTES_MAX)?;
        let checked = bytes.get(4..end).filter(|_| plausible)?;
        let [kind] = take(&mut rest)?;
        let body = bytes.get(PREFIX_BYTES + 9..end)?;
        let right = crc32c::crc32c_append(self.seed(), checked) == crc;
        right.then_some((Frame { sequence, kind, body }, end))
    }

    /// All frames of a file, also those behind damage.
    fn frames<'a>(&self, file: &'a [u8]) -> impl Iterator<Item = Frame<'a>> {
        let mut at = HEADER_BYTES;
        iter::from_fn(move || {
            while let Some(bytes) = file.get(at..).filter(|bytes| !bytes.is_empty()) {
                if let Some((frame, length)) = self.frame_at(bytes) {
                    at += length;
                    return Some(frame);
                }
                at += 1;
            }
            None
        })
    }
}

/// A whole frame.
struct Frame<'a> {
    sequence: u64,
    kind: u8,
    body: &'a [u8],
}

impl Frame<'_> {
    fn rows(&self) -> Option<Vec<Row>> {
        let (mut rows, mut rest) = (Vec::new(), self.body);
        while !rest.is_empty() {
            let key_bytes = u16::from_le_bytes(take(&mut rest)?);
            let (key, after) = rest.split_at_checked(usize::from(key_bytes))?;
            rest = after;
            let value_code = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
            let (value, after) = rest.split_at_checked(value_code.saturating_sub(1))?;
            rest = after;
            rows.push((Key::from_bytes(key), (value_code > 0).then(|| value.to_vec())));
        }
        Some(rows)
    }
}

/// What a log says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replayed {
    /// The writes, oldest first.
    pub(super) rows: Vec<Row>,
    /// The sequence of the next frame.
    pub(super) next: u64,
}

/// Reads the files of a log, oldest first. What a crash has torn is left out.
///
/// # Errors
/// [`Damage`]: something that was acknowledged isn't there any more.
pub(super) fn replay<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Result<Replayed, Damage> {
    let (mut rows, mut next, mut begun, mut hole) = (Vec::new(), None, 1, None);
    for file in files {
        let Some(header) = Header::read(file)? else { continue };
        begun = header.first.max(begun);
        if let Some(next) = next.filter(|next| header.first > *next) {
            hole.get_or_insert(next);
        }
        for frame in header.frames(file) {
            let expected = next.unwrap_or(header.first);
            if frame.kind == Kind::Whole as u8 {
                rows.clear();
                hole = None;
            } else if frame.kind != Kind::Group as u8 {
                return Err(Damage::Unknown(frame.sequence));
            } else if frame.sequence != expected {
                hole.get_or_insert(expected);
            }
            rows.extend(frame.rows().ok_or(Damage::Unknown(frame.sequence))?);
            next = Some(frame.sequence.saturating_add(1));
        }
    }
    match hole {
        Some(sequence) => Err(Damage::Hole(sequence)),
        None => Ok(Replayed { rows, next: next.unwrap_or(begun) }),
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

#[cfg(test)]
mod tests;

//! The checksums of a backup's files, in the form that `sha256sum -c` reads.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::{BackupError, at};

const FILE: &str = "SHA256SUMS";
/// Read at a time.
const PIECE_BYTES: usize = 1 << 20;

type Sum = [u8; 32];

/// A file of a backup: its place in the folder, and its checksum.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    place: PathBuf,
    sum: Sum,
}

/// All files of a backup, in order of their places.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manifest(Vec<Entry>);

impl Manifest {
    /// Reads every file below `folder`; says how many bytes that were.
    pub(super) fn of(folder: &Path, rest: &dyn Fn(Duration)) -> Result<(Self, u64), BackupError> {
        let mut places = Vec::new();
        walk(folder, Path::new(""), &mut places)?;
        places.sort();
        let (mut entries, mut total) = (Vec::new(), 0);
        for place in places {
            let (sum, bytes) = pass(&folder.join(&place), None, rest)?;
            entries.push(Entry { place, sum });
            total += bytes;
        }
        Ok((Self(entries), total))
    }

    /// Writes the checksums beside the files, durably, and the names of all of them.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let mut text = String::new();
        for Entry { place, sum } in &self.0 {
            // Writing to a string can't fail, here and below.
            sum.iter().try_for_each(|byte| write!(text, "{byte:02x}")).ok();
            writeln!(text, "  {}", place.display()).ok();
        }
        let path = folder.join(FILE);
        let mut file = File::create(&path).map_err(at(&path))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at(&path))?;
        let mut folders: Vec<PathBuf> =
            self.0.iter().filter_map(|entry| Some(folder.join(entry.place.parent()?))).collect();
        folders.dedup();
        for folder in folders {
            File::open(&folder).and_then(|folder| folder.sync_all()).map_err(at(&folder))?;
        }
        Ok(())
    }

    /// The files that a backup promises; whether they are as promised shows when they are copied.
    pub(super) fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path)
            .map_err(|error| BackupError::Damaged(format!("{}: {error}", path.display())))?;
        let whole = text.ends_with('\n');
        let entries: Option<Vec<Entry>> = text.lines().map(entry).collect();
        entries.filter(|_| whole).map(Self).ok_or_else(|| {
            BackupError::Damaged(format!("{} is not as it was written", path.display()))
        })
    }

    /// Copies all files to another folder, durably, and compares what was read; says how many
    /// bytes that were.
    pub(super) fn copy(&self, from: &Path, to: &Path) -> Result<u64, BackupError> {
        let mut total = 0;
        for Entry { place, sum } in &self.0 {
            let (source, target) = (from.join(place), to.join(place));
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(at(parent))?;
            }
            let (found, bytes) = pass(&source, Some(&target), &|_| ())?;
            total += bytes;
            if found != *sum {
                let reason = format!("{} is not as it was written", source.display());
                return Err(BackupError::Damaged(reason));
            }
        }
        Ok(total)
    }

    /// How many files there are.
    pub(super) const fn files(&self) -> usize {
        self.0.len()
    }
}

/// Reads a file to its end, writes what it reads to another if there is one, and adds it up.
fn pass(
    from: &Path,
    to: Option<&Path>,
    rest: &dyn Fn(Duration),
) -> Result<(Sum, u64), BackupError> {
    let mut source = File::open(from).map_err(at(from))?;
    let mut target = to.map(|to| File::create(to).map_err(at(to))).transpose()?;
    let (mut sum, mut bytes) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let began = Instant::now();
        let len = source.read(&mut piece).map_err(at(from))?;
        let read = piece.get(..len).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        sum.update(read);
        bytes += read.len() as u64;
        if let (Some(target), Some(to)) = (&mut target, to) {
            target.write_all(read).map_err(at(to))?;
        }
        rest(began.elapsed());
    }
    match (target, to) {
        (Some(target), Some(to)) => target.sync_all().map_err(at(to))?,
        _ => source.sync_all().map_err(at(from))?,
    }
    Ok((sum.finalize().into(), bytes))
}

fn walk(folder: &Path, below: &Path, places: &mut Vec<PathBuf>) -> Result<(), BackupError> {
    let here = folder.join(below);
    for entry in fs::read_dir(&here).map_err(at(&here))? {
        let entry = entry.map_err(at(&here))?;
        let place = below.join(entry.file_name());
        if entry.file_type().map_err(at(&here))?.is_dir() {
            walk(folder, &place, places)?;
        } else {
            places.push(place);
        }
    }
    Ok(())
}

/// A line; none if it is not one of ours, or points out of the folder.
fn entry(line: &str) -> Option<Entry> {
    let (digits, place) = line.split_once("  ")?;
    let place = PathBuf::from(place);
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    let inside = place.components().next().is_some() && place.components().all(inside);
    let sum = unhex(digits).filter(|_| inside)?;
    Some(Entry { place, sum })
}

fn unhex(digits: &str) -> Option<Sum> {
    let mut sum = Sum::default();
    let pairs = digits.as_bytes().chunks(2);
    if digits.len() != 2 * sum.len() {
        return None;
    }
    for (byte, pair) in sum.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("a"), b"abc").unwrap();
        fs::write(folder.path().join("deep/b"), vec![7; 3 * PIECE_BYTES]).unwrap();
        folder
    }

    #[test]
    fn the_checksums_are_those_that_sha256sum_knows_and_read_back() {
        let folder = folder();
        let (manifest, bytes) = Manifest::of(folder.path(), &|_| ()).unwrap();
        assert_eq!(bytes, 3 + 3 * PIECE_BYTES as u64);
        manifest.write(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n";
        assert!(text.starts_with(abc), "{text}");
        let to = tempfile::tempdir().unwrap();
        Manifest::read(folder.path()).unwrap().copy(folder.path(), to.path()).unwrap();
        assert_eq!(Manifest::of(to.path(), &|_| ()).unwrap(), (manifest, bytes));
    }

    #[test]
    fn a_file_that_changed_or_is_missing_is_found_out() {
        let folder = folder();
        Manifest::of(folder.path(), &|_| ()).unwrap().0.write(folder.path()).unwrap();
        let manifest = Manifest::read(folder.path()).unwrap();
        let copy = || manifest.copy(folder.path(), tempfile::tempdir().unwrap().path());
        fs::write(folder.path().join("a"), b"abd").unwrap();
        assert!(matches!(copy(), Err(BackupError::Damaged(_))));
        fs::remove_file(folder.path().join("a")).unwrap();
        assert!(copy().is_err());
    }

    #[test]
    fn lines_that_are_cut_or_lead_elsewhere_are_no_manifest() {
        let digits = "0".repeat(64);
        for place in ["../a", "/etc/a", "", "a/../../b"] {
            assert_eq!(entry(&format!("{digits}  {place}")), None, "{place}");
        }
        assert_eq!(entry(&format!("{}  a", "0".repeat(63))), None);
        assert!(entry(&format!("{digits}  history/runs/a.seg")).is_some());
    }
}

//! Backups: everything that must survive, in a folder of its own, made while the house runs.
//!
//! ```text
//! backup.json      what made it, and when
//! control.image    people, devices, rights, commands: the store's rows at one moment
//! history/         history as it was right after that moment; sealed files may be hard links
//! SHA256SUMS       the checksum of every file above, as `sha256sum -c` reads it
//! ```
//! A backup is made under a name that ends in `.part` and renamed when all of it is on the disk. It
//! is restored into `restoring`, and moved to its place when all of it is there: a store refuses to
//! open beside that folder. So nothing half done is ever taken for the whole.

mod manifest;

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observe::metrics;
use crate::stats::StatsError;
use crate::store::image::ImageError;
use crate::store::{RESTORING, Store};
use manifest::Manifest;

/// The form of the folder; a reader refuses one that it doesn't know.
const FORMAT: u32 = 1;
const ABOUT: &str = "backup.json";
const CONTROL: &str = "control.image";
const HISTORY: &str = "history";
/// Unfinished backups end so.
const UNFINISHED: &str = "part";

/// Why there is no backup, or why it can't be restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something at the place where it is to go.
    #[error("{} is not an empty folder", .0.display())]
    NotEmpty(PathBuf),
    /// There are as many as may be.
    #[error("there are {0} backups already: move or delete some")]
    TooMany(usize),
    /// What is to be restored is not a whole backup.
    #[error("this is no whole backup: {0}")]
    Damaged(String),
    /// Control state.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// History.
    #[error(transparent)]
    History(#[from] StatsError),
    /// The disk.
    #[error("{}: {error}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// A backup that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Its folder, by its whole path.
    pub path: PathBuf,
    /// Rows of the store.
    pub rows: u64,
    /// How many files it has.
    pub files: usize,
    /// Their size, with hard links counted in full.
    pub bytes: u64,
    /// Unix milliseconds at which it was begun.
    pub made: i64,
}

/// What a backup says about itself.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    format: u32,
    release: String,
    made: i64,
}

/// A free name for a backup in `folder`, made of the time. Unfinished ones are removed.
///
/// # Errors
/// [`BackupError::TooMany`] if there are `kept_max`, or what the disk says.
pub fn place_in(folder: &Path, kept_max: usize, now_ms: i64) -> Result<PathBuf, BackupError> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let mut kept = 0;
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with("backup-") {
            continue;
        }
        if path.extension().is_some_and(|ending| ending == UNFINISHED) {
            fs::remove_dir_all(&path).map_err(at(&path))?;
        } else {
            kept += 1;
        }
    }
    if kept >= kept_max {
        metrics().backups_refused.inc();
        return Err(BackupError::TooMany(kept));
    }
    let made = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    Ok(folder.join(format!("backup-{}", made.strftime("%Y%m%dT%H%M%S%.3fZ"))))
}

/// Makes a backup in the new or empty folder `to`. It blocks; `history` copies the history into a
/// new folder, and `rest` is called between pieces of work with the time they took.
///
/// # Errors
/// [`BackupError`]; nothing is left at `to` then.
pub fn make(
    store: &Store,
    history: impl FnOnce(&Path) -> Result<(), StatsError>,
    to: &Path,
    now_ms: i64,
    rest: &dyn Fn(Duration),
) -> Result<Backup, BackupError> {
    let made = whole_or_not(to, |part| fill(store, history, part, now_ms, rest))?;
    let path = std::path::absolute(to).map_err(at(to))?;
    Ok(Backup { path, ..made })
}

/// Makes the new or empty folder `to`: `fill` makes it under another name, which it has until all
/// of it is there.
///
/// # Errors
/// Whatever `fill` says, or [`BackupError`]; nothing is left at `to` then.
pub fn whole_or_not<T, E: From<BackupError>>(
    to: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    expect_empty(to)?;
    let mut part = to.as_os_str().to_owned();
    part.push(format!(".{UNFINISHED}"));
    let part = PathBuf::from(part);
    private_folder(&part)?;
    let made = fill(&part).and_then(|made| {
        fs::rename(&part, to).map_err(at(to))?;
        sync_parent(to)?;
        Ok(made)
    });
    if made.is_err()
        && let Err(error) = fs::remove_dir_all(&part)
    {
        tracing::warn!(%error, folder = ?part, "an unfinished folder stays");
    }
    made
}

fn fill(
    store: &Store,
    history: impl FnOnce(&Path) -> Result<(), StatsError>,
    part: &Path,
    made: i64,
    rest: &dyn Fn(Duration),
) -> Result<Backup, BackupError> {
    let image = part.join(CONTROL);
    let mut file = BufWriter::new(File::create(&image).map_err(at(&image))?);
    let rows = store.image(&mut file, rest)?;
    file.get_ref().sync_all().map_err(at(&image))?;
    // After the store: what the history has more than it is of no harm, what it lacks would be.
    history(&part.join(HISTORY))?;
    let about = About { format: FORMAT, release: env!("CARGO_PKG_VERSION").into(), made };
    let file = part.join(ABOUT);
    fs::write(&file, serde_json::to_vec_pretty(&about).unwrap_or_default()).map_err(at(&file))?;
    let (sums, bytes) = Manifest::of(part, rest)?;
    sums.write(part)?;
    Ok(Backup { path: part.to_owned(), rows, files: sums.files(), bytes, made })
}

/// Restores a backup into the new or empty folder `data`; says what the backup was.
///
/// # Errors
/// [`BackupError`]; then `data` is as empty as before, or, after a crash, refuses to be opened.
pub fn restore(backup: &Path, data: &Path) -> Result<Backup, BackupError> {
    let sums = Manifest::read(backup)?;
    let about = backup.join(ABOUT);
    let text = fs::read(&about).map_err(at(&about))?;
    let About { format, made, .. } = serde_json::from_slice(&text)
        .map_err(|error| BackupError::Damaged(format!("{ABOUT}: {error}")))?;
    if format != FORMAT {
        let reason = format!("it has the form {format}, this release knows {FORMAT}");
        return Err(BackupError::Damaged(reason));
    }
    let (rows, bytes) = fill_new(data, |draft| {
        let bytes = sums.copy(backup, draft)?;
        let image = draft.join(CONTROL);
        let image = BufReader::new(File::open(&image).map_err(at(&image))?);
        Ok::<_, BackupError>((Store::restore(draft, image)?, bytes))
    })?;
    Ok(Backup { path: data.to_owned(), rows, files: sums.files(), bytes, made })
}

/// Fills the new or empty folder `data`: `fill` makes a store and a history in the folder that it
/// is given, and they take their places when it has succeeded.
///
/// # Errors
/// Whatever `fill` says, or [`BackupError`]; as [`restore`].
pub fn fill_new<T, E: From<BackupError>>(
    data: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    expect_empty(data)?;
    let draft = data.join(RESTORING);
    private_folder(&draft)?;
    let filled = fill(&draft).and_then(|filled| {
        // The store last: where it is, all is.
        for room in [HISTORY, "control"] {
            let (from, to) = (draft.join(room), data.join(room));
            if from.exists() {
                fs::rename(from, &to).map_err(at(&to))?;
            }
        }
        File::open(data).and_then(|folder| folder.sync_all()).map_err(at(data))?;
        Ok(filled)
    });
    fs::remove_dir_all(&draft).map_err(at(&draft))?;
    filled
}

/// Nothing may be there yet, or an empty folder.
fn expect_empty(folder: &Path) -> Result<(), BackupError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(BackupError::NotEmpty(folder.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(folder)(error)),
    }
}

/// A folder for the operator's own eyes: it holds what everybody signs in with.
fn private_folder(folder: &Path) -> Result<(), BackupError> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(at(parent))?;
    }
    DirBuilder::new().mode(0o700).create(folder).map_err(at(folder))
}

fn sync_parent(path: &Path) -> Result<(), BackupError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(at(parent))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::Disk { path, error }
}

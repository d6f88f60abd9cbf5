//! The demo's folder: its store, and the credentials of its devices beside it.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::host::random_u64;

/// The file of the credentials, readable by its owner alone.
const FILE: &str = "demo.json";

/// What a second demo on the same store has to know.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) devices: Vec<KeptDevice>,
}

/// A device of the demo.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptDevice {
    pub(super) id: u64,
    pub(super) secret: String,
    pub(super) kind: String,
    pub(super) description: String,
}

/// A folder that is removed when it is dropped, unless it is to be kept.
pub(super) struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    /// A folder of the operator's.
    ///
    /// # Errors
    /// If it can't be made.
    pub(super) fn kept(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        Ok(Self { path: path.to_owned(), is_kept: true })
    }

    /// A new folder among the temporary ones, closed to others.
    ///
    /// # Errors
    /// If it can't be made.
    pub(super) fn temporary() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("hearth-demo-{:016x}", random_u64()?));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| path.display().to_string())?;
        Ok(Self { path, is_kept: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// What an earlier demo has kept here.
    ///
    /// # Errors
    /// If it can't be read.
    pub(super) fn read(&self) -> anyhow::Result<Option<Kept>> {
        let path = self.path.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        serde_json::from_slice(&text).map(Some).with_context(|| path.display().to_string())
    }

    /// Keeps it for the next demo.
    ///
    /// # Errors
    /// If it can't be written.
    pub(super) fn keep(&self, kept: &Kept) -> anyhow::Result<()> {
        let (path, new) = (self.path.join(FILE), self.path.join(format!("{FILE}.new")));
        let write = || {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&serde_json::to_vec_pretty(kept)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().with_context(|| path.display().to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            crate::cli::say(&format!("{} stays behind: {error}", self.path.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn kept() -> Kept {
        let device = KeptDevice {
            id: 7,
            secret: "s".into(),
            kind: "light".into(),
            description: "Bob's \"lamp\"".into(),
        };
        Kept { user: "demo".into(), password: "p".into(), devices: vec![device] }
    }

    #[test]
    fn credentials_come_back_and_are_their_owners_alone() {
        let folder = Folder::temporary().unwrap();
        assert_eq!(folder.read().unwrap(), None);
        folder.keep(&kept()).unwrap();
        folder.keep(&kept()).unwrap();
        assert_eq!(folder.read().unwrap(), Some(kept()));
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_temporary_folder_is_gone_afterwards_and_a_kept_one_stays() {
        let folder = Folder::temporary().unwrap();
        let path = folder.path().to_owned();
        let inner = Folder::kept(&path.join("inner")).unwrap();
        let inner_path = inner.path().to_owned();
        drop(inner);
        assert!(inner_path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}

//! `hearth restore`: a backup becomes the store of a new server.

use std::path::PathBuf;

use clap::Args;

use crate::backup;

use super::{Common, say};

/// Restores a backup into an empty store.
#[derive(Args)]
pub struct Restore {
    /// The backup's folder.
    backup: PathBuf,
}

impl Restore {
    /// Restores it into the folder of the store, which must be missing or empty.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn run(self, common: &Common) -> anyhow::Result<()> {
        let data = common.load(std::env::vars())?.store.path;
        let made = backup::restore(&self.backup, &data)?;
        say(&format!(
            "restored into {}: {} rows, {} files, {} bytes",
            data.display(),
            made.rows,
            made.files,
            made.bytes,
        ));
        Ok(())
    }
}

//! `hearth backup`: a copy of everything that must survive, whether the server runs or not.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use crate::backup;
use crate::config::Config;
use crate::host::now_ms;
use crate::stats::{StatsConfig, StatsError, StoppedHistory};
use crate::store::Store;

use super::operator::Post;
use super::{Common, print, say};

/// A backup of the store and the history.
#[derive(Args)]
pub struct Backup {
    /// A new or empty folder for it; without it, one named by the time, in `backup.path`.
    #[arg(long)]
    to: Option<PathBuf>,
}

impl Backup {
    /// Makes it, and prints its folder.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn run(self, common: &Common) -> anyhow::Result<()> {
        let config = common.load(std::env::vars())?;
        let to = self.to.map(std::path::absolute).transpose()?;
        let made = make(&config, to.as_deref())?;
        print(&made.display().to_string());
        Ok(())
    }
}

/// Makes a backup: by the running server if there is one, else from the store that stands still.
///
/// # Errors
/// What is wrong, in words for the operator.
pub fn make(config: &Config, to: Option<&Path>) -> anyhow::Result<PathBuf> {
    let data = &config.store.path;
    if let Some(made) = by_server(config, to)? {
        return Ok(made);
    }
    if !data.join("control").exists() {
        bail!("there is no store in {}", data.display());
    }
    let (store, _writer) = Store::open(data)?;
    let history = |to: &Path| {
        let history = data.join("history");
        let stopped = StoppedHistory::open(&history, StatsConfig::default(), now_ms());
        stopped.and_then(|stopped| stopped.snapshot(to)).map_err(StatsError::from)
    };
    let to = match to {
        Some(to) => to.to_owned(),
        None => backup::place_in(&config.backup.path, config.backup.kept_max, now_ms())?,
    };
    let made = backup::make(&store, history, &to, now_ms(), &|_| ())?;
    say(&format!("{} files, {} bytes", made.files, made.bytes));
    Ok(made.path)
}

/// A backup made by the server that runs on the store, if one does.
///
/// # Errors
/// Why it made none, in its words.
pub fn by_server(config: &Config, to: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    let Some(post) = Post::find(&config.store.path) else { return Ok(None) };
    let Some(made) = post.ask("/admin/backup", &json!({ "to": to }))? else { return Ok(None) };
    let path = made.get("path").and_then(|path| path.as_str());
    Ok(Some(path.context("the server made no backup")?.into()))
}

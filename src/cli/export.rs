//! `hearth export`: a house in a form that people and other programs can read.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::backup::{self, whole_or_not};
use crate::config::Config;
use crate::host::now_ms;
use crate::stats::{Kept, StoppedHistory};
use crate::store::{PAGE_ROWS_MAX, Store, devices};
use crate::tree::stats_config;

use super::portable::{FORMAT, HEADER, HISTORY, HOUSE, Line, csv, lines};
use super::{Common, print, say};

/// An export: JSON lines for people and devices, and the history of each device as CSV.
#[derive(Args)]
pub struct Export {
    /// A new or empty folder for it.
    #[arg(long)]
    to: PathBuf,
}

impl Export {
    /// Writes it, and prints its folder.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn run(self, common: &Common) -> anyhow::Result<()> {
        let config = common.load(std::env::vars())?;
        let to = std::path::absolute(&self.to)?;
        let (devices, readings) = whole_or_not(&to, |part| {
            // What a server has open is backed up, and the backup exported.
            let scratch = part.join("scratch");
            let exported = match super::backup::by_server(&config, Some(&scratch.join("backup")))? {
                None => write(&config, &config.store.path, part),
                Some(made) => {
                    let data = scratch.join("data");
                    backup::restore(&made, &data)?;
                    write(&config, &data, part)
                }
            }?;
            if scratch.exists() {
                fs::remove_dir_all(scratch)?;
            }
            anyhow::Ok(exported)
        })?;
        say(&format!("{devices} devices, {readings} lines of history"));
        print(&to.display().to_string());
        Ok(())
    }
}

/// Exports a store that stands still; says how many devices and lines of history there are.
fn write(config: &Config, data: &Path, to: &Path) -> anyhow::Result<(u64, u64)> {
    if !data.join("control").exists() {
        bail!("there is no store in {}", data.display());
    }
    let (store, _writer) = Store::open(data)?;
    write_house(&store, &to.join(HOUSE))?;
    let now_ms = now_ms();
    let history = StoppedHistory::open(&data.join("history"), stats_config(config), now_ms)?;
    fs::create_dir(to.join(HISTORY))?;
    let (mut count, mut readings, mut after) = (0, 0, None);
    loop {
        let page = devices::list(&store, after, PAGE_ROWS_MAX)?;
        let Some(last) = page.last() else { return Ok((count, readings)) };
        after = Some(last.id);
        for device in &page {
            let path = to.join(HISTORY).join(format!("{}.csv", device.id));
            let written = write_history(&history, device.id.0, &device.kind, &path);
            readings += written.with_context(|| path.display().to_string())?;
        }
        count += page.len() as u64;
    }
}

fn write_house(store: &Store, path: &Path) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut count = 0;
    let mut put = |line: &Line| {
        serde_json::to_writer(&mut file, line)?;
        count += 1;
        anyhow::Ok(file.write_all(b"\n")?)
    };
    let release = env!("CARGO_PKG_VERSION").to_owned();
    put(&Line::Hearth { format: FORMAT, release, made: now_ms() })?;
    lines(store, put)?;
    serde_json::to_writer(&mut file, &Line::End { lines: count })?;
    file.write_all(b"\n")?;
    file.into_inner()?.sync_all()?;
    Ok(())
}

fn write_history(
    history: &StoppedHistory,
    device: u64,
    kind: &str,
    path: &Path,
) -> anyhow::Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "{HEADER}")?;
    let mut count = 0;
    for property in history.properties(device)? {
        history.all(device, &property, kind, |part| {
            count += match &part {
                Kept::Readings(points) => points.len() as u64,
                Kept::Buckets(_, buckets) => buckets.len() as u64,
            };
            anyhow::Ok(file.write_all(csv(&property, &part).as_bytes())?)
        })?;
    }
    file.into_inner()?.sync_all()?;
    Ok(count)
}

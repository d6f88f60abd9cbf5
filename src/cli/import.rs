//! `hearth import`: an export becomes the store of a new server.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;

use crate::backup::fill_new;
use crate::host::now_ms;
use crate::kind::Kinds;
use crate::model::Name;
use crate::stats::{Kept, NewHistory, digits_of_step};
use crate::store::{Batch, Store};
use crate::tree::stats_config;

use super::portable::{FORMAT, HEADER, HISTORY, HOUSE, Line, Measured, measured, put};
use super::serve::runtime;
use super::user::with_writer;
use super::{Common, load_kinds, say};

/// Writes of one batch.
const BATCH_WRITES: usize = 500;

/// Reads an export into an empty store.
#[derive(Args)]
pub struct Import {
    /// The export's folder.
    export: PathBuf,
}

/// The devices of an export, in order, with their kinds.
type Devices = BTreeMap<u64, Name>;

impl Import {
    /// Reads it into the folder of the store, which must be missing or empty.
    ///
    /// # Errors
    /// What is wrong and where, in words for the operator; the store stays empty then.
    pub fn run(self, common: &Common) -> anyhow::Result<()> {
        let config = common.load(std::env::vars())?;
        let kinds = load_kinds(&config)?;
        let (devices, lines) = fill_new(&config.store.path, |draft| {
            let devices = self.house(draft)?;
            let mut history =
                NewHistory::begin(&draft.join("history"), &stats_config(&config), now_ms())?;
            let mut lines = 0;
            for (device, kind) in &devices {
                let path = self.export.join(HISTORY).join(format!("{device}.csv"));
                lines += read_history(&path, *device, kind, &kinds, &mut history)?;
            }
            history.finish()?;
            anyhow::Ok((devices.len(), lines))
        })?;
        let to = config.store.path.display();
        say(&format!("imported into {to}: {devices} devices, {lines} lines of history"));
        Ok(())
    }

    /// Reads the lines into a new store.
    fn house(&self, draft: &Path) -> anyhow::Result<Devices> {
        let path = self.export.join(HOUSE);
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        let (store, writer) = Store::open(draft)?;
        let read = read_house(BufReader::new(file), &store, &path);
        runtime()?.block_on(with_writer(writer, read))
    }
}

async fn read_house(file: impl BufRead, store: &Store, path: &Path) -> anyhow::Result<Devices> {
    let mut devices = Devices::new();
    let mut batch = Batch::new();
    let (mut count, mut ended) = (0, false);
    for (line, number) in file.lines().zip(1_u64..) {
        let place = || format!("{}:{number}", path.display());
        let line: Line = serde_json::from_str(&line?).with_context(place)?;
        let begins = matches!(&line, Line::Hearth { format: FORMAT, .. });
        if begins != (number == 1) {
            bail!("{}: an export begins, once, with the form {FORMAT}", place());
        }
        if let Line::Device { device, .. } = &line {
            devices.insert(device.id.0, device.kind.clone());
        }
        // Whatever comes after the end takes it back.
        ended = matches!(&line, Line::End { lines } if *lines == count);
        put(&mut batch, &line).with_context(place)?;
        count += 1;
        if batch.len() >= BATCH_WRITES {
            let full = std::mem::take(&mut batch);
            store.commit(full).await.with_context(|| format!("up to {}", place()))?;
        }
    }
    if !ended {
        bail!("{}: its end is missing", path.display());
    }
    store.commit(batch).await.with_context(|| path.display().to_string())?;
    Ok(devices)
}

/// Reads a device's history; says how many lines it has.
fn read_history(
    path: &Path,
    device: u64,
    kind: &str,
    kinds: &Kinds,
    into: &mut NewHistory,
) -> anyhow::Result<u64> {
    // How many digits a property needs shows only at the end of it: the file is read twice.
    let mut digits: HashMap<Arc<str>, usize> = HashMap::new();
    let mut count = 0;
    for_each(path, |line| {
        let needed = digits.entry(line.property.into()).or_default();
        *needed = line.digits.max(*needed);
        count += 1;
        Ok(())
    })?;
    let schema = |property: &str| kinds.get(kind).and_then(|kind| kind.property(property));
    let digits_of = |property: &str| {
        let wanted = schema(property).map_or(0, |property| digits_of_step(property.step()));
        let needed = digits.get(property).copied().unwrap_or_default();
        wanted.max(u8::try_from(needed).unwrap_or(u8::MAX))
    };
    let mut open: Option<(Arc<str>, Vec<Kept>)> = None;
    let mut close = |open: Option<(Arc<str>, Vec<Kept>)>| {
        let Some((property, parts)) = open else { return anyhow::Ok(()) };
        Ok(into.series(device, &property, kind, digits_of(&property), &parts)?)
    };
    for_each(path, |line| {
        match &mut open {
            Some((property, parts)) if **property == *line.property => add(parts, line.part),
            Some((property, _)) if **property > *line.property => {
                bail!("properties are in order, {property} before {}", line.property)
            }
            _ => close(open.replace((line.property.into(), vec![line.part])))?,
        }
        Ok(())
    })?;
    close(open).with_context(|| path.display().to_string())?;
    Ok(count)
}

/// Goes through the lines of a history.
fn for_each(
    path: &Path,
    mut take: impl FnMut(Measured<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    for (line, number) in BufReader::new(file).lines().zip(1_u64..) {
        let (line, place) = (line?, || format!("{}:{number}", path.display()));
        if number == 1 {
            if line != HEADER {
                bail!("{}: the first line is not {HEADER}", place());
            }
            continue;
        }
        let measured = measured(&line).with_context(|| format!("{}: {line}", place()))?;
        take(measured).with_context(place)?;
    }
    Ok(())
}

/// Puts what was measured behind what came before it.
fn add(parts: &mut Vec<Kept>, part: Kept) {
    match (parts.last_mut(), part) {
        (Some(Kept::Readings(before)), Kept::Readings(points)) => before.extend(points),
        (Some(Kept::Buckets(step_ms, before)), Kept::Buckets(same_ms, buckets))
            if *step_ms == same_ms =>
        {
            before.extend(buckets);
        }
        (_, part) => parts.push(part),
    }
}

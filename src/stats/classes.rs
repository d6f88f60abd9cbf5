//! Retention classes: which number stands for which kind, in the names of files and in the log.
//!
//! Number 0 is everybody's; a kind that is kept for other times gets the next one when it is first
//! heard of, and keeps it for ever: the n-th line of the file `classes` is the kind of number n.
//! So kinds may come, go and change their times without a file falling under another's.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::{Retention, StatsConfig};

/// The file's name in the history's folder.
pub(super) const FILE: &str = "classes";

/// The numbers of a folder.
#[derive(Debug, Default)]
pub(super) struct Classes {
    numbers: HashMap<Arc<str>, u8>,
    /// How long each number is kept.
    pub(super) retention: Vec<Retention>,
}

impl Classes {
    /// Reads the numbers of a folder, and gives numbers to kinds that have none. Where the disk
    /// doesn't take that, such a kind is kept as everybody's is, until the next start.
    pub(super) fn load(dir: &Path, config: &StatsConfig) -> Self {
        let everybody = config.retention.first().copied().unwrap_or_default();
        let mut known = read(&dir.join(FILE)).unwrap_or_else(|error| {
            tracing::warn!(%error, "history knows no kinds: all are kept for the same time");
            Vec::new()
        });
        let new: Vec<Arc<str>> = config
            .kinds
            .iter()
            .map(|(kind, _)| kind.clone())
            .filter(|kind| !known.contains(kind))
            .take(usize::from(u8::MAX).saturating_sub(known.len()))
            .collect();
        match append(dir, &new) {
            Ok(()) => known.extend(new),
            Err(error) => tracing::warn!(%error, "new kinds are kept for as long as all others"),
        }
        let days = |kind: &Arc<str>| {
            let own = config.kinds.iter().find(|(named, _)| named == kind);
            own.map_or(everybody, |(_, days)| *days)
        };
        let retention = [everybody].into_iter().chain(known.iter().map(days)).collect();
        let numbers = known.into_iter().zip(1..=u8::MAX).collect();
        Self { numbers, retention }
    }

    /// The number under which a kind's readings are kept.
    pub(super) fn number(&self, kind: &str) -> u8 {
        self.numbers.get(kind).copied().unwrap_or(0)
    }
}

/// The kinds in the file. A last line without its end was never used.
fn read(file: &Path) -> io::Result<Vec<Arc<str>>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        OpenOptions::new().write(true).open(file)?.set_len(whole as u64)?;
    }
    Ok(text.get(..whole).unwrap_or_default().lines().map(Into::into).collect())
}

fn append(dir: &Path, kinds: &[Arc<str>]) -> io::Result<()> {
    if kinds.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    let mut file = OpenOptions::new().create(true).append(true).open(dir.join(FILE))?;
    file.write_all(format!("{}\n", kinds.join("\n")).as_bytes())?;
    file.sync_all()?;
    super::folder::sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(dir: &Path, kinds: &[(&str, u32)]) -> Classes {
        let days = |raw_days| Retention { raw_days, ..Retention::default() };
        let kinds = kinds.iter().map(|(kind, raw_days)| ((*kind).into(), days(*raw_days)));
        Classes::load(dir, &StatsConfig { kinds: kinds.collect(), ..StatsConfig::default() })
    }

    #[test]
    fn a_kind_keeps_its_number_whatever_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let classes = load(dir.path(), &[("plug", 1), ("thermometer", 2)]);
        assert_eq!((classes.number("plug"), classes.number("light")), (1, 0));
        let classes = load(dir.path(), &[("light", 3), ("thermometer", 4)]);
        assert_eq!(["plug", "thermometer", "light"].map(|kind| classes.number(kind)), [1, 2, 3]);
        let days: Vec<u32> = classes.retention.iter().map(|class| class.raw_days).collect();
        assert_eq!(days, [7, 7, 4, 3], "one without times of its own is kept as all others");
    }

    #[test]
    fn a_line_torn_by_a_crash_is_no_kind() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "plug\nthermo").unwrap();
        assert_eq!(load(dir.path(), &[("thermometer", 2)]).number("thermometer"), 2);
        assert_eq!(load(dir.path(), &[]).number("thermometer"), 2);
    }

    #[test]
    fn a_folder_that_can_not_be_used_costs_a_kind_its_own_times_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("no folder");
        fs::write(&file, b"").unwrap();
        assert_eq!(load(&file, &[("plug", 1)]).number("plug"), 0);
    }
}

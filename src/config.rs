//! The configuration: the embedded default, under the operator's file, under the environment.
//!
//! Pure: texts come in, a typed [`Config`] or every error at once goes out. `config.toml` in the
//! root of the repository documents each key; [`section`] says of each what it may be.

mod rule;
pub mod section;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rule::Rule;
use toml::{Table, Value};

pub use rule::KindDays;
pub use section::Config;

/// The built-in configuration: every key with its default, unit and reason.
pub const DEFAULT: &str = include_str!("../config.toml");

/// Variables that start so are ours: `HEARTH__SECTION__KEY`.
const PREFIX: &str = "HEARTH__";

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    /// `section.key`, or where the text can't be read.
    pub key: String,
    /// What is wrong, and what would be right.
    pub reason: String,
    /// The file or the variable that says it.
    pub source: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.key, self.reason, self.source)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Merges and checks: `env` over the file's text over the built-in default. `file_name` is
    /// for the errors; of `env` only variables of ours are looked at.
    ///
    /// # Errors
    /// All of them, in order of their keys.
    pub fn load(
        file_text: Option<&str>,
        file_name: &str,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Vec<ConfigError>> {
        let mut layers = Layers::of(file_text, file_name, env);
        let config = Self::read(&mut layers);
        if let Some(config) = &config {
            layers.errors.extend(config.contradictions());
        }
        layers.refuse_unread();
        match config {
            Some(config) if layers.errors.is_empty() => Ok(config),
            _ => {
                layers.errors.sort();
                Err(layers.errors)
            }
        }
    }
}

/// What was said, by whom, and what of it has been read.
struct Layers<'a> {
    default: Table,
    file: Table,
    file_name: &'a str,
    env: BTreeMap<String, String>,
    known: BTreeSet<String>,
    errors: Vec<ConfigError>,
}

impl<'a> Layers<'a> {
    fn of(
        file_text: Option<&str>,
        file_name: &'a str,
        env: impl Iterator<Item = (String, String)>,
    ) -> Self {
        let mut errors = vec![];
        let mut table = |text: &str, name: &str| match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(0, |span| line_of(text, span.start));
                let key = format!("line {line}");
                let reason = error.message().to_owned();
                errors.push(ConfigError { key, reason, source: name.to_owned() });
                Table::new()
            }
        };
        let default = table(DEFAULT, "the built-in config.toml");
        let file = table(file_text.unwrap_or_default(), file_name);
        let ours = |(name, value): (String, String)| {
            let path = name.strip_prefix(PREFIX)?.to_ascii_lowercase().replace("__", ".");
            Some((path, value))
        };
        let env = env.filter_map(ours).collect();
        Self { default, file, file_name, env, known: BTreeSet::new(), errors }
    }

    /// The value of a key; `None` once an error has been noted.
    fn value<T>(&mut self, section: &str, key: &str, rule: &Rule<T>) -> Option<T> {
        let path = format!("{section}.{key}");
        let default = in_table(&self.default, section, key).cloned();
        let (said, source) = if let Some(text) = self.env.get(&path) {
            (from_text(text, default.as_ref()), variable(&path))
        } else if let Some(value) = in_table(&self.file, section, key) {
            (value.clone(), self.file_name.to_owned())
        } else {
            let source = "the built-in config.toml".to_owned();
            (default.unwrap_or_else(|| Value::String("missing".to_owned())), source)
        };
        self.known.insert(path.clone());
        match rule.read(&said) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.errors.push(ConfigError { key: path, reason, source });
                None
            }
        }
    }

    /// Whatever nobody asked for is a slip of the pen.
    fn refuse_unread(&mut self) {
        let mut said = vec![];
        for (table, name) in [(&self.file, self.file_name), (&self.default, "built in")] {
            for (section, value) in table {
                match value.as_table() {
                    Some(keys) => {
                        let path = |key: &String| (format!("{section}.{key}"), name.to_owned());
                        said.extend(keys.keys().map(path));
                    }
                    None => said.push((section.clone(), name.to_owned())),
                }
            }
        }
        said.extend(self.env.keys().map(|path| (path.clone(), variable(path))));
        for (key, source) in said {
            if !self.known.contains(&key) {
                let near = self.known.iter().min_by_key(|known| distance(known, &key));
                let near = near.filter(|known| distance(known, &key) <= 3);
                let hint = near.map(|known| format!("; is {known} meant?")).unwrap_or_default();
                let reason = format!("there is no such key{hint}");
                self.errors.push(ConfigError { key, reason, source });
            }
        }
    }
}

fn in_table<'t>(table: &'t Table, section: &str, key: &str) -> Option<&'t Value> {
    table.get(section)?.as_table()?.get(key)
}

fn variable(path: &str) -> String {
    format!("environment {PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"))
}

/// A variable's text as the type its default has; text that is none stays text, for the rule to
/// refuse. A list is written as in TOML, or with commas.
fn from_text(text: &str, default: Option<&Value>) -> Value {
    let as_toml = || {
        let mut table = format!("value = {text}").parse::<Table>().ok()?;
        table.remove("value")
    };
    match default {
        None | Some(Value::String(_)) => Value::String(text.to_owned()),
        Some(Value::Array(_)) => as_toml().unwrap_or_else(|| {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }),
        Some(_) => as_toml().unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Letters to add, drop or replace until one text is the other (Levenshtein 1966).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((b, replaced), dropped) in other.iter().zip(&row).zip(row.iter().skip(1)) {
            let added = next.last().copied().unwrap_or(i);
            let cost = usize::from(a != *b);
            next.push((replaced + cost).min(dropped + 1).min(added + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;

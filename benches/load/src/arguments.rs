//! The command line: a command, then `--name value` pairs.

use std::collections::BTreeMap;
use std::io;
use std::str::FromStr;

/// What may be given, with the value that holds when it isn't.
const OPTIONS: &[(&str, &str)] = &[
    ("server", "mosquitto"),
    ("binary", ""),
    ("pid", ""),
    ("mqtt", "127.0.0.1:1883"),
    ("web", "127.0.0.1:8080"),
    ("town", ""),
    ("town-folder", ""),
    ("role", "client"),
    ("count", "1000"),
    ("pairs", "1000"),
    ("idle", "0"),
    ("rate", "5000"),
    ("qos", "0"),
    ("bytes", "64"),
    ("window", "1"),
    ("at-once", "64"),
    ("warm-up", "1"),
    ("seconds", "5"),
    ("direction", "down"),
    ("parts", "1"),
    ("part", "0"),
    ("runs", "5"),
    ("only", ""),
];

/// The command and its options.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) command: String,
    given: BTreeMap<String, String>,
}

impl Arguments {
    /// # Errors
    /// When an option is unknown or has no value.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> io::Result<Self> {
        let command = words.next().unwrap_or_default();
        let mut given = BTreeMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").unwrap_or_default();
            if !OPTIONS.iter().any(|(known, _)| *known == name) {
                return Err(io::Error::other(format!("unknown option {word}")));
            }
            let missing = || io::Error::other(format!("{word} needs a value"));
            given.insert(name.to_owned(), words.next().ok_or_else(missing)?);
        }
        Ok(Self { command, given })
    }

    /// The same options for another command, some of them changed.
    pub(crate) fn with(&self, command: &str, changes: &[(&str, &str)]) -> Self {
        let mut other = self.clone();
        command.clone_into(&mut other.command);
        for (name, value) in changes {
            other.given.insert((*name).to_owned(), (*value).to_owned());
        }
        other
    }

    /// The words that [`Arguments::parse`] reads back.
    pub(crate) fn words(&self) -> Vec<String> {
        let pairs =
            self.given.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]);
        [self.command.clone()].into_iter().chain(pairs).collect()
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        let default = OPTIONS.iter().find(|(known, _)| *known == name).map_or("", |(_, d)| d);
        self.given.get(name).map_or(default, String::as_str)
    }

    /// # Errors
    /// When the value is no such number or address.
    pub(crate) fn value<T: FromStr>(&self, name: &str) -> io::Result<T> {
        let text = self.text(name);
        text.parse().map_err(|_| io::Error::other(format!("--{name} cannot be {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> io::Result<Arguments> {
        Arguments::parse(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn options_have_defaults_and_survive_being_handed_on() -> io::Result<()> {
        let read = parse("pairs --qos 1")?.with("worker", &[("rate", "7")]);
        let again = Arguments::parse(read.words().into_iter())?;
        assert_eq!((again.value::<u8>("qos")?, again.value::<u64>("rate")?), (1, 7));
        assert_eq!((again.value::<usize>("pairs")?, again.command.as_str()), (1000, "worker"));
        Ok(())
    }

    #[test]
    fn an_unknown_option_a_missing_value_and_a_wrong_number_are_refused() -> io::Result<()> {
        assert!(parse("pairs --speed 1").is_err());
        assert!(parse("pairs --rate").is_err());
        assert!(parse("pairs --rate x")?.value::<u64>("rate").is_err());
        Ok(())
    }
}

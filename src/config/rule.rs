//! What a key may be: from a TOML value to a typed one, or the reason why not.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

/// Reads one key.
pub(super) struct Rule<T> {
    read: Read<T>,
    wanted: String,
}

type Read<T> = Box<dyn Fn(&Value) -> Option<T>>;

impl<T> Rule<T> {
    fn new(wanted: impl Into<String>, read: impl Fn(&Value) -> Option<T> + 'static) -> Self {
        Self { read: Box::new(read), wanted: wanted.into() }
    }

    /// The typed value.
    ///
    /// # Errors
    /// What was wanted, and what was found instead.
    pub(super) fn read(&self, value: &Value) -> Result<T, String> {
        let found: String = value.to_string().chars().take(80).collect();
        (self.read)(value).ok_or_else(|| format!("must be {}, not {found}", self.wanted))
    }
}

/// A whole number of a type that holds the range.
pub(super) fn count<T: TryFrom<i64> + 'static>(range: RangeInclusive<i64>) -> Rule<T> {
    let wanted = format!("a whole number from {} to {}", range.start(), range.end());
    Rule::new(wanted, move |value| {
        let number = value.as_integer().filter(|number| range.contains(number))?;
        T::try_from(number).ok()
    })
}

/// A whole number of seconds.
pub(super) fn seconds(range: RangeInclusive<i64>) -> Rule<Duration> {
    let whole = count::<u64>(range);
    let wanted = format!("{} (seconds)", whole.wanted);
    Rule::new(wanted, move |value| (whole.read)(value).map(Duration::from_secs))
}

/// A whole number of milliseconds.
pub(super) fn millis(range: RangeInclusive<i64>) -> Rule<Duration> {
    let whole = count::<u64>(range);
    let wanted = format!("{} (milliseconds)", whole.wanted);
    Rule::new(wanted, move |value| (whole.read)(value).map(Duration::from_millis))
}

/// Yes or no.
pub(super) fn truth() -> Rule<bool> {
    Rule::new("true or false", Value::as_bool)
}

/// An IP address with a port; port 0 takes a free one.
pub(super) fn address() -> Rule<SocketAddr> {
    let wanted = r#"an address such as "127.0.0.1:1883" or "[::1]:1883""#;
    Rule::new(wanted, |value| value.as_str()?.parse().ok())
}

/// An address, or an empty text for none.
pub(super) fn optional_address() -> Rule<Option<SocketAddr>> {
    let some = address();
    let wanted = format!("empty or {}", some.wanted);
    Rule::new(wanted, move |value| optional(value, |_text| (some.read)(value)))
}

/// Short text, or an empty one for none.
pub(super) fn optional_text(chars_max: usize) -> Rule<Option<String>> {
    Rule::new(format!("text of at most {chars_max} characters"), move |value| {
        let short = value.as_str()?.chars().count() <= chars_max;
        optional(value, |text| short.then(|| text.to_owned()))
    })
}

/// A file's or folder's name.
pub(super) fn path() -> Rule<PathBuf> {
    Rule::new("the name of a folder", |value| {
        value.as_str().filter(|text| !text.is_empty()).map(PathBuf::from)
    })
}

/// A file's name, or an empty text for none.
pub(super) fn optional_path() -> Rule<Option<PathBuf>> {
    let wanted = "empty or the name of a file";
    Rule::new(wanted, |value| optional(value, |text| Some(PathBuf::from(text))))
}

/// An origin (RFC 6454: scheme, host and port, nothing behind), or an empty text for none.
pub(super) fn optional_origin() -> Rule<Option<String>> {
    let wanted = r#"empty or an address such as "https://home.example", without a path"#;
    Rule::new(wanted, |value| optional(value, origin))
}

/// A list of origins.
pub(super) fn origins() -> Rule<Vec<String>> {
    let wanted = r#"a list of addresses such as "https://home.example", without a path"#;
    Rule::new(wanted, |value| list(value, origin))
}

/// A list of IP addresses.
pub(super) fn ip_addresses() -> Rule<Vec<IpAddr>> {
    Rule::new("a list of IP addresses", |value| list(value, |text| text.parse().ok()))
}

/// A list of texts that are not empty.
pub(super) fn texts() -> Rule<Vec<String>> {
    Rule::new("a list of texts", |value| {
        list(value, |text| (!text.is_empty()).then(|| text.to_owned()))
    })
}

/// For how long the history of one kind is kept, in days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindDays {
    /// The kind's name.
    pub kind: String,
    /// Readings.
    pub raw_days: u32,
    /// Their minutes.
    pub minute_days: u32,
    /// Their hours; 0: for ever.
    pub hour_days: u32,
}

/// A list of kinds with the days for which their history is kept, each kind once.
pub(super) fn kind_days() -> Rule<Vec<KindDays>> {
    let days_max = 36_600;
    let wanted = format!(
        "a list of kinds such as \"thermometer=30/365/0\", each once, with 1 to {days_max} days \
         (the last: 0 for ever)"
    );
    let read = move |text: &str| {
        let (kind, days) = text.split_once('=')?;
        let days: Vec<u32> =
            days.split('/').map(|days| days.parse().ok()).collect::<Option<_>>()?;
        let [raw_days, minute_days, hour_days] = *days.as_slice() else { return None };
        let fits = |days: u32| (1..=days_max).contains(&days);
        let fits = fits(raw_days) && fits(minute_days) && (hour_days == 0 || fits(hour_days));
        let kind = kind.to_owned();
        fits.then_some(KindDays { kind, raw_days, minute_days, hour_days })
    };
    Rule::new(wanted, move |value| {
        let list = list(value, read)?;
        let mut names: Vec<&str> = list.iter().map(|days| days.kind.as_str()).collect();
        names.sort_unstable();
        (names.len() <= 255 && names.windows(2).all(|pair| pair.first() != pair.last()))
            .then_some(list)
    })
}

/// One of some words.
pub(super) fn one_of(words: &'static [&'static str]) -> Rule<&'static str> {
    Rule::new(format!("one of {}", words.join(", ")), |value| {
        let said = value.as_str()?;
        words.iter().copied().find(|word| *word == said)
    })
}

/// `None` if the value is wrong, `Some(None)` if it is empty.
#[expect(clippy::option_option, reason = "wrong and absent are different things here")]
fn optional<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    let text = value.as_str()?;
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

fn list<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|item| read(item.as_str()?)).collect()
}

fn origin(text: &str) -> Option<String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    (!host.is_empty() && host.chars().all(plain)).then(|| text.to_owned())
}

//! A kind's file: TOML in, a [`Kind`] or everything that is wrong with it out.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Kind;
use super::behaviour::Behaviour;
use super::fault::KindError;
use super::schema::{INTEGER_MAX, Property, Type};
use crate::model::Name;

/// Longest file, in bytes.
pub const FILE_BYTES_MAX: usize = 64 * 1024;
/// Most properties of a kind.
pub const PROPERTIES_MAX: usize = 64;
/// Most words of an enum.
pub const VALUES_MAX: usize = 64;
/// Longest name of a kind or property, in characters.
pub const NAME_CHARS_MAX: usize = 32;
/// Longest title, unit, widget or word of an enum, in characters.
pub const LABEL_CHARS_MAX: usize = 64;
/// Longest text that a property may hold, in characters.
pub const TEXT_CHARS_MAX: i64 = 1024;
/// Longest time to live of a wish, in seconds: a year.
pub const TTL_S_MAX: i64 = 365 * 24 * 3600;
const TEXT_CHARS: i64 = 200;

/// Whether `name` can name a kind or a property: `[a-z0-9_]{1,32}`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(known)
}

/// Reads the file of the kind `name`.
///
/// # Errors
/// All that is wrong with it, in the order of its lines.
pub(super) fn read(
    file: &str,
    name: Name,
    text: &str,
    behaviour: Behaviour,
) -> Result<Kind, Vec<KindError>> {
    let mut reader = Reader { file, text, faults: Vec::new() };
    if text.len() > FILE_BYTES_MAX {
        reader.fault(0..0, format!("longer than {FILE_BYTES_MAX} bytes"));
        return Err(reader.faults);
    }
    let (table, broken) = DeTable::parse_recoverable(text);
    for error in broken {
        reader.fault(error.span().unwrap_or_default(), error.message().to_owned());
    }
    if !reader.faults.is_empty() {
        return Err(reader.faults);
    }
    let (title, mut properties) = reader.kind(&name, &table);
    if reader.faults.is_empty() {
        properties.sort_by(|one, other| one.name.cmp(&other.name));
        return Ok(Kind { name, title, properties, behaviour });
    }
    reader.faults.sort_by_key(|fault| fault.line);
    Err(reader.faults)
}

type Node<'t> = Spanned<DeValue<'t>>;

struct Reader<'f> {
    file: &'f str,
    text: &'f str,
    faults: Vec<KindError>,
}

impl Reader<'_> {
    fn fault(&mut self, at: Range<usize>, reason: impl Into<String>) {
        let before = self.text.as_bytes().iter().take(at.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        self.faults.push(KindError { file: self.file.to_owned(), line, reason: reason.into() });
    }

    fn kind(&mut self, name: &str, table: &Spanned<DeTable<'_>>) -> (Arc<str>, Vec<Property>) {
        let mut title: Arc<str> = name.into();
        let mut properties = Vec::new();
        for (key, node) in table.get_ref() {
            match key.get_ref().as_ref() {
                "title" => title = self.label("title", node).unwrap_or(title),
                "property" => properties = self.properties(node),
                other => {
                    let reason = format!("unknown key {other:?}: a kind has title and property");
                    self.fault(key.span(), reason);
                }
            }
        }
        if properties.is_empty() && self.faults.is_empty() {
            self.fault(0..0, "a kind needs at least one [property.…]");
        }
        (title, properties)
    }

    fn properties(&mut self, node: &Node<'_>) -> Vec<Property> {
        let Some(table) = node.get_ref().as_table() else {
            self.fault(node.span(), "property is a table: [property.water_c]");
            return Vec::new();
        };
        if table.len() > PROPERTIES_MAX {
            self.fault(node.span(), format!("more than {PROPERTIES_MAX} properties"));
            return Vec::new();
        }
        let mut properties = Vec::new();
        for (key, node) in table {
            let name = key.get_ref().as_ref();
            if !is_name(name) {
                self.fault(key.span(), format!("{name:?} is no name: 1 to 32 of a-z, 0-9 and _"));
            }
            match node.get_ref().as_table() {
                Some(fields) => properties.extend(self.property(name, key.span(), fields)),
                None => self.fault(node.span(), format!("{name} is a table: [property.{name}]")),
            }
        }
        properties
    }

    fn property(&mut self, name: &str, at: Range<usize>, fields: &DeTable<'_>) -> Option<Property> {
        for (key, _) in fields {
            if !FIELDS.contains(&key.get_ref().as_ref()) {
                let reason = format!("unknown key {:?}", key.get_ref());
                self.fault(key.span(), reason);
            }
        }
        let type_ = self.type_(at, fields)?;
        let writable = self.truth(fields, "writable");
        let local = self.truth(fields, "local");
        let ttl_s = self.whole(fields, "ttl_s").and_then(|(ttl_s, at)| {
            if !(1..=TTL_S_MAX).contains(&ttl_s) {
                self.fault(at, "ttl_s is 1 second to a year");
            }
            u32::try_from(ttl_s).ok()
        });
        for (key, means) in [("local", local), ("ttl_s", ttl_s.is_some())] {
            if let Some(node) = fields.get(key).filter(|_| means && !writable) {
                self.fault(node.span(), format!("{key} is for properties with writable = true"));
            }
        }
        Some(Property {
            name: name.into(),
            title: fields.get("title").and_then(|node| self.label("title", node)),
            type_,
            unit: fields.get("unit").and_then(|node| self.label("unit", node)),
            writable,
            local,
            history: self.truth(fields, "history"),
            widget: fields.get("widget").and_then(|node| self.label("widget", node)),
            ttl_s,
        })
    }

    fn type_(&mut self, at: Range<usize>, fields: &DeTable<'_>) -> Option<Type> {
        let Some(node) = fields.get("type") else {
            self.fault(at, "type is missing: bool, number, integer, text or enum");
            return None;
        };
        let word = node.get_ref().as_str().unwrap_or_default();
        let Some((_, own)) = TYPES.iter().find(|(known, _)| *known == word) else {
            self.fault(node.span(), "type is bool, number, integer, text or enum");
            return None;
        };
        for (key, _) in fields {
            let key_name = key.get_ref().as_ref();
            if LIMITS.contains(&key_name) && !own.contains(&key_name) {
                self.fault(key.span(), format!("{key_name} means nothing for type {word:?}"));
            }
        }
        match word {
            "number" => self.number_type(fields),
            "integer" => self.integer_type(fields),
            "text" => self.text_type(fields),
            "enum" => self.enum_type(node.span(), fields),
            _ => Some(Type::Bool),
        }
    }

    fn number_type(&mut self, fields: &DeTable<'_>) -> Option<Type> {
        let [min, max, step] = ["min", "max", "step"].map(|key| self.number(fields, key));
        if let (Some((min, _)), Some((max, at))) = (&min, &max)
            && min > max
        {
            self.fault(at.clone(), "max is below min");
            return None;
        }
        if let Some((step, at)) = &step
            && *step <= 0.0
        {
            self.fault(at.clone(), "step is above zero");
            return None;
        }
        let [min, max, step] = [min, max, step].map(|limit| limit.map(|(number, _)| number));
        Some(Type::Number { min, max, step })
    }

    fn integer_type(&mut self, fields: &DeTable<'_>) -> Option<Type> {
        let [min, max, step] = ["min", "max", "step"].map(|key| self.whole(fields, key));
        for (limit, at) in [&min, &max].into_iter().flatten() {
            if !(-INTEGER_MAX..=INTEGER_MAX).contains(limit) {
                self.fault(at.clone(), "JSON holds whole numbers up to 2^53-1 exactly, no larger");
                return None;
            }
        }
        let place = max.as_ref().or(min.as_ref()).map(|(_, at)| at.clone()).unwrap_or_default();
        let min = min.map_or(-INTEGER_MAX, |(min, _)| min);
        let max = max.map_or(INTEGER_MAX, |(max, _)| max);
        if min > max {
            self.fault(place, "max is below min");
            return None;
        }
        match step {
            Some((step, at)) if !(1..=INTEGER_MAX).contains(&step) => {
                self.fault(at, "step is at least 1");
                None
            }
            step => Some(Type::Integer { min, max, step: step.map_or(1, |(step, _)| step) }),
        }
    }

    fn text_type(&mut self, fields: &DeTable<'_>) -> Option<Type> {
        let (chars, at) = self.whole(fields, "max_chars").unwrap_or((TEXT_CHARS, 0..0));
        match u16::try_from(chars) {
            Ok(max_chars) if (1..=TEXT_CHARS_MAX).contains(&chars) => {
                Some(Type::Text { max_chars })
            }
            _ => {
                self.fault(at, format!("max_chars is 1 to {TEXT_CHARS_MAX}"));
                None
            }
        }
    }

    fn enum_type(&mut self, at: Range<usize>, fields: &DeTable<'_>) -> Option<Type> {
        let Some(node) = fields.get("values") else {
            self.fault(at, "an enum needs values = [\"…\"]");
            return None;
        };
        let words = node.get_ref().as_array().map(|array| array.iter().collect::<Vec<_>>());
        let words = words.unwrap_or_default();
        if !(1..=VALUES_MAX).contains(&words.len()) {
            self.fault(node.span(), format!("values is a list of 1 to {VALUES_MAX} words"));
            return None;
        }
        let mut values: Vec<Name> = Vec::new();
        for node in words {
            let word = self.label("a word", node)?;
            if values.contains(&word) {
                self.fault(node.span(), format!("{word:?} is there twice"));
            }
            values.push(word);
        }
        Some(Type::Enum { values })
    }

    fn label(&mut self, what: &str, node: &Node<'_>) -> Option<Arc<str>> {
        match node.get_ref().as_str() {
            Some(text) if (1..=LABEL_CHARS_MAX).contains(&text.chars().count()) => {
                Some(text.into())
            }
            _ => {
                let reason = format!("{what} is text of 1 to {LABEL_CHARS_MAX} characters");
                self.fault(node.span(), reason);
                None
            }
        }
    }

    fn truth(&mut self, fields: &DeTable<'_>, key: &str) -> bool {
        let Some(node) = fields.get(key) else { return false };
        node.get_ref().as_bool().unwrap_or_else(|| {
            self.fault(node.span(), format!("{key} is true or false"));
            false
        })
    }

    fn whole(&mut self, fields: &DeTable<'_>, key: &str) -> Option<(i64, Range<usize>)> {
        let node = fields.get(key)?;
        let digits = node.get_ref().as_integer();
        let whole = digits.and_then(|d| i64::from_str_radix(d.as_str(), d.radix()).ok());
        if whole.is_none() {
            self.fault(node.span(), format!("{key} is a whole number"));
        }
        whole.map(|whole| (whole, node.span()))
    }

    fn number(&mut self, fields: &DeTable<'_>, key: &str) -> Option<(f64, Range<usize>)> {
        let node = fields.get(key)?;
        let value = node.get_ref();
        let text = value.as_float().map(toml::de::DeFloat::as_str);
        let text = text.or_else(|| {
            value.as_integer().filter(|d| d.radix() == 10).map(toml::de::DeInteger::as_str)
        });
        let number = text.and_then(|text| text.parse::<f64>().ok()).filter(|n| n.is_finite());
        if number.is_none() {
            self.fault(node.span(), format!("{key} is a finite number"));
        }
        number.map(|number| (number, node.span()))
    }
}

/// The limits that each type knows.
const TYPES: &[(&str, &[&str])] = &[
    ("bool", &[]),
    ("number", &["min", "max", "step"]),
    ("integer", &["min", "max", "step"]),
    ("text", &["max_chars"]),
    ("enum", &["values"]),
];
const LIMITS: &[&str] = &["min", "max", "step", "max_chars", "values"];
const FIELDS: &[&str] = &[
    "type",
    "title",
    "unit",
    "min",
    "max",
    "step",
    "max_chars",
    "values",
    "writable",
    "local",
    "history",
    "widget",
    "ttl_s",
];

#[cfg(test)]
mod tests;

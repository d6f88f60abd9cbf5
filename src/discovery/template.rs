//! Templates of a thing's configuration: how its messages are read and its orders written. Pure.
//!
//! Most are a path into a JSON message, `{{ value_json.a.b }}`; these are followed without the
//! engine. The others keep their source, and are compiled for each message, which costs some
//! 10 µs: so a thing costs no more memory than its words, and all share one engine.
//!
//! A stranger wrote them. They see no more than the message; their work and output have an end by
//! the engine's fuel, which is charged for instructions and for bytes.

mod engine;

pub(super) use engine::of_json as engine_value;

use std::borrow::Cow;

use minijinja::Value;
use serde_json::Value as Json;

use super::payload::Payload;

/// Longest template, in bytes.
pub(super) const TEMPLATE_BYTES_MAX: usize = 4 * 1024;
/// Longest text that comes out of one, in bytes.
pub(super) const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Longest path into a JSON message, in steps.
const STEPS_MAX: usize = 16;

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    /// The message as it is: `{{ value }}`.
    Whole,
    /// A place in a JSON message.
    Path(Box<[Step]>),
    /// Anything else.
    Source(Box<str>),
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into an object.
    Key(Box<str>),
    /// Into a list.
    At(usize),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// It is too long, or none: words that follow the field's name.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(format!("is longer than {TEMPLATE_BYTES_MAX} bytes"));
        }
        if let Some(plain) = plain(source) {
            return Ok(plain);
        }
        engine::check(source)?;
        Ok(Self::Source(source.into()))
    }

    /// What it makes of a message; nothing where the message doesn't have what it asks for.
    ///
    /// # Errors
    /// It can't be followed: the words for the owner.
    pub(super) fn read(&self, message: &Payload<'_>) -> Result<String, String> {
        match self {
            Self::Whole => Ok(message.text().trim().to_owned()),
            Self::Path(steps) => {
                let json = message.json().ok_or_else(|| "it isn't JSON".to_owned())?;
                let found = steps.iter().try_fold(json, |json, step| match step {
                    Step::Key(key) => json.get(key.as_ref()),
                    Step::At(at) => json.get(*at),
                });
                Ok(found.map_or(Cow::Borrowed(""), printed).trim().to_owned())
            }
            Self::Source(source) => {
                let mut given = vec![("value", Value::from(message.text()))];
                let json = message.engine_reads()?;
                given.extend(json.map(|json| ("value_json", json.clone())));
                engine::render(source, given)
            }
        }
    }

    /// An order of `value`, with what else is known by name.
    ///
    /// # Errors
    /// It can't be followed: the words for the owner.
    pub(super) fn write(
        &self,
        value: impl Into<Value>,
        more: &[(&'static str, f64)],
    ) -> Result<String, String> {
        let value = value.into();
        match self {
            Self::Whole => Ok(value.to_string()),
            Self::Path(_) => Err("it asks for a message, but this is an order".to_owned()),
            Self::Source(source) => {
                let mut given = vec![("value", value)];
                given.extend(more.iter().map(|(name, number)| (*name, engine::number(*number))));
                engine::render(source, given)
            }
        }
    }
}

/// A value as Home Assistant's templates print it.
fn printed(json: &Json) -> Cow<'_, str> {
    match json {
        Json::String(text) => Cow::Borrowed(text),
        Json::Null => Cow::Borrowed("None"),
        Json::Bool(true) => Cow::Borrowed("True"),
        Json::Bool(false) => Cow::Borrowed("False"),
        Json::Number(_) | Json::Array(_) | Json::Object(_) => Cow::Owned(json.to_string()),
    }
}

/// A template that needs no engine.
fn plain(source: &str) -> Option<Template> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    // What isn't there says nothing anyway.
    let inner = match inner.split_once('|') {
        None => inner,
        Some((path, filter)) if filter.trim() == "is_defined" => path.trim(),
        Some(_) => return None,
    };
    if inner == "value" {
        return Some(Template::Whole);
    }
    let mut rest = inner.strip_prefix("value_json")?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = step(rest)?;
        steps.push(step);
        rest = after;
    }
    let fits = !steps.is_empty() && steps.len() <= STEPS_MAX;
    fits.then(|| Template::Path(steps.into_boxed_slice()))
}

/// `.name`, `['name']`, `["name"]` or `[0]` at the front, and what follows.
fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_');
        let (name, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        let named = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        return named.then(|| (Step::Key(name.into()), after));
    }
    let rest = text.strip_prefix('[')?.trim_start();
    let quote = rest.chars().next()?;
    if quote.is_ascii_digit() {
        let (digits, after) = rest.split_once(']')?;
        return Some((Step::At(digits.trim().parse().ok()?), after));
    }
    if !matches!(quote, '\'' | '"') {
        return None;
    }
    let (name, after) = rest.strip_prefix(quote)?.split_once(quote)?;
    // An escape is left to the engine.
    let after = after.trim_start().strip_prefix(']').filter(|_| !name.contains('\\'))?;
    Some((Step::Key(name.into()), after))
}

#[cfg(test)]
mod tests;

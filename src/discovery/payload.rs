//! What a thing said: a message's payload, read as text, and as JSON once if anybody asks. Pure.
//!
//! All who take the message read the same payload: what they make of it by templates is bounded
//! together, for one message may concern as many entities as its sender announces.

use std::cell::{Cell, OnceCell};

use minijinja::Value;
use serde_json::Value as Json;

use super::template::{Template, engine_value};

/// Longest message of a thing that is read, in bytes.
pub(super) const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// How often the engine of templates may read one message. A bridge whose message needs the engine
/// for each of its devices has less than a hundred.
const ENGINE_RUNS_MAX: u32 = 128;

/// How much of a thing's own words an explanation repeats, in characters.
const QUOTED_CHARS_MAX: usize = 60;

/// Text of a thing in an explanation: short, and without control characters.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text
        .chars()
        .take(QUOTED_CHARS_MAX)
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    let more = if text.chars().nth(QUOTED_CHARS_MAX).is_some() { "…" } else { "" };
    format!("“{short}{more}”")
}

/// Whether a text says nothing of what it is about.
pub(super) fn is_nothing(text: &str) -> bool {
    matches!(text.trim(), "" | "None" | "none" | "null" | "unknown" | "unavailable")
        || text.trim().eq_ignore_ascii_case("nan")
}

/// What is true or false, in the words that Home Assistant takes for it, in small letters.
pub(super) fn truth(word: &str) -> Option<bool> {
    match word {
        "true" | "yes" | "on" | "enable" | "1" => Some(true),
        "false" | "no" | "off" | "disable" | "0" => Some(false),
        _ => None,
    }
}

/// What a thing said.
#[derive(Debug)]
pub struct Payload<'p> {
    text: &'p str,
    json: OnceCell<Option<Json>>,
    /// The same for the engine of templates.
    value: OnceCell<Value>,
    engine_runs: Cell<u32>,
}

impl<'p> Payload<'p> {
    /// Reads it as text.
    ///
    /// # Errors
    /// It is no text, or too long: the words for the owner.
    pub fn new(payload: &'p [u8]) -> Result<Self, String> {
        if payload.len() > MESSAGE_BYTES_MAX {
            return Err(format!("it is longer than {MESSAGE_BYTES_MAX} bytes"));
        }
        let text = std::str::from_utf8(payload).map_err(|_| "it isn't a text".to_owned())?;
        let (json, value, engine_runs) = (OnceCell::new(), OnceCell::new(), Cell::new(0));
        Ok(Self { text, json, value, engine_runs })
    }

    /// What was sent.
    pub(super) fn text(&self) -> &'p str {
        self.text
    }

    /// The same as JSON, if it is that.
    pub(super) fn json(&self) -> Option<&Json> {
        self.json.get_or_init(|| serde_json::from_str(self.text).ok()).as_ref()
    }

    /// The same for the engine, which is about to read it once more.
    ///
    /// # Errors
    /// It was read too often: the words for the owner.
    pub(super) fn engine_reads(&self) -> Result<Option<&Value>, String> {
        let runs = self.engine_runs.get() + 1;
        if runs > ENGINE_RUNS_MAX {
            return Err(format!("more than {ENGINE_RUNS_MAX} templates read it"));
        }
        self.engine_runs.set(runs);
        Ok(self.json().map(|json| self.value.get_or_init(|| engine_value(json))))
    }

    /// What a template makes of it; without one, all of it.
    ///
    /// # Errors
    /// The template can't be followed: the words for the owner.
    pub(super) fn through(&self, template: Option<&Template>) -> Result<String, String> {
        template.map_or_else(|| Ok(self.text.to_owned()), |template| template.read(self))
    }
}

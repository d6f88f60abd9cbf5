//! The proof of concept's names for a cooker's target, timer and start.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::Kind;
use super::fault::FieldError;
use super::schema::INTEGER_MAX;
use super::wish::Wish;

/// The old names beside the rest of a device's view.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Legacy {
    /// Target temperature, °C.
    #[serde(rename = "targetTemp")]
    pub target_temp: Option<f64>,
    /// Timer, seconds.
    pub time: Option<i64>,
    /// When the timer was started, Unix milliseconds.
    pub timestamp: Option<i64>,
}

/// What the old names ask for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LegacyWish {
    /// The same in the schema's names.
    pub wish: Wish,
    /// When the timer was started, Unix milliseconds; `Some(None)` for "not at all".
    pub timer_start_ms: Option<Option<i64>>,
}

impl LegacyWish {
    pub(super) fn read(
        kind: &Kind,
        json: &Map<String, Json>,
        known: bool,
    ) -> Result<Self, Vec<FieldError>> {
        let mut desired = Map::new();
        let mut read = Self::default();
        let mut faults = Vec::new();
        for (name, value) in json {
            match name.as_str() {
                "targetTemp" if known => {
                    desired.insert("target_c".to_owned(), value.clone());
                }
                "time" if known => {
                    desired.insert("timer_s".to_owned(), value.clone());
                }
                "current_time" if known => match instant(value) {
                    Ok(start) => read.timer_start_ms = Some(start),
                    Err(reason) => {
                        faults.push(FieldError::new(name.clone(), "wrong_type", reason));
                    }
                },
                _ => faults.push(FieldError::new(name.clone(), "unknown_field", "unknown field")),
            }
        }
        match kind.wish(&desired) {
            Ok(wish) => read.wish = wish,
            Err(more) => faults.extend(more.into_iter().map(in_old_words)),
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }
}

fn in_old_words(fault: FieldError) -> FieldError {
    let old = if fault.field == "desired.target_c" { "targetTemp" } else { "time" };
    FieldError { field: old.to_owned(), ..fault }
}

#[expect(clippy::cast_possible_truncation, reason = "within 2^53")]
#[expect(clippy::cast_precision_loss, reason = "2^53-1 is exact")]
fn instant(json: &Json) -> Result<Option<i64>, &'static str> {
    if json.is_null() {
        return Ok(None);
    }
    match json.as_f64() {
        Some(ms) if (0.0..=INTEGER_MAX as f64).contains(&ms) => Ok(Some(ms as i64)),
        _ => Err("wants Unix milliseconds"),
    }
}

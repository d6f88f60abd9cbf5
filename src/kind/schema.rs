//! What a kind's properties look like, and what a value must be to be one of them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::{Name, Value};

/// The largest whole number that every JSON reader holds exactly (RFC 8259, section 6).
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// One property of a kind: what its values are and what may be done with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Its name in every interface: `[a-z0-9_]{1,32}`.
    pub name: Name,
    /// What people call it; without it, the page makes one from the name.
    pub title: Option<Arc<str>>,
    /// What its values are.
    pub type_: Type,
    /// Unit of its numbers, as shown.
    pub unit: Option<Arc<str>>,
    /// Whether people may desire a value.
    pub writable: bool,
    /// Whether the server keeps it to itself: applied once accepted, never sent to the device.
    pub local: bool,
    /// Whether its values are kept over time.
    pub history: bool,
    /// How a page might draw it.
    pub widget: Option<Arc<str>>,
    /// Seconds after which a wish that was not applied is given up.
    pub ttl_s: Option<u32>,
}

/// What the values of a property are.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A finite number. Wishes lie on the grid of `step`, counted from `min` (or from zero).
    Number {
        /// Smallest value.
        min: Option<f64>,
        /// Largest value.
        max: Option<f64>,
        /// Distance of two neighbouring values.
        step: Option<f64>,
    },
    /// A whole number. Wishes lie on the grid of `step`, counted from `min`.
    Integer {
        /// Smallest value, not below -(2^53-1).
        min: i64,
        /// Largest value, not above 2^53-1.
        max: i64,
        /// Distance of two neighbouring values, at least 1.
        step: i64,
    },
    /// Any text.
    Text {
        /// Longest text, in characters.
        max_chars: u16,
    },
    /// One of a few words.
    Enum {
        /// The words, in the order they are shown.
        values: Vec<Name>,
    },
}

/// A value as JSON gives it, before the schema has spoken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Raw<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
    Nested,
}

impl<'a> From<&'a serde_json::Value> for Raw<'a> {
    fn from(json: &'a serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Bool(*truth),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Integer(whole),
                (None, Some(number)) => Self::Number(number),
                (None, None) => Self::Number(f64::NAN),
            },
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => Self::Nested,
        }
    }
}

impl Raw<'_> {
    const fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Integer(_) | Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Nested => "an object or a list",
        }
    }
}

/// Why a value is not one of its property's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) reason: Cow<'static, str>,
}

impl Fault {
    fn wrong_type(wanted: &str, got: Raw<'_>) -> Self {
        Self { code: "wrong_type", reason: format!("wants {wanted}, got {}", got.word()).into() }
    }

    fn out_of_range(reason: String) -> Self {
        Self { code: "out_of_range", reason: reason.into() }
    }
}

impl Property {
    /// The value that `raw` means, if the schema knows it.
    pub(super) fn take(&self, raw: Raw<'_>) -> Result<Value, Fault> {
        match &self.type_ {
            Type::Bool => take_truth(raw),
            Type::Number { min, max, .. } => take_number(raw, *min, *max),
            Type::Integer { min, max, .. } => take_integer(raw, *min, *max),
            Type::Text { max_chars } => take_text(raw, *max_chars),
            Type::Enum { values } => take_word(raw, values),
        }
    }

    /// The nearest value on the property's grid, within its range.
    #[must_use]
    pub fn snap(&self, value: Value) -> Value {
        match (&self.type_, value) {
            (Type::Number { min, max, step: Some(step) }, Value::Number(number)) => {
                let nearest = snap_number(number, min.unwrap_or(0.0), *max, *step);
                Value::Number(nearest.max(min.unwrap_or(f64::MIN)).min(max.unwrap_or(f64::MAX)))
            }
            (Type::Integer { min, max, step }, Value::Integer(whole)) => {
                Value::Integer(snap_integer(whole, *min, *max, *step))
            }
            (_, value) => value,
        }
    }

    /// The distance of two neighbouring values; none for what is no number, or any number.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "steps lie below 2^53")]
    pub const fn step(&self) -> Option<f64> {
        match &self.type_ {
            Type::Number { step, .. } => *step,
            Type::Integer { step, .. } => Some(*step as f64),
            Type::Bool | Type::Text { .. } | Type::Enum { .. } => None,
        }
    }

    /// Whether two values are the same as far as the property's step can tell: within half of it.
    ///
    /// A number without a step is the same within a millionth: what an `f32` on a chip can hold.
    #[must_use]
    pub fn same(&self, one: &Value, other: &Value) -> bool {
        match (&self.type_, one, other) {
            (Type::Integer { step, .. }, Value::Integer(a), Value::Integer(b)) => {
                a.abs_diff(*b).saturating_mul(2) <= step.unsigned_abs()
            }
            (Type::Number { step, .. }, a, b) => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => {
                    let within = step.map_or(1e-6 * a.abs().max(b.abs()).max(1.0), |s| s / 2.0);
                    (a - b).abs() <= within * (1.0 + 1e-9)
                }
                _ => a == b,
            },
            (_, a, b) => a == b,
        }
    }
}

fn take_truth(raw: Raw<'_>) -> Result<Value, Fault> {
    let Raw::Bool(truth) = raw else {
        return Err(Fault::wrong_type("true or false", raw));
    };
    Ok(Value::Bool(truth))
}

fn take_number(raw: Raw<'_>, min: Option<f64>, max: Option<f64>) -> Result<Value, Fault> {
    let number = match raw {
        #[expect(clippy::cast_precision_loss, reason = "a number property is a float by contract")]
        Raw::Integer(whole) => whole as f64,
        Raw::Number(number) => number,
        Raw::Null | Raw::Bool(_) | Raw::Text(_) | Raw::Nested => {
            return Err(Fault::wrong_type("a number", raw));
        }
    };
    if !number.is_finite() {
        return Err(Fault { code: "not_finite", reason: "wants a finite number".into() });
    }
    match (min, max) {
        (Some(min), _) if number < min => Err(Fault::out_of_range(format!("is below {min}"))),
        (_, Some(max)) if number > max => Err(Fault::out_of_range(format!("is above {max}"))),
        // Adding zero turns the negative zero into the one zero that people know.
        _ => Ok(Value::Number(number + 0.0)),
    }
}

fn take_integer(raw: Raw<'_>, min: i64, max: i64) -> Result<Value, Fault> {
    let whole = match raw {
        Raw::Integer(whole) => whole,
        Raw::Number(number) => match whole(number) {
            Some(whole) => whole,
            None if number.fract() == 0.0 => {
                return Err(Fault::out_of_range(format!("must be {min} to {max}")));
            }
            None => return Err(Fault::wrong_type("a whole number", raw)),
        },
        Raw::Null | Raw::Bool(_) | Raw::Text(_) | Raw::Nested => {
            return Err(Fault::wrong_type("a whole number", raw));
        }
    };
    if whole < min {
        return Err(Fault::out_of_range(format!("is below {min}")));
    }
    if whole > max {
        return Err(Fault::out_of_range(format!("is above {max}")));
    }
    Ok(Value::Integer(whole))
}

/// `3.0` as `3`: JSON has one kind of number only.
#[expect(clippy::cast_possible_truncation, reason = "whole, and within 2^53")]
#[expect(clippy::cast_precision_loss, reason = "2^53-1 is exact")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= INTEGER_MAX as f64).then_some(number as i64)
}

fn take_text(raw: Raw<'_>, max_chars: u16) -> Result<Value, Fault> {
    let Raw::Text(text) = raw else {
        return Err(Fault::wrong_type("text", raw));
    };
    if text.chars().nth(usize::from(max_chars)).is_some() {
        return Err(Fault {
            code: "too_long",
            reason: format!("is longer than {max_chars} characters").into(),
        });
    }
    Ok(Value::Text(text.into()))
}

fn take_word(raw: Raw<'_>, values: &[Name]) -> Result<Value, Fault> {
    let Raw::Text(text) = raw else {
        return Err(Fault::wrong_type("one of its words", raw));
    };
    match values.iter().find(|known| known.as_ref() == text) {
        Some(known) => Ok(Value::Text(known.clone())),
        None => Err(Fault {
            code: "unknown_value",
            reason: format!("must be one of: {}", values.join(", ")).into(),
        }),
    }
}

/// The grid point nearest to `number`; written with no more decimals than the grid has.
fn snap_number(number: f64, base: f64, max: Option<f64>, step: f64) -> f64 {
    let point = |steps: f64| {
        let exact = base + steps * step;
        let scale = decimals(step).max(decimals(base));
        let clean = (exact * scale).round() / scale;
        if clean.is_finite() { clean } else { exact }
    };
    let steps = ((number - base) / step).round();
    let nearest = point(steps);
    if max.is_some_and(|max| nearest > max) { point(steps - 1.0) } else { nearest }
}

/// The power of ten that makes `number` whole, up to a thousand million.
fn decimals(number: f64) -> f64 {
    let mut scale = 1.0;
    while scale < 1e9 && ((number * scale).round() - number * scale).abs() > 1e-6 {
        scale *= 10.0;
    }
    scale
}

fn snap_integer(whole: i64, min: i64, max: i64, step: i64) -> i64 {
    // The schema keeps all four within 2^53, so nothing here overflows.
    let above = whole.saturating_sub(min);
    let steps = above.saturating_add(step / 2).checked_div(step).unwrap_or(0);
    let nearest = min.saturating_add(steps.saturating_mul(step));
    if nearest > max { nearest.saturating_sub(step) } else { nearest }
}

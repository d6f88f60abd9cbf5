//! Numbers between text, JSON and a thing's own scale. Pure.

use serde_json::{Map, Number, Value as Json};

/// The number that a text is, with space around it or without; never infinite, never not a number.
pub(super) fn of_text(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// The number that a JSON value is, or that its text is.
pub(super) fn of_json(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64().filter(|number| number.is_finite()),
        Json::String(text) => of_text(text),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The number called `name` in `props`.
pub(super) fn of(props: &Map<String, Json>, name: &str) -> Option<f64> {
    props.get(name).and_then(of_json)
}

/// The nearest whole number; one beyond what fits is the outermost that does.
#[expect(clippy::cast_possible_truncation, reason = "a cast of a float goes to the nearest bound")]
pub(super) fn nearest(number: f64) -> i64 {
    number.round() as i64
}

/// The number with at most `digits` decimals.
pub(super) fn rounded(number: f64, digits: i32) -> f64 {
    let by = 10_f64.powi(digits);
    let scaled = (number * by).round() / by;
    if scaled.is_finite() { scaled } else { number }
}

/// A number as JSON; `null` for one that JSON has not.
pub(super) fn json(number: f64) -> Json {
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

/// As many numbers as wanted, between commas, in brackets or without.
pub(super) fn list<const N: usize>(text: &str) -> Option<[f64; N]> {
    let inner = text.trim().trim_start_matches(['(', '[']).trim_end_matches([')', ']']);
    let mut parts = inner.split(',');
    let mut numbers = [0.0; N];
    for place in &mut numbers {
        *place = of_text(parts.next()?)?;
    }
    parts.next().is_none().then_some(numbers)
}

//! A sous-vide cooker: heat, time and food.
//!
//! The device is the authority for its phase and cooks on without the server. What is decided
//! here: which wishes are unsafe, what a cook looks like under the old names; and, in the room,
//! what the server estimates and what it warns of.

pub mod alarms;
pub mod cook;
pub mod core_temp;
pub mod eta;
pub mod food;
pub mod lethality;
pub mod samples;

use super::Kind;
use super::fault::FieldError;
use super::legacy::Legacy;
use super::schema::{Fault, Property, Raw};
use super::wish::Wish;
use crate::model::{Device, Value};

/// Below this, water is not held for long: 130 °F, the lowest temperature for which the USDA's
/// FSIS gives a time that makes beef safe (Appendix A to its Compliance Guidelines).
pub const SAFE_C: f64 = 54.4;
/// How long water may be held below [`SAFE_C`] without an expert, in seconds.
pub const COOL_HOLD_S_MAX: i64 = 4 * 3600;

pub(super) fn take(property: &Property, raw: Raw<'_>) -> Result<Value, Fault> {
    property.take(raw).map_err(|fault| {
        let zero = matches!(raw, Raw::Integer(0)) || raw == Raw::Number(0.0);
        if zero && property.name.as_ref() == "target_c" {
            let reason = "0 °C is a temperature, not \"off\": set heating to false to stop";
            return Fault { reason: reason.into(), ..fault };
        }
        fault
    })
}

/// Refuses a cook that is too cool for too long, and forgets the last cook's "food is in".
///
/// Refused is a target below [`SAFE_C`] with a timer above [`COOL_HOLD_S_MAX`], unless `expert`
/// is desired. Only a wish that touches one of them is judged, and stopping never is. A cook
/// without a timer, or one that holds at its end, has no length that could be refused: the watch
/// raises `held_too_cool` when its four hours are over.
pub(super) fn complete(
    kind: &Kind,
    wish: &mut Wish,
    device: &Device,
) -> Result<(), Vec<FieldError>> {
    let heating = wish.set.truth("heating");
    if let (Some(_), Some(start)) = (heating, kind.name_of("start"))
        && device.desired.get("start").is_some()
    {
        wish.give_up(&start);
    }
    if heating == Some(false) {
        return Ok(());
    }
    let judged = ["timer_s", "target_c", "expert", "heating"];
    let Some(touched) = judged.into_iter().find(|name| wish.touches(name)) else {
        return Ok(());
    };
    let after = wish.over(&device.desired);
    let target_c = after.number("target_c").or_else(|| device.reported.number("target_c"));
    let timer_s = after.number("timer_s").unwrap_or(0.0);
    let expert = after.truth("expert").unwrap_or(false);
    #[expect(clippy::cast_precision_loss, reason = "a few hours")]
    let long = timer_s > COOL_HOLD_S_MAX as f64;
    if expert || !long || target_c.is_none_or(|target_c| target_c >= SAFE_C) {
        return Ok(());
    }
    let reason = "below 54.4 °C food may be held for 4 hours at most, unless expert is set";
    Err(vec![FieldError::new(format!("desired.{touched}"), "needs_expert", reason)])
}

/// Stopping heat is safe however late.
pub(super) fn is_stop(name: &str, value: &Value) -> bool {
    name == "heating" && *value == Value::Bool(false)
}

/// The phase that the device last said, or `off`.
pub(super) fn phase(device: &Device) -> &str {
    device.reported.text("phase").unwrap_or("off")
}

pub(super) fn legacy(device: &Device) -> Legacy {
    let known = |name| device.desired.get(name).or_else(|| device.reported.get(name));
    Legacy {
        target_temp: known("target_c").and_then(Value::as_f64),
        time: match known("timer_s") {
            Some(Value::Integer(time)) => Some(*time),
            _ => None,
        },
        timestamp: device.timer_start_ms,
    }
}

#[cfg(test)]
mod tests;

//! A light: brightness and colour belong together.
//!
//! - Turning brightness up turns it on, unless the same wish says off.
//! - Brightness 0, asked or reported, means off and keeps the last level.
//! - White and colour exclude each other: asking for one gives up the other.

use super::Kind;
use super::schema::{Fault, Property, Raw};
use super::wish::Wish;
use crate::model::{Device, Props, Value};

/// The schema's value, and the one it does not know: brightness 0.
pub(super) fn take(property: &Property, raw: Raw<'_>) -> Result<Value, Fault> {
    let zero = match raw {
        Raw::Integer(whole) => whole == 0,
        Raw::Number(number) => number == 0.0,
        Raw::Null | Raw::Bool(_) | Raw::Text(_) | Raw::Nested => false,
    };
    if zero && property.name.as_ref() == "brightness" {
        return Ok(Value::Integer(0));
    }
    property.take(raw)
}

/// Whether it is brightness 0.
pub(super) fn is_dark(property: &Property, value: &Value) -> bool {
    property.name.as_ref() == "brightness" && *value == Value::Integer(0)
}

/// Turns brightness 0 into off.
pub(super) fn settle(kind: &Kind, props: &mut Props) {
    if props.get("brightness") == Some(&Value::Integer(0)) {
        props.remove("brightness");
        if let Some(on) = kind.name_of("on") {
            props.set(on, Value::Bool(false));
        }
    }
}

pub(super) fn complete(kind: &Kind, wish: &mut Wish, device: &Device) {
    if wish.set.get("brightness").is_some()
        && !wish.touches("on")
        && let Some(on) = kind.name_of("on")
    {
        wish.set.set(on, Value::Bool(true));
    }
    let white = wish.set.get("color_temp_k").is_some();
    let colour = wish.set.get("hue").is_some() || wish.set.get("saturation").is_some();
    let given_up: &[&str] = match (white, colour) {
        (true, false) => &["hue", "saturation"],
        (false, true) => &["color_temp_k"],
        _ => &[],
    };
    for name in given_up.iter().filter(|name| device.desired.get(name).is_some()) {
        if let Some(name) = kind.name_of(name) {
            wish.give_up(&name);
        }
    }
}

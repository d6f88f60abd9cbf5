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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::kind::Kinds;
    use crate::model::{DeviceId, UserId};

    fn light(desired: &Json) -> (Arc<Kind>, Device) {
        let kind = Kinds::load([]).unwrap().get("light").cloned().unwrap();
        let named = |text: &str| text.into();
        let mut device =
            Device::new(DeviceId(1), UserId(1), kind.name.clone(), named("lamp"), None, 0);
        device.desired = kind.wish(desired.as_object().unwrap()).unwrap().set;
        (kind, device)
    }

    #[test]
    fn what_is_asked_is_completed() {
        let nothing = json!({});
        let white = json!({"on": true, "color_temp_k": 2700});
        let red = json!({"on": true, "hue": 0, "saturation": 100});
        let cases = [
            (&nothing, json!({"brightness": 40}), json!({"brightness": 40, "on": true}), vec![]),
            (&nothing, json!({"brightness": 0}), json!({"on": false}), vec![]),
            (&nothing, json!({"brightness": 0.0, "on": true}), json!({"on": false}), vec![]),
            (
                &nothing,
                json!({"brightness": 40, "on": false}),
                json!({"brightness": 40, "on": false}),
                vec![],
            ),
            (&nothing, json!({"on": true}), json!({"on": true}), vec![]),
            (&nothing, json!({"on": null, "brightness": 0}), json!({"on": false}), vec![]),
            (&white, json!({"hue": 120}), json!({"hue": 120.0}), vec!["color_temp_k"]),
            (
                &red,
                json!({"color_temp_k": 4000}),
                json!({"color_temp_k": 4000}),
                vec!["hue", "saturation"],
            ),
            (&nothing, json!({"hue": 120}), json!({"hue": 120.0}), vec![]),
        ];
        for (before, asked, set, clear) in cases {
            let (kind, device) = light(before);
            let mut wish = kind.wish(asked.as_object().unwrap()).unwrap();
            kind.complete(&mut wish, &device).unwrap();
            assert_eq!(serde_json::to_value(&wish.set).unwrap(), set, "{asked}");
            assert_eq!(wish.clear, clear.into_iter().map(Arc::from).collect::<Vec<_>>(), "{asked}");
        }
    }

    #[test]
    fn brightness_0_reported_is_off_and_keeps_the_last_level() {
        let (kind, mut device) = light(&json!({}));
        for said in [r#"{"on":true,"brightness":70}"#, r#"{"brightness":0}"#] {
            let (good, faults) = kind.report_bytes(said.as_bytes()).unwrap();
            assert_eq!(faults, []);
            device.reported.merge(&good);
        }
        let wanted = json!({"on": false, "brightness": 70});
        assert_eq!(serde_json::to_value(&device.reported).unwrap(), wanted);
        assert_eq!(kind.status(&device, true), "off");
    }

    #[test]
    fn brightness_below_zero_or_above_a_hundred_is_refused() {
        let (kind, _) = light(&json!({}));
        for bad in [json!(-1), json!(101), json!(0.5), json!("0"), json!(false)] {
            assert!(kind.wish(json!({"brightness": bad}).as_object().unwrap()).is_err(), "{bad}");
        }
    }
}

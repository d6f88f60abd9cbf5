//! What a kind does beyond its schema. Most do nothing; light and sous-vide know better.

use serde_json::{Map, Value as Json};

use super::fault::FieldError;
use super::legacy::{Legacy, LegacyWish};
use super::schema::{Fault, Property, Raw};
use super::watch::Watch;
use super::wish::Wish;
use super::{Kind, light, sous_vide};
use crate::model::{Device, Props, Value};

/// Which behaviour a kind has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// The schema says it all.
    Plain,
    /// It is on or off, and nothing else: switch and plug.
    OnOff,
    /// Brightness and colour belong together.
    Light,
    /// Heat, time and food.
    SousVide,
}

impl Behaviour {
    /// The value that `raw` means: as the schema says, or in the behaviour's own way.
    pub(super) fn take(self, property: &Property, raw: Raw<'_>) -> Result<Value, Fault> {
        match self {
            Self::Light => light::take(property, raw),
            Self::SousVide => sous_vide::take(property, raw),
            Self::Plain | Self::OnOff => property.take(raw),
        }
    }

    /// The value on the property's grid.
    pub(super) fn snap(self, property: &Property, value: Value) -> Value {
        if self == Self::Light && light::is_dark(property, &value) {
            return value;
        }
        property.snap(value)
    }

    /// Turns what only the behaviour understands into what the schema knows.
    pub(super) fn settle(self, kind: &Kind, props: &mut Props) {
        if self == Self::Light {
            light::settle(kind, props);
        }
    }
}

impl Kind {
    /// Completes a wish with what it implies for this device.
    ///
    /// # Errors
    /// What would be unsafe to ask of this device now; nothing of the wish is to be taken then.
    pub fn complete(&self, wish: &mut Wish, device: &Device) -> Result<(), Vec<FieldError>> {
        match self.behaviour {
            Behaviour::Light => light::complete(self, wish, device),
            Behaviour::SousVide => sous_vide::complete(self, wish, device)?,
            Behaviour::Plain | Behaviour::OnOff => {}
        }
        Ok(())
    }

    /// The device's state in one word: a light, switch or plug `on` or `off`, a cooker its phase,
    /// others `alarm`, `on` or `off` if they have a property `on`, else `ok` while connected.
    #[must_use]
    pub fn status<'d>(&self, device: &'d Device, connected: bool) -> &'d str {
        if self.behaviour == Behaviour::SousVide {
            return sous_vide::phase(device);
        }
        if self.behaviour == Behaviour::Plain && !device.alarms.is_empty() {
            return "alarm";
        }
        match device.reported.truth("on") {
            Some(true) => "on",
            None if self.property("on").is_none() && connected => "ok",
            Some(false) | None => "off",
        }
    }

    /// Seconds after which a wish for `value` is given up, if it is not safe for ever.
    #[must_use]
    pub fn ttl_s(&self, name: &str, value: &Value) -> Option<u32> {
        if self.behaviour == Behaviour::SousVide && sous_vide::is_stop(name, value) {
            return None;
        }
        self.property(name)?.ttl_s
    }

    /// The fields of the proof of concept, for a device that had them.
    #[must_use]
    pub fn legacy(&self, device: &Device) -> Option<Legacy> {
        (self.behaviour == Behaviour::SousVide).then(|| sous_vide::legacy(device))
    }

    /// What the top-level fields of a PATCH that it does not know itself ask for: `targetTemp`,
    /// `time` and `current_time` of a cooker. An empty object asks for nothing.
    ///
    /// # Errors
    /// Every field that the kind does not know (`unknown_field`) or whose value is wrong.
    pub fn legacy_wish(&self, json: &Map<String, Json>) -> Result<LegacyWish, Vec<FieldError>> {
        LegacyWish::read(self, json, self.behaviour == Behaviour::SousVide)
    }

    /// A watch over a device of this kind that nothing is known about yet.
    #[must_use]
    pub fn watch(&self) -> Watch {
        match self.behaviour {
            Behaviour::SousVide => Watch::cooker(),
            Behaviour::Plain | Behaviour::OnOff | Behaviour::Light => Watch::default(),
        }
    }

    /// What the server makes of the device and what was watched of it: the view's `estimates`.
    #[must_use]
    pub fn derived(&self, watch: &Watch, device: &Device, now_ms: i64) -> Map<String, Json> {
        watch.derived(device, now_ms)
    }
}

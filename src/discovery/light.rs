//! A light of `light.mqtt`: by one JSON message, or by a topic for each of its abilities. Pure.
//!
//! A light that is off stays off while its colour or brightness is wished: these are sent when it
//! is turned on, because every order of either schema but "off" turns a light on.

mod basic;
mod json;

pub use basic::BasicLight;
pub use json::JsonLight;

use serde_json::{Map, Value as Json};

use super::colour::Hs;
use super::entity::Order;
use super::fields::{Fields, Refusal};
use super::number;
use super::payload::{Payload, quoted};

/// A light, by its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Light {
    /// One message of JSON says and orders all.
    Json(Box<JsonLight>),
    /// Topics of their own for on, brightness and colour.
    Basic(Box<BasicLight>),
}

impl Light {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        match fields.text("schema")?.as_deref() {
            None | Some("basic" | "default") => {
                BasicLight::read(fields).map(Box::new).map(Self::Basic)
            }
            Some("json") => JsonLight::read(fields).map(Box::new).map(Self::Json),
            Some(other) => Err(format!("schema {} isn't known here", quoted(other))),
        }
    }

    pub(super) fn topics(&self) -> Vec<&str> {
        match self {
            Self::Json(light) => light.state_topic.as_deref().into_iter().collect(),
            Self::Basic(light) => light.topics(),
        }
    }

    pub(super) fn heard(
        &self,
        topic: &str,
        message: &Payload<'_>,
    ) -> Result<Map<String, Json>, String> {
        match self {
            Self::Json(light) => light.heard(message),
            Self::Basic(light) => light.heard(topic, message),
        }
    }

    pub(super) fn command(&self, wish: &Wish<'_>) -> Vec<Order> {
        match self {
            Self::Json(light) => light.command(wish),
            Self::Basic(light) => light.command(wish),
        }
    }

    /// Whether it can be ordered.
    pub(super) fn takes(&self, property: &str) -> bool {
        match self {
            Self::Json(light) => light.takes(property),
            Self::Basic(light) => light.takes(property),
        }
    }

    /// Whether the light itself says when it has changed.
    pub(super) fn tells(&self, property: &str) -> bool {
        match self {
            Self::Json(light) => !light.optimistic && property != "transition_s",
            Self::Basic(light) => light.tells(property),
        }
    }

    pub(super) fn is_optimistic(&self) -> bool {
        match self {
            Self::Json(light) => light.optimistic,
            Self::Basic(light) => light.optimistic,
        }
    }
}

/// What is wished of a light, with what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'p> {
    /// What is wished and isn't so yet.
    pub(super) wanted: &'p Map<String, Json>,
    /// What the light is, as far as it is known.
    pub(super) reported: &'p Map<String, Json>,
}

impl<'p> Wish<'p> {
    /// Whether it asks for on or off; `None` for neither.
    pub(super) fn switches(&self) -> Option<bool> {
        self.wanted.get("on").and_then(Json::as_bool)
    }

    /// Whether the light is to be on now. One of which nothing is known is turned on by the wish.
    pub(super) fn is_lit(&self) -> bool {
        let known = self.reported.get("on").and_then(Json::as_bool);
        self.switches().or(known).unwrap_or(true)
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        number::of(self.wanted, name)
    }

    /// What it asks for, and what is so already if it doesn't ask.
    pub(super) fn number_then(&self, name: &str) -> Option<f64> {
        self.number(name).or_else(|| number::of(self.reported, name))
    }

    /// The colour, if either half of it is asked for: the other stays what it is.
    pub(super) fn colour(&self) -> Option<Hs> {
        let asked = [self.number("hue"), self.number("saturation")];
        asked.iter().any(Option::is_some).then(|| {
            let hue = self.number_then("hue").unwrap_or(0.0);
            Hs::new(hue, self.number_then("saturation").unwrap_or(100.0))
        })
    }

    /// The colour that it has; white if that isn't known.
    pub(super) fn known_colour(&self) -> Hs {
        let known = |name| number::of(self.reported, name);
        Hs::new(known("hue").unwrap_or(0.0), known("saturation").unwrap_or(0.0))
    }

    pub(super) fn effect(&self) -> Option<&'p str> {
        self.wanted.get("effect").and_then(Json::as_str).filter(|effect| !effect.is_empty())
    }
}

/// Per cent of brightness on the light's own scale: never 0, which would be off.
fn brightness_of_percent(percent: f64, scale: u32) -> i64 {
    number::nearest(percent.clamp(1.0, 100.0) / 100.0 * f64::from(scale)).max(1)
}

/// The light's own scale in per cent, 1 to 100; nothing for 0, which says nothing of how bright it
/// will be when it is on.
fn percent_of_brightness(level: f64, scale: u32) -> Option<i64> {
    (level > 0.0).then(|| number::nearest(level / f64::from(scale) * 100.0).clamp(1, 100))
}

/// The warmest and the coldest white of the kind, in K.
const KELVIN: (i64, i64) = (2000, 6500);

/// White as the light counts it: in mireds, or in K.
fn white_of_kelvin(kelvin: f64, in_kelvin: bool) -> i64 {
    number::nearest(if in_kelvin { kelvin } else { 1e6 / kelvin.max(1.0) })
}

/// The same in K, within what the kind has: some lights go a little beyond.
fn kelvin_of_white(white: f64, in_kelvin: bool) -> Option<i64> {
    let kelvin = || number::nearest(if in_kelvin { white } else { 1e6 / white });
    (white > 0.0).then(|| kelvin().clamp(KELVIN.0, KELVIN.1))
}

/// Longest name of an effect that the kind has, in characters.
const EFFECT_CHARS_MAX: usize = 32;

fn tell_effect(props: &mut Map<String, Json>, effect: &str) {
    if effect.chars().nth(EFFECT_CHARS_MAX).is_none() {
        props.insert("effect".to_owned(), effect.into());
    }
}

fn tell_colour(props: &mut Map<String, Json>, colour: Hs) {
    for (name, value) in [("hue", colour.hue), ("saturation", colour.saturation)] {
        props.insert(name.to_owned(), number::json(number::rounded(value, 3)));
    }
}

//! A light of the `json` schema: one message of JSON says and orders all. Pure.

use serde_json::{Map, Value as Json, json};

use super::super::colour::{Hs, Rgb};
use super::super::entity::Order;
use super::super::fields::{Fields, Refusal};
use super::super::number::{self, nearest, of_json, rounded};
use super::super::payload::Payload;
use super::{
    Wish, brightness_of_percent, kelvin_of_white, percent_of_brightness, tell_colour, tell_effect,
    white_of_kelvin,
};
use crate::codec::QoS;

/// A light of the `json` schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonLight {
    pub(super) state_topic: Option<Box<str>>,
    pub(super) optimistic: bool,
    command_topic: Box<str>,
    has: Has,
    colour: Option<Colour>,
    scale: u32,
    qos: QoS,
    retain: bool,
}

/// What it can do besides on and off.
#[expect(clippy::struct_excessive_bools, reason = "each is an ability, and any may be missing")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Has {
    brightness: bool,
    white: bool,
    white_in_kelvin: bool,
    effect: bool,
}

/// In which numbers it takes a colour, the one that keeps most of it if it takes several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    Hs,
    Rgb,
    Rgbw,
    Rgbww,
    Xy,
}

impl Colour {
    fn of(mode: &str) -> Option<Self> {
        Some(match mode {
            "hs" => Self::Hs,
            "rgb" => Self::Rgb,
            "rgbw" => Self::Rgbw,
            "rgbww" => Self::Rgbww,
            "xy" => Self::Xy,
            _ => return None,
        })
    }

    const BEST_FIRST: [Self; 5] = [Self::Hs, Self::Rgb, Self::Rgbw, Self::Rgbww, Self::Xy];
}

impl JsonLight {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let state_topic = fields.topic("state_topic")?;
        let modes = modes(fields)?;
        let has = |mode: &str| modes.iter().any(|known| known == mode);
        // Every mode but on-and-off can be dimmed.
        let dims = modes.iter().any(|mode| mode != "onoff");
        Ok(Self {
            optimistic: fields.flag("optimistic")? || state_topic.is_none(),
            state_topic,
            command_topic: fields.must_topic("command_topic")?,
            has: Has {
                brightness: fields.flag("brightness")? || dims,
                white: has("color_temp"),
                white_in_kelvin: fields.flag("color_temp_kelvin")?,
                effect: fields.flag("effect")?,
            },
            colour: Colour::BEST_FIRST
                .into_iter()
                .find(|colour| modes.iter().any(|mode| Colour::of(mode) == Some(*colour))),
            scale: fields.scale("brightness_scale")?,
            qos: fields.qos()?,
            retain: fields.flag("retain")?,
        })
    }

    pub(super) fn takes(&self, property: &str) -> bool {
        match property {
            "on" | "transition_s" => true,
            "brightness" => self.has.brightness,
            "color_temp_k" => self.has.white,
            "hue" | "saturation" => self.colour.is_some(),
            "effect" => self.has.effect,
            _ => false,
        }
    }

    pub(super) fn heard(&self, message: &Payload<'_>) -> Result<Map<String, Json>, String> {
        let json = message.json().and_then(Json::as_object).ok_or("it isn't a JSON object")?;
        let mut props = Map::new();
        match json.get("state").and_then(Json::as_str) {
            Some("ON") => drop(props.insert("on".to_owned(), Json::Bool(true))),
            Some("OFF") => drop(props.insert("on".to_owned(), Json::Bool(false))),
            _ => {}
        }
        let number = |name: &str| json.get(name).and_then(of_json);
        if self.has.brightness
            && let Some(percent) =
                number("brightness").and_then(|level| percent_of_brightness(level, self.scale))
        {
            props.insert("brightness".to_owned(), percent.into());
        }
        // A light that names its mode may send along what the other mode was.
        let mode = json.get("color_mode").and_then(Json::as_str);
        if self.has.white
            && mode.is_none_or(|mode| mode == "color_temp")
            && let Some(kelvin) = number("color_temp")
                .and_then(|white| kelvin_of_white(white, self.has.white_in_kelvin))
        {
            props.insert("color_temp_k".to_owned(), kelvin.into());
        }
        if self.colour.is_some()
            && mode.is_none_or(|mode| Colour::of(mode).is_some())
            && let Some(said) = json.get("color").and_then(Json::as_object)
            && let Some(colour) = colour(said, mode.and_then(Colour::of))
        {
            tell_colour(&mut props, colour);
        }
        if self.has.effect
            && let Some(effect) = json.get("effect").and_then(Json::as_str)
        {
            tell_effect(&mut props, effect);
        }
        Ok(props)
    }

    pub(super) fn command(&self, wish: &Wish<'_>) -> Vec<Order> {
        let lit = wish.is_lit();
        let mut message = Map::new();
        if lit {
            if self.has.brightness
                && let Some(percent) = wish.number("brightness")
            {
                let level = brightness_of_percent(percent, self.scale);
                message.insert("brightness".to_owned(), level.into());
            }
            match (self.colour, wish.colour()) {
                (Some(way), Some(colour)) => {
                    message.insert("color".to_owned(), way.written(colour));
                }
                _ => {
                    if self.has.white
                        && let Some(kelvin) = wish.number("color_temp_k")
                    {
                        let white = white_of_kelvin(kelvin, self.has.white_in_kelvin);
                        message.insert("color_temp".to_owned(), white.into());
                    }
                }
            }
            if self.has.effect
                && let Some(effect) = wish.effect()
            {
                message.insert("effect".to_owned(), effect.into());
            }
        }
        if message.is_empty() && wish.switches().is_none() {
            return Vec::new();
        }
        message.insert("state".to_owned(), if lit { "ON" } else { "OFF" }.into());
        if let Some(transition_s) = wish.number_then("transition_s").filter(|it| *it > 0.0) {
            message.insert("transition".to_owned(), number::json(transition_s));
        }
        vec![Order {
            topic: self.command_topic.clone(),
            payload: Json::Object(message).to_string().into_bytes(),
            qos: self.qos,
            retain: self.retain,
        }]
    }
}

/// The modes it says it has, or those that the flags before them stand for.
fn modes(fields: &Fields<'_>) -> Result<Vec<String>, Refusal> {
    let wrong = || "supported_color_modes isn't a list of texts".to_owned();
    match fields.get("supported_color_modes") {
        Some(Json::Array(modes)) => modes
            .iter()
            .map(|mode| mode.as_str().map(ToOwned::to_owned).ok_or_else(wrong))
            .collect(),
        Some(Json::String(mode)) => Ok(vec![mode.clone()]),
        Some(_) => Err(wrong()),
        None => {
            let mut modes = Vec::new();
            for mode in ["color_temp", "hs", "rgb", "xy"] {
                if fields.flag(mode)? {
                    modes.push(mode.to_owned());
                }
            }
            Ok(modes)
        }
    }
}

fn bytes(rgb: Rgb) -> [i64; 3] {
    rgb.map(|part| nearest(part * 255.0))
}

/// The colour that a `color` object is, in the numbers of its mode; without one in those it has.
fn colour(said: &Map<String, Json>, mode: Option<Colour>) -> Option<Hs> {
    let number = |name: &str| said.get(name).and_then(of_json);
    let hs = || Some(Hs::new(number("h")?, number("s")?));
    let xy = || Some(Hs::of_xy(number("x")?, number("y")?));
    let rgb = || {
        // White that is mixed in makes a colour paler.
        let white = [number("w"), number("c")].into_iter().flatten().fold(0.0, f64::max);
        let part = |name| Some((number(name)?.clamp(0.0, 255.0) + white.clamp(0.0, 255.0)) / 255.0);
        Some(Hs::of_rgb([part("r")?, part("g")?, part("b")?]))
    };
    match mode {
        Some(Colour::Hs) => hs(),
        Some(Colour::Xy) => xy(),
        Some(Colour::Rgb | Colour::Rgbw | Colour::Rgbww) => rgb(),
        None => hs().or_else(xy).or_else(rgb),
    }
}

impl Colour {
    fn written(self, colour: Hs) -> Json {
        match self {
            Self::Hs => json!({"h": rounded(colour.hue, 3), "s": rounded(colour.saturation, 3)}),
            Self::Rgb => {
                let [red, green, blue] = bytes(colour.to_rgb());
                json!({"r": red, "g": green, "b": blue})
            }
            Self::Rgbw => {
                let rgb = colour.to_rgb();
                let white = rgb.into_iter().fold(1.0, f64::min);
                let rest = rgb.map(|part| part - white);
                // What is left is as strong as the whole was.
                let by = 1.0 / rest.into_iter().fold(white, f64::max);
                let [red, green, blue] = bytes(rest.map(|part| part * by));
                json!({"r": red, "g": green, "b": blue, "w": nearest(white * by * 255.0)})
            }
            Self::Rgbww => {
                let [red, green, blue] = bytes(colour.to_rgb());
                json!({"r": red, "g": green, "b": blue, "c": 0, "w": 0})
            }
            Self::Xy => {
                let (x, y) = colour.to_xy();
                json!({"x": rounded(x, 4), "y": rounded(y, 4)})
            }
        }
    }
}

//! A light of the default schema: topics of their own for on, brightness and colour. Pure.

use serde_json::{Map, Value as Json};

use super::super::colour::Hs;
use super::super::entity::Order;
use super::super::fields::{Fields, Refusal};
use super::super::number::{self, nearest, rounded};
use super::super::payload::{Payload, is_nothing, quoted};
use super::super::switch::switched;
use super::super::template::Template;
use super::{
    Wish, brightness_of_percent, kelvin_of_white, percent_of_brightness, tell_colour, tell_effect,
    white_of_kelvin,
};
use crate::codec::QoS;

/// A light of the default schema.
#[expect(clippy::struct_excessive_bools, reason = "each is a field of a configuration")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicLight {
    pub(super) optimistic: bool,
    /// `optimistic` by its configuration, whatever topics it has.
    forced: bool,
    state_topic: Option<Box<str>>,
    template: Option<Template>,
    command_topic: Box<str>,
    payload_on: Box<str>,
    payload_off: Box<str>,
    facets: Box<[Facet]>,
    scale: u32,
    white_in_kelvin: bool,
    turned_on: TurnedOn,
    qos: QoS,
    retain: bool,
}

/// When `payload_on` is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TurnedOn {
    /// After all else.
    Last,
    /// Before all else.
    First,
    /// Never: a brightness turns it on.
    ByBrightness,
}

/// An ability with topics of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facet {
    of: Ability,
    command_topic: Option<Box<str>>,
    command_template: Option<Template>,
    state_topic: Option<Box<str>>,
    template: Option<Template>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ability {
    Brightness,
    White,
    Hs,
    Rgb,
    Xy,
    Effect,
}

impl Ability {
    /// Each with the name that its fields begin with; colours that lose least come first.
    const ALL: [(Self, &'static str); 6] = [
        (Self::Brightness, "brightness"),
        (Self::White, "color_temp"),
        (Self::Hs, "hs"),
        (Self::Rgb, "rgb"),
        (Self::Xy, "xy"),
        (Self::Effect, "effect"),
    ];

    const fn is_colour(self) -> bool {
        matches!(self, Self::Hs | Self::Rgb | Self::Xy)
    }
}

impl BasicLight {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let mut facets = Vec::new();
        for (of, name) in Ability::ALL {
            let command_topic = fields.topic(&format!("{name}_command_topic"))?;
            let state_topic = fields.topic(&format!("{name}_state_topic"))?;
            if command_topic.is_some() || state_topic.is_some() {
                facets.push(Facet {
                    of,
                    command_topic,
                    command_template: fields.template(&format!("{name}_command_template"))?,
                    state_topic,
                    template: fields.template(&format!("{name}_value_template"))?,
                });
            }
        }
        let state_topic = fields.topic("state_topic")?;
        let forced = fields.flag("optimistic")?;
        let template = match fields.template("state_value_template")? {
            None => fields.template("value_template")?,
            template => template,
        };
        Ok(Self {
            optimistic: forced || state_topic.is_none(),
            forced,
            state_topic,
            template,
            command_topic: fields.must_topic("command_topic")?,
            payload_on: fields.text_or("payload_on", "ON")?,
            payload_off: fields.text_or("payload_off", "OFF")?,
            facets: facets.into(),
            scale: fields.scale("brightness_scale")?,
            white_in_kelvin: fields.flag("color_temp_kelvin")?,
            turned_on: match fields.text("on_command_type")?.as_deref() {
                None | Some("last") => TurnedOn::Last,
                Some("first") => TurnedOn::First,
                Some("brightness") => TurnedOn::ByBrightness,
                Some(_) => return Err("on_command_type isn't last, first or brightness".to_owned()),
            },
            qos: fields.qos()?,
            retain: fields.flag("retain")?,
        })
    }

    pub(super) fn topics(&self) -> Vec<&str> {
        let own = self.facets.iter().filter_map(|facet| facet.state_topic.as_deref());
        self.state_topic.as_deref().into_iter().chain(own).collect()
    }

    fn facet(&self, of: Ability) -> Option<&Facet> {
        self.facets.iter().find(|facet| facet.of == of)
    }

    fn ordered(&self, of: Ability) -> Option<&Facet> {
        self.facet(of).filter(|facet| facet.command_topic.is_some())
    }

    /// The one colour that is ordered.
    fn colour(&self) -> Option<&Facet> {
        let is_colour = |facet: &&Facet| facet.of.is_colour() && facet.command_topic.is_some();
        self.facets.iter().find(is_colour)
    }

    /// Without a topic for it the brightness is how strong red, green and blue are.
    fn dims_by_rgb(&self) -> bool {
        self.ordered(Ability::Brightness).is_none()
            && self.colour().is_some_and(|facet| facet.of == Ability::Rgb)
    }

    pub(super) fn takes(&self, property: &str) -> bool {
        match property {
            "on" => true,
            "brightness" => self.ordered(Ability::Brightness).is_some() || self.dims_by_rgb(),
            "color_temp_k" => self.ordered(Ability::White).is_some(),
            "hue" | "saturation" => self.colour().is_some(),
            "effect" => self.ordered(Ability::Effect).is_some(),
            _ => false,
        }
    }

    pub(super) fn tells(&self, property: &str) -> bool {
        let told = |of| self.facet(of).is_some_and(|facet| facet.state_topic.is_some());
        let is_told = match property {
            "on" => self.state_topic.is_some(),
            "brightness" => told(Ability::Brightness) || told(Ability::Rgb),
            "color_temp_k" => told(Ability::White),
            "hue" | "saturation" => [Ability::Hs, Ability::Rgb, Ability::Xy].into_iter().any(told),
            "effect" => told(Ability::Effect),
            _ => false,
        };
        is_told && !self.forced
    }

    /// One topic may tell several things: what of it is understood counts.
    pub(super) fn heard(
        &self,
        topic: &str,
        message: &Payload<'_>,
    ) -> Result<Map<String, Json>, String> {
        let mut props = Map::new();
        let mut fault = None;
        if self.state_topic.as_deref() == Some(topic) {
            let state = message.through(self.template.as_ref());
            match state.and_then(|text| switched(&text, &self.payload_on, &self.payload_off)) {
                Ok(said) => props.extend(said),
                Err(why) => fault = Some(why),
            }
        }
        for facet in self.facets.iter().filter(|it| it.state_topic.as_deref() == Some(topic)) {
            let said = message.through(facet.template.as_ref());
            if let Err(why) = said.and_then(|text| self.take(facet.of, &text, &mut props)) {
                fault = Some(why);
            }
        }
        fault.filter(|_| props.is_empty()).map_or(Ok(props), Err)
    }

    fn take(&self, of: Ability, text: &str, props: &mut Map<String, Json>) -> Result<(), String> {
        if is_nothing(text) {
            return Ok(());
        }
        let wrong = || format!("{} isn't what it is about", quoted(text));
        match of {
            Ability::Effect => tell_effect(props, text),
            Ability::Brightness => {
                let level = number::of_text(text).ok_or_else(wrong)?;
                if let Some(percent) = percent_of_brightness(level, self.scale) {
                    props.insert("brightness".to_owned(), percent.into());
                }
            }
            Ability::White => {
                let white = number::of_text(text).ok_or_else(wrong)?;
                if let Some(kelvin) = kelvin_of_white(white, self.white_in_kelvin) {
                    props.insert("color_temp_k".to_owned(), kelvin.into());
                }
            }
            Ability::Hs => {
                let [hue, saturation] = number::list(text).ok_or_else(wrong)?;
                tell_colour(props, Hs::new(hue, saturation));
            }
            Ability::Xy => {
                let [x, y] = number::list(text).ok_or_else(wrong)?;
                tell_colour(props, Hs::of_xy(x, y));
            }
            Ability::Rgb => {
                let rgb: [f64; 3] = number::list(text).ok_or_else(wrong)?;
                let rgb = rgb.map(|part| part.clamp(0.0, 255.0));
                let most = rgb.into_iter().fold(0.0, f64::max);
                let own = self.facet(Ability::Brightness);
                if own.is_none_or(|facet| facet.state_topic.is_none())
                    && let Some(percent) = percent_of_brightness(most, 255)
                {
                    props.insert("brightness".to_owned(), percent.into());
                }
                tell_colour(props, Hs::of_rgb(rgb));
            }
        }
        Ok(())
    }

    pub(super) fn command(&self, wish: &Wish<'_>) -> Vec<Order> {
        if !wish.is_lit() {
            let off = wish.switches().map(|_| self.order(&self.command_topic, &self.payload_off));
            return off.into_iter().collect();
        }
        let styles = self.styles(wish);
        if styles.is_empty() && wish.switches().is_none() {
            return styles;
        }
        let on = self.order(&self.command_topic, &self.payload_on);
        match self.turned_on {
            TurnedOn::Last => styles.into_iter().chain([on]).collect(),
            TurnedOn::First => std::iter::once(on).chain(styles).collect(),
            // With no brightness that could turn it on, only this does.
            TurnedOn::ByBrightness if styles.is_empty() => vec![on],
            TurnedOn::ByBrightness => styles,
        }
    }

    /// The orders besides on.
    fn styles(&self, wish: &Wish<'_>) -> Vec<Order> {
        let by_brightness = self.turned_on == TurnedOn::ByBrightness;
        let again = || {
            // What turns it on has to be sent, wished or not.
            let known = by_brightness.then(|| wish.number_then("brightness").unwrap_or(100.0));
            known.filter(|_| wish.switches() == Some(true))
        };
        let percent = wish.number("brightness").or_else(again);
        let level = percent.map(|percent| brightness_of_percent(percent, self.scale));
        let mut orders = Vec::new();
        let mut send = |facet: Option<&Facet>, text: Option<Result<String, String>>| {
            // A template that can't be followed gives no order: the wish stays open.
            if let (Some(topic), Some(Ok(text))) =
                (facet.and_then(|facet| facet.command_topic.as_ref()), text)
            {
                orders.push(self.order(topic, &text));
            }
        };
        let bright = self.ordered(Ability::Brightness);
        send(bright, level.map(|level| bright.map_or(Ok(String::new()), |it| it.whole(level))));
        let asks_rgb = self.dims_by_rgb() && percent.is_some();
        if let Some(facet) = self.colour()
            && let Some(colour) = wish.colour().or_else(|| asks_rgb.then(|| wish.known_colour()))
        {
            let strength = wish.number_then("brightness").or(percent).unwrap_or(100.0);
            let by = if self.dims_by_rgb() { strength.clamp(1.0, 100.0) / 100.0 } else { 1.0 };
            send(Some(facet), Some(facet.colour(colour, by)));
        } else if let Some(facet) = self.ordered(Ability::White)
            && let Some(kelvin) = wish.number("color_temp_k")
        {
            let white = white_of_kelvin(kelvin, self.white_in_kelvin);
            send(Some(facet), Some(facet.whole(white)));
        }
        if let Some(facet) = self.ordered(Ability::Effect)
            && let Some(effect) = wish.effect()
        {
            send(Some(facet), Some(facet.word(effect)));
        }
        orders
    }

    fn order(&self, topic: &str, text: &str) -> Order {
        let payload = text.as_bytes().to_vec();
        Order { topic: topic.into(), payload, qos: self.qos, retain: self.retain }
    }
}

impl Facet {
    fn whole(&self, whole: i64) -> Result<String, String> {
        match &self.command_template {
            None => Ok(whole.to_string()),
            Some(template) => template.write(whole, &[]),
        }
    }

    fn word(&self, word: &str) -> Result<String, String> {
        match &self.command_template {
            None => Ok(word.to_owned()),
            Some(template) => template.write(word, &[]),
        }
    }

    /// A colour in the numbers of this facet; red, green and blue `by` as strong.
    fn colour(&self, colour: Hs, by: f64) -> Result<String, String> {
        let (text, named) = match self.of {
            Ability::Rgb => {
                let parts = colour.to_rgb().map(|part| nearest(part * by * 255.0));
                let [red, green, blue] = parts;
                #[expect(clippy::cast_precision_loss, reason = "they are 0 to 255")]
                let [r, g, b] = parts.map(|part| part as f64);
                let named = vec![("red", r), ("green", g), ("blue", b)];
                (format!("{red},{green},{blue}"), named)
            }
            Ability::Xy => {
                let (x, y) = colour.to_xy();
                let (x, y) = (rounded(x, 4), rounded(y, 4));
                (format!("{x:?},{y:?}"), vec![("x", x), ("y", y)])
            }
            Ability::Hs | Ability::Brightness | Ability::White | Ability::Effect => {
                let (hue, sat) = (rounded(colour.hue, 3), rounded(colour.saturation, 3));
                (format!("{hue:?},{sat:?}"), vec![("hue", hue), ("sat", sat)])
            }
        };
        match &self.command_template {
            None => Ok(text),
            Some(template) => template.write(text, &named),
        }
    }
}

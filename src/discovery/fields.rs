//! The fields of one component, by their full names: short names, the base topic and what a bundle
//! shares are seen through. Every value is bounded. Pure.

use serde_json::{Map, Value as Json};

use super::names;
use super::payload::{quoted, truth};
use super::template::Template;
use crate::codec::QoS;
use crate::codec::topic::valid_name;
use crate::space::Addressed;

/// Longest topic of a thing, in bytes. The longest that ecosystems write are below 200.
pub const TOPIC_BYTES_MAX: usize = 512;
/// Longest payload or other text of a configuration, in bytes.
pub const TEXT_BYTES_MAX: usize = 512;

/// Why a component is passed over, for people.
pub(super) type Refusal = String;

/// The fields of one component.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'m> {
    own: &'m Map<String, Json>,
    bundle: Option<&'m Map<String, Json>>,
    /// Where the base topic stands, if neither of them has one.
    base: Option<&'m Map<String, Json>>,
}

/// A value, and the object that it stands in.
type Found<'m> = (&'m Json, &'m Map<String, Json>);

fn field<'m>(map: &'m Map<String, Json>, name: &str) -> Option<&'m Json> {
    names::short(name).and_then(|short| map.get(short)).or_else(|| map.get(name))
}

/// `~` at the beginning or the end of a topic is the base topic.
fn based(topic: &str, base: Option<&str>) -> String {
    let Some(base) = base.filter(|base| base.len() <= TOPIC_BYTES_MAX) else {
        return topic.to_owned();
    };
    if let Some(rest) = topic.strip_prefix('~') {
        return format!("{base}{rest}");
    }
    topic.strip_suffix('~').map_or_else(|| topic.to_owned(), |rest| format!("{rest}{base}"))
}

/// Text as Home Assistant takes it: numbers and truth values are written out as Python does.
pub(super) fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(true) => Some("True".to_owned()),
        Json::Bool(false) => Some("False".to_owned()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

impl<'m> Fields<'m> {
    /// Of a topic of its own, or of an object inside a component.
    pub(super) fn alone(own: &'m Map<String, Json>) -> Self {
        Self { own, bundle: None, base: None }
    }

    /// Of a component in a bundle.
    pub(super) fn within(own: &'m Map<String, Json>, bundle: &'m Map<String, Json>) -> Self {
        Self { own, bundle: Some(bundle), base: None }
    }

    /// The objects of a list, or the one that stands in its place, each with the base topic of
    /// where it stands.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Fields<'m>>, Refusal> {
        let Some((value, within)) = self.find(name) else { return Ok(Vec::new()) };
        let listed = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let base = if within.contains_key("~") { Some(within) } else { self.bundle };
        let inner = |one: &'m Json| one.as_object().map(|own| Self { own, bundle: None, base });
        let inner: Option<Vec<_>> = listed.iter().map(inner).collect();
        inner.ok_or_else(|| format!("{name} isn't a list of objects"))
    }

    fn find(&self, name: &str) -> Option<Found<'m>> {
        let own = field(self.own, name).map(|value| (value, self.own));
        let found = own.or_else(|| {
            let bundle = self.bundle.filter(|_| names::SHARED.contains(&name))?;
            field(bundle, name).map(|value| (value, bundle))
        });
        found.filter(|(value, _)| !value.is_null())
    }

    /// A value as it stands; `null` counts as none.
    pub(super) fn get(&self, name: &str) -> Option<&'m Json> {
        self.find(name).map(|(value, _)| value)
    }

    /// Whether a field is there, `null` or not.
    pub(super) fn has(&self, name: &str) -> bool {
        field(self.own, name).is_some()
    }

    /// What describes the device: a bundle's counts for all of its components.
    pub(super) fn device(&self) -> Option<&'m Map<String, Json>> {
        let bundle = self.bundle.and_then(|bundle| field(bundle, "device"));
        bundle.or_else(|| field(self.own, "device")).and_then(Json::as_object)
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<Box<str>>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = text_of(value).ok_or_else(|| format!("{name} isn't a text"))?;
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("{name} is longer than {TEXT_BYTES_MAX} bytes"));
        }
        Ok(Some(text.into()))
    }

    /// A text, or what it is without one.
    pub(super) fn text_or(&self, name: &str, without: &str) -> Result<Box<str>, Refusal> {
        Ok(self.text(name)?.unwrap_or_else(|| without.into()))
    }

    /// A topic that may be published to: without wildcards, and none that a server keeps.
    pub(super) fn topic(&self, name: &str) -> Result<Option<Box<str>>, Refusal> {
        let Some((value, within)) = self.find(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| format!("{name} isn't a text"))?;
        // A component without a base topic takes the bundle's.
        let around = [Some(within), self.bundle, self.base];
        let base = around.into_iter().flatten().find_map(|map| map.get("~"));
        let topic = based(text, base.and_then(Json::as_str));
        // The house's own topics tell what it knows already: heard again, that would never end.
        let is_the_houses = topic.starts_with('$') || Addressed::of(&topic) != Addressed::Topic;
        if topic.len() > TOPIC_BYTES_MAX || !valid_name(&topic) || is_the_houses {
            return Err(format!("{name} isn't a topic: {}", quoted(&topic)));
        }
        Ok(Some(topic.into()))
    }

    /// A topic without which the component does nothing.
    pub(super) fn must_topic(&self, name: &str) -> Result<Box<str>, Refusal> {
        self.topic(name)?.ok_or_else(|| format!("it has no {name}"))
    }

    /// A truth value, or one of the words for it.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        let Some(value) = self.get(name) else { return Ok(false) };
        let word = text_of(value).unwrap_or_default().to_ascii_lowercase();
        truth(&word).ok_or_else(|| format!("{name} is neither true nor false"))
    }

    /// What 100 % is on the thing's scale, 1 or more; 255 if it doesn't say.
    pub(super) fn scale(&self, name: &str) -> Result<u32, Refusal> {
        let Some(value) = self.get(name) else { return Ok(255) };
        let whole = super::number::of_json(value).map(super::number::nearest);
        whole
            .and_then(|whole| u32::try_from(whole).ok())
            .filter(|scale| *scale > 0)
            .ok_or_else(|| format!("{name} isn't a whole number from 1"))
    }

    /// How surely its messages are to arrive; at most once if it doesn't say.
    pub(super) fn qos(&self) -> Result<QoS, Refusal> {
        let Some(value) = self.get("qos") else { return Ok(QoS::AtMostOnce) };
        let bits = super::number::of_json(value).map(super::number::nearest);
        bits.and_then(|bits| u8::try_from(bits).ok())
            .and_then(QoS::from_bits)
            .ok_or_else(|| "qos isn't 0, 1 or 2".to_owned())
    }

    /// A template.
    pub(super) fn template(&self, name: &str) -> Result<Option<Template>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let source = value.as_str().ok_or_else(|| format!("{name} isn't a text"))?;
        Template::new(source).map(Some).map_err(|why| format!("{name} {why}"))
    }
}

//! One entity that a thing announced: what it is, on which topics it speaks, and what its messages
//! and the owner's wishes mean. Pure.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::availability::Availability;
use super::fields::{Fields, Refusal, text_of};
use super::light::{Light, Wish};
use super::names;
use super::payload::Payload;
use super::sensor::Sensor;
use super::switch::Switch;
use crate::codec::QoS;

/// Longest name that people see, in characters.
pub const NAME_CHARS_MAX: usize = 64;
/// Longest identifier of an entity, a component or a device, in bytes.
pub const ID_BYTES_MAX: usize = 256;

/// An entity that a thing announced.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Unique in its space, and the same whenever it is announced again.
    pub key: Box<str>,
    /// Its id in a bundle; empty for one with a topic of its own.
    pub component: Box<str>,
    /// What identifies the device that it is part of.
    pub device: Option<Box<str>>,
    /// What people call it; empty if nothing says.
    pub name: Box<str>,
    /// What people call the device.
    pub device_name: Option<Box<str>>,
    /// Where the device says it stands.
    pub area: Option<Box<str>>,
    /// What tells whether it can be reached.
    pub availability: Arc<Availability>,
    /// What it does.
    pub role: Role,
}

/// What an entity does.
#[derive(Debug, Clone, PartialEq)]
pub enum Role {
    /// It shines.
    Light(Light),
    /// It switches.
    Switch(Box<Switch>),
    /// It measures.
    Sensor(Box<Sensor>),
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where.
    pub topic: Box<str>,
    /// What.
    pub payload: Vec<u8>,
    /// How surely it is to arrive.
    pub qos: QoS,
    /// Whether the space keeps it.
    pub retain: bool,
}

/// What tells whether any component of a bundle can be reached, read once for all of them.
pub(super) type Shared = Result<Arc<Availability>, Refusal>;

/// Where an entity was announced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'t> {
    /// The topic of the configuration.
    pub(super) topic: &'t str,
    /// The last but one level of it.
    pub(super) object_id: &'t str,
    /// Its id in a bundle; empty for a topic of its own.
    pub(super) component: &'t str,
    /// `light`, `switch`, `sensor` or another.
    pub(super) platform: &'t str,
}

impl Entity {
    /// Reads an entity. What tells whether it can be reached is in its fields, or in `shared`,
    /// which a bundle has for all of its components.
    pub(super) fn read(
        origin: Origin<'_>,
        fields: &Fields<'_>,
        shared: Option<&Shared>,
    ) -> Result<Self, Refusal> {
        let encoding = fields.text("encoding")?.map(|word| word.to_ascii_lowercase());
        if !matches!(encoding.as_deref(), None | Some("utf-8" | "utf8" | "ascii" | "us-ascii")) {
            return Err("its encoding isn't utf-8".to_owned());
        }
        let role = match origin.platform {
            "light" => Role::Light(Light::read(fields)?),
            "switch" => Role::Switch(Box::new(Switch::read(fields)?)),
            "sensor" => Role::Sensor(Box::new(Sensor::read(fields)?)),
            _ => return Err("no kind is like it".to_owned()),
        };
        if fields.get("entity_category").is_some() {
            return Err("it is for the thing's upkeep".to_owned());
        }
        if fields.get("enabled_by_default").is_some() && !fields.flag("enabled_by_default")? {
            return Err("it is not enabled".to_owned());
        }
        let key = match fields.text("unique_id")? {
            Some(id) if id.len() > ID_BYTES_MAX => {
                return Err(format!("unique_id is longer than {ID_BYTES_MAX} bytes"));
            }
            Some(id) => format!("{}:{id}", origin.platform),
            None if origin.component.is_empty() => origin.topic.to_owned(),
            // No topic has a `#`.
            None => format!("{}#{}", origin.topic, origin.component),
        };
        let device = fields.device();
        let of_device = |name| device.and_then(|device| of_device(device, name));
        let device_name = of_device("name").and_then(text_of).map(|name| shown(&name));
        let device_name = device_name.filter(|name| !name.is_empty());
        let area = of_device("suggested_area").and_then(text_of).map(|area| shown(&area));
        Ok(Self {
            key: key.into(),
            component: origin.component.into(),
            device: device.and_then(identity),
            name: name(fields, device_name.as_deref(), &role, origin.object_id),
            device_name,
            area: area.filter(|area| !area.is_empty()),
            availability: match shared.filter(|_| !Availability::is_in(fields)) {
                Some(shared) => shared.clone()?,
                None => Arc::new(Availability::read(fields)?),
            },
            role,
        })
    }

    /// The kind that fits it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.role {
            Role::Light(_) => "light",
            Role::Switch(switch) if switch.is_outlet => "plug",
            Role::Switch(_) => "switch",
            Role::Sensor(sensor) => sensor.measure.kind(),
        }
    }

    /// Every topic that it must hear, of its state and its availability, each once.
    #[must_use]
    pub fn topics(&self) -> Vec<&str> {
        let mut topics: Vec<&str> = match &self.role {
            Role::Light(light) => light.topics(),
            Role::Switch(switch) => switch.state_topic.as_deref().into_iter().collect(),
            Role::Sensor(sensor) => vec![&sensor.state_topic],
        };
        topics.extend(self.availability.topics());
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// What a message says of it, as properties of its kind. Nothing where the message says
    /// nothing, or is on a topic that isn't of its state.
    ///
    /// # Errors
    /// The words for the owner: why it can't be understood.
    pub fn heard(&self, topic: &str, said: &Payload<'_>) -> Result<Map<String, Json>, String> {
        let of_its_state = match &self.role {
            Role::Light(light) => light.topics().contains(&topic),
            Role::Switch(switch) => switch.state_topic.as_deref() == Some(topic),
            Role::Sensor(sensor) => *sensor.state_topic == *topic,
        };
        if !of_its_state {
            return Ok(Map::new());
        }
        match &self.role {
            Role::Light(light) => light.heard(topic, said),
            Role::Switch(switch) => switch.heard(said),
            Role::Sensor(sensor) => sensor.heard(said),
        }
    }

    /// The messages that bring about `wanted`, the properties that differ; `reported` is what is
    /// known of it. None for what it hasn't, and for the colour or brightness of a light that is
    /// off and stays off: these are given when it is turned on.
    #[must_use]
    pub fn command(&self, wanted: &Map<String, Json>, reported: &Map<String, Json>) -> Vec<Order> {
        match &self.role {
            Role::Light(light) => light.command(&Wish { wanted, reported }),
            Role::Switch(switch) => switch.command(wanted),
            Role::Sensor(_) => Vec::new(),
        }
    }

    /// Whether it never says what it is: what was commanded counts as reported.
    #[must_use]
    pub fn is_optimistic(&self) -> bool {
        match &self.role {
            Role::Light(light) => light.is_optimistic(),
            Role::Switch(switch) => switch.optimistic,
            Role::Sensor(_) => false,
        }
    }

    /// Whether it can be told this property.
    #[must_use]
    pub fn takes(&self, property: &str) -> bool {
        match &self.role {
            Role::Light(light) => light.takes(property),
            Role::Switch(_) => property == "on",
            Role::Sensor(_) => false,
        }
    }

    /// What of `wanted` counts as reported once [`Entity::command`]'s messages are published: all
    /// that it was told and won't say itself. A light may tell on and off, but not its effect.
    #[must_use]
    pub fn assumed(
        &self,
        wanted: &Map<String, Json>,
        reported: &Map<String, Json>,
    ) -> Map<String, Json> {
        let mut assumed = wanted.clone();
        match &self.role {
            Role::Light(light) => {
                let is_lit = Wish { wanted, reported }.is_lit();
                assumed.retain(|name, _| {
                    let told = is_lit || matches!(name.as_str(), "on" | "transition_s");
                    told && light.takes(name) && !light.tells(name)
                });
            }
            Role::Switch(switch) => assumed.retain(|name, _| switch.optimistic && name == "on"),
            Role::Sensor(_) => assumed.clear(),
        }
        assumed
    }

    /// Makes of what was heard what was wanted, where the thing can't say it finer: where both are
    /// the same order. Else a wish for 37 % would stay open with a light of ten steps.
    pub fn settle(
        &self,
        wanted: &Map<String, Json>,
        heard: &mut Map<String, Json>,
        message: &Payload<'_>,
    ) {
        let Role::Light(_) = &self.role else { return };
        let mut around = Map::from_iter([("on".to_owned(), Json::Bool(true))]);
        around.extend(heard.get("brightness").map(|it| ("brightness".to_owned(), it.clone())));
        for names in [&["brightness"][..], &["color_temp_k"], &["hue", "saturation"]] {
            let part = |of: &Map<String, Json>| -> Option<Map<String, Json>> {
                let pair = |name: &&str| Some(((*name).to_owned(), of.get(*name)?.clone()));
                names.iter().map(pair).collect()
            };
            let wished = {
                // Half a colour is wished together with the half that is heard.
                let mut both = heard.clone();
                both.extend(wanted.clone());
                names.iter().any(|name| wanted.contains_key(*name)).then(|| part(&both)).flatten()
            };
            // Orders may be written by templates: they count as reading the message.
            if let (Some(wished), Some(said)) = (wished, part(heard))
                && wished != said
                && message.engine_reads().is_ok()
            {
                let orders = self.command(&wished, &around);
                if !orders.is_empty() && orders == self.command(&said, &around) {
                    heard.extend(wished);
                }
            }
        }
    }
}

fn of_device<'d>(device: &'d Map<String, Json>, name: &str) -> Option<&'d Json> {
    names::short_of_device(name).and_then(|short| device.get(short)).or_else(|| device.get(name))
}

/// The first identifier of a device, or else its first connection, as `type:address`.
fn identity(device: &Map<String, Json>) -> Option<Box<str>> {
    let first = |json: &Json| {
        json.as_array().map_or(Some(json), |several| several.first()).and_then(text_of)
    };
    let connection = || {
        let pair = of_device(device, "connections")?.as_array()?.first()?.as_array()?;
        Some(format!("{}:{}", pair.first()?.as_str()?, pair.get(1)?.as_str()?))
    };
    let found = of_device(device, "identifiers").and_then(first).or_else(connection);
    found.filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX).map(Into::into)
}

/// Text as people may be shown it: in one line, without control characters, of bounded length.
pub(super) fn shown(text: &str) -> Box<str> {
    let plain: String =
        text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let short: String = plain.trim().chars().take(NAME_CHARS_MAX).collect();
    short.trim_end().into()
}

/// The name of the device, then the entity's own. Without one of its own a sensor is called by
/// what it measures, another by its device alone.
fn name(fields: &Fields<'_>, device: Option<&str>, role: &Role, object_id: &str) -> Box<str> {
    let own = fields.get("name").and_then(text_of).map(|name| shown(&name));
    let own = own.filter(|name| !name.is_empty());
    let measured = match role {
        Role::Sensor(sensor) if !fields.has("name") => Some(sensor.measure.title()),
        Role::Sensor(_) | Role::Light(_) | Role::Switch(_) => None,
    };
    match (device, own.as_deref().or(measured)) {
        (None, _) if own.is_none() => shown(object_id),
        (None, name) => name.unwrap_or_default().into(),
        (Some(device), None) => device.into(),
        (Some(device), Some(own)) => {
            // Many things repeat the device's name in the entity's.
            let rest = own.strip_prefix(device).filter(|rest| {
                rest.is_empty() || rest.starts_with(|next: char| !next.is_alphanumeric())
            });
            let rest = rest.map_or(own, |rest| rest.trim_start_matches([' ', '-', '_', ':']));
            shown(&format!("{device} {rest}"))
        }
    }
}

//! Reading a configuration message: which entities it describes, and why others are passed over.
//! Pure.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::availability::Availability;
use super::entity::{Entity, ID_BYTES_MAX, Origin, Shared};
use super::fields::Fields;

pub use super::fields::{TEXT_BYTES_MAX, TOPIC_BYTES_MAX};

/// The topics of configurations: see [`is_config`].
pub const TOPICS: [&str; 2] = ["homeassistant/+/+/config", "homeassistant/+/+/+/config"];
/// Longest configuration, in bytes. Bundles of big things take some 20 KB.
pub const CONFIG_BYTES_MAX: usize = 64 * 1024;
/// Most components of a bundle.
pub const COMPONENTS_MAX: usize = 256;
/// Longest reason for passing over a component, in characters.
const WHY_CHARS_MAX: usize = 200;

/// What a configuration describes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Announced {
    /// What becomes a device.
    pub entities: Vec<Entity>,
    /// What doesn't, for the log.
    pub passed_over: Vec<PassedOver>,
}

/// A component that becomes no device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Its id in a bundle; empty for one with a topic of its own.
    pub component: Box<str>,
    /// Why.
    pub why: Box<str>,
}

/// Why a message describes nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The topic isn't one of configurations.
    #[error("not a topic of discovery")]
    NotATopic,
    /// It is longer than [`CONFIG_BYTES_MAX`].
    #[error("{0} bytes: the limit is {CONFIG_BYTES_MAX}")]
    TooLarge(usize),
    /// It isn't JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// It is JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A bundle without components.
    #[error("no components")]
    NoComponents,
    /// It has more than [`COMPONENTS_MAX`].
    #[error("{0} components: the limit is {COMPONENTS_MAX}")]
    TooManyComponents(usize),
}

/// The parts of a topic: component and object id.
fn parts(topic: &str) -> Option<(&str, &str)> {
    let inner = topic.strip_prefix("homeassistant/")?.strip_suffix("/config")?;
    let mut levels = inner.split('/');
    let component = levels.next()?;
    let (first, second, more) = (levels.next()?, levels.next(), levels.next());
    let plain = |level: &str, also: &[char]| {
        let fits = |char: char| char.is_ascii_alphanumeric() || char == '_' || also.contains(&char);
        (1..=ID_BYTES_MAX).contains(&level.len()) && level.chars().all(fits)
    };
    let valid = more.is_none()
        && plain(component, &[])
        && plain(first, &['-'])
        && second.is_none_or(|second| plain(second, &['-']));
    valid.then_some((component, second.unwrap_or(first)))
}

/// Whether a topic is one of configurations: `homeassistant/<component>/[<node>/]<object>/config`.
#[must_use]
pub fn is_config(topic: &str) -> bool {
    parts(topic).is_some()
}

fn object(payload: &[u8]) -> Result<Map<String, Json>, ConfigError> {
    if payload.len() > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLarge(payload.len()));
    }
    match serde_json::from_slice(payload) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(ConfigError::NotAnObject),
        Err(error) => Err(ConfigError::NotJson(error.to_string())),
    }
}

/// Reads a configuration. An empty one, and one that only hands its entity over to a bundle,
/// describe nothing: what was there before is gone.
///
/// # Errors
/// The message is none of discovery, or too large, as a whole. What is wrong with one component is
/// in [`Announced::passed_over`], and the others count.
pub fn read(topic: &str, payload: &[u8]) -> Result<Announced, ConfigError> {
    let (platform, object_id) = parts(topic).ok_or(ConfigError::NotATopic)?;
    let mut announced = Announced::default();
    if payload.is_empty() {
        return Ok(announced);
    }
    let config = object(payload)?;
    let whole = Fields::alone(&config);
    if whole.has("migrate_discovery") {
        return Ok(announced);
    }
    if platform != "device" {
        let origin = Origin { topic, object_id, component: "", platform };
        announced.add("", Entity::read(origin, &whole, None));
        return Ok(announced);
    }
    let components = whole.get("components").and_then(Json::as_object);
    let components = components.ok_or(ConfigError::NoComponents)?;
    if components.len() > COMPONENTS_MAX {
        return Err(ConfigError::TooManyComponents(components.len()));
    }
    let shared: Shared = Availability::read(&whole).map(Arc::new);
    for (component, own) in components {
        let Some(own) = own.as_object() else {
            announced.add(component, Err("it isn't an object".to_owned()));
            continue;
        };
        let fields = Fields::within(own, &config);
        let Some(platform) = fields.get("platform").and_then(Json::as_str) else {
            announced.add(component, Err("it has no platform".to_owned()));
            continue;
        };
        // Only its platform: removed.
        if own.len() > 1 {
            let origin = Origin { topic, object_id, component, platform };
            announced.add(component, of_bundle(origin, &fields, &shared));
        }
    }
    Ok(announced)
}

fn of_bundle(origin: Origin<'_>, fields: &Fields<'_>, shared: &Shared) -> Result<Entity, String> {
    if origin.component.len() > ID_BYTES_MAX {
        return Err(format!("its id is longer than {ID_BYTES_MAX} bytes"));
    }
    Entity::read(origin, fields, Some(shared))
}

impl Announced {
    fn add(&mut self, component: &str, read: Result<Entity, String>) {
        let read = read.and_then(|entity| {
            let twice = self.entities.iter().any(|known| known.key == entity.key);
            if twice { Err("another has the same unique_id".to_owned()) } else { Ok(entity) }
        });
        match read {
            Ok(entity) => self.entities.push(entity),
            Err(why) => self.passed_over.push(PassedOver {
                component: component.chars().take(WHY_CHARS_MAX).collect::<String>().into(),
                why: why.chars().take(WHY_CHARS_MAX).collect::<String>().into(),
            }),
        }
    }
}

/// A bundle's message without some of its components: of each only the platform is left, by which
/// Home Assistant knows that it is removed. `None` if no other is left, and for a topic of one
/// entity: then the whole message is to be cleared.
#[must_use]
pub fn without(topic: &str, payload: &[u8], components: &[&str]) -> Option<Vec<u8>> {
    let (platform, _) = parts(topic)?;
    let mut config = object(payload).ok().filter(|_| platform == "device")?;
    let name = if config.contains_key("cmps") { "cmps" } else { "components" };
    let listed = config.get_mut(name)?.as_object_mut()?;
    for (component, own) in listed.iter_mut() {
        if components.contains(&component.as_str())
            && let Some(own) = own.as_object_mut()
        {
            own.retain(|field, _| matches!(field.as_str(), "p" | "platform"));
        }
    }
    let left = |own: &Json| own.as_object().is_some_and(|own| own.len() > 1);
    listed.values().any(left).then(|| Json::Object(config).to_string().into_bytes())
}

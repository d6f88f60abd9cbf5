//! How a kind is shown: the object of `GET /kinds`, and the same as a W3C Thing Model.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value as Json, json};

use super::Kind;
use super::schema::{Property, Type};

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        struct Properties<'k>(&'k [Property]);
        impl Serialize for Properties<'_> {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_map(self.0.iter().map(|property| (property.name.as_ref(), property)))
            }
        }
        let mut map = out.serialize_map(Some(3))?;
        map.serialize_entry("kind", self.name.as_ref())?;
        map.serialize_entry("title", self.title.as_ref())?;
        map.serialize_entry("properties", &Properties(&self.properties))?;
        map.end()
    }
}

impl Serialize for Property {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("type", self.type_.word())?;
        if let Some(title) = &self.title {
            map.serialize_entry("title", title)?;
        }
        if let Some(unit) = &self.unit {
            map.serialize_entry("unit", unit)?;
        }
        match &self.type_ {
            Type::Bool => {}
            Type::Number { min, max, step } => {
                for (key, limit) in [("min", min), ("max", max), ("step", step)] {
                    if let Some(limit) = limit {
                        map.serialize_entry(key, limit)?;
                    }
                }
            }
            Type::Integer { min, max, step } => {
                map.serialize_entry("min", min)?;
                map.serialize_entry("max", max)?;
                map.serialize_entry("step", step)?;
            }
            Type::Text { max_chars } => map.serialize_entry("max_chars", max_chars)?,
            Type::Enum { values } => map.serialize_entry("values", values)?,
        }
        map.serialize_entry("writable", &self.writable)?;
        map.serialize_entry("history", &self.history)?;
        if self.local {
            map.serialize_entry("local", &true)?;
        }
        if let Some(widget) = &self.widget {
            map.serialize_entry("widget", widget)?;
        }
        if let Some(ttl_s) = self.ttl_s {
            map.serialize_entry("ttl_s", &ttl_s)?;
        }
        map.end()
    }
}

impl Type {
    /// The type's name in a kind's file.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Number { .. } => "number",
            Self::Integer { .. } => "integer",
            Self::Text { .. } => "text",
            Self::Enum { .. } => "enum",
        }
    }
}

impl Kind {
    /// The kind as a Thing Model of the W3C's Web of Things (Thing Description 1.1, section 10).
    #[must_use]
    pub fn thing_model(&self) -> Json {
        let properties: Map<String, Json> = self
            .properties
            .iter()
            .map(|property| (property.name.as_ref().to_owned(), affordance(property)))
            .collect();
        json!({
            "@context": "https://www.w3.org/2022/wot/td/v1.1",
            "@type": "tm:ThingModel",
            "title": self.title.as_ref(),
            "version": {"model": "1.0.0"},
            "properties": properties,
        })
    }
}

fn affordance(property: &Property) -> Json {
    let mut map = Map::new();
    let mut put = |key: &str, value: Json| map.insert(key.to_owned(), value);
    if let Some(title) = &property.title {
        put("title", title.as_ref().into());
    }
    if let Some(unit) = &property.unit {
        put("unit", unit.as_ref().into());
    }
    put("observable", true.into());
    put("readOnly", (!property.writable).into());
    match &property.type_ {
        Type::Bool => {
            put("type", "boolean".into());
        }
        Type::Number { min, max, step } => {
            put("type", "number".into());
            let limits = [("minimum", *min), ("maximum", *max), ("multipleOf", *step)];
            for (key, limit) in limits {
                // JSON Schema counts multiples from zero, a kind's grid from its smallest value.
                let from_zero = min.is_none_or(|min| from_zero(min, step.unwrap_or(1.0)));
                if let Some(limit) = limit.filter(|_| key != "multipleOf" || from_zero) {
                    put(key, limit.into());
                }
            }
        }
        Type::Integer { min, max, step } => {
            put("type", "integer".into());
            put("minimum", (*min).into());
            put("maximum", (*max).into());
            if *step > 1 && min.checked_rem(*step) == Some(0) {
                put("multipleOf", (*step).into());
            }
        }
        Type::Text { max_chars } => {
            put("type", "string".into());
            put("maxLength", (*max_chars).into());
        }
        Type::Enum { values } => {
            put("type", "string".into());
            put("enum", values.iter().map(AsRef::as_ref).collect::<Vec<&str>>().into());
        }
    }
    map.into()
}

fn from_zero(min: f64, step: f64) -> bool {
    let steps = min / step;
    (steps - steps.round()).abs() < 1e-6
}

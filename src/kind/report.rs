//! What a device says, held against the schema: property by property, the good ones are kept.
//!
//! Two ways in, one meaning: [`Kind::report`] from JSON already parsed, [`Kind::report_bytes`]
//! straight from a payload without building a JSON tree.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::Kind;
use super::fault::{FAULTS_MAX, FieldError, Malformed};
use super::schema::{Fault, Property, Raw};
use crate::model::{Props, Value};

/// Longest report, in bytes.
pub const REPORT_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting that is read at all (no property's value is nested, but it may be refused
/// politely).
pub const DEPTH_MAX: usize = 8;

impl Kind {
    /// The properties of a report that are in the schema, and what is wrong with the others, by
    /// name, up to [`FAULTS_MAX`]. Values are kept as they are said, not snapped.
    #[must_use]
    pub fn report(&self, json: &Map<String, Json>) -> (Props, Vec<FieldError>) {
        let mut report = Report::new(self);
        for (name, value) in json {
            match self.property(name) {
                Some(property) => {
                    report.told(property, self.behaviour.take(property, Raw::from(value)));
                }
                None => report.unknown(name),
            }
        }
        report.done()
    }

    /// The same from a payload; of a name that is there twice the last value counts.
    ///
    /// # Errors
    /// [`Malformed`] if it isn't one JSON object of at most [`REPORT_BYTES_MAX`] bytes, nested at
    /// most [`DEPTH_MAX`] deep.
    pub fn report_bytes(&self, payload: &[u8]) -> Result<(Props, Vec<FieldError>), Malformed> {
        if payload.len() > REPORT_BYTES_MAX {
            return Err(Malformed::TooLong(payload.len()));
        }
        let not_json = |error: serde_json::Error| Malformed::NotJson(error.to_string());
        let mut from = serde_json::Deserializer::from_slice(payload);
        let report = Report::new(self).deserialize(&mut from).map_err(not_json)?;
        from.end().map_err(not_json)?;
        Ok(report.done())
    }
}

/// A report being read.
struct Report<'k> {
    kind: &'k Kind,
    good: Props,
    faults: BTreeMap<String, Fault>,
}

impl<'k> Report<'k> {
    const fn new(kind: &'k Kind) -> Self {
        Self { kind, good: Props::new(), faults: BTreeMap::new() }
    }

    fn told(&mut self, property: &Property, value: Result<Value, Fault>) {
        match value {
            Ok(value) => {
                if !self.faults.is_empty() {
                    self.faults.remove(property.name.as_ref());
                }
                self.good.set(property.name.clone(), value);
            }
            Err(fault) => {
                self.good.remove(&property.name);
                self.faults.insert(property.name.as_ref().to_owned(), fault);
            }
        }
    }

    fn unknown(&mut self, name: &str) {
        let reason = "the kind has no such property".into();
        self.faults.insert(name.to_owned(), Fault { code: "unknown_property", reason });
    }

    fn done(mut self) -> (Props, Vec<FieldError>) {
        self.kind.behaviour.settle(self.kind, &mut self.good);
        let faults = self.faults.into_iter().take(FAULTS_MAX);
        let faults = faults.map(|(name, fault)| FieldError::of("reported", &name, fault));
        (self.good, faults.collect())
    }
}

impl<'de> DeserializeSeed<'de> for Report<'_> {
    type Value = Self;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Report<'_> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        let kind = self.kind;
        while let Some(key) = map.next_key_seed(Key(kind))? {
            match key {
                Ok(property) => {
                    let value = map.next_value_seed(Said { kind, property })?;
                    self.told(property, value);
                }
                Err(name) => {
                    map.next_value_seed(Skip(DEPTH_MAX - 1))?;
                    self.unknown(&name);
                }
            }
        }
        Ok(self)
    }
}

/// A property's name: the schema's property, or the name that is not in it.
struct Key<'k>(&'k Kind);

impl<'de, 'k> DeserializeSeed<'de> for Key<'k> {
    type Value = Result<&'k Property, String>;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'k> Visitor<'_> for Key<'k> {
    type Value = Result<&'k Property, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.property(name).ok_or_else(|| name.to_owned()))
    }
}

/// The value of a property that the schema knows.
struct Said<'k> {
    kind: &'k Kind,
    property: &'k Property,
}

impl Said<'_> {
    fn take(&self, raw: Raw<'_>) -> Result<Value, Fault> {
        self.kind.behaviour.take(self.property, raw)
    }
}

impl<'de> DeserializeSeed<'de> for Said<'_> {
    type Value = Result<Value, Fault>;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Said<'_> {
    type Value = Result<Value, Fault>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.take(Raw::Null))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(self.take(Raw::Bool(truth)))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Self::Value, E> {
        Ok(self.take(Raw::Integer(whole)))
    }

    #[expect(clippy::cast_precision_loss, reason = "beyond i64 only a float can hold it")]
    fn visit_u64<E>(self, whole: u64) -> Result<Self::Value, E> {
        Ok(self.take(i64::try_from(whole).map_or(Raw::Number(whole as f64), Raw::Integer)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(self.take(Raw::Number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.take(Raw::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        Skip(DEPTH_MAX - 1).visit_seq(items)?;
        Ok(self.take(Raw::Nested))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        Skip(DEPTH_MAX - 1).visit_map(entries)?;
        Ok(self.take(Raw::Nested))
    }
}

/// Reads over a value that nobody wants, as strictly as over one that is wanted: `IgnoredAny`
/// would let bad text and any depth pass.
#[derive(Clone, Copy)]
struct Skip(usize);

impl Skip {
    fn inside<E: Error>(self) -> Result<Self, E> {
        let deeper = self.0.checked_sub(1).map(Self);
        deeper.ok_or_else(|| E::custom(format_args!("nested more than {DEPTH_MAX} deep")))
    }
}

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while items.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while entries.next_key_seed(inside)?.is_some() {
            entries.next_value_seed(inside)?;
        }
        Ok(())
    }
}

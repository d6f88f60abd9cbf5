//! Values and the small maps of them that devices report and people desire.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A property's name, shared with its kind's schema.
pub type Name = Arc<str>;

/// One value of a property. JSON shows it bare; the store keeps its type beside it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number in the property's unit.
    Number(f64),
    /// Text, also of an enum property.
    Text(Arc<str>),
}

impl Value {
    /// The value as a number, if it is one.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "schemas keep integers within 2^53")]
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(whole) => Some(*whole as f64),
            Self::Number(number) => Some(*number),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }

    /// The value as a truth, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The value as text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(whole: i64) -> Self {
        Self::Integer(whole)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// The form in which the store keeps a value: with its type, for a format that has no types.
#[derive(Serialize, Deserialize)]
enum Stored<'a> {
    Bool(bool),
    Integer(i64),
    Number(f64),
    #[serde(borrow)]
    Text(&'a str),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let plain = out.is_human_readable();
        match self {
            Self::Bool(truth) if plain => out.serialize_bool(*truth),
            Self::Integer(whole) if plain => out.serialize_i64(*whole),
            Self::Number(number) if plain => out.serialize_f64(*number),
            Self::Text(text) if plain => out.serialize_str(text),
            Self::Bool(truth) => Stored::Bool(*truth).serialize(out),
            Self::Integer(whole) => Stored::Integer(*whole).serialize(out),
            Self::Number(number) => Stored::Number(*number).serialize(out),
            Self::Text(text) => Stored::Text(text).serialize(out),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Plain;
        impl Visitor<'_> for Plain {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, a number or text")
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
                Ok(Value::Bool(truth))
            }

            fn visit_i64<E>(self, whole: i64) -> Result<Value, E> {
                Ok(Value::Integer(whole))
            }

            #[expect(clippy::cast_precision_loss, reason = "beyond i64 only a float can hold it")]
            fn visit_u64<E>(self, whole: u64) -> Result<Value, E> {
                Ok(i64::try_from(whole).map_or(Value::Number(whole as f64), Value::Integer))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
                Ok(Value::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.into()))
            }
        }
        if from.is_human_readable() {
            return from.deserialize_any(Plain);
        }
        Ok(match Stored::deserialize(from)? {
            Stored::Bool(truth) => Self::Bool(truth),
            Stored::Integer(whole) => Self::Integer(whole),
            Stored::Number(number) => Self::Number(number),
            Stored::Text(text) => Self::Text(text.into()),
        })
    }
}

/// Properties and their values, ordered by name.
///
/// A sorted vector: a device has a dozen at most, and a hundred thousand devices have one each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Props(Vec<(Name, Value)>);

impl Props {
    /// No properties.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name))
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.place(name).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The value of `name`, if it is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Value::as_f64)
    }

    /// The value of `name`, if it is a truth.
    #[must_use]
    pub fn truth(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// The value of `name`, if it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Gives `name` a value, and says which it had.
    pub fn set(&mut self, name: Name, value: Value) -> Option<Value> {
        match self.place(&name) {
            Ok(at) => self.0.get_mut(at).map(|slot| std::mem::replace(&mut slot.1, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// Takes `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.place(name).ok().map(|at| self.0.remove(at).1)
    }

    /// Takes every property of `newer` over.
    pub fn merge(&mut self, newer: &Self) {
        for (name, value) in newer {
            self.set(name.clone(), value.clone());
        }
    }

    /// Keeps only the properties that `keep` approves.
    pub fn retain(&mut self, mut keep: impl FnMut(&Name, &Value) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// All properties, by name.
    pub fn iter(&self) -> std::slice::Iter<'_, (Name, Value)> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Props {
    type Item = &'a (Name, Value);
    type IntoIter = std::slice::Iter<'a, (Name, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<N: Into<Name>, V: Into<Value>> FromIterator<(N, V)> for Props {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(items: I) -> Self {
        let mut props = Self::new();
        for (name, value) in items {
            props.set(name.into(), value.into());
        }
        props
    }
}

impl Serialize for Props {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.len()))?;
        for (name, value) in self {
            map.serialize_entry(name.as_ref(), value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Props {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Props;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of properties")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Props, A::Error> {
                let mut props = Props::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    props.set(name.into(), value);
                }
                Ok(props)
            }
        }
        from.deserialize_map(Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e12..1e12).prop_map(|number: f64| Value::from(number)),
            ".{0,12}".prop_map(|text| Value::from(text.as_str())),
        ]
    }

    proptest! {
        #[test]
        fn what_is_stored_comes_back(
            map in prop::collection::btree_map("[a-z_]{1,8}", value(), 0..9),
        ) {
            let props: Props = map.into_iter().map(|(name, value)| (name.as_str().into(), value))
                .collect::<Vec<(Name, Value)>>().into_iter().collect();
            let bytes = postcard::to_allocvec(&props).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Props>(&bytes).unwrap(), props);
        }
    }

    #[test]
    fn json_shows_values_bare_and_sorted() {
        let props: Props =
            [("target_c", Value::from(54.5)), ("heating", true.into()), ("timer_s", 7200.into())]
                .into_iter()
                .collect();
        let json = serde_json::to_string(&props).unwrap();
        assert_eq!(json, r#"{"heating":true,"target_c":54.5,"timer_s":7200}"#);
    }

    #[test]
    fn a_merge_takes_the_newer_value() {
        let mut props: Props = [("on", true), ("dim", false)].into_iter().collect();
        props.merge(&[("on", false)].into_iter().collect());
        assert_eq!(props.truth("on"), Some(false));
        assert_eq!(props.truth("dim"), Some(false));
        assert_eq!(props.len(), 2);
    }
}

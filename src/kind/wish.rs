//! What people ask for, held against the schema.

use serde_json::{Map, Value as Json};

use super::Kind;
use super::fault::{FAULTS_MAX, FieldError};
use super::schema::Raw;
use crate::model::{Name, Props};

/// What somebody asks of a device: values to take, and properties no longer desired.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wish {
    /// The values asked for; each lies on its property's grid.
    pub set: Props,
    /// The properties that nobody cares for any more, by name.
    pub clear: Vec<Name>,
}

impl Wish {
    /// Whether nothing is asked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.set.is_empty() && self.clear.is_empty()
    }

    /// What would be desired after the wish.
    #[must_use]
    pub fn over(&self, desired: &Props) -> Props {
        let mut after = desired.clone();
        after.retain(|name, _| !self.clears(name));
        after.merge(&self.set);
        after
    }

    /// Whether `name` is to be no longer desired.
    #[must_use]
    pub fn clears(&self, name: &str) -> bool {
        self.clear.iter().any(|cleared| cleared.as_ref() == name)
    }

    /// Whether the wish says anything about `name`.
    #[must_use]
    pub fn touches(&self, name: &str) -> bool {
        self.set.get(name).is_some() || self.clears(name)
    }

    /// Has `name` no longer desired, unless the wish itself desires it.
    pub(super) fn give_up(&mut self, name: &Name) {
        if !self.touches(name) {
            self.clear.push(name.clone());
            self.clear.sort();
        }
    }
}

impl Kind {
    /// What the object `desired` of a PATCH or a frame asks for.
    ///
    /// Numbers are snapped to the nearest point of their property's grid; `null` means "no longer
    /// desired".
    ///
    /// # Errors
    /// Every fault, by the field's path, up to [`FAULTS_MAX`]; nothing is taken then.
    pub fn wish(&self, json: &Map<String, Json>) -> Result<Wish, Vec<FieldError>> {
        let mut wish = Wish::default();
        let mut faults = Vec::new();
        for (name, value) in json {
            match self.wish_one(&mut wish, name, value) {
                Ok(()) => {}
                Err(fault) if faults.len() < FAULTS_MAX => faults.push(fault),
                Err(_) => break,
            }
        }
        if !faults.is_empty() {
            faults.sort_by(|one, other| one.field.cmp(&other.field));
            return Err(faults);
        }
        self.behaviour.settle(self, &mut wish.set);
        // Settling may desire what the same object gave up: {"on": null, "brightness": 0}.
        wish.clear.retain(|name| wish.set.get(name).is_none());
        wish.clear.sort();
        Ok(wish)
    }

    fn wish_one(&self, wish: &mut Wish, name: &str, value: &Json) -> Result<(), FieldError> {
        let path = || format!("desired.{name}");
        let Some(property) = self.property(name) else {
            let reason = format!("{} has no such property", self.name);
            return Err(FieldError::new(path(), "unknown_property", reason));
        };
        if !property.writable {
            let reason = "is what the device says, not what people ask for";
            return Err(FieldError::new(path(), "not_writable", reason));
        }
        if value.is_null() {
            wish.clear.push(property.name.clone());
            return Ok(());
        }
        let value = self
            .behaviour
            .take(property, Raw::from(value))
            .map_err(|fault| FieldError::of("desired", name, fault))?;
        // A value that only the behaviour understands is not on the grid: it is settled above.
        wish.set.set(property.name.clone(), self.behaviour.snap(property, value));
        Ok(())
    }
}

//! Kinds: what a device is. A schema read from a TOML file, and for some a behaviour.
//!
//! All pure: text and values in, decisions out; whoever calls reads the files and the clock.
//! A new kind is a file in `kinds.path` (docs/kinds.md); a new behaviour is a module here and a
//! line in [`behaviour`].

mod behaviour;
pub mod fault;
pub mod file;
mod json;
mod legacy;
mod light;
pub mod report;
pub mod schema;
pub mod sous_vide;
mod watch;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;

use behaviour::Behaviour;
pub use fault::{FieldError, KindError, Malformed};
pub use legacy::{Legacy, LegacyWish};
pub use report::REPORT_BYTES_MAX;
pub use schema::{Property, Type};
pub use watch::{AlarmChange, Watch};
pub use wish::Wish;

use crate::model::{Name, Props, Value};

/// Most kinds of a server, its own included.
pub const KINDS_MAX: usize = 256;

/// The kinds that need no file.
const BUILTIN: &[(&str, Behaviour, &str)] = &[
    ("counter", Behaviour::Plain, include_str!("kind/builtin/counter.toml")),
    ("light", Behaviour::Light, include_str!("kind/builtin/light.toml")),
    ("plug", Behaviour::OnOff, include_str!("kind/builtin/plug.toml")),
    ("sous_vide", Behaviour::SousVide, include_str!("kind/builtin/sous_vide.toml")),
    ("switch", Behaviour::OnOff, include_str!("kind/builtin/switch.toml")),
    ("thermometer", Behaviour::Plain, include_str!("kind/builtin/thermometer.toml")),
];

/// What a device is: its properties, and how they belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// Its name in every interface.
    pub name: Name,
    /// What people call it.
    pub title: Arc<str>,
    /// Its properties, by name.
    pub properties: Vec<Property>,
    behaviour: Behaviour,
}

impl Kind {
    /// The property called `name`.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Property> {
        let at = self.properties.binary_search_by(|known| known.name.as_ref().cmp(name)).ok()?;
        self.properties.get(at)
    }

    /// The schema's own copy of a property's name, shared by every device.
    #[must_use]
    pub fn name_of(&self, name: &str) -> Option<Name> {
        self.property(name).map(|property| property.name.clone())
    }

    /// Whether two values of `name` are the same within half its step.
    #[must_use]
    pub fn same(&self, name: &str, one: &Value, other: &Value) -> bool {
        self.property(name).map_or(one == other, |property| property.same(one, other))
    }

    /// What the device is to be told: the desired properties that differ from the reported ones.
    ///
    /// Those that the server keeps to itself, and those that the schema no longer has, are not
    /// among them.
    #[must_use]
    pub fn differing(&self, desired: &Props, reported: &Props) -> Props {
        let mut differing = desired.clone();
        differing.retain(|name, wanted| {
            self.property(name).is_some_and(|property| {
                let said = reported.get(name);
                !property.local && !said.is_some_and(|said| property.same(wanted, said))
            })
        });
        differing
    }
}

/// Every kind that the server knows; cheap to clone.
#[derive(Debug, Clone)]
pub struct Kinds(Arc<BTreeMap<Name, Arc<Kind>>>);

impl Kinds {
    /// The built-in kinds and those of `files`, (file name, text) pairs: `aquarium.toml` is the
    /// kind `aquarium`.
    ///
    /// # Errors
    /// All that is wrong with all of them, by file and line.
    pub fn load(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, Vec<KindError>> {
        let mut kinds = BTreeMap::new();
        let mut faults = Vec::new();
        for (name, behaviour, text) in BUILTIN {
            match file::read(&format!("{name}.toml"), (*name).into(), text, *behaviour) {
                Ok(kind) => {
                    kinds.insert(kind.name.clone(), Arc::new(kind));
                }
                Err(more) => faults.extend(more),
            }
        }
        for (file, text) in files {
            match Self::read(&kinds, &file, &text) {
                Ok(kind) => {
                    kinds.insert(kind.name.clone(), Arc::new(kind));
                }
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() { Ok(Self(Arc::new(kinds))) } else { Err(faults) }
    }

    fn read(
        known: &BTreeMap<Name, Arc<Kind>>,
        file: &str,
        text: &str,
    ) -> Result<Kind, Vec<KindError>> {
        let refuse =
            |reason: String| Err(vec![KindError { file: file.to_owned(), line: 1, reason }]);
        let Some(name) = file.strip_suffix(".toml").filter(|name| file::is_name(name)) else {
            return refuse(
                "a kind's file is named by 1 to 32 of a-z, 0-9 and _, then .toml".into(),
            );
        };
        if BUILTIN.iter().any(|(builtin, ..)| *builtin == name) {
            return refuse(format!("{name} is built in: choose another name"));
        }
        if known.contains_key(name) {
            return refuse(format!("{name} is there twice"));
        }
        if known.len() >= KINDS_MAX {
            return refuse(format!("more than {KINDS_MAX} kinds"));
        }
        file::read(file, name.into(), text, Behaviour::Plain)
    }

    /// The kind called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Kind>> {
        self.0.get(name)
    }

    /// The kind called `name`; one without properties if its file was taken away, so that its
    /// devices are still shown, and can be deleted.
    #[must_use]
    pub fn get_or_plain(&self, name: &Name) -> Arc<Kind> {
        let plain = || Kind {
            name: name.clone(),
            title: name.clone(),
            properties: Vec::new(),
            behaviour: Behaviour::Plain,
        };
        self.get(name).cloned().unwrap_or_else(|| Arc::new(plain()))
    }

    /// All kinds, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests;

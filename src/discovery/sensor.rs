//! A sensor whose measure is a property of a thermometer or a plug. Pure.

use serde_json::{Map, Value as Json};

use super::fields::{Fields, Refusal};
use super::number;
use super::payload::{Payload, is_nothing, quoted};
use super::template::Template;

/// A sensor of `sensor.mqtt`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensor {
    /// What it measures.
    pub measure: Measure,
    pub(super) state_topic: Box<str>,
    template: Option<Template>,
    /// From its unit to the property's: times `by`, then `plus`.
    by: f64,
    plus: f64,
}

/// What a sensor measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Of the air or of something, in °C.
    Temperature,
    /// In per cent.
    Humidity,
    /// Of the thing's own battery, in per cent.
    Battery,
    /// In W.
    Power,
    /// In kWh.
    Energy,
}

impl Measure {
    /// The property that holds it.
    #[must_use]
    pub const fn property(self) -> &'static str {
        match self {
            Self::Temperature => "temperature_c",
            Self::Humidity => "humidity_pct",
            Self::Battery => "battery_pct",
            Self::Power => "power_w",
            Self::Energy => "energy_kwh",
        }
    }

    /// The kind that has the property.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Temperature | Self::Humidity | Self::Battery => "thermometer",
            Self::Power | Self::Energy => "plug",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Temperature => "Temperature",
            Self::Humidity => "Humidity",
            Self::Battery => "Battery",
            Self::Power => "Power",
            Self::Energy => "Energy",
        }
    }

    fn of(device_class: &str) -> Option<Self> {
        Some(match device_class {
            "temperature" => Self::Temperature,
            "humidity" => Self::Humidity,
            "battery" => Self::Battery,
            "power" => Self::Power,
            "energy" => Self::Energy,
            _ => return None,
        })
    }

    /// How a unit becomes the property's: times the first, then plus the second. Without a unit it
    /// is the property's own.
    fn factors(self, unit: Option<&str>) -> Option<(f64, f64)> {
        Some(match (self, unit.map(str::trim)) {
            (_, None | Some(""))
            | (Self::Temperature, Some("°C" | "℃" | "C"))
            | (Self::Humidity | Self::Battery, Some("%"))
            | (Self::Power, Some("W"))
            | (Self::Energy, Some("kWh")) => (1.0, 0.0),
            (Self::Temperature, Some("°F" | "℉" | "F")) => (5.0 / 9.0, -160.0 / 9.0),
            (Self::Temperature, Some("K")) => (1.0, -273.15),
            (Self::Power, Some("kW")) | (Self::Energy, Some("MWh")) => (1000.0, 0.0),
            (Self::Power, Some("mW")) | (Self::Energy, Some("Wh")) => (0.001, 0.0),
            _ => return None,
        })
    }
}

impl Sensor {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let class = fields.text("device_class")?.ok_or("it has no device_class")?;
        let measure =
            Measure::of(&class).ok_or_else(|| format!("no kind has what {} is", quoted(&class)))?;
        let unit = fields.text("unit_of_measurement")?;
        let (by, plus) = measure
            .factors(unit.as_deref())
            .ok_or_else(|| format!("unknown unit {}", quoted(unit.as_deref().unwrap_or(""))))?;
        let state_topic = fields.must_topic("state_topic")?;
        Ok(Self { measure, state_topic, template: fields.template("value_template")?, by, plus })
    }

    pub(super) fn heard(&self, message: &Payload<'_>) -> Result<Map<String, Json>, String> {
        let text = match message.through(self.template.as_ref()) {
            Err(_) if is_nothing(message.text()) => return Ok(Map::new()),
            other => other?,
        };
        if is_nothing(&text) {
            return Ok(Map::new());
        }
        let said =
            number::of_text(&text).ok_or_else(|| format!("{} isn't a number", quoted(&text)))?;
        let plain = self.by.to_bits() == 1.0_f64.to_bits() && self.plus == 0.0;
        // Six decimals are finer than any of these is measured, and hide what a factor leaves.
        let value = if plain { said } else { number::rounded(said * self.by + self.plus, 6) };
        Ok(Map::from_iter([(self.measure.property().to_owned(), number::json(value))]))
    }
}

//! Devices without a will of their own: a switch, a plug, a thermometer, a pulse counter. Each
//! takes its wishes and writes its state; time plays no part.

use crate::contract::{READ_ONLY, Reason, UNKNOWN, a_bool, a_number};
use crate::json::{Object, Value};
use crate::units::{MilliC, PerMille};

/// The largest count: the largest integer JSON carries exactly everywhere, 2^53 - 1.
pub const COUNT_MAX: u64 = (1 << 53) - 1;

/// What these devices have in common.
pub trait Simple {
    /// Changes one property.
    ///
    /// # Errors
    /// Why not, for the person who asked.
    fn wish(&mut self, property: &str, value: Value<'_>) -> Result<(), Reason>;

    /// Writes every property.
    fn write<const N: usize>(&self, object: &mut Object<'_, N>);
}

/// A relay with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Switch {
    /// Whether it is closed.
    pub on: bool,
}

impl Simple for Switch {
    fn wish(&mut self, property: &str, value: Value<'_>) -> Result<(), Reason> {
        match property {
            "on" => a_bool(value).map(|on| self.on = on),
            _ => Err(UNKNOWN),
        }
    }

    fn write<const N: usize>(&self, object: &mut Object<'_, N>) {
        object.bool("on", self.on);
    }
}

/// A socket that measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plug {
    /// Whether it is closed.
    pub on: bool,
    /// What flows now, in mW.
    pub power_mw: u32,
    /// What flowed since ever, in Wh.
    pub energy_wh: u32,
}

impl Simple for Plug {
    fn wish(&mut self, property: &str, value: Value<'_>) -> Result<(), Reason> {
        match property {
            "on" => a_bool(value).map(|on| self.on = on),
            "power_w" | "energy_kwh" => Err(READ_ONLY),
            _ => Err(UNKNOWN),
        }
    }

    fn write<const N: usize>(&self, object: &mut Object<'_, N>) {
        object.bool("on", self.on);
        object.milli("power_w", i64::from(self.power_mw), 1);
        object.milli("energy_kwh", i64::from(self.energy_wh), 3);
    }
}

/// A thermometer with a hygrometer and a battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thermometer {
    /// The air's temperature.
    pub temperature: MilliC,
    /// Relative humidity.
    pub humidity: PerMille,
    /// What is left of the battery.
    pub battery: PerMille,
}

impl Simple for Thermometer {
    fn wish(&mut self, property: &str, _value: Value<'_>) -> Result<(), Reason> {
        match property {
            "temperature_c" | "humidity_pct" | "battery_pct" => Err(READ_ONLY),
            _ => Err(UNKNOWN),
        }
    }

    fn write<const N: usize>(&self, object: &mut Object<'_, N>) {
        object.milli("temperature_c", i64::from(self.temperature.0), 2);
        object.milli("humidity_pct", i64::from(self.humidity.get()) * 100, 1);
        object.integer("battery_pct", u64::from(self.battery.percent()));
    }
}

/// A pulse counter. `preset` sets the count, and stays what it was last set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counter {
    /// The pulses counted, 0..=[`COUNT_MAX`].
    pub count: u64,
    /// What somebody last set the count to.
    pub preset: Option<u64>,
}

impl Counter {
    /// Counts pulses, around the end to 0 as a mechanical counter does.
    pub const fn pulse(&mut self, pulses: u64) {
        self.count = self.count.wrapping_add(pulses) & COUNT_MAX;
    }
}

impl Simple for Counter {
    fn wish(&mut self, property: &str, value: Value<'_>) -> Result<(), Reason> {
        match property {
            "preset" => {
                let max = i64::try_from(COUNT_MAX).unwrap_or(i64::MAX) * 1000;
                let preset = u64::try_from(a_number(value, 0, max)? / 1000).unwrap_or(0);
                self.preset = Some(preset);
                self.count = preset;
                Ok(())
            }
            "count" => Err(READ_ONLY),
            _ => Err(UNKNOWN),
        }
    }

    fn write<const N: usize>(&self, object: &mut Object<'_, N>) {
        object.integer("count", self.count);
        if let Some(preset) = self.preset {
            object.integer("preset", preset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{OUT_OF_RANGE, Payload};

    fn state(device: &impl Simple) -> std::string::String {
        let mut payload = Payload::new();
        let mut object = Object::open(&mut payload);
        device.write(&mut object);
        object.close();
        payload.as_str().into()
    }

    #[test]
    fn each_kind_writes_the_properties_of_its_schema() {
        assert_eq!(state(&Switch { on: true }), r#"{"on":true}"#);
        let plug = Plug { on: false, power_mw: 12_340, energy_wh: 1_205 };
        assert_eq!(state(&plug), r#"{"on":false,"power_w":12.3,"energy_kwh":1.205}"#);
        let thermometer = Thermometer {
            temperature: MilliC(-3_125),
            humidity: PerMille::clamp(455),
            battery: PerMille::clamp(870),
        };
        let written = r#"{"temperature_c":-3.13,"humidity_pct":45.5,"battery_pct":87}"#;
        assert_eq!(state(&thermometer), written);
        assert_eq!(state(&Counter::default()), r#"{"count":0}"#);
    }

    #[test]
    fn a_counter_is_exact_to_its_last_pulse() {
        let mut counter = Counter::default();
        let last = Value::Number(9_007_199_254_740_991_000);
        assert_eq!(counter.wish("preset", last), Ok(()));
        assert_eq!(state(&counter), r#"{"count":9007199254740991,"preset":9007199254740991}"#);
        assert_eq!(counter.wish("preset", Value::Number(i64::MAX)), Err(OUT_OF_RANGE));
        counter.pulse(1);
        assert_eq!(counter.count, 0);
    }
}

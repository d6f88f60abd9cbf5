//! What the simple kinds measure, and when they tell: each an [`App`] around the payload writers
//! of the firmware. Pure.

use hearth_device::app::{App, Inputs, Outputs};
use hearth_device::contract::{Topic, read_set};
use hearth_device::json::Object;
use hearth_device::simple::{Counter, Plug, Simple, Switch, Thermometer};
use hearth_device::units::{MilliC, PerMille};

use super::chance::Chance;

/// One Wh in mW ms.
const WH: u64 = 3_600 * 1_000 * 1_000;

/// A day in ms.
const DAY_MS: u64 = 86_400_000;

/// What happens around a simple device.
pub trait Model {
    /// The device itself.
    type Device: Simple + Clone + PartialEq;

    /// The device as it is now.
    fn device(&mut self) -> &mut Self::Device;

    /// Lets time pass.
    fn pass(&mut self, passed_ms: u64, chance: &mut Chance);

    /// Writes what is measured, for the history.
    fn measured<const N: usize>(&self, object: &mut Object<'_, N>);
}

/// A simple device in its surroundings.
///
/// Its whole state is told when the link opens, after each `set`, and when what it measures has
/// changed, at most once in `every_ms`. What stayed the same is telemetry then, so that the history
/// has no gaps.
#[derive(Debug, Clone)]
pub struct Measuring<M: Model> {
    model: M,
    chance: Chance,
    every_ms: u64,
    now_ms: u64,
    due_ms: u64,
    told: Option<M::Device>,
}

impl<M: Model> Measuring<M> {
    /// A device that tells what it measures every `every_ms`; `seed` is its chance.
    #[must_use]
    pub const fn new(model: M, every_ms: u64, seed: u64) -> Self {
        Self { model, chance: Chance::new(seed), every_ms, now_ms: 0, due_ms: 0, told: None }
    }

    fn set(&mut self, payload: &[u8], outputs: &mut Outputs) {
        match read_set(payload, |property, value| self.model.device().wish(property, value)) {
            Ok(refusals) => outputs.messages.write(Topic::Refused, |object| refusals.write(object)),
            Err(_) => {
                outputs.messages.write(Topic::Event, |event| event.text("event", "bad_set"));
            }
        }
        // The server waits for an answer, also where nothing changed.
        self.told = None;
    }

    fn tell(&mut self, outputs: &mut Outputs) {
        let now = self.model.device().clone();
        let is_due = self.now_ms >= self.due_ms;
        if self.told.is_some() && !is_due {
            return;
        }
        if self.told.as_ref() == Some(&now) {
            outputs.messages.write(Topic::Telemetry, |object| self.model.measured(object));
        } else {
            outputs.messages.write(Topic::State, |object| now.write(object));
            self.told = Some(now);
        }
        if is_due {
            // Devices that started together don't speak together for ever.
            self.due_ms = self.now_ms + self.every_ms + self.chance.below(self.every_ms / 8 + 1);
        }
    }
}

impl<M: Model> App for Measuring<M> {
    fn step(&mut self, now_ms: u64, inputs: &Inputs<'_>) -> Outputs {
        let mut outputs = Outputs { feed_watchdog: true, ..Outputs::default() };
        self.model.pass(now_ms.saturating_sub(self.now_ms), &mut self.chance);
        self.now_ms = now_ms;
        if let Some(payload) = inputs.set {
            self.set(payload, &mut outputs);
        }
        if inputs.online {
            self.tell(&mut outputs);
        } else {
            self.told = None;
        }
        outputs
    }
}

impl Model for Switch {
    type Device = Self;

    fn device(&mut self) -> &mut Self {
        self
    }

    fn pass(&mut self, _: u64, _: &mut Chance) {}

    fn measured<const N: usize>(&self, _: &mut Object<'_, N>) {}
}

/// A counter on a meter that turns once a second or so.
impl Model for Counter {
    type Device = Self;

    fn device(&mut self) -> &mut Self {
        self
    }

    fn pass(&mut self, passed_ms: u64, chance: &mut Chance) {
        self.pulse(chance.below(2 * passed_ms + 1_000) / 1_000);
    }

    fn measured<const N: usize>(&self, object: &mut Object<'_, N>) {
        object.integer("count", self.count);
    }
}

/// A plug with something of 60 W in it.
#[derive(Debug, Clone, Default)]
pub struct Load {
    plug: Plug,
    unread_mw_ms: u64,
}

impl Model for Load {
    type Device = Plug;

    fn device(&mut self) -> &mut Plug {
        &mut self.plug
    }

    fn pass(&mut self, passed_ms: u64, chance: &mut Chance) {
        self.unread_mw_ms += u64::from(self.plug.power_mw) * passed_ms;
        let read_wh = self.unread_mw_ms / WH;
        self.unread_mw_ms %= WH;
        let energy_wh = u64::from(self.plug.energy_wh) + read_wh;
        self.plug.energy_wh = u32::try_from(energy_wh).unwrap_or(u32::MAX);
        let draws_mw = 60_000_u32.saturating_add_signed(chance.around(1_500));
        self.plug.power_mw = if self.plug.on { draws_mw } else { 0 };
    }

    fn measured<const N: usize>(&self, object: &mut Object<'_, N>) {
        object.milli("power_w", i64::from(self.plug.power_mw), 1);
        object.milli("energy_kwh", i64::from(self.plug.energy_wh), 3);
    }
}

/// A thermometer in a room that is heated to 21 °C.
#[derive(Debug, Clone)]
pub struct Air {
    thermometer: Thermometer,
    humidity: i32,
    battery_ms: u64,
}

impl Default for Air {
    fn default() -> Self {
        let mut air =
            Self { thermometer: Thermometer::default(), humidity: 450, battery_ms: 300 * DAY_MS };
        air.thermometer.temperature = MilliC(20_400);
        air
    }
}

impl Model for Air {
    type Device = Thermometer;

    fn device(&mut self) -> &mut Thermometer {
        &mut self.thermometer
    }

    fn pass(&mut self, passed_ms: u64, chance: &mut Chance) {
        // A walk at random that the heating draws back.
        let drawn = |from: i32, to: i32, by: i32| (to - from) / by;
        let air = self.thermometer.temperature.0;
        self.thermometer.temperature =
            MilliC(air.saturating_add(chance.around(25) + drawn(air, 21_000, 200)));
        self.humidity += chance.around(1) + drawn(self.humidity, 450, 50);
        self.thermometer.humidity = PerMille::clamp(self.humidity.into());
        // A set of batteries lasts a year.
        self.battery_ms = self.battery_ms.saturating_sub(passed_ms);
        let left = i64::try_from(self.battery_ms / (365 * DAY_MS / 1_000)).unwrap_or(0);
        self.thermometer.battery = PerMille::clamp(left);
    }

    fn measured<const N: usize>(&self, object: &mut Object<'_, N>) {
        self.thermometer.write(object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn online(set: Option<&str>) -> Inputs<'_> {
        Inputs { online: true, set: set.map(str::as_bytes), ..Inputs::default() }
    }

    #[test]
    fn the_state_is_told_on_opening_and_after_a_set_and_telemetry_in_between() {
        let mut switch = Measuring::new(Switch::default(), 10_000, 1);
        assert!(switch.step(0, &Inputs::default()).messages.iter().next().is_none());
        let first = switch.step(1_000, &online(None));
        assert_eq!(first.messages.payload(Topic::State), Some(r#"{"on":false}"#));
        assert!(switch.step(2_000, &online(None)).messages.iter().next().is_none());
        let answer = switch.step(3_000, &online(Some(r#"{"on":false}"#)));
        assert_eq!(answer.messages.payload(Topic::State), Some(r#"{"on":false}"#));

        let mut plug = Measuring::new(Load::default(), 10_000, 1);
        plug.step(0, &online(None));
        let later = plug.step(20_000, &online(None));
        let telemetry = r#"{"power_w":0,"energy_kwh":0}"#;
        assert_eq!(later.messages.payload(Topic::Telemetry), Some(telemetry));
        assert_eq!(later.messages.payload(Topic::State), None);
    }

    #[test]
    fn what_changes_is_told_at_most_once_in_its_time() {
        let mut counter = Measuring::new(Counter::default(), 10_000, 3);
        let told = (0..100_u64)
            .filter(|second| {
                let outputs = counter.step(second * 1_000, &online(None));
                outputs.messages.payload(Topic::State).is_some()
            })
            .count();
        assert!((8..=11).contains(&told), "{told}");
    }

    #[test]
    fn a_plug_counts_the_energy_that_flows() {
        let mut plug = Measuring::new(Load::default(), 10_000, 5);
        plug.step(0, &online(Some(r#"{"on":true}"#)));
        for second in 1..=3_600_u64 {
            plug.step(second * 1_000, &online(None));
        }
        assert!((59..=61).contains(&plug.model.plug.energy_wh), "{:?}", plug.model);
    }

    #[test]
    fn the_air_stays_that_of_a_room() {
        let mut air = Measuring::new(Air::default(), 10_000, 9);
        for second in 0..100_000_u64 {
            air.step(second * 1_000, &online(None));
            let read = air.model.thermometer;
            assert!((18_000..24_000).contains(&read.temperature.0), "{read:?}");
            assert!((300..600).contains(&read.humidity.get()), "{read:?}");
        }
    }

    #[test]
    fn a_wish_for_what_is_measured_is_refused_with_its_reason() {
        let mut air = Measuring::new(Air::default(), 10_000, 9);
        let outputs = air.step(0, &online(Some(r#"{"temperature_c":30}"#)));
        let refused = r#"{"temperature_c":"read only"}"#;
        assert_eq!(outputs.messages.payload(Topic::Refused), Some(refused));
        assert!(outputs.messages.payload(Topic::State).is_some());
    }
}

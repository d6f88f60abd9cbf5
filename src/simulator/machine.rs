//! A simulated device without its link: the firmware's control code in simulated surroundings.
//! Pure.

use std::time::Duration;

use hearth_device::app::{App, Cooker, CookerConfig, Inputs, Lamp, LampConfig, Outputs};
use hearth_device::bath::Bath;
use hearth_device::contract::Message;
use hearth_device::light::Look;
use hearth_device::record::Saved;
use hearth_device::simple::{Counter, Switch};
use hearth_device::units::{MilliC, PerMille};

use super::chance::Chance;
use super::model::{Air, Load, Measuring};

/// The kinds that can be simulated.
pub const KINDS: [&str; 6] = ["light", "sous_vide", "switch", "plug", "thermometer", "counter"];

/// How often a device looks around, in ms of its own time: what the firmware asks for at least.
const STEP_MS: u64 = 1_000;

/// Most steps in one turn; what a machine that slept for long has missed is given up.
const STEPS_MAX: u64 = 600;

/// The shortest time between two turns.
const TURN_MIN: Duration = Duration::from_millis(250);

/// The fastest a bath may be.
pub const SPEED_MAX: u32 = 600;

/// What food weighs and how cold it is when it is laid into the bath.
const FOOD: (u32, MilliC) = (250, MilliC(5_000));

/// How a device is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// One of [`KINDS`].
    pub kind: String,
    /// How much faster than the clock a cooker's water warms and its timer runs, 1..=[`SPEED_MAX`].
    pub speed: u32,
    /// How often a device tells what it measures.
    pub every: Duration,
}

/// A device.
pub struct Machine {
    app: Box<dyn App + Send>,
    speed: u64,
    now_ms: u64,
}

/// There is no code that would behave like such a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} is no kind that can be simulated; these are: {}", KINDS.join(", "))]
pub struct UnknownKind {
    kind: String,
}

impl Machine {
    /// A device that just got power. `seed` makes it differ from its neighbours.
    ///
    /// # Errors
    /// [`UnknownKind`]
    pub fn new(build: &Build, seed: u64) -> Result<Self, UnknownKind> {
        let every_ms = u64::try_from(build.every.as_millis()).unwrap_or(u64::MAX);
        let mut times = 1;
        let app: Box<dyn App + Send> = match build.kind.as_str() {
            "light" => Box::new(lamp(seed)),
            "sous_vide" => {
                times = u64::from(build.speed.clamp(1, SPEED_MAX));
                Box::new(Pot::new(times))
            }
            "switch" => Box::new(Measuring::new(Switch::default(), every_ms, seed)),
            "plug" => Box::new(Measuring::new(Load::default(), every_ms, seed)),
            "thermometer" => Box::new(Measuring::new(Air::default(), every_ms, seed)),
            "counter" => Box::new(Measuring::new(Counter::default(), every_ms, seed)),
            _ => return Err(UnknownKind { kind: build.kind.clone() }),
        };
        Ok(Self { app, speed: times, now_ms: 0 })
    }

    /// How long it may be left alone.
    #[must_use]
    pub fn turn(&self) -> Duration {
        Duration::from_millis(STEP_MS / self.speed).max(TURN_MIN)
    }

    /// Lets time pass, with what is seen at its beginning; returns what is to be published.
    pub fn step(&mut self, passed: Duration, online: bool, set: Option<&[u8]>) -> Vec<Message> {
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let mut left_ms = passed_ms.saturating_mul(self.speed).min(STEPS_MAX * STEP_MS);
        let mut inputs = Inputs { online, set, ..Inputs::default() };
        let mut messages = vec![];
        loop {
            let outputs = self.app.step(self.now_ms, &inputs);
            messages.extend(outputs.messages.iter().cloned());
            if left_ms == 0 {
                return messages;
            }
            inputs.set = None;
            let step_ms = left_ms.min(STEP_MS);
            self.now_ms += step_ms;
            left_ms -= step_ms;
        }
    }
}

/// A lamp that was left on or off, at some level.
fn lamp(seed: u64) -> Lamp {
    let mut chance = Chance::new(seed);
    let brightness = u8::try_from(20 + chance.below(80)).unwrap_or(100);
    let look = Look { on: chance.below(3) > 0, brightness, ..Look::default() };
    Lamp::new(LampConfig::default(), Some(&Saved::of_look(&look)))
}

/// A cooker in its bath.
#[derive(Debug, Clone)]
struct Pot {
    cooker: Cooker,
    bath: Bath,
    now_ms: u64,
    relay: bool,
    food_is_in: bool,
}

impl Pot {
    fn new(speed: u64) -> Self {
        let config = CookerConfig::default();
        // As often by the clock on the wall, however fast the water warms.
        let config = CookerConfig {
            report_heating_ms: config.report_heating_ms * speed,
            report_idle_ms: config.report_idle_ms * speed,
            ..config
        };
        let bath = Bath { power_w: 1_200, volume_ml: 8_000, ..Bath::default() };
        let cooker = Cooker::new(config, None);
        Self { cooker, bath, now_ms: 0, relay: false, food_is_in: false }
    }
}

impl App for Pot {
    fn step(&mut self, now_ms: u64, inputs: &Inputs<'_>) -> Outputs {
        let passed_ms = u32::try_from(now_ms.saturating_sub(self.now_ms)).unwrap_or(u32::MAX);
        self.now_ms = now_ms;
        self.bath.step(passed_ms, if self.relay { PerMille::FULL } else { PerMille::ZERO });
        let seen = Inputs { probe: Some(Ok(probe(self.bath.water()))), ..*inputs };
        let outputs = self.cooker.step(now_ms, &seen);
        self.relay = outputs.relay;
        let food_is_in = self.cooker.cook().food_in();
        if food_is_in && !self.food_is_in {
            self.bath.add_food(FOOD.0, FOOD.1);
        }
        self.food_is_in = food_is_in;
        outputs
    }
}

/// What a DS18B20 makes of a temperature: sixteenths of a degree.
fn probe(water: MilliC) -> MilliC {
    let sixteenths = (i64::from(water.0) * 16 + 500).div_euclid(1_000);
    MilliC::from_sixteenths(i16::try_from(sixteenths).unwrap_or(i16::MAX))
}

#[cfg(test)]
mod tests {
    use hearth_device::contract::Topic;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn build(kind: &str, speed: u32) -> Build {
        Build { kind: kind.to_owned(), speed, every: Duration::from_secs(10) }
    }

    fn state(messages: &[Message]) -> serde_json::Value {
        let state = messages.iter().rev().find(|message| message.topic == Topic::State);
        serde_json::from_str(state.unwrap().payload.as_str()).unwrap()
    }

    #[test]
    fn every_kind_tells_its_whole_state_when_it_comes_online() {
        for kind in KINDS {
            let mut machine = Machine::new(&build(kind, 1), 42).unwrap();
            assert!(machine.step(Duration::ZERO, false, None).is_empty(), "{kind}");
            assert!(state(&machine.step(SECOND, true, None)).is_object(), "{kind}");
        }
        assert!(Machine::new(&build("toaster", 1), 42).is_err());
    }

    #[test]
    fn a_cook_at_sixty_times_the_speed_is_done_in_minutes() {
        let mut machine = Machine::new(&build("sous_vide", 60), 42).unwrap();
        let set = br#"{"heating":true,"target_c":55,"timer_s":600,"at_end":"stop"}"#;
        let first = state(&machine.step(Duration::ZERO, true, Some(set)));
        assert_eq!((&first["heating"], &first["phase"]), (&true.into(), &"preheating".into()));
        let (mut hottest, mut phases) = (0.0_f64, vec![]);
        for _ in 0..4 * 180 {
            for message in machine.step(TURN_MIN, true, None) {
                let said: serde_json::Value =
                    serde_json::from_str(message.payload.as_str()).unwrap();
                hottest = hottest.max(said["water_c"].as_f64().unwrap_or(0.0));
                if let Some(phase) = said["phase"].as_str() {
                    phases.push(phase.to_owned());
                }
            }
        }
        phases.dedup();
        assert!((54.9..56.0).contains(&hottest), "{hottest}");
        assert_eq!(phases.last().map(String::as_str), Some("done"), "{phases:?}");
    }

    #[test]
    fn a_machine_that_slept_for_a_day_does_not_make_up_for_it() {
        let mut machine = Machine::new(&build("sous_vide", SPEED_MAX), 42).unwrap();
        machine.step(Duration::from_secs(86_400), true, None);
        assert_eq!(machine.now_ms, STEPS_MAX * STEP_MS);
    }
}

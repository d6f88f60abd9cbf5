//! A lamp: a [`Light`] with a button, its state reported and remembered.

use super::{App, Inputs, Outputs};
use crate::button::{Button, Press};
use crate::contract::{Topic, read_set};
use crate::light::{Fittings, Light, Look, PowerOn};
use crate::record::Saved;
use crate::units::PerMille;

/// How long a look must last before it is written to flash, in ms: a slider that is dragged
/// must not wear a sector out.
const SAVE_AFTER_MS: u64 = 5_000;

/// How a lamp is built and set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LampConfig {
    /// What it can do beyond on, off and brightness.
    pub fittings: Fittings,
    /// What it does when power comes.
    pub power_on: PowerOn,
}

impl Default for LampConfig {
    fn default() -> Self {
        Self { fittings: Fittings { white: true, colour: true }, power_on: PowerOn::Last }
    }
}

/// The lamp.
#[derive(Debug, Clone)]
pub struct Lamp {
    light: Light,
    button: Button,
    /// The look the server was last told, since the link opened.
    told: Option<Look>,
    saved: Look,
    changed_ms: u64,
    seen: Look,
}

impl Lamp {
    /// A lamp that just got power; `saved` is what it wrote to flash before.
    #[must_use]
    pub fn new(config: LampConfig, saved: Option<&Saved>) -> Self {
        let last = saved.and_then(Saved::look);
        let light = Light::new(config.fittings, config.power_on, last);
        let look = *light.look();
        Self {
            light,
            button: Button::default(),
            told: None,
            saved: last.unwrap_or(look),
            changed_ms: 0,
            seen: look,
        }
    }

    /// The light itself.
    #[must_use]
    pub const fn light(&self) -> &Light {
        &self.light
    }

    fn report(&mut self, inputs: &Inputs<'_>, answer: bool, outputs: &mut Outputs) {
        if !inputs.online {
            self.told = None;
            return;
        }
        // A `set` is answered even when it changed nothing: the server waits for the report.
        if answer || self.told.as_ref() != Some(self.light.look()) {
            self.told = Some(*self.light.look());
            outputs.messages.write(Topic::State, |state| self.light.write(state));
        }
    }

    fn remember(&mut self, now_ms: u64) -> Option<Saved> {
        let look = *self.light.look();
        if look != self.seen {
            self.seen = look;
            self.changed_ms = now_ms;
        }
        let rests = now_ms.saturating_sub(self.changed_ms) >= SAVE_AFTER_MS;
        (look != self.saved && rests).then(|| {
            self.saved = look;
            Saved::of_look(&look)
        })
    }
}

impl App for Lamp {
    fn step(&mut self, now_ms: u64, inputs: &Inputs<'_>) -> Outputs {
        let mut outputs = Outputs { feed_watchdog: true, ..Outputs::default() };
        if self.button.step(now_ms, inputs.button) == Some(Press::Short) {
            self.light.toggle();
        }
        if let Some(payload) = inputs.set {
            let mut off = false;
            let set = read_set(payload, |property, value| {
                self.light.wish(property, value)?;
                // "off" outlasts a brightness in the same message, whatever their order.
                if property == "on" {
                    off = !self.light.look().on;
                }
                Ok(())
            });
            if off {
                self.light.turn_off();
            }
            match set {
                Ok(refusals) => {
                    outputs.messages.write(Topic::Refused, |object| refusals.write(object));
                }
                Err(_) => {
                    outputs.messages.write(Topic::Event, |event| event.text("event", "bad_set"));
                }
            }
        }
        self.report(inputs, inputs.set.is_some(), &mut outputs);
        outputs.level = self.light.level(now_ms);
        outputs.relay = outputs.level > PerMille::ZERO;
        outputs.save = self.remember(now_ms);
        outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn online(set: Option<&str>) -> Inputs<'_> {
        Inputs { online: true, set: set.map(str::as_bytes), ..Inputs::default() }
    }

    fn plain() -> Lamp {
        let fittings = Fittings { white: false, colour: false };
        Lamp::new(LampConfig { fittings, power_on: PowerOn::Last }, None)
    }

    #[test]
    fn the_whole_state_is_told_when_the_link_opens_and_after_each_change() {
        let mut lamp = plain();
        assert_eq!(lamp.step(0, &Inputs::default()).messages.payload(Topic::State), None);
        let first = lamp.step(10, &online(None));
        let state = r#"{"on":false,"brightness":100,"transition_s":0.4,"effect":"none"}"#;
        assert_eq!(first.messages.payload(Topic::State), Some(state));
        assert_eq!(lamp.step(20, &online(None)).messages.payload(Topic::State), None);
        let set = lamp.step(30, &online(Some(r#"{"brightness":25}"#)));
        let state = r#"{"on":true,"brightness":25,"transition_s":0.4,"effect":"none"}"#;
        assert_eq!(set.messages.payload(Topic::State), Some(state));
        assert!(lamp.step(40, &Inputs::default()).messages.iter().next().is_none());
        assert_eq!(lamp.step(50, &online(None)).messages.payload(Topic::State), Some(state));
    }

    #[test]
    fn off_and_a_level_in_one_message_leave_it_off_at_that_level() {
        for set in [r#"{"on":false,"brightness":25}"#, r#"{"brightness":25,"on":false}"#] {
            let mut lamp = plain();
            lamp.step(0, &online(Some(r#"{"on":true}"#)));
            lamp.step(10, &online(Some(set)));
            assert_eq!((lamp.light().look().on, lamp.light().look().brightness), (false, 25));
        }
    }

    #[test]
    fn the_button_works_with_nobody_there() {
        let mut lamp = plain();
        let mut level = PerMille::ZERO;
        for tenth in 0..20 {
            let button = (5..10).contains(&tenth);
            level = lamp.step(tenth * 100, &Inputs { button, ..Inputs::default() }).level;
        }
        assert_eq!(level, PerMille::FULL);
    }

    #[test]
    fn a_refused_wish_is_answered_with_its_reason_and_the_state() {
        let mut lamp = plain();
        let set = lamp.step(0, &online(Some(r#"{"brightness":300,"on":true}"#)));
        assert_eq!(set.messages.payload(Topic::Refused), Some(r#"{"brightness":"out of range"}"#));
        assert!(set.messages.payload(Topic::State).is_some_and(|state| state.contains("true")));
        let bad = lamp.step(10, &online(Some("{on}")));
        assert_eq!(bad.messages.payload(Topic::Event), Some(r#"{"event":"bad_set"}"#));
    }

    #[test]
    fn a_look_is_saved_once_it_rests_and_comes_back_with_power() {
        let mut lamp = plain();
        let mut saves = 0;
        let mut flash = None;
        for tick in 0..200_u64 {
            let set = std::format!("{{\"brightness\":{}}}", 10 + tick.min(50));
            let outputs = lamp.step(tick * 100, &online(Some(&set)));
            saves += u32::from(outputs.save.is_some());
            flash = outputs.save.or(flash);
        }
        assert_eq!(saves, 1);
        let again = Lamp::new(LampConfig::default(), flash.as_ref());
        assert_eq!((again.light().look().on, again.light().look().brightness), (true, 60));
    }
}

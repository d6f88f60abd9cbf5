//! A light: what it should look like, the fade on the way there, and who may ask for what.

mod effect;
mod fade;

pub use effect::Effect;

use crate::contract::{Reason, UNKNOWN, WRONG_TYPE, a_bool, a_number, a_text, an_integer};
use crate::json::{Object, Value};
use crate::units::PerMille;
use fade::Fade;

/// What the lamp can do beyond on, off and brightness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fittings {
    /// Two whites: `color_temp_k` exists.
    pub white: bool,
    /// Coloured LEDs: `hue` and `saturation` exist.
    pub colour: bool,
}

/// What a lamp does when power comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PowerOn {
    /// As it was before.
    #[default]
    Last,
    /// On, at the last brightness.
    On,
    /// Off.
    Off,
}

/// How a light is, as far as anybody can set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether it shines.
    pub on: bool,
    /// 1..=100 %, kept while off.
    pub brightness: u8,
    /// 2000..=6500 K.
    pub color_temp_k: u16,
    /// 0..=360 degrees.
    pub hue: u16,
    /// 0..=100 %.
    pub saturation: u8,
    /// How long a change takes, 0..=60,000 ms.
    pub transition_ms: u32,
    /// What it does by itself.
    pub effect: Effect,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            on: false,
            brightness: 100,
            color_temp_k: 2_700,
            hue: 0,
            saturation: 0,
            transition_ms: 400,
            effect: Effect::None,
        }
    }
}

/// A light with its fade.
#[derive(Debug, Clone)]
pub struct Light {
    fittings: Fittings,
    look: Look,
    fade: Fade,
}

impl Light {
    /// A light that just got power, having looked like `last` before.
    #[must_use]
    pub fn new(fittings: Fittings, power_on: PowerOn, last: Option<Look>) -> Self {
        let mut look = last.unwrap_or_default();
        match power_on {
            PowerOn::Last => {}
            PowerOn::On => look.on = true,
            PowerOn::Off => look.on = false,
        }
        // Power that comes back lights the room at once: no fade.
        Self { fittings, look, fade: Fade::resting(target(&look)) }
    }

    /// How it is set.
    #[must_use]
    pub const fn look(&self) -> &Look {
        &self.look
    }

    /// Changes one property.
    ///
    /// # Errors
    /// Why not, for the person who asked.
    pub fn wish(&mut self, property: &str, value: Value<'_>) -> Result<(), Reason> {
        let look = &mut self.look;
        match property {
            "on" => look.on = a_bool(value)?,
            "brightness" => match an_integer(value, 0, 100)? {
                0 => look.on = false,
                percent => {
                    look.brightness = u8::try_from(percent).map_err(|_| WRONG_TYPE)?;
                    look.on = true;
                }
            },
            "transition_s" => {
                let thousandths = a_number(value, 0, 60_000)?;
                look.transition_ms = u32::try_from(thousandths).map_err(|_| WRONG_TYPE)?;
            }
            "effect" => look.effect = Effect::named(a_text(value)?).ok_or("unknown effect")?,
            "color_temp_k" if self.fittings.white => {
                look.color_temp_k = narrow(an_integer(value, 2_000, 6_500)?)?;
            }
            "hue" if self.fittings.colour => look.hue = narrow(an_integer(value, 0, 360)?)?,
            "saturation" if self.fittings.colour => {
                look.saturation =
                    u8::try_from(an_integer(value, 0, 100)?).map_err(|_| WRONG_TYPE)?;
            }
            _ => return Err(UNKNOWN),
        }
        Ok(())
    }

    /// Turns it on when off and off when on.
    pub const fn toggle(&mut self) {
        self.look.on = !self.look.on;
    }

    /// Turns it off, keeping its level.
    pub const fn turn_off(&mut self) {
        self.look.on = false;
    }

    /// The level the lamp is driven with now, before the eye's curve is applied.
    pub fn level(&mut self, now_ms: u64) -> PerMille {
        self.fade.towards(now_ms, target(&self.look), self.look.transition_ms);
        let level = self.fade.at(now_ms);
        self.look.effect.shape(now_ms, level)
    }

    /// Writes every property the lamp has.
    pub fn write<const N: usize>(&self, object: &mut Object<'_, N>) {
        let look = &self.look;
        object.bool("on", look.on);
        object.integer("brightness", u64::from(look.brightness));
        object.milli("transition_s", i64::from(look.transition_ms), 1);
        object.text("effect", look.effect.name());
        if self.fittings.white {
            object.integer("color_temp_k", u64::from(look.color_temp_k));
        }
        if self.fittings.colour {
            object.integer("hue", u64::from(look.hue));
            object.integer("saturation", u64::from(look.saturation));
        }
    }
}

/// The duty (0..=1023) at which an LED looks as bright as `level` says.
///
/// The eye's curve is CIE 1931 lightness: linear up to 8 %, then cubic.
#[must_use]
pub fn duty(level: PerMille) -> u16 {
    let lightness = u64::from(level.get());
    let duty = if lightness <= 80 {
        // L / 903.3 of the full duty for L in percent.
        (lightness * 10_230 + 45_165) / 90_330
    } else {
        // ((L + 16) / 116)^3 of the full duty.
        let base = lightness + 160;
        (base * base * base * 1_023 + 780_448_000) / 1_560_896_000
    };
    u16::try_from(duty).unwrap_or(1_023)
}

fn target(look: &Look) -> PerMille {
    if look.on { PerMille::clamp(i64::from(look.brightness) * 10) } else { PerMille::ZERO }
}

fn narrow(number: u32) -> Result<u16, Reason> {
    u16::try_from(number).map_err(|_| WRONG_TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{OUT_OF_RANGE, read_set};

    const PLAIN: Fittings = Fittings { white: false, colour: false };

    fn light() -> Light {
        Light::new(PLAIN, PowerOn::Last, None)
    }

    fn set(light: &mut Light, payload: &str) -> bool {
        read_set(payload.as_bytes(), |property, value| light.wish(property, value))
            .unwrap()
            .is_empty()
    }

    #[test]
    fn turning_brightness_up_turns_it_on_and_zero_keeps_the_last_level() {
        let mut light = light();
        assert!(set(&mut light, r#"{"brightness":40}"#));
        assert!(light.look().on);
        assert!(set(&mut light, r#"{"brightness":0}"#));
        assert_eq!((light.look().on, light.look().brightness), (false, 40));
    }

    #[test]
    fn a_brightness_out_of_range_changes_nothing() {
        let mut light = light();
        assert_eq!(light.wish("brightness", Value::Number(101_000)), Err(OUT_OF_RANGE));
        assert_eq!(light.look(), &Look::default());
    }

    #[test]
    fn a_lamp_without_colours_has_no_hue() {
        let mut light = light();
        assert_eq!(light.wish("hue", Value::Number(0)), Err(UNKNOWN));
    }

    #[test]
    fn a_fade_takes_its_time_and_starts_where_the_lamp_is() {
        let mut light = light();
        assert_eq!(light.level(0), PerMille::ZERO);
        assert!(set(&mut light, r#"{"on":true,"transition_s":10}"#));
        assert_eq!(light.level(1_000), PerMille::ZERO);
        assert_eq!(light.level(6_000).get(), 500);
        light.toggle();
        assert_eq!(light.level(6_000).get(), 500);
        assert_eq!(light.level(11_000).get(), 250);
        assert_eq!(light.level(16_000), PerMille::ZERO);
    }

    #[test]
    fn power_that_comes_back_does_what_was_chosen() {
        let last = Look { on: true, brightness: 30, ..Look::default() };
        for (choice, on) in [(PowerOn::Last, true), (PowerOn::On, true), (PowerOn::Off, false)] {
            let mut light = Light::new(PLAIN, choice, Some(last));
            assert_eq!(light.look().on, on);
            assert_eq!(light.level(0).get(), if on { 300 } else { 0 });
        }
    }

    #[test]
    fn the_duty_grows_with_the_level_from_dark_to_full() {
        assert_eq!(duty(PerMille::ZERO), 0);
        assert_eq!(duty(PerMille::FULL), 1_023);
        let mut last = 0;
        for level in 0..=1000 {
            let next = duty(PerMille::clamp(level));
            assert!(next >= last && next <= last + 4);
            last = next;
        }
        assert!(
            (187..=190).contains(&duty(PerMille::clamp(500))),
            "18.4 % light looks half bright"
        );
    }
}

//! What a device was doing, in 40 bytes.

use super::bytes::{Reader, Writer};
use crate::cook::{AtEnd, Phase, Progress, Settings, StartMode};
use crate::light::{Effect, Look};
use crate::units::MilliC;

const LOOK: u8 = 1;
const COOK: u8 = 2;
const NO_COOK: u8 = 3;

/// A cook that was on, and when that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookRecord {
    /// Where the cook stood.
    pub progress: Progress,
    /// The time of day it was written, in Unix ms, if the device knew it.
    pub unix_ms: Option<u64>,
}

/// A record for [`seal`](super::seal); what is in it only its writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved([u8; Self::BYTES]);

impl Saved {
    /// Its length.
    pub const BYTES: usize = 40;

    /// A record from flash.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The record for flash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A light's look.
    #[must_use]
    pub fn of_look(look: &Look) -> Self {
        let effect = Effect::ALL.iter().position(|effect| *effect == look.effect);
        Self::write(|to| {
            to.put(&[LOOK, u8::from(look.on), look.brightness, look.saturation]);
            to.put(&look.color_temp_k.to_le_bytes());
            to.put(&look.hue.to_le_bytes());
            to.put(&look.transition_ms.to_le_bytes());
            to.put(&[index(effect)]);
        })
    }

    /// The look, if it is one and every part is within its range.
    #[must_use]
    pub fn look(&self) -> Option<Look> {
        let mut from = Reader::new(&self.0);
        let [tag, on, brightness, saturation] = from.array()?;
        let look = Look {
            on: on == 1,
            brightness,
            saturation,
            color_temp_k: from.u16()?,
            hue: from.u16()?,
            transition_ms: from.u32()?,
            effect: Effect::ALL.get(usize::from(from.u8()?)).copied()?,
        };
        let sound = (1..=100).contains(&look.brightness)
            && look.saturation <= 100
            && (2_000..=6_500).contains(&look.color_temp_k)
            && look.hue <= 360
            && look.transition_ms <= 60_000;
        (tag == LOOK && sound).then_some(look)
    }

    /// A cook, or that there is none.
    #[must_use]
    pub fn of_cook(cook: Option<&CookRecord>) -> Self {
        Self::write(|to| {
            let Some(CookRecord { progress, unix_ms }) = cook else { return to.put(&[NO_COOK]) };
            let settings = &progress.settings;
            let start = StartMode::ALL.iter().position(|mode| *mode == settings.start_mode);
            let end = AtEnd::ALL.iter().position(|end| *end == settings.at_end);
            let phase = HEATING.iter().position(|phase| *phase == progress.phase);
            to.put(&[COOK, index(phase), index(start), index(end)]);
            to.put(&[u8::from(progress.food_in)]);
            to.put(&settings.target.0.to_le_bytes());
            to.put(&settings.timer_s.to_le_bytes());
            to.put(&progress.elapsed_ms.to_le_bytes());
            to.put(&progress.held_ms.to_le_bytes());
            to.put(&unix_ms.unwrap_or(0).to_le_bytes());
        })
    }

    /// The cook, if it is one and every part is within its range.
    #[must_use]
    pub fn cook(&self) -> Option<CookRecord> {
        let mut from = Reader::new(&self.0);
        let [tag, phase, start, end] = from.array()?;
        let food_in = from.u8()? == 1;
        let settings = Settings {
            target: MilliC(from.u32()?.cast_signed()),
            timer_s: from.u32()?,
            start_mode: StartMode::ALL.get(usize::from(start)).copied()?,
            at_end: AtEnd::ALL.get(usize::from(end)).copied()?,
        };
        let progress = Progress {
            settings,
            phase: HEATING.get(usize::from(phase)).copied()?,
            food_in,
            elapsed_ms: from.u64()?,
            held_ms: from.u64()?,
        };
        let unix_ms = from.u64()?;
        (tag == COOK && settings.is_sound())
            .then_some(CookRecord { progress, unix_ms: (unix_ms != 0).then_some(unix_ms) })
    }

    fn write(fill: impl FnOnce(&mut Writer<'_>)) -> Self {
        let mut bytes = [0; Self::BYTES];
        fill(&mut Writer::new(&mut bytes));
        Self(bytes)
    }
}

/// The phases a cook can be resumed in.
const HEATING: [Phase; 4] = [Phase::Preheating, Phase::Ready, Phase::Cooking, Phase::Holding];

fn index(position: Option<usize>) -> u8 {
    position.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn that_there_is_no_cook_is_a_record_too() {
        assert_eq!(Saved::of_cook(None).cook(), None);
        assert_eq!(Saved::of_cook(None).look(), None);
    }

    proptest! {
        #[test]
        fn a_cook_comes_back_as_it_was(
            target in 20_000_i32..=95_000, timer_s in 0_u32..=259_200, phase in 0_usize..4,
            start in 0_usize..3, end in 0_usize..2, food_in: bool, elapsed_ms: u64, held_ms: u64,
            unix_ms in prop::option::of(1_u64..),
        ) {
            let settings = Settings {
                target: MilliC(target), timer_s,
                start_mode: StartMode::ALL[start], at_end: AtEnd::ALL[end],
            };
            let phase = HEATING[phase];
            let progress = Progress { settings, phase, food_in, elapsed_ms, held_ms };
            let record = CookRecord { progress, unix_ms };
            prop_assert_eq!(Saved::of_cook(Some(&record)).cook(), Some(record));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: [u8; 40], tag in 0_u8..4) {
            let mut bytes = bytes;
            bytes[0] = tag;
            let saved = Saved::from_bytes(&bytes).unwrap();
            if let Some(look) = saved.look() {
                prop_assert!((1..=100).contains(&look.brightness));
            }
            if let Some(cook) = saved.cook() {
                prop_assert!(cook.progress.settings.target <= MilliC(95_000));
            }
        }
    }
}

//! What a person may set about a cook.

use crate::contract::{OUT_OF_RANGE, Reason, a_number, a_text, an_integer};
use crate::json::{Object, Value};
use crate::units::MilliC;

/// The coldest target, in thousandths of a degree.
const TARGET_MIN: i64 = 20_000;
/// The hottest target, in thousandths of a degree.
const TARGET_MAX: i64 = 95_000;
/// The longest timer, in s: three days.
const TIMER_S_MAX: u32 = 259_200;

/// When the timer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartMode {
    /// When the water is at the target.
    #[default]
    AtTemp,
    /// When somebody confirms that the food is in.
    Manual,
    /// With the heat.
    Now,
}

impl StartMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::AtTemp, Self::Manual, Self::Now];

    /// The contract's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AtTemp => "at_temp",
            Self::Manual => "manual",
            Self::Now => "now",
        }
    }
}

/// What happens when the timer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtEnd {
    /// The water is kept at the target.
    #[default]
    Hold,
    /// The heat goes off.
    Stop,
}

impl AtEnd {
    /// Both ends.
    pub const ALL: [Self; 2] = [Self::Hold, Self::Stop];

    /// The contract's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Stop => "stop",
        }
    }
}

/// The settings of a cook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// 20..=95 °C in steps of 0.1.
    pub target: MilliC,
    /// 0..=259,200 s; 0 is no timer.
    pub timer_s: u32,
    /// When the timer starts.
    pub start_mode: StartMode,
    /// What happens when it is over.
    pub at_end: AtEnd,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: MilliC(54_500),
            timer_s: 0,
            start_mode: StartMode::AtTemp,
            at_end: AtEnd::Hold,
        }
    }
}

impl Settings {
    /// Changes one setting but the target; none of that name is `None`.
    pub(super) fn wish(&mut self, property: &str, value: Value<'_>) -> Option<Result<(), Reason>> {
        match property {
            "timer_s" => Some(an_integer(value, 0, TIMER_S_MAX).map(|s| self.timer_s = s)),
            "start_mode" => {
                let mode = chosen(value, &StartMode::ALL, StartMode::word);
                Some(mode.map(|mode| self.start_mode = mode))
            }
            "at_end" => {
                let end = chosen(value, &AtEnd::ALL, AtEnd::word);
                Some(end.map(|end| self.at_end = end))
            }
            _ => None,
        }
    }

    /// Whether every setting is within its range; what comes from flash may not be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let target = i64::from(self.target.0);
        (TARGET_MIN..=TARGET_MAX).contains(&target) && self.timer_s <= TIMER_S_MAX
    }

    /// Writes the settings as the contract's properties.
    pub fn write<const N: usize>(&self, object: &mut Object<'_, N>) {
        object.milli("target_c", i64::from(self.target.0), 1);
        object.integer("timer_s", u64::from(self.timer_s));
        object.text("start_mode", self.start_mode.word());
        object.text("at_end", self.at_end.word());
    }
}

/// A wished target, rounded to a tenth of a degree.
pub(super) fn a_target(value: Value<'_>) -> Result<MilliC, Reason> {
    let thousandths = a_number(value, TARGET_MIN, TARGET_MAX)?;
    i32::try_from((thousandths + 50) / 100 * 100).map(MilliC).map_err(|_| OUT_OF_RANGE)
}

fn chosen<T: Copy>(value: Value<'_>, all: &[T], word: fn(T) -> &'static str) -> Result<T, Reason> {
    let wanted = a_text(value)?;
    all.iter().copied().find(|one| word(*one) == wanted).ok_or(OUT_OF_RANGE)
}

//! What a light does by itself.

use crate::units::PerMille;

/// An effect; it only ever darkens the set level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effect {
    /// Steady light.
    #[default]
    None,
    /// Swells and fades in 4 s.
    Breathe,
    /// Flickers like a flame.
    Candle,
}

impl Effect {
    /// Every effect, in the order a page shows them.
    pub const ALL: [Self; 3] = [Self::None, Self::Breathe, Self::Candle];

    /// The contract's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Breathe => "breathe",
            Self::Candle => "candle",
        }
    }

    /// The effect of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.name() == name)
    }

    pub(super) fn shape(self, now_ms: u64, level: PerMille) -> PerMille {
        let share = match self {
            Self::None => 1000,
            Self::Breathe => {
                // A triangle between 20 % and 100 %.
                let phase = now_ms % 4_000;
                let rise = if phase < 2_000 { phase } else { 4_000 - phase };
                200 + rise * 800 / 2_000
            }
            // A new depth between 60 % and 100 % each 80 ms, scattered by a hash.
            Self::Candle => 600 + ((now_ms / 80).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % 401,
        };
        PerMille::clamp(i64::try_from(u64::from(level.get()) * share / 1000).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_never_shines_brighter_than_the_level() {
        for effect in Effect::ALL {
            for now_ms in (0..20_000).step_by(7) {
                let level = PerMille::clamp(700);
                assert!(effect.shape(now_ms, level) <= level);
                assert_eq!(effect.shape(now_ms, PerMille::ZERO), PerMille::ZERO);
            }
            assert_eq!(Effect::named(effect.name()), Some(effect));
        }
    }
}

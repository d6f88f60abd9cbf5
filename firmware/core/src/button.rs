//! A push button: its bouncing contact in, presses out.

/// How long the contact must be quiet before it counts, in ms.
const QUIET_MS: u64 = 30;
/// From how long on a press is a long one, in ms.
const LONG_MS: u64 = 3_000;

/// A press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// Pressed and released.
    Short,
    /// Held for 3 s; told while it is still held.
    Long,
}

/// The state of one button.
#[derive(Debug, Clone, Default)]
pub struct Button {
    contact: bool,
    changed_ms: u64,
    pressed: bool,
    told_long: bool,
    pressed_ms: u64,
}

impl Button {
    /// Takes the contact's level (true = closed) and says what press it completes.
    pub fn step(&mut self, now_ms: u64, contact: bool) -> Option<Press> {
        if contact != self.contact {
            self.contact = contact;
            self.changed_ms = now_ms;
        }
        let quiet = now_ms.saturating_sub(self.changed_ms) >= QUIET_MS;
        if quiet && contact != self.pressed {
            self.pressed = contact;
            if contact {
                self.pressed_ms = now_ms;
                self.told_long = false;
                return None;
            }
            return (!self.told_long).then_some(Press::Short);
        }
        let long = now_ms.saturating_sub(self.pressed_ms) >= LONG_MS;
        if self.pressed && long && !self.told_long {
            self.told_long = true;
            return Some(Press::Long);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn presses(levels: &[(u64, bool)]) -> Vec<Press> {
        let mut button = Button::default();
        let mut now_ms = 0;
        let mut presses = Vec::new();
        for &(lasts_ms, level) in levels {
            for _ in 0..lasts_ms / 5 {
                presses.extend(button.step(now_ms, level));
                now_ms += 5;
            }
        }
        presses
    }

    #[test]
    fn a_bouncing_press_is_one_press() {
        let bounce = [(100, false), (5, true), (5, false), (10, true), (5, false), (200, true)];
        let release = [(5, false), (5, true), (100, false)];
        assert_eq!(presses(&[bounce.as_slice(), &release].concat()), [Press::Short]);
    }

    #[test]
    fn a_long_press_is_told_once_and_is_not_a_short_one() {
        assert_eq!(presses(&[(50, false), (8_000, true), (100, false)]), [Press::Long]);
    }
}

//! One sous-vide cook: what was asked for, which phase it is in, and what its timer says. It
//! decides when heat is wanted; how much is for [`control`](crate::control), and whether it may
//! be for [`safety`](crate::safety).

mod settings;

pub use settings::{AtEnd, Settings, StartMode};

use crate::contract::{READ_ONLY, Reason, UNKNOWN, a_bool};
use crate::json::Value;
use crate::units::MilliC;

/// How near the target counts as there, in thousandths of a degree.
const THERE: u32 = 500;
/// How long the water must have been there, in ms.
const READY_MS: u64 = 30_000;

/// Where a cook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Told to be off.
    Off,
    /// Nobody has asked for anything since power came.
    #[default]
    Idle,
    /// On the way to the target.
    Preheating,
    /// There; the timer waits for its start.
    Ready,
    /// The timer runs (or has run ahead while preheating, in mode `now`).
    Cooking,
    /// The timer is over, or there is none; the water is kept at the target.
    Holding,
    /// The timer is over and the heat is off.
    Done,
    /// A safety fault stands.
    Error,
}

impl Phase {
    /// The contract's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Idle => "idle",
            Self::Preheating => "preheating",
            Self::Ready => "ready",
            Self::Cooking => "cooking",
            Self::Holding => "holding",
            Self::Done => "done",
            Self::Error => "error",
        }
    }

    /// Whether the target is to be reached or kept.
    #[must_use]
    pub const fn is_heating(self) -> bool {
        matches!(self, Self::Preheating | Self::Ready | Self::Cooking | Self::Holding)
    }
}

/// What a step of a cook brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookEvent {
    /// The water is at the target: food may go in.
    Ready,
    /// The timer reached zero.
    TimerDone,
}

/// What of a cook must survive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What was asked for.
    pub settings: Settings,
    /// Where it stood; [`Phase::is_heating`].
    pub phase: Phase,
    /// Whether the food was in.
    pub food_in: bool,
    /// How much of the timer was over, in ms.
    pub elapsed_ms: u64,
    /// How long the target had been held after the timer, in ms.
    pub held_ms: u64,
}

/// The cook.
#[derive(Debug, Clone, Default)]
pub struct Cook {
    settings: Settings,
    phase: Phase,
    food_in: bool,
    elapsed_ms: u64,
    held_ms: u64,
    there_since_ms: Option<u64>,
    last_ms: Option<u64>,
}

impl Cook {
    /// What was asked for.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether somebody confirmed that the food is in.
    #[must_use]
    pub const fn food_in(&self) -> bool {
        self.food_in
    }

    /// What is left of the timer, in whole seconds begun; 0 when there is none.
    #[must_use]
    pub const fn remaining_s(&self) -> u64 {
        let timer_ms = self.settings.timer_s as u64 * 1000;
        timer_ms.saturating_sub(self.elapsed_ms).div_ceil(1000)
    }

    /// How long the target has been held since the timer was over, in seconds.
    #[must_use]
    pub const fn held_s(&self) -> u64 {
        self.held_ms / 1000
    }

    /// Changes one property. Heat is asked for last, by [`Cook::begin`] and [`Cook::end`]: the
    /// rest of the same message may be what it needs.
    ///
    /// # Errors
    /// Why not, for the person who asked.
    pub fn wish(&mut self, property: &str, value: Value<'_>) -> Result<(), Reason> {
        match property {
            "target_c" => {
                let target = settings::a_target(value)?;
                if target != self.settings.target {
                    self.settings.target = target;
                    self.retarget();
                }
                Ok(())
            }
            "start" => {
                // Only ever confirmed; a new cook starts without.
                if a_bool(value)? { self.confirm_food() } else { Ok(()) }
            }
            "phase" | "water_c" | "remaining_s" | "held_s" | "duty_pct" | "low_water" | "fault" => {
                Err(READ_ONLY)
            }
            _ => self.settings.wish(property, value).unwrap_or(Err(UNKNOWN)),
        }
    }

    /// Somebody says the food is in.
    ///
    /// # Errors
    /// When nothing is heating.
    pub fn confirm_food(&mut self) -> Result<(), Reason> {
        if !self.phase.is_heating() {
            return Err("not heating");
        }
        self.food_in = true;
        Ok(())
    }

    /// Heat is wanted: a new cook begins, unless one is on.
    pub fn begin(&mut self) {
        if !self.phase.is_heating() {
            *self = Self {
                settings: self.settings,
                phase: Phase::Preheating,
                last_ms: self.last_ms,
                ..Self::default()
            };
        }
    }

    /// Heat is no longer wanted.
    pub fn end(&mut self) {
        self.stop(Phase::Off);
    }

    /// The safety layer found a fault.
    pub fn fail(&mut self) {
        self.stop(Phase::Error);
    }

    /// What must survive a loss of power, while there is something.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.phase.is_heating().then_some(Progress {
            settings: self.settings,
            phase: self.phase,
            food_in: self.food_in,
            elapsed_ms: self.elapsed_ms,
            held_ms: self.held_ms,
        })
    }

    /// Goes on where power was lost.
    pub fn resume(&mut self, progress: &Progress) {
        *self = Self {
            settings: progress.settings,
            phase: progress.phase,
            food_in: progress.food_in,
            elapsed_ms: progress.elapsed_ms,
            held_ms: progress.held_ms,
            there_since_ms: None,
            last_ms: self.last_ms,
        };
    }

    /// Keeps the settings of a cook that does not go on.
    pub fn recall(&mut self, progress: &Progress) {
        self.settings = progress.settings;
    }

    /// Lets time pass, with the water at the last temperature that was believed.
    pub fn step(&mut self, now_ms: u64, water: Option<MilliC>) -> Option<CookEvent> {
        let passed_ms = now_ms.saturating_sub(self.last_ms.unwrap_or(now_ms));
        self.last_ms = Some(now_ms);
        match self.phase {
            Phase::Off | Phase::Idle | Phase::Done | Phase::Error => None,
            Phase::Preheating => self.preheat(now_ms, passed_ms, water),
            Phase::Ready => {
                self.run_ahead(passed_ms);
                self.leave_ready();
                None
            }
            Phase::Cooking => self.run_timer(passed_ms),
            Phase::Holding => {
                self.held_ms = self.held_ms.saturating_add(passed_ms);
                // A timer that was prolonged runs again.
                if self.settings.timer_s > 0 && self.remaining_s() > 0 {
                    self.held_ms = 0;
                    self.phase = Phase::Cooking;
                }
                None
            }
        }
    }

    fn preheat(&mut self, now_ms: u64, passed_ms: u64, water: Option<MilliC>) -> Option<CookEvent> {
        self.run_ahead(passed_ms);
        if self.settings.timer_s > 0
            && self.settings.start_mode == StartMode::Now
            && self.remaining_s() == 0
        {
            return self.run_timer(0);
        }
        if water.is_none_or(|water| water.distance(self.settings.target) > THERE) {
            self.there_since_ms = None;
            return None;
        }
        let since_ms = *self.there_since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since_ms) < READY_MS {
            return None;
        }
        self.phase = Phase::Ready;
        Some(CookEvent::Ready)
    }

    /// In mode `now` the timer runs from the first second of heat.
    fn run_ahead(&mut self, passed_ms: u64) {
        if self.settings.start_mode == StartMode::Now {
            self.elapsed_ms = self.elapsed_ms.saturating_add(passed_ms);
        }
    }

    fn leave_ready(&mut self) {
        if self.settings.start_mode == StartMode::Manual && !self.food_in {
            return;
        }
        self.phase = if self.settings.timer_s == 0 { Phase::Holding } else { Phase::Cooking };
    }

    /// The dip when food goes in does not matter here: cooking only ends by its timer.
    fn run_timer(&mut self, passed_ms: u64) -> Option<CookEvent> {
        self.elapsed_ms = self.elapsed_ms.saturating_add(passed_ms);
        if self.remaining_s() > 0 {
            return None;
        }
        match self.settings.at_end {
            AtEnd::Hold => self.phase = Phase::Holding,
            AtEnd::Stop => self.stop(Phase::Done),
        }
        Some(CookEvent::TimerDone)
    }

    /// A new target is approached anew, except by a cook whose timer already runs.
    fn retarget(&mut self) {
        self.there_since_ms = None;
        if self.phase == Phase::Ready {
            self.phase = Phase::Preheating;
        }
    }

    fn stop(&mut self, phase: Phase) {
        self.phase = phase;
        self.food_in = false;
        self.there_since_ms = None;
        if phase != Phase::Done {
            self.elapsed_ms = 0;
            self.held_ms = 0;
        }
    }
}

#[cfg(test)]
mod tests;

//! What a cooker tells the server, and when.

use super::Cooker;
use crate::app::{Inputs, Outputs};
use crate::contract::Topic;
use crate::cook::{Phase, Settings};
use crate::json::Object;
use crate::ring::Ring;
use crate::safety::Fault;
use crate::units::{MilliC, PerMille};

/// Two hours of readings at one a minute.
const KEPT: usize = 120;

/// Something worth an `event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    Ready,
    TimerDone,
    Stopped,
    Resumed,
    NotResumed,
    Fault(Fault),
}

impl Happening {
    const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::TimerDone => "timer_done",
            Self::Stopped => "stopped_by_hand",
            Self::Resumed => "resumed_after_power_loss",
            Self::NotResumed => "not_resumed_after_power_loss",
            Self::Fault(_) => "fault",
        }
    }
}

/// What only changes when somebody or something acts; told at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steady {
    settings: Settings,
    phase: Phase,
    food_in: bool,
    low_water: bool,
    fault: Option<Fault>,
    /// It is not known yet whether a cook goes on after a loss of power.
    undecided: bool,
}

impl Steady {
    fn write<const N: usize>(&self, state: &mut Object<'_, N>) {
        // Told too early, "not heating" would be taken for the cook's end, and made one.
        if !self.undecided {
            state.bool("heating", self.phase.is_heating());
            state.text("phase", self.phase.word());
        }
        self.settings.write(state);
        state.bool("start", self.food_in);
        state.bool("low_water", self.low_water);
        state.text("fault", self.fault.map_or("none", Fault::property));
    }
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at_ms: u64,
    water: MilliC,
    duty: PerMille,
}

/// What was told, and what waits to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    told: Option<Steady>,
    told_ms: u64,
    answer: bool,
    happenings: Ring<Happening, 4>,
    readings: Ring<Reading, KEPT>,
    kept_ms: Option<u64>,
}

impl Report {
    pub(super) fn happened(&mut self, happening: Happening) {
        self.happenings.push(happening);
    }

    /// A `set` is answered by the whole state, even when it changed nothing.
    pub(super) const fn answer(&mut self) {
        self.answer = true;
    }
}

impl Cooker {
    /// Adds this step's messages to `outputs`, or keeps what can't be told now.
    pub(super) fn tell(&mut self, now_ms: u64, inputs: &Inputs<'_>, outputs: &mut Outputs) {
        if !inputs.online {
            self.report.told = None;
            return self.keep(now_ms);
        }
        self.report.kept_ms = None;
        let steady = self.steady();
        let every_ms = if steady.phase.is_heating() {
            self.config.report_heating_ms
        } else {
            self.config.report_idle_ms
        };
        if self.report.answer || self.report.told != Some(steady) {
            outputs.messages.write(Topic::State, |state| {
                steady.write(state);
                self.write_moving(state);
            });
            self.report.told = Some(steady);
            self.report.told_ms = now_ms;
        } else if now_ms.saturating_sub(self.report.told_ms) >= every_ms {
            outputs.messages.write(Topic::State, |state| self.write_moving(state));
            self.report.told_ms = now_ms;
        }
        self.report.answer = false;
        if outputs.messages.payload(Topic::Event).is_none()
            && let Some(happening) = self.report.happenings.pop()
        {
            outputs.messages.write(Topic::Event, |event| {
                event.text("event", happening.word());
                if let Happening::Fault(fault) = happening {
                    event.text("reason", fault.word());
                }
            });
        }
        self.tell_kept(now_ms, inputs.unix_ms, outputs);
    }

    fn steady(&self) -> Steady {
        Steady {
            settings: *self.cook.settings(),
            phase: self.cook.phase(),
            food_in: self.cook.food_in(),
            low_water: self.low_water,
            fault: self.safety.fault(),
            undecided: self.revive.is_some(),
        }
    }

    fn write_moving<const N: usize>(&self, state: &mut Object<'_, N>) {
        if let Some(water) = self.water() {
            state.milli("water_c", i64::from(water.0), 2);
        }
        state.integer("remaining_s", self.cook.remaining_s());
        state.integer("held_s", self.cook.held_s());
        state.integer("duty_pct", u64::from(self.duty.percent()));
    }

    /// A reading a minute for later.
    fn keep(&mut self, now_ms: u64) {
        let report = &mut self.report;
        let due = report
            .kept_ms
            .is_none_or(|kept_ms| now_ms.saturating_sub(kept_ms) >= self.config.keep_ms);
        if due && let Some(water) = self.safety.water() {
            report.readings.push(Reading { at_ms: now_ms, water, duty: self.duty });
            report.kept_ms = Some(now_ms);
        }
    }

    /// One kept reading per step, with the time it was taken; of no use without the time of day.
    fn tell_kept(&mut self, now_ms: u64, unix_ms: Option<u64>, outputs: &mut Outputs) {
        let Some(unix_ms) = unix_ms else { return };
        let Some(reading) = self.report.readings.pop() else { return };
        let taken_ms = unix_ms.saturating_sub(now_ms.saturating_sub(reading.at_ms));
        outputs.messages.write(Topic::Telemetry, |telemetry| {
            telemetry.integer("ts", taken_ms);
            telemetry.milli("water_c", i64::from(reading.water.0), 2);
            telemetry.integer("duty_pct", u64::from(reading.duty.percent()));
        });
    }
}

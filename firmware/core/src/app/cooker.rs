//! A sous-vide cooker: cook, control and safety in a row, its state reported and remembered.

mod report;
mod revive;

use super::{App, Inputs, Outputs};
use crate::button::{Button, Press};
use crate::contract::{Reason, Topic, a_bool, read_set};
use crate::control::{Control, TimeProportion, Tuning, Window};
use crate::cook::{Cook, CookEvent, Phase};
use crate::json::Value;
use crate::record::{CookRecord, Saved};
use crate::safety::{Fault, Limits, Safety, Verdict, Wanted};
use crate::units::{MilliC, PerMille};
use report::{Happening, Report};
use revive::Revive;

/// How often a cook's progress is written to flash, in ms.
const SAVE_EVERY_MS: u64 = 60_000;

/// Who may start heat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arming {
    /// The server's word is enough: the page asked the person to confirm.
    #[default]
    Remote,
    /// Somebody pressed the button on the cooker within the last ten minutes.
    Button,
}

/// How a cooker is built and set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookerConfig {
    /// Who may start heat.
    pub arming: Arming,
    /// The controller's tuning.
    pub tuning: Tuning,
    /// The relay's rhythm.
    pub window: Window,
    /// The safety layer's limits.
    pub limits: Limits,
    /// How often temperature and timer are reported while heating, in ms.
    pub report_heating_ms: u64,
    /// The same while not heating.
    pub report_idle_ms: u64,
    /// How often a reading is kept for the history while nobody listens, in ms.
    pub keep_ms: u64,
}

impl Default for CookerConfig {
    fn default() -> Self {
        Self {
            arming: Arming::Remote,
            tuning: Tuning::default(),
            window: Window::default(),
            limits: Limits::default(),
            report_heating_ms: 2_000,
            report_idle_ms: 15_000,
            keep_ms: 60_000,
        }
    }
}

/// How long a press of the button allows heat to be started from afar, in ms.
const ARMED_MS: u64 = 10 * 60_000;

/// The cooker.
#[derive(Debug, Clone)]
pub struct Cooker {
    config: CookerConfig,
    cook: Cook,
    control: Control,
    relay: TimeProportion,
    safety: Safety,
    button: Button,
    report: Report,
    revive: Option<Revive>,
    armed_until_ms: u64,
    duty: PerMille,
    low_water: bool,
    saved_ms: Option<u64>,
}

impl Cooker {
    /// A cooker that just got power; `saved` is what it wrote to flash before.
    #[must_use]
    pub fn new(config: CookerConfig, saved: Option<&Saved>) -> Self {
        let record = saved.and_then(Saved::cook);
        let mut cook = Cook::default();
        if let Some(record) = &record {
            cook.recall(&record.progress);
        }
        Self {
            config,
            cook,
            control: Control::new(config.tuning),
            relay: TimeProportion::new(config.window),
            safety: Safety::new(config.limits),
            button: Button::default(),
            report: Report::default(),
            revive: record.map(Revive::new),
            armed_until_ms: 0,
            duty: PerMille::ZERO,
            low_water: false,
            saved_ms: None,
        }
    }

    /// The cook.
    #[must_use]
    pub const fn cook(&self) -> &Cook {
        &self.cook
    }

    /// The share of full power the controller asks for.
    #[must_use]
    pub const fn duty(&self) -> PerMille {
        self.duty
    }

    /// The last temperature that was believed.
    #[must_use]
    pub fn water(&self) -> Option<MilliC> {
        self.safety.water()
    }

    fn press(&mut self, now_ms: u64, inputs: &Inputs<'_>) {
        let confirms = self.cook.phase() == Phase::Ready && !self.cook.food_in();
        match self.button.step(now_ms, inputs.button) {
            None => {}
            Some(Press::Long) => {
                self.safety.local_reset();
                self.end_cook();
            }
            Some(Press::Short) if confirms => {
                // Ready is a heating phase, so this can't be refused.
                self.cook.confirm_food().unwrap_or(());
            }
            Some(Press::Short) if self.cook.phase().is_heating() => {
                self.end_cook();
                self.report.happened(Happening::Stopped);
            }
            Some(Press::Short) => self.armed_until_ms = now_ms.saturating_add(ARMED_MS),
        }
    }

    fn set(&mut self, now_ms: u64, payload: &[u8], outputs: &mut Outputs) {
        let mut heating = None;
        let mut food_in = false;
        let set = read_set(payload, |property, value| match property {
            "heating" => a_bool(value).map(|wanted| heating = Some(wanted)),
            // With heat in the same message the food is in from the start.
            "start" if value == Value::Bool(true) => {
                food_in = true;
                Ok(())
            }
            _ => self.cook.wish(property, value),
        });
        let Ok(mut refusals) = set else {
            return outputs.messages.write(Topic::Event, |event| event.text("event", "bad_set"));
        };
        match heating {
            Some(true) => {
                if let Err(reason) = self.begin_cook(now_ms) {
                    refusals.add("heating", reason);
                }
            }
            Some(false) => self.end_cook(),
            None => {}
        }
        if food_in && let Err(reason) = self.cook.confirm_food() {
            refusals.add("start", reason);
        }
        outputs.messages.write(Topic::Refused, |object| refusals.write(object));
        self.report.answer();
    }

    fn begin_cook(&mut self, now_ms: u64) -> Result<(), Reason> {
        let armed = match self.config.arming {
            Arming::Remote => true,
            Arming::Button => now_ms < self.armed_until_ms,
        };
        if !armed && !self.cook.phase().is_heating() {
            return Err("press the button on the cooker first");
        }
        if self.safety.fault().is_some_and(Fault::is_latched) {
            return Err("look at the cooker, then hold its button");
        }
        // Asking for heat anew is the act that a lesser fault waits for; while its cause stands,
        // the safety layer keeps the heater off and finds it again.
        if self.cook.phase() == Phase::Error {
            self.safety.clear();
        }
        self.revive = None;
        self.cook.begin();
        Ok(())
    }

    fn end_cook(&mut self) {
        self.revive = None;
        self.safety.clear();
        self.cook.end();
    }

    /// After a loss of power: goes on only where that is known to be safe.
    fn revive(&mut self, now_ms: u64, inputs: &Inputs<'_>) {
        let Some(revive) = &mut self.revive else { return };
        let Some(resumes) = revive.decide(now_ms, inputs.unix_ms, self.safety.water()) else {
            return;
        };
        if resumes {
            self.cook.resume(revive.progress());
        }
        self.report.happened(if resumes { Happening::Resumed } else { Happening::NotResumed });
        self.revive = None;
    }

    /// Cook, then control, then safety: the order in which heat is decided.
    fn heat(&mut self, now_ms: u64, inputs: &Inputs<'_>) -> Verdict {
        match self.cook.step(now_ms, self.safety.water()) {
            Some(CookEvent::Ready) => self.report.happened(Happening::Ready),
            Some(CookEvent::TimerDone) => self.report.happened(Happening::TimerDone),
            None => {}
        }
        let heating = self.cook.phase().is_heating();
        let target = self.cook.settings().target;
        self.duty = match self.safety.water() {
            Some(water) if heating => self.control.step(now_ms, water, target),
            _ => PerMille::ZERO,
        };
        if !heating {
            self.control.reset();
            self.relay.reset();
        }
        let wanted = Wanted {
            relay: self.relay.step(now_ms, self.duty),
            heating,
            target,
            low_water: inputs.low_water,
            relay_is_on: inputs.relay_is_on,
        };
        let verdict = self.safety.judge(now_ms, wanted);
        match verdict.fault {
            Some(fault) if self.cook.phase() != Phase::Error => {
                self.cook.fail();
                self.duty = PerMille::ZERO;
                self.report.happened(Happening::Fault(fault));
            }
            _ => {}
        }
        verdict
    }

    /// Once a minute while there is something to lose, and once when it is over.
    fn remember(&mut self, now_ms: u64, unix_ms: Option<u64>) -> Option<Saved> {
        let progress = self.cook.progress();
        let due = match (&progress, self.saved_ms) {
            // Until it is decided whether to go on, the old record stands.
            _ if self.revive.is_some() => false,
            (Some(_), Some(saved_ms)) => now_ms.saturating_sub(saved_ms) >= SAVE_EVERY_MS,
            (Some(_), None) => true,
            (None, saved_ms) => saved_ms.is_some(),
        };
        if !due {
            return None;
        }
        self.saved_ms = progress.map(|_| now_ms);
        let record = progress.map(|progress| CookRecord { progress, unix_ms });
        Some(Saved::of_cook(record.as_ref()))
    }
}

impl App for Cooker {
    fn step(&mut self, now_ms: u64, inputs: &Inputs<'_>) -> Outputs {
        let mut outputs = Outputs::default();
        self.low_water = inputs.low_water;
        if let Some(reading) = inputs.probe {
            self.safety.sample(now_ms, reading);
        }
        self.press(now_ms, inputs);
        if let Some(payload) = inputs.set {
            self.set(now_ms, payload, &mut outputs);
        }
        self.revive(now_ms, inputs);
        let verdict = self.heat(now_ms, inputs);
        outputs.relay = verdict.relay;
        outputs.feed_watchdog = verdict.feed_watchdog;
        outputs.save = self.remember(now_ms, inputs.unix_ms);
        self.tell(now_ms, inputs, &mut outputs);
        outputs
    }
}

#[cfg(test)]
mod tests;

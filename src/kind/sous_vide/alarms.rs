//! What a cooker's owner must be woken for.
//!
//! Each alarm is a sign that must hold for some time (`HOLDS_S`), may have to be confirmed at the
//! end of it, and is over by a condition of its own, so that none flickers. Which alarms are
//! raised is written in the device; here is only since when the signs hold.

use serde::{Deserialize, Serialize};

use super::SAFE_C;
use super::samples::Samples;
use crate::kind::watch::AlarmChange;
use crate::model::Device;

/// The alarms and the seconds that their signs must hold.
const HOLDS_S: [(&str, i64); 8] = [
    // The cooker says so.
    ("low_water", 0),
    // Over the target and still rising: the heater may be stuck.
    ("over_temp", 60),
    // Full power, and the water does not care.
    ("no_heating", 300),
    // The bath lost its temperature: lid, power, or a heater too weak for the load.
    ("temp_drop", 300),
    // No measurement to trust.
    ("sensor_fault", 60),
    // The link is gone; the cooker goes on alone, and nobody sees it.
    ("offline_while_cooking", 60),
    // Food below 54.4 °C for four hours, which nobody could refuse when it began.
    ("held_too_cool", super::COOL_HOLD_S_MAX),
    // The cooker gave up for another reason.
    ("device_error", 0),
];

/// Over the target by this much, in °C, is too hot.
const OVER_C: f64 = 2.0;
/// Below the target by this much, in °C, is a drop.
const DROP_C: f64 = 2.0;
/// Back within this much of the target, in °C, ends either.
const BACK_C: f64 = 1.0;
/// As good as full power, in per cent.
const FULL_DUTY_PCT: f64 = 95.0;
/// Below the target by less than this, in °C, the heater has little left to do.
const NEAR_C: f64 = 0.5;
/// Water under full power warms by at least this much, in °C per minute.
const WARMS_C_MIN: f64 = 0.05;

/// What is to be seen of a cooker now.
#[derive(Debug)]
pub struct Look<'a> {
    /// The device with its alarms.
    pub device: &'a Device,
    /// Whether its link is open.
    pub connected: bool,
    /// Its phase.
    pub phase: &'a str,
    /// The water, °C, as last reported.
    pub water_c: Option<f64>,
    /// The target, °C.
    pub target_c: Option<f64>,
    /// The last five minutes.
    pub samples: &'a Samples,
    /// Whether the last measurement was a jump that no water makes.
    pub jumped: bool,
    /// Whether the water was found cold after a time without measurements.
    pub found_cold: bool,
}

/// What speaks for an alarm, and against it.
#[expect(clippy::struct_excessive_bools, reason = "four independent observations")]
struct Sign {
    /// Raise it without waiting.
    at_once: bool,
    /// The sign is there; the time counts as long as it is.
    there: bool,
    /// When the time is over, this must be so as well.
    sure: bool,
    /// A raised alarm is over.
    over: bool,
}

impl Sign {
    /// A sign that says all by being there or not.
    const fn plain(there: bool) -> Self {
        Self { at_once: false, there, sure: true, over: !there }
    }
}

/// Since when each sign holds, Unix milliseconds, in the order of [`HOLDS_S`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Alarms {
    since_ms: [Option<i64>; 8],
    next_ms: Option<i64>,
}

impl Alarms {
    /// Looks at the cooker, and says which alarms begin and which are over.
    pub fn look(&mut self, look: &Look<'_>, now_ms: i64) -> Vec<AlarmChange> {
        let mut changes = Vec::new();
        self.next_ms = None;
        let signs = look.signs();
        for (((code, hold_s), since_ms), sign) in HOLDS_S.iter().zip(&mut self.since_ms).zip(signs)
        {
            // While the link is gone nothing is known but that; what was raised stays.
            let Some(sign) = sign else { continue };
            *since_ms = sign.there.then(|| since_ms.unwrap_or(now_ms).min(now_ms));
            let due_ms = since_ms.map(|since_ms| since_ms.saturating_add(hold_s * 1000));
            let ripe = due_ms.is_some_and(|due_ms| due_ms <= now_ms) && sign.sure;
            let raised = look.device.alarms.iter().any(|alarm| alarm.code.as_ref() == *code);
            if raised && sign.over {
                changes.push(AlarmChange::Clear((*code).into()));
            } else if !raised && (sign.at_once || ripe) {
                let due_ms = due_ms.filter(|_| ripe).unwrap_or(now_ms);
                let due_ms = look.gone_ms(code, *hold_s).map_or(due_ms, |at_ms| at_ms.min(due_ms));
                changes.push(AlarmChange::Raise { code: (*code).into(), due_ms });
            } else if !raised && let Some(due_ms) = due_ms.filter(|due_ms| *due_ms > now_ms) {
                self.next_ms = Some(self.next_ms.map_or(due_ms, |next_ms| next_ms.min(due_ms)));
            }
        }
        changes
    }

    /// When the next sign may be ripe, Unix milliseconds.
    #[must_use]
    pub const fn next_ms(&self) -> Option<i64> {
        self.next_ms
    }
}

impl Look<'_> {
    /// In the order of [`HOLDS_S`]; `None` is "nothing known now".
    fn signs(&self) -> [Option<Sign>; 8] {
        let seen = |sign: Sign| self.connected.then_some(sign);
        let food_in = matches!(self.phase, "cooking" | "holding");
        let at_work = food_in || matches!(self.phase, "preheating" | "ready");
        let fault = self.device.reported.text("fault");
        let low = self.device.reported.truth("low_water") == Some(true);
        let cool = food_in && !self.is_expert() && self.water_c.is_some_and(|c| c < SAFE_C);
        let told = matches!(fault, Some("sensor" | "low_water" | "over_temp" | "heater"));
        [
            seen(Sign::plain(low || fault == Some("low_water"))),
            seen(self.over_temp(at_work, fault)),
            seen(self.no_heating(at_work, fault)),
            seen(self.temp_drop(food_in)),
            seen(self.sensor_fault(at_work, fault)),
            Some(Sign { over: self.connected, ..Sign::plain(!self.connected && at_work) }),
            seen(Sign::plain(cool)),
            seen(Sign::plain(self.phase == "error" && !told)),
        ]
    }

    /// When silence was due to be told of, Unix milliseconds: it began with the last message, even
    /// if the server did not run then.
    fn gone_ms(&self, code: &str, hold_s: i64) -> Option<i64> {
        let silent = code == "offline_while_cooking" && !self.connected;
        let last_ms = self.device.last_seen_ms.filter(|_| silent)?;
        Some(last_ms.saturating_add(hold_s * 1000))
    }

    fn is_expert(&self) -> bool {
        self.device.desired.truth("expert") == Some(true)
    }

    /// How much warmer the water is than its target, °C.
    fn above_c(&self) -> Option<f64> {
        Some(self.water_c? - self.target_c?)
    }

    fn over_temp(&self, at_work: bool, fault: Option<&str>) -> Sign {
        let told = fault == Some("over_temp");
        let watched = at_work || self.phase == "error";
        let there = watched && self.above_c().is_some_and(|above_c| above_c > OVER_C);
        Sign {
            at_once: told,
            there,
            sure: there && self.samples.slope_c_min(60.0).is_some_and(|slope| slope > 0.0),
            over: !told && (!watched || self.above_c().is_none_or(|above_c| above_c <= BACK_C)),
        }
    }

    fn no_heating(&self, at_work: bool, fault: Option<&str>) -> Sign {
        let told = fault == Some("heater");
        let duty_pct = self.device.reported.number("duty_pct").unwrap_or(0.0);
        let below = self.above_c().is_some_and(|above_c| above_c < -NEAR_C);
        let full = at_work && below && duty_pct >= FULL_DUTY_PCT;
        let warms = |slope: f64| slope >= WARMS_C_MIN;
        let there = full && !self.samples.slope_c_min(300.0).is_some_and(warms);
        Sign {
            at_once: told,
            there,
            sure: there && self.is_not_recovering(),
            over: !told && !there,
        }
    }

    fn temp_drop(&self, food_in: bool) -> Sign {
        let below = |by_c: f64| self.above_c().is_some_and(|above_c| above_c < -by_c);
        let there = food_in && below(DROP_C);
        Sign {
            at_once: there && self.found_cold,
            there,
            sure: there && self.is_not_recovering(),
            over: !food_in || !below(BACK_C),
        }
    }

    /// The dip when food goes in recovers, and so does a bath that is heated from cold.
    fn is_not_recovering(&self) -> bool {
        self.samples.slope_c_min(120.0).is_some_and(|slope| slope < WARMS_C_MIN)
    }

    fn sensor_fault(&self, at_work: bool, fault: Option<&str>) -> Sign {
        let told = fault == Some("sensor") || self.jumped;
        let missing = at_work && self.water_c.is_none();
        Sign { at_once: told, there: missing, sure: true, over: !told && !missing }
    }
}

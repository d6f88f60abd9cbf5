//! Temperature control: a PI controller whose output is a share of time, and a relay that
//! spends that share of each window closed.

use crate::units::{MilliC, PerMille};

/// How the controller is tuned; the defaults suit 1 kW in 5..20 litres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Output per degree of error, in per mille.
    pub gain_per_mille: i32,
    /// Growth of the output per degree of error and hour, in per mille.
    pub integral_per_mille_h: i32,
    /// The most the integral may contribute, in per mille: what holding the hottest bath takes.
    pub integral_max: i32,
}

impl Default for Tuning {
    fn default() -> Self {
        // Full power until 4 °C below the target. A bath is an integrator with the rate P/C =
        // 0.024 °C/s (1 kW, 10 l); damping 1 then wants Ki = Kp^2 (P/C) / 4 = 1300 per mille/h.
        Self { gain_per_mille: 250, integral_per_mille_h: 1_300, integral_max: 700 }
    }
}

/// The controller.
#[derive(Debug, Clone)]
pub struct Control {
    tuning: Tuning,
    /// The integral in millionths of a per mille: fine enough for one millidegree in one ms.
    integral: i64,
    last_ms: Option<u64>,
}

/// `integral` counts per mille times this.
const FINE: i64 = 3_600_000;

impl Control {
    /// A controller at rest.
    #[must_use]
    pub const fn new(tuning: Tuning) -> Self {
        Self { tuning, integral: 0, last_ms: None }
    }

    /// Forgets the past: before a new cook.
    pub const fn reset(&mut self) {
        self.integral = 0;
        self.last_ms = None;
    }

    /// The share of full power that brings `water` to `target`.
    pub fn step(&mut self, now_ms: u64, water: MilliC, target: MilliC) -> PerMille {
        // After a pause the past says little about the present: one minute counts at most.
        let passed_ms = now_ms.saturating_sub(self.last_ms.unwrap_or(now_ms)).min(60_000);
        self.last_ms = Some(now_ms);
        let error = i64::from(target.above(water));
        let proportional = error * i64::from(self.tuning.gain_per_mille) / 1000;

        // The integral only learns where the relay can still follow: not while saturated upwards
        // or downwards in the direction of the error (no wind-up).
        let output = proportional + self.integral / FINE;
        let saturated = (output >= 1000 && error > 0) || (output <= 0 && error < 0);
        if !saturated {
            let growth = error * i64::from(self.tuning.integral_per_mille_h) / 1000;
            let passed_ms = i64::try_from(passed_ms).unwrap_or(0);
            let max = i64::from(self.tuning.integral_max) * FINE;
            self.integral = (self.integral + growth * passed_ms).clamp(0, max);
        }
        PerMille::clamp(proportional + self.integral / FINE)
    }
}

/// How the relay spends its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The length of a window, in ms.
    pub length_ms: u32,
    /// The shortest time the relay is on or off, in ms: contacts and triacs dislike less.
    pub shortest_ms: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self { length_ms: 10_000, shortest_ms: 1_000 }
    }
}

/// A relay driven by shares of time. What a window is too coarse for is carried to the next.
#[derive(Debug, Clone)]
pub struct TimeProportion {
    window: Window,
    started_ms: Option<u64>,
    on_ms: u32,
    carried_ms: i64,
}

impl TimeProportion {
    /// A relay that is off.
    #[must_use]
    pub const fn new(window: Window) -> Self {
        Self { window, started_ms: None, on_ms: 0, carried_ms: 0 }
    }

    /// Back to off, at once and with nothing carried.
    pub const fn reset(&mut self) {
        self.started_ms = None;
        self.on_ms = 0;
        self.carried_ms = 0;
    }

    /// Whether the relay should be closed now, for `share` of the time.
    pub fn step(&mut self, now_ms: u64, share: PerMille) -> bool {
        let length_ms = u64::from(self.window.length_ms);
        let started_ms = match self.started_ms {
            Some(started_ms) if now_ms.saturating_sub(started_ms) < length_ms => started_ms,
            _ => {
                self.plan(share);
                self.started_ms = Some(now_ms);
                now_ms
            }
        };
        // A window planned for full power ends early when the power is no longer wanted.
        if share == PerMille::ZERO {
            self.on_ms = 0;
        }
        now_ms.saturating_sub(started_ms) < u64::from(self.on_ms)
    }

    fn plan(&mut self, share: PerMille) {
        let length_ms = i64::from(self.window.length_ms);
        let shortest_ms = i64::from(self.window.shortest_ms).min(length_ms / 2);
        let exact = i64::from(share.of(self.window.length_ms)) + self.carried_ms;
        let on_ms = match exact {
            short if short < shortest_ms => 0,
            long if long > length_ms - shortest_ms => length_ms,
            fits => fits,
        };
        self.carried_ms = (exact - on_ms).clamp(-shortest_ms, shortest_ms);
        if share == PerMille::ZERO {
            self.carried_ms = 0;
        }
        self.on_ms = u32::try_from(on_ms).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bath::Bath;
    use proptest::prelude::*;

    /// Runs an hour and a half of control and returns the last ten minutes' extremes.
    fn settle(mut bath: Bath, target: MilliC) -> (MilliC, MilliC, MilliC) {
        let mut control = Control::new(Tuning::default());
        let mut relay = TimeProportion::new(Window::default());
        let (mut low, mut high, mut peak) = (MilliC(i32::MAX), MilliC(i32::MIN), MilliC(0));
        for second in 0..5_400_u64 {
            let share = control.step(second * 1000, bath.water(), target);
            let on = relay.step(second * 1000, share);
            bath.step(1000, if on { PerMille::FULL } else { PerMille::ZERO });
            peak = peak.max(bath.water());
            if second > 4_800 {
                low = low.min(bath.water());
                high = high.max(bath.water());
            }
        }
        (low, high, peak)
    }

    #[test]
    fn a_kilowatt_holds_ten_litres_within_a_quarter_of_a_degree() {
        let target = MilliC(54_500);
        let (low, high, peak) = settle(Bath::default(), target);
        assert!(low.distance(target) < 250 && high.distance(target) < 250, "{low:?} {high:?}");
        assert!(peak.above(target) < 500, "overshoot {peak:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_usual_bath_settles_on_its_target(
            power_w in 800_u32..2_000, volume_ml in 5_000_u32..20_000, target in 40_000..75_000,
        ) {
            let target = MilliC(target);
            let mut bath = Bath { power_w, volume_ml, ..Bath::default() };
            bath.pour(MilliC(target.0 - 15_000));
            let (low, high, peak) = settle(bath, target);
            let off = low.distance(target).max(high.distance(target));
            prop_assert!(off < 500, "{:?} {:?}", low, high);
            prop_assert!(peak.above(target) < 1_000, "overshoot {:?}", peak);
        }

        #[test]
        fn the_relay_spends_the_share_it_was_given(share in 0_i64..=1000) {
            let share = PerMille::clamp(share);
            let mut relay = TimeProportion::new(Window::default());
            let ticks = (0..20_000_u64).filter(|tick| relay.step(tick * 50, share)).count();
            let wanted = usize::from(share.get()) * 20;
            prop_assert!(ticks.abs_diff(wanted) <= 200, "{} of {:?}", ticks, share);
        }

        #[test]
        fn the_relay_never_chatters(shares in prop::collection::vec(1_i64..=1000, 30)) {
            let mut relay = TimeProportion::new(Window::default());
            let (mut was, mut since) = (false, 0_u64);
            for tenth in 0..3_000_u64 {
                let share = PerMille::clamp(shares[(tenth / 100) as usize]);
                let on = relay.step(tenth * 100, share);
                if on != was {
                    let lasted_ms = (tenth - since) * 100;
                    prop_assert!(tenth == 0 || lasted_ms >= 1_000, "after {} ms", lasted_ms);
                    (was, since) = (on, tenth);
                }
            }
        }
    }
}

//! When the water will be warm enough: `dT/dt = a - b (T - T_ambient)`, fitted to what was seen.
//!
//! The heater gives a, the pot loses b. Ambient and a can't be told apart by looking at the water,
//! and need not be: the rate now, `c = a - b (T_now - T_ambient)`, and b say how it goes on. The
//! fit is of the integral, `T = d + c t - b ∫(T - T_now) dt`, which tames the noise that a
//! difference of neighbouring samples would blow up; what five minutes can't tell about b,
//! experience does.

use super::samples::line;

/// Fewest samples that a guess is made on.
pub const SAMPLES_MIN: usize = 6;
/// Shortest time they must cover, in seconds.
pub const SEEN_S_MIN: f64 = 60.0;
/// Longest guess, in seconds; a pot that needs longer never gets there.
pub const ETA_S_MAX: f64 = 24.0 * 3600.0;

/// A usual pot's loss, per second: ten litres that lose 8 W/K.
const LOSS: f64 = 2e-4;
/// How much pots differ from the usual one, per second.
const LOSS_SPREAD: f64 = 3e-4;
/// The least a probe is off by, °C.
const NOISE_C: f64 = 0.02;

/// When the water will be at its target, counted from the latest sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eta {
    /// Seconds, most likely.
    pub likely_s: f64,
    /// Seconds if all goes well (one case in forty is faster).
    pub soonest_s: f64,
    /// Seconds if it doesn't (one case in forty is slower); `None` where it may never get there.
    pub latest_s: Option<f64>,
}

/// Guesses from `samples`, (seconds before the latest, °C), when the water reaches `target_c`;
/// `None` if too little was seen, or if it looks like never.
#[must_use]
pub fn eta(samples: impl Iterator<Item = (f64, f64)> + Clone, target_c: f64) -> Option<Eta> {
    let oldest_s = samples.clone().next()?.0;
    let count = samples.clone().count();
    if count < SAMPLES_MIN || -oldest_s < SEEN_S_MIN {
        return None;
    }
    let straight = line(samples.clone())?;
    let now_c = straight.at(0.0);
    let areas = integral(samples.clone(), now_c);
    let area_line = line(areas.clone())?;
    // What neither line explains is the bend, and the bend is b.
    let bends = samples.zip(areas).map(|((at_s, water_c), (_, area))| {
        (water_c - straight.at(at_s), area - area_line.at(at_s))
    });
    let (warm, both, bent) = bends.fold((0.0, 0.0, 0.0), |(warm, both, bent), (w, b)| {
        (warm + w * w, both + w * b, bent + b * b)
    });
    #[expect(clippy::cast_precision_loss, reason = "some dozens")]
    let noise = (warm / (count as f64 - 2.0)).max(NOISE_C * NOISE_C);
    let prior = noise / (LOSS_SPREAD * LOSS_SPREAD);
    let loss = ((prior * LOSS - both) / (prior + bent)).max(0.0);
    let loss_off = 2.0 * (noise / (prior + bent)).sqrt();
    let now = Now { gap_c: target_c - now_c, rate: straight.slope + loss * area_line.slope, loss };
    let rate_off = 2.0 * (noise / straight.spread).sqrt() + loss_off * area_line.slope.abs();
    let toward = now.gap_c.signum();
    let off = |sign: f64| Now {
        rate: now.rate + sign * toward * rate_off,
        loss: (now.loss - sign * loss_off).max(0.0),
        ..now
    };
    let likely_s = now.seconds()?;
    Some(Eta {
        likely_s,
        soonest_s: off(1.0).seconds().unwrap_or(likely_s).min(likely_s),
        latest_s: off(-1.0).seconds().map(|latest_s| latest_s.max(likely_s)),
    })
}

/// The water now, and how it goes on.
#[derive(Clone, Copy)]
struct Now {
    gap_c: f64,
    rate: f64,
    loss: f64,
}

impl Now {
    /// Solves gap = (rate / loss) (1 - e^(-loss t)) for t.
    fn seconds(self) -> Option<f64> {
        let straight_s = self.gap_c / self.rate;
        let bent = self.loss * straight_s;
        let seconds = if bent.abs() < 1e-6 { straight_s } else { -(-bent).ln_1p() / self.loss };
        (0.0..=ETA_S_MAX).contains(&seconds).then_some(seconds)
    }
}

/// The running integral of (T - `base_c`) over time, by trapezoids.
fn integral(
    samples: impl Iterator<Item = (f64, f64)> + Clone,
    base_c: f64,
) -> impl Iterator<Item = (f64, f64)> + Clone {
    let mut sum = 0.0;
    let mut last: Option<(f64, f64)> = None;
    samples.map(move |(at_s, water_c)| {
        let above_c = water_c - base_c;
        if let Some((last_s, last_c)) = last {
            sum += (at_s - last_s) * above_c.midpoint(last_c);
        }
        last = Some((at_s, above_c));
        (at_s, sum)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pot in a kitchen of 20 °C, stepped by the second.
    #[derive(Clone, Copy)]
    struct Pot {
        litres: f64,
        watts: f64,
        loss_w_k: f64,
        from_c: f64,
    }

    impl Pot {
        fn after(self, seconds: u32) -> f64 {
            (0..seconds).fold(self.from_c, |water_c, _| {
                water_c + (self.watts - self.loss_w_k * (water_c - 20.0)) / (self.litres * 4186.0)
            })
        }

        /// When it truly is at `target_c`.
        fn arrives_s(self, target_c: f64) -> Option<f64> {
            let up = target_c > self.from_c;
            let there = |c: f64| if up { c >= target_c } else { c <= target_c };
            (0..20_000).step_by(10).find(|at| there(self.after(*at))).map(f64::from)
        }

        /// What a probe of a sixteenth of a degree shows in the first `seen_s`.
        fn seen(self, seen_s: u32) -> Vec<(f64, f64)> {
            let show = |c: f64| (c * 16.0).round() / 16.0;
            let at = |at: u32| (f64::from(at) - f64::from(seen_s), show(self.after(at)));
            (0..=seen_s).step_by(5).map(at).collect()
        }
    }

    const USUAL: Pot = Pot { litres: 10.0, watts: 1000.0, loss_w_k: 8.0, from_c: 20.0 };

    #[test]
    fn the_guess_after_five_minutes_is_near_the_truth_and_its_range_holds_it() {
        let cases = [
            (USUAL, 54.5),
            (USUAL, 85.0),
            (Pot { litres: 4.0, ..USUAL }, 60.0),
            (Pot { litres: 20.0, loss_w_k: 12.0, ..USUAL }, 56.0),
            (Pot { litres: 20.0, watts: 1500.0, loss_w_k: 3.0, ..USUAL }, 56.0),
            (Pot { from_c: 45.0, ..USUAL }, 57.0),
            // No heat, and the target was lowered.
            (Pot { watts: 0.0, from_c: 70.0, ..USUAL }, 60.0),
        ];
        for (at, (pot, target_c)) in cases.into_iter().enumerate() {
            let truth_s = pot.arrives_s(target_c).unwrap() - 300.0;
            let guess = eta(pot.seen(300).into_iter(), target_c).unwrap();
            let off = (guess.likely_s - truth_s).abs() / truth_s;
            assert!(off < 0.2, "case {at}: {guess:?}, truly {truth_s}");
            assert!(guess.soonest_s <= truth_s, "case {at}: {guess:?}, truly {truth_s}");
            let latest_s = guess.latest_s.unwrap_or(f64::INFINITY);
            assert!(latest_s >= truth_s, "case {at}: {guess:?}, truly {truth_s}");
        }
    }

    #[test]
    fn a_pot_that_never_gets_there_has_no_guess() {
        let weak = Pot { watts: 200.0, loss_w_k: 20.0, ..USUAL };
        assert_eq!(weak.arrives_s(60.0), None);
        let guess = eta(weak.seen(300).into_iter(), 60.0);
        assert!(guess.is_none_or(|guess| guess.latest_s.is_none()), "{guess:?}");
        let cold = Pot { watts: 0.0, from_c: 40.0, ..USUAL };
        assert_eq!(eta(cold.seen(300).into_iter(), 60.0), None, "it gets colder");
    }

    #[test]
    fn too_little_seen_is_no_guess() {
        assert_eq!(eta(USUAL.seen(45).into_iter(), 60.0), None);
        assert_eq!(eta(std::iter::empty(), 60.0), None);
        let still = (0..60).map(|at| (f64::from(at) * 5.0 - 295.0, 20.0));
        assert_eq!(eta(still, 60.0), None, "the heater is off");
    }
}

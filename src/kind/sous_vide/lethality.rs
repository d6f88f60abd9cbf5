//! How far heat has killed what makes people ill.
//!
//! First-order death: at T °C a time D(T) = D₅₅ · 10^((55 - T) / z) kills nine of ten. Figures and
//! wanted reductions: D. E. Baldwin, "A Practical Guide to Sous Vide Cooking", table 5.1, by
//! regression over O'Bryan et al. (2006), Bolton et al. (2000), Hansen and Knøchel (1996).

use serde::{Deserialize, Serialize};

/// Below this core temperature nothing is counted, in °C: up to here Clostridium perfringens grows
/// (Baldwin, as above).
pub const KILLS_FROM_C: f64 = 52.3;

/// What is to be killed, and how far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pathogen {
    /// Its name.
    pub name: &'static str,
    /// Minutes that kill nine of ten at 55 °C.
    pub d55_min: f64,
    /// Degrees by which it must be warmer for that to go ten times as fast.
    pub z_c: f64,
    /// How many times nine of ten must be killed.
    pub wanted_logs: f64,
}

/// A million Listeria to one, three million Salmonella, a hundred thousand E. coli.
pub const PATHOGENS: [Pathogen; 3] = [
    Pathogen { name: "E. coli", d55_min: 19.35, z_c: 4.87, wanted_logs: 5.0 },
    Pathogen { name: "Salmonella", d55_min: 13.18, z_c: 7.58, wanted_logs: 6.5 },
    Pathogen { name: "Listeria", d55_min: 12.66, z_c: 9.22, wanted_logs: 6.0 },
];

impl Pathogen {
    /// Powers of ten killed in a second at `celsius`.
    #[must_use]
    pub fn logs_per_s(&self, celsius: f64) -> f64 {
        if celsius < KILLS_FROM_C {
            return 0.0;
        }
        10_f64.powf((celsius - 55.0) / self.z_c) / (self.d55_min * 60.0)
    }
}

/// Powers of ten killed so far, in the order of [`PATHOGENS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Reductions([f64; 3]);

impl Reductions {
    /// Counts `seconds` in which the core went from one temperature to another.
    pub fn add(&mut self, from_c: f64, to_c: f64, seconds: f64) {
        for (logs, pathogen) in self.0.iter_mut().zip(&PATHOGENS) {
            let rate = pathogen.logs_per_s(from_c).midpoint(pathogen.logs_per_s(to_c));
            *logs += rate * seconds;
        }
    }

    /// How much of the wanted reduction is reached by the hardiest: 1.0 is all of it.
    #[must_use]
    pub fn share(&self) -> f64 {
        let shares = self.0.iter().zip(&PATHOGENS).map(|(logs, of)| logs / of.wanted_logs);
        shares.fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes at a core temperature that reach the wanted reduction.
    fn minutes(celsius: f64) -> f64 {
        let mut killed = Reductions::default();
        killed.add(celsius, celsius, 60.0);
        1.0 / killed.share()
    }

    #[test]
    fn times_at_a_steady_core_follow_d_and_z() {
        // 5 · 19.35 at 55 °C; the hardiest changes from E. coli to Listeria as it gets hotter.
        let cases = [(55.0, 96.75), (58.0, 35.9), (60.0, 21.8), (65.0, 6.25)];
        for (celsius, wanted) in cases {
            let got = minutes(celsius);
            assert!((got - wanted).abs() < 0.02 * wanted, "{celsius} °C: {got:.2} min");
        }
    }

    #[test]
    fn a_core_in_which_bacteria_grow_counts_nothing() {
        let mut killed = Reductions::default();
        killed.add(52.2, 52.2, 1e6);
        assert!(killed.share().abs() < f64::EPSILON);
    }
}

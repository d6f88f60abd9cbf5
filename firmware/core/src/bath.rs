//! A simulated water bath, for tests and for the simulator: one well stirred volume of water
//! that a heater warms and the room cools.

use crate::units::{MilliC, PerMille};

/// Heat capacity of water in J/(kg K), at 25..95 °C within 1 %.
const WATER_J_PER_KG_K: u64 = 4_186;

/// A bath. Its fields may be changed at any time: a lid taken off, a heater that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bath {
    /// Power of the heater, in W.
    pub power_w: u32,
    /// Water, in ml (one gram each), at least 1.
    pub volume_ml: u32,
    /// Heat lost to the room, in mW per degree above it.
    pub loss_mw_per_k: u32,
    /// Temperature of the room.
    pub ambient: MilliC,
    /// Temperature of the water, in millionths of a degree: see [`Bath::water`].
    pub water_micro_c: i64,
}

impl Default for Bath {
    /// A kilowatt in ten litres at 20 °C, losing 5 W/K as an open pot does.
    fn default() -> Self {
        Self {
            power_w: 1_000,
            volume_ml: 10_000,
            loss_mw_per_k: 5_000,
            ambient: MilliC::from_degrees(20),
            water_micro_c: 20_000_000,
        }
    }
}

impl Bath {
    /// The water's temperature.
    #[must_use]
    pub fn water(&self) -> MilliC {
        MilliC(i32::try_from(self.water_micro_c / 1000).unwrap_or(i32::MAX))
    }

    /// Replaces the water by water of another temperature.
    pub fn pour(&mut self, water: MilliC) {
        self.water_micro_c = i64::from(water.0) * 1000;
    }

    /// Lays `food_g` grams of food of some temperature into the water, which takes its heat at
    /// once; food counts like water.
    pub fn add_food(&mut self, food_g: u32, food: MilliC) {
        let (water_g, food_g) = (i64::from(self.volume_ml), i64::from(food_g));
        let heat = self.water_micro_c * water_g + i64::from(food.0) * 1000 * food_g;
        self.water_micro_c = heat / (water_g + food_g).max(1);
    }

    /// Lets `passed_ms` pass with the heater on for `share` of it. Exact to a thousandth of a
    /// degree for steps of up to 10 s.
    pub fn step(&mut self, passed_ms: u32, share: PerMille) {
        let ambient = i64::from(self.ambient.0) * 1000;
        let heating_mw = i64::from(self.power_w) * i64::from(share.get());
        let above_milli_k = (self.water_micro_c - ambient) / 1000;
        let losing_mw = above_milli_k * i64::from(self.loss_mw_per_k) / 1000;
        let energy_uj = (heating_mw - losing_mw) * i64::from(passed_ms);
        let capacity_mj_per_k = WATER_J_PER_KG_K * u64::from(self.volume_ml.max(1));
        let capacity = i64::try_from(capacity_mj_per_k).unwrap_or(i64::MAX);
        // mW * ms = uJ; capacity in mJ/K = uJ/mK; so uJ * 1000 / capacity is in uK.
        self.water_micro_c += energy_uj.saturating_mul(1000) / capacity;
        // Water boils away instead of getting hotter.
        self.water_micro_c = self.water_micro_c.min(100_000_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kilowatt_warms_ten_litres_by_the_textbook() {
        let mut bath = Bath { loss_mw_per_k: 0, ..Bath::default() };
        for _ in 0..600 {
            bath.step(1000, PerMille::FULL);
        }
        // 600 kJ / (10 kg * 4.186 kJ/(kg K)) = 14.33 K.
        assert!(bath.water().distance(MilliC(34_333)) < 10, "{:?}", bath.water());
    }

    #[test]
    fn without_heat_it_cools_to_the_room_and_no_further() {
        let mut bath = Bath::default();
        bath.pour(MilliC::from_degrees(60));
        for _ in 0..360_000 {
            bath.step(1000, PerMille::ZERO);
        }
        assert!(bath.water().distance(bath.ambient) < 20, "{:?}", bath.water());
    }

    #[test]
    fn cold_food_cools_it_by_its_share() {
        let mut bath = Bath::default();
        bath.pour(MilliC::from_degrees(60));
        bath.add_food(1_000, MilliC::from_degrees(5));
        assert_eq!(bath.water(), MilliC(55_000));
    }
}

//! How warm the middle of the food is: heat conduction in half its thickness.
//!
//! `∂T/∂t = α (∂²T/∂r² + (β/r) ∂T/∂r)`, with `k ∂T/∂r = h (T_water - T)` at the surface and no
//! flow through the middle; β is 0 for a slab and 2 for a ball. Model and figures: D. E. Baldwin,
//! "A Practical Guide to Sous Vide Cooking", appendix A and the notes of table 5.1.
//!
//! Forty cells of equal thickness (finite volumes), stepped implicitly: stable whatever the step.

use std::sync::LazyLock;

use super::samples::narrow;

/// Cells from the middle to the surface.
pub const CELLS: usize = 40;
/// How fast heat spreads in meat, m²/s.
pub const DIFFUSIVITY: f64 = 1.11e-7;
/// How well water warms a surface, W/m²K.
pub const TRANSFER: f64 = 95.0;
/// How well meat conducts, W/mK. Not among the published notes: a usual figure for lean meat, with
/// which the published times come out (0.40 would give times up to 5 % shorter).
pub const CONDUCTIVITY: f64 = 0.48;
/// Up to this thickness food is a slab, in mm; thicker food is warmed from its sides as well.
pub const SLAB_MM_MAX: f64 = 30.0;
/// The shape factor β of thicker food: a box of 2:3:5.
pub const BOX_SHAPE: f64 = 0.28;
/// Longest step, in seconds.
pub const STEP_S: f64 = 5.0;

/// One cell's faces, as parts of its volume, in a grid of unit distance.
#[derive(Debug, Clone, Copy, Default)]
struct Faces {
    inner: f64,
    outer: f64,
}

type Shape = [Faces; CELLS];

static SLAB: LazyLock<Shape> = LazyLock::new(|| shape(0.0));
static BOX: LazyLock<Shape> = LazyLock::new(|| shape(BOX_SHAPE));

fn shape(beta: f64) -> Shape {
    let mut faces = [Faces::default(); CELLS];
    let mut inner_r = 0.0_f64;
    for cell in &mut faces {
        let outer_r = inner_r + 1.0;
        let volume = (outer_r.powf(beta + 1.0) - inner_r.powf(beta + 1.0)) / (beta + 1.0);
        // No heat crosses the middle, whatever its face.
        let inner_area = if inner_r > 0.0 { inner_r.powf(beta) } else { 0.0 };
        *cell = Faces { inner: inner_area / volume, outer: outer_r.powf(beta) / volume };
        inner_r = outer_r;
    }
    faces
}

/// A piece of food of one temperature all through, as [`warm`] wants it: from the middle out, °C.
#[must_use]
pub fn food(start_c: f64) -> Vec<f32> {
    vec![narrow(start_c); CELLS]
}

/// The temperature in the middle, °C.
#[must_use]
pub fn core_c(cells: &[f32]) -> f64 {
    cells.first().copied().map_or(0.0, f64::from)
}

/// Warms food `thickness_mm` thick for `seconds` (at most [`STEP_S`] for a good likeness) in water
/// that is `water_c` at their end.
pub fn warm(cells: &mut [f32], thickness_mm: f64, water_c: f64, seconds: f64) {
    let shape: &Shape = if thickness_mm > SLAB_MM_MAX { &BOX } else { &SLAB };
    #[expect(clippy::cast_precision_loss, reason = "forty")]
    let width_m = thickness_mm / 2000.0 / CELLS as f64;
    let spread = DIFFUSIVITY * seconds / width_m.powi(2);
    // From the last cell's centre through its half and the water's film, as part of a whole cell.
    let surface = 1.0 / (0.5 + CONDUCTIVITY / (TRANSFER * width_m));
    // Thomas' algorithm: eliminate outwards, then put in inwards.
    let mut swept = [(0.0, 0.0); CELLS];
    let (mut ratio, mut right) = (0.0, 0.0);
    for (at, ((cell, faces), slot)) in cells.iter().zip(shape).zip(&mut swept).enumerate() {
        let last = at + 1 == CELLS;
        let inner = spread * faces.inner;
        let outer = spread * faces.outer * if last { surface } else { 1.0 };
        let pivot = 1.0 + inner + outer - inner * ratio;
        let from_water = if last { outer * water_c } else { 0.0 };
        right = (f64::from(*cell) + from_water + inner * right) / pivot;
        ratio = if last { 0.0 } else { outer / pivot };
        *slot = (ratio, right);
    }
    let mut outside = 0.0;
    for (cell, (ratio, right)) in cells.iter_mut().zip(&swept).rev() {
        outside = right + ratio * outside;
        *cell = narrow(outside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(thickness_mm: f64, water_c: f64, seconds: u32) -> Vec<f32> {
        let mut cells = food(5.0);
        for _ in 0..seconds / 5 {
            warm(&mut cells, thickness_mm, water_c, 5.0);
        }
        cells
    }

    #[test]
    fn the_core_of_a_slab_follows_the_series_solution() {
        // Fourier's series for a slab with convection, first term; Bi = h R / k, ζ tan ζ = Bi.
        // 30 mm: R = 0.015, Bi = 2.96875, ζ = 1.1895, C = 1.2099, Fo = α t / R².
        let (zeta, first) = (1.189_5_f64, 1.209_9_f64);
        for minutes in [20_u32, 40, 60, 90] {
            let fourier = DIFFUSIVITY * f64::from(minutes) * 60.0 / 0.015_f64.powi(2);
            let wanted = 60.0 - 55.0 * first * (-zeta.powi(2) * fourier).exp();
            let got = core_c(&after(30.0, 60.0, minutes * 60));
            assert!((got - wanted).abs() < 0.2, "{minutes} min: {got:.2} °C, not {wanted:.2}");
        }
    }

    #[test]
    fn food_never_leaves_the_range_of_its_own_and_the_waters_temperature() {
        for thickness_mm in [1.0, 5.0, 30.0, 31.0, 70.0, 150.0] {
            for seconds in [5, 600, 36_000] {
                let cells = after(thickness_mm, 60.0, seconds);
                assert!(cells.iter().all(|c| (4.999..=60.001).contains(c)), "{cells:?}");
                assert!(cells.is_sorted(), "warmer outwards");
            }
        }
    }

    #[test]
    fn at_last_food_is_as_warm_as_its_water() {
        assert!((core_c(&after(70.0, 60.0, 24 * 3600)) - 60.0).abs() < 0.01);
    }
}

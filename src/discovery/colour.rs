//! Colours between hue and saturation, red, green and blue, and x and y (CIE 1931). Pure.
//!
//! The matrices are those that Philips published for its lights (wide gamut, D65) and Home
//! Assistant uses. Unlike there, nothing is rounded to 8 bits on the way, and light is normalised
//! before its gamma, not after: a colour that is sent and echoed comes back the same.

/// Red, green and blue, each 0 to 1.
pub(super) type Rgb = [f64; 3];

/// A colour without its brightness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hs {
    /// Degrees, 0 to 360.
    pub(super) hue: f64,
    /// Per cent, 0 to 100.
    pub(super) saturation: f64,
}

impl Hs {
    /// With the hue within one turn, and the saturation within its bounds.
    pub(super) fn new(hue: f64, saturation: f64) -> Self {
        let hue = if (0.0..=360.0).contains(&hue) { hue } else { hue.rem_euclid(360.0) };
        Self { hue, saturation: saturation.clamp(0.0, 100.0) }
    }

    /// At full brightness.
    pub(super) fn to_rgb(self) -> Rgb {
        let least = 1.0 - self.saturation / 100.0;
        // Each colour is a ramp of 60° up and down around its own hue.
        let part = |at: f64| {
            let away = (self.hue - at + 180.0).rem_euclid(360.0) - 180.0;
            let lit = (2.0 - away.abs() / 60.0).clamp(0.0, 1.0);
            least + (1.0 - least) * lit
        };
        [part(0.0), part(120.0), part(240.0)]
    }

    /// Of any brightness; black and white are without saturation.
    pub(super) fn of_rgb([red, green, blue]: Rgb) -> Self {
        let most = red.max(green).max(blue);
        let span = most - red.min(green).min(blue);
        if most <= 0.0 || span <= 0.0 {
            return Self { hue: 0.0, saturation: 0.0 };
        }
        let sixths = if red >= most {
            (green - blue) / span
        } else if green >= most {
            2.0 + (blue - red) / span
        } else {
            4.0 + (red - green) / span
        };
        Self::new((sixths * 60.0).rem_euclid(360.0), span / most * 100.0)
    }

    /// Both 0 to 1.
    pub(super) fn to_xy(self) -> (f64, f64) {
        let linear = |part: f64| {
            if part > 0.04045 { ((part + 0.055) / 1.055).powf(2.4) } else { part / 12.92 }
        };
        let [red, green, blue] = self.to_rgb().map(linear);
        let x = red * 0.664_511 + green * 0.154_324 + blue * 0.162_028;
        let y = red * 0.283_881 + green * 0.668_433 + blue * 0.047_685;
        let z = red * 0.000_088 + green * 0.072_310 + blue * 0.986_039;
        let all = x + y + z;
        if all > 0.0 { (x / all, y / all) } else { (0.0, 0.0) }
    }

    /// A colour that no light can show is the nearest by leaving out what would be below nothing.
    pub(super) fn of_xy(x: f64, y: f64) -> Self {
        let y = if y > 0.0 { y } else { 1e-9 };
        let (big_x, big_z) = (x / y, (1.0 - x - y) / y);
        let red = big_x * 1.656_492 - 0.354_851 - big_z * 0.255_038;
        let green = -big_x * 0.707_196 + 1.655_397 + big_z * 0.036_152;
        let blue = big_x * 0.051_713 - 0.121_364 + big_z * 1.011_530;
        let most = red.max(green).max(blue);
        if !most.is_finite() || most <= 0.0 {
            return Self { hue: 0.0, saturation: 0.0 };
        }
        let gamma = |part: f64| {
            let part = (part / most).max(0.0);
            if part > 0.003_130_8 { 1.055 * part.powf(1.0 / 2.4) - 0.055 } else { part * 12.92 }
        };
        Self::of_rgb([gamma(red), gamma(green), gamma(blue)])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(one: f64, other: f64, by: f64) -> bool {
        (one - other).abs() <= by
    }

    #[test]
    fn hue_and_saturation_are_the_known_red_green_and_blue() {
        let cases = [
            ((0.0, 100.0), [255.0, 0.0, 0.0]),
            ((60.0, 100.0), [255.0, 255.0, 0.0]),
            ((120.0, 100.0), [0.0, 255.0, 0.0]),
            ((240.0, 100.0), [0.0, 0.0, 255.0]),
            ((180.0, 50.0), [127.5, 255.0, 255.0]),
            ((360.0, 40.0), [255.0, 153.0, 153.0]),
            ((0.0, 0.0), [255.0, 255.0, 255.0]),
        ];
        for ((hue, saturation), rgb) in cases {
            let got = Hs::new(hue, saturation).to_rgb().map(|part| part * 255.0);
            let same = got.iter().zip(rgb).all(|(one, other)| near(*one, other, 1e-6));
            assert!(same, "{hue} {saturation}: {got:?}");
        }
    }

    #[test]
    fn hue_and_saturation_are_the_known_x_and_y() {
        let cases = [
            ((0.0, 100.0), (0.701, 0.299)),
            ((120.0, 100.0), (0.172, 0.747)),
            ((240.0, 100.0), (0.136, 0.040)),
            ((0.0, 0.0), (0.323, 0.329)),
            ((180.0, 100.0), (0.151, 0.343)),
            ((350.0, 12.5), (0.356, 0.321)),
            ((140.0, 50.0), (0.229, 0.474)),
            ((0.0, 40.0), (0.474, 0.317)),
        ];
        for ((hue, saturation), (x, y)) in cases {
            let got = Hs::new(hue, saturation).to_xy();
            assert!(near(got.0, x, 0.001) && near(got.1, y, 0.001), "{hue} {saturation}: {got:?}");
        }
    }

    proptest! {
        #[test]
        fn a_colour_survives_rgb_and_xy(hue in 0.0..359.9_f64, saturation in 5.0..100.0_f64) {
            let colour = Hs::new(hue, saturation);
            let (x, y) = colour.to_xy();
            for back in [Hs::of_rgb(colour.to_rgb()), Hs::of_xy(x, y)] {
                let turn = (back.hue - hue + 180.0).rem_euclid(360.0) - 180.0;
                prop_assert!(turn.abs() < 0.2, "{colour:?} {back:?}");
                prop_assert!(near(back.saturation, saturation, 0.1), "{colour:?} {back:?}");
            }
        }

        #[test]
        fn any_x_and_y_are_some_colour(x in any::<f64>(), y in any::<f64>()) {
            let colour = Hs::of_xy(x, y);
            prop_assert!((0.0..=360.0).contains(&colour.hue));
            prop_assert!((0.0..=100.0).contains(&colour.saturation));
        }
    }
}

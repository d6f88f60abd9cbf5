//! Values as whole numbers of their schema's step: what floats can't be compressed as.

/// The most decimal digits that are kept.
pub(super) const DIGITS_MAX: u8 = 9;
/// The largest whole number that a float holds exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The value in units of 10^-`digits`, rounded; `None` if it is no finite number or beyond 2^53.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
pub(super) fn scale(value: f64, digits: u8) -> Option<i64> {
    let scaled = (value * power(digits)).round();
    (scaled.abs() <= EXACT_MAX).then_some(scaled as i64)
}

/// The value that [`scale`] was given, rounded to `digits`.
#[expect(clippy::cast_precision_loss, reason = "what was scaled is within 2^53")]
pub(super) fn unscale(scaled: i64, digits: u8) -> f64 {
    scaled as f64 / power(digits)
}

/// The same for a sum of scaled values.
#[expect(clippy::cast_precision_loss, reason = "a mean needs no more than a float's digits")]
pub(super) fn unscale_sum(scaled: i128, digits: u8) -> f64 {
    scaled as f64 / power(digits)
}

fn power(digits: u8) -> f64 {
    const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
    POWERS.get(usize::from(digits)).copied().unwrap_or(1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_fractions_read_back_as_they_were_written() {
        for whole in -100_000..100_000 {
            let value = f64::from(whole) / 100.0;
            let scaled = scale(value, 2).unwrap();
            assert_eq!(scaled, i64::from(whole));
            assert!((unscale(scaled, 2) - value).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e16, -1e16] {
            assert_eq!(scale(value, 0), None);
        }
        assert_eq!(scale(9_007_199_254_740_991.0, 0), Some(9_007_199_254_740_991));
        assert_eq!(scale(1e10, 9), None);
    }
}

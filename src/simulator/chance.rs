//! Chance for devices that are not there: cheap, and the same for the same seed. Pure.

/// A stream of random numbers (xorshift64*, Vigna 2016). Good enough to spread devices out; never
/// for secrets.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // A seed of 0 would stay 0 for ever.
        Self(seed | 1)
    }

    /// The next number below `end`, or 0 if there is none.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        match high.checked_rem(end) {
            Some(number) => number,
            None => 0,
        }
    }

    /// The next number from -`most` to `most`.
    pub fn around(&mut self, most: u32) -> i32 {
        let number = self.below(u64::from(most) * 2 + 1);
        i32::try_from(i64::try_from(number).unwrap_or(0) - i64::from(most)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_stays_within_its_bounds_and_repeats_with_its_seed() {
        let (mut one, mut same) = (Chance::new(7), Chance::new(7));
        for _ in 0..10_000 {
            let number = one.around(20);
            assert!((-20..=20).contains(&number));
            assert_eq!(number, same.around(20));
        }
        assert_eq!(one.below(0), 0);
    }
}

//! Quantities as integers: a chip without floating point and a server agree on every digit.

/// A temperature in thousandths of a degree Celsius.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MilliC(pub i32);

impl MilliC {
    /// A temperature of whole degrees.
    #[must_use]
    pub const fn from_degrees(degrees: i32) -> Self {
        Self(degrees.saturating_mul(1000))
    }

    /// How far `self` is above `other`, in thousandths of a degree; negative when it is below.
    #[must_use]
    pub const fn above(self, other: Self) -> i32 {
        self.0.saturating_sub(other.0)
    }

    /// The distance between two temperatures, in thousandths of a degree.
    #[must_use]
    pub const fn distance(self, other: Self) -> u32 {
        self.0.abs_diff(other.0)
    }

    /// A reading of a DS18B20 (1/16 °C), rounded to the nearest thousandth.
    #[must_use]
    pub fn from_sixteenths(raw: i16) -> Self {
        let thousandths = i32::from(raw) * 1000;
        Self((thousandths + 8 * thousandths.signum()) / 16)
    }
}

/// A share of the whole in thousandths, 0..=1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PerMille(u16);

impl PerMille {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The whole.
    pub const FULL: Self = Self(1000);

    /// The nearest allowed share: below 0 becomes 0, above 1000 becomes 1000.
    #[must_use]
    pub fn clamp(thousandths: i64) -> Self {
        Self(u16::try_from(thousandths.clamp(0, 1000)).unwrap_or(0))
    }

    /// The share in thousandths.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The share in whole percent, rounded to the nearest.
    #[must_use]
    pub const fn percent(self) -> u16 {
        (self.0 + 5) / 10
    }

    /// This share of `whole`, rounded down.
    #[must_use]
    pub fn of(self, whole: u32) -> u32 {
        let part = u64::from(whole) * u64::from(self.0) / 1000;
        u32::try_from(part).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensor_reading_is_rounded_to_the_nearest_thousandth() {
        assert_eq!(MilliC::from_sixteenths(0x0191), MilliC(25_063)); // 25.0625 in the data sheet
        assert_eq!(MilliC::from_sixteenths(-8), MilliC(-500));
        assert_eq!(MilliC::from_sixteenths(-1), MilliC(-63));
        assert_eq!(MilliC::from_sixteenths(0x0550), MilliC(85_000));
    }

    #[test]
    fn a_share_never_leaves_its_range() {
        assert_eq!(PerMille::clamp(-5), PerMille::ZERO);
        assert_eq!(PerMille::clamp(5000), PerMille::FULL);
        assert_eq!(PerMille::clamp(995).percent(), 100);
        assert_eq!(PerMille::clamp(250).of(20_000), 5_000);
    }
}

//! The DS18B20 temperature sensor: what its scratchpad says. Figures are from the data sheet
//! (Maxim 19-7487, rev 6).

use crate::safety::ProbeFault;
use crate::units::MilliC;

/// Addresses the only sensor on the wire.
pub const SKIP_ROM: u8 = 0xcc;
/// Starts a conversion.
pub const CONVERT: u8 = 0x44;
/// Asks for the scratchpad.
pub const READ: u8 = 0xbe;
/// The longest a conversion takes at 12 bits, in ms.
pub const CONVERT_MS: u64 = 750;

/// Reads the nine bytes of the scratchpad.
///
/// # Errors
/// [`ProbeFault::Absent`] when nobody pulled the wire down; [`ProbeFault::Crc`] when the check
/// sum is wrong, or right over what no sensor says (a wire shorted to ground reads all zeros,
/// whose check sum is zero).
pub fn decode(scratchpad: &[u8; 9]) -> Result<MilliC, ProbeFault> {
    if scratchpad.iter().all(|byte| *byte == 0xff) {
        return Err(ProbeFault::Absent);
    }
    let [low, high, _, _, config, reserved, _, sixteen, _] = *scratchpad;
    let real = config & 0x9f == 0x1f && reserved == 0xff && sixteen == 0x10;
    if crc8(scratchpad) != 0 || !real {
        return Err(ProbeFault::Crc);
    }
    // Lower resolutions leave the last bits undefined.
    let undefined = match config >> 5 & 3 {
        0 => 0b111,
        1 => 0b11,
        2 => 0b1,
        _ => 0,
    };
    Ok(MilliC::from_sixteenths(i16::from_le_bytes([low & !undefined, high])))
}

/// CRC-8 of the 1-Wire bus (reflected 0x8C); over data with its check sum it is 0.
#[must_use]
pub fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0x8c } else { sum >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scratchpad(raw: i16) -> [u8; 9] {
        let [low, high] = raw.to_le_bytes();
        let mut pad = [low, high, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10, 0];
        pad[8] = crc8(&pad[..8]);
        pad
    }

    #[test]
    fn the_check_sum_is_the_one_of_the_bus() {
        // The example of Maxim's application note 27.
        assert_eq!(crc8(&[0x02, 0x1c, 0xb8, 0x01, 0, 0, 0, 0xa2]), 0);
    }

    #[test]
    fn a_wire_with_nobody_on_it_is_told_from_a_broken_one() {
        assert_eq!(decode(&[0xff; 9]), Err(ProbeFault::Absent));
        assert_eq!(decode(&[0; 9]), Err(ProbeFault::Crc));
        assert_eq!(decode(&scratchpad(0x0550)), Ok(MilliC(85_000)));
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_always_found(
            raw in -880_i16..=2_000, byte in 0_usize..9, bit in 0_u8..8,
        ) {
            let mut pad = scratchpad(raw);
            prop_assert_eq!(decode(&pad), Ok(MilliC::from_sixteenths(raw)));
            pad[byte] ^= 1 << bit;
            prop_assert_eq!(decode(&pad), Err(ProbeFault::Crc));
        }
    }
}

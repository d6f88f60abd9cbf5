//! The time of day over SNTP (RFC 4330), both sides of it: a device asks, a gateway answers.

/// The length of a packet without extensions, in bytes.
pub const BYTES: usize = 48;
/// The port.
pub const PORT: u16 = 123;
/// Seconds from 1900 to 1970.
const EPOCH_S: u64 = 2_208_988_800;

/// A question; `cookie` comes back in the answer.
#[must_use]
pub fn ask(cookie: u64) -> [u8; BYTES] {
    packet(0x23, 0, 0, cookie) // version 4, client
}

/// The answer to `question` at `unix_ms`; `None` when it is not a client's question.
#[must_use]
pub fn answer(question: &[u8], unix_ms: u64) -> Option<[u8; BYTES]> {
    let first = question.get(..BYTES)?.first()?;
    let cookie = number(question, 40)?;
    // Stratum 3: a host that is itself told the time.
    (first & 7 == 3).then(|| packet(first & 0x38 | 4, 3, cookie, timestamp(unix_ms)))
}

/// The time of day in Unix ms that an answer tells; `None` when it answers something else.
#[must_use]
pub fn told(answer: &[u8], cookie: u64) -> Option<u64> {
    let (first, stratum) = (*answer.first()?, *answer.get(1)?);
    let sound = first & 7 == 4 && first >> 6 != 3 && stratum != 0;
    (sound && number(answer, 24)? == cookie).then_some(())?;
    let stamp = number(answer, 40)?;
    // From 2036 on the seconds begin again at 0.
    let seconds = if stamp >> 63 == 0 { (stamp >> 32) + (1 << 32) } else { stamp >> 32 };
    let ms = ((stamp & 0xffff_ffff) * 1000) >> 32;
    Some(seconds.checked_sub(EPOCH_S)? * 1000 + ms)
}

fn timestamp(unix_ms: u64) -> u64 {
    let seconds = unix_ms / 1000 + EPOCH_S;
    (seconds << 32) | (((unix_ms % 1000) << 32).div_ceil(1000))
}

fn packet(first: u8, stratum: u8, originate: u64, transmit: u64) -> [u8; BYTES] {
    let mut packet = [0; BYTES];
    for (at, bytes) in [
        (0, &[first, stratum][..]),
        (24, &originate.to_be_bytes()),
        (32, &transmit.to_be_bytes()),
        (40, &transmit.to_be_bytes()),
    ] {
        if let Some(place) = packet.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    packet
}

fn number(packet: &[u8], at: usize) -> Option<u64> {
    packet.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_time_told_is_the_time_answered(unix_ms in 0_u64..4_000_000_000_000, cookie: u64) {
            let answer = answer(&ask(cookie), unix_ms).unwrap();
            prop_assert_eq!(told(&answer, cookie), Some(unix_ms));
            prop_assert_eq!(told(&answer, cookie ^ 1), None);
        }

        #[test]
        fn any_bytes_are_read_without_harm(
            bytes in prop::collection::vec(any::<u8>(), 0..60), cookie: u64,
        ) {
            let _told = told(&bytes, cookie);
            let _answer = answer(&bytes, cookie);
        }
    }
}

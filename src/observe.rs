//! Seeing what the house does.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time now, in Unix milliseconds.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Randomness for identities and secrets, from the operating system.
pub mod random {
    /// Random bytes.
    ///
    /// # Errors
    /// If the operating system has none to give.
    pub fn bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    }

    /// 64 random bits.
    ///
    /// # Errors
    /// As [`bytes`].
    pub fn bits() -> Result<u64, getrandom::Error> {
        Ok(u64::from_le_bytes(bytes()?))
    }
}

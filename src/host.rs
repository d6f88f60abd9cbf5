//! What only the machine knows: the time, and chance. Processes ask here and hand it to what
//! decides.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time now, in Unix milliseconds.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Random bytes, good enough for secrets.
///
/// # Errors
/// If the operating system has none to give.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// 64 random bits.
///
/// # Errors
/// As [`random_bytes`].
pub fn random_u64() -> Result<u64, getrandom::Error> {
    Ok(u64::from_le_bytes(random_bytes()?))
}

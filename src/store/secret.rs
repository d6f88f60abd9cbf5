//! Secrets that the server makes: 128 random bits, shown once, kept only as a hash.
//!
//! They need no slow hash: nobody guesses 128 random bits. Passwords do, and get argon2 elsewhere.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::record::Record;

/// A secret in the clear, on its way to the one who asked for it. It is never stored or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret that 128 random bits make: 32 hexadecimal digits.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bits)))
    }

    /// The text to show, this once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of what somebody presents as the secret.
    #[must_use]
    pub fn of(presented: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(presented).into())
    }

    /// Whether `presented` is the secret, in a time that says nothing about how nearly it was.
    #[must_use]
    pub fn verifies(&self, presented: impl AsRef<[u8]>) -> bool {
        self.0.ct_eq(&Self::of(presented).0).into()
    }

    /// The hash's bytes, for keys that are looked up by it.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

impl Record for SecretHash {
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_itself_verifies() {
        let secret = Secret::from_random([0xA5; 16]);
        assert_eq!(secret.reveal(), "a5".repeat(16));
        assert!(secret.hash().verifies(secret.reveal()));
        for wrong in ["", "a5", &"A5".repeat(16), &"a5".repeat(17)] {
            assert!(!secret.hash().verifies(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::from_random([0xA5; 16]);
        assert!(!format!("{secret:?} {:?}", secret.hash()).contains("a5"));
    }
}

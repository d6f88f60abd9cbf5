//! Secrets that the server makes: 128 random bits, shown once, kept only as a hash.
//!
//! They need no slow hash: nobody guesses 128 random bits. Passwords do, and get argon2 elsewhere.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
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
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

/// People read it as hexadecimal digits; the store keeps the bytes.
impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if out.is_human_readable() {
            let [high, low] = [self.0.first_chunk(), self.0.last_chunk()]
                .map(|half| half.copied().map_or(0, u128::from_be_bytes));
            return out.collect_str(&format_args!("{high:032x}{low:032x}"));
        }
        self.0.serialize(out)
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if !from.is_human_readable() {
            return <[u8; 32]>::deserialize(from).map(Self);
        }
        let text = Cow::<str>::deserialize(from)?;
        let half = |range| u128::from_str_radix(text.get(range).unwrap_or_default(), 16);
        match (half(0..32), half(32..64)) {
            (Ok(high), Ok(low)) if text.len() == 64 && !text.contains('+') => {
                let mut bytes = [0; 32];
                let halves = bytes.chunks_exact_mut(16).zip([high, low]);
                halves.for_each(|(half, bits)| half.copy_from_slice(&bits.to_be_bytes()));
                Ok(Self(bytes))
            }
            _ => Err(serde::de::Error::custom("a hash is 64 hexadecimal digits")),
        }
    }
}

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
    fn a_hash_reads_back_from_the_store_and_from_text() {
        let hash = SecretHash::of("x");
        let text = serde_json::to_string(&hash).unwrap();
        assert!(text.starts_with("\"2d711642b726b044"), "{text}");
        assert_eq!(serde_json::from_str::<SecretHash>(&text).unwrap(), hash);
        let bytes = postcard::to_allocvec(&hash).unwrap();
        assert_eq!(bytes, hash.as_bytes(), "what stores hold since the first release");
        assert_eq!(postcard::from_bytes::<SecretHash>(&bytes).unwrap(), hash);
        for bad in [text.replace("2d", "2g"), text.replace("2d", "2"), text.replace("2d", "+d")] {
            assert!(serde_json::from_str::<SecretHash>(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::from_random([0xA5; 16]);
        assert!(!format!("{secret:?} {:?}", secret.hash()).contains("a5"));
    }
}

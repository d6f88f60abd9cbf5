//! A certificate's fingerprint: by it a device is known that proves who it is by its key.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a fingerprint: those of SHA-256.
const BYTES: usize = 32;

/// SHA-256 of a certificate in its DER form, as `openssl x509 -fingerprint -sha256` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint([u8; BYTES]);

/// The text is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is SHA-256: 64 hexadecimal digits, with or without colons between bytes")]
pub struct BadFingerprint;

impl Fingerprint {
    /// The fingerprint of a certificate in its DER form.
    #[must_use]
    pub fn of(certificate_der: &[u8]) -> Self {
        Self(Sha256::digest(certificate_der).into())
    }

    /// Its bytes, for keys that are looked up by it.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let plain: Vec<u8> = if text.contains(':') {
            let bytes = text.split(':').map(|byte| <[u8; 2]>::try_from(byte.as_bytes()));
            bytes.collect::<Result<Vec<_>, _>>().map_err(|_| BadFingerprint)?.concat()
        } else {
            text.as_bytes().to_vec()
        };
        let digit =
            |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| digit.try_into().ok());
        let digits: Option<Vec<u8>> = plain.iter().map(digit).collect();
        let bytes = digits.ok_or(BadFingerprint)?;
        let (pairs, []) = bytes.as_chunks::<2>() else { return Err(BadFingerprint) };
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high * 16 + low).collect();
        bytes.try_into().map(Self).map_err(|_| BadFingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_openssl_writes_it_and_as_we_do() {
        let known = Fingerprint::of(b"abc");
        let shown = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(known.to_string(), shown);
        assert_eq!(shown.parse(), Ok(known));
        let bytes: Vec<String> =
            known.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(bytes.join(":").parse(), Ok(known));
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let good = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for bad in
            ["", "ab", ":", &good[1..], &good[2..], &format!("{good}00"), &good.replace('b', "g")]
        {
            assert_eq!(bad.parse::<Fingerprint>(), Err(BadFingerprint), "{bad}");
        }
        let colons_astray = format!("b:a7{}", &good[3..]);
        assert_eq!(colons_astray.parse::<Fingerprint>(), Err(BadFingerprint));
    }
}

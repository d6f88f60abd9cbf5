//! Identities: random integers below 2^53, exact in every JavaScript number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One more than the largest identity: 2^53, the end of the integers a JSON number holds exactly
/// (RFC 8259, section 6).
pub const ID_END: u64 = 1 << 53;

/// The text is no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is an integer from 1 to 2^53-1")]
pub struct BadId;

fn parse(text: &str) -> Result<u64, BadId> {
    let plain = !text.starts_with('+') && !(text.starts_with('0'));
    match text.parse::<u64>() {
        Ok(number) if plain && number < ID_END => Ok(number),
        _ => Err(BadId),
    }
}

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The identity that 64 random bits name; never zero.
            #[must_use]
            pub const fn from_random(bits: u64) -> Self {
                let number = bits % ID_END;
                Self(if number == 0 { 1 } else { number })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                parse(text).map(Self)
            }
        }
    };
}

identity! {
    /// Names a person's account.
    UserId
}
identity! {
    /// Names a device; also its MQTT user name.
    DeviceId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_plain_decimal_below_two_to_the_53() {
        assert_eq!("3377699720527873".parse(), Ok(DeviceId(3_377_699_720_527_873)));
        assert_eq!("9007199254740991".parse(), Ok(DeviceId(ID_END - 1)));
        for bad in ["", "0", "-1", "+1", "01", "1.0", "9007199254740992", "x", "1 "] {
            assert_eq!(bad.parse::<DeviceId>(), Err(BadId), "{bad}");
        }
    }

    #[test]
    fn any_random_bits_name_an_id() {
        for bits in [0, 1, ID_END, u64::MAX] {
            let id = UserId::from_random(bits).0;
            assert!((1..ID_END).contains(&id));
        }
    }
}

//! Who a device is: which server it talks to, and by what name and secret.

use super::bytes::{Reader, Writer};
use super::slots::RECORD_MAX;
use crate::text::Text;

/// The record written when a device is set up; nothing of it is ever compiled in.
#[derive(Clone, PartialEq, Eq)]
pub struct Provision {
    /// The device's number, its MQTT username.
    pub device: u64,
    /// Its secret, the MQTT password.
    pub secret: Text<64>,
    /// The server's host as the link understands it: an IPv4 address behind the serial gateway.
    pub host: Text<64>,
    /// The server's MQTT port.
    pub port: u16,
}

impl core::fmt::Debug for Provision {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Provision").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Provision {
    /// The longest record, in bytes.
    pub const BYTES: usize = 8 + 2 + 1 + 64 + 1 + 64;

    /// The record for flash and its length.
    #[must_use]
    pub fn encode(&self) -> ([u8; Self::BYTES], usize) {
        let mut bytes = [0; Self::BYTES];
        let mut to = Writer::new(&mut bytes);
        to.put(&self.device.to_le_bytes());
        to.put(&self.port.to_le_bytes());
        for text in [&self.secret, &self.host] {
            to.put(&[u8::try_from(text.as_bytes().len()).unwrap_or(0)]);
            to.put(text.as_bytes());
        }
        (bytes, 12 + self.secret.as_bytes().len() + self.host.as_bytes().len())
    }

    /// The record read from flash.
    #[must_use]
    pub fn decode(record: &[u8]) -> Option<Self> {
        let mut from = Reader::new(record);
        let (device, port) = (from.u64()?, from.u16()?);
        let mut text = || {
            let length = from.u8()?;
            let text = core::str::from_utf8(from.take(usize::from(length))?).ok()?;
            (text.len() <= 64 && !text.is_empty()).then(|| Text::cut(text))
        };
        Some(Self { device, port, secret: text()?, host: text()? })
    }

    /// Reads the one line a person or a tool sends over the serial port:
    /// `hearth <device> <secret> <host>:<port>`.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let ("hearth", device, secret) = (words.next()?, words.next()?, words.next()?) else {
            return None;
        };
        let (host, port) = words.next()?.rsplit_once(':')?;
        let sound = words.next().is_none() && !host.is_empty();
        let fits = secret.len() <= 64 && host.len() <= 64;
        (sound && fits).then_some(())?;
        Some(Self {
            device: device.parse().ok()?,
            secret: Text::cut(secret),
            host: Text::cut(host),
            port: port.parse().ok()?,
        })
    }
}

const _: () = assert!(Provision::BYTES <= RECORD_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_device_is_set_up_by_one_line() {
        let line = "hearth 3377699720527873 s3cr3t-of-it 10.9.0.1:1883\r\n";
        let provision = Provision::from_line(line).unwrap();
        assert_eq!((provision.device, provision.port), (3_377_699_720_527_873, 1883));
        assert_eq!(
            (provision.secret.as_str(), provision.host.as_str()),
            ("s3cr3t-of-it", "10.9.0.1")
        );
        for bad in [
            "",
            "hearth",
            "hearth x y z:1",
            "hearth 1 s host",
            "hearth 1 s h:99999",
            "heart 1 s h:1",
        ] {
            assert_eq!(Provision::from_line(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_never_in_a_log() {
        let provision = Provision::from_line("hearth 1 topsecret host:1").unwrap();
        assert!(!std::format!("{provision:?}").contains("topsecret"));
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(
            device: u64, secret in "[ -~]{1,64}", host in "[a-z.]{1,64}", port: u16,
        ) {
            let (secret, host) = (Text::cut(&secret), Text::cut(&host));
            let provision = Provision { device, secret, host, port };
            let (bytes, length) = provision.encode();
            prop_assert_eq!(Provision::decode(&bytes[..length]), Some(provision));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _decoded = Provision::decode(&bytes);
        }
    }
}

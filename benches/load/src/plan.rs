//! Who connects, how it speaks and what it publishes.

use std::fs;
use std::io;

use crate::packet;
use crate::websocket;

/// Stands for the number in a message while its letter is built: the least of 16 digits, so that
/// every number up to 2^53 fits its place.
pub(crate) const FIRST_NUMBER: u64 = 1_000_000_000_000_000;

/// One line of the town: a device, its owner and the owner's client credential.
#[derive(Clone, Debug)]
pub(crate) struct Resident {
    token: String,
    device: String,
    secret: String,
    client: String,
    client_secret: String,
}

/// Reads what `hearth town` wrote: a heading, then
/// `user,token,device,secret,client,client_secret`.
///
/// # Errors
/// When the file cannot be read or a line has not six fields.
pub(crate) fn read_town(file: &str) -> io::Result<Vec<Resident>> {
    fs::read_to_string(file)?.lines().skip(1).map(resident).collect()
}

fn resident(line: &str) -> io::Result<Resident> {
    let mut fields = line.split(',').map(|field| field.trim().to_owned());
    let mut next = || fields.next().ok_or_else(|| io::Error::other("a town line of < 6 fields"));
    // The user's own name is not needed: everything speaks by token, device or client.
    next()?;
    Ok(Resident {
        token: next()?,
        device: next()?,
        secret: next()?,
        client: next()?,
        client_secret: next()?,
    })
}

/// The same for a broker that takes any credentials; a tab's token is its device's id.
pub(crate) fn made_up_town(count: usize) -> Vec<Resident> {
    let made_up = |index: usize| {
        let device = (3_000_000_000 + index).to_string();
        Resident {
            token: device.clone(),
            device,
            secret: "0123456789abcdef0123456789abcdef".into(),
            client: format!("user{index}/load"),
            client_secret: "0123456789abcdef0123456789abcdef".into(),
        }
    };
    (0..count).map(made_up).collect()
}

/// How a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// MQTT over TCP.
    Mqtt,
    /// MQTT in binary WebSocket frames: a browser at an ordinary broker.
    MqttOverWebSocket,
    /// Hearth's own JSON frames: a browser tab.
    Json,
}

/// One connection to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) speech: Speech,
    pub(crate) client_id: String,
    pub(crate) user: String,
    pub(crate) password: String,
    /// Filter and QoS of the one subscription, if any.
    pub(crate) subscribe: Option<(String, u8)>,
    /// Path of the WebSocket.
    pub(crate) path: String,
}

impl Resident {
    pub(crate) fn state_topic(&self) -> String {
        format!("devices/{}/state", self.device)
    }

    fn set_topic(&self) -> String {
        format!("devices/{}/set", self.device)
    }

    /// The device's own link, subscribed to its commands if `qos` is given.
    pub(crate) fn device_link(&self, qos: Option<u8>) -> Plan {
        Plan {
            speech: Speech::Mqtt,
            client_id: format!("d{}", self.device),
            user: self.device.clone(),
            password: self.secret.clone(),
            subscribe: qos.map(|qos| (self.set_topic(), qos)),
            path: String::new(),
        }
    }

    /// A client of the user's topic space; `role` keeps the ids of several apart.
    pub(crate) fn space_client(&self, role: &str, subscribe: Option<(String, u8)>) -> Plan {
        Plan {
            speech: Speech::Mqtt,
            client_id: format!("{role}{}", self.device),
            user: self.client.clone(),
            password: self.client_secret.clone(),
            subscribe,
            path: String::new(),
        }
    }

    /// The same client, with this resident's credentials: in his topic space.
    pub(crate) fn lets_in(&self, client: Plan) -> Plan {
        Plan { user: self.client.clone(), password: self.client_secret.clone(), ..client }
    }

    /// A browser tab of the user that watches the device.
    pub(crate) fn tab(&self, speech: Speech, watches: bool) -> Plan {
        let filter = (watches && speech != Speech::Json).then(|| (self.state_topic(), 0));
        let path = match speech {
            Speech::Json => format!("/ws?token={}", self.token),
            Speech::Mqtt | Speech::MqttOverWebSocket => "/mqtt".into(),
        };
        Plan { speech, path, ..self.space_client("t", filter) }
    }

    /// A topic that belongs to this device's pair of space clients alone.
    pub(crate) fn pair_topic(&self) -> String {
        format!("pairs/{}", self.device)
    }

    /// What a space client publishes to its partner.
    pub(crate) fn pair_letter(&self, qos: u8, bytes: usize) -> Letter {
        Letter::mqtt(&self.pair_topic(), &numbered("count", bytes), qos, Speech::Mqtt)
    }

    /// What the device says about itself.
    pub(crate) fn state_letter(&self, qos: u8, bytes: usize) -> Letter {
        Letter::mqtt(&self.state_topic(), &numbered("count", bytes), qos, Speech::Mqtt)
    }

    /// What a tab wants of the device.
    pub(crate) fn command_letter(&self, speech: Speech, qos: u8, bytes: usize) -> Letter {
        if speech != Speech::Json {
            return Letter::mqtt(&self.set_topic(), &numbered("preset", bytes), qos, speech);
        }
        let (number, device) = (FIRST_NUMBER, &self.device);
        let text = format!(
            r#"{{"type":"set","ref":"{number}","device":{device},"desired":{{"preset":{number}}}}}"#
        );
        Letter::new(websocket::frame(websocket::TEXT, true, text.as_bytes()), None)
    }
}

/// `{"key":number}` filled up with spaces, which JSON allows, to `bytes`.
fn numbered(key: &str, bytes: usize) -> String {
    format!("{:bytes$}", format!(r#"{{"{key}":{FIRST_NUMBER}}}"#))
}

/// A message made beforehand, of which only the number and the packet id change.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    bytes: Vec<u8>,
    numbers_at: Vec<usize>,
    id_at: Option<usize>,
    last_id: u16,
}

impl Letter {
    fn mqtt(topic: &str, payload: &str, qos: u8, speech: Speech) -> Self {
        let id = (qos > 0).then_some(1);
        let mut bytes = packet::publish(topic.as_bytes(), id, payload.as_bytes());
        if speech == Speech::MqttOverWebSocket {
            bytes = websocket::frame(websocket::BINARY, true, &bytes);
        }
        let id_at = id.map(|_| bytes.len() - payload.len() - 2);
        Self::new(bytes, id_at)
    }

    fn new(bytes: Vec<u8>, id_at: Option<usize>) -> Self {
        let placeholder = FIRST_NUMBER.to_string();
        let windows = bytes.windows(placeholder.len()).enumerate();
        let found = windows.filter(|(_, window)| *window == placeholder.as_bytes());
        let numbers_at = found.map(|(at, _)| at).collect();
        Self { bytes, numbers_at, id_at, last_id: 0 }
    }

    /// The message with this number (16 digits) and the next packet id.
    pub(crate) fn with_number(&mut self, number: u64) -> &[u8] {
        for &at in &self.numbers_at {
            let mut left = number;
            let places = self.bytes.get_mut(at..at + 16).unwrap_or_default();
            for place in places.iter_mut().rev() {
                *place = b'0' + u8::try_from(left % 10).unwrap_or(0);
                left /= 10;
            }
        }
        if let Some(place) = self.id_at.and_then(|at| self.bytes.get_mut(at..at + 2)) {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            place.copy_from_slice(&self.last_id.to_be_bytes());
        }
        &self.bytes
    }
}

/// The number that follows `"key":` in a payload.
pub(crate) fn number_after(key: &str, payload: &[u8]) -> Option<u64> {
    let pattern = key.as_bytes();
    let at = payload.windows(pattern.len()).position(|window| window == pattern)?;
    let digits = payload.get(at + pattern.len()..)?.iter().skip_while(|byte| **byte == b' ');
    let value = |number: u64, digit: &u8| number * 10 + u64::from(digit - b'0');
    let number = digits.take_while(|byte| byte.is_ascii_digit()).take(16).fold(0, value);
    (number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somebody() -> Resident {
        made_up_town(1).pop().unwrap_or_else(|| panic!("one"))
    }

    #[test]
    fn a_letter_carries_the_number_it_is_given_in_64_bytes() {
        let mut letter = somebody().state_letter(1, 64);
        let written = letter.with_number(1_234_567_890_123_456).to_vec();
        let (packet, _) = packet::split(&written).unwrap_or_else(|| panic!("whole"));
        let (topic, id, payload) = packet.as_publish().unwrap_or_else(|| panic!("publish"));
        assert_eq!((topic, id, payload.len()), (&b"devices/3000000000/state"[..], Some(1), 64));
        assert_eq!(number_after("\"count\":", payload), Some(1_234_567_890_123_456));
    }

    #[test]
    fn a_tabs_command_names_the_device_and_the_preset() {
        let mut letter = somebody().command_letter(Speech::Json, 0, 64);
        let written = letter.with_number(FIRST_NUMBER + 5).to_vec();
        let (frame, _) = websocket::split(&written).unwrap_or_else(|| panic!("frame"));
        let text = frame.payload;
        let expected = r#"{"type":"set","ref":"1000000000000005","device":3000000000,"#;
        assert!(text.starts_with(expected.as_bytes()));
        assert_eq!(number_after("\"preset\":", &text), Some(FIRST_NUMBER + 5));
    }

    #[test]
    fn a_town_line_with_a_missing_field_is_refused() {
        assert!(resident("ann,token,1,secret,ann/load").is_err());
        assert!(resident("ann,token,1,secret,ann/load,x").is_ok());
    }
}

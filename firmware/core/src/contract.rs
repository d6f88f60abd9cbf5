//! Hearth's native contract: which messages a device and the server exchange, and their words.

use crate::json::{Malformed, Members, Object, Value};
use crate::text::Text;

/// The longest payload a device sends, in bytes; a cooker's full state is about 240.
pub const PAYLOAD_MAX: usize = 288;
/// The longest topic of the contract, in bytes.
pub const TOPIC_MAX: usize = 48;
/// How many refusals one answer carries; more are left out (the server sees them unapplied).
const REFUSALS_MAX: usize = 6;
/// How much of an unknown property's name is repeated in a refusal, in bytes.
const PROPERTY_MAX: usize = 16;

/// A payload in the making.
pub type Payload = Text<PAYLOAD_MAX>;

/// What a message is about: the last part of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Reported properties, all or some.
    State,
    /// Numbers for the history only.
    Telemetry,
    /// Which wishes were refused, and why.
    Refused,
    /// Something that happened.
    Event,
}

impl Topic {
    /// The word that ends the topic.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Telemetry => "telemetry",
            Self::Refused => "refused",
            Self::Event => "event",
        }
    }

    /// Whether the message is worth an acknowledgement (`QoS` 1): all but what comes again anyway.
    #[must_use]
    pub const fn is_acknowledged(self) -> bool {
        !matches!(self, Self::Telemetry)
    }
}

/// The whole topic `devices/{device}/{word}`.
#[must_use]
pub fn topic(device: u64, word: &str) -> Text<TOPIC_MAX> {
    let mut topic = Text::new();
    topic.push("devices/");
    topic.push_number(device);
    topic.push("/");
    topic.push(word);
    topic
}

/// One message from the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub topic: Topic,
    /// Its JSON object.
    pub payload: Payload,
}

/// The messages of one step: at most one of each topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Messages {
    list: [Option<Message>; 4],
}

impl Messages {
    /// Adds a message whose members `write` writes; one that is empty or too long is not sent.
    pub fn write<F>(&mut self, topic: Topic, write: F)
    where
        F: FnOnce(&mut Object<'_, PAYLOAD_MAX>),
    {
        let mut payload = Payload::new();
        let mut object = Object::open(&mut payload);
        write(&mut object);
        object.close();
        let worth_sending = payload.is_whole() && payload.as_str() != "{}";
        if let Some(free) = self.list.iter_mut().find(|place| place.is_none())
            && worth_sending
        {
            *free = Some(Message { topic, payload });
        }
    }

    /// The messages in the order they are to be sent.
    pub fn iter(&self) -> impl Iterator<Item = &Message> {
        self.list.iter().flatten()
    }

    /// The payload for `topic`, if there is one.
    #[must_use]
    pub fn payload(&self, topic: Topic) -> Option<&str> {
        self.iter().find(|message| message.topic == topic).map(|message| message.payload.as_str())
    }
}

/// Why a wish was not granted, in words for the person who asked.
pub type Reason = &'static str;

/// The property does not exist on this device.
pub const UNKNOWN: Reason = "unknown property";
/// The property is only reported.
pub const READ_ONLY: Reason = "read only";
/// The value has the wrong type.
pub const WRONG_TYPE: Reason = "wrong type";
/// The value is outside the property's range.
pub const OUT_OF_RANGE: Reason = "out of range";

/// What was refused of one `set`.
#[derive(Debug, Clone, Default)]
pub struct Refusals {
    list: [Option<(Text<PROPERTY_MAX>, Reason)>; REFUSALS_MAX],
}

impl Refusals {
    /// Notes that `property` was refused.
    pub fn add(&mut self, property: &str, reason: Reason) {
        if let Some(free) = self.list.iter_mut().find(|place| place.is_none()) {
            *free = Some((Text::cut(property), reason));
        }
    }

    /// Whether everything was granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.iter().all(Option::is_none)
    }

    /// Writes the `refused` object's members.
    pub fn write<const N: usize>(&self, object: &mut Object<'_, N>) {
        for (property, reason) in self.list.iter().flatten() {
            object.text(property.as_str(), reason);
        }
    }
}

/// Reads a `set` payload: calls `wish` with each property and its value, and collects what it
/// refuses. `null` wishes for nothing. Nothing is called unless the whole payload is well formed.
///
/// # Errors
/// [`Malformed`] when the payload is not one JSON object.
pub fn read_set<'a, F>(payload: &'a [u8], mut wish: F) -> Result<Refusals, Malformed>
where
    F: FnMut(&'a str, Value<'a>) -> Result<(), Reason>,
{
    let mut refusals = Refusals::default();
    for member in Members::check(payload)? {
        let (property, value) = member?;
        if value != Value::Null
            && let Err(reason) = wish(property, value)
        {
            refusals.add(property, reason);
        }
    }
    Ok(refusals)
}

/// A wish that must be true or false.
///
/// # Errors
/// [`WRONG_TYPE`] for anything else.
pub const fn a_bool(value: Value<'_>) -> Result<bool, Reason> {
    match value {
        Value::Bool(bit) => Ok(bit),
        Value::Null | Value::Number(_) | Value::Text(_) | Value::Nested => Err(WRONG_TYPE),
    }
}

/// A wish that must be a number between `min` and `max`, all in thousandths.
///
/// # Errors
/// [`WRONG_TYPE`] or [`OUT_OF_RANGE`].
pub fn a_number(value: Value<'_>, min: i64, max: i64) -> Result<i64, Reason> {
    match value {
        Value::Number(number) if (min..=max).contains(&number) => Ok(number),
        Value::Number(_) => Err(OUT_OF_RANGE),
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::Nested => Err(WRONG_TYPE),
    }
}

/// A wish that must be a number which rounds to a whole one between `min` and `max`.
///
/// # Errors
/// [`WRONG_TYPE`] or [`OUT_OF_RANGE`].
pub fn an_integer(value: Value<'_>, min: u32, max: u32) -> Result<u32, Reason> {
    let milli = a_number(value, i64::from(min) * 1000, i64::from(max) * 1000)?;
    u32::try_from((milli + 500) / 1000).map_err(|_| OUT_OF_RANGE)
}

/// A wish that must be text.
///
/// # Errors
/// [`WRONG_TYPE`] for anything else.
pub const fn a_text(value: Value<'_>) -> Result<&str, Reason> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Nested => Err(WRONG_TYPE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_property_and_the_reason() {
        let refusals =
            read_set(br#"{"on":1,"speed":true,"mode":null}"#, |property, value| match property {
                "on" => a_bool(value).map(|_| ()),
                _ => Err(UNKNOWN),
            });
        let mut messages = Messages::default();
        messages.write(Topic::Refused, |object| refusals.unwrap().write(object));
        assert_eq!(
            messages.payload(Topic::Refused),
            Some(r#"{"on":"wrong type","speed":"unknown property"}"#)
        );
    }

    #[test]
    fn a_malformed_set_asks_for_nothing() {
        let mut asked = 0;
        let read = read_set(br#"{"on":true,"brightness":}"#, |_, _| {
            asked += 1;
            Ok(())
        });
        assert!(read.is_err());
        assert_eq!(asked, 0);
    }

    #[test]
    fn an_answer_to_a_hostile_set_stays_within_its_payload() {
        let set = std::format!("{{{}}}", ["\"\\u0000\\u0000\\u0000\\u0000\":1"; 40].join(","));
        let refusals = read_set(set.as_bytes(), |_, _| Err(UNKNOWN)).unwrap();
        let mut messages = Messages::default();
        messages.write(Topic::Refused, |object| refusals.write(object));
        let answer = messages.payload(Topic::Refused).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(answer).is_ok(), "{answer}");
    }

    #[test]
    fn a_topic_has_the_device_in_the_middle() {
        assert_eq!(topic(3_377_699_720_527_873, "set").as_str(), "devices/3377699720527873/set");
        assert!(topic(u64::MAX, "telemetry").is_whole());
    }
}

//! A switch or an outlet: what it says, and how it is told. Pure.

use serde_json::{Map, Value as Json};

use super::entity::Order;
use super::fields::{Fields, Refusal};
use super::payload::{Payload, is_nothing, quoted};
use super::template::Template;
use crate::codec::QoS;

/// A switch of `switch.mqtt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Whether it is an outlet: a plug among the kinds.
    pub is_outlet: bool,
    pub(super) optimistic: bool,
    pub(super) state_topic: Option<Box<str>>,
    command_topic: Box<str>,
    template: Option<Template>,
    command_template: Option<Template>,
    /// What is sent for on and for off.
    orders: [Box<str>; 2],
    /// What is said of on and of off, where that differs from what is sent.
    states: Option<Box<[Box<str>; 2]>>,
    qos: QoS,
    retain: bool,
}

impl Switch {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Refusal> {
        let state_topic = fields.topic("state_topic")?;
        let orders = [fields.text_or("payload_on", "ON")?, fields.text_or("payload_off", "OFF")?];
        let [on, off] = &orders;
        let states = [fields.text_or("state_on", on)?, fields.text_or("state_off", off)?];
        Ok(Self {
            is_outlet: fields.text("device_class")?.as_deref() == Some("outlet"),
            optimistic: fields.flag("optimistic")? || state_topic.is_none(),
            state_topic,
            command_topic: fields.must_topic("command_topic")?,
            template: fields.template("value_template")?,
            command_template: fields.template("command_template")?,
            states: (states != orders).then(|| Box::new(states)),
            orders,
            qos: fields.qos()?,
            retain: fields.flag("retain")?,
        })
    }

    pub(super) fn heard(&self, message: &Payload<'_>) -> Result<Map<String, Json>, String> {
        let text = message.through(self.template.as_ref())?;
        let [on, off] = self.states.as_deref().unwrap_or(&self.orders);
        switched(&text, on, off)
    }

    pub(super) fn command(&self, wanted: &Map<String, Json>) -> Vec<Order> {
        let Some(on) = wanted.get("on").and_then(Json::as_bool) else { return Vec::new() };
        let [yes, no] = &self.orders;
        let word = if on { yes } else { no };
        let text = match &self.command_template {
            None => Ok(word.to_string()),
            Some(template) => template.write(word.as_ref(), &[]),
        };
        // A template that can't be followed gives no order: the wish stays open, for all to see.
        let order = |text: String| Order {
            topic: self.command_topic.clone(),
            payload: text.into_bytes(),
            qos: self.qos,
            retain: self.retain,
        };
        text.map(order).into_iter().collect()
    }
}

/// What a word says, in the words that stand for on and off.
pub(super) fn switched(text: &str, on: &str, off: &str) -> Result<Map<String, Json>, String> {
    let is_on = if text == on {
        true
    } else if text == off {
        false
    } else if is_nothing(text) {
        return Ok(Map::new());
    } else {
        return Err(format!("{} is neither {} nor {}", quoted(text), quoted(on), quoted(off)));
    };
    Ok(Map::from_iter([("on".to_owned(), Json::Bool(is_on))]))
}

//! Things as ecosystems announce them, read and commanded; and what no bytes may do.

mod any;
mod availability;
mod bundle;
mod lights;
mod names;
mod sensors;
mod switches;

use serde_json::{Map, Value as Json};

use super::availability::Words;
use super::config::{Announced, read};
use super::entity::{Entity, Order};
use super::payload::Payload;
use crate::codec::QoS;

/// What a configuration describes; the test fails if it describes nothing.
fn announced(topic: &str, payload: &Json) -> Announced {
    read(topic, payload.to_string().as_bytes()).unwrap()
}

/// The one entity of a configuration.
fn entity(topic: &str, payload: &str) -> Entity {
    let mut announced = read(topic, payload.as_bytes()).unwrap();
    assert_eq!(announced.passed_over, []);
    assert_eq!(announced.entities.len(), 1);
    announced.entities.remove(0)
}

/// Why the one component of a configuration is passed over.
fn why(topic: &str, payload: &Json) -> String {
    let announced = announced(topic, payload);
    assert_eq!(announced.entities, []);
    announced.passed_over[0].why.to_string()
}

fn map(json: &Json) -> Map<String, Json> {
    json.as_object().unwrap().clone()
}

/// What a message says, or why it can't be understood.
fn hears(entity: &Entity, topic: &str, payload: &[u8]) -> Result<Map<String, Json>, String> {
    entity.heard(topic, &Payload::new(payload)?)
}

/// What was heard, as what was wanted if both are the same order.
fn settle(entity: &Entity, wanted: &Map<String, Json>, heard: &mut Map<String, Json>) {
    entity.settle(wanted, heard, &Payload::new(b"").unwrap());
}

/// What is known of its availability after a message.
fn told(entity: &Entity, words: Words, topic: &str, payload: &[u8]) -> Words {
    entity.availability.hear(words, topic, &Payload::new(payload).unwrap())
}

/// What a message says; the test fails if it can't be understood.
fn heard(entity: &Entity, topic: &str, payload: &str) -> Json {
    Json::Object(hears(entity, topic, payload.as_bytes()).unwrap())
}

fn commanded(entity: &Entity, wanted: &Json, reported: &Json) -> Vec<Order> {
    entity.command(&map(wanted), &map(reported))
}

/// The orders as `topic payload`.
fn orders(entity: &Entity, wanted: &Json, reported: &Json) -> Vec<String> {
    let text = |order: &Order| {
        format!("{} {}", order.topic, String::from_utf8(order.payload.clone()).unwrap())
    };
    commanded(entity, wanted, reported).iter().map(text).collect()
}

/// The one order as JSON.
fn order(entity: &Entity, wanted: &Json, reported: &Json) -> Json {
    let orders = commanded(entity, wanted, reported);
    assert_eq!(orders.len(), 1);
    serde_json::from_slice(&orders[0].payload).unwrap()
}

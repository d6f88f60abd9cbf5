//! What a topic space leaves in the store, and how it begins with it again. Pure.

use std::num::NonZeroU16;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codec::QoS;
use crate::store::Record;

use super::message::Message;
use super::session_state::Delivery;

/// A change of what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// Keep a retained message, in place of its topic's older one.
    Retain(Arc<Message>),
    /// A topic has no retained message any more.
    Forget(Box<str>),
    /// A session is now so.
    Session(Box<SessionRow>),
    /// The session of this client identifier is over. Its messages have rows of their own.
    EndSession(Box<str>),
    /// A message waits for the client, or is on its way to it.
    Queue(Box<str>, u64, Box<QueueRow>),
    /// The message of this number is done.
    Unqueue(Box<str>, u64),
}

/// A session that outlives its connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// The client's identifier.
    pub client_id: Box<str>,
    /// The label of the credential it signed in with.
    pub label: Arc<str>,
    /// Seconds that it outlives a connection.
    pub expiry_s: u32,
    /// When its connection ended, Unix milliseconds; none while it has one.
    pub detached_ms: Option<u64>,
    /// What it subscribes to.
    pub filters: Vec<FilterRow>,
    /// What is published if its connection breaks.
    pub will: Option<LastWill>,
    /// The packet identifier given last.
    pub last_packet_id: u16,
    /// `QoS` 2 messages to the client that wait for PUBCOMP.
    pub released: Vec<NonZeroU16>,
    /// `QoS` 2 messages from the client that wait for PUBREL.
    pub held: Vec<NonZeroU16>,
}

impl Record for SessionRow {
    const VERSION: u8 = 1;
}

/// A subscription of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterRow {
    /// As the client wrote it, `$share` included.
    pub filter: Box<str>,
    /// The highest `QoS` it wants.
    pub qos: QoS,
    /// Nothing that came from its own client.
    pub no_local: bool,
    /// RETAIN as published.
    pub retain_as_published: bool,
    /// Retained messages are wanted.
    pub wants_retained: bool,
    /// The subscription identifier; 0: none.
    pub id: u32,
}

/// What a client wanted said if its connection breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastWill {
    /// The message; its expiry begins when it is published.
    pub message: Arc<Message>,
    /// Seconds that it is kept back.
    pub delay_s: u32,
    /// Seconds of its expiry.
    pub expiry_s: Option<u32>,
}

impl LastWill {
    /// The message, published at `now_ms`.
    #[must_use]
    pub fn at(&self, now_ms: u64) -> Arc<Message> {
        let Some(expiry_s) = self.expiry_s else { return Arc::clone(&self.message) };
        let expires_at_ms = now_ms.saturating_add(u64::from(expiry_s) * 1_000);
        Arc::new((*self.message).clone().expiring_at(expires_at_ms))
    }
}

/// A message for a session that outlives its connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Since when it waits, Unix milliseconds.
    pub since_ms: u64,
    /// Under which packet identifier it was sent.
    pub packet_id: Option<NonZeroU16>,
    /// The message and how it is delivered.
    pub delivery: Delivery,
}

impl Record for QueueRow {
    const VERSION: u8 = 1;
}

impl Record for Message {
    const VERSION: u8 = 1;
}

/// All that is stored of one space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Its retained messages.
    pub retained: Vec<Message>,
    /// Its sessions, each with its messages by number.
    pub sessions: Vec<(SessionRow, Vec<(u64, QueueRow)>)>,
}

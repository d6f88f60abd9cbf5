//! The life of one link after another: connect, subscribe, exchange, break, wait, again.

use super::backoff::Backoff;
use super::outbox::{Full, Outbox};
use super::packet::{
    DISCONNECT, Frame, Malformed, PINGREQ, Packet, Will, connect, decode, frame, puback, publish,
    subscribe,
};

/// How long the server may take to answer CONNECT, SUBSCRIBE or PINGREQ, in ms.
const ANSWER_MS: u64 = 10_000;
/// Room for what goes before messages: CONNECT, SUBSCRIBE, acknowledgements, pings.
const CONTROL_MAX: usize = 384;
/// The identifier of SUBSCRIBE; messages take the others.
const SUBSCRIBE_ID: u16 = 1;

/// Who connects, and how.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The client identifier.
    pub client: &'a str,
    /// The username: the device's number.
    pub username: &'a str,
    /// The password: its secret.
    pub password: &'a str,
    /// How long the link may be silent, in s; at least 10.
    pub keepalive_s: u16,
    /// What the server says when the link breaks.
    pub will: Option<Will<'a>>,
    /// What to subscribe to.
    pub filter: &'a str,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { client: "", username: "", password: "", keepalive_s: 30, will: None, filter: "" }
    }
}

/// What a link brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Connected and subscribed.
    Online,
    /// A message.
    Message {
        /// Its topic.
        topic: &'a str,
        /// Its payload.
        payload: &'a [u8],
    },
}

/// Why the link must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The server broke the protocol.
    Protocol,
    /// The server refused the connection (return code of CONNACK) or the subscription (0x80).
    Refused(u8),
    /// The server does not answer.
    Silent,
    /// What must be said has no room: the options are too long, or nothing is being sent.
    NoRoom,
}

impl From<Malformed> for Broken {
    fn from(_: Malformed) -> Self {
        Self::Protocol
    }
}

impl From<Full> for Broken {
    fn from(_: Full) -> Self {
        Self::NoRoom
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No link; the next attempt may be made at this time.
    Closed {
        retry_ms: u64,
    },
    /// CONNECT is due or sent.
    Connecting,
    /// SUBSCRIBE is due or sent.
    Subscribing,
    Online,
}

/// A client session with `RX` bytes for one packet from the server and `TX` for messages to it.
/// A longer packet is acknowledged and dropped; see [`Session::dropped`].
#[derive(Debug, Clone)]
pub struct Session<'a, const RX: usize, const TX: usize> {
    options: Options<'a>,
    state: State,
    backoff: Backoff,
    control: Outbox<CONTROL_MAX>,
    messages: Outbox<TX>,
    rx: [u8; RX],
    rx_len: usize,
    /// How much of `rx` the last event borrowed.
    taken: usize,
    /// How much of an overlong packet is still to come.
    skip: usize,
    dropped: u32,
    last_id: u16,
    sent_ms: u64,
    heard_ms: u64,
    /// Since when an answer is awaited.
    asked_ms: Option<u64>,
}

impl<'a, const RX: usize, const TX: usize> Session<'a, RX, TX> {
    /// A session without a link; `seed` spreads the attempts of many devices.
    #[must_use]
    pub const fn new(options: Options<'a>, seed: u32) -> Self {
        Self {
            options,
            state: State::Closed { retry_ms: 0 },
            backoff: Backoff::new(seed),
            control: Outbox::new(),
            messages: Outbox::new(),
            rx: [0; RX],
            rx_len: 0,
            taken: 0,
            skip: 0,
            dropped: 0,
            last_id: SUBSCRIBE_ID,
            sent_ms: 0,
            heard_ms: 0,
            asked_ms: None,
        }
    }

    /// Whether the transport should be opened now.
    #[must_use]
    pub const fn wants_link(&self, now_ms: u64) -> bool {
        matches!(self.state, State::Closed { retry_ms } if now_ms >= retry_ms)
    }

    /// Whether messages reach the server.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.state == State::Online
    }

    /// Whether the transport was opened.
    #[must_use]
    pub const fn has_link(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// How many packets from the server were too long.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The transport is open.
    ///
    /// # Errors
    /// [`Broken::NoRoom`] when the options are too long for any link.
    pub fn link_opened(&mut self, now_ms: u64) -> Result<(), Broken> {
        self.control = Outbox::new();
        self.messages.rewind();
        (self.rx_len, self.taken, self.skip) = (0, 0, 0);
        self.state = State::Connecting;
        self.sent_ms = now_ms;
        self.heard_ms = now_ms;
        self.asked_ms = Some(now_ms);
        let options = self.options;
        self.control.push(None, |room| connect(room, &options))?;
        Ok(())
    }

    /// The transport is closed, or could not be opened: messages that were not acknowledged will
    /// be sent again.
    pub fn link_closed(&mut self, now_ms: u64) {
        if self.state == State::Online {
            self.backoff.reset();
        }
        self.state = State::Closed { retry_ms: now_ms.saturating_add(self.backoff.next_ms()) };
        self.asked_ms = None;
    }

    /// Says goodbye, so that the server does not publish the will.
    pub fn disconnect(&mut self) {
        if self.state != State::Connecting && self.control.push(None, put(DISCONNECT)).is_err() {
            // No room to say it: closing the link says enough.
        }
    }

    /// Queues a message; `acknowledged` means `QoS` 1. It is kept while there is no link.
    ///
    /// # Errors
    /// [`Full`] when too much waits; closing the link and starting afresh is the remedy.
    pub fn publish(&mut self, topic: &str, payload: &[u8], acknowledged: bool) -> Result<(), Full> {
        let id = acknowledged.then(|| self.next_id());
        self.messages.push(id, |room| publish(room, id, topic, payload))
    }

    /// Bytes for the transport.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        let control = self.control.due();
        let messages_first = self.messages.is_inside() || control.is_empty();
        if self.state == State::Online && messages_first { self.messages.due() } else { control }
    }

    /// The transport took `count` bytes of [`Session::outgoing`].
    pub fn sent(&mut self, now_ms: u64, count: usize) {
        if count == 0 {
            return;
        }
        self.sent_ms = now_ms;
        let messages_first = self.messages.is_inside() || self.control.due().is_empty();
        if self.state == State::Online && messages_first {
            self.messages.sent(count);
        } else {
            self.control.sent(count);
        }
    }

    /// Takes bytes from the transport and returns how many had room; [`Session::poll`] makes
    /// room again.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.make_room();
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        let bytes = bytes.get(skipped..).unwrap_or(&[]);
        let count = bytes.len().min(RX - self.rx_len);
        let place = self.rx.get_mut(self.rx_len..self.rx_len + count);
        if let (Some(place), Some(bytes)) = (place, bytes.get(..count)) {
            place.copy_from_slice(bytes);
            self.rx_len += count;
        }
        skipped + count
    }

    /// The next event; to be called until there is none, and at least once a second.
    ///
    /// # Errors
    /// [`Broken`] says why the transport must be closed (and [`Session::link_closed`] called).
    pub fn poll(&mut self, now_ms: u64) -> Result<Option<Event<'_>>, Broken> {
        self.make_room();
        if matches!(self.state, State::Closed { .. }) {
            return Ok(None);
        }
        self.keep_alive(now_ms)?;
        while let Some(found) = frame(self.rx.get(..self.rx_len).unwrap_or(&[]))? {
            let length = found.header_len + found.body_len;
            if length > RX {
                if !self.skip_overlong(found)? {
                    break;
                }
                continue;
            }
            if length > self.rx_len {
                break;
            }
            self.taken = length;
            self.heard_ms = now_ms;
            if let Some(happened) = self.take(found, now_ms)? {
                return Ok(Some(match happened {
                    Taken::Online => Event::Online,
                    // Decoded a second time: the first look had to let go of the buffer.
                    Taken::Message => self.message(found)?,
                }));
            }
            self.make_room();
        }
        Ok(None)
    }

    fn take(&mut self, found: Frame, now_ms: u64) -> Result<Option<Taken>, Broken> {
        let body = self.rx.get(found.header_len..found.header_len + found.body_len).unwrap_or(&[]);
        match (self.state, decode(found.head, body)?) {
            (State::Connecting, Packet::ConnAck { code: 0 }) => {
                self.state = State::Subscribing;
                self.asked_ms = Some(now_ms);
                let filter = self.options.filter;
                self.control.push(None, |room| subscribe(room, SUBSCRIBE_ID, filter))?;
                Ok(None)
            }
            (State::Connecting, Packet::ConnAck { code }) => {
                self.backoff.discourage();
                Err(Broken::Refused(code))
            }
            (State::Subscribing, Packet::SubAck { id: SUBSCRIBE_ID, code: 0x80 }) => {
                self.backoff.discourage();
                Err(Broken::Refused(0x80))
            }
            (State::Subscribing, Packet::SubAck { id: SUBSCRIBE_ID, .. }) => {
                self.state = State::Online;
                self.asked_ms = None;
                Ok(Some(Taken::Online))
            }
            // The server may send what is retained before it answers the subscription.
            (State::Subscribing | State::Online, Packet::Publish { id, .. }) => {
                if let Some(id) = id {
                    self.control.push(None, |room| puback(room, id))?;
                }
                Ok(Some(Taken::Message))
            }
            (State::Online, Packet::PubAck { id }) => {
                // One for nothing is harmless: the message it names has already left.
                self.messages.acknowledged(id);
                Ok(None)
            }
            (State::Online, Packet::PingResp) => {
                self.asked_ms = None;
                Ok(None)
            }
            _ => Err(Broken::Protocol),
        }
    }

    fn message(&self, found: Frame) -> Result<Event<'_>, Broken> {
        let body = self.rx.get(found.header_len..found.header_len + found.body_len).unwrap_or(&[]);
        match decode(found.head, body)? {
            Packet::Publish { topic, payload, .. } => Ok(Event::Message { topic, payload }),
            Packet::ConnAck { .. }
            | Packet::PubAck { .. }
            | Packet::SubAck { .. }
            | Packet::PingResp => Err(Broken::Protocol),
        }
    }

    /// Drops a packet that is longer than `rx`, once its identifier is there to acknowledge.
    /// False while that is still to come.
    fn skip_overlong(&mut self, found: Frame) -> Result<bool, Broken> {
        if self.rx_len < RX {
            return Ok(false);
        }
        let body = self.rx.get(found.header_len..).unwrap_or(&[]);
        if !matches!(self.state, State::Subscribing | State::Online) {
            return Err(Broken::Protocol);
        }
        // As if it ended here: topic and identifier come first.
        if let Packet::Publish { id: Some(id), .. } = decode(found.head, body)? {
            self.control.push(None, |room| puback(room, id))?;
        }
        self.skip = found.header_len + found.body_len - self.rx_len;
        self.rx_len = 0;
        self.dropped = self.dropped.saturating_add(1);
        Ok(true)
    }

    fn keep_alive(&mut self, now_ms: u64) -> Result<(), Broken> {
        if let Some(asked_ms) = self.asked_ms {
            let waited_ms = now_ms.saturating_sub(asked_ms);
            return if waited_ms > ANSWER_MS { Err(Broken::Silent) } else { Ok(()) };
        }
        // At two thirds of the time the server allows, so that one late ping does no harm. A
        // quiet server is asked too: sending alone proves nothing.
        let quiet_ms = u64::from(self.options.keepalive_s.max(10)) * 1000 * 2 / 3;
        let since_ms = self.sent_ms.min(self.heard_ms);
        if self.state == State::Online && now_ms.saturating_sub(since_ms) >= quiet_ms {
            self.control.push(None, put(PINGREQ))?;
            self.asked_ms = Some(now_ms);
        }
        Ok(())
    }

    fn make_room(&mut self) {
        let taken = core::mem::take(&mut self.taken).min(self.rx_len);
        if taken > 0 && self.rx_len <= RX {
            self.rx.copy_within(taken..self.rx_len, 0);
            self.rx_len -= taken;
        }
    }

    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(SUBSCRIBE_ID + 1);
        self.last_id
    }
}

enum Taken {
    Online,
    Message,
}

fn put(packet: [u8; 2]) -> impl FnOnce(&mut [u8]) -> Option<usize> {
    move |room| {
        room.get_mut(..2)?.copy_from_slice(&packet);
        Some(2)
    }
}

#[cfg(test)]
mod tests;

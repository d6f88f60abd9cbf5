//! One connection's bytes, cut into what was said.

use std::mem;

use crate::packet::{self, Packet};
use crate::plan::Speech;
use crate::websocket::{self, Frame};

/// What a server said, borrowed from the read buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    /// The socket can be written to.
    Writable,
    /// HTTP 101: the WebSocket is open.
    Upgraded,
    /// CONNACK with return code 0.
    Accepted,
    /// Another HTTP status or CONNACK return code.
    Refused(u16),
    /// SUBACK.
    Subscribed,
    /// A PUBLISH; the packet id where it asks for a PUBACK.
    Published(Option<u16>, &'a [u8]),
    /// A JSON frame.
    Text(&'a [u8]),
    /// A WebSocket ping, to be answered.
    Ping(&'a [u8]),
    /// All that one read brought has been told.
    Drained,
    /// The server ended the connection.
    Closed,
}

/// The unfinished part of what a server said; empty while nothing is half received.
#[derive(Debug)]
pub(crate) struct Link {
    speech: Speech,
    upgraded: bool,
    rest: Vec<u8>,
    inner_rest: Vec<u8>,
}

impl Link {
    pub(crate) fn new(speech: Speech) -> Self {
        let upgraded = speech == Speech::Mqtt;
        Self { speech, upgraded, rest: Vec::new(), inner_rest: Vec::new() }
    }

    /// Tells `sink` everything that is complete with these bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(Incoming<'_>)) {
        if self.rest.is_empty() {
            let left = self.cut(bytes, sink);
            self.rest.extend(left);
        } else {
            let mut joined = mem::take(&mut self.rest);
            joined.extend(bytes);
            let left = self.cut(&joined, sink).len();
            joined.drain(..joined.len() - left);
            self.rest = joined;
        }
    }

    /// Cuts off what is complete and returns the rest.
    fn cut<'b>(&mut self, mut bytes: &'b [u8], sink: &mut impl FnMut(Incoming<'_>)) -> &'b [u8] {
        if !self.upgraded {
            let Some((head, rest)) = websocket::split_head(bytes) else { return bytes };
            self.upgraded = true;
            bytes = rest;
            match websocket::status(head) {
                101 => sink(Incoming::Upgraded),
                other => sink(Incoming::Refused(other)),
            }
        }
        if self.speech == Speech::Mqtt {
            return cut_packets(bytes, sink);
        }
        while let Some((Frame { opcode, payload }, rest)) = websocket::split(bytes) {
            bytes = rest;
            match opcode {
                websocket::TEXT => sink(Incoming::Text(&payload)),
                websocket::PING => sink(Incoming::Ping(&payload)),
                websocket::CLOSE => sink(Incoming::Closed),
                // Continuations (opcode 0) belong to the same stream of MQTT packets.
                websocket::BINARY | 0 => {
                    self.inner_rest.extend_from_slice(&payload);
                    let left = cut_packets(&self.inner_rest, sink).len();
                    self.inner_rest.drain(..self.inner_rest.len() - left);
                }
                _ => {}
            }
        }
        bytes
    }
}

fn cut_packets<'b>(mut bytes: &'b [u8], sink: &mut impl FnMut(Incoming<'_>)) -> &'b [u8] {
    while let Some((packet, rest)) = packet::split(bytes) {
        bytes = rest;
        if let Some(incoming) = understand(&packet) {
            sink(incoming);
        }
    }
    bytes
}

fn understand<'b>(packet: &Packet<'b>) -> Option<Incoming<'b>> {
    match packet.kind {
        packet::PUBLISH => {
            packet.as_publish().map(|(_, id, payload)| Incoming::Published(id, payload))
        }
        packet::CONNACK if packet.return_code() == 0 => Some(Incoming::Accepted),
        packet::CONNACK => Some(Incoming::Refused(packet.return_code().into())),
        packet::SUBACK => Some(Incoming::Subscribed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_understood_the_same_in_whatever_pieces_it_arrives() {
        let inner = packet::publish(b"t", Some(3), b"hello");
        let frames = inner.chunks(4).map(|part| websocket::frame(websocket::BINARY, false, part));
        let browser = [websocket::switching(), frames.collect::<Vec<_>>().concat()].concat();
        let plain = [packet::connack(), inner].concat();
        for (speech, bytes) in [(Speech::MqttOverWebSocket, browser), (Speech::Mqtt, plain)] {
            for size in 1..bytes.len() {
                let mut link = Link::new(speech);
                let mut heard = Vec::new();
                for piece in bytes.chunks(size) {
                    link.feed(piece, &mut |incoming| heard.push(format!("{incoming:?}")));
                }
                assert_eq!(heard.len(), 2, "{speech:?} in pieces of {size}: {heard:?}");
                assert_eq!(
                    heard.last().map(String::as_str),
                    Some("Published(Some(3), [104, 101, 108, 108, 111])")
                );
            }
        }
    }

    #[test]
    fn a_refused_upgrade_and_a_refused_connect_are_told_with_their_codes() {
        let mut heard = Vec::new();
        let mut tab = Link::new(Speech::Json);
        let answer = b"HTTP/1.1 401 Unauthorized\r\n\r\n";
        tab.feed(answer, &mut |incoming| heard.push(incoming == Incoming::Refused(401)));
        let mut link = Link::new(Speech::Mqtt);
        link.feed(&[0x20, 2, 0, 5], &mut |i| heard.push(i == Incoming::Refused(5)));
        assert_eq!(heard, [true, true]);
    }
}

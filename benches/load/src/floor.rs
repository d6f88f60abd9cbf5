//! The floor: what the same work costs when nothing but forwarding is done.
//!
//! One thread takes MQTT connections and WebSocket tabs, believes everybody, keeps one subscriber
//! for each topic and one tab for each device, and hands each message straight on. It is a
//! reference for latency and CPU, never a broker: no wildcard, no session, no limit, no QoS 2.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::packet::{self, Packet};
use crate::plan::number_after;
use crate::websocket;
use crate::worker::tell;

const MQTT_DOOR: usize = 0;
const WEB_DOOR: usize = 1;
/// Tokens below this are the doors.
const FIRST_GUEST: usize = 2;
const SCRATCH_BYTES: usize = 64 * 1024;

/// What a guest is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Mqtt,
    /// A tab; before its upgrade it is still HTTP.
    Tab {
        upgraded: bool,
    },
}

struct Guest {
    stream: TcpStream,
    manner: Manner,
    rest: Vec<u8>,
    unsent: Vec<u8>,
}

#[derive(Default)]
struct Rooms {
    guests: HashMap<usize, Guest>,
    next: usize,
    /// The subscriber of a topic.
    subscribers: HashMap<Vec<u8>, (usize, u8)>,
    /// The tab that watches a device.
    tabs: HashMap<Vec<u8>, usize>,
    /// Who has something unsent.
    dirty: HashSet<usize>,
}

/// Serves until it is ended.
///
/// # Errors
/// When an address cannot be bound.
pub(crate) fn run(mqtt: SocketAddr, web: SocketAddr) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut doors = [TcpListener::bind(mqtt)?, TcpListener::bind(web)?];
    let [mqtt_door, web_door] = &mut doors;
    poll.registry().register(mqtt_door, Token(MQTT_DOOR), Interest::READABLE)?;
    poll.registry().register(web_door, Token(WEB_DOOR), Interest::READABLE)?;
    tell(&format!("ready http={} mqtt={}", web_door.local_addr()?, mqtt_door.local_addr()?))?;
    let mut rooms = Rooms { next: FIRST_GUEST, ..Rooms::default() };
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; SCRATCH_BYTES];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token().0 {
                MQTT_DOOR => rooms.welcome(&poll, mqtt_door, Manner::Mqtt),
                WEB_DOOR => rooms.welcome(&poll, web_door, Manner::Tab { upgraded: false }),
                id => {
                    if event.is_readable() {
                        rooms.read(id, &mut scratch);
                    }
                    if event.is_writable() {
                        rooms.flush(id);
                    }
                }
            }
        }
    }
}

impl Rooms {
    fn welcome(&mut self, poll: &Poll, door: &TcpListener, manner: Manner) {
        while let Ok((mut stream, _)) = door.accept() {
            let id = self.next;
            self.next += 1;
            let interest = Interest::READABLE | Interest::WRITABLE;
            if poll.registry().register(&mut stream, Token(id), interest).is_ok() {
                // Where it cannot be set, latency is only worse.
                stream.set_nodelay(true).ok();
                let (rest, unsent) = (Vec::new(), Vec::new());
                self.guests.insert(id, Guest { stream, manner, rest, unsent });
            }
        }
    }

    /// Reads until the socket is empty, acts on all of it, then writes to whom it concerned.
    fn read(&mut self, id: usize, scratch: &mut [u8]) {
        loop {
            let Some(guest) = self.guests.get_mut(&id) else { return };
            let size = match guest.stream.read(scratch) {
                Ok(size @ 1..) => size,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                _ => return self.dismiss(id),
            };
            let bytes = scratch.get(..size).unwrap_or_default();
            if guest.rest.is_empty() {
                let left = self.act(id, bytes).to_vec();
                self.keep(id, left);
            } else {
                let mut joined = std::mem::take(&mut guest.rest);
                joined.extend_from_slice(bytes);
                let left = self.act(id, &joined).to_vec();
                self.keep(id, left);
            }
            for dirty in std::mem::take(&mut self.dirty) {
                self.flush(dirty);
            }
            if size < scratch.len() {
                return;
            }
        }
    }

    fn keep(&mut self, id: usize, left: Vec<u8>) {
        if let Some(guest) = self.guests.get_mut(&id) {
            guest.rest = left;
        }
    }

    fn dismiss(&mut self, id: usize) {
        self.guests.remove(&id);
        self.subscribers.retain(|_, (guest, _)| *guest != id);
        self.tabs.retain(|_, guest| *guest != id);
    }

    fn say(&mut self, id: usize, bytes: &[u8]) {
        if let Some(guest) = self.guests.get_mut(&id) {
            guest.unsent.extend_from_slice(bytes);
            self.dirty.insert(id);
        }
    }

    fn flush(&mut self, id: usize) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        while !guest.unsent.is_empty() {
            match guest.stream.write(&guest.unsent) {
                Ok(written) => drop(guest.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.dismiss(id),
            }
        }
    }

    /// Acts on what is complete and returns the rest.
    fn act<'b>(&mut self, id: usize, mut bytes: &'b [u8]) -> &'b [u8] {
        match self.guests.get(&id).map(|guest| guest.manner) {
            Some(Manner::Mqtt) => {
                while let Some((packet, rest)) = packet::split(bytes) {
                    bytes = rest;
                    self.on_packet(id, &packet);
                }
            }
            Some(Manner::Tab { upgraded: false }) => {
                let Some((head, rest)) = websocket::split_head(bytes) else { return bytes };
                self.on_upgrade(id, head);
                return rest;
            }
            Some(Manner::Tab { upgraded: true }) => {
                while let Some((frame, rest)) = websocket::split(bytes) {
                    bytes = rest;
                    if frame.opcode == websocket::TEXT {
                        self.on_command(&frame.payload);
                    }
                }
            }
            None => {}
        }
        bytes
    }

    fn on_packet(&mut self, id: usize, packet: &Packet<'_>) {
        match packet.kind {
            packet::CONNECT => self.say(id, &packet::connack()),
            packet::PINGREQ => self.say(id, &[0xd0, 0]),
            packet::SUBSCRIBE => {
                if let Some((filter, qos)) = packet.first_filter() {
                    self.subscribers.insert(filter.to_vec(), (id, qos));
                    self.say(id, &packet::suback(packet.id(), qos));
                }
            }
            packet::PUBLISH => {
                let Some((topic, packet_id, payload)) = packet.as_publish() else { return };
                if let Some(packet_id) = packet_id {
                    self.say(id, &packet::puback(packet_id));
                }
                self.forward(topic, packet_id, payload);
            }
            _ => {}
        }
    }

    /// To the topic's subscriber, at the lower QoS, and to the tab that watches the device.
    fn forward(&mut self, topic: &[u8], packet_id: Option<u16>, payload: &[u8]) {
        if let Some(&(subscriber, qos)) = self.subscribers.get(topic) {
            let packet_id = packet_id.filter(|_| qos > 0);
            self.say(subscriber, &packet::publish(topic, packet_id, payload));
        }
        let device = topic.strip_prefix(b"devices/").and_then(|rest| rest.strip_suffix(b"/state"));
        if let Some((device, &tab)) = device.and_then(|id| Some((id, self.tabs.get(id)?))) {
            let start = br#"{"type":"delta","seq":1,"id":"#;
            let text = [start, device, br#","rev":1,"changes":"#, payload, b"}"].concat();
            self.say(tab, &websocket::frame(websocket::TEXT, false, &text));
        }
    }

    /// A tab's token is the id of the device it watches.
    fn on_upgrade(&mut self, id: usize, head: &str) {
        let token = head.split("token=").nth(1).and_then(|rest| rest.split(' ').next());
        self.tabs.insert(token.unwrap_or_default().as_bytes().to_vec(), id);
        if let Some(guest) = self.guests.get_mut(&id) {
            guest.manner = Manner::Tab { upgraded: true };
        }
        let snapshot = websocket::frame(websocket::TEXT, false, br#"{"type":"snapshot"}"#);
        self.say(id, &[websocket::switching(), snapshot].concat());
    }

    fn on_command(&mut self, text: &[u8]) {
        let Some(device) = number_after("\"device\":", text) else { return };
        let pattern = b"\"desired\":";
        let desired = text.windows(pattern.len()).position(|window| window == pattern);
        let payload = desired.and_then(|at| text.get(at + pattern.len()..text.len() - 1));
        self.forward(format!("devices/{device}/set").as_bytes(), None, payload.unwrap_or_default());
    }
}

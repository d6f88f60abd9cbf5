//! IP over the serial line, and the MQTT session on top of it.

mod serial;

use crate::board::Line;
use hearth_device::contract::{topic, Message, TOPIC_MAX};
use hearth_device::mqtt::{Event, Options, Session};
use hearth_device::record::Provision;
use hearth_device::sntp;
use hearth_device::text::Text;
use serial::Serial;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr, Ipv4Address};
use xtensa_lx::singleton;

/// The device's end of the line.
const DEVICE: Ipv4Address = Ipv4Address::new(10, 9, 0, 2);
/// The gateway's end.
const GATEWAY: Ipv4Address = Ipv4Address::new(10, 9, 0, 1);
/// The longest `set` that is understood, in bytes.
const SET_MAX: usize = 512;
/// How long the server may take to take what was sent before the link counts as lost, in ms.
const SILENCE_MS: u64 = 20_000;
/// How often the time of day is asked for until it is told, in ms.
const ASK_TIME_MS: u64 = 5_000;

/// The network of one device.
pub struct Net {
    serial: Serial,
    interface: Interface,
    sockets: SocketSet<'static>,
    tcp: SocketHandle,
    udp: SocketHandle,
    session: Session<'static, 640, 1536>,
    server: (Ipv4Address, u16),
    device: u64,
    set: [u8; SET_MAX],
    set_len: Option<usize>,
    port: u16,
    link_open: bool,
    /// The time of day when this device's clock was at 0.
    epoch_ms: Option<u64>,
    asked_ms: Option<u64>,
}

/// What the session refers to for as long as the device runs.
struct Names {
    username: Text<20>,
    secret: Text<64>,
    filter: Text<TOPIC_MAX>,
}

impl Net {
    /// The network of a device that is set up. There is one; a second is `None`.
    pub fn new(provision: Provision, now_ms: u64) -> Option<Self> {
        let mut username = Text::new();
        username.push_number(provision.device);
        let filter = topic(provision.device, "set");
        let names: &'static Names =
            singleton!(: Names = Names { username, secret: provision.secret, filter })?;
        let options = Options {
            client: names.username.as_str(),
            username: names.username.as_str(),
            password: names.secret.as_str(),
            filter: names.filter.as_str(),
            ..Options::default()
        };
        let [a, b, c, d, ..] = provision.device.to_le_bytes();
        let seed = u32::from_le_bytes([a, b, c, d]);

        let mut serial = Serial::new();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = provision.device ^ now_ms;
        let mut interface = Interface::new(config, &mut serial, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // The list is new and has room for one.
            addresses.push(IpCidr::new(DEVICE.into(), 30)).unwrap_or(());
        });
        interface.routes_mut().add_default_ipv4_route(GATEWAY).ok()?;
        let (sockets, tcp, udp) = open_sockets()?;
        Some(Self {
            serial,
            interface,
            sockets,
            tcp,
            udp,
            session: Session::new(options, seed),
            // A name can't be looked up here: what is no address is behind the gateway.
            server: (provision.host.as_str().parse().unwrap_or(GATEWAY), provision.port),
            device: provision.device,
            set: [0; SET_MAX],
            set_len: None,
            port: 49_152 + (seed as u16 & 0x1fff),
            link_open: false,
            epoch_ms: None,
            asked_ms: None,
        })
    }

    /// Whether the server hears us.
    pub fn is_online(&self) -> bool {
        self.session.is_online()
    }

    /// The time of day, once the gateway told it.
    pub fn unix_ms(&self, now_ms: u64) -> Option<u64> {
        self.epoch_ms.map(|epoch_ms| epoch_ms + now_ms)
    }

    /// Whether a `set` waits.
    pub fn has_set(&self) -> bool {
        self.set_len.is_some()
    }

    /// The `set` that waits.
    pub fn set(&self) -> Option<&[u8]> {
        self.set_len.and_then(|length| self.set.get(..length))
    }

    /// The `set` was dealt with.
    pub fn set_done(&mut self) {
        self.set_len = None;
    }

    /// Publishes; when too much waits, the link is given up and a new one tells everything.
    pub fn publish(&mut self, now_ms: u64, message: &Message) {
        let topic = topic(self.device, message.topic.word());
        let (payload, acknowledged) = (message.payload.as_bytes(), message.topic.is_acknowledged());
        if self.session.publish(topic.as_str(), payload, acknowledged).is_err() {
            self.hang_up(now_ms);
        }
    }

    /// Moves bytes and packets, as far as that goes without waiting.
    pub fn poll<L: Line>(&mut self, now_ms: u64, line: &mut L) {
        self.serial.pump(line);
        let now = Instant::from_millis(i64::try_from(now_ms).unwrap_or(0));
        self.interface.poll(now, &mut self.serial, &mut self.sockets);
        self.link(now_ms);
        self.time_of_day(now_ms);
        self.serial.pump(line);
    }

    fn link(&mut self, now_ms: u64) {
        let socket = self.sockets.get_mut::<tcp::Socket>(self.tcp);
        if !socket.is_open() {
            if self.link_open {
                self.link_open = false;
                self.session.link_closed(now_ms);
            } else if self.session.wants_link(now_ms) {
                self.port = if self.port == u16::MAX { 49_152 } else { self.port + 1 };
                let connected = socket.connect(self.interface.context(), self.server, self.port);
                // Counted as open from here on: whatever becomes of it ends as closed.
                self.link_open = connected.is_ok();
            }
            return;
        }
        if socket.may_send()
            && !self.session.has_link()
            && self.session.link_opened(now_ms).is_err()
        {
            return self.hang_up(now_ms);
        }
        self.exchange(now_ms);
    }

    fn exchange(&mut self, now_ms: u64) {
        let socket = self.sockets.get_mut::<tcp::Socket>(self.tcp);
        let session = &mut self.session;
        if socket.can_recv() {
            let taken = socket.recv(|bytes| {
                let count = session.receive(bytes);
                (count, ())
            });
            if taken.is_err() {
                return self.hang_up(now_ms);
            }
        }
        // One `set` at a time: the next waits in the session until this one was dealt with.
        if self.set_len.is_none() {
            match session.poll(now_ms) {
                Ok(Some(Event::Message { payload, .. })) => {
                    if let Some(place) = self.set.get_mut(..payload.len()) {
                        place.copy_from_slice(payload);
                        self.set_len = Some(payload.len());
                    }
                }
                Ok(Some(Event::Online) | None) => {}
                Err(_) => return self.hang_up(now_ms),
            }
        }
        while socket.can_send() {
            let due = session.outgoing();
            if due.is_empty() {
                break;
            }
            match socket.send_slice(due) {
                Ok(count) => session.sent(now_ms, count),
                Err(_) => return self.hang_up(now_ms),
            }
        }
        if !socket.may_recv() && socket.recv_queue() == 0 && socket.may_send() {
            socket.close();
        }
    }

    fn hang_up(&mut self, now_ms: u64) {
        self.sockets.get_mut::<tcp::Socket>(self.tcp).abort();
        self.link_open = false;
        self.session.link_closed(now_ms);
    }

    fn time_of_day(&mut self, now_ms: u64) {
        if self.epoch_ms.is_some() {
            return;
        }
        let socket = self.sockets.get_mut::<udp::Socket>(self.udp);
        if let (Ok((answer, _)), Some(asked_ms)) = (socket.recv(), self.asked_ms) {
            let unix_ms = sntp::told(answer, asked_ms);
            self.epoch_ms = unix_ms.and_then(|unix_ms| unix_ms.checked_sub(now_ms));
        } else if self.asked_ms.is_none_or(|asked_ms| now_ms - asked_ms >= ASK_TIME_MS) {
            self.asked_ms = Some(now_ms);
            // No room means that the last question is still on its way.
            socket.send_slice(&sntp::ask(now_ms), (GATEWAY, sntp::PORT)).unwrap_or(());
        }
    }
}

fn open_sockets() -> Option<(SocketSet<'static>, SocketHandle, SocketHandle)> {
    let storage = singleton!(: [SocketStorage<'static>; 2] = [SocketStorage::EMPTY; 2])?;
    let rx = singleton!(: [u8; 1024] = [0; 1024])?;
    let tx = singleton!(: [u8; 1536] = [0; 1536])?;
    let mut socket = tcp::Socket::new(
        tcp::SocketBuffer::new(rx.as_mut_slice()),
        tcp::SocketBuffer::new(tx.as_mut_slice()),
    );
    socket.set_timeout(Some(smoltcp::time::Duration::from_millis(SILENCE_MS)));
    // The session's own pings come every 20 s; acknowledgements need no delay on this line.
    socket.set_ack_delay(None);
    socket.set_nagle_enabled(false);
    let mut sockets = SocketSet::new(storage.as_mut_slice());
    let tcp = sockets.add(socket);

    let meta_in = singleton!(: [udp::PacketMetadata; 1] = [udp::PacketMetadata::EMPTY; 1])?;
    let meta_out = singleton!(: [udp::PacketMetadata; 1] = [udp::PacketMetadata::EMPTY; 1])?;
    let packet_in = singleton!(: [u8; sntp::BYTES] = [0; sntp::BYTES])?;
    let packet_out = singleton!(: [u8; sntp::BYTES] = [0; sntp::BYTES])?;
    let mut socket = udp::Socket::new(
        udp::PacketBuffer::new(meta_in.as_mut_slice(), packet_in.as_mut_slice()),
        udp::PacketBuffer::new(meta_out.as_mut_slice(), packet_out.as_mut_slice()),
    );
    socket.bind(sntp::PORT).ok()?;
    let udp = sockets.add(socket);
    Some((sockets, tcp, udp))
}

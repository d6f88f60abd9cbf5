//! The gateway's end of the serial network: IP, TCP and the time of day, without a socket of the
//! host's. Pure: bytes of the line and the time go in, bytes for the line come out.

use std::collections::VecDeque;
use std::time::Duration;

use hearth_device::{slip, sntp};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr, Ipv4Address};

/// Our address on the line; the device's is the next one.
const GATEWAY: Ipv4Address = Ipv4Address::new(10, 9, 0, 1);
/// The server as a device on the line knows it.
pub(super) const SERVER: &str = "10.9.0.1:1883";
/// The port of that.
const PORT: u16 = 1883;
/// Connections at once. A device has one; a second while the first is still being given up.
const TAPS: usize = 3;
/// The longest packet.
const MTU: usize = 576;
/// Packets from the line that wait; more are dropped and come again.
const PACKETS_MAX: usize = 32;
/// Bytes for the line that wait before no more packets are made: half a second's worth.
const LINE_MAX: usize = 6 * 1024;
/// Room for each direction of a connection, in bytes.
const SOCKET_BYTES: usize = 4 * 1024;
/// How long a device may be silent in the middle of something, in seconds.
const SILENCE_S: u64 = 30;

/// The network stack of one line.
pub(super) struct Stack {
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    taps: Vec<SocketHandle>,
    clock: SocketHandle,
}

/// What a connection's socket has and wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    /// The device sent something.
    pub(super) from_device: bool,
    /// There is room for something to the device.
    pub(super) to_device: bool,
}

impl Chunk {
    pub(super) fn of(socket: &tcp::Socket<'_>) -> Self {
        Self { from_device: socket.can_recv(), to_device: socket.can_send() }
    }
}

impl Stack {
    pub(super) fn new() -> Self {
        let mut wire = Wire::default();
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // A new list has room for one.
            addresses.push(IpCidr::new(GATEWAY.into(), 30)).unwrap_or_default();
        });
        let mut sockets = SocketSet::new(Vec::new());
        let taps = (0..TAPS).map(|_| sockets.add(tap_socket())).collect();
        let clock = sockets.add(clock_socket());
        Self { wire, interface, sockets, taps, clock }
    }

    /// The connections that devices may open.
    pub(super) fn taps(&self) -> impl Iterator<Item = SocketHandle> {
        self.taps.iter().copied()
    }

    /// One connection's socket.
    pub(super) fn socket(&mut self, tap: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(tap)
    }

    /// Takes bytes from the line.
    pub(super) fn read_line(&mut self, bytes: &[u8]) {
        self.wire.read(bytes);
    }

    /// Bytes for the line.
    pub(super) fn line(&self) -> &[u8] {
        &self.wire.out
    }

    /// The line took `count` bytes.
    pub(super) fn line_written(&mut self, count: usize) {
        self.wire.out.drain(..count.min(self.wire.out.len()));
    }

    /// Sends bytes that are no packet: what a device understands before it has a network.
    pub(super) fn write_line(&mut self, bytes: &[u8]) {
        self.wire.out.extend_from_slice(bytes);
    }

    /// Moves packets. `passed` is the time since the line opened.
    pub(super) fn poll(&mut self, passed: Duration, unix_ms: u64) {
        self.interface.poll(instant(passed), &mut self.wire, &mut self.sockets);
        // Only now: a connection that was broken off has just said so.
        for tap in &self.taps {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(*tap);
            if !socket.is_open() {
                // Only a port of 0 or an open socket could be refused.
                socket.listen(PORT).unwrap_or_default();
            }
        }
        let clock = self.sockets.get_mut::<udp::Socket<'_>>(self.clock);
        while let Ok((question, from)) = clock.recv() {
            if let Some(answer) = sntp::answer(question, unix_ms) {
                // Without room the device asks again.
                clock.send_slice(&answer, from).unwrap_or_default();
            }
        }
        self.interface.poll(instant(passed), &mut self.wire, &mut self.sockets);
    }

    /// When time alone will make something due.
    pub(super) fn again_in(&mut self, passed: Duration) -> Duration {
        let delay = self.interface.poll_delay(instant(passed), &self.sockets);
        delay.map_or(Duration::from_secs(1), Into::into).min(Duration::from_secs(1))
    }
}

fn instant(passed: Duration) -> Instant {
    Instant::from_micros(i64::try_from(passed.as_micros()).unwrap_or(i64::MAX))
}

fn tap_socket() -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; SOCKET_BYTES]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket.set_timeout(Some(smoltcp::time::Duration::from_secs(SILENCE_S)));
    socket.set_keep_alive(Some(smoltcp::time::Duration::from_secs(SILENCE_S / 2)));
    socket
}

fn clock_socket() -> udp::Socket<'static> {
    let buffer =
        || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 2], vec![0; 4 * sntp::BYTES]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    // Only a port of 0 or an open socket could be refused.
    socket.bind(sntp::PORT).unwrap_or_default();
    socket
}

/// The line as smoltcp sees it.
#[derive(Default)]
pub(super) struct Wire {
    decoder: slip::Decoder<MTU>,
    packets: VecDeque<Vec<u8>>,
    out: Vec<u8>,
}

impl Wire {
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(packet) = self.decoder.push(*byte)
                && self.packets.len() < PACKETS_MAX
            {
                self.packets.push_back(packet.to_vec());
            }
        }
    }

    #[cfg(test)]
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received, ToSend<'_>)> {
        if self.out.len() > LINE_MAX {
            return None;
        }
        Some((Received(self.packets.pop_front()?), ToSend(&mut self.out)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<ToSend<'_>> {
        (self.out.len() <= LINE_MAX).then_some(ToSend(&mut self.out))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

pub(super) struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(super) struct ToSend<'a>(&'a mut Vec<u8>);

impl phy::TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut packet = vec![0; length];
        let result = f(&mut packet);
        slip::encode(&packet, |byte| self.0.push(byte));
        result
    }
}

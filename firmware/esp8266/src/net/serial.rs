//! The serial line as smoltcp's network device: SLIP frames in and out, through buffers, so that
//! nobody ever waits for the line.

use crate::board::Line;
use hearth_device::slip;
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// The longest packet: every Internet host takes 576 bytes.
const MTU: usize = 576;
/// Room for a packet whose every byte is escaped, and for a short one behind it.
const OUT: usize = 2 * MTU + 2 + 256;

/// The line's buffers.
pub(super) struct Serial {
    decoder: slip::Decoder<MTU>,
    frame: [u8; MTU],
    frame_len: usize,
    out: [u8; OUT],
    out_len: usize,
    out_sent: usize,
}

impl Serial {
    pub(super) const fn new() -> Self {
        Self {
            decoder: slip::Decoder::new(),
            frame: [0; MTU],
            frame_len: 0,
            out: [0; OUT],
            out_len: 0,
            out_sent: 0,
        }
    }

    /// Moves bytes between the line and the buffers.
    pub(super) fn pump<L: Line>(&mut self, line: &mut L) {
        while let Some(byte) = self.out.get(self.out_sent..self.out_len).and_then(<[u8]>::first) {
            if !line.write(*byte) {
                break;
            }
            self.out_sent += 1;
        }
        if self.out_sent == self.out_len {
            (self.out_sent, self.out_len) = (0, 0);
        }
        // A whole frame waits to be taken before the next one is put together.
        while self.frame_len == 0 {
            let Some(byte) = line.read() else { break };
            if let Some(packet) = self.decoder.push(byte) {
                if let Some(place) = self.frame.get_mut(..packet.len()) {
                    place.copy_from_slice(packet);
                    self.frame_len = packet.len();
                }
            }
        }
    }

    fn has_room(&self) -> bool {
        OUT - self.out_len >= 2 * MTU + 2
    }
}

impl Device for Serial {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, ToSend<'_>)> {
        if self.frame_len == 0 || !self.has_room() {
            return None;
        }
        let length = core::mem::take(&mut self.frame_len);
        let frame = self.frame.get(..length)?;
        Some((Received { frame }, ToSend { out: &mut self.out, out_len: &mut self.out_len }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<ToSend<'_>> {
        self.has_room().then_some(ToSend { out: &mut self.out, out_len: &mut self.out_len })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

/// A packet that came.
pub(super) struct Received<'a> {
    frame: &'a [u8],
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.frame)
    }
}

/// Room for a packet to send.
pub(super) struct ToSend<'a> {
    out: &'a mut [u8; OUT],
    out_len: &'a mut usize,
}

impl phy::TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut packet = [0; MTU];
        let packet = packet.get_mut(..length).unwrap_or_default();
        let result = f(packet);
        slip::encode(packet, |byte| {
            if let Some(place) = self.out.get_mut(*self.out_len) {
                *place = byte;
                *self.out_len += 1;
            }
        });
        result
    }
}

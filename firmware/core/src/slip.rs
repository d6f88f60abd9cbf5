//! SLIP (RFC 1055): packets over a serial line.

const END: u8 = 0xc0;
const ESC: u8 = 0xdb;
const ESC_END: u8 = 0xdc;
const ESC_ESC: u8 = 0xdd;

/// Puts packets of up to `N` bytes together from the bytes of a line.
///
/// A packet that is too long or broken is dropped whole and counted: what it carried has a check
/// sum of its own and comes again.
#[derive(Debug, Clone)]
pub struct Decoder<const N: usize> {
    packet: [u8; N],
    len: usize,
    complete: bool,
    escaped: bool,
    spoiled: bool,
    dropped: u32,
}

impl<const N: usize> Default for Decoder<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Decoder<N> {
    /// A decoder between packets.
    #[must_use]
    pub const fn new() -> Self {
        Self { packet: [0; N], len: 0, complete: false, escaped: false, spoiled: false, dropped: 0 }
    }

    /// Takes the next byte; returns the packet it completes.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        if self.complete {
            self.complete = false;
            self.len = 0;
        }
        match (self.escaped, byte) {
            (escaped, END) => return self.end(escaped),
            (true, ESC_END) => self.store(END),
            (true, ESC_ESC) => self.store(ESC),
            (true, _) => self.spoiled = true,
            (false, ESC) => {
                self.escaped = true;
                return None;
            }
            (false, plain) => self.store(plain),
        }
        self.escaped = false;
        None
    }

    /// How many packets were dropped.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    fn end(&mut self, escaped: bool) -> Option<&[u8]> {
        let broken = self.spoiled || escaped;
        self.spoiled = false;
        self.escaped = false;
        if broken {
            self.dropped = self.dropped.saturating_add(1);
            self.len = 0;
            return None;
        }
        // Every packet ends with END and may begin with one: an empty packet is none.
        self.complete = self.len > 0;
        if self.complete { self.packet.get(..self.len) } else { None }
    }

    fn store(&mut self, byte: u8) {
        match self.packet.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
            }
            None => self.spoiled = true,
        }
    }
}

/// Sends `packet` byte by byte, with an END on both sides so that noise before it is its own
/// (broken) packet.
pub fn encode(packet: &[u8], mut send: impl FnMut(u8)) {
    send(END);
    for byte in packet {
        match *byte {
            END => {
                send(ESC);
                send(ESC_END);
            }
            ESC => {
                send(ESC);
                send(ESC_ESC);
            }
            plain => send(plain),
        }
    }
    send(END);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn packets(line: &[u8]) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::<64>::new();
        line.iter().filter_map(|byte| decoder.push(*byte).map(<[u8]>::to_vec)).collect()
    }

    fn line(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut line = Vec::new();
        for packet in packets {
            encode(packet, |byte| line.push(byte));
        }
        line
    }

    #[test]
    fn a_packet_too_long_is_dropped_and_the_next_one_is_whole() {
        let sent = [std::vec![1; 65], std::vec![2; 64]];
        assert_eq!(packets(&line(&sent)), [sent[1].clone()]);
    }

    #[test]
    fn a_broken_escape_drops_its_packet_only() {
        assert_eq!(packets(&[END, 1, ESC, 2, END, 3, END, 4, ESC, END, 5, END]), [[3], [5]]);
    }

    fn special() -> impl Strategy<Value = u8> {
        prop_oneof![Just(END), Just(ESC), Just(ESC_END), Just(ESC_ESC), any::<u8>()]
    }

    proptest! {
        #[test]
        fn packets_come_out_as_they_went_in(
            sent in prop::collection::vec(prop::collection::vec(special(), 1..=64), 0..8),
        ) {
            prop_assert_eq!(packets(&line(&sent)), sent);
        }

        #[test]
        fn after_any_noise_the_second_packet_is_whole(
            noise in prop::collection::vec(special(), 0..200),
            packet in prop::collection::vec(special(), 1..=64),
        ) {
            let mut bytes = noise;
            bytes.extend(line(&[std::vec![7], packet.clone()]));
            prop_assert_eq!(packets(&bytes).pop(), Some(packet));
        }
    }
}

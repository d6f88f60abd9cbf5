//! A million hostile packets and a million hostile streams from a seed: nothing panics, no input
//! takes more than a mebibyte, and whatever is taken is taken the same way again after it was
//! written. `HEARTH_HOSTILE_INPUTS` and `HEARTH_HOSTILE_SEED` change the run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use allocation_counter::measure;
use hearth::codec::{self, Limits, Packet, Version, decode, decode_connect, encode, frame_len};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[path = "../src/codec/tests/generate.rs"]
mod generate;

/// What one input may allocate, in all, before it is refused or answered.
const ALLOCATED_BYTES_MAX: u64 = 1 << 20;

/// What a connection may send, as in config.toml.
const PACKET_BYTES_MAX: u32 = 256 * 1024;

/// xorshift64*: fast, and a run can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap() % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        const TELLING: [u8; 16] = *b"\x00\x01\x02\x04\x7F\x80\xFF\xC2\xED+#/$\x0B\x26\x23";
        if self.next() & 1 == 0 { TELLING[self.below(16)] } else { self.next().to_le_bytes()[0] }
    }

    fn mutate(&mut self, frame: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(frame.len());
            match self.below(5) {
                0 if frame.len() > 1 => drop(frame.remove(at)),
                1 => frame.insert(at, self.byte()),
                2 => frame.truncate(at.max(1)),
                3 => frame[at] ^= 1 << self.below(8),
                _ => frame[at] = self.byte(),
            }
        }
        // Most get a length that fits again, so that what follows it is reached.
        if frame.len() >= 2 && self.below(4) > 0 {
            let remaining = (frame.len() - 2).min(127);
            frame.truncate(remaining + 2);
            frame[1] = u8::try_from(remaining).unwrap();
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Short frames of every type and version.
fn corpus() -> Vec<(Version, Vec<u8>)> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut frames = Vec::new();
    while frames.len() < 1_000 {
        let (version, packet) = generate::versioned().new_tree(&mut runner).unwrap().current();
        let mut frame = Vec::new();
        encode(version, &packet, &mut frame).unwrap();
        if frame.len() < 200 {
            frames.push((version, frame));
        }
    }
    frames
}

/// Gives inputs of `packets` mutated packets each to `take`, which says whether one was taken.
fn hostile(packets: usize, mut take: impl FnMut(Version, &[u8]) -> bool) {
    let inputs = setting("HEARTH_HOSTILE_INPUTS", 1_000_000);
    let mut random = Random(setting("HEARTH_HOSTILE_SEED", 0x4845_4152_5448) | 1);
    let corpus = corpus();
    let mut taken = 0_u64;
    for _ in 0..inputs {
        let (version, mut input) = corpus[random.below(corpus.len())].clone();
        random.mutate(&mut input);
        for _ in 1..packets {
            let mut next = corpus[random.below(corpus.len())].1.clone();
            random.mutate(&mut next);
            input.append(&mut next);
        }
        let allocated = measure(|| taken += u64::from(take(version, &input)));
        let bytes = allocated.bytes_total;
        assert!(bytes <= ALLOCATED_BYTES_MAX, "{bytes} bytes for {version:?} {input:02x?}");
    }
    assert!(taken * 50 > inputs, "only {taken} of {inputs} were taken");
}

#[test]
fn what_is_taken_of_a_million_hostile_packets_is_taken_again_once_written() {
    hostile(1, |version, frame| {
        let announced = frame_len(frame, PACKET_BYTES_MAX);
        let Ok(packet) = decode(version, frame) else { return false };
        assert_eq!(announced, Ok(Some(frame.len())));
        // Lists and limits read the frame once more.
        let _limited = Limits::default().check(&packet);
        assert!(!format!("{packet:?}").is_empty());
        let version =
            if let Packet::Connect(connect) = &packet { connect.version } else { version };
        let mut out = Vec::new();
        encode(version, &packet, &mut out).unwrap();
        assert_eq!(decode(version, &out).as_ref(), Ok(&packet));
        assert!(out.len() <= frame.len(), "the shortest form is written");
        true
    });
}

/// As a connection meets them: cut into frames, the first as a CONNECT, until one is refused.
#[test]
fn a_million_hostile_streams_are_framed_and_read_until_one_packet_is_refused() {
    let limits = Limits::default();
    hostile(3, |version, mut stream| {
        let _first = decode_connect(stream);
        let mut taken = false;
        while let Ok(Some(length)) = frame_len(stream, PACKET_BYTES_MAX) {
            let Some((frame, rest)) = stream.split_at_checked(length) else { break };
            if limits.decode(version, frame).is_err() {
                break;
            }
            taken = true;
            stream = rest;
        }
        taken
    });
}

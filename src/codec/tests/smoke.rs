//! A million hostile inputs from a seed: nothing panics, and whatever is taken is taken the same
//! way again after it was written. `HEARTH_SMOKE_INPUTS` and `HEARTH_SMOKE_SEED` change the run.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::generate::versioned;
use crate::codec::*;

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
        let (version, packet) = versioned().new_tree(&mut runner).unwrap().current();
        let mut frame = Vec::new();
        encode(version, &packet, &mut frame).unwrap();
        if frame.len() < 200 {
            frames.push((version, frame));
        }
    }
    frames
}

fn mutate(frame: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(frame.len());
        match random.below(5) {
            0 if frame.len() > 1 => drop(frame.remove(at)),
            1 => frame.insert(at, random.byte()),
            2 => frame.truncate(at.max(1)),
            3 => frame[at] ^= 1 << random.below(8),
            _ => frame[at] = random.byte(),
        }
    }
    // Most get a length that fits again, so that what follows it is reached.
    if frame.len() >= 2 && random.below(4) > 0 {
        let remaining = (frame.len() - 2).min(127);
        frame.truncate(remaining + 2);
        frame[1] = u8::try_from(remaining).unwrap();
    }
}

/// Whether the input was taken.
fn survives(version: Version, frame: &[u8]) -> bool {
    let announced = frame_len(frame, 1 << 20);
    let Ok(packet) = decode(version, frame) else { return false };
    assert_eq!(announced, Ok(Some(frame.len())));
    // Lists and limits read the frame once more.
    let _limited = Limits::default().check(&packet);
    assert!(!format!("{packet:?}").is_empty());
    let version = if let Packet::Connect(connect) = &packet { connect.version } else { version };
    let mut out = Vec::new();
    encode(version, &packet, &mut out).unwrap();
    assert_eq!(decode(version, &out).as_ref(), Ok(&packet));
    assert!(out.len() <= frame.len(), "the shortest form is written");
    true
}

#[test]
fn hostile_bytes_never_panic_and_what_is_taken_is_taken_again() {
    let inputs = setting("HEARTH_SMOKE_INPUTS", 1_000_000);
    let seed = setting("HEARTH_SMOKE_SEED", 0x4845_4152_5448);
    let mut random = Random(seed | 1);
    let corpus = corpus();
    let mut taken = 0_u64;
    for _ in 0..inputs {
        let (version, frame) = &corpus[random.below(corpus.len())];
        let mut frame = frame.clone();
        mutate(&mut frame, &mut random);
        taken += u64::from(survives(*version, &frame));
    }
    assert!(taken * 50 > inputs, "only {taken} of {inputs} reached the writers");
}

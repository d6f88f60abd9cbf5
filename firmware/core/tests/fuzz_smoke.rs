//! A million damaged inputs through every decoder: none may panic, hang, or be taken for more
//! than it is. The same seed every time; `HEARTH_FUZZ=n` runs `n` inputs instead.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails may panic")]

use hearth_device::app::{App, Cooker, CookerConfig, Inputs, Lamp, LampConfig};
use hearth_device::json::Members;
use hearth_device::mqtt::{Options, Session};
use hearth_device::record::{Provision, Saved, newest, seal};
use hearth_device::slip;

/// `SplitMix64` (Steele, Lea, Flood 2014).
struct Random(u64);

/// Bytes that mean something to one of the decoders.
const TELLING: &[u8] = b"{}[]\",:\\0-eE\x00\xff\xc0\xdb";

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    /// `seed` with a few bytes changed, cut, doubled or inserted.
    fn damage(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 if !bytes.is_empty() => bytes[at] = self.next().to_le_bytes()[0],
                1 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                2 => bytes.truncate(at),
                3 => bytes.insert(at, TELLING[self.below(TELLING.len())]),
                _ => bytes.extend_from_within(at..),
            }
            bytes.truncate(600);
        }
        bytes
    }
}

fn inputs(each: usize, seeds: &[&[u8]], mut take: impl FnMut(&[u8])) {
    let mut random = Random(0x4845_4152_5448);
    for number in 0..each {
        take(&random.damage(seeds[number % seeds.len()]));
    }
}

#[test]
fn no_input_harms_a_decoder() {
    let all = std::env::var("HEARTH_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let each = all / 5;
    let sets: [&[u8]; 4] = [
        br#"{"on":true,"brightness":40,"transition_s":1.5,"effect":"candle","hue":12}"#,
        br#"{"heating":true,"target_c":54.5,"timer_s":7200,"start_mode":"now","start":true}"#,
        br#"{"a":[{"b":[]},{"c":"\u00e9\n"},-1.5e-3,null],"d":{"e":{}}}"#,
        b"",
    ];
    inputs(each, &sets, |bytes| {
        let full = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes);
        assert!(full.is_err() || Members::check(bytes).is_ok(), "{bytes:x?}");
    });

    let (mut lamp, mut cooker) =
        (Lamp::new(LampConfig::default(), None), Cooker::new(CookerConfig::default(), None));
    let mut now_ms = 0;
    inputs(each, &sets, |bytes| {
        now_ms += 400;
        let inputs = Inputs { online: true, set: Some(bytes), ..Inputs::default() };
        for outputs in [lamp.step(now_ms, &inputs), cooker.step(now_ms, &inputs)] {
            assert!(!outputs.relay || outputs.level.get() > 0, "no heat without a sensor");
            for message in outputs.messages.iter() {
                let payload = message.payload.as_bytes();
                assert!(serde_json::from_slice::<serde_json::Value>(payload).is_ok());
            }
        }
    });

    let talk: [&[u8]; 3] = [
        b"\x20\x02\x00\x00\x90\x03\x00\x01\x01\x32\x0b\x00\x05a/set\x00\x09{}\xd0\x00",
        b"\x20\x02\x00\x00\x90\x03\x00\x01\x01\x40\x02\x00\x02\x30\x07\x00\x05a/set",
        b"\x20\x02\x00\x00\x90\x03\x00\x01\x01\x30\x80\x02\x00\x05a/set                        ",
    ];
    inputs(each, &talk, |bytes| {
        let mut session = Session::<64, 128>::new(Options::default(), 1);
        session.link_opened(0).unwrap();
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = session.receive(rest);
            rest = &rest[count..];
            loop {
                match session.poll(1) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
            let due = session.outgoing().len();
            session.sent(1, due);
            assert!(count > 0 || due > 0, "neither progress nor an error");
        }
    });

    let mut decoder = slip::Decoder::<32>::new();
    inputs(each, &[b"\xc0hello\xdb\xdc\xdb\xdd\xc0", &[7; 40]], |bytes| {
        for byte in bytes {
            assert!(decoder.push(*byte).is_none_or(|packet| (1..=32).contains(&packet.len())));
        }
    });

    let provision = Provision::from_line("hearth 42 secret 10.9.0.1:1883").unwrap();
    let (record, length) = provision.encode();
    let slot = seal(7, &record[..length]).unwrap();
    inputs(each, &[&slot, &record[..length]], |bytes| {
        if let Some((_, sequence, found)) = newest(bytes, &[]) {
            assert_eq!((sequence, found), (7, &record[..length]), "a damaged record was believed");
        }
        if let Some(decoded) = Provision::decode(bytes) {
            assert!(decoded.secret.is_whole() && decoded.host.is_whole());
        }
        if let Some(saved) = Saved::from_bytes(bytes) {
            assert!(saved.look().is_none() || saved.cook().is_none());
        }
    });
}

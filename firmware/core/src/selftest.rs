//! Checks that run wherever this crate runs: in the host's tests, on the emulated chip, on a
//! board. What compiles for a chip is not yet what works there; here it must give the same bits.

use crate::app::{App, Cooker, CookerConfig, Inputs, Lamp, LampConfig};
use crate::bath::Bath;
use crate::contract::Payload;
use crate::json::{Members, Object, Value};
use crate::light::duty;
use crate::mqtt::{Event, Options, Session};
use crate::record::{Provision, newest, seal};
use crate::safety::ProbeFault;
use crate::units::{MilliC, PerMille};
use crate::{ds18b20, slip, sntp};

/// A check: its name, and whether it holds.
pub type Check = (&'static str, fn() -> bool);

/// All checks.
pub const CHECKS: [Check; 11] = [
    ("64-bit arithmetic", arithmetic),
    ("numbers in JSON", json),
    ("a lamp's curve", curve),
    ("a lamp's day", lamp),
    ("a cook from start to end, bit by bit", cook),
    ("no heat without a sensor", blind),
    ("a broken element is found", no_heat),
    ("flash records", records),
    ("packets on a serial line", serial_line),
    ("an MQTT session", session),
    ("sensor and clock", sensor_and_clock),
];

/// FNV-1a, to compare long outputs by one number.
struct Sum(u64);

impl Sum {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Whether it is `expected`; a test says what it is instead.
    fn is(&self, expected: u64) -> bool {
        #[cfg(test)]
        if self.0 != expected {
            std::eprintln!("the sum is {:#018x}, not {expected:#018x}", self.0);
        }
        self.0 == expected
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

fn arithmetic() -> bool {
    let mut sum = Sum::new();
    for step in 1..2_000_u64 {
        let big = step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let small = i64::from_le_bytes(big.to_le_bytes());
        sum.add(&(big / step).to_le_bytes());
        sum.add(&(big % (step * 1_000_003)).to_le_bytes());
        sum.add(&(small / 3_600_000).to_le_bytes());
        sum.add(&(small >> (step % 64)).to_le_bytes());
    }
    sum.is(0x8e29_c600_64ba_38c3)
}

fn json() -> bool {
    let mut payload = Payload::new();
    let mut object = Object::open(&mut payload);
    object.milli("t", -54_460, 2);
    object.integer("count", 9_007_199_254_740_991);
    object.close();
    let mut members = Members::of(br#"{"a":-0.0625,"b":9007199254740991}"#);
    payload.as_str() == r#"{"t":-54.46,"count":9007199254740991}"#
        && members.next() == Some(Ok(("a", Value::Number(-63))))
        && members.next() == Some(Ok(("b", Value::Number(9_007_199_254_740_991_000))))
        && members.next().is_none()
}

fn curve() -> bool {
    let mut sum = Sum::new();
    for level in 0..=1000 {
        sum.add(&duty(PerMille::clamp(level)).to_le_bytes());
    }
    sum.is(0x2efe_b68b_f58e_9083)
}

fn lamp() -> bool {
    let mut lamp = Lamp::new(LampConfig::default(), None);
    let sets: [&[u8]; 4] = [
        br#"{"on":true,"transition_s":2}"#,
        br#"{"brightness":30,"effect":"candle"}"#,
        br#"{"hue":200,"saturation":101}"#,
        br#"{"on":false}"#,
    ];
    let mut sum = Sum::new();
    for tick in 0..400_u64 {
        let set = sets.get((tick / 100) as usize).filter(|_| tick % 100 == 0).copied();
        let inputs = Inputs { online: true, set, button: tick % 90 > 80, ..Inputs::default() };
        let outputs = lamp.step(tick * 50, &inputs);
        sum.add(&outputs.level.get().to_le_bytes());
        for message in outputs.messages.iter() {
            sum.add(message.payload.as_bytes());
        }
    }
    sum.is(0xa8e7_18ed_05da_dbc4)
}

fn cook() -> bool {
    let mut cooker = Cooker::new(CookerConfig::default(), None);
    let mut bath = Bath { power_w: 2_000, ..Bath::default() };
    let mut set = Some(&br#"{"heating":true,"target_c":58.5,"timer_s":1800,"at_end":"stop"}"#[..]);
    let mut sum = Sum::new();
    for second in 0..4_200_u64 {
        if second == 2_000 {
            bath.add_food(800, MilliC(5_000));
        }
        let inputs = Inputs {
            online: !(2_500..2_900).contains(&second),
            unix_ms: Some(1_800_000_000_000 + second * 1000),
            set: set.take(),
            probe: Some(Ok(bath.water())),
            ..Inputs::default()
        };
        let outputs = cooker.step(second * 1000, &inputs);
        sum.add(&[u8::from(outputs.relay), u8::from(outputs.feed_watchdog)]);
        for message in outputs.messages.iter() {
            sum.add(message.payload.as_bytes());
        }
        bath.step(1000, if outputs.relay { PerMille::FULL } else { PerMille::ZERO });
    }
    cooker.cook().phase().word() == "done" && sum.is(0x9c40_2458_660a_8ce2)
}

fn blind() -> bool {
    let mut cooker = Cooker::new(CookerConfig::default(), None);
    let mut set = Some(&br#"{"heating":true}"#[..]);
    for second in 0..60_u64 {
        let probe = Some(if second == 0 { Ok(MilliC(85_000)) } else { Err(ProbeFault::Absent) });
        let inputs = Inputs { set: set.take(), probe, ..Inputs::default() };
        if cooker.step(second * 1000, &inputs).relay {
            return false;
        }
    }
    cooker.cook().phase().word() == "error"
}

fn no_heat() -> bool {
    let mut cooker = Cooker::new(CookerConfig::default(), None);
    let mut set = Some(&br#"{"heating":true}"#[..]);
    let mut heated = 0;
    for second in 0..900_u64 {
        let water = MilliC(20_000 + i32::from(second % 2 == 0));
        let inputs = Inputs { set: set.take(), probe: Some(Ok(water)), ..Inputs::default() };
        heated += u32::from(cooker.step(second * 1000, &inputs).relay);
    }
    heated == 600 && cooker.cook().phase().word() == "error"
}

fn records() -> bool {
    let line = "hearth 3377699720527873 secret 10.9.0.1:1883";
    let Some(provision) = Provision::from_line(line) else { return false };
    let (bytes, length) = provision.encode();
    let Some(mut slot) = bytes.get(..length).and_then(|record| seal(u32::MAX, record)) else {
        return false;
    };
    let whole = newest(&slot, &[]).and_then(|(_, _, record)| Provision::decode(record));
    if let Some(byte) = slot.get_mut(20) {
        *byte ^= 1;
    }
    whole == Some(provision) && newest(&slot, &[]).is_none()
}

fn serial_line() -> bool {
    let mut decoder = slip::Decoder::<16>::new();
    let mut whole = false;
    slip::encode(&[0xc0, 1, 0xdb, 2], |byte| {
        whole |= decoder.push(byte) == Some(&[0xc0, 1, 0xdb, 2]);
    });
    whole && decoder.dropped() == 0
}

fn session() -> bool {
    let options =
        Options { client: "1", username: "1", password: "p", filter: "f", ..Options::default() };
    let mut session = Session::<64, 64>::new(options, 1);
    let opened = session.link_opened(0).is_ok();
    let sent = session.outgoing().len();
    session.sent(0, sent);
    session.receive(&[0x20, 2, 0, 0, 0x90, 3, 0, 1, 1, 0x32, 6, 0, 1, b'f', 0, 9, b'!']);
    let online = session.poll(1) == Ok(Some(Event::Online));
    let message = session.poll(2) == Ok(Some(Event::Message { topic: "f", payload: b"!" }));
    let subscribe_and_ack = session.outgoing().first() == Some(&0x82);
    opened && sent == 21 && online && message && subscribe_and_ack
}

fn sensor_and_clock() -> bool {
    let pad = [0x91, 0x01, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10, 0];
    let sum = pad.get(..8).map_or(0, ds18b20::crc8);
    let pad = [0x91, 0x01, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10, sum];
    let answer = sntp::answer(&sntp::ask(7), 1_800_000_000_123);
    ds18b20::decode(&pad) == Ok(MilliC(25_063))
        && answer.and_then(|answer| sntp::told(&answer, 7)) == Some(1_800_000_000_123)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_holds_here() {
        let failed = CHECKS.map(|(name, check)| (!check()).then_some(name));
        assert!(failed.iter().all(Option::is_none), "{failed:?}");
    }
}

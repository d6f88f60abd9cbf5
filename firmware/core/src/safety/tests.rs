//! The table of hazards, one test a row. Each would let water overheat or a pan burn dry if it
//! failed.

use super::*;
use crate::units::MilliC;
use proptest::prelude::*;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

/// A heater that wants full power, under the layer's eyes.
struct Bench {
    safety: Safety,
    now_ms: u64,
    wanted: Wanted,
}

impl Bench {
    fn new() -> Self {
        let wanted = Wanted {
            relay: true,
            heating: true,
            target: MilliC(60_000),
            low_water: false,
            relay_is_on: None,
        };
        Self { safety: Safety::new(Limits::default()), now_ms: 0, wanted }
    }

    /// One second with a reading.
    fn reads(&mut self, reading: Result<MilliC, ProbeFault>) -> Verdict {
        self.now_ms += SECOND;
        self.safety.sample(self.now_ms, reading);
        self.safety.judge(self.now_ms, self.wanted)
    }

    /// `seconds` of water that rises by `milli_per_s`.
    fn warms(&mut self, seconds: u64, milli_per_s: i32) -> Verdict {
        let mut water = self.safety.water().unwrap_or(MilliC(20_000));
        let mut verdict = self.reads(Ok(water));
        for _ in 1..seconds {
            water.0 += milli_per_s;
            verdict = self.reads(Ok(water));
        }
        verdict
    }

    /// `seconds` without any reading.
    fn hears_nothing(&mut self, seconds: u64) -> Verdict {
        self.now_ms += seconds * SECOND;
        self.safety.judge(self.now_ms, self.wanted)
    }
}

#[test]
fn nothing_heats_before_the_first_good_reading() {
    let mut bench = Bench::new();
    assert!(!bench.safety.judge(0, bench.wanted).relay);
    assert!(!bench.reads(Err(ProbeFault::Absent)).relay);
    assert!(!bench.reads(Ok(MilliC(85_000))).relay, "the power-up value is not a reading");
    assert!(bench.reads(Ok(MilliC(20_000))).relay);
}

#[test]
fn three_bad_readings_turn_the_heater_off_and_thirty_seconds_are_a_fault() {
    for bad in [
        Err(ProbeFault::Crc),
        Err(ProbeFault::Absent),
        Ok(MilliC(85_000)),
        Ok(MilliC(-11_000)),
        Ok(MilliC(106_000)),
        Ok(MilliC(200)), // a jump of 20 degrees in a second
    ] {
        let mut bench = Bench::new();
        assert!(bench.warms(10, 50).relay);
        assert!(bench.reads(bad).relay && bench.reads(bad).relay, "{bad:?}: twice is forgiven");
        assert!(!bench.reads(bad).relay, "{bad:?}");
        for _ in 0..29 {
            assert_eq!(bench.reads(bad).fault, None, "{bad:?}");
        }
        assert_eq!(bench.reads(bad).fault, Some(Fault::Sensor), "{bad:?}");
        assert!(!bench.warms(10, 50).relay, "a fault stays until somebody acts");
        bench.safety.clear();
        assert!(bench.warms(10, 50).relay);
    }
}

#[test]
fn new_water_is_believed_while_nothing_heats() {
    let mut bench = Bench::new();
    (bench.wanted.relay, bench.wanted.heating) = (false, false);
    bench.warms(10, 0);
    for _ in 0..10 {
        bench.reads(Ok(MilliC(60_000)));
    }
    assert_eq!(bench.safety.water(), Some(MilliC(60_000)));
}

#[test]
fn a_sensor_that_falls_silent_turns_the_heater_off_in_six_seconds() {
    let mut bench = Bench::new();
    assert!(bench.warms(10, 50).relay);
    assert!(bench.hears_nothing(5).relay);
    assert!(!bench.hears_nothing(1).relay);
    assert_eq!(bench.hears_nothing(30).fault, Some(Fault::Sensor));
}

#[test]
fn a_reading_frozen_under_full_power_is_no_reading() {
    let mut bench = Bench::new();
    assert!(bench.warms(290, 0).relay);
    assert!(!bench.warms(20, 0).relay);
    assert_eq!(bench.warms(30, 0).fault, Some(Fault::Sensor));
}

#[test]
fn two_degrees_above_the_target_is_off_without_a_fault() {
    let mut bench = Bench::new();
    bench.wanted.target = MilliC(21_000);
    assert!(bench.warms(30, 100).relay);
    let verdict = bench.warms(3, 100);
    assert_eq!((verdict.relay, verdict.fault), (false, None));
    assert!(bench.warms(30, -100).relay, "and on again once it is cooler");
}

#[test]
fn the_hottest_water_is_a_fault_only_the_button_clears() {
    let mut bench = Bench::new();
    bench.wanted.target = MilliC(95_000);
    assert!(bench.warms(100, 760).relay);
    assert_eq!(bench.warms(10, 500).fault, Some(Fault::OverTemp));
    bench.warms(100, -500);
    bench.safety.clear();
    assert_eq!(bench.warms(2, 0).fault, Some(Fault::OverTemp));
    bench.safety.local_reset();
    assert_eq!(bench.warms(2, 0).fault, None);
}

#[test]
fn ten_minutes_of_full_power_without_effect_is_a_fault() {
    let mut bench = Bench::new();
    // A drift of 0.04 degrees a minute: the reading is alive, the water stays cold.
    let mut verdict = bench.reads(Ok(MilliC(20_000)));
    for second in 0..610 {
        verdict = bench.reads(Ok(MilliC(20_000 + second % 60)));
    }
    assert_eq!(verdict.fault, Some(Fault::NoHeat));
    let mut slow = Bench::new();
    assert_eq!(slow.warms(3_600, 1).fault, None, "0.6 degrees in ten minutes is an effect");
}

#[test]
fn heating_ends_after_the_longest_cook_and_a_relay_gets_its_break() {
    let mut bench = Bench::new();
    for minute in 0..4 * 60 {
        bench.now_ms = minute * MINUTE;
        let water = 20_000 + i32::try_from(minute).unwrap() * 100;
        assert_eq!(bench.reads(Ok(MilliC(water))).fault, None);
        bench.now_ms = (minute + 1) * MINUTE - SECOND * 4;
        bench.reads(Ok(MilliC(water + 50)));
    }
    bench.now_ms += MINUTE;
    assert_eq!(bench.reads(Ok(MilliC(44_100))).fault, Some(Fault::TooLong));

    let mut bench = Bench::new();
    bench.wanted.relay = false;
    bench.reads(Ok(MilliC(50_000)));
    for hour in 1..76 {
        bench.now_ms = hour * 60 * MINUTE;
        bench.reads(Ok(MilliC(50_000)));
        assert_eq!(bench.reads(Ok(MilliC(50_000))).fault, None);
    }
    bench.now_ms = 76 * 60 * MINUTE;
    bench.reads(Ok(MilliC(50_000)));
    assert_eq!(bench.reads(Ok(MilliC(50_000))).fault, Some(Fault::TooLong));
}

#[test]
fn too_little_water_is_off_at_once() {
    let mut bench = Bench::new();
    assert!(bench.warms(10, 50).relay);
    bench.wanted.low_water = true;
    assert!(!bench.warms(1, 0).relay);
    bench.wanted.low_water = false;
    assert!(bench.warms(1, 0).relay);
}

#[test]
fn the_watchdog_starves_when_the_sensor_or_the_contact_does_not_follow() {
    let mut bench = Bench::new();
    bench.wanted.relay_is_on = Some(true);
    assert!(bench.warms(10, 50).feed_watchdog);
    bench.wanted.relay_is_on = Some(false);
    assert!(!bench.warms(1, 0).feed_watchdog);
    bench.wanted.relay_is_on = Some(true);
    bench.wanted.relay = false;
    assert!(!bench.warms(1, 0).feed_watchdog, "off, but the contact is closed");
    assert_eq!(bench.warms(5, 0).fault, Some(Fault::RelayStuck));
    bench.wanted.relay_is_on = Some(false);
    assert!(bench.warms(1, 0).feed_watchdog, "at rest there is nothing a reset would make safer");
}

proptest! {
    /// Whatever the sensor says and whoever asks: off is always possible, heat never without a
    /// wish, a cook, a cool bath and a recent reading.
    #[test]
    fn the_layer_can_only_switch_off(
        steps in prop::collection::vec(
            (
                0_u64..8_000,
                prop::option::of(-20_000_i32..110_000),
                any::<(bool, bool, bool)>(),
                20_000_i32..95_000,
            ),
            1..200,
        )
    ) {
        let mut safety = Safety::new(Limits::default());
        let mut now_ms = 0;
        let mut last_reading_ms = None;
        for (passed_ms, reading, (relay, heating, low_water), target) in steps {
            now_ms += passed_ms;
            if let Some(water) = reading {
                safety.sample(now_ms, Ok(MilliC(water)));
                last_reading_ms = Some(now_ms);
            }
            let target = MilliC(target);
            let wanted = Wanted { relay, heating, target, low_water, relay_is_on: None };
            let verdict = safety.judge(now_ms, wanted);
            if verdict.relay {
                prop_assert!(relay && heating && !low_water && verdict.fault.is_none());
                prop_assert!(last_reading_ms.is_some_and(|at| now_ms - at <= 20_000));
                let water = safety.water().unwrap();
                prop_assert!(water.above(target) <= 2_000 && water < MilliC(97_500));
            }
        }
    }
}

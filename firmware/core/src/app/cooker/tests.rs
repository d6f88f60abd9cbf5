//! Whole cooks in a simulated bath, and what goes wrong with them.

use super::*;
use crate::bath::Bath;
use crate::safety::ProbeFault;
use std::string::{String, ToString};
use std::{vec, vec::Vec};

/// A cooker in its bath; one step is a second.
struct Kitchen {
    cooker: Cooker,
    bath: Bath,
    second: u64,
    online: bool,
    unix_s: Option<u64>,
    button: bool,
    probe: Option<ProbeFault>,
    flash: Option<Saved>,
    told: Vec<(Topic, String)>,
    relay_s: u64,
}

impl Kitchen {
    fn new() -> Self {
        Self {
            cooker: Cooker::new(CookerConfig::default(), None),
            bath: Bath { power_w: 2_000, ..Bath::default() },
            second: 0,
            online: true,
            unix_s: Some(1_800_000_000),
            button: false,
            probe: None,
            flash: None,
            told: vec![],
            relay_s: 0,
        }
    }

    fn step(&mut self, set: Option<&str>) {
        let inputs = Inputs {
            online: self.online,
            unix_ms: self.unix_s.map(|start| (start + self.second) * 1000),
            set: set.map(str::as_bytes),
            button: self.button,
            probe: Some(self.probe.map_or(Ok(self.bath.water()), Err)),
            ..Inputs::default()
        };
        let outputs = self.cooker.step(self.second * 1000, &inputs);
        self.flash = outputs.save.or(self.flash);
        for message in outputs.messages.iter() {
            assert!(self.online, "nothing is published to nobody");
            self.told.push((message.topic, message.payload.as_str().to_string()));
        }
        self.bath.step(1000, if outputs.relay { PerMille::FULL } else { PerMille::ZERO });
        self.relay_s = if outputs.relay { self.relay_s + 1 } else { 0 };
        self.second += 1;
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.step(None);
        }
    }

    fn until(&mut self, phase: Phase) {
        for _ in 0..20_000 {
            if self.cooker.cook().phase() == phase {
                return;
            }
            self.step(None);
        }
        panic!("never {phase:?}, but {:?}", self.cooker.cook());
    }

    fn events(&self) -> Vec<&str> {
        let events = self.told.iter().filter(|(topic, _)| *topic == Topic::Event);
        events.map(|(_, payload)| payload.as_str()).collect()
    }

    /// The power goes, and comes back after `away_s`.
    fn lose_power(&mut self, away_s: u64) {
        for _ in 0..away_s {
            self.bath.step(1000, PerMille::ZERO);
        }
        self.unix_s = self.unix_s.map(|start| start + self.second + away_s);
        self.second = 0;
        self.cooker = Cooker::new(CookerConfig::default(), self.flash.as_ref());
    }
}

const COOK: &str = r#"{"heating":true,"target_c":58.5,"timer_s":3600}"#;

#[test]
fn a_full_cook_goes_through_every_phase_and_keeps_its_temperature() {
    let mut kitchen = Kitchen::new();
    kitchen.step(Some(COOK));
    kitchen.until(Phase::Cooking);
    kitchen.bath.add_food(800, MilliC(5_000));
    kitchen.until(Phase::Holding);
    assert!(kitchen.bath.water().distance(MilliC(58_500)) < 300, "{:?}", kitchen.bath.water());
    assert_eq!(kitchen.events(), [r#"{"event":"ready"}"#, r#"{"event":"timer_done"}"#]);
    kitchen.step(Some(r#"{"heating":false}"#));
    assert_eq!(kitchen.relay_s, 0);
    let (topic, state) = kitchen.told.last().unwrap();
    assert_eq!(*topic, Topic::State);
    let state: serde_json::Value = serde_json::from_str(state).unwrap();
    assert_eq!((&state["heating"], &state["phase"]), (&false.into(), &"off".into()));
}

#[test]
fn the_state_has_the_contracts_properties_and_decimals() {
    let mut kitchen = Kitchen::new();
    kitchen.bath.pour(MilliC(54_463));
    kitchen.step(Some(r#"{"target_c":54.5,"timer_s":7200}"#));
    let state = concat!(
        r#"{"heating":false,"phase":"idle","target_c":54.5,"timer_s":7200,"#,
        r#""start_mode":"at_temp","at_end":"hold","start":false,"low_water":false,"fault":"none","#,
        r#""water_c":54.46,"remaining_s":7200,"held_s":0,"duty_pct":0}"#
    );
    assert_eq!(kitchen.told, [(Topic::State, state.to_string())]);
}

#[test]
fn a_cook_goes_on_without_the_network_and_its_readings_come_later() {
    let mut kitchen = Kitchen::new();
    kitchen.step(Some(COOK));
    kitchen.until(Phase::Cooking);
    kitchen.online = false;
    let before = kitchen.told.len();
    kitchen.pass(1_800);
    assert_eq!(kitchen.cooker.cook().phase(), Phase::Cooking);
    kitchen.online = true;
    kitchen.pass(60);
    let kept: Vec<u64> = kitchen.told[before..]
        .iter()
        .filter(|told| told.0 == Topic::Telemetry)
        .map(|told| {
            serde_json::from_str::<serde_json::Value>(&told.1).unwrap()["ts"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(kept.len(), 30);
    assert!(kept.windows(2).all(|pair| pair[1] - pair[0] == 60_000));
    assert_eq!(kitchen.told[before].0, Topic::State, "the whole state comes first");
}

#[test]
fn a_short_loss_of_power_resumes_the_cook_where_it_was() {
    let mut kitchen = Kitchen::new();
    kitchen.step(Some(COOK));
    kitchen.until(Phase::Cooking);
    kitchen.pass(600);
    let left_s = kitchen.cooker.cook().remaining_s();
    kitchen.lose_power(300);
    kitchen.pass(5);
    assert_eq!(kitchen.cooker.cook().phase(), Phase::Cooking);
    assert!(kitchen.cooker.cook().remaining_s().abs_diff(left_s) <= 65);
    assert!(kitchen.events().contains(&r#"{"event":"resumed_after_power_loss"}"#));
}

#[test]
fn nobody_is_told_that_the_heat_is_off_before_it_is_known_whether_the_cook_goes_on() {
    let mut kitchen = Kitchen::new();
    kitchen.step(Some(COOK));
    kitchen.until(Phase::Cooking);
    kitchen.lose_power(60);
    let told = kitchen.told.len();
    let start = kitchen.unix_s.take();
    kitchen.pass(20);
    assert!(kitchen.told.len() > told);
    assert!(kitchen.told[told..].iter().all(|told| !told.1.contains("heating")));
    kitchen.unix_s = start;
    kitchen.pass(1);
    assert!(
        kitchen.told.iter().any(|told| told.1.contains(r#"{"heating":true,"phase":"cooking""#))
    );
}

#[test]
fn a_cook_is_not_resumed_when_that_may_be_unsafe() {
    for (what, away_s, clock, water) in [
        ("too long away", 1_900, true, None),
        ("no idea how long", 60, false, None),
        ("too cold", 60, true, Some(MilliC(53_900))),
    ] {
        let mut kitchen = Kitchen::new();
        kitchen.step(Some(COOK));
        kitchen.until(Phase::Cooking);
        kitchen.lose_power(away_s);
        kitchen.unix_s = kitchen.unix_s.filter(|_| clock);
        if let Some(water) = water {
            kitchen.bath.pour(water);
        }
        kitchen.pass(130);
        assert_eq!(kitchen.cooker.cook().phase(), Phase::Idle, "{what}");
        assert_eq!(kitchen.cooker.cook().settings().timer_s, 3_600, "what was asked is kept");
        assert!(
            kitchen.events().contains(&r#"{"event":"not_resumed_after_power_loss"}"#),
            "{what}"
        );
        kitchen.lose_power(1);
        kitchen.pass(5);
        assert!(!kitchen.cooker.cook().phase().is_heating(), "{what}: decided once");
    }
}

#[test]
fn a_dead_sensor_ends_the_cook_and_heat_comes_back_only_when_asked_and_safe() {
    let mut kitchen = Kitchen::new();
    kitchen.step(Some(COOK));
    kitchen.pass(100);
    kitchen.probe = Some(ProbeFault::Absent);
    kitchen.pass(40);
    assert_eq!(kitchen.cooker.cook().phase(), Phase::Error);
    assert_eq!(kitchen.events(), [r#"{"event":"fault","reason":"sensor"}"#]);
    kitchen.step(Some(r#"{"heating":true}"#));
    kitchen.pass(40);
    assert_eq!((kitchen.cooker.cook().phase(), kitchen.relay_s), (Phase::Error, 0));
    kitchen.probe = None;
    kitchen.pass(60);
    assert_eq!((kitchen.cooker.cook().phase(), kitchen.relay_s), (Phase::Error, 0));
    kitchen.step(Some(r#"{"heating":true}"#));
    kitchen.pass(15);
    assert_eq!(kitchen.cooker.cook().phase(), Phase::Preheating);
    assert!(kitchen.relay_s > 0);
}

#[test]
fn a_broken_element_is_found() {
    let mut kitchen = Kitchen::new();
    kitchen.bath.power_w = 0;
    kitchen.bath.pour(MilliC(25_000));
    kitchen.step(Some(COOK));
    kitchen.pass(700);
    assert_eq!(kitchen.cooker.cook().phase(), Phase::Error);
    assert_eq!(kitchen.events(), [r#"{"event":"fault","reason":"no_heating"}"#]);
}

#[test]
fn the_button_stops_heat_and_a_long_press_clears_a_fault() {
    let mut kitchen = Kitchen::new();
    kitchen.step(Some(COOK));
    kitchen.pass(10);
    kitchen.button = true;
    kitchen.pass(2);
    kitchen.button = false;
    kitchen.pass(2);
    assert_eq!(kitchen.cooker.cook().phase(), Phase::Off);
    assert_eq!(kitchen.events(), [r#"{"event":"stopped_by_hand"}"#]);

    kitchen.bath.pour(MilliC(98_000));
    kitchen.cooker.safety.clear();
    kitchen.pass(2);
    assert_eq!(kitchen.cooker.cook().phase(), Phase::Error);
    kitchen.bath.pour(MilliC(90_000));
    kitchen.step(Some(r#"{"heating":false}"#));
    kitchen.pass(2);
    kitchen.step(Some(r#"{"heating":true}"#));
    kitchen.pass(2);
    assert_eq!(kitchen.cooker.cook().phase(), Phase::Error, "nobody has looked yet");
    kitchen.button = true;
    kitchen.pass(5);
    assert_eq!(kitchen.cooker.cook().phase(), Phase::Off);
}

#[test]
fn where_arming_is_wanted_heat_needs_a_hand_on_the_cooker() {
    let mut kitchen = Kitchen::new();
    kitchen.cooker =
        Cooker::new(CookerConfig { arming: Arming::Button, ..CookerConfig::default() }, None);
    kitchen.step(Some(COOK));
    let refused = r#"{"heating":"press the button on the cooker first"}"#;
    assert_eq!(kitchen.told[0], (Topic::Refused, refused.to_string()));
    kitchen.button = true;
    kitchen.pass(2);
    kitchen.button = false;
    kitchen.pass(2);
    kitchen.step(Some(COOK));
    assert!(kitchen.cooker.cook().phase().is_heating());
}

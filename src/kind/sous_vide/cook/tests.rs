//! A cooker's evening, told in messages: which alarms ring, and what is estimated.

use std::sync::Arc;

use super::*;
use crate::model::{Alarm, DeviceId, Name, UserId, Value};

const START_MS: i64 = 1_795_400_000_000;

/// A cooker, what is watched of it, and every alarm that rang or went.
struct Kitchen {
    device: Device,
    cook: Cook,
    connected: bool,
    now_ms: i64,
    rang: Vec<String>,
}

impl Kitchen {
    fn new() -> Self {
        let name: Arc<str> = "Bob's cooker".into();
        let kind: Name = "sous_vide".into();
        let device = Device::new(DeviceId(7), UserId(1), kind, name, None, START_MS);
        Self { device, cook: Cook::default(), connected: true, now_ms: START_MS, rang: Vec::new() }
    }

    fn cooking(target_c: f64, water_c: f64) -> Self {
        let mut kitchen = Self::new();
        kitchen.say("target_c", target_c);
        kitchen.say("phase", "cooking");
        kitchen.say("duty_pct", 30.0);
        kitchen.say("water_c", water_c);
        kitchen
    }

    fn say(&mut self, name: &str, value: impl Into<Value>) {
        self.device.reported.set(name.into(), value.into());
        self.device.last_seen_ms = Some(self.now_ms);
        self.look();
    }

    fn want(&mut self, name: &str, value: impl Into<Value>) {
        self.device.desired.set(name.into(), value.into());
    }

    /// Lets the actor do with the changes what it does.
    fn look(&mut self) {
        for change in self.cook.observe(&self.device, self.connected, self.now_ms) {
            match change {
                AlarmChange::Raise { code, .. } => {
                    assert!(self.device.alarms.iter().all(|alarm| alarm.code != code), "twice");
                    self.rang.push(format!("+{code}"));
                    let since_ms = self.now_ms;
                    self.device.alarms.push(Alarm { code, since_ms, acknowledged_by: None });
                }
                AlarmChange::Clear(code) => {
                    self.rang.push(format!("-{code}"));
                    self.device.alarms.retain(|alarm| alarm.code != code);
                }
            }
        }
    }

    /// Reports the water every five seconds for some minutes, warming by so much a minute.
    fn pass(&mut self, minutes: i64, c_min: f64) {
        for _ in 0..minutes * 12 {
            self.now_ms += 5_000;
            let water_c = self.device.reported.number("water_c").unwrap_or(20.0);
            self.say("water_c", water_c + c_min / 12.0);
        }
    }

    /// Lets minutes pass in silence, looking when the watch asks for it.
    fn silence(&mut self, minutes: i64) {
        let end_ms = self.now_ms + minutes * 60_000;
        while let Some(next_ms) = self.cook.next_check_ms().filter(|next_ms| *next_ms <= end_ms) {
            assert!(next_ms > self.now_ms, "time goes on");
            self.now_ms = next_ms;
            self.look();
        }
        self.now_ms = end_ms;
    }

    fn derived(&self) -> Map<String, Json> {
        self.cook.derived(&self.device, self.now_ms)
    }
}

#[test]
fn a_good_cook_rings_nothing() {
    let mut kitchen = Kitchen::new();
    kitchen.say("target_c", 56.0);
    kitchen.say("phase", "preheating");
    kitchen.say("duty_pct", 100.0);
    kitchen.say("water_c", 20.0);
    kitchen.pass(36, 1.0);
    kitchen.say("phase", "cooking");
    // Cold food goes in, and the bath recovers.
    kitchen.pass(2, -2.0);
    kitchen.pass(8, 0.5);
    kitchen.say("duty_pct", 20.0);
    kitchen.pass(120, 0.0);
    kitchen.say("phase", "done");
    kitchen.say("duty_pct", 0.0);
    kitchen.pass(30, -0.3);
    kitchen.say("phase", "off");
    kitchen.connected = false;
    kitchen.look();
    kitchen.silence(600);
    assert_eq!(kitchen.rang, [] as [&str; 0]);
}

#[test]
fn low_water_rings_once_and_clears_by_itself() {
    let mut kitchen = Kitchen::cooking(56.0, 56.0);
    for low in [true, true, false] {
        kitchen.say("low_water", low);
        kitchen.pass(1, 0.0);
    }
    assert_eq!(kitchen.rang, ["+low_water", "-low_water"]);
}

#[test]
fn over_temp_rings_after_a_minute_and_only_while_rising() {
    let mut kitchen = Kitchen::cooking(56.0, 57.9);
    kitchen.pass(1, 0.5);
    assert_eq!(kitchen.rang, [] as [&str; 0], "too hot for less than a minute");
    kitchen.pass(2, 0.5);
    assert_eq!(kitchen.rang, ["+over_temp"]);
    kitchen.pass(5, -0.5);
    assert_eq!(kitchen.rang, ["+over_temp", "-over_temp"]);

    let mut lowered = Kitchen::cooking(80.0, 80.0);
    lowered.say("target_c", 55.0);
    lowered.pass(20, -0.5);
    assert_eq!(lowered.rang, [] as [&str; 0], "the target was lowered, the water follows");
}

#[test]
fn no_heating_rings_after_five_minutes_of_full_power() {
    let mut kitchen = Kitchen::new();
    kitchen.say("target_c", 56.0);
    kitchen.say("phase", "preheating");
    kitchen.say("duty_pct", 100.0);
    kitchen.say("water_c", 20.0);
    kitchen.pass(4, 0.02);
    assert_eq!(kitchen.rang, [] as [&str; 0]);
    kitchen.pass(2, 0.02);
    assert_eq!(kitchen.rang, ["+no_heating"]);
    kitchen.pass(6, 0.5);
    assert_eq!(kitchen.rang, ["+no_heating", "-no_heating"]);
}

#[test]
fn temp_drop_rings_for_a_bath_that_does_not_recover() {
    let mut kitchen = Kitchen::cooking(56.0, 56.0);
    kitchen.pass(6, -1.0);
    assert_eq!(kitchen.rang, [] as [&str; 0], "it may be cold food");
    kitchen.pass(4, -0.5);
    assert_eq!(kitchen.rang, ["+temp_drop"]);
    kitchen.pass(9, 1.0);
    assert_eq!(kitchen.rang, ["+temp_drop", "-temp_drop"]);
}

#[test]
fn water_found_cold_after_a_power_cut_rings_at_once() {
    let mut kitchen = Kitchen::cooking(56.0, 56.0);
    kitchen.connected = false;
    kitchen.look();
    kitchen.silence(40);
    kitchen.connected = true;
    kitchen.say("water_c", 48.0);
    assert_eq!(kitchen.rang, ["+offline_while_cooking", "+temp_drop", "-offline_while_cooking"]);
}

#[test]
fn a_probe_that_jumps_or_says_nothing_is_a_sensor_fault() {
    let mut kitchen = Kitchen::cooking(56.0, 56.0);
    kitchen.pass(1, 0.0);
    kitchen.now_ms += 5_000;
    kitchen.say("water_c", 85.0);
    assert_eq!(kitchen.rang, ["+sensor_fault"]);
    kitchen.now_ms += 5_000;
    kitchen.say("water_c", 56.0);
    kitchen.pass(2, 0.0);
    assert_eq!(kitchen.rang, ["+sensor_fault", "-sensor_fault"]);

    let mut mute = Kitchen::new();
    mute.say("phase", "preheating");
    mute.silence(1);
    assert_eq!(mute.rang, ["+sensor_fault"]);

    let mut told = Kitchen::cooking(56.0, 56.0);
    told.say("fault", "sensor");
    told.say("phase", "error");
    assert_eq!(told.rang, ["+sensor_fault"], "and no second alarm for the phase");
}

#[test]
fn offline_while_cooking_rings_sixty_seconds_after_the_link_ended() {
    let mut kitchen = Kitchen::cooking(56.0, 56.0);
    kitchen.pass(1, 0.0);
    kitchen.connected = false;
    kitchen.look();
    assert_eq!(kitchen.cook.next_check_ms(), Some(kitchen.now_ms + 60_000));
    kitchen.silence(1);
    assert_eq!(kitchen.rang, ["+offline_while_cooking"]);
    kitchen.connected = true;
    kitchen.look();
    assert_eq!(kitchen.rang, ["+offline_while_cooking", "-offline_while_cooking"]);
}

#[test]
fn food_held_too_cool_for_four_hours_rings_unless_an_expert_cooks() {
    let mut kitchen = Kitchen::cooking(50.0, 50.0);
    kitchen.pass(239, 0.0);
    assert_eq!(kitchen.rang, [] as [&str; 0]);
    kitchen.pass(2, 0.0);
    assert_eq!(kitchen.rang, ["+held_too_cool"]);
    kitchen.want("expert", true);
    kitchen.pass(1, 0.0);
    assert_eq!(kitchen.rang, ["+held_too_cool", "-held_too_cool"]);
}

#[test]
fn the_time_to_temperature_is_shown_while_it_heats() {
    let mut kitchen = Kitchen::new();
    kitchen.say("target_c", 56.0);
    kitchen.say("phase", "preheating");
    kitchen.say("water_c", 20.0);
    assert!(kitchen.derived().is_empty(), "nothing was seen yet");
    kitchen.pass(6, 1.0);
    let eta_s = kitchen.derived().get("eta_s").and_then(Json::as_i64).unwrap_or_default();
    assert!((1700..2300).contains(&eta_s), "30 minutes at 1 °C a minute: {eta_s} s");
    kitchen.pass(30, 1.0);
    assert_eq!(kitchen.derived().get("eta_s"), None, "it is there");
}

#[test]
fn food_is_estimated_from_its_thickness_on_and_kept_when_the_cook_ends() {
    let mut kitchen = Kitchen::cooking(60.0, 60.0);
    kitchen.pass(5, 0.0);
    assert_eq!(kitchen.derived().get("no_estimate"), Some(&"food_mm_unknown".into()));
    kitchen.want("food_mm", 20.0);
    kitchen.pass(70, 0.0);
    let early = kitchen.derived();
    assert_eq!(early.get("pasteurised_estimate"), Some(&false.into()), "{early:?}");
    let at_ms = early.get("pasteurised_at_ms_estimate").and_then(Json::as_i64).unwrap_or(0);
    kitchen.pass(10, 0.0);
    assert!(at_ms < kitchen.now_ms, "78 minutes are promised: {at_ms}");
    kitchen.say("phase", "off");
    kitchen.pass(60, -0.5);
    let after = kitchen.derived();
    assert_eq!(after.get("pasteurised_estimate"), Some(&true.into()), "{after:?}");
    assert!(after.get("core_c_estimate").and_then(Json::as_f64) > Some(59.0), "{after:?}");
    kitchen.say("phase", "cooking");
    kitchen.pass(1, 0.0);
    let next = kitchen.derived();
    assert_eq!(next.get("pasteurised_estimate"), Some(&false.into()), "other food: {next:?}");
}

#[test]
fn what_was_watched_is_small_and_survives_a_restart() {
    let mut kitchen = Kitchen::cooking(60.0, 60.0);
    kitchen.want("food_mm", 20.0);
    kitchen.pass(30, 0.01);
    let bytes = postcard::to_allocvec(&kitchen.cook).unwrap();
    assert!(bytes.len() <= 1024, "{} bytes", bytes.len());
    let heap = 61 * 8 + 40 * 4;
    assert!(size_of::<Cook>() + heap <= 1100, "{}", size_of::<Cook>());
    kitchen.cook = postcard::from_bytes(&bytes).unwrap();
    kitchen.pass(60, 0.0);
    assert_eq!(kitchen.derived().get("pasteurised_estimate"), Some(&true.into()));
    assert_eq!(kitchen.derived().get("unseen_s"), Some(&0.into()));
}

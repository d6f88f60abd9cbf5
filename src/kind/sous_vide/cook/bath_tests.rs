//! The device's own code cooks in a simulated bath: it speaks the kind's language, and what the
//! server makes of it is true.

use std::sync::Arc;

use hearth_device::App;
use hearth_device::app::{Cooker, CookerConfig, Inputs};
use hearth_device::bath::Bath;
use hearth_device::contract::Topic;
use hearth_device::units::{MilliC, PerMille};
use serde_json::{Map, Value as Json, json};

use crate::kind::{AlarmChange, Kind, Kinds, Watch};
use crate::model::{Alarm, Device, DeviceId, UserId};

const START_MS: i64 = 1_795_400_000_000;

/// A cooker in its bath, and the server's side of it.
struct House {
    cooker: Cooker,
    bath: Bath,
    kind: Arc<Kind>,
    device: Device,
    watch: Watch,
    second: u32,
    rang: Vec<String>,
}

impl House {
    fn new(bath: Bath) -> Self {
        let kind = Kinds::load([]).unwrap().get("sous_vide").cloned().unwrap();
        let name = kind.name.clone();
        Self {
            cooker: Cooker::new(CookerConfig::default(), None),
            bath,
            device: Device::new(DeviceId(7), UserId(1), name, "Pot".into(), None, START_MS),
            watch: kind.watch(),
            kind,
            second: 0,
            rang: Vec::new(),
        }
    }

    fn now_ms(&self) -> i64 {
        START_MS + i64::from(self.second) * 1000
    }

    /// A person asks, the server checks, the device is told what differs.
    fn ask(&mut self, desired: &Json) {
        let mut wish = self.kind.wish(desired.as_object().unwrap()).unwrap();
        self.kind.complete(&mut wish, &self.device).unwrap();
        self.device.desired = wish.over(&self.device.desired);
        let told = self.kind.differing(&self.device.desired, &self.device.reported);
        self.step(Some(&serde_json::to_vec(&told).unwrap()));
    }

    fn step(&mut self, set: Option<&[u8]>) {
        let inputs = Inputs {
            online: true,
            unix_ms: u64::try_from(self.now_ms()).ok(),
            set,
            probe: Some(Ok(self.bath.water())),
            ..Inputs::default()
        };
        let outputs = self.cooker.step(u64::from(self.second) * 1000, &inputs);
        for message in outputs.messages.iter().filter(|message| message.topic == Topic::State) {
            let payload = message.payload.as_str();
            let (good, faults) = self.kind.report_bytes(payload.as_bytes()).unwrap();
            assert_eq!(faults, [], "{payload}");
            self.device.reported.merge(&good);
            self.device.last_seen_ms = Some(self.now_ms());
            self.look();
        }
        self.bath.step(1000, if outputs.relay { PerMille::FULL } else { PerMille::ZERO });
        self.second += 1;
    }

    fn look(&mut self) {
        for change in self.watch.observe(&self.device, true, self.now_ms()) {
            match change {
                AlarmChange::Raise { code, .. } => {
                    self.rang.push(format!("+{code}"));
                    let since_ms = self.now_ms();
                    self.device.alarms.push(Alarm { code, since_ms, acknowledged_by: None });
                }
                AlarmChange::Clear(code) => {
                    self.rang.push(format!("-{code}"));
                    self.device.alarms.retain(|alarm| alarm.code != code);
                }
            }
        }
    }

    fn pass(&mut self, seconds: u32) {
        (0..seconds).for_each(|_| self.step(None));
    }

    /// Waits for a phase, and says how many seconds that took.
    fn until(&mut self, phase: &str) -> u32 {
        let from = self.second;
        while self.kind.status(&self.device, true) != phase {
            assert!(self.second - from < 20_000, "never {phase}: {:?}", self.device.reported);
            self.step(None);
        }
        self.second - from
    }

    fn estimates(&self) -> Map<String, Json> {
        self.kind.derived(&self.watch, &self.device, self.now_ms())
    }
}

#[test]
fn a_real_cook_rings_nothing_and_its_estimates_hold() {
    let mut house = House::new(Bath::default());
    house.ask(&json!({"heating": true, "target_c": 60, "timer_s": 7200, "food_mm": 25}));
    house.pass(360);
    let eta_s = house.estimates().get("eta_s").and_then(Json::as_f64).unwrap_or(0.0);
    let took_s = f64::from(house.until("cooking"));
    // The device waits half a minute at the target before it says that it is ready.
    assert!((eta_s - took_s).abs() < 0.1 * took_s + 60.0, "guessed {eta_s}, took {took_s}");
    house.bath.add_food(800, MilliC(5_000));
    house.pass(60);
    let early = house.estimates();
    assert_eq!(early.get("pasteurised_estimate"), Some(&false.into()), "{early:?}");
    house.until("holding");
    let late = house.estimates();
    // Baldwin: 90 minutes; the timer was two hours, the padded model wants 97 minutes and the dip.
    assert_eq!(late.get("pasteurised_estimate"), Some(&true.into()), "{late:?}");
    assert!(late.get("core_c_estimate").and_then(Json::as_f64) > Some(59.5), "{late:?}");
    house.ask(&json!({"heating": false}));
    house.pass(600);
    assert_eq!(house.rang, [] as [&str; 0]);
}

#[test]
fn a_heater_that_broke_rings_and_so_does_the_device_when_it_gives_up() {
    let scale = Bath { power_w: 20, loss_mw_per_k: 0, ..Bath::default() };
    let mut house = House::new(scale);
    house.ask(&json!({"heating": true, "target_c": 60}));
    house.pass(400);
    assert_eq!(house.rang, ["+no_heating"], "{:?}", house.device.reported);
    house.until("error");
    assert_eq!(house.rang, ["+no_heating"], "the same fault in the device's words");
}

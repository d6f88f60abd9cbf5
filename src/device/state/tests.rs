//! One device's whole life, step by step: what is decided, and what is asked of the actor.

use proptest::prelude::*;

use super::*;
use crate::device::DeviceError;
use crate::device::{AlarmStep, Patch, Wishes};
use crate::kind::Kinds;
use crate::model::{Caller, DeviceId, Phase, Via};
use crate::supervision::outbox::outbox;
use crate::supervision::permit::Permits;

mod following;
mod restart;
mod rights;

const LINK: LinkId = LinkId(1);
const IDLE_MS: i64 = 30_000;

/// A device state with everybody around it: a store that answers at once, a link, a listener.
struct Bench {
    state: DeviceState,
    now_ms: i64,
    told: Vec<DeviceEvent>,
    sent: Vec<serde_json::Value>,
    set: Option<u64>,
    store_works: bool,
    stored: Option<(Device, Vec<Command>)>,
    stored_watch: Option<Watch>,
    confirmed: usize,
}

impl Bench {
    fn of(kind: &str) -> Self {
        let kind = Kinds::load([]).unwrap().get(kind).unwrap().clone();
        let (owner, name) = (UserId(1), kind.name.clone());
        let device = Device::new(DeviceId(7), owner, name, "Bob's \"lamp\"".into(), None, 0);
        Self {
            state: DeviceState::new(device, Vec::new(), None, kind, IDLE_MS, 0),
            now_ms: 0,
            told: Vec::new(),
            sent: Vec::new(),
            set: None,
            store_works: true,
            stored: None,
            stored_watch: None,
            confirmed: 0,
        }
    }

    fn act(&mut self, turn: impl FnOnce(&mut DeviceState, i64, &mut Effects)) {
        let mut out = Effects::new();
        turn(&mut self.state, self.now_ms, &mut out);
        self.carry_out(out);
    }

    fn carry_out(&mut self, effects: Effects) {
        for effect in effects {
            match effect {
                DeviceEffect::Tell(event) => self.told.push(event),
                DeviceEffect::Send(ToLink::Set(payload, number)) => {
                    self.sent.push(serde_json::from_slice(&payload).unwrap());
                    self.set = Some(number);
                }
                DeviceEffect::Save { number, device, watch, commands } => {
                    let (safe, rev) = (self.store_works, device.rev);
                    if safe {
                        self.stored = Some((*device, commands));
                        self.stored_watch = Some(watch);
                    }
                    self.act(|state, now, out| state.saved(number, rev, safe, now, out));
                }
                DeviceEffect::Confirm(_) => self.confirmed += 1,
                DeviceEffect::Send(_) | DeviceEffect::Record(_) | DeviceEffect::Retire => {}
            }
        }
    }

    fn connect(&mut self) {
        self.act(|state, now, out| state.attach(LINK, now, out));
        self.act(|state, now, out| state.listens(LINK, true, now, out));
    }

    fn disconnect(&mut self) {
        self.act(|state, now, out| state.link_lost(LINK, now, out));
    }

    fn delivered(&mut self) {
        let number = self.set.take().unwrap();
        self.act(|state, now, out| state.delivered(LINK, number, now, out));
    }

    fn say(&mut self, json: &str) {
        let (props, faults) = self.state.kind.report_bytes(json.as_bytes()).unwrap();
        self.said(Report::State(props, faults), false);
    }

    fn said(&mut self, report: Report, wanted: bool) {
        let permit = Permits::new(1).try_acquire().unwrap();
        let receipt = if wanted {
            Receipt::wanted(permit, 1, outbox(1).0.downgrade())
        } else {
            Receipt::silent(permit)
        };
        self.act(|state, now, out| state.said(LINK, report, receipt, now, out));
    }

    fn refuse(&mut self, name: &str, reason: &str) {
        self.said(Report::Refused(vec![(name.into(), reason.into())]), false);
    }

    fn ask(&mut self, reference: &str, desired: serde_json::Value, ttl_s: Option<u32>) {
        let patch = patch(reference, desired, ttl_s);
        let change = self.state.patch(&patch, self.now_ms).unwrap().unwrap();
        self.act(|state, now, out| state.apply(change, now, out));
    }

    fn later(&mut self, ms: i64) {
        self.now_ms += ms;
        while self.state.next_wake_ms().is_some_and(|at| at <= self.now_ms) {
            let before = self.state.next_wake_ms();
            self.act(DeviceState::wake);
            if self.state.next_wake_ms() == before {
                break;
            }
        }
    }

    fn phases(&self, reference: &str) -> Vec<Phase> {
        let of = |event: &DeviceEvent| {
            let DeviceEvent::Command(moved) = event else { return None };
            (&*moved.reference == reference).then_some(moved.phase)
        };
        self.told.iter().filter_map(of).collect()
    }

    fn desired(&self) -> serde_json::Value {
        serde_json::to_value(&self.state.device.desired).unwrap()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "json! makes it where it is asked")]
fn patch(reference: &str, desired: serde_json::Value, ttl_s: Option<u32>) -> Patch {
    let by = Caller { user: UserId(1), name: "bob".into(), via: Via::Login, from: None };
    Patch {
        by,
        reference: reference.into(),
        if_match: None,
        description: None,
        room: None,
        wishes: Wishes { desired: desired.as_object().cloned(), ..Wishes::default() },
        ttl_s,
    }
}

use serde_json::json;

#[test]
fn a_command_goes_to_the_device_and_ends_when_it_reports_what_was_asked() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.ask("a", json!({"on": true, "brightness": 40}), None);
    assert_eq!(bench.sent, [json!({"on": true, "brightness": 40})]);
    bench.delivered();
    bench.say(r#"{"on":true,"brightness":40}"#);
    assert_eq!(bench.phases("a"), [Phase::Accepted, Phase::Delivered, Phase::Applied]);
}

#[test]
fn a_command_to_an_offline_device_waits_until_it_returns() {
    let mut bench = Bench::of("light");
    bench.ask("a", json!({"on": true}), None);
    bench.later(86_400_000);
    assert!(bench.sent.is_empty());
    bench.connect();
    assert_eq!(bench.sent, [json!({"on": true})]);
}

#[test]
fn what_is_asked_while_a_message_is_on_its_way_goes_out_as_one_newest_message() {
    let mut bench = Bench::of("light");
    bench.connect();
    for level in [10, 20, 30] {
        bench.ask("a", json!({"brightness": level}), None);
    }
    assert_eq!(bench.sent.len(), 1);
    bench.delivered();
    assert_eq!(bench.sent.len(), 2);
    assert_eq!(bench.sent[1]["brightness"], 30);
}

#[test]
fn a_newer_command_for_the_same_property_takes_the_older_ones_place() {
    let mut bench = Bench::of("light");
    bench.ask("a", json!({"brightness": 10}), None);
    bench.ask("b", json!({"brightness": 20}), None);
    assert_eq!(bench.phases("a"), [Phase::Accepted, Phase::Failed]);
    assert_eq!(bench.phases("b"), [Phase::Accepted]);
}

#[test]
fn a_refusal_ends_the_command_and_returns_desired_to_reported() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.say(r#"{"on":true,"brightness":10}"#);
    bench.ask("a", json!({"brightness": 90}), None);
    bench.refuse("brightness", "too hot");
    assert_eq!(bench.phases("a").last(), Some(&Phase::Failed));
    assert_eq!(bench.desired()["brightness"], 10);
}

#[test]
fn a_command_that_is_not_applied_in_time_expires_and_desired_returns() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.say(r#"{"on":false}"#);
    bench.ask("a", json!({"on": true}), Some(5));
    bench.later(4_999);
    assert_eq!(bench.phases("a"), [Phase::Accepted]);
    bench.later(1);
    assert_eq!(bench.phases("a"), [Phase::Accepted, Phase::Expired]);
    assert_eq!(bench.desired()["on"], false);
}

#[test]
fn heat_never_starts_by_itself_late() {
    let mut bench = Bench::of("sous_vide");
    bench.ask("a", json!({"heating": true, "target_c": 60.0}), None);
    bench.later(301_000);
    assert_eq!(bench.phases("a"), [Phase::Accepted, Phase::Expired]);
    bench.connect();
    assert!(bench.sent.iter().all(|set| set.get("heating").is_none()), "{:?}", bench.sent);
}

#[test]
fn a_cook_that_ended_at_the_device_is_not_started_again_when_it_returns() {
    let mut bench = Bench::of("sous_vide");
    bench.connect();
    bench.ask("a", json!({"heating": true, "target_c": 60.0}), None);
    bench.delivered();
    bench.say(r#"{"heating":true,"target_c":60.0}"#);
    bench.disconnect();
    bench.sent.clear();
    bench.connect();
    bench.say(r#"{"heating":false,"target_c":60.0,"phase":"done"}"#);
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert_eq!(bench.desired()["heating"], false);
}

#[test]
fn what_was_asked_before_can_be_asked_again_on_the_same_link() {
    let mut bench = Bench::of("sous_vide");
    bench.connect();
    let heat = || json!({"heating": true});
    bench.ask("a", heat(), None);
    bench.delivered();
    bench.say(r#"{"heating":true}"#);
    bench.say(r#"{"heating":false,"phase":"done"}"#);
    bench.ask("b", heat(), None);
    bench.delivered();
    bench.refuse("heating", "a fault stands");
    bench.ask("c", heat(), Some(5));
    bench.delivered();
    bench.later(5_000);
    bench.delivered();
    bench.ask("d", heat(), None);
    // What was given up is taken back, in case the device would do it yet.
    assert_eq!(bench.sent, [heat(), heat(), heat(), json!({"heating": false}), heat()]);
}

#[test]
fn a_device_that_lost_its_state_gets_back_what_people_wanted() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.ask("a", json!({"on": true}), None);
    bench.delivered();
    bench.say(r#"{"on":true}"#);
    bench.disconnect();
    bench.sent.clear();
    bench.connect();
    bench.say(r#"{"on":false}"#);
    assert_eq!(bench.sent, [json!({"on": true})]);
}

#[test]
fn what_is_changed_at_the_device_itself_is_what_people_want() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.ask("a", json!({"on": true}), None);
    bench.delivered();
    bench.say(r#"{"on":true}"#);
    bench.sent.clear();
    bench.say(r#"{"on":false}"#);
    assert!(bench.sent.is_empty());
    assert_eq!(bench.desired()["on"], false);
}

#[test]
fn a_repeated_report_tells_nobody_and_is_not_written() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.say(r#"{"on":true}"#);
    bench.later(2_000);
    bench.told.clear();
    bench.stored = None;
    bench.say(r#"{"on":true}"#);
    bench.later(2_000);
    assert!(bench.told.is_empty());
    assert!(bench.stored.is_none());
}

#[test]
fn a_report_is_acknowledged_only_when_it_is_stored() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.store_works = false;
    let props: Props = [("on", true)].into_iter().collect();
    bench.said(Report::State(props.clone(), Vec::new()), true);
    assert_eq!(bench.confirmed, 0);
    bench.store_works = true;
    bench.later(1_000);
    assert_eq!(bench.confirmed, 1);
    assert_eq!(bench.stored.unwrap().0.reported, props);
}

#[test]
fn the_end_of_a_command_is_told_only_when_it_is_stored() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.ask("a", json!({"on": true}), None);
    bench.store_works = false;
    bench.say(r#"{"on":true}"#);
    assert_eq!(bench.phases("a"), [Phase::Accepted]);
    bench.store_works = true;
    bench.later(1_000);
    assert_eq!(bench.phases("a"), [Phase::Accepted, Phase::Applied]);
}

#[test]
fn who_switches_off_and_on_again_at_once_ends_with_on() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.say(r#"{"on":true}"#);
    bench.ask("a", json!({"on": false}), None);
    bench.ask("b", json!({"on": true}), None);
    assert_eq!(bench.phases("b"), [Phase::Accepted]);
    bench.delivered();
    assert_eq!(bench.sent, [json!({"on": false}), json!({"on": true})]);
    bench.say(r#"{"on":false}"#);
    bench.delivered();
    bench.say(r#"{"on":true}"#);
    assert_eq!(bench.phases("b"), [Phase::Accepted, Phase::Delivered, Phase::Applied]);
    assert_eq!((bench.desired()["on"].clone(), bench.sent.len()), (json!(true), 2));
}

#[test]
fn what_is_done_of_a_command_is_stored_with_the_device() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.say(r#"{"on":true}"#);
    bench.later(2_000);
    let change = bench.state.patch(&patch("a", json!({"on": true, "brightness": 40}), None), 0);
    let row = change.unwrap().unwrap().rows.remove(0);
    assert_eq!(row.open, [("brightness", 40_i64)].into_iter().collect::<Props>());
    bench.ask("b", json!({"on": false, "brightness": 40}), None);
    bench.say(r#"{"on":false}"#);
    bench.later(2_000);
    let row = bench.stored.unwrap().1.pop().unwrap();
    assert_eq!(row.open, [("brightness", 40_i64)].into_iter().collect::<Props>());
}

#[test]
fn a_write_that_is_tried_again_brings_no_ended_command_back() {
    let mut bench = Bench::of("light");
    bench.connect();
    bench.ask("a", json!({"brightness": 10}), None);
    bench.store_works = false;
    bench.delivered();
    bench.ask("b", json!({"brightness": 20}), None);
    bench.store_works = true;
    bench.later(2_000);
    let rows = bench.stored.unwrap().1;
    assert!(rows.iter().all(|row| &*row.reference != "a"), "{rows:?}");
}

#[test]
fn a_stale_write_is_refused_and_a_report_does_not_make_it_stale() {
    let mut bench = Bench::of("light");
    bench.connect();
    let seen = bench.state.device.rev;
    bench.say(r#"{"on":true}"#);
    let mut write = patch("a", json!({"on": false}), None);
    write.if_match = Some(seen);
    assert!(bench.state.patch(&write, 0).is_ok());
    bench.ask("b", json!({"on": false}), None);
    let rev = bench.state.device.rev;
    assert_eq!(bench.state.patch(&write, 0), Err(DeviceError::Stale { rev }));
}

#[test]
fn no_revision_names_two_states_even_if_the_house_falls_before_it_is_written() {
    let mut bench = Bench::of("light");
    let marked = bench.state.to_mark().unwrap();
    bench.state.marked();
    bench.connect();
    for level in 1..=100 {
        bench.say(&format!(r#"{{"brightness":{level}}}"#));
    }
    let told = bench.state.device.rev;
    let kind = bench.state.kind.clone();
    let next = DeviceState::new(marked, Vec::new(), None, kind, IDLE_MS, 0);
    assert!(next.device.rev >= told, "{} after {told}", next.device.rev);
}

#[test]
fn a_device_with_nothing_in_hand_retires() {
    let mut bench = Bench::of("light");
    bench.connect();
    assert_eq!(bench.state.next_wake_ms(), None);
    bench.disconnect();
    bench.later(2_000);
    bench.now_ms += IDLE_MS;
    let mut out = Effects::new();
    bench.state.wake(bench.now_ms, &mut out);
    assert!(out.iter().any(|effect| matches!(effect, DeviceEffect::Retire)));
}

/// Anything that may happen to a device.
#[derive(Debug, Clone)]
enum Step {
    Connect,
    Disconnect,
    Delivered,
    Ask(u8, bool, u8),
    Say(bool, u8),
    Refuse,
    StoreFails(bool),
    Later(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Connect),
        Just(Step::Disconnect),
        Just(Step::Delivered),
        (any::<u8>(), any::<bool>(), 1..4_u8)
            .prop_map(|(ttl, on, level)| Step::Ask(ttl, on, level)),
        (any::<bool>(), 1..4_u8).prop_map(|(on, level)| Step::Say(on, level)),
        Just(Step::Refuse),
        any::<bool>().prop_map(Step::StoreFails),
        (0..5_000_u16).prop_map(Step::Later),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_command_ends_exactly_once_whatever_happens(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut bench = Bench::of("light");
        let mut asked = 0;
        for step in steps {
            match step {
                Step::Connect => bench.connect(),
                Step::Disconnect => bench.disconnect(),
                Step::Delivered if bench.set.is_some() => bench.delivered(),
                Step::Delivered => {}
                Step::Ask(ttl, on, level) => {
                    asked += 1;
                    let ttl_s = (ttl % 3 == 0).then_some(u32::from(ttl) + 1);
                    let wish = json!({"on": on, "brightness": level});
                    bench.ask(&asked.to_string(), wish, ttl_s);
                }
                Step::Say(on, level) => {
                    bench.say(&format!(r#"{{"on":{on},"brightness":{level}}}"#));
                }
                Step::Refuse => bench.refuse("brightness", "no"),
                Step::StoreFails(fails) => bench.store_works = !fails,
                Step::Later(ms) => bench.later(i64::from(ms)),
            }
        }
        bench.store_works = true;
        bench.later(2_000);
        bench.connect();
        let wanted = bench.state.device.desired.clone();
        bench.said(Report::State(wanted, Vec::new()), false);
        bench.later(2_000);
        for command in 1..=asked {
            let phases = bench.phases(&command.to_string());
            let ends = phases.iter().filter(|phase| phase.is_final()).count();
            prop_assert_eq!(ends, 1, "command {}: {:?}", command, phases);
            prop_assert!(phases.last().is_some_and(|phase| phase.is_final()));
        }
    }
}

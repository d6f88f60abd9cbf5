//! A tab of the simulated town: what the page does with frames.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::session::{TabId, ToTab};
use crate::supervision::Inbox;

/// A tab, and what the person in front of it sees.
pub(super) struct Screen {
    pub(super) id: TabId,
    pub(super) inbox: Inbox<ToTab>,
    pub(super) seq: u64,
    pub(super) devices: BTreeMap<u64, Json>,
    pub(super) ends: BTreeMap<String, usize>,
}

impl Screen {
    /// What the page does with a frame.
    pub(super) fn show(&mut self, frame: &[u8], own: &BTreeSet<u64>) {
        let frame: Json = serde_json::from_slice(frame).unwrap();
        let seq = frame["seq"].as_u64().unwrap();
        let again = seq <= self.seq;
        self.seq = self.seq.max(seq);
        match frame["type"].as_str().unwrap() {
            "snapshot" => {
                let all = frame["devices"].as_array().unwrap().iter();
                self.devices = all.map(|one| (one["id"].as_u64().unwrap(), one.clone())).collect();
            }
            "device" => {
                let id = frame["device"]["id"].as_u64().unwrap();
                self.devices.insert(id, frame["device"].clone());
            }
            "delta" => {
                let id = frame["id"].as_u64().unwrap();
                assert!(own.contains(&id), "a delta of a stranger's device");
                let device = self.devices.get_mut(&id).unwrap();
                device["rev"] = frame["rev"].clone();
                merge(device, &frame["changes"]);
            }
            "command" => {
                let last =
                    matches!(frame["phase"].as_str(), Some("applied" | "failed" | "expired"));
                if last && !again {
                    let reference = frame["ref"].as_str().unwrap().to_owned();
                    *self.ends.entry(reference).or_default() += 1;
                }
            }
            other => panic!("an unexpected frame {other}"),
        }
        assert!(self.devices.keys().all(|id| own.contains(id)), "a stranger's device");
    }
}

fn merge(device: &mut Json, changes: &Json) {
    for (name, value) in changes.as_object().unwrap() {
        match (name.as_str(), value) {
            ("desired" | "reported", Json::Object(members)) => {
                for (member, value) in members {
                    let held = device[name].as_object_mut().unwrap();
                    if value.is_null() {
                        held.remove(member);
                    } else {
                        held.insert(member.clone(), value.clone());
                    }
                }
            }
            ("problem" | "room", Json::Null) => {
                device.as_object_mut().unwrap().remove(name);
            }
            _ => device[name] = value.clone(),
        }
    }
}

//! A device as every interface shows it, and the difference between two such views. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use crate::kind::Kind;
use crate::model::{Alarm, Device, DeviceId, Name, Problem, Props, Role, Value};

/// A device as it is shown. Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Which device.
    pub id: DeviceId,
    /// Its kind's name.
    pub kind: Name,
    /// Counts its changes.
    pub rev: u64,
    /// What people call it.
    pub description: Arc<str>,
    /// Where it stands.
    pub room: Option<Arc<str>>,
    /// Whether its link is open: a fact, never a guess.
    pub connected: bool,
    /// Its last message or the end of its last link.
    pub last_seen: Option<i64>,
    /// One word, made by the kind.
    pub status: Arc<str>,
    /// What people asked for.
    pub desired: Props,
    /// What it last said.
    pub reported: Props,
    /// What is wrong with it.
    pub alarms: Vec<Alarm>,
    /// The last thing it said that could not be understood.
    pub problem: Option<Problem>,
    /// What the kind derives from it: estimates, and the names of the system before Hearth.
    pub extra: Extra,
}

impl View {
    /// Shows `device`.
    #[must_use]
    pub fn of(device: &Device, kind: &Kind, connected: bool, derived: &Extra) -> Self {
        Self {
            id: device.id,
            kind: device.kind.clone(),
            rev: device.rev,
            description: device.description.clone(),
            room: device.room.clone(),
            connected,
            last_seen: device.last_seen_ms,
            status: kind.status(device, connected).into(),
            desired: device.desired.clone(),
            reported: device.reported.clone(),
            alarms: device.alarms.clone(),
            problem: device.problem.clone(),
            extra: extra(device, kind, derived),
        }
    }

    /// The view as a JSON object for somebody who has `role` on it.
    #[must_use]
    pub fn shown_to(&self, role: Role) -> ShownDevice<'_> {
        ShownDevice {
            id: self.id,
            kind: &self.kind,
            description: &self.description,
            room: self.room.as_deref(),
            role,
            connected: self.connected,
            last_seen: self.last_seen,
            status: &self.status,
            rev: self.rev,
            desired: &self.desired,
            reported: &self.reported,
            alarms: self.alarms.iter().map(ShownAlarm::of).collect(),
            problem: self.problem.as_ref().map(|problem| problem.text.as_ref()),
            extra: &self.extra,
        }
    }

    /// The view as JSON text for somebody who has `role` on it.
    #[must_use]
    pub fn to_json(&self, role: Role) -> String {
        serde_json::to_string(&self.shown_to(role)).unwrap_or_default()
    }

    /// Brings the view up to what `device` is now, and says what was different.
    pub fn catch_up(
        &mut self,
        device: &Device,
        kind: &Kind,
        connected: bool,
        derived: &Extra,
    ) -> Changes {
        fn new<T: PartialEq + Clone>(old: &T, now: &T) -> Option<T> {
            (old != now).then(|| now.clone())
        }
        let status = kind.status(device, connected);
        let changes = Changes {
            connected: new(&self.connected, &connected),
            last_seen: new(&self.last_seen, &device.last_seen_ms),
            status: (self.status.as_ref() != status).then(|| status.into()),
            description: new(&self.description, &device.description),
            room: new(&self.room, &device.room),
            desired: difference(&self.desired, &device.desired),
            reported: difference(&self.reported, &device.reported),
            alarms: new(&self.alarms, &device.alarms),
            problem: new(&self.problem, &device.problem),
            extra: extra_difference(&self.extra, &extra(device, kind, derived)),
        };
        self.apply(device.rev, &changes);
        changes
    }

    /// Makes this view what it is after `changes`.
    pub fn apply(&mut self, rev: u64, changes: &Changes) {
        fn take<T: Clone>(slot: &mut T, newer: Option<&T>) {
            if let Some(newer) = newer {
                slot.clone_from(newer);
            }
        }
        self.rev = rev;
        take(&mut self.connected, changes.connected.as_ref());
        take(&mut self.last_seen, changes.last_seen.as_ref());
        take(&mut self.status, changes.status.as_ref());
        take(&mut self.description, changes.description.as_ref());
        take(&mut self.room, changes.room.as_ref());
        take(&mut self.alarms, changes.alarms.as_ref());
        take(&mut self.problem, changes.problem.as_ref());
        for (slot, news) in
            [(&mut self.desired, &changes.desired), (&mut self.reported, &changes.reported)]
        {
            for (name, value) in news {
                match value {
                    Some(value) => drop(slot.set(name.clone(), value.clone())),
                    None => drop(slot.remove(name)),
                }
            }
        }
        for (name, value) in &changes.extra {
            if value.is_null() {
                self.extra.remove(name);
            } else {
                self.extra.insert(name.clone(), value.clone());
            }
        }
    }
}

type Extra = serde_json::Map<String, Json>;

fn extra(device: &Device, kind: &Kind, derived: &Extra) -> Extra {
    let mut extra = Extra::new();
    if let Some(old) = kind.legacy(device) {
        extra.insert("targetTemp".into(), old.target_temp.into());
        extra.insert("time".into(), old.time.into());
        extra.insert("timestamp".into(), old.timestamp.into());
    }
    if !derived.is_empty() {
        extra.insert("estimates".into(), derived.clone().into());
    }
    extra
}

fn extra_difference(old: &Extra, now: &Extra) -> BTreeMap<String, Json> {
    let set = now.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let gone = old.keys().filter(|name| !now.contains_key(*name));
    set.map(|(name, value)| (name.clone(), value.clone()))
        .chain(gone.map(|name| (name.clone(), Json::Null)))
        .collect()
}

fn difference(old: &Props, newer: &Props) -> Vec<(Name, Option<Value>)> {
    let set = newer
        .iter()
        .filter(|(name, value)| old.get(name) != Some(value))
        .map(|(name, value)| (name.clone(), Some(value.clone())));
    let gone = old.iter().filter(|(name, _)| newer.get(name).is_none());
    set.chain(gone.map(|(name, _)| (name.clone(), None))).collect()
}

/// What is different between two views. `null` in JSON: the member is no more.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "each field is the view's field of the same name")]
pub struct Changes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Option<Arc<str>>>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    pub desired: Vec<(Name, Option<Value>)>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    pub reported: Vec<(Name, Option<Value>)>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shown_alarms")]
    pub alarms: Option<Vec<Alarm>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shown_problem")]
    pub problem: Option<Option<Problem>>,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Json>,
}

impl Changes {
    /// Whether nothing is different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn as_object<S: serde::Serializer>(
    members: &[(Name, Option<Value>)],
    out: S,
) -> Result<S::Ok, S::Error> {
    out.collect_map(members.iter().map(|(name, value)| (name.as_ref(), value)))
}

#[expect(clippy::ref_option, reason = "serde hands the field over as it is")]
fn shown_alarms<S: serde::Serializer>(
    alarms: &Option<Vec<Alarm>>,
    out: S,
) -> Result<S::Ok, S::Error> {
    out.collect_seq(alarms.iter().flatten().map(ShownAlarm::of))
}

#[expect(
    clippy::ref_option,
    clippy::option_option,
    reason = "serde hands the field over as it is: unchanged, gone, or new"
)]
fn shown_problem<S: serde::Serializer>(
    problem: &Option<Option<Problem>>,
    out: S,
) -> Result<S::Ok, S::Error> {
    problem.iter().flatten().next().map(|problem| problem.text.as_ref()).serialize(out)
}

/// The JSON object of a device.
#[derive(Debug, Serialize)]
pub struct ShownDevice<'a> {
    id: DeviceId,
    kind: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    role: Role,
    connected: bool,
    last_seen: Option<i64>,
    status: &'a str,
    rev: u64,
    desired: &'a Props,
    reported: &'a Props,
    alarms: Vec<ShownAlarm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
    #[serde(flatten)]
    extra: &'a Extra,
}

#[derive(Debug, Serialize)]
struct ShownAlarm<'a> {
    code: &'a str,
    since: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<&'a str>,
}

impl<'a> ShownAlarm<'a> {
    fn of(alarm: &'a Alarm) -> Self {
        Self {
            code: &alarm.code,
            since: alarm.since_ms,
            acknowledged_by: alarm.acknowledged_by.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kind::Kinds;
    use crate::model::UserId;

    fn light() -> Arc<Kind> {
        Kinds::load([]).unwrap().get("light").unwrap().clone()
    }

    fn device(rev: u64, props: &[(&str, i64)], room: Option<&str>) -> Device {
        let (kind, description) = ("light".into(), "Bob's \"lamp\"".into());
        let mut device =
            Device::new(DeviceId(7), UserId(1), kind, description, room.map(Into::into), 0);
        device.rev = rev;
        device.desired = props.iter().copied().collect();
        device.reported = props.iter().rev().take(1).copied().collect();
        device.last_seen_ms = (rev > 3).then_some(5);
        device
    }

    fn any_device() -> impl Strategy<Value = Device> {
        let name = prop_oneof![Just("brightness"), Just("hue"), Just("saturation")];
        let props = prop::collection::vec((name, 0..3_i64), 0..4);
        let room = prop::option::of(prop_oneof![Just("Kitchen"), Just("Hall")]);
        (0..9_u64, props, room).prop_map(|(rev, props, room)| device(rev, &props, room))
    }

    proptest! {
        #[test]
        fn changes_lead_a_watcher_from_one_view_to_the_other(
            old in any_device(), now in any_device(), connected: bool,
        ) {
            let (kind, none) = (light(), Extra::new());
            let mut shown = View::of(&old, &kind, false, &none);
            let mut watched = shown.clone();
            let changes = shown.catch_up(&now, &kind, connected, &none);
            watched.apply(now.rev, &changes);
            prop_assert_eq!(&shown, &View::of(&now, &kind, connected, &none));
            prop_assert_eq!(&watched, &shown);
            prop_assert!(shown.catch_up(&now, &kind, connected, &none).is_empty());
        }
    }

    #[test]
    fn a_change_shows_only_what_is_different_and_null_for_what_is_gone() {
        let (kind, none) = (light(), Extra::new());
        let old = device(2, &[("brightness", 1), ("hue", 3)], Some("Kitchen"));
        let mut shown = View::of(&old, &kind, false, &none);
        let changes = shown.catch_up(&device(2, &[("brightness", 2)], None), &kind, false, &none);
        assert_eq!(
            serde_json::to_value(changes).unwrap(),
            serde_json::json!({
                "room": null,
                "desired": {"brightness": 2, "hue": null},
                "reported": {"brightness": 2, "hue": null},
            })
        );
    }
}

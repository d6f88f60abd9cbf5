//! The JSON frames between a session and its tabs. Pure.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::device::view::ShownDevice;
use crate::device::{AlarmMoved, AlarmStep, Changed, CommandMoved};
use crate::kind::FieldError;
use crate::model::command::{REF_CHARS_MAX, TTL_S_MAX};
use crate::model::{DeviceId, Name, Props};

use super::SessionError;

/// What a tab may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Change what is desired of a device.
    Set {
        /// The tab's name for the command.
        #[serde(rename = "ref", default)]
        reference: Arc<str>,
        /// Which device.
        device: u64,
        /// The properties and their values.
        desired: Map<String, Json>,
        /// Seconds after which the command is given up.
        #[serde(default)]
        ttl_s: Option<u32>,
    },
    /// Send what was missed since the frame with this number.
    Resume {
        /// The last `seq` that the tab saw.
        since: u64,
    },
    /// Are you there?
    Ping {
        /// Given back in the `pong`.
        #[serde(rename = "ref", default)]
        reference: Option<Arc<str>>,
    },
}

impl Request {
    /// The tab's name for it, if it gave one.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match self {
            Self::Set { reference, .. } => Some(&**reference).filter(|text| !text.is_empty()),
            Self::Ping { reference } => reference.as_deref(),
            Self::Resume { .. } => None,
        }
    }
}

/// Reads a frame from a tab.
///
/// # Errors
/// The `error` frame to answer with.
pub fn read(text: &[u8]) -> Result<Request, Bytes> {
    let request: Request = serde_json::from_slice(text).map_err(|fault| {
        let reference = serde_json::from_slice::<Json>(text)
            .ok()
            .and_then(|frame| frame.get("ref")?.as_str().map(ToOwned::to_owned));
        error(reference.as_deref(), "invalid", &fault.to_string(), &[])
    })?;
    match &request {
        Request::Set { reference, .. } if reference.chars().count() > REF_CHARS_MAX => {
            let text = format!("ref is longer than {REF_CHARS_MAX} characters");
            Err(error(None, "invalid", &text, &[]))
        }
        Request::Set { reference, ttl_s: Some(ttl_s), .. } if !(1..=TTL_S_MAX).contains(ttl_s) => {
            let text = format!("ttl_s is 1 to {TTL_S_MAX}");
            Err(error(Some(reference), "invalid", &text, &[]))
        }
        Request::Set { .. } | Request::Resume { .. } | Request::Ping { .. } => Ok(request),
    }
}

/// Everything, to begin with.
#[must_use]
pub fn snapshot<'a>(
    seq: u64,
    devices: impl Iterator<Item = ShownDevice<'a>>,
    server_time: i64,
) -> Bytes {
    #[derive(Serialize)]
    struct Snapshot<'a> {
        r#type: &'static str,
        seq: u64,
        server_time: i64,
        devices: Vec<ShownDevice<'a>>,
    }
    text(&Snapshot { r#type: "snapshot", seq, server_time, devices: devices.collect() })
}

/// A device that was added, or replaces what the tab knew of it.
#[must_use]
pub fn device(seq: u64, shown: &ShownDevice<'_>) -> Bytes {
    #[derive(Serialize)]
    struct Frame<'a> {
        r#type: &'static str,
        seq: u64,
        device: &'a ShownDevice<'a>,
    }
    text(&Frame { r#type: "device", seq, device: shown })
}

/// What is different about a device. The change brings its own JSON, made once for all watchers.
#[must_use]
pub fn delta(seq: u64, changed: &Changed) -> Bytes {
    let (Changed { id, rev, .. }, json) = (changed, changed.json());
    format!(r#"{{"type":"delta","seq":{seq},"id":{id},"rev":{rev},"changes":{json}}}"#).into()
}

/// A device that is no more, or no longer the user's to see.
#[must_use]
pub fn removed(seq: u64, id: DeviceId) -> Bytes {
    format!(r#"{{"type":"removed","seq":{seq},"id":{id}}}"#).into()
}

/// A step of a command.
#[must_use]
pub fn command(seq: u64, moved: &CommandMoved) -> Bytes {
    #[derive(Serialize)]
    struct Frame<'a> {
        r#type: &'static str,
        seq: u64,
        r#ref: &'a str,
        id: DeviceId,
        phase: crate::model::Phase,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        late_s: Option<i64>,
    }
    text(&Frame {
        r#type: "command",
        seq,
        r#ref: &moved.reference,
        id: moved.id,
        phase: moved.phase,
        reason: moved.reason.as_deref(),
        late_s: moved.late_s,
    })
}

/// A step of an alarm.
#[must_use]
pub fn alarm(seq: u64, moved: &AlarmMoved) -> Bytes {
    #[derive(Serialize)]
    struct Frame<'a> {
        r#type: &'static str,
        seq: u64,
        id: DeviceId,
        code: &'a str,
        state: &'static str,
        since: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        late_s: Option<i64>,
    }
    let (state, by) = match &moved.step {
        AlarmStep::Raised => ("raised", None),
        AlarmStep::Acknowledged(by) => ("acknowledged", Some(&**by)),
        AlarmStep::Cleared => ("cleared", None),
    };
    let AlarmMoved { id, code, since_ms: since, late_s, .. } = moved;
    let (id, since, late_s) = (*id, *since, *late_s);
    text(&Frame { r#type: "alarm", seq, id, code, state, since, by, late_s })
}

/// Something happened at a device, in its own words.
#[must_use]
pub fn event(seq: u64, id: DeviceId, name: &Name, props: &Props) -> Bytes {
    text(&json!({"type": "event", "seq": seq, "id": id, "event": name.as_ref(), "data": props}))
}

/// What was wrong with a request.
#[must_use]
pub fn error(reference: Option<&str>, code: &str, message: &str, faults: &[FieldError]) -> Bytes {
    let mut frame = json!({"type": "error", "code": code, "message": message});
    if let (Some(frame), Some(reference)) = (frame.as_object_mut(), reference) {
        frame.insert("ref".into(), reference.into());
    }
    if let (Some(frame), false) = (frame.as_object_mut(), faults.is_empty()) {
        frame.insert("errors".into(), json!(faults));
    }
    text(&frame)
}

/// Why a request of a tab was not done.
#[must_use]
pub fn refusal(reference: &str, refused: &SessionError) -> Bytes {
    let faults: &[FieldError] =
        if let SessionError::Invalid(faults) = refused { faults } else { &[] };
    let reference = (!reference.is_empty()).then_some(reference);
    error(reference, refused.code(), &refused.to_string(), faults)
}

/// Here I am.
#[must_use]
pub fn pong(reference: Option<&str>, server_time: i64) -> Bytes {
    let mut frame = json!({"type": "pong", "server_time": server_time});
    if let (Some(frame), Some(reference)) = (frame.as_object_mut(), reference) {
        frame.insert("ref".into(), reference.into());
    }
    text(&frame)
}

/// Asked too fast: come back in so many seconds.
#[must_use]
pub fn too_many(reference: Option<&str>, retry_after_s: u64) -> Bytes {
    let mut frame = json!({"type": "error", "code": "too_many_requests", "message": "try later",
        "retry_after_s": retry_after_s});
    if let (Some(frame), Some(reference)) = (frame.as_object_mut(), reference) {
        frame.insert("ref".into(), reference.into());
    }
    text(&frame)
}

/// The house closes; come back later.
#[must_use]
pub fn bye(reconnect_in_ms: u64) -> Bytes {
    format!(r#"{{"type":"bye","reconnect_in_ms":{reconnect_in_ms}}}"#).into()
}

fn text(frame: &impl Serialize) -> Bytes {
    // Nothing here has keys that are no text, the only thing that could fail.
    serde_json::to_vec(frame).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_with_its_ref_and_time_to_live() {
        let text = br#"{"type":"set","ref":"r1","device":7,"desired":{"on":true},"ttl_s":5}"#;
        let Ok(Request::Set { reference, device, desired, ttl_s }) = read(text) else {
            panic!("not a set")
        };
        assert_eq!((&*reference, device, ttl_s), ("r1", 7, Some(5)));
        assert_eq!(desired.get("on"), Some(&Json::Bool(true)));
    }

    #[test]
    fn a_frame_that_is_no_request_is_answered_with_its_ref() {
        for bad in [
            r#"{"type":"set","ref":"r1","device":7,"desired":{},"colour":"red"}"#,
            r#"{"type":"set","ref":"r1","device":-7,"desired":{}}"#,
            r#"{"type":"dance","ref":"r1"}"#,
        ] {
            let answer: Json = serde_json::from_slice(&read(bad.as_bytes()).unwrap_err()).unwrap();
            assert_eq!(answer["ref"], "r1", "{bad}");
            assert_eq!(answer["code"], "invalid", "{bad}");
        }
        assert!(read(b"\xff not json").is_err());
    }
}

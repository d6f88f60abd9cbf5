//! The native contract: what a device's topics and payloads mean. Pure.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::device::Report;
use crate::kind::Kind;
use crate::model::{Name, Props, Value};

/// The topic on which a device hears what is desired, below its own prefix.
pub const SET: &str = "set";

/// Longest name of an event, in characters.
const EVENT_CHARS_MAX: usize = 64;

/// Most members that an event may have beside its name.
const EVENT_MEMBERS_MAX: usize = 16;

/// Longest reason that a device may give for a refusal, in characters.
const REASON_CHARS_MAX: usize = 200;

/// The topics of a device begin with this.
#[must_use]
pub fn prefix(id: crate::model::DeviceId) -> String {
    format!("devices/{id}/")
}

/// Reads what a device said on the topic `leaf` below its prefix.
///
/// What is not the contract's is [`Report::Garbage`], with words for the owner.
#[must_use]
pub fn read(kind: &Kind, leaf: &str, payload: &[u8]) -> Report {
    let report = match leaf {
        "state" => match kind.report_bytes(payload) {
            Ok((props, faults)) => Ok(Report::State(props, faults)),
            Err(malformed) => Err(malformed.to_string()),
        },
        "telemetry" => telemetry(kind, payload),
        "refused" => refused(kind, payload),
        "event" => event(payload),
        SET => Err("is the server's to publish on".into()),
        _ => Err("is no topic of the contract".into()),
    };
    report.unwrap_or_else(|fault| Report::Garbage(format!("{}: {fault}", shown(leaf)).into()))
}

/// Enough of a topic to know it again.
fn shown(leaf: &str) -> String {
    leaf.chars().take(40).collect()
}

fn object(payload: &[u8]) -> Result<Map<String, Json>, String> {
    if payload.len() > crate::kind::REPORT_BYTES_MAX {
        return Err(format!("more than {} bytes", crate::kind::REPORT_BYTES_MAX));
    }
    serde_json::from_slice(payload).map_err(|fault| format!("not a JSON object: {fault}"))
}

fn telemetry(kind: &Kind, payload: &[u8]) -> Result<Report, String> {
    let mut members = object(payload)?;
    let at_ms = match members.remove("ts") {
        None => None,
        Some(ts) => Some(ts.as_i64().ok_or("ts is no integer of milliseconds")?),
    };
    let (props, faults) = kind.report(&members);
    Ok(Report::Telemetry(props, at_ms, faults))
}

fn refused(kind: &Kind, payload: &[u8]) -> Result<Report, String> {
    let mut refused: Vec<(Name, Arc<str>)> = Vec::new();
    for (name, reason) in object(payload)? {
        let Some(name) = kind.name_of(&name) else {
            return Err(format!("{} is no property of a {}", shown(&name), kind.name));
        };
        let reason = reason.as_str().map_or_else(|| reason.to_string(), ToOwned::to_owned);
        let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
        refused.push((name, reason.into()));
    }
    Ok(Report::Refused(refused))
}

fn event(payload: &[u8]) -> Result<Report, String> {
    let mut members = object(payload)?;
    let Some(Json::String(name)) = members.remove("event") else {
        return Err("has no text \"event\"".into());
    };
    if name.chars().count() > EVENT_CHARS_MAX || members.len() > EVENT_MEMBERS_MAX {
        return Err("is too large".into());
    }
    let mut props = Props::new();
    for (member, value) in members {
        let value = serde_json::from_value::<Value>(value)
            .map_err(|_| format!("{} is no plain value", shown(&member)))?;
        props.set(member.into(), value);
    }
    Ok(Report::Event(name.into(), props))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kinds;

    fn light() -> Arc<Kind> {
        Kinds::load([]).unwrap().get("light").unwrap().clone()
    }

    fn garbage(leaf: &str, payload: &str) -> String {
        let report = read(&light(), leaf, payload.as_bytes());
        let Report::Garbage(text) = report else { panic!("{leaf} {payload}: {report:?}") };
        text.to_string()
    }

    #[test]
    fn a_state_is_read_by_the_kinds_schema() {
        let report = read(&light(), "state", br#"{"on":true,"brightness":40,"colour":"red"}"#);
        let Report::State(props, faults) = report else { panic!("{report:?}") };
        assert_eq!(props.truth("on"), Some(true));
        assert_eq!(props.number("brightness"), Some(40.0));
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn telemetry_may_bring_its_own_time() {
        let kind = Kinds::load([]).unwrap().get("thermometer").unwrap().clone();
        let report = read(&kind, "telemetry", br#"{"temperature_c":21.5,"ts":1795400000123}"#);
        let Report::Telemetry(props, at_ms, faults) = report else { panic!("{report:?}") };
        assert_eq!(props.number("temperature_c"), Some(21.5));
        assert_eq!((at_ms, faults.len()), (Some(1_795_400_000_123), 0));
    }

    #[test]
    fn a_refusal_names_properties_and_reasons() {
        let report = read(&light(), "refused", br#"{"brightness":"lamp is broken"}"#);
        assert_eq!(report, Report::Refused(vec![("brightness".into(), "lamp is broken".into())]));
    }

    #[test]
    fn an_event_has_a_name_and_plain_members() {
        let report = read(&light(), "event", br#"{"event":"button","count":2}"#);
        let props = [("count", 2_i64)].into_iter().collect();
        assert_eq!(report, Report::Event("button".into(), props));
    }

    #[test]
    fn what_is_not_the_contracts_says_what_is_wrong() {
        assert!(garbage("state", "[1]").starts_with("state: "));
        assert!(garbage("state", "{").starts_with("state: "));
        assert!(garbage("telemetry", r#"{"ts":"noon"}"#).contains("ts"));
        assert!(garbage("refused", r#"{"colour":"no"}"#).contains("colour"));
        assert!(garbage("event", "{}").contains("event"));
        assert!(garbage("event", r#"{"event":"x","deep":{"a":1}}"#).contains("deep"));
        assert!(garbage("set", "{}").contains("server"));
        assert!(garbage("other", "{}").contains("other"));
    }
}

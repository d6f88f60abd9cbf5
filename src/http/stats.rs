//! Totals: a person's, and the fleet's.

#![expect(
    clippy::missing_errors_doc,
    reason = "a handler's errors are its responses, which the OpenAPI document lists"
)]

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue, json};

use crate::kind::Property;
use crate::model::{DeviceId, Role};
use crate::observe::metrics;
use crate::session::SessionMsg;
use crate::stats::energy::Measure;
use crate::stats::{Query as Question, Resolution};
use crate::store::{PAGE_ROWS_MAX, accounts, devices};

use super::auth::asker::Asker;
use super::auth::caller::Administrator;
use super::auth::store_fault;
use super::error::{Problem, Query};
use super::history::span;
use super::{Floor, HttpFloor};

/// The time of which energy is told, if nothing is said.
const DAY_MS: i64 = 86_400_000;

/// Points out of which a device's energy is added up: a minute each, for a day.
const POINTS: usize = 1_440;

/// Of which time energy is to be told, in Unix milliseconds; the last day, if not said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    from: Option<i64>,
    to: Option<i64>,
}

/// How many devices, and of these how many with an open link.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Count {
    total: u64,
    online: u64,
}

/// What the caller's session says of a device, as far as it counts here.
#[derive(Deserialize)]
struct Seen {
    id: DeviceId,
    kind: String,
    role: Role,
    connected: bool,
    reported: Map<String, JsonValue>,
    alarms: Vec<JsonValue>,
}

/// A device's energy.
#[derive(Debug, Serialize)]
struct Consumption {
    id: DeviceId,
    /// What it takes now; none while nobody hears it, or if it never says.
    power_w: Option<f64>,
    /// What it took in the time asked for.
    energy_kwh: f64,
}

/// The caller's totals: devices by kind, who is online, messages since the server started, and
/// the energy of what measures power or energy, between `from` and `to`.
#[utoipa::path(get, path = "/stats", tag = "stats",
    params(("from" = Option<i64>, Query), ("to" = Option<i64>, Query)),
    responses((status = 200, description = "Totals of the caller's devices"),
        (status = 422, body = Problem)))]
pub async fn mine(
    State(floor): Floor,
    who: Asker,
    Query(asked): Query<Asked>,
) -> Result<Json<JsonValue>, Problem> {
    let (from_ms, to_ms) = span(asked.from, asked.to, DAY_MS)?;
    let list = who.ask(&floor, SessionMsg::List).await?;
    let seen: Vec<Seen> = serde_json::from_str(&list).unwrap_or_default();
    let mut by_kind: BTreeMap<&str, Count> = BTreeMap::new();
    let (mut all, mut alarms, mut shared) = (Count::default(), 0, 0);
    for device in &seen {
        for count in [&mut all, by_kind.entry(&device.kind).or_default()] {
            count.total += 1;
            count.online += u64::from(device.connected);
        }
        alarms += device.alarms.len();
        shared += usize::from(device.role != Role::Owner);
    }
    let mut energy = Vec::new();
    for device in &seen {
        energy.extend(energy_of(&floor, device, from_ms, to_ms).await?);
    }
    // Messages are counted by person: a token for some devices only isn't told of the others'.
    let messages = who.scope.devices.is_none().then(|| {
        let tally = floor.devices.tally(who.caller.user);
        json!({"received": tally.received(), "sent": tally.sent()})
    });
    Ok(Json(json!({
        "from": from_ms,
        "to": to_ms,
        "devices": {
            "total": all.total, "online": all.online, "shared": shared, "alarms": alarms,
            "by_kind": by_kind,
        },
        "messages": messages,
        "energy": {
            "power_w": energy.iter().filter_map(|device| device.power_w).sum::<f64>(),
            "energy_kwh": energy.iter().map(|device| device.energy_kwh).sum::<f64>(),
            "devices": energy,
        },
    })))
}

/// The energy of a device whose kind measures any. What it has a meter for is counted by that.
async fn energy_of(
    floor: &HttpFloor,
    device: &Seen,
    from_ms: i64,
    to_ms: i64,
) -> Result<Option<Consumption>, Problem> {
    let Some(kind) = floor.devices.kinds().get(&device.kind) else { return Ok(None) };
    let measure = |property: &Property| Measure::of_unit(property.unit.as_deref()?);
    let measured = kind.properties.iter().filter(|property| property.history);
    let measured: Vec<(&Property, Measure)> =
        measured.filter_map(|property| Some((property, measure(property)?))).collect();
    if measured.is_empty() {
        return Ok(None);
    }
    let is_meter = |measure: &Measure| matches!(measure, Measure::Meter(_));
    let metered = measured.iter().any(|(_, measure)| is_meter(measure));
    let (mut power_w, mut energy_kwh) = (None, 0.0);
    for (property, measure) in measured {
        if let Measure::Power(watts) = measure
            && let Some(now) = device.reported.get(&*property.name).and_then(JsonValue::as_f64)
            && device.connected
        {
            *power_w.get_or_insert(0.0) += now * watts;
        }
        if metered && !is_meter(&measure) {
            continue;
        }
        let question = Question {
            device: device.id.0,
            property: property.name.clone(),
            retention: floor.stats.retention_of(&kind.name),
            from_ms,
            to_ms,
            resolution: Resolution::Auto { points: POINTS },
        };
        let history = floor.stats.query(question).await?;
        energy_kwh += measure.watt_hours(&history, to_ms) / 1e3;
    }
    Ok(Some(Consumption { id: device.id, power_w, energy_kwh }))
}

/// The fleet's totals: people, devices by kind, connections, messages, history and store.
#[utoipa::path(get, path = "/admin/stats", tag = "admin",
    responses((status = 200, description = "Totals of the whole house"), (status = 403)))]
pub async fn fleet(State(floor): Floor, _who: Administrator) -> Result<Json<JsonValue>, Problem> {
    let (users, admins) = count_users(&floor).await?;
    let by_kind = count_devices(&floor).await?;
    let metrics = metrics();
    let (store, history) = (floor.store.figures(), floor.stats.totals());
    Ok(Json(json!({
        "users": {"total": users, "admins": admins},
        "devices": {
            "total": by_kind.values().sum::<u64>(),
            "online": metrics.devices_online.get(),
            "live": floor.devices.directory().len(),
            "by_kind": by_kind,
        },
        "sessions": floor.sessions.directory().len(),
        "tabs": metrics.tabs.get(),
        "links": metrics.mqtt_links.get(),
        "messages": {
            "received": metrics.mqtt_received.get(),
            "sent": metrics.mqtt_sent.get(),
            "dropped": metrics.mqtt_dropped_contract.get() + metrics.mqtt_dropped_queue.get(),
        },
        "commands": {"failed": metrics.commands_failed.get()},
        "history": history,
        "store": {
            "writes": store.writes, "refused": store.refused, "queue_bytes": store.queue_bytes,
            "broken": store.broken,
        },
    })))
}

/// Goes through all accounts, a page at a time, and lets others run in between.
async fn count_users(floor: &HttpFloor) -> Result<(u64, u64), Problem> {
    let (mut users, mut admins, mut after) = (0, 0, None);
    loop {
        let page = accounts::users(&floor.store, after, PAGE_ROWS_MAX).map_err(store_fault)?;
        let Some(last) = page.last() else { return Ok((users, admins)) };
        after = Some(last.id);
        users += page.len() as u64;
        admins += page.iter().filter(|user| user.admin).count() as u64;
        tokio::task::yield_now().await;
    }
}

async fn count_devices(floor: &HttpFloor) -> Result<BTreeMap<String, u64>, Problem> {
    let (mut by_kind, mut after) = (BTreeMap::new(), None);
    loop {
        let page = devices::list(&floor.store, after, PAGE_ROWS_MAX).map_err(store_fault)?;
        let Some(last) = page.last() else { return Ok(by_kind) };
        after = Some(last.id);
        for device in &page {
            match by_kind.get_mut(&*device.kind) {
                Some(count) => *count += 1,
                None => drop(by_kind.insert(device.kind.to_string(), 1)),
            }
        }
        tokio::task::yield_now().await;
    }
}

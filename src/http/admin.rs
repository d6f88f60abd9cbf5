//! The house, as its administrator sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value as JsonValue, json};

use crate::devices::Devices;
use crate::observe::{log_tail, metrics};
use crate::sessions::Sessions;
use crate::spaces::Spaces;
use crate::supervision::{ChildInfo, ChildStatus, RoomView, Roster};

use super::Floor;
use super::auth::caller::Administrator;

/// Children of a family that are listed at most, the troubled ones first.
const LISTED_MAX: usize = 200;

/// Shows the house. Cheap to clone.
#[derive(Clone, Default)]
pub struct HouseView {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    open: AtomicBool,
    root: OnceLock<Roster>,
    rooms: OnceLock<Vec<(&'static str, RoomView)>>,
    families: OnceLock<(Devices, Spaces, Sessions)>,
}

impl HouseView {
    /// The house stands: its rooms, and the families in them.
    pub fn stands(&self, root: Roster, rooms: Vec<(&'static str, RoomView)>) {
        drop(self.inner.root.set(root));
        drop(self.inner.rooms.set(rooms));
        self.inner.open.store(true, Ordering::Release);
    }

    /// The families whose actors are shown.
    pub fn houses(&self, devices: Devices, spaces: Spaces, sessions: Sessions) {
        drop(self.inner.families.set((devices, spaces, sessions)));
    }

    /// The doors close.
    pub fn closes(&self) {
        self.inner.open.store(false, Ordering::Release);
    }

    /// Whether every door is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.inner.open.load(Ordering::Acquire)
    }

    fn tree(&self) -> Vec<JsonValue> {
        let children = |parent: &'static str, roster: &Roster| {
            roster.snapshot().into_iter().map(move |child| shown(parent, &child))
        };
        let root = self.inner.root.get().into_iter().flat_map(|roster| children("hearth", roster));
        let rooms = self.inner.rooms.get().into_iter().flatten();
        let rooms = rooms.flat_map(|(name, view)| children(name, &view.roster()));
        let mut tree: Vec<JsonValue> = root.chain(rooms).collect();
        if let Some((devices, spaces, sessions)) = self.inner.families.get() {
            tree.extend(family("devices", devices.directory().snapshot()));
            tree.extend(family("spaces", spaces.snapshot()));
            tree.extend(family("sessions", sessions.directory().snapshot()));
        }
        tree
    }
}

fn family<K: ToString>(parent: &str, mut children: Vec<ChildInfo<K>>) -> Vec<JsonValue> {
    children.sort_by_key(|child| child.status == ChildStatus::Running);
    children.iter().take(LISTED_MAX).map(|child| shown(parent, child)).collect()
}

fn shown<K: ToString>(parent: &str, child: &ChildInfo<K>) -> JsonValue {
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Status {
        Running,
        BackingOff,
        Quarantined,
    }
    let status = match child.status {
        ChildStatus::Running => Status::Running,
        ChildStatus::BackingOff => Status::BackingOff,
        ChildStatus::Quarantined => Status::Quarantined,
    };
    json!({
        "parent": parent,
        "name": child.key.to_string(),
        "status": status,
        "restarts": child.restarts,
        "last_fault": child.last_fault,
        "since_ms_ago": Instant::now().duration_since(child.since).as_millis(),
    })
}

/// The supervision tree: every room, and the actors of every family.
#[utoipa::path(get, path = "/admin/tree", tag = "admin", responses((status = 200), (status = 403)))]
pub async fn tree(State(floor): Floor, _who: Administrator) -> Json<JsonValue> {
    let (devices, sessions) = (floor.devices.directory().len(), floor.sessions.directory().len());
    let log: Vec<_> = log_tail()
        .into_iter()
        .map(|line| json!({"at": line.at_ms, "level": line.level, "message": line.text}))
        .collect();
    Json(json!({
        "children": floor.house.tree(),
        "counts": {
            "devices": devices,
            "sessions": sessions,
            "tabs": metrics().tabs.get(),
            "links": metrics().mqtt_links.get(),
        },
        "log": log,
    }))
}

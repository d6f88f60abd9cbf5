//! What homes announce: the family of discovery actors, and the scout who starts them.

use std::sync::Arc;

use crate::config::Config;
use crate::devices::Devices;
use crate::discovery::{self, DiscoveryFloor, Homes, scout};
use crate::model::UserId;
use crate::sessions::Sessions;
use crate::spaces::Spaces;
use crate::store::Store;
use crate::supervision::{ChildSpec, Tasks};

use super::{doors, family};

/// The discovery actors, on the floors below them.
pub(super) fn open(
    config: &Config,
    (devices, spaces, sessions): (&Devices, &Spaces, &Sessions),
    store: &Store,
) -> Homes {
    // A space for each actor, and what it stands for.
    let lines_max = config.limits.live_spaces_max.saturating_add(config.limits.live_devices_max);
    let floor = Arc::new(DiscoveryFloor {
        spaces: spaces.clone(),
        sessions: sessions.clone(),
        devices: devices.clone(),
        store: store.clone(),
        tasks: Tasks::new("discovery lines", lines_max),
        devices_max: config.limits.devices_max,
        outbox_max: doors::client_outbox_max(config),
    });
    let family = family("discovery", config.limits.live_spaces_max, config);
    let start = move |user: UserId, gauge, parent| {
        discovery::actor::start(user, floor.clone(), gauge, parent)
    };
    Homes::new(family, start)
}

/// The scout, as a child of the root.
pub(super) fn scout(store: &Store, spaces: &Spaces, homes: &Homes) -> ChildSpec {
    let arguments = (store.clone(), spaces.clone(), homes.clone());
    let start = move |parent| {
        let arguments = arguments.clone();
        async move { Ok(scout::start(arguments, parent).await?) }
    };
    ChildSpec::new("scout", start)
}

//! The topic spaces: what one may hold and do, and who looks after all of them.

use std::sync::Arc;

use crate::config::Config;
use crate::devices::Devices;
use crate::space::session_state::SessionLimits;
use crate::space::{RetainedLimits, SpaceLimits};
use crate::spaces::{self, SpaceFloor, Spaces};
use crate::store::Store;
use crate::supervision::{ChildSpec, Family};

use super::{doors, family};

/// Locks over which the look-up of topic spaces is spread.
const SHARDS: usize = 64;

/// The bell of the spaces, as a child of the root.
pub(super) fn spec(spaces: &Spaces) -> ChildSpec {
    let spaces = spaces.clone();
    let start = move |parent| {
        let spaces = spaces.clone();
        async move { Ok(spaces::start(spaces, parent).await?) }
    };
    ChildSpec::new("spaces", start).stop_within(doors::STOP_WITHIN)
}

/// The topic spaces on the floors below them.
pub(super) fn open(config: &Config, devices: &Devices, store: &Store) -> Spaces {
    let floor = SpaceFloor {
        store: store.clone(),
        devices: devices.clone(),
        limits: Arc::new(space_limits(config)),
        devices_max: config.limits.devices_max,
    };
    let family = family("spaces", config.limits.live_spaces_max, config);
    // Where a supervisor is a queue, more of them help; here a shard is only a lock.
    Spaces::new(floor, Family { shards: SHARDS, ..family })
}

fn space_limits(config: &Config) -> SpaceLimits {
    let Config { spaces, mqtt, .. } = config;
    SpaceLimits {
        refused_filters: mqtt.refused_filters.clone().into(),
        packets: doors::packet_limits(config),
        sessions_max: spaces.sessions_max,
        subscriptions_max: spaces.subscriptions_max,
        session_expiry_s_max: spaces.session_expiry_s_max,
        retained: RetainedLimits {
            messages_max: spaces.retained_messages_max,
            bytes_max: spaces.retained_bytes_max,
        },
        session: Arc::new(SessionLimits {
            in_flight_max: spaces.in_flight_max,
            receive_maximum: mqtt.receive_maximum,
            queue_messages_max: spaces.queue_messages_max,
            queue_bytes_max: spaces.queue_bytes_max,
            queue_age_ms_max: u64::from(spaces.queue_age_s_max) * 1_000,
            ..SessionLimits::default()
        }),
        unwritten_messages_max: spaces.unwritten_messages_max,
        unwritten_bytes_max: spaces.unwritten_bytes_max,
        client_rate_max: spaces.client_rate_max,
        client_burst_max: spaces.client_burst_max,
        space_rate_max: spaces.space_rate_max,
        space_burst_max: spaces.space_burst_max,
    }
}

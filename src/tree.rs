//! THE supervision tree. Read this file first.
//!
//! ```text
//! hearth                 rest for one; gives up after 5 restarts in 60 s, and the process exits
//! ├ memory               one for one
//! │ ├ store              the writer: group commit
//! │ └ stats              telemetry in, history out
//! ├ devices              one device actor per live device
//! ├ spaces               the bell of the topic spaces; a cell per user with an MQTT client
//! ├ sessions             one session actor per user with a tab open, or with work in hand
//! ├ discovery            one discovery actor per user whose topic space has announcements
//! ├ scout                notices who announces something
//! └ doors                one for one
//!   ├ sweep              notices who fell silent
//!   ├ mqtt               the listener; a task per connection
//!   ├ certificate        reads the TLS files again when they change (if MQTT is served over TLS)
//!   ├ mqtts              the listener with TLS; a task per connection
//!   └ http               the server; a task per WebSocket
//! ```
//!
//! Children start top down and stop bottom up: doors open last and close first. Handles on `store`,
//! `stats`, `devices` and `sessions` outlive the actors behind them, so that a restart below is a
//! pause for those above and no more.

mod doors;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::config::{Config, KindDays};
use crate::device::tally::Tallies;
use crate::device::{self, DeviceFloor, DeviceMsg, Watchers};
use crate::devices::Devices;
use crate::discovery::Homes;
use crate::http::admin::{HouseView, Others};
use crate::kind::Kinds;
use crate::model::{DeviceId, UserId};
use crate::mqtt::tls::Tls;
use crate::session::actor::SessionFloor;
use crate::session::{self, Neighbours, SessionMsg};
use crate::sessions::Sessions;
use crate::spaces::Spaces;
use crate::stats::{Retention, StatsConfig, StatsHandle};
use crate::store::audit::Keep;
use crate::store::{self, Store, Writer};
use crate::supervision::{ChildSpec, Directory, Ended, Family, RoomView, Root, Roster};

mod discovered;
mod topic_spaces;

pub use doors::TlsSocket;

/// How long the store may take to write what waits for it.
const STORE_STOP_WITHIN: Duration = Duration::from_secs(12);

/// The running house.
pub struct House {
    root: Root,
    /// Shows it to its administrator.
    pub view: HouseView,
    /// Reaches the devices.
    pub devices: Devices,
    /// Reaches the topic spaces.
    pub spaces: Spaces,
    /// Reaches the sessions.
    pub sessions: Sessions,
    /// Reaches the discovery actors.
    pub homes: Homes,
    /// The store.
    pub store: Store,
    /// History.
    pub stats: StatsHandle,
    /// The rooms, for those who look after the house.
    pub rooms: Vec<(&'static str, RoomView)>,
    /// Where HTTP is really served.
    pub http: SocketAddr,
    /// Where MQTT is really served.
    pub mqtt: SocketAddr,
    /// Where MQTT is really served over TLS, if it is.
    pub mqtts: Option<SocketAddr>,
    certificate: Option<Arc<Tls>>,
}

/// The handles on what is inside the doors.
#[derive(Clone)]
struct Inside {
    config: Config,
    view: HouseView,
    devices: Devices,
    spaces: Spaces,
    sessions: Sessions,
    store: Store,
    stats: StatsHandle,
}

/// The sockets, bound before anything starts, so that a taken port is found out first.
pub struct Sockets {
    /// For HTTP.
    pub http: TcpListener,
    /// For MQTT.
    pub mqtt: TcpListener,
    /// For MQTT over TLS, and the certificate.
    pub mqtts: Option<TlsSocket>,
}

impl Sockets {
    /// Binds what the configuration says.
    ///
    /// # Errors
    /// Which address can't be had, or which certificate can't be used, and why.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = async |name: &str, address: SocketAddr| {
            TcpListener::bind(address).await.with_context(|| {
                format!("{name} = \"{address}\" can't be had: is another server running there?")
            })
        };
        let mqtts = match (config.mqtt.tls_listen, Tls::load(&config.mqtt)?) {
            (Some(address), Some(tls)) => {
                let socket = bind("mqtt.tls_listen", address).await?;
                Some(TlsSocket { socket, tls: Arc::new(tls) })
            }
            _ => None,
        };
        Ok(Self {
            http: bind("http.listen", config.http.listen).await?,
            mqtt: bind("mqtt.listen", config.mqtt.listen).await?,
            mqtts,
        })
    }
}

impl House {
    /// Opens the house on an open store.
    ///
    /// # Errors
    /// Whatever keeps it from opening.
    pub async fn open(
        config: Config,
        kinds: Kinds,
        sockets: Sockets,
        (store, writer): (Store, Writer),
    ) -> anyhow::Result<Self> {
        let intensity = config.supervision.intensity();
        let stats = StatsHandle::new(config.store.path.join("history"), stats_config(&config));
        let (memory, memory_view) =
            ChildSpec::room("memory", vec![store_spec(writer), stats_spec(&stats)], intensity);
        // Signing needs a key, which the first start has to write: so the writer comes first.
        let devices = devices(&config, kinds, &store, &stats);
        let spaces = topic_spaces::open(&config, &devices, &store);
        let sessions = sessions(&config, &devices, &spaces, &store);
        let homes = discovered::open(&config, (&devices, &spaces, &sessions), &store);
        let view = HouseView::default();
        view.houses(
            devices.clone(),
            spaces.clone(),
            sessions.clone(),
            Others::of("discovery", &homes),
        );
        let inside = Inside { config, view, devices, spaces, sessions, store, stats };
        let (doors, doors_view, open) = doors::room(&inside, sockets, intensity)?;
        let Inside { view, devices, spaces, sessions, store, stats, .. } = inside;
        let children = vec![
            memory.stop_within(STORE_STOP_WITHIN),
            devices.directory().spec(),
            topic_spaces::spec(&spaces),
            sessions.directory().spec(),
            homes.spec(),
            discovered::scout(&store, &spaces, &homes),
            doors.stop_within(doors::STOP_WITHIN),
        ];
        let root = Root::start(children, intensity).await?;
        let rooms = vec![("memory", memory_view), ("doors", doors_view)];
        view.stands(root.roster(), rooms.clone());
        wake_who_has_work(&devices, &store).await?;
        spaces.wake()?;
        Ok(Self {
            root,
            view,
            devices,
            spaces,
            sessions,
            homes,
            store,
            stats,
            rooms,
            http: open.http,
            mqtt: open.mqtt,
            mqtts: open.mqtts,
            certificate: open.certificate,
        })
    }

    /// The children of the root.
    #[must_use]
    pub fn roster(&self) -> Roster {
        self.root.roster()
    }

    /// Waits until the house has ended by itself, which it does only when it gives up.
    pub async fn ended(&self) -> Ended {
        self.root.ended().await
    }

    /// Reads the TLS certificate again, if there is one; open connections stay as they are.
    pub fn reload_certificate(&self) {
        if let Some(certificate) = &self.certificate {
            certificate.reload();
        }
    }

    /// Closes the house: doors first, store last.
    pub async fn close(&self, deadline: Duration) -> Ended {
        self.view.closes();
        self.root.stop(deadline).await
    }
}

/// Devices whose commands are open, or whose timers run, are woken: what they wait for may be due.
async fn wake_who_has_work(devices: &Devices, store: &Store) -> anyhow::Result<()> {
    for (id, _) in store::devices::with_work(store)? {
        devices.deliver(id, DeviceMsg::Wake).await;
    }
    Ok(())
}

fn store_spec(writer: Writer) -> ChildSpec {
    let start = move |parent| {
        let writer = writer.clone();
        async move { Ok(store::actor::start(writer, parent).await?.get_cell()) }
    };
    ChildSpec::new("store", start).stop_within(STORE_STOP_WITHIN)
}

fn stats_spec(stats: &StatsHandle) -> ChildSpec {
    let stats = stats.clone();
    let start = move |parent| {
        let stats = stats.clone();
        async move { Ok(stats.start(parent).await?) }
    };
    ChildSpec::new("stats", start).stop_within(STORE_STOP_WITHIN)
}

fn family(name: &'static str, children_max: usize, config: &Config) -> Family {
    Family {
        shards: config.supervision.shards,
        children_max,
        stop_within: config.drain.children_s,
        patience: config.supervision.patience(),
        ..Family::named(name)
    }
}

fn devices(config: &Config, kinds: Kinds, store: &Store, stats: &StatsHandle) -> Devices {
    let floor = Arc::new(DeviceFloor {
        store: store.clone(),
        stats: stats.clone(),
        kinds: Arc::new(kinds),
        audit: Keep::of(&config.audit),
        watchers: Watchers::default(),
        tallies: Tallies::default(),
        idle_ms: millis(config.limits.device_idle_s),
    });
    let shared = floor.clone();
    let family = family("devices", config.limits.live_devices_max, config);
    let start =
        move |id: DeviceId, gauge, parent| device::actor::start(id, shared.clone(), gauge, parent);
    Devices::new(Directory::new(family, start), floor, config.limits.call_ms_max)
}

fn sessions(config: &Config, devices: &Devices, spaces: &Spaces, store: &Store) -> Sessions {
    let neighbours = Neighbours::default();
    let floor = Arc::new(SessionFloor {
        neighbours: neighbours.clone(),
        grants_max: config.limits.grants_max,
        devices: devices.clone(),
        spaces: spaces.clone(),
        store: store.clone(),
        devices_max: config.limits.devices_max,
        tabs_max: config.http.tabs_max,
        audit: Keep::of(&config.audit),
        idle_ms: millis(config.limits.session_idle_s),
        reconnect_in_ms: config.drain.reconnect_ms_max.as_millis().try_into().unwrap_or(u64::MAX),
    });
    let family = family("sessions", config.limits.live_sessions_max, config);
    let start = move |user: UserId, gauge, parent| {
        session::actor::start(user, floor.clone(), gauge, parent)
    };
    let directory: Directory<UserId, SessionMsg> = Directory::new(family, start);
    neighbours.bind(&directory);
    Sessions::new(directory, config.limits.call_ms_max * 2)
}

/// What the configuration says about history.
#[must_use]
pub fn stats_config(config: &Config) -> StatsConfig {
    let stats = &config.stats;
    let retention = |raw_days, minute_days, hour_days: u32| Retention {
        raw_days,
        minute_days,
        hour_days: (hour_days > 0).then_some(hour_days),
    };
    let kind = |days: &KindDays| {
        (days.kind.as_str().into(), retention(days.raw_days, days.minute_days, days.hour_days))
    };
    StatsConfig {
        history_loss_s_max: stats.history_loss_s_max,
        retention: vec![retention(stats.raw_days, stats.minute_days, stats.hour_days)],
        kinds: stats.kind_days.iter().map(kind).collect(),
        queue_readings_max: stats.queue_readings_max,
        generation_readings_max: stats.generation_readings_max,
        queries_max: stats.queries_max,
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

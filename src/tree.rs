//! THE supervision tree. Read this file first.
//!
//! ```text
//! hearth                 rest for one; gives up after 5 restarts in 60 s, and the process exits
//! ├ memory               one for one
//! │ ├ store              the writer: group commit
//! │ └ stats              telemetry in, history out
//! ├ devices              one device actor per live device
//! ├ sessions             one session actor per user with a tab open, or with work in hand
//! └ doors                one for one
//!   ├ sweep              notices who fell silent
//!   ├ mqtt               the listener; a task per connection
//!   └ http               the server; a task per WebSocket
//! ```
//!
//! Children start top down and stop bottom up: doors open last and close first. Handles on `store`,
//! `stats`, `devices` and `sessions` outlive the actors behind them, so that a restart below is a
//! pause for those above and no more.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::{Config, KindDays};
use crate::device::tally::Tallies;
use crate::device::{self, DeviceFloor, DeviceMsg, Watchers};
use crate::devices::Devices;
use crate::http::admin::HouseView;
use crate::http::auth::Auth;
use crate::http::{HttpFloor, router, server};
use crate::kind::Kinds;
use crate::listener;
use crate::model::{DeviceId, UserId};
use crate::mqtt::sweep::{self, Sweep};
use crate::mqtt::{MqttFloor, MqttLimits, codec, connection};
use crate::session::actor::SessionFloor;
use crate::session::{self, Neighbours, SessionMsg};
use crate::sessions::Sessions;
use crate::stats::{Retention, StatsConfig, StatsHandle};
use crate::store::{self, Store, Writer};
use crate::supervision::{ChildSpec, Directory, Ended, Family, RoomView, Root, Roster, Tasks};

/// How long the store may take to write what waits for it.
const STORE_STOP_WITHIN: Duration = Duration::from_secs(12);

/// How long a door may take to see everybody out.
const DOOR_STOP_WITHIN: Duration = Duration::from_secs(10);

/// The running house.
pub struct House {
    root: Root,
    /// Shows it to its administrator.
    pub view: HouseView,
    /// Reaches the devices.
    pub devices: Devices,
    /// Reaches the sessions.
    pub sessions: Sessions,
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
}

/// The sockets, bound before anything starts, so that a taken port is found out first.
pub struct Sockets {
    /// For HTTP.
    pub http: TcpListener,
    /// For MQTT.
    pub mqtt: TcpListener,
}

impl Sockets {
    /// Binds what the configuration says.
    ///
    /// # Errors
    /// Which address can't be had, and why.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = async |name: &str, address: SocketAddr| {
            TcpListener::bind(address).await.with_context(|| {
                format!("{name} = \"{address}\" can't be had: is another server running there?")
            })
        };
        Ok(Self {
            http: bind("http.listen", config.http.listen).await?,
            mqtt: bind("mqtt.listen", config.mqtt.listen).await?,
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
        let sessions = sessions(&config, &devices, &store);
        let sweep = Arc::new(Sweep::default());
        let (http_address, mqtt_address) = (sockets.http.local_addr()?, sockets.mqtt.local_addr()?);
        let view = HouseView::default();
        view.houses(devices.clone(), sessions.clone());
        let mqtt = Arc::new(MqttFloor::new(
            devices.clone(),
            store.clone(),
            sweep.clone(),
            mqtt_limits(&config),
            config.mqtt.refused_filters.clone().into(),
        ));
        let mqtt_door = MqttDoor {
            socket: Arc::new(sockets.mqtt),
            floor: mqtt,
            tasks: Standing::new("mqtt connections", config.mqtt.connections_max),
            drain_within: config.drain.connections_s,
        };
        let http_door = HttpDoor {
            socket: Arc::new(sockets.http),
            tasks: Standing::new("http connections", config.http.connections_max),
            config: config.clone(),
            view: view.clone(),
            mqtt_port: mqtt_address.port(),
            devices: devices.clone(),
            sessions: sessions.clone(),
            store: store.clone(),
            stats: stats.clone(),
        };
        let (doors, doors_view) = ChildSpec::room(
            "doors",
            vec![
                ChildSpec::new("sweep", move |parent| {
                    let sweep = sweep.clone();
                    async move { Ok(sweep::start(sweep, parent).await?) }
                }),
                mqtt_door.spec(),
                http_door.spec(),
            ],
            intensity,
        );
        let children = vec![
            memory.stop_within(STORE_STOP_WITHIN),
            devices.directory().spec(),
            sessions.directory().spec(),
            doors.stop_within(DOOR_STOP_WITHIN),
        ];
        let root = Root::start(children, intensity).await?;
        let rooms = vec![("memory", memory_view), ("doors", doors_view)];
        view.stands(root.roster(), rooms.clone());
        wake_who_has_work(&devices, &store).await?;
        let (http, mqtt) = (http_address, mqtt_address);
        Ok(Self { root, view, devices, sessions, store, stats, rooms, http, mqtt })
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
        watchers: Watchers::default(),
        tallies: Tallies::default(),
        idle_ms: millis(config.limits.device_idle_s),
    });
    let shared = floor.clone();
    let family = family("devices", config.limits.live_devices_max, config);
    let start = move |id: DeviceId, parent| device::actor::start(id, shared.clone(), parent);
    Devices::new(Directory::new(family, start), floor, config.limits.call_ms_max)
}

fn sessions(config: &Config, devices: &Devices, store: &Store) -> Sessions {
    let neighbours = Neighbours::default();
    let floor = Arc::new(SessionFloor {
        neighbours: neighbours.clone(),
        grants_max: config.limits.grants_max,
        devices: devices.clone(),
        store: store.clone(),
        devices_max: config.limits.devices_max,
        tabs_max: config.http.tabs_max,
        idle_ms: millis(config.limits.session_idle_s),
        reconnect_in_ms: config.drain.reconnect_ms_max.as_millis().try_into().unwrap_or(u64::MAX),
    });
    let family = family("sessions", config.limits.live_sessions_max, config);
    let start = move |user: UserId, parent| session::actor::start(user, floor.clone(), parent);
    let directory: Directory<UserId, SessionMsg> = Directory::new(family, start);
    neighbours.bind(&directory);
    Sessions::new(directory, config.limits.call_ms_max * 2)
}

fn stats_config(config: &Config) -> StatsConfig {
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

fn mqtt_limits(config: &Config) -> MqttLimits {
    let mqtt = &config.mqtt;
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    MqttLimits {
        packets: codec::Limits {
            topic_bytes_max: mqtt.topic_bytes_max,
            topic_levels_max: mqtt.topic_levels_max,
            client_id_bytes_max: mqtt.client_id_bytes_max,
            user_properties_max: mqtt.user_properties_max,
            user_properties_bytes_max: mqtt.user_properties_bytes_max,
            filters_max: mqtt.filters_max,
            topic_alias_maximum: mqtt.topic_alias_maximum,
        },
        login_packet_bytes_max: u32::try_from(mqtt.connect_bytes_max).unwrap_or(u32::MAX),
        packet_bytes_max: u32::try_from(mqtt.packet_bytes_max).unwrap_or(u32::MAX),
        login_s_max: seconds(mqtt.connect_s_max),
        keepalive_s_max: mqtt.keepalive_s_max,
        receive_maximum: mqtt.receive_maximum,
        permits_max: mqtt.permits_max,
        write_s_max: seconds(mqtt.write_stuck_s_max),
        ..MqttLimits::default()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A set of tasks that outlives the actor which fills it: a listener that is restarted finds its
/// connections again. Only a drain ends the set, and then the next listener gets a new one.
#[derive(Clone)]
struct Standing {
    name: &'static str,
    tasks_max: usize,
    tasks: Arc<Mutex<Tasks>>,
}

impl Standing {
    fn new(name: &'static str, tasks_max: usize) -> Self {
        Self { name, tasks_max, tasks: Arc::new(Mutex::new(Tasks::new(name, tasks_max))) }
    }

    fn tasks(&self) -> Tasks {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.is_closing() {
            *tasks = Tasks::new(self.name, self.tasks_max);
        }
        tasks.clone()
    }
}

struct MqttDoor {
    socket: Arc<TcpListener>,
    floor: Arc<MqttFloor>,
    tasks: Standing,
    drain_within: Duration,
}

impl MqttDoor {
    fn spec(self) -> ChildSpec {
        let start = move |parent| {
            let floor = self.floor.clone();
            let door = listener::Door {
                name: "mqtt",
                socket: self.socket.clone(),
                tasks: self.tasks.tasks(),
                serve: Arc::new(move |stream, _, cancel| {
                    Box::pin(connection::run(stream, floor.clone(), cancel))
                }),
                drain_within: self.drain_within,
            };
            async move { Ok(listener::start(door, parent).await?) }
        };
        ChildSpec::new("mqtt", start).stop_within(DOOR_STOP_WITHIN)
    }
}

#[derive(Clone)]
struct HttpDoor {
    socket: Arc<TcpListener>,
    tasks: Standing,
    config: Config,
    view: HouseView,
    mqtt_port: u16,
    devices: Devices,
    sessions: Sessions,
    store: Store,
    stats: StatsHandle,
}

impl HttpDoor {
    fn spec(self) -> ChildSpec {
        let start = move |parent| {
            let door = self.clone();
            async move {
                let (tasks, drain_within) = (door.tasks.tasks(), door.config.drain.connections_s);
                let floor = HttpFloor {
                    auth: Auth::open(&door.store, &door.config).await?,
                    sessions: door.sessions,
                    devices: door.devices,
                    store: door.store,
                    stats: door.stats,
                    downloads: Arc::new(Semaphore::new(door.config.stats.downloads_max)),
                    sockets: tasks.clone(),
                    house: door.view,
                    mqtt_port: door.mqtt_port,
                    tabs: AtomicU64::new(0),
                    config: door.config,
                };
                let routes = router(Arc::new(floor));
                let door = listener::Door {
                    name: "http",
                    socket: door.socket,
                    tasks,
                    serve: Arc::new(move |stream, peer, cancel| {
                        Box::pin(server::serve(stream, peer, routes.clone(), cancel))
                    }),
                    drain_within,
                };
                Ok(listener::start(door, parent).await?)
            }
        };
        ChildSpec::new("http", start).stop_within(DOOR_STOP_WITHIN)
    }
}

//! The doors: which socket is served how. Everything that comes in from outside comes in here.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use ractor::{ActorCell, ActorProcessingErr};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::codec;
use crate::config::Config;
use crate::devices::Devices;
use crate::http::admin::HouseView;
use crate::http::auth::Auth;
use crate::http::mqtt_socket::ServeMqtt;
use crate::http::{HttpFloor, router, server};
use crate::listener::{self, Serve};
use crate::mqtt::tls::{self, Tls};
use crate::mqtt::{MqttFloor, MqttLimits, Peer, connection};
use crate::sessions::Sessions;
use crate::spaces::Spaces;
use crate::stats::StatsHandle;
use crate::store::Store;
use crate::supervision::{ChildSpec, Tasks};

/// How long a door may take to see everybody out.
pub(super) const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Packets to a client that may wait beside what `QoS` 0 may fill: acknowledgements of what it may
/// have under way, what is in flight to it, and its subscriptions' answers.
const CLIENT_OUTBOX_SPARE: usize = 1_200;

/// A set of tasks that outlives the actor which fills it: a listener that is restarted finds its
/// connections again. Only a drain ends the set, and then the next listener gets a new one.
#[derive(Clone)]
pub(super) struct Standing {
    name: &'static str,
    tasks_max: usize,
    tasks: Arc<Mutex<Tasks>>,
}

impl Standing {
    pub(super) fn new(name: &'static str, tasks_max: usize) -> Self {
        Self { name, tasks_max, tasks: Arc::new(Mutex::new(Tasks::new(name, tasks_max))) }
    }

    /// The tasks that run now.
    pub(super) fn tasks(&self) -> Tasks {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.is_closing() {
            *tasks = Tasks::new(self.name, self.tasks_max);
        }
        tasks.clone()
    }
}

/// The TLS door's socket, and what it shows to those who come.
pub struct TlsSocket {
    /// The bound socket.
    pub socket: TcpListener,
    /// The certificate.
    pub tls: Arc<Tls>,
}

/// What the MQTT doors have in common: the same connections come in, whatever carries them.
pub(super) struct MqttDoors {
    pub(super) floor: Arc<MqttFloor>,
    pub(super) tasks: Standing,
    pub(super) drain_within: Duration,
}

impl MqttDoors {
    /// The door without TLS.
    pub(super) fn plain(&self, socket: TcpListener) -> ChildSpec {
        let floor = self.floor.clone();
        let serve: Serve = Arc::new(move |stream, peer, cancel| {
            let peer = Peer::at(peer.ip());
            Box::pin(connection::run(stream, peer, floor.clone(), cancel))
        });
        ChildSpec::new("mqtt", self.listen("mqtt", socket, serve)).stop_within(STOP_WITHIN)
    }

    /// The door in the HTTP port's WebSocket.
    pub(super) fn web(&self) -> ServeMqtt {
        let floor = self.floor.clone();
        Arc::new(move |stream, address, cancel| {
            Box::pin(connection::run(stream, Peer::at(address), floor.clone(), cancel))
        })
    }

    /// The door with TLS.
    pub(super) fn tls(&self, TlsSocket { socket, tls }: TlsSocket) -> ChildSpec {
        let floor = self.floor.clone();
        let serve: Serve = Arc::new(move |stream, peer, cancel| {
            Box::pin(tls::serve(stream, peer.ip(), tls.clone(), floor.clone(), cancel))
        });
        ChildSpec::new("mqtts", self.listen("mqtts", socket, serve)).stop_within(STOP_WITHIN)
    }

    fn listen(
        &self,
        name: &'static str,
        socket: TcpListener,
        serve: Serve,
    ) -> impl Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, ActorProcessingErr>> + use<>
    {
        let (socket, tasks) = (Arc::new(socket), self.tasks.clone());
        let drain_within = self.drain_within;
        move |parent| {
            let (socket, tasks, serve) = (socket.clone(), tasks.tasks(), serve.clone());
            let door = listener::Door { name, socket, tasks, serve, drain_within };
            Box::pin(async move { Ok(listener::start(door, parent).await?) })
        }
    }
}

#[derive(Clone)]
pub(super) struct HttpDoor {
    pub(super) socket: Arc<TcpListener>,
    pub(super) tasks: Standing,
    pub(super) config: Config,
    pub(super) view: HouseView,
    pub(super) serve_mqtt: ServeMqtt,
    pub(super) mqtt_port: u16,
    pub(super) devices: Devices,
    pub(super) spaces: Spaces,
    pub(super) sessions: Sessions,
    pub(super) store: Store,
    pub(super) stats: StatsHandle,
}

impl HttpDoor {
    pub(super) fn spec(self) -> ChildSpec {
        let start = move |parent| {
            let door = self.clone();
            async move {
                let (tasks, drain_within) = (door.tasks.tasks(), door.config.drain.connections_s);
                let floor = HttpFloor {
                    auth: Auth::open(&door.store, &door.config).await?,
                    sessions: door.sessions,
                    devices: door.devices,
                    spaces: door.spaces,
                    store: door.store,
                    stats: door.stats,
                    downloads: Arc::new(Semaphore::new(door.config.stats.downloads_max)),
                    sockets: tasks.clone(),
                    house: door.view,
                    mqtt_port: door.mqtt_port,
                    serve_mqtt: door.serve_mqtt,
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
        ChildSpec::new("http", start).stop_within(STOP_WITHIN)
    }
}

pub(super) fn mqtt_limits(config: &Config) -> MqttLimits {
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
        client_outbox_max: config.spaces.unwritten_messages_max + CLIENT_OUTBOX_SPARE,
        write_s_max: seconds(mqtt.write_stuck_s_max),
        ..MqttLimits::default()
    }
}

//! The doors: which socket is served how. Everything that comes in from outside comes in here.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use ractor::{ActorCell, ActorProcessingErr};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::codec;
use crate::config::Config;
use crate::host::now_ms;
use crate::http::auth::Auth;
use crate::http::mqtt_socket::ServeMqtt;
use crate::http::{HttpFloor, router, server};
use crate::listener::{self, Serve};
use crate::mqtt::admission::Admission;
use crate::mqtt::sweep::{self, Sweep};
use crate::mqtt::tls::{self, Tls};
use crate::mqtt::{MqttFloor, MqttLimits, Peer, connection};
use crate::supervision::{ChildSpec, Intensity, RoomView, Tasks};
use crate::throttle::SignIns;

use super::{Inside, Sockets};

/// How long a door may take to see everybody out.
pub(super) const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Packets to a client that may wait beside what `QoS` 0 may fill: acknowledgements of what it may
/// have under way, what is in flight to it, and its subscriptions' answers.
const CLIENT_OUTBOX_SPARE: usize = 1_200;

/// Where the doors really are, and the certificate that one of them shows.
pub(super) struct Open {
    pub(super) http: SocketAddr,
    pub(super) mqtt: SocketAddr,
    pub(super) mqtts: Option<SocketAddr>,
    pub(super) certificate: Option<Arc<Tls>>,
}

/// The room of the doors, in the order in which they open.
///
/// # Errors
/// If a socket has no address.
pub(super) fn room(
    inside: &Inside,
    sockets: Sockets,
    intensity: Intensity,
) -> io::Result<(ChildSpec, RoomView, Open)> {
    let config = &inside.config;
    let sweep = Arc::new(Sweep::default());
    let open = Open {
        http: sockets.http.local_addr()?,
        mqtt: sockets.mqtt.local_addr()?,
        mqtts: sockets.mqtts.as_ref().map(|mqtts| mqtts.socket.local_addr()).transpose()?,
        certificate: sockets.mqtts.as_ref().map(|mqtts| mqtts.tls.clone()),
    };
    // The doors count together who fails to sign in.
    let sign_ins = Arc::new(SignIns::new(config.auth.sign_in_limits()));
    // Beside the connections that are let in, those that only hear that they are refused.
    let mqtt_tasks_max = config.mqtt.connections_max.saturating_add(config.mqtt.half_open_max);
    let mqtt = MqttDoors {
        floor: Arc::new(mqtt_floor(inside, sweep.clone())),
        admission: Arc::new(Admission::new(&config.mqtt, sign_ins.clone())),
        tasks: Standing::new("mqtt connections", mqtt_tasks_max),
        drain_within: config.drain.connections_s,
    };
    let http = HttpDoor {
        socket: Arc::new(sockets.http),
        tasks: Standing::new("http connections", config.http.connections_max),
        serve_mqtt: mqtt.web(),
        mqtt_port: open.mqtt.port(),
        sign_ins,
        inside: inside.clone(),
    };
    let (mqtt_tasks, http_tasks) = (mqtt.tasks.clone(), http.tasks.clone());
    inside.view.opens(vec![
        ("mqtt", Arc::new(move || mqtt_tasks.tasks())),
        ("http", Arc::new(move || http_tasks.tasks())),
    ]);
    let mut doors = vec![sweep_spec(sweep), mqtt.plain(sockets.mqtt)];
    if let Some(mqtts) = sockets.mqtts {
        doors.push(certificate_spec(mqtts.tls.clone(), config.mqtt.tls_watch_s));
        doors.push(mqtt.tls(mqtts));
    }
    doors.push(http.spec());
    let (spec, view) = ChildSpec::room("doors", doors, intensity);
    Ok((spec, view, open))
}

/// Packets to a client that may wait.
pub(super) const fn client_outbox_max(config: &Config) -> usize {
    config.spaces.unwritten_messages_max + CLIENT_OUTBOX_SPARE
}

fn mqtt_floor(inside: &Inside, sweep: Arc<Sweep>) -> MqttFloor {
    let Inside { config, devices, spaces, sessions, store, .. } = inside;
    let commands = Tasks::new("mqtt commands", config.spaces.commands_max);
    MqttFloor {
        devices: devices.clone(),
        store: store.clone(),
        spaces: spaces.clone(),
        commands: Arc::new((sessions.clone(), commands)),
        anonymous_user: config.mqtt.anonymous_user.clone(),
        sweep,
        limits: Arc::new(mqtt_limits(config)),
        links: AtomicU64::new(0),
    }
}

fn sweep_spec(sweep: Arc<Sweep>) -> ChildSpec {
    let start = move |parent| {
        let sweep = sweep.clone();
        async move { Ok(sweep::start(sweep, parent).await?) }
    };
    ChildSpec::new("sweep", start)
}

fn certificate_spec(tls: Arc<Tls>, period: Duration) -> ChildSpec {
    let start = move |parent| {
        let tls = tls.clone();
        async move { Ok(tls::watch::start(tls, period, parent).await?) }
    };
    ChildSpec::new("certificate", start)
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

    /// The tasks that run now.
    fn tasks(&self) -> Tasks {
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
struct MqttDoors {
    floor: Arc<MqttFloor>,
    admission: Arc<Admission>,
    tasks: Standing,
    drain_within: Duration,
}

impl MqttDoors {
    /// The door without TLS.
    fn plain(&self, socket: TcpListener) -> ChildSpec {
        let (floor, admission) = (self.floor.clone(), self.admission.clone());
        let serve: Serve = Arc::new(move |stream, peer, cancel| {
            let Ok(pass) = admission.enter(peer.ip(), now_ms()) else { return closed_at_once() };
            let peer = Box::new(Peer::of(pass));
            Box::pin(connection::run(stream, peer, floor.clone(), cancel))
        });
        ChildSpec::new("mqtt", self.listen("mqtt", socket, serve)).stop_within(STOP_WITHIN)
    }

    /// The door in the HTTP port's WebSocket.
    fn web(&self) -> ServeMqtt {
        let (floor, admission) = (self.floor.clone(), self.admission.clone());
        Arc::new(move |stream, address, cancel| {
            let Ok(pass) = admission.enter(address, now_ms()) else { return closed_at_once() };
            let peer = Box::new(Peer::of(pass));
            Box::pin(connection::run(stream, peer, floor.clone(), cancel))
        })
    }

    /// The door with TLS.
    fn tls(&self, TlsSocket { socket, tls }: TlsSocket) -> ChildSpec {
        let (floor, admission) = (self.floor.clone(), self.admission.clone());
        let serve: Serve = Arc::new(move |stream, peer, cancel| {
            let Ok(pass) = admission.enter(peer.ip(), now_ms()) else { return closed_at_once() };
            Box::pin(tls::serve(stream, pass, tls.clone(), floor.clone(), cancel))
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

/// The stream is dropped with the closure that does not serve it.
fn closed_at_once() -> BoxFuture<'static, ()> {
    Box::pin(std::future::ready(()))
}

#[derive(Clone)]
struct HttpDoor {
    socket: Arc<TcpListener>,
    tasks: Standing,
    serve_mqtt: ServeMqtt,
    mqtt_port: u16,
    sign_ins: Arc<SignIns>,
    inside: Inside,
}

impl HttpDoor {
    fn spec(self) -> ChildSpec {
        let start = move |parent| {
            let door = self.clone();
            async move {
                let (tasks, inside) = (door.tasks.tasks(), door.inside);
                let drain_within = inside.config.drain.connections_s;
                let floor = HttpFloor {
                    auth: Auth::open(&inside.store, &inside.config, door.sign_ins).await?,
                    sessions: inside.sessions,
                    devices: inside.devices,
                    spaces: inside.spaces,
                    store: inside.store,
                    stats: inside.stats,
                    backups: Arc::new(Semaphore::new(1)),
                    downloads: Arc::new(Semaphore::new(inside.config.stats.downloads_max)),
                    sockets: tasks.clone(),
                    house: inside.view,
                    mqtt_port: door.mqtt_port,
                    serve_mqtt: door.serve_mqtt,
                    tabs: AtomicU64::new(0),
                    config: inside.config,
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

/// What packets may carry, and filters be.
pub(super) fn packet_limits(config: &Config) -> codec::Limits {
    let mqtt = &config.mqtt;
    codec::Limits {
        topic_bytes_max: mqtt.topic_bytes_max,
        topic_levels_max: mqtt.topic_levels_max,
        client_id_bytes_max: mqtt.client_id_bytes_max,
        user_properties_max: mqtt.user_properties_max,
        user_properties_bytes_max: mqtt.user_properties_bytes_max,
        filters_max: mqtt.filters_max,
        topic_alias_maximum: mqtt.topic_alias_maximum,
    }
}

fn mqtt_limits(config: &Config) -> MqttLimits {
    let mqtt = &config.mqtt;
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    MqttLimits {
        packets: packet_limits(config),
        login_packet_bytes_max: u32::try_from(mqtt.connect_bytes_max).unwrap_or(u32::MAX),
        packet_bytes_max: u32::try_from(mqtt.packet_bytes_max).unwrap_or(u32::MAX),
        login_s_max: seconds(mqtt.connect_s_max),
        keepalive_s_max: mqtt.keepalive_s_max,
        receive_maximum: mqtt.receive_maximum,
        permits_max: mqtt.permits_max,
        client_outbox_max: client_outbox_max(config),
        write_s_max: seconds(mqtt.write_stuck_s_max),
        refused_filters: mqtt.refused_filters.clone().into(),
        ..MqttLimits::default()
    }
}

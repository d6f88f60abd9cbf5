//! Many connections of one process: opened a few at a time, then listened to by one thread.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::histogram::Histogram;
use crate::link::{Incoming, Link};
use crate::packet;
use crate::plan::{Plan, Speech};
use crate::websocket;

/// Local addresses that one process spreads its connections over: a server that limits what one
/// address may do sees 200 of them, and the kernel has ports for 28,000 connections of each.
const SOURCES: usize = 200;
/// One read takes at most this much.
const SCRATCH_BYTES: usize = 256 * 1024;
/// Opening everything, or writing one message, may take this long before the run is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the server under test listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doors {
    pub(crate) mqtt: SocketAddr,
    pub(crate) web: SocketAddr,
}

/// The reading side of all connections.
pub(crate) struct Ears {
    poll: Poll,
    events: Events,
    links: Vec<Link>,
    scratch: Vec<u8>,
}

/// All connections: the streams, to be written by whoever plays the part, and the ears.
pub(crate) struct Fleet {
    pub(crate) streams: Vec<TcpStream>,
    pub(crate) ears: Ears,
}

/// How far a connection is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    Greeting,
    Open,
}

/// Writes all of it. On loopback a message is taken at once or, when the server doesn't read, not
/// at all; then this thread waits, and the delay shows as lag.
///
/// # Errors
/// When the connection is gone or takes nothing for two minutes.
pub(crate) fn write_whole(mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let started = Instant::now();
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if started.elapsed() > PATIENCE {
                    return Err(error);
                }
                thread::yield_now();
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// An MQTT packet as this kind of connection sends it.
pub(crate) fn wrapped(speech: Speech, packet: &[u8]) -> Vec<u8> {
    match speech {
        Speech::Mqtt => packet.to_vec(),
        Speech::MqttOverWebSocket | Speech::Json => {
            websocket::frame(websocket::BINARY, true, packet)
        }
    }
}

fn dial(to: SocketAddr, part: usize, index: usize) -> io::Result<TcpStream> {
    let source = u8::try_from(index % SOURCES).unwrap_or(0) + 1;
    let network = u8::try_from(part % 250).unwrap_or(0) + 1;
    let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, network, source)), 0);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    // Closing resets: no port waits in TIME_WAIT for the next run.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&from.into())?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(UNDER_WAY) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// Linux's EINPROGRESS, for which the standard library has no stable name.
const UNDER_WAY: i32 = 115;

impl Ears {
    fn new() -> io::Result<Self> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(1024));
        Ok(Self { poll, events, links: Vec::new(), scratch: vec![0; SCRATCH_BYTES] })
    }

    /// Waits for at most `timeout` and tells `on` what arrived, with the connection's index.
    ///
    /// # Errors
    /// When waiting itself fails; a connection that fails is told as [`Incoming::Closed`].
    pub(crate) fn turn(
        &mut self,
        streams: &[TcpStream],
        timeout: Duration,
        on: &mut impl FnMut(usize, Incoming<'_>),
    ) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let index = event.token().0;
            let (Some(stream), Some(link)) = (streams.get(index), self.links.get_mut(index)) else {
                continue;
            };
            if event.is_writable() {
                on(index, Incoming::Writable);
            }
            if event.is_readable() {
                read_all(stream, link, &mut self.scratch, &mut |incoming| on(index, incoming));
            }
        }
        Ok(())
    }
}

/// Reads until the socket is empty, which a read that doesn't fill the buffer shows.
fn read_all(
    mut stream: &TcpStream,
    link: &mut Link,
    scratch: &mut [u8],
    sink: &mut impl FnMut(Incoming<'_>),
) {
    loop {
        match stream.read(scratch) {
            Ok(0) => return sink(Incoming::Closed),
            Ok(size) => {
                link.feed(scratch.get(..size).unwrap_or_default(), sink);
                sink(Incoming::Drained);
                if size < scratch.len() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return sink(Incoming::Closed),
        }
    }
}

/// Opens connections one batch at a time, so that memory can be read in between.
pub(crate) struct Opening<'a> {
    fleet: Fleet,
    doors: Doors,
    part: usize,
    plans: &'a [Plan],
    stages: Vec<Stage>,
    started: Vec<Instant>,
    /// From the call to connect until the last answer (CONNACK, SUBACK or snapshot).
    pub(crate) took: Histogram,
}

impl<'a> Opening<'a> {
    pub(crate) fn new(doors: Doors, part: usize, plans: &'a [Plan]) -> io::Result<Self> {
        let fleet = Fleet { streams: Vec::new(), ears: Ears::new()? };
        let (stages, started, took) = (Vec::new(), Vec::new(), Histogram::default());
        Ok(Self { fleet, doors, part, plans, stages, started, took })
    }

    /// Opens until the first `count` plans are open, with at most `at_once` on their way.
    ///
    /// # Errors
    /// When one is refused or closed, or when it takes longer than two minutes.
    pub(crate) fn open(&mut self, count: usize, at_once: usize) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut open = self.stages.len();
        let count = count.min(self.plans.len());
        while open < count {
            while self.stages.len() < count && self.stages.len() - open < at_once {
                self.dial_next()?;
            }
            open += self.turn()?;
            if Instant::now() > deadline {
                let (all, message) = (count, "connections were open after two minutes");
                return Err(io::Error::other(format!("only {open} of {all} {message}")));
            }
        }
        Ok(())
    }

    /// All that was opened.
    pub(crate) fn finish(self) -> (Fleet, Histogram) {
        (self.fleet, self.took)
    }

    fn dial_next(&mut self) -> io::Result<()> {
        let index = self.stages.len();
        let Some(plan) = self.plans.get(index) else { return Ok(()) };
        let to = if plan.speech == Speech::Mqtt { self.doors.mqtt } else { self.doors.web };
        self.started.push(Instant::now());
        let mut stream = dial(to, self.part, index)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.fleet.ears.poll.registry().register(&mut stream, Token(index), interest)?;
        self.fleet.ears.links.push(Link::new(plan.speech));
        self.fleet.streams.push(stream);
        self.stages.push(Stage::Dialing);
        Ok(())
    }

    /// Handles what arrived; returns how many became open.
    fn turn(&mut self) -> io::Result<usize> {
        let Self { fleet, doors, plans, stages, started, took, .. } = self;
        let Fleet { streams, ears } = fleet;
        let (mut opened, mut fault) = (0, None);
        ears.turn(streams, Duration::from_secs(1), &mut |index, incoming| {
            let known = (plans.get(index), stages.get_mut(index), streams.get(index));
            let (Some(plan), Some(stage), Some(stream)) = known else { return };
            match step(plan, *stage, &incoming, doors) {
                Ok((next, answer)) => {
                    if next == Stage::Open && *stage != Stage::Open {
                        opened += 1;
                        let since = started.get(index).map_or(Duration::ZERO, Instant::elapsed);
                        took.record(super::nanos(since));
                    }
                    *stage = next;
                    if let Err(error) = write_whole(stream, &answer) {
                        fault.get_or_insert(error);
                    }
                }
                Err(error) => {
                    fault.get_or_insert(error);
                }
            }
        })?;
        fault.map_or(Ok(opened), Err)
    }
}

/// The next stage of a connection and what it has to send to get there.
fn step(
    plan: &Plan,
    stage: Stage,
    incoming: &Incoming<'_>,
    doors: &Doors,
) -> io::Result<(Stage, Vec<u8>)> {
    let greeting = || packet::connect(&plan.client_id, &plan.user, &plan.password);
    Ok(match incoming {
        Incoming::Writable if stage == Stage::Dialing => {
            let host = doors.web.to_string();
            let first = match plan.speech {
                Speech::Mqtt => greeting(),
                Speech::MqttOverWebSocket => websocket::upgrade(&host, &plan.path, Some("mqtt")),
                Speech::Json => websocket::upgrade(&host, &plan.path, None),
            };
            (Stage::Greeting, first)
        }
        Incoming::Upgraded if plan.speech == Speech::MqttOverWebSocket => {
            (stage, wrapped(plan.speech, &greeting()))
        }
        Incoming::Accepted => match &plan.subscribe {
            Some((filter, qos)) => (stage, wrapped(plan.speech, &packet::subscribe(filter, *qos))),
            None => (Stage::Open, Vec::new()),
        },
        // The first frame of a tab is its snapshot.
        Incoming::Subscribed | Incoming::Text(_) => (Stage::Open, Vec::new()),
        Incoming::Published(Some(id), _) => (stage, wrapped(plan.speech, &packet::puback(*id))),
        Incoming::Ping(payload) => (stage, websocket::frame(websocket::PONG, true, payload)),
        Incoming::Refused(code) => {
            return Err(io::Error::other(format!("{} was refused: {code}", plan.client_id)));
        }
        Incoming::Closed => {
            return Err(io::Error::other(format!("{} was closed ({stage:?})", plan.client_id)));
        }
        Incoming::Writable
        | Incoming::Upgraded
        | Incoming::Published(None, _)
        | Incoming::Drained => (stage, Vec::new()),
    })
}

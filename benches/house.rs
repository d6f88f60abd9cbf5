//! A whole house in one process, its devices on in-process links instead of sockets, so that there
//! may be more of them than a process may have files.
//!
//! `cargo bench --bench house -- links 1000` (what a live device costs; compare `links 100000`),
//! `restart 100000` (how soon fallen actors stand again, and who else notices), `tls 3000` (what an
//! idle client's connection costs over TLS and without, its other end in a process of its own).
//!
//! CPU counts all threads, user and system; the pause that a supervisor makes on purpose is taken
//! off.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "a bench")]
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench stops at the first surprise, and prints"
)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hearth::codec::{Connect, Packet, Version, encode};
use hearth::config::Config;
use hearth::device::{DeviceMsg, DeviceRef, Link, LinkId, Receipt, Report, ToLink};
use hearth::kind::Kinds;
use hearth::model::{DeviceId, Props, Value};
use hearth::store::Store;
use hearth::supervision::outbox::{Inbox, outbox};
use hearth::supervision::permit::Permits;
use hearth::tree::{House, Sockets};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

#[path = "history/town.rs"]
#[allow(dead_code, reason = "only its accounts of the process are of use here")]
mod town;

use town::{cpu_s, rss_bytes};

/// The pause before a first restart.
const BACKOFF: Duration = Duration::from_millis(100);

struct Device {
    id: DeviceId,
    link: LinkId,
    actor: DeviceRef,
    inbox: Inbox<ToLink>,
    permits: Permits,
}

async fn open(count: usize, more: &[(&str, &str)]) -> (tempfile::TempDir, House, Vec<DeviceId>) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (out, all) = (folder.path().join("town.csv"), count.to_string());
    let made = Command::new(env!("CARGO_BIN_EXE_hearth"))
        .args(["town", "--users", "1000", "--devices", &all, "--out"])
        .arg(&out)
        .arg("--data")
        .arg(&data)
        .status();
    assert!(made.unwrap().success());
    let ids = std::fs::read_to_string(out).unwrap();
    let ids = ids.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse().unwrap());
    let data = data.display().to_string();
    let keys =
        [("HTTP__LISTEN", "127.0.0.1:0"), ("MQTT__LISTEN", "127.0.0.1:0"), ("STORE__PATH", &data)];
    let keys = keys.iter().chain(more);
    let keys = keys.map(|(key, value)| (format!("HEARTH__{key}"), (*value).to_owned()));
    let config = Config::load(None, "", keys.collect::<Vec<_>>().into_iter()).unwrap();
    let sockets = Sockets::bind(&config).await.unwrap();
    let started = Instant::now();
    let store = Store::open(std::path::Path::new(&data)).unwrap();
    let house = House::open(config, Kinds::load([]).unwrap(), sockets, store).await.unwrap();
    println!("{count} devices stored: open after {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    (folder, house, ids.collect())
}

async fn attach(house: &House, ids: &[DeviceId]) -> Vec<Device> {
    let mut devices = Vec::with_capacity(ids.len());
    for some in ids.chunks(256) {
        let first = devices.len();
        let attaching = some.iter().enumerate().map(async |(place, id)| {
            let (outbox, inbox) = outbox(36);
            let link = LinkId((first + place) as u64);
            let ask = |reply| DeviceMsg::Attach(Link { id: link, outbox, follows: false }, reply);
            let actor = house.devices.ask(*id, ask).await.unwrap().device;
            Device { id: *id, link, actor, inbox, permits: Permits::new(32) }
        });
        devices.extend(futures_util::future::join_all(attaching).await);
    }
    devices
}

/// Reports at 10,000 a second, of all devices in turn; the CPU of each.
async fn reports(devices: &mut [Device], number: usize, make: impl Fn(usize) -> Report) -> f64 {
    let cpu = cpu_s();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let count = devices.len();
    for first in (0..number).step_by(100) {
        tick.tick().await;
        for place in first..first + 100 {
            let device = &mut devices[place % count];
            let receipt = Receipt::silent(device.permits.acquire().await);
            device.actor.cast(DeviceMsg::Said(device.link, make(place), receipt)).unwrap();
        }
    }
    for device in devices.iter().take(number) {
        while device.permits.held() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(3)).await; // states are stored a second later
    (cpu_s() - cpu) / number as f64 * 1e6
}

async fn links(count: usize) {
    let (_folder, house, ids) = open(count, &[]).await;
    // What the first ones cost is the house's, not theirs.
    let (first, rest) = ids.split_at(100);
    let mut devices = attach(&house, first).await;
    let (before, cpu) = (rss_bytes(), cpu_s());
    devices.extend(attach(&house, rest).await);
    let each = rest.len() as f64;
    let bytes = (rss_bytes() - before) as f64 / each;
    println!("{count} links: {bytes:.0} B and {:.0} us CPU each", (cpu_s() - cpu) / each * 1e6);
    let cpu = cpu_s();
    tokio::time::sleep(Duration::from_secs(5)).await;
    println!("{count} links, idle: {:.2} % of a core", (cpu_s() - cpu) / 5.0 * 100.0);
    let props =
        |place: usize| Props::from_iter([(Arc::<str>::from("count"), Value::from(place as i64))]);
    for round in 1..=2 {
        let telemetry = |place| Report::Telemetry(props(place), None, Vec::new());
        let each = reports(&mut devices, 100_000, telemetry).await;
        println!("{count} links, telemetry, round {round}: {each:.1} us CPU each");
        let each =
            reports(&mut devices, 100_000, |place| Report::State(props(place), Vec::new())).await;
        println!("{count} links, state, round {round}: {each:.1} us CPU each");
    }
    drop(devices.pop().map(|device| device.inbox));
    house.close(Duration::from_secs(30)).await;
}

/// Looks at devices, 500 a second, until told to stop; how long each look took.
async fn looks(house: &House, ids: &[DeviceId], stop: &AtomicBool) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        let id = ids[times.len() * 7 % ids.len()];
        let started = Instant::now();
        house.devices.ask(id, DeviceMsg::Look).await.unwrap();
        times.push(started.elapsed());
    }
    times
}

/// Kills these devices' actors; how long after the first fault all answer again.
async fn fall(house: &House, ids: &[DeviceId]) -> Duration {
    let faults = house.devices.directory().faults();
    for id in ids {
        house.devices.directory().kill(id).unwrap();
    }
    while house.devices.directory().faults() == faults {
        tokio::task::yield_now().await;
    }
    let fallen = Instant::now();
    while house.devices.directory().faults() < faults + ids.len() as u64 {
        tokio::task::yield_now().await;
    }
    for id in ids {
        while house.devices.directory().get(id).is_none() {
            tokio::task::yield_now().await;
        }
        house.devices.ask(*id, DeviceMsg::Look).await.unwrap();
    }
    fallen.elapsed()
}

fn spread(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort();
    [50, 99, 100].map(|part| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e6)
}

async fn restart(count: usize) {
    let (_folder, house, ids) = open(count, &[]).await;
    let devices = attach(&house, &ids).await;
    let house = Arc::new(house);
    let beyond = |took: Duration| took.saturating_sub(BACKOFF).as_secs_f64() * 1e3;
    let mut single: Vec<f64> = Vec::new();
    for id in &ids[..20] {
        single.push(beyond(fall(&house, &[*id]).await));
    }
    single.sort_by(f64::total_cmp);
    let (median, worst) = (single[10], single[19]);
    println!(
        "one of {count} killed: answers {median:.2} ms beyond the pause (of 20: {worst:.2} at worst)"
    );
    let (fallen, others) = ids[20..].split_at(1_000);
    for (what, some) in [("idle", &fallen[..0]), ("while 1,000 fall", fallen)] {
        let stop = Arc::new(AtomicBool::new(false));
        let (watched, of, ends) = (house.clone(), others.to_vec(), stop.clone());
        let watch = tokio::spawn(async move { looks(&watched, &of, &ends).await });
        tokio::time::sleep(Duration::from_secs(2)).await;
        if !some.is_empty() {
            let took = beyond(fall(&house, some).await);
            println!("1,000 of {count} killed: all answer {took:.0} ms beyond the pause");
        }
        stop.store(true, Ordering::Relaxed);
        let [p50, p99, max] = spread(watch.await.unwrap());
        println!("others, {what}: p50 {p50:.0} us, p99 {p99:.0} us, max {max:.0} us");
    }
    drop(devices.into_iter().map(|device| (device.id, device.inbox)).collect::<Vec<_>>());
    house.close(Duration::from_secs(30)).await;
}

/// The memory of connections of idle clients, over TLS or without.
async fn tls(count: usize) {
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).display().to_string();
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(path("server.pem"), signed.cert.pem()).unwrap();
    std::fs::write(path("server.key"), signed.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (path("server.pem"), path("server.key"));
    let keys = [
        ("MQTT__TLS_LISTEN", "127.0.0.1:0"),
        ("MQTT__TLS_CERTIFICATE", certificate.as_str()),
        ("MQTT__TLS_KEY", key.as_str()),
    ];
    let (folder, house, _) = open(count, &keys).await;
    let town = folder.path().join("town.csv");
    let plain = ("plain", house.mqtt, String::new());
    for (what, address, trusted) in [plain, ("TLS", house.mqtts.unwrap(), certificate.clone())] {
        let mut clients = Command::new(std::env::current_exe().unwrap())
            .args(["clients", &count.to_string(), &address.to_string(), &trusted])
            .arg(&town)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(clients.stdout.take().unwrap()).lines();
        let mut rss = || lines.next().unwrap().map(|_| rss_bytes()).unwrap();
        let (first, all) = (rss(), rss());
        let bytes = (all as f64 - first as f64) / (count - WARM_UP) as f64;
        println!("{count} idle clients, {what}: {bytes:.0} B each");
        drop(clients.stdin.take());
        clients.wait().unwrap();
    }
    house.close(Duration::from_secs(30)).await;
}

/// Connections that are open before memory is looked at.
const WARM_UP: usize = 200;

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Opens the town's clients, says when the first and when all are there, and stays until told.
async fn clients(count: usize, address: &str, trusted: &str, town: &str) {
    let connector = (!trusted.is_empty()).then(|| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    });
    let town = std::fs::read_to_string(town).unwrap();
    let mut open: Vec<Box<dyn Stream>> = Vec::new();
    for line in town.lines().filter(|line| line.contains("/load,")).take(count) {
        let fields: Vec<&str> = line.split(',').collect();
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream: Box<dyn Stream> = match &connector {
            None => Box::new(stream),
            Some(connector) => {
                let name = ServerName::try_from("localhost").unwrap();
                Box::new(connector.connect(name, stream).await.unwrap())
            }
        };
        let id = format!("client-{}", open.len());
        let mut connect = Connect::new(Version::V311, &id, 0);
        (connect.username, connect.password) = (Some(fields[4]), Some(fields[5].as_bytes()));
        let mut bytes = Vec::new();
        encode(Version::V311, &Packet::Connect(Box::new(connect)), &mut bytes).unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut connack = [0; 4];
        stream.read_exact(&mut connack).await.unwrap();
        assert_eq!(connack, [0x20, 2, 0, 0]);
        open.push(stream);
        if open.len() == WARM_UP || open.len() == count {
            tokio::time::sleep(Duration::from_secs(1)).await;
            println!("{} are open", open.len());
        }
    }
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[tokio::main]
async fn main() {
    // Cargo adds a `--bench` of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let count = words.get(1).map_or(100_000, |word| word.parse().unwrap());
    match words.first().map(String::as_str) {
        Some("links") => links(count).await,
        Some("restart") => restart(count).await,
        Some("tls") => tls(count).await,
        Some("clients") => clients(count, &words[2], &words[3], &words[4]).await,
        _ => println!("links N | restart N | tls N"),
    }
}

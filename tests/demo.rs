//! The demo as a person meets it: the binary, its terminal, its REST interface, its devices.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);
const OWN: &str = "Your own thermometer";

/// A demo that runs, killed when the test is over.
struct Demo {
    process: Child,
    lines: Receiver<String>,
    http: String,
    token: String,
    password: String,
    said: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Demo {
    /// Runs it in `folder`, which also takes its temporary files, until it has shown everything.
    fn start(folder: &Path, arguments: &[&str], ports: (u16, u16)) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hearth"))
            .arg("demo")
            .args(arguments)
            .current_dir(folder)
            .env("TMPDIR", folder)
            .env("HEARTH__HTTP__LISTEN", format!("127.0.0.1:{}", ports.0))
            .env("HEARTH__MQTT__LISTEN", format!("127.0.0.1:{}", ports.1))
            .env("HEARTH__AUTH__ARGON2_KIB", "64")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (tell, lines) = channel();
        std::thread::Builder::new()
            .spawn(move || stdout.lines().map_while(Result::ok).all(|line| tell.send(line).is_ok()))
            .unwrap();
        let (http, token, password) = (String::new(), String::new(), String::new());
        let mut demo = Self { process, lines, http, token, password, said: String::new() };
        while !demo.said.contains("Ctrl-C stops") {
            let line = demo.lines.recv_timeout(SOON).expect("the demo speaks");
            if let Some(bound) = line.strip_prefix("ready http=") {
                bound.split(' ').next().unwrap().clone_into(&mut demo.http);
            }
            if let Some(password) = line.trim().strip_prefix("password ") {
                password.trim().clone_into(&mut demo.password);
            }
            demo.said.push_str(&line);
            demo.said.push('\n');
        }
        demo
    }

    fn sign_in(&mut self) {
        let login = json!({"username": "demo", "password": self.password});
        let answer = self.ask("POST", "/auth/login", &login);
        answer["access_token"].as_str().expect("a token").clone_into(&mut self.token);
    }

    /// One request by hand: the test needs no more of HTTP than this.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.http).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n\
             {body}",
            self.http,
            self.token,
            body.len(),
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{method} {path}: {answer}"))
    }

    fn devices(&self) -> Vec<Value> {
        self.ask("GET", "/devices", &json!(null)).as_array().unwrap().clone()
    }

    /// The first device of a kind.
    fn a(&self, kind: &str) -> Value {
        self.devices().into_iter().find(|device| device["kind"] == kind).unwrap()
    }

    fn command(&self, device: &Value, desired: &Value) {
        let path = format!("/devices/{}", device["id"]);
        let answer = self.ask("PATCH", &path, &json!({ "desired": desired }));
        assert!(answer["rev"].is_u64(), "{answer}");
    }

    /// Looks at a device until it is as it should be.
    fn eventually(&self, device: &Value, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let id = device["id"].to_string();
        let (path, until) = (format!("/devices/{}", id.trim_matches('"')), Instant::now() + SOON);
        loop {
            let now = self.ask("GET", &path, &json!(null));
            if is(&now) {
                return now;
            }
            assert!(Instant::now() < until, "never {what}: {now}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ctrl-C.
    fn interrupt(mut self) -> ExitStatus {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let until = Instant::now() + SOON;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The temporary stores in a folder.
fn stores(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().contains("hearth-demo-")).collect()
}

#[test]
fn a_demo_shows_devices_that_obey_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path(), &["--speed", "120"], (0, 0));
    assert_eq!(stores(folder.path()).len(), 1);
    demo.sign_in();
    for device in demo.devices() {
        assert_eq!(device["connected"], device["description"] != OWN, "{device}");
        assert!(device.get("problem").is_none_or(Value::is_null), "{device}");
    }

    let bulb = demo.a("light");
    demo.command(&bulb, &json!({"on": true, "brightness": 37}));
    demo.eventually(&bulb, "as bright as asked for", |bulb| bulb["reported"]["brightness"] == 37);
    let commands = json!({"id": format!("{}/commands", bulb["id"])});
    demo.eventually(&commands, "applied", |commands| commands[0]["phase"] == "applied");

    let cooker = demo.a("sous_vide");
    let cold = cooker["reported"]["water_c"].as_f64().expect("a temperature");
    demo.command(&cooker, &json!({"heating": true, "target_c": 50.0, "timer_s": 600}));
    demo.eventually(&cooker, "warmer", |cooker| {
        cooker["reported"]["water_c"].as_f64().is_some_and(|water| water > cold + 5.0)
    });

    assert_eq!(demo.interrupt().code(), Some(0));
    assert!(stores(folder.path()).is_empty());
}

#[test]
fn a_demo_that_is_kept_is_the_same_the_second_time_and_gives_way_on_its_port() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let first = Demo::start(folder.path(), &["--data", &data], (0, 0));
    let (password, said) = (first.password.clone(), first.said.clone());
    assert_eq!(first.interrupt().code(), Some(0));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut second = Demo::start(folder.path(), &["--data", &data], (port, port));
    assert_ne!(second.http, format!("127.0.0.1:{port}"));
    assert_eq!(second.password, password);
    second.sign_in();
    let devices = second.devices();
    let online = devices.iter().filter(|device| device["connected"] == true).count();
    assert_eq!(online + 1, devices.len(), "{devices:?}");
    let own = devices.iter().find(|device| device["description"] == OWN).unwrap();
    assert!(said.contains(&format!("devices/{}/state", own["id"])), "{said}");
    let mut backup = Command::new(env!("CARGO_BIN_EXE_hearth"));
    backup.args(["backup", "--data", &data, "--to", "copy"]).current_dir(folder.path());
    let made = backup.output().unwrap();
    assert!(made.status.success(), "while it runs: {made:?}");
    assert!(folder.path().join("copy/control.image").is_file());
    assert_eq!(second.interrupt().code(), Some(0));
}

#[test]
fn a_demo_moves_into_no_house_that_is_somebody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let hearth = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
        command.args(arguments).arg("--data").arg(folder.path()).current_dir(folder.path());
        for door in ["HEARTH__HTTP__LISTEN", "HEARTH__MQTT__LISTEN"] {
            command.env(door, "127.0.0.1:0");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut add = hearth(&["user", "add", "anna"]);
    add.stdin.take().unwrap().write_all(b"warm and dry feet\n").unwrap();
    assert!(add.wait().unwrap().success());
    let refused = hearth(&["demo"]).wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(words.contains("is not a demo's"), "{words}");
}

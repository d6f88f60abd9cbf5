//! The server as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hearth::store::{Batch, Store};

/// The binary, with cheap passwords and free ports.
pub fn hearth(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
    command
        .current_dir(folder)
        .env("HEARTH__HTTP__LISTEN", "127.0.0.1:0")
        .env("HEARTH__MQTT__LISTEN", "127.0.0.1:0")
        .env("HEARTH__AUTH__ARGON2_KIB", "8")
        .env("HEARTH__AUTH__ARGON2_PASSES", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// A running server.
pub struct Server {
    pub child: Child,
    pub http: SocketAddr,
    pub mqtt: SocketAddr,
    pub mqtts: Option<SocketAddr>,
    /// What it printed before it was ready.
    pub said: Vec<String>,
}

impl Server {
    pub fn start(folder: &Path) -> Self {
        Self::of(hearth(folder).arg("serve").spawn().unwrap())
    }

    pub fn of(mut child: Child) -> Self {
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(ready) = line.strip_prefix("ready ") {
                let address = |name: &str| {
                    let word = ready.split(' ').find_map(|word| word.strip_prefix(name));
                    word.map(|word| word.parse().unwrap())
                };
                let (http, mqtt) = (address("http=").unwrap(), address("mqtt=").unwrap());
                return Self { child, http, mqtt, mqtts: address("mqtts="), said };
            }
            said.push(line);
        }
        panic!("it ended before it was ready: {said:?}");
    }

    /// As a power cut would end it, but for the disk.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As an operator ends it.
    pub fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

/// Changes what is stored in the folder of a server that does not run.
pub async fn change_store(folder: &Path, change: impl FnOnce(&Store, &mut Batch)) {
    let (store, writer) = Store::open(&folder.join("data")).unwrap();
    let running = writer.clone();
    let thread = std::thread::spawn(move || running.run());
    let mut batch = Batch::new();
    change(&store, &mut batch);
    store.commit(batch).await.unwrap();
    writer.close();
    thread.join().unwrap();
}

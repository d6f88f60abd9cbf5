//! The server under test: started here on free ports, or one that runs already (`--pid`).

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::fleet::Doors;

/// A server is given this long to open its doors.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; one that was started here ends with this value.
pub(crate) struct Server {
    pub(crate) pids: Vec<u32>,
    pub(crate) doors: Doors,
    /// From its start until it said, or showed, that its doors are open; zero for one that ran.
    pub(crate) start: Duration,
    child: Option<Child>,
    folder: Option<PathBuf>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().and_then(|()| child.wait()).ok();
        }
        if let Some(folder) = &self.folder {
            fs::remove_dir_all(folder).ok();
        }
    }
}

/// Starts what `--server` names, or takes the one of `--pid`.
///
/// # Errors
/// When it cannot be started or doesn't open its doors in a minute.
pub(crate) fn start(arguments: &Arguments) -> io::Result<Server> {
    if !arguments.text("pid").is_empty() {
        let pids = arguments.text("pid").split(',').map(str::parse);
        return Ok(Server {
            pids: pids.collect::<Result<_, _>>().map_err(io::Error::other)?,
            doors: Doors { mqtt: arguments.value("mqtt")?, web: arguments.value("web")? },
            start: Duration::ZERO,
            child: None,
            folder: None,
        });
    }
    let folder = std::env::temp_dir().join(format!("hearth-load-{}", std::process::id()));
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder)?;
    match arguments.text("server") {
        "mosquitto" => mosquitto(folder),
        "floor" => floor(folder),
        "hearth" => hearth(arguments, folder),
        other => Err(io::Error::other(format!("--server {other} needs --pid, --mqtt and --web"))),
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn binary(arguments: &Arguments, default: &str) -> String {
    let given = arguments.text("binary");
    if given.is_empty() { default.to_owned() } else { given.to_owned() }
}

/// Mosquitto as its package comes, without log, without disk, and with Nagle's delay off, which
/// is to its advantage.
fn mosquitto(folder: PathBuf) -> io::Result<Server> {
    let doors = Doors { mqtt: free_address()?, web: free_address()? };
    let file = folder.join("mosquitto.conf");
    let config = format!(
        "allow_anonymous true\npersistence false\nlog_dest none\nset_tcp_nodelay true\n\
         listener {} 127.0.0.1\nlistener {} 127.0.0.1\nprotocol websockets\n",
        doors.mqtt.port(),
        doors.web.port()
    );
    fs::write(&file, config)?;
    let started = Instant::now();
    let mut command = Command::new("mosquitto");
    command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn()?;
    let pids = vec![child.id()];
    let mut server =
        Server { pids, doors, start: PATIENCE, child: Some(child), folder: Some(folder) };
    while TcpStream::connect(doors.web).is_err() {
        if started.elapsed() > PATIENCE {
            return Err(io::Error::other("mosquitto opened no door"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    server.start = started.elapsed();
    Ok(server)
}

fn floor(folder: PathBuf) -> io::Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["floor", "--mqtt", "127.0.0.1:0", "--web", "127.0.0.1:0"]);
    until_ready(command, folder)
}

/// Hearth on a copy of the town's store, so that every run finds the same.
fn hearth(arguments: &Arguments, folder: PathBuf) -> io::Result<Server> {
    let data = folder.join("data");
    if !arguments.text("town-folder").is_empty() {
        copy(Path::new(arguments.text("town-folder")), &data)?;
    }
    let binary = fs::canonicalize(binary(arguments, "target/release/hearth"))?;
    // In a folder without a config.toml: it runs with its embedded defaults.
    let mut command = Command::new(binary);
    command.current_dir(&folder);
    command.arg("serve").arg("--data").arg(&data);
    command.env("HEARTH__HTTP__LISTEN", "127.0.0.1:0").env("HEARTH__MQTT__LISTEN", "127.0.0.1:0");
    until_ready(command, folder)
}

/// Starts it and reads `ready http=ADDRESS mqtt=ADDRESS` from its standard output.
fn until_ready(mut command: Command, folder: PathBuf) -> io::Result<Server> {
    let log = fs::File::create(std::env::temp_dir().join("hearth-load-server.log"))?;
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn()?;
    let output = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
    let closed = Doors { mqtt: SocketAddr::from(([0; 4], 0)), web: SocketAddr::from(([0; 4], 0)) };
    let pids = vec![child.id()];
    let mut server =
        Server { pids, doors: closed, start: PATIENCE, child: Some(child), folder: Some(folder) };
    let mut lines = BufReader::new(output).lines();
    let ready = loop {
        let line = lines.next().ok_or_else(|| io::Error::other("the server ended at once"))??;
        if let Some(rest) = line.strip_prefix("ready ") {
            break rest.to_owned();
        }
    };
    server.start = started.elapsed();
    // Whatever else it prints is read, so that it never waits for a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    let door = |name: &str| {
        let found = ready.split(' ').find_map(|word| word.strip_prefix(name));
        found.and_then(|text| text.parse().ok()).ok_or_else(|| io::Error::other("no such door"))
    };
    server.doors = Doors { mqtt: door("mqtt=")?, web: door("http=")? };
    Ok(server)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

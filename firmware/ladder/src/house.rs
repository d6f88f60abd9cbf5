//! A real Hearth on a store of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::{Held, needed};

pub(crate) const NAME: &str = "ladder";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A server that runs until it is dropped.
pub(crate) struct House {
    data: PathBuf,
    process: Option<Child>,
    pub(crate) http: String,
    pub(crate) mqtt: String,
}

impl House {
    /// Makes a store with one account and opens the doors at free ports.
    pub(crate) fn open() -> Held<Self> {
        let data = std::env::temp_dir().join(format!("hearth-ladder-{}", std::process::id()));
        std::fs::create_dir_all(&data)?;
        let free = || "127.0.0.1:0".to_owned();
        let mut house = Self { data, process: None, http: free(), mqtt: free() };
        let mut user =
            house.command()?.args(["user", "add", NAME]).stdin(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = user.stdin.take() {
            writeln!(stdin, "{PASSWORD}")?;
        }
        if !user.wait()?.success() {
            return Err("hearth user add failed".into());
        }
        house.start()?;
        Ok(house)
    }

    /// Starts the server at the addresses it had.
    pub(crate) fn start(&mut self) -> Held {
        let mut process = self.command()?.arg("serve").stdout(Stdio::piped()).spawn()?;
        let out = process.stdout.take().ok_or("no output")?;
        self.process = Some(process);
        for line in BufReader::new(out).lines() {
            let line = line?;
            let Some(addresses) = line.strip_prefix("ready ") else { continue };
            for word in addresses.split(' ') {
                match word.split_once('=') {
                    Some(("http", at)) => self.http = at.to_owned(),
                    Some(("mqtt", at)) => self.mqtt = at.to_owned(),
                    _ => {}
                }
            }
            return Ok(());
        }
        Err("the server ended before it was ready".into())
    }

    /// Stops the server as an operator would.
    pub(crate) fn stop(&mut self) -> Held {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        Command::new("kill").args(["-TERM", &process.id().to_string()]).status()?;
        match process.wait()? {
            status if status.success() => Ok(()),
            status => Err(format!("the server stopped with {status}").into()),
        }
    }

    fn command(&self) -> Held<Command> {
        let mut command = Command::new(needed("HEARTH")?);
        command
            .arg("--data")
            .arg(&self.data)
            .current_dir(&self.data)
            .env("HEARTH__HTTP__LISTEN", &self.http)
            .env("HEARTH__MQTT__LISTEN", &self.mqtt)
            .stderr(std::fs::File::options().create(true).append(true).open(self.log())?);
        Ok(command)
    }

    fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill().unwrap_or_default();
            process.wait().map(drop).unwrap_or_default();
        }
        std::fs::remove_dir_all(&self.data).unwrap_or_default();
        if !std::thread::panicking() {
            std::fs::remove_file(self.log()).unwrap_or_default();
        }
    }
}

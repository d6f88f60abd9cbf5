//! The command line.

pub mod backup;
pub mod demo;
pub mod export;
pub mod gateway;
pub mod import;
pub mod operator;
pub mod portable;
pub mod restore;
pub mod serve;
pub mod simulate;
pub mod town;
pub mod user;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::kind::Kinds;
use crate::mqtt::tls::Tls;

/// An `IoT` device platform in one executable.
#[derive(Parser)]
#[command(name = "hearth", version, about)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(clap::Args, Clone)]
pub struct Common {
    /// Configuration file; without it `config.toml` here, if there is one, else the built-in one.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Folder of the store, in place of `store.path`.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server (the default).
    Serve,
    /// Shows a house with simulated devices: a store, a user and devices of its own.
    Demo(demo::Demo),
    /// Accounts; the password is read from the terminal or from standard input.
    #[command(subcommand)]
    User(user::User),
    /// Fills an empty store with accounts and devices for load tests.
    Town(town::Town),
    /// Copies everything that must survive, whether the server runs or not; prints the folder.
    Backup(backup::Backup),
    /// Restores a backup into a store that is missing or empty.
    Restore(restore::Restore),
    /// Writes everything as JSON lines and CSV, for people and other programs to read.
    Export(export::Export),
    /// Reads an export into a store that is missing or empty.
    Import(import::Import),
    /// Carries a board that only has a serial line to the server.
    Gateway(gateway::Gateway),
    /// Connects simulated devices to a server, until it is stopped.
    Simulate(simulate::Simulate),
    /// Checks the configuration and lists everything that is wrong with it.
    CheckConfig,
}

/// The process exits with this where the configuration is wrong.
pub const EXIT_CONFIG: u8 = 2;

/// A command failed because of the configuration; it has been said.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not valid")]
pub struct BadConfig;

/// Reads the arguments and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&args.common),
        Command::Demo(demo) => demo.run(&args.common),
        Command::User(user) => user.run(&args.common),
        Command::Town(town) => town.run(&args.common),
        Command::Backup(backup) => backup.run(&args.common),
        Command::Restore(restore) => restore.run(&args.common),
        Command::Export(export) => export.run(&args.common),
        Command::Import(import) => import.run(&args.common),
        Command::Gateway(gateway) => gateway.run(&args.common),
        Command::Simulate(simulate) => simulate.run(),
        Command::CheckConfig => check_config(&args.common),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<BadConfig>() => ExitCode::from(EXIT_CONFIG),
        Err(error) => {
            say(&format!("hearth: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn check_config(common: &Common) -> anyhow::Result<()> {
    let config = common.load(std::env::vars())?;
    load_kinds(&config)?;
    check_certificate(&config)?;
    print("the configuration is valid");
    Ok(())
}

impl Common {
    /// The folder of the store, where one was named.
    #[must_use]
    pub fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// The configuration; what is wrong with it goes to standard error, all of it.
    ///
    /// # Errors
    /// [`BadConfig`], or that a file can't be read.
    pub fn load(&self, env: impl Iterator<Item = (String, String)>) -> anyhow::Result<Config> {
        let here = Path::new("config.toml");
        let file = match &self.config {
            Some(path) => Some(path.as_path()),
            None => here.exists().then_some(here),
        };
        let text = match file {
            None => None,
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => Some(text),
                Err(error) => {
                    say(&format!("{}: {error}", path.display()));
                    return Err(BadConfig.into());
                }
            },
        };
        let name = file.map_or_else(String::new, |path| path.display().to_string());
        match Config::load(text.as_deref(), &name, env) {
            Ok(mut config) => {
                if let Some(data) = &self.data {
                    config.store.path.clone_from(data);
                }
                Ok(config)
            }
            Err(errors) => {
                for error in errors {
                    say(&error.to_string());
                }
                Err(BadConfig.into())
            }
        }
    }
}

/// The built-in kinds, and those in `kinds.path`.
///
/// # Errors
/// [`BadConfig`] with every fault on standard error, or that a file can't be read.
pub fn load_kinds(config: &Config) -> anyhow::Result<Kinds> {
    let folder = &config.kinds.path;
    let mut files = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let text =
                    std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                files.push((name.unwrap_or_default(), text));
            }
        }
    }
    files.sort();
    let too_large = |(name, text): &(String, String)| {
        (text.len() > config.kinds.file_bytes_max).then(|| format!("{name}: is too large"))
    };
    let mut faults: Vec<String> = files.iter().filter_map(too_large).collect();
    if files.len() > config.kinds.files_max {
        faults.push(format!("{}: more than {} files", folder.display(), config.kinds.files_max));
    }
    if faults.is_empty() {
        match Kinds::load(files) {
            Ok(kinds) => match unknown_kinds(config, &kinds) {
                none if none.is_empty() => return Ok(kinds),
                unknown => faults.extend(unknown),
            },
            Err(errors) => faults.extend(errors.iter().map(ToString::to_string)),
        }
    }
    for fault in faults {
        say(&fault);
    }
    Err(BadConfig.into())
}

/// Whether the files for MQTT over TLS, if they are named, can be used.
///
/// # Errors
/// [`BadConfig`] with the fault on standard error.
pub fn check_certificate(config: &Config) -> anyhow::Result<()> {
    Tls::load(&config.mqtt).map(drop).map_err(|fault| {
        say(&fault.to_string());
        BadConfig.into()
    })
}

/// Kinds that the configuration speaks of and nobody knows.
fn unknown_kinds(config: &Config, kinds: &Kinds) -> Vec<String> {
    let named = config.stats.kind_days.iter().map(|days| &days.kind);
    let unknown = named.filter(|kind| kinds.get(kind).is_none());
    unknown.map(|kind| format!("stats.kind_days: there is no kind {kind}")).collect()
}

/// Says something to the operator, on standard error.
#[expect(clippy::print_stderr, reason = "the command line speaks to its user")]
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints a line that others may read, on standard output.
#[expect(clippy::print_stdout, reason = "the command line speaks to its user")]
pub fn print(text: &str) {
    println!("{text}");
}

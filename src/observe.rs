//! What the server says about itself: log lines, their tail for the admin page, and metrics.
//!
//! Messages are lower-case sentences with their values as fields; payloads and tokens are never
//! logged. Standard output stays free for the ready line.

pub mod metrics;
mod tail;

use std::io::IsTerminal;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

pub use metrics::{Metrics, metrics};
pub use tail::{LogLine, log_tail};

use crate::config::section::Log;

/// Libraries that speak too much of what is theirs. ractor opens a span per actor at `info`: with
/// that, an idle actor would cost 340 bytes more.
const QUIET: [&str; 6] = ["ractor", "sled", "hyper", "rustls", "rumqttc", "tungstenite"];

/// Starts logging to standard error: text on a terminal, JSON otherwise, unless told.
///
/// # Errors
/// When something else logs already.
pub fn start(log: &Log) -> Result<(), TryInitError> {
    let terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        "json" => true,
        "text" => false,
        _ => !terminal,
    };
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(terminal);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_target(false).boxed()
    };
    let chosen = filter(log.level);
    let both = lines.and_then(tail::Tail).with_filter(chosen);
    tracing_subscriber::registry().with(both).try_init()
}

fn filter(level: &str) -> Targets {
    let level = LevelFilter::from_str(level).unwrap_or(LevelFilter::INFO);
    let quiet = QUIET.map(|library| (library, level.min(LevelFilter::WARN)));
    Targets::new().with_default(level).with_targets(quiet)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn our_lines_pass_at_the_level_and_a_librarys_only_as_warnings() {
        let filter = filter("debug");
        assert!(filter.would_enable("hearth::device", &Level::DEBUG));
        assert!(!filter.would_enable("ractor::actor", &Level::INFO));
        assert!(filter.would_enable("ractor::actor", &Level::WARN));
        let filter = super::filter("error");
        assert!(!filter.would_enable("ractor::actor", &Level::WARN));
    }
}

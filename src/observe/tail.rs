//! The last log lines, for the admin page.

use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines remembered, and the longest of them in bytes: at most 200 KB together.
const LINES_MAX: usize = 200;
const LINE_BYTES_MAX: usize = 1_000;

static LINES: Mutex<VecDeque<LogLine>> = Mutex::new(VecDeque::new());

/// One remembered log line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LogLine {
    /// Unix milliseconds, UTC.
    pub at_ms: u64,
    /// `ERROR` to `TRACE`.
    pub level: &'static str,
    /// Message and fields.
    pub text: String,
}

/// The last 200 log lines, oldest first.
#[must_use]
pub fn log_tail() -> Vec<LogLine> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

/// Remembers what passes.
pub(super) struct Tail;

impl<S: Subscriber> Layer<S> for Tail {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = LogLine {
            at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            level: level(*event.metadata().level()),
            text: text.0,
        };
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.0.len() >= LINE_BYTES_MAX {
            return;
        }
        let gap = if self.0.is_empty() { "" } else { " " };
        let written = match field.name() {
            "message" => write!(self.0, "{gap}{value:?}"),
            name => write!(self.0, "{gap}{name}={value:?}"),
        };
        written.ok(); // writing to a String can't fail
        if self.0.len() > LINE_BYTES_MAX {
            let fits = |(start, c): &(usize, char)| start + c.len_utf8() <= LINE_BYTES_MAX;
            self.0 = self.0.char_indices().take_while(fits).map(|(_, c)| c).collect();
        }
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn the_tail_keeps_the_last_lines_with_their_fields_and_no_more() {
        let subscriber = tracing_subscriber::registry().with(Tail);
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..LINES_MAX + 5 {
                tracing::info!(number, "a line");
            }
            tracing::warn!(child = %"x".repeat(5_000), "failed");
        });
        let lines = log_tail();
        assert_eq!(lines.len(), LINES_MAX);
        let last = &lines[LINES_MAX - 1];
        assert!(last.text.len() <= LINE_BYTES_MAX && last.text.starts_with("failed child=xxx"));
        assert_eq!((last.level, lines[0].text.as_str()), ("WARN", "a line number=6"));
    }
}

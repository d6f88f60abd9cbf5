//! Metrics: named atomics, rendered as Prometheus text (exposition format 0.0.4).
//!
//! Labels are part of a name and few: one series is one static, an increment is one relaxed add.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Counts events; only rises. A cache line of its own, because every thread counts.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts some.
    pub fn add(&self, events: u64) {
        self.0.fetch_add(events, Ordering::Relaxed);
    }

    /// So many so far, counted elsewhere.
    pub fn reach(&self, events: u64) {
        self.0.fetch_max(events, Ordering::Relaxed);
    }

    /// Events so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are now.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// One more.
    pub fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn dec(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many.
    pub fn set(&self, level: i64) {
        self.0.store(level, Ordering::Relaxed);
    }

    /// How many now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the buckets in microseconds: about half a decade each, from what a mailbox
/// takes to what a person gives up on.
const BOUNDS_US: [u64; 11] =
    [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];

/// How long something took.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    /// Notes one duration.
    pub fn observe(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().zip(&self.buckets).find(|(bound, _)| took_us <= **bound);
        if let Some((_, bucket)) = bucket {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(took_us, Ordering::Relaxed);
    }
}

/// One series as text, without its heading.
trait Series {
    /// `counter`, `gauge` or `histogram`.
    fn kind(&self) -> &'static str;

    /// Its samples.
    fn write(&self, name: &str, text: &mut String) -> std::fmt::Result;
}

impl Series for Counter {
    fn kind(&self) -> &'static str {
        "counter"
    }

    fn write(&self, name: &str, text: &mut String) -> std::fmt::Result {
        writeln!(text, "{name} {}", self.get())
    }
}

impl Series for Gauge {
    fn kind(&self) -> &'static str {
        "gauge"
    }

    fn write(&self, name: &str, text: &mut String) -> std::fmt::Result {
        writeln!(text, "{name} {}", self.get())
    }
}

impl Series for Histogram {
    fn kind(&self) -> &'static str {
        "histogram"
    }

    fn write(&self, name: &str, text: &mut String) -> std::fmt::Result {
        let seconds = |us: u64| Duration::from_micros(us).as_secs_f64();
        let mut below = 0_u64;
        for (bound, bucket) in BOUNDS_US.iter().zip(&self.buckets) {
            below = below.saturating_add(bucket.load(Ordering::Relaxed));
            writeln!(text, "{name}_bucket{{le=\"{}\"}} {below}", seconds(*bound))?;
        }
        // Two threads may be between the adds: a total below a bucket would not be cumulative.
        let count = self.count.load(Ordering::Relaxed).max(below);
        writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
        writeln!(text, "{name}_sum {}", seconds(self.sum_us.load(Ordering::Relaxed)))?;
        writeln!(text, "{name}_count {count}")
    }
}

/// One field per series. Series of one name stand together; the first one's words head them all.
macro_rules! series {
    ($($(#[doc = $help:literal])+ $field:ident: $Series:ty = $name:literal,)+) => {
        /// Everything that is counted.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(#[doc = $help])+ pub $field: $Series,)+
        }

        impl Metrics {
            /// Name, help and value of every series.
            fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, &dyn Series)> {
                let all: Vec<(&str, &str, &dyn Series)> =
                    vec![$(($name, concat!($($help),+), &self.$field),)+];
                all.into_iter()
            }
        }
    };
}

series! {
    /// HTTP requests answered.
    http_requests: Counter = "hearth_http_requests_total",
    /// HTTP requests answered with a 5xx status.
    http_errors: Counter = "hearth_http_errors_total",
    /// Browser tabs connected.
    tabs: Gauge = "hearth_tabs",
    /// Frames sent to browsers.
    frames_sent: Counter = "hearth_frames_sent_total",
    /// Tabs closed because they could not keep up.
    tabs_slow: Counter = "hearth_tabs_slow_total",
    /// Tabs closed because their user opened too many others.
    tabs_surplus: Counter = "hearth_tabs_surplus_total",
    /// What people were refused because they have as many as may be.
    limited_devices: Counter = "hearth_limited_total{limit=\"devices\"}",
    /// What people were refused because they have as many as may be.
    limited_grants: Counter = "hearth_limited_total{limit=\"grants\"}",
    /// What people were refused because they have as many as may be.
    limited_tokens: Counter = "hearth_limited_total{limit=\"tokens\"}",
    /// What people were refused because they have as many as may be.
    limited_clients: Counter = "hearth_limited_total{limit=\"clients\"}",
    /// Failed sign-ins, by door.
    sign_in_failures_http: Counter = "hearth_sign_in_failures_total{door=\"http\"}",
    /// Failed sign-ins, by door.
    sign_in_failures_mqtt: Counter = "hearth_sign_in_failures_total{door=\"mqtt\"}",
    /// MQTT connections open.
    mqtt_links: Gauge = "hearth_mqtt_links",
    /// MQTT connections accepted with a CONNACK.
    mqtt_connects: Counter = "hearth_mqtt_connects_total",
    /// MQTT connections or packets refused.
    mqtt_refused: Counter = "hearth_mqtt_refused_total",
    /// TLS handshakes that failed or took too long.
    tls_handshakes_failed: Counter = "hearth_tls_handshakes_failed_total",
    /// TLS connections closed because too many handshakes were under way.
    tls_handshakes_refused: Counter = "hearth_tls_handshakes_refused_total",
    /// Certificates that were to be read again and could not be used.
    tls_reloads_failed: Counter = "hearth_tls_reloads_failed_total",
    /// MQTT connections turned away before they signed in, by reason.
    turned_away_half_open: Counter = "hearth_mqtt_turned_away_total{reason=\"half_open\"}",
    /// MQTT connections turned away before they signed in, by reason.
    turned_away_address_half_open: Counter =
        "hearth_mqtt_turned_away_total{reason=\"address_half_open\"}",
    /// MQTT connections turned away before they signed in, by reason.
    turned_away_full: Counter = "hearth_mqtt_turned_away_total{reason=\"connections\"}",
    /// MQTT connections turned away before they signed in, by reason.
    turned_away_address_full: Counter =
        "hearth_mqtt_turned_away_total{reason=\"address_connections\"}",
    /// MQTT connections turned away before they signed in, by reason.
    turned_away_rate: Counter = "hearth_mqtt_turned_away_total{reason=\"rate\"}",
    /// MQTT connections turned away before they signed in, by reason.
    turned_away_address_rate: Counter = "hearth_mqtt_turned_away_total{reason=\"address_rate\"}",
    /// MQTT connections turned away before they signed in, by reason.
    turned_away_failed_sign_ins: Counter =
        "hearth_mqtt_turned_away_total{reason=\"failed_sign_ins\"}",
    /// Times that an MQTT connection was not read on because the house was behind.
    mqtt_pauses: Counter = "hearth_mqtt_pauses_total",
    /// PUBLISH packets received.
    mqtt_received: Counter = "hearth_mqtt_received_total",
    /// PUBLISH packets sent.
    mqtt_sent: Counter = "hearth_mqtt_sent_total",
    /// Messages dropped, by reason: they, or values in them, break the contract, or a queue was
    /// full.
    mqtt_dropped_contract: Counter = "hearth_mqtt_dropped_total{reason=\"contract\"}",
    /// Messages dropped, by reason: they break the contract, or a queue was full.
    mqtt_dropped_queue: Counter = "hearth_mqtt_dropped_total{reason=\"queue\"}",
    /// MQTT messages that were dropped, by reason.
    mqtt_dropped_expired: Counter = "hearth_mqtt_dropped_total{reason=\"expired\"}",
    /// MQTT messages that were dropped, by reason.
    mqtt_dropped_retained: Counter = "hearth_mqtt_dropped_total{reason=\"retained_full\"}",
    /// MQTT messages that were dropped, by reason.
    mqtt_dropped_commands: Counter = "hearth_mqtt_dropped_total{reason=\"commands\"}",
    /// MQTT messages that had to wait because as many as may be were on their way to the client.
    mqtt_held_back: Counter = "hearth_mqtt_held_back_total",
    /// MQTT sessions that wanted to outlive their connections for longer than they may.
    mqtt_expiry_shortened: Counter = "hearth_mqtt_session_expiry_shortened_total",
    /// MQTT connections that the server ended, by reason.
    mqtt_slow: Counter = "hearth_mqtt_ended_total{reason=\"slow\"}",
    /// MQTT connections that the server ended, by reason.
    mqtt_too_fast: Counter = "hearth_mqtt_ended_total{reason=\"too_fast\"}",
    /// MQTT connections that the server ended, by reason.
    mqtt_silent: Counter = "hearth_mqtt_ended_total{reason=\"silent\"}",
    /// MQTT connections that the server ended, by reason.
    mqtt_stuck: Counter = "hearth_mqtt_ended_total{reason=\"stuck\"}",
    /// What topic spaces refused their clients, by the limit that was reached.
    mqtt_sessions_refused: Counter = "hearth_mqtt_limited_total{limit=\"sessions\"}",
    /// What topic spaces refused their clients, by the limit that was reached.
    mqtt_subscriptions_refused: Counter = "hearth_mqtt_limited_total{limit=\"subscriptions\"}",
    /// From a command's acceptance to the device's report that it is applied.
    command_applied: Histogram = "hearth_command_applied_seconds",
    /// Commands that came to nothing: refused, expired, or their asker lost the right. A command
    /// that a newer one overtook is not among them.
    commands_failed: Counter = "hearth_commands_failed_total",
    /// Writes made durable.
    store_writes: Counter = "hearth_store_writes_total",
    /// Group commits, each with its flush to the disk.
    store_commit: Histogram = "hearth_store_commit_seconds",
    /// Checkpoints, each from its beginning until the engine has everything.
    store_checkpoint: Histogram = "hearth_store_checkpoint_seconds",
    /// Writes refused because the disk can't keep up or has failed.
    store_refused: Counter = "hearth_store_refused_total",
    /// Backups refused because there are as many as may be.
    backups_refused: Counter = "hearth_backups_refused_total",
    /// Backups given up because too much was written while they were made.
    backups_overrun: Counter = "hearth_backups_overrun_total",
    /// Entries of the audit taken away because there were too many, or they were too old.
    audit_dropped: Counter = "hearth_audit_dropped_total",
    /// Readings taken into history.
    stats_readings: Counter = "hearth_stats_readings_total",
    /// Readings that can't be kept: no number, too large, or of too many names.
    stats_refused: Counter = "hearth_stats_refused_total",
    /// Readings dropped, by reason: more came than the disk takes, or it was full or failed.
    stats_dropped_queue: Counter = "hearth_stats_dropped_total{reason=\"queue\"}",
    /// Readings dropped, by reason: more came than the disk takes, or it was full or failed.
    stats_dropped_disk: Counter = "hearth_stats_dropped_total{reason=\"disk\"}",
    /// Failed operations of history on the disk; all of them are repeated.
    stats_disk_errors: Counter = "hearth_stats_disk_errors_total",
    /// Chunks of history whose checksum was wrong.
    stats_damaged_chunks: Counter = "hearth_stats_damaged_chunks_total",
    /// Questions about history given up because too many others were being answered.
    stats_questions_refused: Counter = "hearth_stats_questions_refused_total",
    /// Downloads of history refused because so many were under way.
    stats_downloads_refused: Counter = "hearth_stats_downloads_refused_total",
    /// Readings in memory, which are in the log too.
    stats_open_readings: Gauge = "hearth_stats_open_readings",
    /// Series of readings in memory.
    stats_open_series: Gauge = "hearth_stats_open_series",
    /// Memory of the readings in it.
    stats_memory_bytes: Gauge = "hearth_stats_memory_bytes",
    /// Size of history's logs.
    stats_log_bytes: Gauge = "hearth_stats_log_bytes",
    /// Size of history's segments.
    stats_segment_bytes: Gauge = "hearth_stats_segment_bytes",
    /// Segments of history, each an open file.
    stats_segments: Gauge = "hearth_stats_segments",
    /// Devices whose link is open.
    devices_online: Gauge = "hearth_devices_online",
    /// Device, session and space actors that failed.
    child_faults: Counter = "hearth_child_faults_total",
    /// Times that an actor was put into quarantine.
    child_quarantines: Counter = "hearth_child_quarantines_total",
    /// Actors killed by an administrator.
    kills: Counter = "hearth_kills_total",
    /// Restarts of a room of the house.
    room_restarts: Counter = "hearth_room_restarts_total",
    /// Connections that ended by a panic.
    task_panics: Counter = "hearth_task_panics_total",
    /// Announcements in topic spaces (Home Assistant's discovery), or parts of them, that are not
    /// understood or that no kind fits.
    announced_in_vain: Counter = "hearth_announced_in_vain_total",
    /// Connections refused because of a limit.
    tasks_refused: Counter = "hearth_tasks_refused_total",
}

/// The metrics of this process.
#[must_use]
pub fn metrics() -> &'static Metrics {
    static METRICS: std::sync::LazyLock<Metrics> = std::sync::LazyLock::new(Metrics::default);
    &METRICS
}

impl Metrics {
    /// All series as Prometheus text, with the memory the process holds where that is known.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(8 * 1024);
        self.write(&mut text).ok(); // writing to a String can't fail, here and below
        if let Some(bytes) = resident_bytes() {
            let name = "process_resident_memory_bytes";
            let heading = format!("# HELP {name} Memory in use.\n# TYPE {name} gauge");
            writeln!(text, "{heading}\n{name} {bytes}").ok();
        }
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let mut heading = "";
        for (series, help, value) in self.all() {
            let name = series.split('{').next().unwrap_or(series);
            if name != heading {
                writeln!(text, "# HELP {name}{help}")?;
                writeln!(text, "# TYPE {name} {}", value.kind())?;
                heading = name;
            }
            value.write(series, text)?;
        }
        Ok(())
    }
}

/// Resident memory as Linux tells it (proc(5), `VmRSS`).
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_one_name_share_one_heading() {
        let metrics = Metrics::default();
        metrics.sign_in_failures_http.add(2);
        metrics.sign_in_failures_mqtt.inc();
        metrics.tabs.set(5);
        metrics.tabs.dec();
        let text = metrics.render();
        let expected = "\
# HELP hearth_sign_in_failures_total Failed sign-ins, by door.
# TYPE hearth_sign_in_failures_total counter
hearth_sign_in_failures_total{door=\"http\"} 2
hearth_sign_in_failures_total{door=\"mqtt\"} 1
";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("\n# TYPE hearth_tabs gauge\nhearth_tabs 4\n"), "{text}");
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_everything() {
        let histogram = Histogram::default();
        for took_us in [50, 100, 2_000, 60_000_000] {
            histogram.observe(Duration::from_micros(took_us));
        }
        let mut text = String::new();
        histogram.write("t", &mut text).unwrap();
        for line in [
            "t_bucket{le=\"0.0001\"} 2",
            "t_bucket{le=\"0.001\"} 2",
            "t_bucket{le=\"0.003\"} 3",
            "t_bucket{le=\"10\"} 3",
            "t_bucket{le=\"+Inf\"} 4",
            "t_sum 60.00215",
            "t_count 4",
        ] {
            assert!(text.lines().any(|said| said == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn every_line_is_a_comment_or_a_sample_and_no_series_comes_twice() {
        let text = Metrics::default().render();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let mut names: Vec<&str> = samples
            .iter()
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
                name
            })
            .collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

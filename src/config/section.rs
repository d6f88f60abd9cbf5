//! Every section and key: its type, and what it may be. `config.toml` says what each is for.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::rule::{
    KindDays, address, count, ip_addresses, kind_days, millis, one_of, optional_address,
    optional_origin, optional_path, optional_text, origins, path, seconds, texts, truth,
};
use super::{ConfigError, Layers};
use crate::supervision::restart::{Intensity, Patience, Restart};
use crate::throttle::SignInLimits;

/// One struct per section, one field per key, and the reading of both.
macro_rules! sections {
    ($($(#[$doc:meta])* $section:ident: $Section:ident {
        $($key:ident: $Type:ty = $rule:expr,)+
    })+) => {
        /// The whole configuration.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Config {
            $($(#[$doc])* pub $section: $Section,)+
        }

        impl Config {
            /// Reads every key, so that every error is noted, before it gives up.
            pub(super) fn read(layers: &mut Layers<'_>) -> Option<Self> {
                $(let $section = $Section::read(layers);)+
                Some(Self { $($section: $section?,)+ })
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $Section {
                $(
                    #[doc = concat!("`", stringify!($section), ".", stringify!($key), "`.")]
                    pub $key: $Type,
                )+
            }

            impl $Section {
                fn read(layers: &mut Layers<'_>) -> Option<Self> {
                    $(let $key = layers.value(stringify!($section), stringify!($key), &$rule);)+
                    Some(Self { $($key: $key?,)+ })
                }
            }
        )+
    };
}

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;
const DAY_S: i64 = 86_400;
const YEAR_S: i64 = 366 * DAY_S;

sections! {
    /// The page, the REST interface and the WebSocket.
    http: Http {
        listen: SocketAddr = address(),
        public_url: Option<String> = optional_origin(),
        allowed_origins: Vec<String> = origins(),
        trusted_proxies: Vec<IpAddr> = ip_addresses(),
        connections_max: usize = count(1..=10_000_000),
        body_bytes_max: usize = count(KIB..=64 * MIB),
        request_s_max: Duration = seconds(1..=600),
        tabs_max: usize = count(1..=10_000),
        frame_bytes_max: usize = count(KIB..=16 * MIB),
        ping_s: Duration = seconds(1..=3_600),
        address_rate_max: u32 = count(1..=10_000_000),
        address_burst_max: u32 = count(1..=10_000_000),
        user_rate_max: u32 = count(1..=10_000_000),
        user_burst_max: u32 = count(1..=10_000_000),
        token_rate_max: u32 = count(1..=10_000_000),
        token_burst_max: u32 = count(1..=10_000_000),
    }
    /// The door for devices and for clients of topic spaces.
    mqtt: Mqtt {
        listen: SocketAddr = address(),
        tls_listen: Option<SocketAddr> = optional_address(),
        tls_certificate: Option<PathBuf> = optional_path(),
        tls_key: Option<PathBuf> = optional_path(),
        tls_client_ca: Option<PathBuf> = optional_path(),
        tls_watch_s: Duration = seconds(1..=DAY_S),
        tls_handshakes_max: usize = count(1..=1_000_000),
        anonymous_user: Option<String> = optional_text(64),
        connections_max: usize = count(1..=10_000_000),
        address_connections_max: usize = count(1..=10_000_000),
        half_open_max: usize = count(1..=10_000_000),
        address_half_open_max: usize = count(1..=10_000_000),
        connect_rate_max: u32 = count(1..=10_000_000),
        connect_burst_max: u32 = count(1..=10_000_000),
        address_connect_rate_max: u32 = count(1..=10_000_000),
        address_connect_burst_max: u32 = count(1..=10_000_000),
        connect_s_max: Duration = seconds(1..=300),
        keepalive_s_max: u16 = count(1..=65_535),
        write_stuck_s_max: Duration = seconds(1..=3_600),
        receive_maximum: u16 = count(1..=65_535),
        topic_alias_maximum: u16 = count(0..=65_535),
        refused_filters: Vec<String> = texts(),
        connect_bytes_max: usize = count(256..=MIB),
        packet_bytes_max: usize = count(KIB..=268_435_455),
        topic_levels_max: usize = count(4..=65_535),
        topic_bytes_max: usize = count(64..=65_535),
        client_id_bytes_max: usize = count(23..=65_535),
        user_properties_max: usize = count(0..=65_535),
        user_properties_bytes_max: usize = count(0..=16 * MIB),
        filters_max: usize = count(1..=65_535),
        permits_max: u32 = count(1..=65_535),
    }
    /// Topic spaces: what one user's MQTT clients may hold and do.
    spaces: Spaces {
        sessions_max: usize = count(1..=100_000),
        subscriptions_max: usize = count(1..=100_000),
        session_expiry_s_max: u32 = count(0..=4_294_967_294),
        retained_messages_max: usize = count(0..=1_000_000),
        retained_bytes_max: usize = count(0..=KIB * MIB),
        in_flight_max: u16 = count(1..=1_000),
        queue_messages_max: usize = count(0..=1_000_000),
        queue_bytes_max: usize = count(0..=KIB * MIB),
        queue_age_s_max: u32 = count(1..=4_294_967_294),
        unwritten_messages_max: usize = count(10..=1_000_000),
        unwritten_bytes_max: usize = count(KIB..=KIB * MIB),
        client_rate_max: u32 = count(1..=10_000_000),
        client_burst_max: u32 = count(1..=10_000_000),
        space_rate_max: u32 = count(1..=10_000_000),
        space_burst_max: u32 = count(1..=10_000_000),
        commands_max: usize = count(1..=1_000_000),
    }
    /// Where everything that must survive is kept.
    store: Store {
        path: PathBuf = path(),
    }
    /// People signing in.
    auth: Auth {
        open_registration: bool = truth(),
        access_token_s: Duration = seconds(10..=DAY_S),
        refresh_token_s: Duration = seconds(60..=YEAR_S),
        ticket_s: Duration = seconds(1..=600),
        password_chars_min: usize = count(1..=128),
        password_bytes_max: usize = count(64..=64 * KIB),
        argon2_kib: u32 = count(8..=4_194_304),
        argon2_passes: u32 = count(1..=100),
        argon2_threads: usize = count(1..=256),
        argon2_queue_max: usize = count(1..=65_536),
        account_failures_max: u32 = count(1..=1_000_000),
        address_failures_max: u32 = count(1..=1_000_000),
        failures_window_s: Duration = seconds(1..=DAY_S),
        failures_entries_max: usize = count(1_000..=10_000_000),
        logins_max: usize = count(1..=10_000),
        clients_max: usize = count(1..=100_000),
        tokens_max: usize = count(1..=1_000),
    }
    /// Who did what, when and from where.
    audit: Audit {
        rows_max: usize = count(1..=100_000),
        days: u32 = count(1..=36_600),
    }
    /// Kinds that an operator adds.
    kinds: Kinds {
        path: PathBuf = path(),
        files_max: usize = count(0..=10_000),
        file_bytes_max: usize = count(KIB..=16 * MIB),
    }
    /// History and its roll-ups.
    stats: Stats {
        history_loss_s_max: u32 = count(1..=3_600),
        raw_days: u32 = count(1..=36_600),
        minute_days: u32 = count(1..=36_600),
        hour_days: u32 = count(0..=36_600),
        queue_readings_max: usize = count(1_024..=100_000_000),
        generation_readings_max: u64 = count(10_000..=1_000_000_000),
        points_max: usize = count(100..=100_000),
        queries_max: usize = count(1..=1_024),
        downloads_max: usize = count(1..=1_024),
        kind_days: Vec<KindDays> = kind_days(),
    }
    /// Copies of everything that must survive.
    backup: Backup {
        path: PathBuf = path(),
        kept_max: usize = count(1..=100_000),
    }
    /// How much there may be of everything.
    limits: Limits {
        devices_max: usize = count(1..=1_000_000),
        live_devices_max: usize = count(1..=100_000_000),
        live_sessions_max: usize = count(1..=100_000_000),
        live_spaces_max: usize = count(1..=100_000_000),
        grants_max: usize = count(0..=10_000),
        session_idle_s: Duration = seconds(0..=DAY_S),
        device_idle_s: Duration = seconds(0..=DAY_S),
        call_ms_max: Duration = millis(10..=60_000),
    }
    /// What is restarted, how often, and when it is given up.
    supervision: Supervision {
        restarts_max: usize = count(0..=1_000),
        restarts_window_s: Duration = seconds(1..=DAY_S),
        shards: usize = count(1..=256),
        backoff_ms: Duration = millis(1..=600_000),
        backoff_ms_max: Duration = millis(1..=3_600_000),
        faults_max: usize = count(1..=1_000),
        faults_window_s: Duration = seconds(1..=DAY_S),
        quarantine_s: Duration = seconds(1..=DAY_S),
        quarantine_s_max: Duration = seconds(1..=DAY_S),
        well_s: Duration = seconds(1..=DAY_S),
    }
    /// The way out.
    drain: Drain {
        deadline_s: Duration = seconds(1..=600),
        connections_s: Duration = seconds(0..=600),
        children_s: Duration = seconds(0..=600),
        reconnect_ms_max: Duration = millis(0..=600_000),
    }
    /// What the server says about itself.
    log: Log {
        level: &'static str = one_of(&["error", "warn", "info", "debug", "trace"]),
        format: &'static str = one_of(&["auto", "text", "json"]),
    }
}

impl Config {
    /// Keys that are right by themselves but not together.
    pub(super) fn contradictions(&self) -> Vec<ConfigError> {
        let Self { mqtt, supervision, drain, .. } = self;
        let parts = drain.connections_s.saturating_add(drain.children_s);
        let rules = [
            (
                mqtt.tls_listen.is_some() && mqtt.tls_certificate.is_none(),
                "mqtt.tls_certificate",
                "must name a file, because mqtt.tls_listen is set",
            ),
            (
                mqtt.tls_listen.is_some() && mqtt.tls_key.is_none(),
                "mqtt.tls_key",
                "must name a file, because mqtt.tls_listen is set",
            ),
            (
                mqtt.connect_bytes_max > mqtt.packet_bytes_max,
                "mqtt.connect_bytes_max",
                "must not be above mqtt.packet_bytes_max",
            ),
            (
                supervision.backoff_ms > supervision.backoff_ms_max,
                "supervision.backoff_ms",
                "must not be above supervision.backoff_ms_max",
            ),
            (
                supervision.quarantine_s > supervision.quarantine_s_max,
                "supervision.quarantine_s",
                "must not be above supervision.quarantine_s_max",
            ),
            (
                parts > drain.deadline_s,
                "drain.deadline_s",
                "must not be below drain.connections_s and drain.children_s together",
            ),
        ];
        let broken = rules.into_iter().filter(|(broken, ..)| *broken);
        broken.map(|(_, key, reason)| contradiction(key, reason)).collect()
    }
}

impl Auth {
    /// How many sign-ins may fail.
    #[must_use]
    pub fn sign_in_limits(&self) -> SignInLimits {
        SignInLimits {
            name_failures_max: self.account_failures_max,
            address_failures_max: self.address_failures_max,
            window_ms: i64::try_from(self.failures_window_s.as_millis()).unwrap_or(i64::MAX),
            entries_max: self.failures_entries_max,
        }
    }
}

impl Supervision {
    /// How the house treats a child that fails.
    #[must_use]
    pub fn patience(&self) -> Patience {
        Patience {
            restart: Restart::Transient,
            backoff_base: self.backoff_ms,
            backoff_max: self.backoff_ms_max,
            window: self.faults_window_s,
            faults_max: self.faults_max,
            quarantine_base: self.quarantine_s,
            quarantine_max: self.quarantine_s_max,
            well_after: self.well_s,
        }
    }

    /// How many failing rooms the house bears.
    #[must_use]
    pub fn intensity(&self) -> Intensity {
        let (restarts_max, within) = (self.restarts_max, self.restarts_window_s);
        Intensity { restarts_max, within, ..Intensity::default() }
    }
}

fn contradiction(key: &str, reason: &str) -> ConfigError {
    let source = "the merged configuration".to_owned();
    ConfigError { key: key.to_owned(), reason: reason.to_owned(), source }
}

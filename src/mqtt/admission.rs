//! Who may come in, before anybody knows who it is: how many connections, and how fast they come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::codec::ReasonCode;
use crate::config::section::Mqtt;
use crate::observe::metrics;
use crate::observe::metrics::Counter;
use crate::throttle::rate::Buckets;
use crate::throttle::{SignIn, SignIns, network};

/// Addresses whose rate is remembered; beyond that all are forgiven.
const RATES_MAX: usize = 100_000;

/// How many connections, and how many a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "a limit's name ends so")]
struct Limits {
    connections_max: usize,
    address_connections_max: usize,
    half_open_max: usize,
    address_half_open_max: usize,
}

/// Counts connections, by address and in all, from their first byte to their last.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    gate: Mutex<Gate>,
    sign_ins: Arc<SignIns>,
}

#[derive(Debug)]
struct Gate {
    all: Count,
    addresses: HashMap<IpAddr, Count>,
    rate: Buckets<()>,
    address_rates: Buckets<IpAddr>,
}

/// Connections of an address, or of all.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    /// Those that were let in, said CONNECT or not.
    admitted: usize,
    /// Those that have not said CONNECT, let in or not.
    half_open: usize,
}

/// Why a connection is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    /// As many have not said CONNECT as may be.
    #[error("too many connections without CONNECT")]
    HalfOpen,
    /// The same from its address.
    #[error("too many connections without CONNECT from its address")]
    AddressHalfOpen,
    /// As many are open as may be.
    #[error("too many connections")]
    Full,
    /// The same from its address.
    #[error("too many connections from its address")]
    AddressFull,
    /// They come too fast.
    #[error("too many connections a second")]
    Rate,
    /// The same from its address.
    #[error("too many connections a second from its address")]
    AddressRate,
    /// Its user name, or with it its address, has failed too often.
    #[error("too many failed sign-ins")]
    FailedSignIns,
}

/// A connection's place; leaving it is dropping it.
#[derive(Debug)]
pub struct Pass {
    admission: Arc<Admission>,
    address: IpAddr,
    is_half_open: bool,
    refusal: Option<TurnedAway>,
}

impl Admission {
    /// An empty house with the limits of the configuration; failed sign-ins are counted in
    /// `sign_ins`.
    #[must_use]
    pub fn new(mqtt: &Mqtt, sign_ins: Arc<SignIns>) -> Self {
        let limits = Limits {
            connections_max: mqtt.connections_max,
            address_connections_max: mqtt.address_connections_max,
            half_open_max: mqtt.half_open_max,
            address_half_open_max: mqtt.address_half_open_max,
        };
        let gate = Gate {
            all: Count::default(),
            addresses: HashMap::new(),
            rate: Buckets::new(mqtt.connect_rate_max, mqtt.connect_burst_max, 1),
            address_rates: Buckets::new(
                mqtt.address_connect_rate_max,
                mqtt.address_connect_burst_max,
                RATES_MAX,
            ),
        };
        Self { limits, gate: Mutex::new(gate), sign_ins }
    }

    /// A place for a connection from `address`. It may be one to hear CONNECT and refuse it: see
    /// [`Pass::refusal`].
    ///
    /// # Errors
    /// There is no place even for that: the connection is to be closed at once. It is counted.
    pub fn enter(self: &Arc<Self>, address: IpAddr, now_ms: i64) -> Result<Pass, TurnedAway> {
        let address = network(address);
        let mut gate = self.gate();
        let here = gate.addresses.get(&address).copied().unwrap_or_default();
        let Limits { half_open_max, address_half_open_max, .. } = self.limits;
        if gate.all.half_open >= half_open_max {
            return Err(TurnedAway::HalfOpen.counted());
        }
        if here.half_open >= address_half_open_max {
            return Err(TurnedAway::AddressHalfOpen.counted());
        }
        let refusal = gate.refusal(self.limits, here, address, now_ms);
        gate.change(address, |count| {
            count.half_open += 1;
            count.admitted += usize::from(refusal.is_none());
        });
        let refusal = refusal.map(TurnedAway::counted);
        Ok(Pass { admission: Arc::clone(self), address, is_half_open: true, refusal })
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    fn refusal(
        &mut self,
        limits: Limits,
        here: Count,
        address: IpAddr,
        now_ms: i64,
    ) -> Option<TurnedAway> {
        if self.all.admitted >= limits.connections_max {
            Some(TurnedAway::Full)
        } else if here.admitted >= limits.address_connections_max {
            Some(TurnedAway::AddressFull)
        } else if self.address_rates.take(&address, now_ms).is_err() {
            Some(TurnedAway::AddressRate)
        } else if self.rate.take(&(), now_ms).is_err() {
            Some(TurnedAway::Rate)
        } else {
            None
        }
    }

    fn change(&mut self, address: IpAddr, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        let here = self.addresses.entry(address).or_default();
        change(here);
        if here.admitted == 0 && here.half_open == 0 {
            self.addresses.remove(&address);
        }
    }
}

impl Pass {
    /// Why the connection is only there to hear that it is refused, if it is.
    #[must_use]
    pub const fn refusal(&self) -> Option<TurnedAway> {
        self.refusal
    }

    /// Where it comes from; of IPv6 the network, as it is counted.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// It has said CONNECT, and was let in.
    pub fn opened(&mut self) {
        if std::mem::take(&mut self.is_half_open) {
            self.admission.gate().change(self.address, |count| count.half_open -= 1);
        }
    }

    /// It signs in as `username`.
    #[must_use]
    pub fn sign_in(&self, username: &str) -> SignIn<'_> {
        self.admission.sign_ins.program(username, self.address)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let (was_half_open, was_admitted) = (self.is_half_open, self.refusal.is_none());
        self.admission.gate().change(self.address, |count| {
            count.half_open -= usize::from(was_half_open);
            count.admitted -= usize::from(was_admitted);
        });
    }
}

impl TurnedAway {
    /// What a v5 client is told. An older one hears that the server is unavailable.
    #[must_use]
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::HalfOpen | Self::AddressHalfOpen | Self::Full => ReasonCode::SERVER_BUSY,
            Self::AddressFull => ReasonCode::QUOTA_EXCEEDED,
            Self::Rate | Self::AddressRate | Self::FailedSignIns => {
                ReasonCode::CONNECTION_RATE_EXCEEDED
            }
        }
    }

    /// Itself, counted.
    pub(super) fn counted(self) -> Self {
        self.counter().inc();
        self
    }

    fn counter(self) -> &'static Counter {
        let metrics = metrics();
        match self {
            Self::HalfOpen => &metrics.turned_away_half_open,
            Self::AddressHalfOpen => &metrics.turned_away_address_half_open,
            Self::Full => &metrics.turned_away_full,
            Self::AddressFull => &metrics.turned_away_address_full,
            Self::Rate => &metrics.turned_away_rate,
            Self::AddressRate => &metrics.turned_away_address_rate,
            Self::FailedSignIns => &metrics.turned_away_failed_sign_ins,
        }
    }
}

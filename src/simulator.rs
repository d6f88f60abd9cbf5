//! Simulated devices: the firmware's control code at the end of real MQTT connections.
//!
//! A device is three things: its control code from `hearth_device`, in surroundings with physics
//! ([`machine`], [`model`]; pure), and its link (`link`: a task with an MQTT client of its own).
//! Nothing of the server is used: what passes between the two is what passes on the wire.

pub mod broker;
pub mod chance;
pub mod credentials;
pub mod machine;
pub mod model;

mod link;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::supervision::{Drained, Tasks, TasksFull};

pub use broker::{BadUrl, Broker};
pub use credentials::{BadCredentials, Credential};
pub use machine::{Build, KINDS, Machine, SPEED_MAX, UnknownKind};

/// Most devices in one simulator; each costs some 30 kB.
pub const DEVICES_MAX: usize = 50_000;

/// Many simulated devices. Dropping it cuts them off, as a loss of power does.
pub struct Simulator {
    broker: Arc<Broker>,
    tasks: Tasks,
    tally: Arc<Tally>,
    /// Between the starts of two devices.
    gap: Duration,
    started: u32,
}

/// Why a device was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing behaves like that.
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    /// There are [`DEVICES_MAX`] already, or the simulator is being stopped.
    #[error(transparent)]
    Full(#[from] TasksFull),
}

/// How the devices are doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Devices that were started.
    pub started: usize,
    /// Devices whose link is open and hears `set`.
    pub online: usize,
    /// Links that were lost or could not be opened, so far.
    pub lost: u64,
    /// Messages published so far.
    pub published: u64,
    /// `set` messages received so far.
    pub received: u64,
    /// Why the last link was lost.
    pub last_fault: Option<String>,
}

/// What the links count.
#[derive(Debug, Default)]
struct Tally {
    online: AtomicUsize,
    lost: AtomicU64,
    published: AtomicU64,
    received: AtomicU64,
    last_fault: Mutex<Option<String>>,
}

impl Tally {
    fn failed(&self, why: String) {
        *self.last_fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

impl Simulator {
    /// A simulator without devices yet, which will connect at most `connects_per_s` in a second.
    #[must_use]
    pub fn new(broker: Broker, connects_per_s: u32) -> Self {
        Self {
            broker: Arc::new(broker),
            tasks: Tasks::new("simulated devices", DEVICES_MAX),
            tally: Arc::default(),
            gap: Duration::from_secs(1) / connects_per_s.max(1),
            started: 0,
        }
    }

    /// Gives a device power. It connects when it is its turn, and again whenever it has lost its
    /// link.
    ///
    /// # Errors
    /// [`StartError`]
    pub fn start(&mut self, build: &Build, credential: Credential) -> Result<(), StartError> {
        let machine = Machine::new(build, credential.device)?;
        let link = link::Link::new(self.broker.clone(), credential, machine, self.tally.clone());
        let wait = self.gap.saturating_mul(self.started);
        self.tasks.spawn(|cancel| Box::pin(link.run(wait, cancel)))?;
        self.started = self.started.saturating_add(1);
        Ok(())
    }

    /// How the devices are doing now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let tally = &self.tally;
        Progress {
            started: self.tasks.active(),
            online: tally.online.load(Ordering::Relaxed),
            lost: tally.lost.load(Ordering::Relaxed),
            published: tally.published.load(Ordering::Relaxed),
            received: tally.received.load(Ordering::Relaxed),
            last_fault: tally.last_fault.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Lets every device say goodbye, and cuts off who has not by the deadline.
    pub async fn stop(self, deadline: Duration) -> Drained {
        self.tasks.drain(deadline).await
    }
}

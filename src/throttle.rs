//! How often somebody may try: sign-ins that fail, and requests that come too fast.
//!
//! The doors share it, so that who has to wait at one does not go on at the other.

pub mod attempts;
pub mod rate;

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use attempts::Attempts;

/// Bits of an IPv6 address that an attacker has at will: a household gets a /64 (RFC 6177).
const HOST_BITS: u32 = 64;

/// How many sign-ins may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInLimits {
    /// Of one account, or of one user name from one address, in the window.
    pub name_failures_max: u32,
    /// From one address in the window.
    pub address_failures_max: u32,
    /// Milliseconds of the window, which is also the wait.
    pub window_ms: i64,
    /// Names, and addresses, that are remembered.
    pub entries_max: usize,
}

/// Failed sign-ins: of the web and of MQTT together.
#[derive(Debug)]
pub struct SignIns {
    /// By a number made of the name: names have any length, and whoever fails chooses them.
    names: Mutex<Attempts<u64>>,
    addresses: Mutex<Attempts<IpAddr>>,
    hasher: RandomState,
}

/// One sign-in, by name and address.
#[derive(Debug)]
pub struct SignIn<'a> {
    all: &'a SignIns,
    name: u64,
    address: IpAddr,
    /// Whether its secret is one that a person has thought of.
    guessable: bool,
}

impl SignIns {
    /// Nobody has failed yet.
    #[must_use]
    pub fn new(limits: SignInLimits) -> Self {
        let SignInLimits { name_failures_max, address_failures_max, window_ms, entries_max } =
            limits;
        Self {
            names: Mutex::new(Attempts::new(name_failures_max, window_ms, entries_max)),
            addresses: Mutex::new(Attempts::new(address_failures_max, window_ms, entries_max)),
            hasher: RandomState::new(),
        }
    }

    /// A person signs in with a password. The account counts wherever it is tried from, so that
    /// many addresses together do not guess faster.
    #[must_use]
    pub fn person(&self, account: &str, address: IpAddr) -> SignIn<'_> {
        let name = self.hasher.hash_one((None::<IpAddr>, account));
        SignIn { all: self, name, address: network(address), guessable: true }
    }

    /// A device or a program signs in with a secret that nobody guesses. Its name counts by the
    /// address it is tried from, so that nobody shuts it out from somewhere else.
    #[must_use]
    pub fn program(&self, username: &str, address: IpAddr) -> SignIn<'_> {
        let address = network(address);
        let name = self.hasher.hash_one((Some(address), username));
        SignIn { all: self, name, address, guessable: false }
    }
}

impl SignIn<'_> {
    /// May it be tried now? From an address that has failed too often a person may not; a program
    /// may if it has not failed itself: behind that address may stand a whole town of devices, of
    /// which one was given a wrong secret.
    ///
    /// # Errors
    /// Seconds to wait.
    pub fn check(&self, now_ms: i64) -> Result<(), u64> {
        let names = lock(&self.all.names);
        names.check(&self.name, now_ms)?;
        if self.guessable || names.has_failed(&self.name, now_ms) {
            lock(&self.all.addresses).check(&self.address, now_ms)?;
        }
        Ok(())
    }

    /// It failed: how often the name has in this window.
    #[expect(clippy::must_use_candidate, reason = "it counts, whoever wants to know")]
    pub fn failed(&self, now_ms: i64) -> u32 {
        lock(&self.all.addresses).failed(&self.address, now_ms);
        lock(&self.all.names).failed(&self.name, now_ms)
    }

    /// It succeeded: what this name failed before is forgiven.
    pub fn succeeded(&self) {
        lock(&self.all.names).succeeded(&self.name);
    }
}

/// What stands for an address where addresses are counted: itself, or the network of an IPv6
/// address.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> HOST_BITS << HOST_BITS;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_MS: i64 = 10_000;

    fn sign_ins() -> SignIns {
        SignIns::new(SignInLimits {
            name_failures_max: 2,
            address_failures_max: 3,
            window_ms: WINDOW_MS,
            entries_max: 100,
        })
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn failures_at_one_door_count_at_the_other() {
        let all = sign_ins();
        for device in ["7", "8", "9"] {
            all.program(device, address(1)).failed(0);
        }
        assert!(all.person("bob", address(1)).check(1).is_err());
        assert_eq!(all.person("bob", address(2)).check(1), Ok(()));
        assert_eq!(all.person("bob", address(1)).check(WINDOW_MS), Ok(()));
    }

    #[test]
    fn a_device_is_shut_out_by_its_own_failures_and_not_by_its_neighbours() {
        let all = sign_ins();
        for device in ["7", "8", "9"] {
            all.program(device, address(1)).failed(0);
        }
        assert!(all.program("7", address(1)).check(1).is_err(), "it failed itself");
        assert_eq!(all.program("10", address(1)).check(1), Ok(()));
    }

    #[test]
    fn who_fails_somewhere_else_shuts_no_device_out_but_does_an_account() {
        let all = sign_ins();
        for _ in 0..2 {
            all.program("7", address(1)).failed(0);
            all.person("bob", address(1)).failed(0);
        }
        assert!(all.program("7", address(1)).check(1).is_err());
        assert_eq!(all.program("7", address(2)).check(1), Ok(()));
        assert!(all.person("bob", address(2)).check(1).is_err());
    }

    #[test]
    fn a_success_forgives_the_name() {
        let all = sign_ins();
        let device = all.program("7", address(1));
        device.failed(0);
        device.succeeded();
        device.failed(1);
        assert_eq!(device.check(2), Ok(()));
    }

    #[test]
    fn a_household_is_one_address_in_either_version_of_the_protocol() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8:0:0:ffff::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), address(1));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}

//! Where devices connect to. Pure.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// The port of MQTT, as registered with IANA.
const PORT: u16 = 1883;

/// A broker's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// A name or an address; an IPv6 address stands in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What is wrong with a broker's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It is of another protocol, or of none.
    #[error("must begin with mqtt:// (simulated devices speak plain MQTT over TCP)")]
    Scheme,
    /// It carries a user or a path.
    #[error("must be mqtt://host:port and no more: the devices bring their own credentials")]
    Rest,
    /// There is no host.
    #[error("names no host")]
    Host,
    /// The port is none.
    #[error("has no port from 1 to 65535 after the colon")]
    Port,
}

impl FromStr for Broker {
    type Err = BadUrl;

    fn from_str(url: &str) -> Result<Self, BadUrl> {
        let place = url.strip_prefix("mqtt://").ok_or(BadUrl::Scheme)?;
        let place = place.strip_suffix('/').unwrap_or(place);
        if place.contains(['@', '/', '?', '#']) {
            return Err(BadUrl::Rest);
        }
        // The last colon, if it is not one of an address in brackets.
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port != 0).ok_or(BadUrl::Port)?;
                (host, port)
            }
            _ => (place, PORT),
        };
        if host.is_empty() || (host.contains(':') && !host.starts_with('[')) {
            return Err(BadUrl::Host);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl From<SocketAddr> for Broker {
    /// The address on which a listener is bound, as one reaches it from the same machine.
    fn from(address: SocketAddr) -> Self {
        let host = match (address.ip().is_unspecified(), address) {
            (true, SocketAddr::V4(_)) => "127.0.0.1".to_owned(),
            (true, SocketAddr::V6(_)) => "[::1]".to_owned(),
            (false, SocketAddr::V4(v4)) => v4.ip().to_string(),
            (false, SocketAddr::V6(v6)) => format!("[{}]", v6.ip()),
        };
        Self { host, port: address.port() }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mqtt://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_perhaps_a_port() {
        for (url, host, port) in [
            ("mqtt://localhost", "localhost", 1883),
            ("mqtt://10.0.0.7:1884/", "10.0.0.7", 1884),
            ("mqtt://[::1]", "[::1]", 1883),
            ("mqtt://[::1]:99", "[::1]", 99),
        ] {
            let broker: Broker = url.parse().unwrap();
            assert_eq!((broker.host.as_str(), broker.port), (host, port), "{url}");
        }
    }

    #[test]
    fn a_url_that_says_anything_else_is_refused_with_a_reason() {
        for (url, fault) in [
            ("mqtts://localhost", BadUrl::Scheme),
            ("localhost:1883", BadUrl::Scheme),
            ("mqtt://user:secret@localhost", BadUrl::Rest),
            ("mqtt://localhost/devices", BadUrl::Rest),
            ("mqtt://localhost:", BadUrl::Port),
            ("mqtt://localhost:0", BadUrl::Port),
            ("mqtt://localhost:70000", BadUrl::Port),
            ("mqtt://", BadUrl::Host),
            ("mqtt://:1883", BadUrl::Host),
            ("mqtt://::1:1883", BadUrl::Host),
        ] {
            assert_eq!(url.parse::<Broker>(), Err(fault), "{url}");
        }
    }

    #[test]
    fn a_listener_on_every_address_is_reached_on_the_machine_itself() {
        let broker = |text: &str| Broker::from(text.parse::<SocketAddr>().unwrap()).to_string();
        assert_eq!(broker("0.0.0.0:1883"), "mqtt://127.0.0.1:1883");
        assert_eq!(broker("[::]:1883"), "mqtt://[::1]:1883");
        assert_eq!(broker("192.168.1.2:7"), "mqtt://192.168.1.2:7");
        assert_eq!(broker("[fe80::1]:7"), "mqtt://[fe80::1]:7");
    }
}

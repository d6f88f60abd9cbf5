//! The line to the board: a serial port, or TCP to something that has one.

use std::fmt;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use rustix::fs::{Mode, OFlags};
use rustix::termios::{OptionalActions, Termios};
use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::net::{TcpListener, TcpStream};

/// The speed of the line: what the firmware sets, 115,200 bit/s, 8N1.
const BAUD: u32 = 115_200;

/// Where a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineAddress {
    /// A serial port: `/dev/ttyUSB0`.
    Port(PathBuf),
    /// A host that has one: `host:port`.
    Connect(String),
    /// Wait to be called: `listen:address:port`.
    Listen(SocketAddr),
}

impl FromStr for LineAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Port(text.into()));
        }
        if let Some(address) = text.strip_prefix("listen:") {
            let address = address.parse().map_err(|_| format!("{address} is no address:port"))?;
            return Ok(Self::Listen(address));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self::Connect(text.into()))
            }
            _ => Err(format!("{text} is neither a /dev/…, a host:port, nor listen:address:port")),
        }
    }
}

impl fmt::Display for LineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(path) => write!(f, "{}", path.display()),
            Self::Connect(address) => write!(f, "{address}"),
            Self::Listen(address) => write!(f, "listen:{address}"),
        }
    }
}

/// Why a line does not open.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It may another time: nobody is there, or the plug is out.
    #[error("{0}")]
    NotNow(io::Error),
    /// It is no serial port, or not ours to use.
    #[error("{0}")]
    Never(io::Error),
}

impl LineError {
    /// Whether trying again is of no use.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Never(_))
    }
}

/// Lines, one after another, from the same place.
#[derive(Debug)]
pub struct Lines {
    address: LineAddress,
    listener: Option<TcpListener>,
}

impl Lines {
    /// Prepares to open lines; an address to listen at is bound here.
    ///
    /// # Errors
    /// [`LineError::Never`] when it can't be bound.
    pub async fn at(address: LineAddress) -> Result<Self, LineError> {
        let LineAddress::Listen(at) = address else { return Ok(Self { address, listener: None }) };
        let listener = TcpListener::bind(at).await.map_err(LineError::Never)?;
        let bound = listener.local_addr().map_err(LineError::Never)?;
        Ok(Self { address: LineAddress::Listen(bound), listener: Some(listener) })
    }

    /// Where the lines are; the port really bound when that was left open.
    #[must_use]
    pub const fn address(&self) -> &LineAddress {
        &self.address
    }

    /// Opens the next line; waits for a caller where it listens.
    pub(super) async fn open(&self) -> Result<Line, LineError> {
        match (&self.listener, &self.address) {
            (Some(listener), _) => {
                let (stream, _) = listener.accept().await.map_err(LineError::NotNow)?;
                Line::of(stream)
            }
            (None, LineAddress::Port(path)) => open_port(path),
            (None, LineAddress::Connect(address)) => {
                Line::of(TcpStream::connect(address.as_str()).await.map_err(LineError::NotNow)?)
            }
            (None, LineAddress::Listen(_)) => {
                Err(LineError::Never(io::Error::other("not listening")))
            }
        }
    }
}

/// An open line.
#[derive(Debug)]
pub(super) enum Line {
    /// A serial port, waited for as the pipe that it resembles.
    Port(pipe::Receiver, pipe::Sender),
    Tcp(TcpStream),
}

impl Line {
    fn of(stream: TcpStream) -> Result<Self, LineError> {
        stream.set_nodelay(true).map_err(LineError::NotNow)?;
        Ok(Self::Tcp(stream))
    }

    /// Reads what is there, at least one byte; 0 is the end. Nothing is lost when it is dropped.
    pub(super) async fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Port(port, _) => loop {
                port.readable().await?;
                match port.try_read(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return read,
                }
            },
            Self::Tcp(stream) => {
                stream.async_io(Interest::READABLE, || stream.try_read(bytes)).await
            }
        }
    }

    /// Writes what has room, at least one byte. Nothing is written when it is dropped before.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Port(_, port) => loop {
                port.writable().await?;
                match port.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    written => return written,
                }
            },
            Self::Tcp(stream) => {
                stream.async_io(Interest::WRITABLE, || stream.try_write(bytes)).await
            }
        }
    }
}

/// Opens a serial port raw, and without waiting for a modem's carrier.
fn open_port(path: &std::path::Path) -> Result<Line, LineError> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let port = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| {
        let error = io::Error::from(error);
        // Everything else may pass: a plug that is out, a port that another program has.
        if error.kind() == io::ErrorKind::PermissionDenied {
            LineError::Never(error)
        } else {
            LineError::NotNow(error)
        }
    })?;
    let never = |error: rustix::io::Errno| LineError::Never(error.into());
    let mut terms: Termios = rustix::termios::tcgetattr(&port).map_err(never)?;
    terms.make_raw();
    terms.set_speed(BAUD).map_err(never)?;
    rustix::termios::tcsetattr(&port, OptionalActions::Flush, &terms).map_err(never)?;
    let read = File::from(port);
    let write = read.try_clone().map_err(LineError::Never)?;
    let read = pipe::Receiver::from_file_unchecked(read).map_err(LineError::Never)?;
    let write = pipe::Sender::from_file_unchecked(write).map_err(LineError::Never)?;
    Ok(Line::Port(read, write))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_by_its_form_what_it_is() {
        assert_eq!("/dev/ttyUSB0".parse(), Ok(LineAddress::Port("/dev/ttyUSB0".into())));
        assert_eq!("pi:4000".parse(), Ok(LineAddress::Connect("pi:4000".into())));
        let listen = LineAddress::Listen("127.0.0.1:0".parse().unwrap());
        assert_eq!("listen:127.0.0.1:0".parse(), Ok(listen));
        for wrong in ["", "ttyUSB0", "listen:4000", "pi:", ":4000", "pi:99999"] {
            assert!(wrong.parse::<LineAddress>().is_err(), "{wrong}");
        }
    }
}

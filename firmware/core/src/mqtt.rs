//! An MQTT 3.1.1 client as far as a device needs it, without a socket and without a clock: bytes
//! and time go in, bytes and events come out. `QoS` 0 and 1, one subscription, a will.
//!
//! ```
//! use hearth_device::mqtt::{Event, Options, Session};
//!
//! let options = Options { client: "42", username: "42", password: "secret",
//!     filter: "devices/42/set", ..Options::default() };
//! let mut session = Session::<256, 512>::new(options, 1);
//! assert!(session.wants_link(0));
//! session.link_opened(0).unwrap();
//! let sent = session.outgoing().len(); // CONNECT, for the transport to send
//! session.sent(0, sent);
//! session.receive(&[0x20, 2, 0, 0]); // CONNACK, from the transport
//! assert!(session.poll(5).unwrap().is_none());
//! session.receive(&[0x90, 3, 0, 1, 1]); // SUBACK
//! assert_eq!(session.poll(9), Ok(Some(Event::Online)));
//! ```

mod backoff;
mod outbox;
mod packet;
mod session;

pub use outbox::Full;
pub use packet::{Frame, Malformed, Packet, Will, connect, decode, frame, publish, subscribe};
pub use session::{Broken, Event, Options, Session};

//! The listener: accepts connections.
//!
//! - Process: one per address.
//! - Supervised by: `tree`, below `doors`; permanent. The socket and the connections outlive it, so
//!   that its fault costs nobody a connection.
//! - Takes: its own word to go on.
//! - Tells: nobody; it starts a task per connection.
//! - Never: reads a byte.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::net::{TcpListener, TcpStream};

use crate::observe::metrics;
use crate::supervision::tasks::Tasks;

use super::{MqttFloor, connection};

/// Connections accepted in one turn, before the actor looks at its mailbox.
const ACCEPTED_PER_TURN: usize = 64;

/// How long a turn waits for a connection: the longest that a stop has to wait.
const TURN: Duration = Duration::from_millis(100);

/// How long the listener rests when the process is out of file descriptors or memory.
const REST: Duration = Duration::from_millis(200);

/// How long connections may take to say goodbye when the house closes.
const DRAIN_WITHIN: Duration = Duration::from_secs(4);

/// What a listener needs.
#[derive(Clone)]
pub struct Door {
    /// The bound socket.
    pub socket: Arc<TcpListener>,
    /// What connections need.
    pub floor: Arc<MqttFloor>,
    /// Where connections run.
    pub tasks: Tasks,
}

/// Go on.
pub struct Accept;

/// Starts a listener under `supervisor`.
///
/// # Errors
/// Only if the supervisor is going down.
pub async fn start(door: Door, supervisor: ActorCell) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, Listener, door, supervisor).await?;
    Ok(actor.get_cell())
}

struct Listener;

impl Actor for Listener {
    type Msg = Accept;
    type State = Door;
    type Arguments = Door;

    async fn pre_start(
        &self,
        myself: ActorRef<Accept>,
        door: Door,
    ) -> Result<Door, ActorProcessingErr> {
        myself.cast(Accept)?;
        Ok(door)
    }

    async fn handle(
        &self,
        myself: ActorRef<Accept>,
        Accept: Accept,
        door: &mut Door,
    ) -> Result<(), ActorProcessingErr> {
        for _ in 0..ACCEPTED_PER_TURN {
            match tokio::time::timeout(TURN, door.socket.accept()).await {
                Ok(Ok((stream, _))) => door.open(stream),
                Ok(Err(error)) => {
                    if is_shortage(&error) {
                        tracing::warn!(%error, "can't accept connections");
                        tokio::time::sleep(REST).await;
                    }
                    break;
                }
                Err(_) => break,
            }
        }
        // Refused only while it stops.
        myself.cast(Accept).ok();
        Ok(())
    }

    /// Doors close first: nobody new comes in, and everybody inside says goodbye.
    async fn post_stop(
        &self,
        _: ActorRef<Accept>,
        door: &mut Door,
    ) -> Result<(), ActorProcessingErr> {
        let drained = door.tasks.drain(DRAIN_WITHIN).await;
        tracing::info!(ended = drained.ended, cut_off = drained.cut_off, "mqtt closed");
        Ok(())
    }
}

impl Door {
    fn open(&self, stream: TcpStream) {
        // Small packets must not wait for each other.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let floor = self.floor.clone();
        let run = |cancel| connection::run(stream, floor, cancel);
        if let Err(full) = self.tasks.spawn(run) {
            metrics().mqtt_refused.inc();
            tracing::debug!(%full, "connection turned away");
        }
    }
}

/// Whether the process, not the peer, is at fault.
fn is_shortage(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

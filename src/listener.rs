//! A listener: accepts connections at one address, for whichever door.
//!
//! - Process: one per address.
//! - Supervised by: `tree`, below `doors`; permanent. The socket and the connections outlive it, so
//!   that its fault costs nobody a connection.
//! - Takes: its own word to go on.
//! - Tells: nobody; it starts a task per connection.
//! - Never: reads a byte.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::net::{TcpListener, TcpStream};

use crate::supervision::Tasks;
use crate::supervision::tasks::Cancel;

/// Connections accepted in one turn, before the actor looks at its mailbox.
const ACCEPTED_PER_TURN: usize = 64;

/// How long a turn waits for a connection: the longest that a stop has to wait.
const TURN: Duration = Duration::from_millis(100);

/// How long the listener rests when the process is out of file descriptors or memory.
const REST: Duration = Duration::from_millis(200);

/// Serves one connection, from its first byte to its last.
pub type Serve = Arc<dyn Fn(TcpStream, SocketAddr, Cancel) -> BoxFuture<'static, ()> + Send + Sync>;

/// What a listener needs.
#[derive(Clone)]
pub struct Door {
    /// Its name in the log.
    pub name: &'static str,
    /// The bound socket.
    pub socket: Arc<TcpListener>,
    /// Where connections run.
    pub tasks: Tasks,
    /// How they are served.
    pub serve: Serve,
    /// How long they may take to say goodbye when the house closes.
    pub drain_within: Duration,
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
                Ok(Ok((stream, peer))) => door.open(stream, peer),
                Ok(Err(error)) => {
                    if is_shortage(&error) {
                        tracing::warn!(door = door.name, %error, "can't accept connections");
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
        let drained = door.tasks.drain(door.drain_within).await;
        let (ended, cut_off) = (drained.ended, drained.cut_off);
        tracing::info!(door = door.name, ended, cut_off, "closed");
        Ok(())
    }
}

impl Door {
    fn open(&self, stream: TcpStream, peer: SocketAddr) {
        // Small packets must not wait for each other.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let run = |cancel| (self.serve)(stream, peer, cancel);
        if let Err(full) = self.tasks.spawn(run) {
            tracing::debug!(door = self.name, %full, "connection turned away");
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

//! Looks after the certificate: reads it again when its files have changed.
//!
//! - Process: one, if MQTT is served over TLS.
//! - Supervised by: `tree`, below `doors`; permanent.
//! - Takes: its own tick.
//! - Tells: nobody; connections from then on get the new certificate.
//! - Never: touches an open connection, or gives up a good certificate for a bad file.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use super::Tls;

/// Starts to look at the files every `period`, under `supervisor`.
///
/// # Errors
/// Only if the supervisor is going down.
pub async fn start(
    tls: Arc<Tls>,
    period: Duration,
    supervisor: ActorCell,
) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, Watch, tls, supervisor).await?;
    actor.send_interval(period, || ());
    Ok(actor.get_cell())
}

struct Watch;

impl Actor for Watch {
    type Msg = ();
    type State = Arc<Tls>;
    type Arguments = Arc<Tls>;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        tls: Arc<Tls>,
    ) -> Result<Arc<Tls>, ActorProcessingErr> {
        Ok(tls)
    }

    async fn handle(
        &self,
        _: ActorRef<()>,
        (): (),
        tls: &mut Arc<Tls>,
    ) -> Result<(), ActorProcessingErr> {
        tls.look();
        Ok(())
    }
}

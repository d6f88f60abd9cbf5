//! The scout: starts the actor of whoever has something announced in their space.
//!
//! - Process: one actor.
//! - Supervised by: `tree`, as its child `scout`; permanent.
//! - Takes: its own tick.
//! - Tells: discovery actors, starting them if need be.
//! - Never: looks into a space.

use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use crate::spaces::Spaces;
use crate::store::{self, Store};

use super::{DiscoveryMsg, Homes};

/// How often it looks who announced something.
const TICK: Duration = Duration::from_millis(250);

/// Look around.
pub struct Look;

/// Starts the scout under `supervisor`. It begins with those whose devices were announced in an
/// earlier life of the house.
///
/// # Errors
/// Only if the supervisor is going down.
pub async fn start(
    (store, spaces, homes): (Store, Spaces, Homes),
    supervisor: ActorCell,
) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, Scout, (store, spaces, homes), supervisor).await?;
    actor.send_interval(TICK, || Look);
    Ok(actor.get_cell())
}

struct Scout;

impl Actor for Scout {
    type Msg = Look;
    type State = (Spaces, Homes);
    type Arguments = (Store, Spaces, Homes);

    async fn pre_start(
        &self,
        _: ActorRef<Look>,
        (store, spaces, homes): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        for user in store::devices::with_announced(&store)? {
            spaces.announced(user);
        }
        Ok((spaces, homes))
    }

    async fn handle(
        &self,
        _: ActorRef<Look>,
        Look: Look,
        (spaces, homes): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        for user in spaces.take_announced() {
            if let Err(error) = homes.tell(&user, DiscoveryMsg::Wake).await {
                tracing::warn!(%user, %error, "what a home announces is not looked at");
            }
        }
        Ok(())
    }
}

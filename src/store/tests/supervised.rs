//! The store under a supervisor, as the tree runs it.

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::store::actor::{self, StoreMsg};
use crate::store::writer::Fault;

/// A supervisor that starts its child again whenever it ends, and tells of it.
struct Parent(Writer, UnboundedSender<ActorRef<StoreMsg>>);

impl Parent {
    async fn start(&self, me: &ActorRef<()>) -> Result<(), ActorProcessingErr> {
        self.1.send(actor::start(self.0.clone(), me.get_cell()).await?)?;
        Ok(())
    }
}

impl Actor for Parent {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        self.start(&me).await
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(..) | SupervisionEvent::ActorFailed(..) => {
                self.start(&me).await
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => Ok(()),
        }
    }
}

#[tokio::test]
async fn the_store_goes_on_after_a_stop_a_kill_and_a_panic() {
    let memory = Memory::default();
    let room = Room::asleep(Ground::Memory(memory.clone()));
    let (starts, mut started) = unbounded_channel();
    let parent = Parent(room.writer.clone(), starts);
    let (parent, parent_ends) = Actor::spawn(None, parent, ()).await.unwrap();
    let mut child = started.recv().await.unwrap();
    for round in 0..6_u64 {
        room.commit(put(round, b"before")).await.unwrap();
        match round % 3 {
            0 => child.stop(None),
            1 => child.kill(),
            _ => {
                memory.fail(Some(Fault::Panic));
                assert!(matches!(room.commit(put(9, b"lost")).await, Err(CommitError::Unknown(_))));
                memory.fail(None);
            }
        }
        child = tokio::time::timeout(SOON, started.recv()).await.unwrap().unwrap();
        let comes_back = async {
            // In the moment of the panic the next writer finds the store broken.
            while room.store.commit(put(round, b"after")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SOON, comes_back).await.unwrap();
    }
    assert_eq!(room.store.get(&key(9)), Ok(None));
    parent.stop(None);
    parent_ends.await.unwrap();
}

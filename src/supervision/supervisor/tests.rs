use std::sync::atomic::{AtomicBool, AtomicU32};

use tokio::time::sleep;

use super::*;
use crate::supervision::{
    ChildStatus, Directory, Ended, Family, Intensity, Patience, Restart, Root, child,
};

mod faults;
mod storms;

const SOON: Duration = Duration::from_secs(20);

/// What the children of a test share.
#[derive(Default)]
struct World {
    /// Starts fail while this is set.
    down: AtomicBool,
    starts: AtomicU32,
    goodbyes: AtomicU32,
    /// Milliseconds of every goodbye.
    goodbye_ms: AtomicU32,
}

struct Probe {
    world: Arc<World>,
}

enum ProbeMsg {
    /// Answers how many pings this very actor has had.
    Ping(oneshot::Sender<u32>),
    Panic,
    Fail,
    Retire,
    Sleep(Duration),
}

impl Actor for Probe {
    type Msg = ProbeMsg;
    type State = u32;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<ProbeMsg>, (): ()) -> Result<u32, ActorProcessingErr> {
        if self.world.down.load(Ordering::Relaxed) {
            return Err("the store is down".into());
        }
        self.world.starts.fetch_add(1, Ordering::Relaxed);
        Ok(0)
    }

    async fn handle(
        &self,
        me: ActorRef<ProbeMsg>,
        message: ProbeMsg,
        pings: &mut u32,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ProbeMsg::Ping(reply) => {
                *pings += 1;
                reply.send(*pings).ok();
            }
            ProbeMsg::Panic => panic!("a bug"),
            ProbeMsg::Fail => return Err("an error".into()),
            ProbeMsg::Retire => me.drain()?,
            ProbeMsg::Sleep(time) => sleep(time).await,
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<ProbeMsg>,
        _: &mut u32,
    ) -> Result<(), ActorProcessingErr> {
        sleep(Duration::from_millis(self.world.goodbye_ms.load(Ordering::Relaxed).into())).await;
        self.world.goodbyes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A running family, its world and its root.
struct Scene {
    probes: Directory<u64, ProbeMsg>,
    world: Arc<World>,
    root: Root,
}

/// Pauses short enough for tests.
fn brisk() -> Patience {
    Patience {
        restart: Restart::Transient,
        backoff_base: Duration::from_millis(20),
        backoff_max: Duration::from_millis(80),
        window: Duration::from_secs(60),
        faults_max: 3,
        quarantine_base: Duration::from_millis(150),
        quarantine_max: Duration::from_millis(400),
        well_after: Duration::from_millis(200),
    }
}

async fn open(family: Family) -> Scene {
    let world = Arc::new(World::default());
    let inside = Arc::clone(&world);
    let probes = Directory::new(family, move |_key: u64, _gauge, supervisor| {
        let probe = Probe { world: Arc::clone(&inside) };
        child(probe, (), supervisor)
    });
    let root = Root::start(vec![probes.spec()], Intensity::default()).await.unwrap();
    Scene { probes, world, root }
}

async fn scene() -> Scene {
    open(Family { patience: brisk(), ..Family::named("probes") }).await
}

impl Scene {
    async fn actor(&self, key: u64) -> Post<ProbeMsg> {
        timeout(SOON, self.probes.get_or_start(&key)).await.unwrap().unwrap()
    }

    /// Sends a ping and returns the actor's count of pings, or why there is no actor.
    async fn ping(&self, key: u64) -> Result<u32, StartError> {
        let (reply, answer) = oneshot::channel();
        self.probes.tell(&key, ProbeMsg::Ping(reply)).await?;
        Ok(timeout(SOON, answer).await.unwrap().unwrap_or(0))
    }

    /// Makes the actor of that key panic and waits until it is dead.
    async fn panic(&self, key: u64) {
        let actor = self.actor(key).await;
        actor.cast(ProbeMsg::Panic).unwrap();
        actor.wait(Some(SOON)).await.unwrap();
    }

    fn status(&self, key: u64) -> Option<ChildStatus> {
        self.probes.snapshot().iter().find(|child| child.key == key).map(|child| child.status)
    }

    async fn until(&self, what: impl Fn(&Self) -> bool) {
        let seen = timeout(SOON, async {
            while !what(self) {
                sleep(Duration::from_millis(2)).await;
            }
        });
        seen.await.expect("it happens soon");
    }

    fn starts(&self) -> u32 {
        self.world.starts.load(Ordering::Relaxed)
    }

    fn goodbyes(&self) -> u32 {
        self.world.goodbyes.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn an_actor_starts_when_it_is_first_asked_for_and_only_once() {
    let scene = scene().await;
    assert!(scene.probes.get(&7).is_none() && scene.probes.is_empty());
    assert_eq!(scene.ping(7).await, Ok(1));
    assert_eq!(scene.ping(7).await, Ok(2));
    assert_eq!((scene.starts(), scene.probes.len()), (1, 1));
    assert_eq!(scene.status(7), Some(ChildStatus::Running));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_who_ask_at_once_get_the_same_actor() {
    let scene = scene().await;
    let asking = (0..100).map(|_| {
        let probes = scene.probes.clone();
        tokio::spawn(async move { probes.get_or_start(&1).await.unwrap().get_id() })
    });
    let mut ids = vec![];
    for asked in asking.collect::<Vec<_>>() {
        ids.push(asked.await.unwrap());
    }
    ids.dedup();
    assert_eq!((ids.len(), scene.starts()), (1, 1));
}

#[tokio::test]
async fn an_actor_that_retires_vanishes_and_the_next_message_starts_a_fresh_one() {
    let scene = scene().await;
    assert_eq!(scene.ping(1).await, Ok(1));
    scene.probes.try_tell(&1, ProbeMsg::Retire).ok().unwrap();
    scene.until(|scene| scene.probes.is_empty()).await;
    assert!(scene.probes.try_tell(&1, ProbeMsg::Retire).is_err());
    assert_eq!(scene.ping(1).await, Ok(1));
}

#[tokio::test]
async fn a_message_to_a_retiring_actor_reaches_its_successor() {
    let scene = scene().await;
    scene.world.goodbye_ms.store(100, Ordering::Relaxed);
    for _ in 0..3 {
        let actor = scene.actor(1).await;
        actor.cast(ProbeMsg::Retire).unwrap();
        sleep(Duration::from_millis(20)).await; // now it is in its slow goodbye
        assert_eq!(scene.ping(1).await, Ok(1), "a fresh actor, after the old one's goodbye");
    }
    assert_eq!(scene.goodbyes(), 3);
}

#[tokio::test]
async fn stopping_ends_a_child_after_its_queue_and_for_good() {
    let permanent = Patience { restart: Restart::Permanent, ..brisk() };
    let scene = open(Family { patience: permanent, ..Family::named("probes") }).await;
    let actor = scene.actor(1).await;
    actor.cast(ProbeMsg::Sleep(Duration::from_millis(30))).unwrap();
    let (reply, answer) = oneshot::channel();
    actor.cast(ProbeMsg::Ping(reply)).unwrap();
    scene.probes.stop(1);
    assert_eq!(timeout(SOON, answer).await.unwrap(), Ok(1));
    scene.until(|scene| scene.probes.is_empty()).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!((scene.starts(), scene.goodbyes()), (1, 1));
}

#[tokio::test]
async fn one_child_above_the_limit_is_refused_until_another_ends() {
    let family = Family { children_max: 2, patience: brisk(), ..Family::named("probes") };
    let scene = open(family).await;
    scene.actor(1).await;
    scene.actor(2).await;
    let refused = scene.probes.get_or_start(&3).await.err();
    assert_eq!(refused, Some(StartError::Full { limit: 2 }));
    scene.probes.stop(1);
    scene.until(|scene| scene.probes.len() == 1).await;
    scene.actor(3).await;
}

#[tokio::test]
async fn at_the_end_every_child_finishes_its_queue_and_says_goodbye() {
    let scene = scene().await;
    scene.world.goodbye_ms.store(50, Ordering::Relaxed);
    let mut answers = vec![];
    for key in 0..100 {
        let actor = scene.actor(key).await;
        actor.cast(ProbeMsg::Sleep(Duration::from_millis(20))).unwrap();
        let (reply, answer) = oneshot::channel();
        actor.cast(ProbeMsg::Ping(reply)).unwrap();
        answers.push(answer);
    }
    assert_eq!(scene.root.stop(SOON).await, Ended::Stopped);
    for answer in answers {
        assert_eq!(answer.await, Ok(1));
    }
    assert_eq!((scene.goodbyes(), scene.probes.len()), (100, 0));
    let late = timeout(Duration::from_millis(50), scene.probes.get_or_start(&1)).await;
    assert!(late.is_err() && scene.probes.get(&1).is_none(), "nobody starts after the end");
}

#[tokio::test]
async fn children_that_never_finish_are_killed_at_the_deadline_and_the_others_are_not() {
    let stop_within = Duration::from_millis(100);
    let family = Family { stop_within, patience: brisk(), ..Family::named("probes") };
    let scene = open(family).await;
    for key in 0..20 {
        let time = if key < 3 { Duration::from_secs(3600) } else { Duration::ZERO };
        scene.actor(key).await.cast(ProbeMsg::Sleep(time)).unwrap();
    }
    assert_eq!(scene.root.stop(SOON).await, Ended::Stopped);
    assert_eq!((scene.goodbyes(), scene.probes.len()), (17, 0));
}

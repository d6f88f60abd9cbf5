use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::timeout;

use super::*;
use crate::supervision::child;

const SOON: Duration = Duration::from_secs(10);

/// What happened, in order: `+a` for a start, `-a` for a goodbye.
type Diary = Arc<Mutex<Vec<String>>>;

struct Room {
    name: &'static str,
    diary: Diary,
    goodbye: Duration,
}

enum RoomMsg {
    Panic,
}

impl Actor for Room {
    type Msg = RoomMsg;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<RoomMsg>, (): ()) -> Result<(), ActorProcessingErr> {
        lock(&self.diary).push(format!("+{}", self.name));
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<RoomMsg>,
        message: RoomMsg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let RoomMsg::Panic = message;
        panic!("{} burns", self.name)
    }

    async fn post_stop(&self, _: ActorRef<RoomMsg>, (): &mut ()) -> Result<(), ActorProcessingErr> {
        tokio::time::sleep(self.goodbye).await;
        lock(&self.diary).push(format!("-{}", self.name));
        Ok(())
    }
}

fn room(name: &'static str, diary: &Diary, goodbye: Duration) -> ChildSpec {
    let diary = Arc::clone(diary);
    ChildSpec::new(name, move |root| {
        let room = Room { name, diary: Arc::clone(&diary), goodbye };
        async move { Ok(child(room, (), root).await?.get_cell()) }
    })
}

async fn house(names: &[&'static str], diary: &Diary) -> Root {
    let specs = names.iter().map(|name| room(name, diary, Duration::ZERO)).collect();
    Root::start(specs, Intensity::default()).await.unwrap()
}

fn diary(diary: &Diary) -> String {
    lock(diary).join(" ")
}

async fn until(what: impl Fn() -> bool) {
    let seen = timeout(SOON, async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    seen.await.expect("it happens soon");
}

/// Panics a child and waits until everybody is there again.
async fn burn(root: &Root, name: &str) {
    let roster = root.roster();
    let burning: ActorRef<RoomMsg> = roster.cell(name).unwrap().into();
    burning.cast(RoomMsg::Panic).unwrap();
    let replaced = || roster.cell(name).is_some_and(|cell| cell.get_id() != burning.get_id());
    let all_up = || roster.snapshot().iter().all(|child| child.status == ChildStatus::Running);
    until(|| replaced() && all_up()).await;
}

#[tokio::test]
async fn rooms_start_in_order_and_stop_in_reverse_each_with_its_goodbye() {
    let notes = Diary::default();
    let root = house(&["a", "b", "c"], &notes).await;
    assert_eq!(root.stop(SOON).await, Ended::Stopped);
    assert_eq!(diary(&notes), "+a +b +c -c -b -a");
}

#[tokio::test]
async fn a_panicking_room_is_restarted_with_those_started_after_it() {
    let notes = Diary::default();
    let root = house(&["a", "b", "c"], &notes).await;
    burn(&root, "b").await;
    assert_eq!(diary(&notes), "+a +b +c -c +b +c");
    let seen = root.roster().snapshot();
    let restarts: Vec<_> = seen.iter().map(|child| child.restarts).collect();
    assert_eq!(restarts, [0, 1, 0]);
    assert_eq!(seen[1].last_fault.as_deref(), Some("b burns"));
    assert_eq!(root.stop(SOON).await, Ended::Stopped);
}

#[tokio::test]
async fn a_killed_room_and_one_that_just_ends_are_restarted_too() {
    let notes = Diary::default();
    let root = house(&["a"], &notes).await;
    root.roster().cell("a").unwrap().kill();
    until(|| diary(&notes) == "+a +a").await;
    until(|| root.roster().cell("a").is_some()).await;
    root.roster().cell("a").unwrap().stop(None);
    until(|| diary(&notes) == "+a +a -a +a").await;
}

#[tokio::test]
async fn the_sixth_failure_in_a_minute_gives_up_after_everybody_said_goodbye() {
    let notes = Diary::default();
    let root = house(&["a", "b"], &notes).await;
    for _ in 0..5 {
        burn(&root, "b").await;
    }
    let burning: ActorRef<RoomMsg> = root.roster().cell("b").unwrap().into();
    burning.cast(RoomMsg::Panic).unwrap();
    let ended = timeout(SOON, root.ended()).await.unwrap();
    assert_eq!(ended, Ended::GaveUp("b keeps failing: b burns".into()));
    assert!(diary(&notes).ends_with("+b -a"));
}

#[tokio::test]
async fn a_room_that_cannot_start_is_named_and_the_others_say_goodbye() {
    let notes = Diary::default();
    let broken = ChildSpec::new("http", |_| async { Err("the port is taken".into()) });
    let specs = vec![room("a", &notes, Duration::ZERO), broken];
    let error = Root::start(specs, Intensity::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "http did not start: the port is taken");
    assert_eq!(diary(&notes), "+a -a");
}

#[tokio::test]
async fn a_start_that_panics_is_an_error_and_not_the_end_of_the_root() {
    let broken = ChildSpec::new("http", |_| async { panic!("no certificate") });
    let error = Root::start(vec![broken], Intensity::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "http did not start: no certificate");
}

#[tokio::test]
async fn a_restart_that_fails_is_tried_again_after_a_pause() {
    let notes = Diary::default();
    let inner = room("store", &notes, Duration::ZERO);
    let attempts = Arc::new(AtomicU32::new(0));
    let flaky = ChildSpec::new("store", move |root| {
        // The second and third attempts find the disk busy.
        let busy = matches!(attempts.fetch_add(1, Ordering::Relaxed), 1 | 2);
        let start = (inner.start)(root);
        async move { if busy { Err("the disk is busy".into()) } else { start.await } }
    });
    let specs = vec![flaky, room("z", &notes, Duration::ZERO)];
    let root = Root::start(specs, Intensity::default()).await.unwrap();
    burn(&root, "store").await;
    assert_eq!(diary(&notes), "+store +z -z +store +z");
    assert_eq!(root.roster().snapshot()[0].restarts, 3);
}

#[tokio::test]
async fn a_slow_goodbye_is_waited_for() {
    let notes = Diary::default();
    let slow = room("slow", &notes, Duration::from_millis(300));
    let root = Root::start(vec![slow], Intensity::default()).await.unwrap();
    assert_eq!(root.stop(SOON).await, Ended::Stopped);
    assert_eq!(diary(&notes), "+slow -slow");
}

#[tokio::test]
async fn a_room_that_never_finishes_its_goodbye_is_killed_and_the_others_are_not() {
    let notes = Diary::default();
    let stuck = room("stuck", &notes, Duration::from_secs(3600));
    let specs = vec![
        room("a", &notes, Duration::ZERO),
        stuck.stop_within(Duration::from_millis(50)),
        room("c", &notes, Duration::ZERO),
    ];
    let root = Root::start(specs, Intensity::default()).await.unwrap();
    assert_eq!(root.stop(SOON).await, Ended::Stopped);
    assert_eq!(diary(&notes), "+a +stuck +c -c -a");
}

#[tokio::test]
async fn when_the_whole_deadline_passes_the_house_is_overdue_and_gone() {
    let notes = Diary::default();
    let stuck = room("stuck", &notes, Duration::from_secs(3600));
    let root = Root::start(vec![stuck], Intensity::default()).await.unwrap();
    assert_eq!(root.stop(Duration::from_millis(50)).await, Ended::Overdue);
    timeout(SOON, root.ended()).await.expect("the root is gone");
}

#[tokio::test]
async fn a_killed_root_counts_as_having_given_up() {
    let root = house(&["a"], &Diary::default()).await;
    root.actor.kill();
    assert_eq!(root.ended().await, Ended::GaveUp("the root was killed".into()));
}

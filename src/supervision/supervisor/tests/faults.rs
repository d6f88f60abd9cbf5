//! One child fails: it comes back, it is quarantined, it recovers; nobody else notices.

use super::*;

#[tokio::test]
async fn a_panicking_child_comes_back_by_itself_and_its_neighbour_never_notices() {
    let scene = scene().await;
    assert_eq!(scene.ping(2).await, Ok(1));
    scene.panic(1).await;
    scene.until(|scene| scene.probes.get(&1).is_some()).await;
    assert_eq!(scene.ping(1).await, Ok(1), "a fresh actor");
    assert_eq!(scene.ping(2).await, Ok(2), "the same actor");
    let troubled = scene.probes.troubled();
    assert_eq!(troubled.len(), 1);
    assert_eq!((troubled[0].key, troubled[0].restarts), (1, 1));
    assert_eq!(troubled[0].last_fault.as_deref(), Some("a bug"));
    assert_eq!(scene.probes.faults(), 1);
}

#[tokio::test]
async fn an_error_and_a_kill_are_faults_like_a_panic() {
    let scene = scene().await;
    scene.actor(1).await.cast(ProbeMsg::Fail).unwrap();
    scene.until(|scene| scene.starts() == 2).await;
    scene.actor(1).await.kill();
    scene.until(|scene| scene.starts() == 3).await;
    let seen = scene.probes.snapshot();
    assert_eq!((seen[0].restarts, seen[0].last_fault.as_deref()), (2, Some("killed")));
}

#[tokio::test]
async fn who_asks_during_a_short_backoff_waits_and_gets_the_fresh_actor() {
    let scene = scene().await;
    scene.panic(1).await;
    assert_eq!(scene.ping(1).await, Ok(1));
}

#[tokio::test]
async fn who_asks_during_a_long_backoff_is_told_when_to_come_back() {
    let patience = Patience { backoff_base: SOON, backoff_max: SOON, ..brisk() };
    let scene = open(Family { patience, ..Family::named("probes") }).await;
    scene.panic(1).await;
    scene.until(|scene| scene.status(1) == Some(ChildStatus::BackingOff)).await;
    let error = scene.ping(1).await.unwrap_err();
    let StartError::BackingOff { retry_in } = error else { panic!("{error}") };
    assert!(retry_in <= SOON && retry_in > SOON / 2);
}

#[tokio::test]
async fn a_child_that_cannot_start_is_an_answer_and_backs_off() {
    let scene = scene().await;
    scene.world.down.store(true, Ordering::Relaxed);
    let error = scene.ping(1).await.unwrap_err();
    assert!(error.to_string().contains("the store is down"), "{error}");
    assert_eq!(scene.status(1), Some(ChildStatus::BackingOff));
    scene.world.down.store(false, Ordering::Relaxed);
    scene.until(|scene| scene.probes.get(&1).is_some()).await;
    assert_eq!(scene.ping(1).await, Ok(1));
}

#[tokio::test]
async fn a_child_that_keeps_failing_is_quarantined_and_recovers() {
    let scene = scene().await;
    scene.world.down.store(true, Ordering::Relaxed);
    assert!(scene.ping(1).await.is_err());
    scene.until(|scene| scene.status(1) == Some(ChildStatus::Quarantined)).await;
    let asked = scene.ping(1).await;
    assert!(matches!(asked, Err(StartError::Quarantined { .. })), "{asked:?}");
    assert!(scene.ping(2).await.is_err(), "its neighbour fails for itself only");

    scene.world.down.store(false, Ordering::Relaxed);
    scene.until(|scene| scene.probes.get(&1).is_some()).await;
    sleep(brisk().well_after).await; // now it has run well, and a fault is its first again
    scene.panic(1).await;
    scene.until(|scene| scene.status(1) == Some(ChildStatus::BackingOff)).await;
}

#[tokio::test]
async fn a_poisoned_child_in_quarantine_is_tried_with_growing_pauses() {
    let scene = scene().await;
    scene.world.down.store(true, Ordering::Relaxed);
    let began = Instant::now();
    assert!(scene.ping(1).await.is_err());
    let restarts = |scene: &Scene| scene.probes.snapshot()[0].restarts;
    scene.until(|scene| restarts(scene) >= 5).await;
    // 20 + 40 ms of backoff, then 150 + 300 ms of quarantine.
    assert!(began.elapsed() >= Duration::from_millis(510), "{:?}", began.elapsed());
    assert_eq!(scene.probes.len(), 1);
}

#[tokio::test]
async fn a_child_stopped_during_its_backoff_does_not_come_back() {
    let scene = scene().await;
    scene.panic(1).await;
    scene.until(|scene| scene.status(1) == Some(ChildStatus::BackingOff)).await;
    scene.probes.stop(1);
    scene.until(|scene| scene.probes.is_empty()).await;
    sleep(Duration::from_millis(150)).await;
    assert_eq!((scene.starts(), scene.probes.len()), (1, 0));
}

#[tokio::test]
async fn a_timer_of_an_earlier_life_starts_nobody() {
    let patience = Patience { backoff_base: Duration::from_millis(300), ..brisk() };
    let patience = Patience { backoff_max: Duration::from_millis(300), ..patience };
    let scene = open(Family { patience, ..Family::named("probes") }).await;
    scene.panic(1).await;
    scene.until(|scene| scene.status(1) == Some(ChildStatus::BackingOff)).await;
    scene.probes.stop(1);
    scene.until(|scene| scene.probes.is_empty()).await;
    sleep(Duration::from_millis(150)).await;
    scene.panic(1).await; // a new life that fails as well
    scene.until(|scene| scene.status(1) == Some(ChildStatus::BackingOff)).await;
    sleep(Duration::from_millis(200)).await; // the first timer has fired, the second not yet
    assert_eq!(scene.starts(), 2);
    scene.until(|scene| scene.starts() == 3).await;
}

#[tokio::test]
async fn stopping_a_child_that_is_just_panicking_forgets_it() {
    let scene = scene().await;
    for key in 0..50 {
        scene.actor(key).await.cast(ProbeMsg::Panic).unwrap();
        scene.probes.stop(key);
    }
    scene.until(|scene| scene.probes.is_empty()).await;
    assert_eq!(scene.ping(1).await, Ok(1), "the supervisor lives");
}

#[tokio::test]
async fn a_start_that_hangs_is_given_up_and_does_not_block_the_shard() {
    let family = Family {
        start_within: Duration::from_millis(50),
        patience: brisk(),
        shards: 1,
        ..Family::named("probes")
    };
    let world = Arc::new(World::default());
    let inside = Arc::clone(&world);
    let probes = Directory::new(family, move |key: u64, _gauge, supervisor| {
        let probe = Probe { world: Arc::clone(&inside) };
        async move {
            if key == 1 {
                std::future::pending::<()>().await;
            }
            assert_ne!(key, 2, "a start that panics");
            child(probe, (), supervisor).await
        }
    });
    let root = Root::start(vec![probes.spec()], Intensity::default()).await.unwrap();
    let scene = Scene { probes, world, root };
    assert_eq!(scene.ping(1).await, Err(StartError::Failed("the start took too long".into())));
    assert!(matches!(scene.ping(2).await, Err(StartError::Failed(why)) if why.contains("panics")));
    assert_eq!(scene.ping(3).await, Ok(1));
}

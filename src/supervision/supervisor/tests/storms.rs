//! Many fail at once, or a supervisor itself dies: the house stands.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_of_ten_thousand_children_panic_at_once_and_all_come_back() {
    let scene = scene().await;
    for key in 0..10_000 {
        scene.actor(key).await;
    }
    let began = Instant::now();
    for key in 0..1_000 {
        scene.probes.try_tell(&(key * 10), ProbeMsg::Panic).ok().unwrap();
    }
    assert_eq!(timeout(SOON, scene.ping(20_000)).await.unwrap(), Ok(1), "starts go on meanwhile");
    scene.until(|scene| scene.starts() == 11_001).await;
    println!("1,000 of 10,000 children back after {:?}", began.elapsed());
    let running = |scene: &Scene| (0..10_000).all(|key| scene.probes.get(&key).is_some());
    assert!(running(&scene));
    assert_eq!((scene.probes.len(), scene.probes.faults()), (10_001, 1_000));
    assert_eq!(scene.probes.troubled().len(), 1_000);
    let undisturbed = scene.probes.snapshot().iter().filter(|child| child.restarts == 0).count();
    assert_eq!(undisturbed, 9_001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_supervisor_costs_its_shard_only_and_every_handle_stays_valid() {
    let scene = scene().await;
    for key in 0..800 {
        scene.actor(key).await;
    }
    let supervisors = scene.probes.supervisors();
    assert_eq!(supervisors.len(), 8);
    supervisors[3].kill();
    supervisors[3].wait(Some(SOON)).await.unwrap();
    scene.until(|scene| scene.probes.supervisors().len() == 8 && scene.probes.len() < 800).await;
    let mut fresh = 0;
    for key in 0..800 {
        if scene.ping(key).await == Ok(1) && scene.starts() > 800 + fresh {
            fresh += 1;
        }
    }
    assert!(fresh > 20 && fresh < 300, "{fresh} of 800 had to start again");
    assert_eq!((scene.probes.len(), scene.starts()), (800, 800 + fresh));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_while_a_supervisor_is_being_restarted_just_waits() {
    let family = Family { shards: 1, patience: brisk(), ..Family::named("probes") };
    let scene = open(family).await;
    for round in 0..4 {
        scene.probes.supervisors()[0].kill();
        assert_eq!(scene.ping(round).await, Ok(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_survive_the_restart_of_the_whole_family() {
    let scene = scene().await;
    assert_eq!(scene.ping(1).await, Ok(1));
    scene.root.roster().cell("probes").unwrap().kill();
    scene.until(|scene| scene.probes.get(&1).is_none()).await;
    assert_eq!(scene.ping(1).await, Ok(1));
    assert_eq!(scene.probes.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_family_whose_supervisors_keep_dying_ends_the_house_with_a_reason() {
    let scene = scene().await;
    let killer = async {
        loop {
            scene.probes.supervisors().iter().for_each(ActorCell::kill);
            sleep(Duration::from_millis(5)).await;
        }
    };
    let ended = tokio::select! {
        ended = timeout(SOON * 2, scene.root.ended()) => ended.unwrap(),
        () = killer => unreachable!("it never ends"),
    };
    let Ended::GaveUp(reason) = ended else { panic!("{ended:?}") };
    assert!(reason.starts_with("probes keeps failing"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_short_lives_leave_nothing_behind() {
    let scene = scene().await;
    for key in 0..10_000 {
        scene.actor(key).await.cast(ProbeMsg::Retire).unwrap();
    }
    scene.until(|scene| scene.probes.is_empty()).await;
    assert_eq!((scene.starts(), scene.goodbyes()), (10_000, 10_000));
    assert!(scene.probes.snapshot().is_empty() && scene.probes.faults() == 0);
}

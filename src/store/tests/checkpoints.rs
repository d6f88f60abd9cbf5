//! Checkpoints: when they begin, what they spare, and what happens when the engine fails.

use std::fs;

use super::*;
use crate::store::writer::Fault;

const NEVER: Limits = Limits {
    log_bytes: usize::MAX,
    overlay_bytes: usize::MAX / 8,
    wait: Duration::from_secs(9999),
};

/// Waits until `so` holds.
async fn until(so: impl Fn() -> bool) {
    let holds = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(SOON, holds).await.unwrap();
}

/// What a log holds whose rows have all gone to the engine: a file's header.
fn is_empty(memory: &Memory) -> bool {
    matches!(memory.log().as_slice(), [only] if only.len() < 64)
}

#[tokio::test]
async fn a_checkpoint_begins_by_the_bytes_of_the_log_by_those_of_its_rows_or_by_time() {
    let cases = [
        Limits { log_bytes: 5_000, ..NEVER },
        Limits { overlay_bytes: 1_000, ..NEVER },
        Limits { wait: Duration::from_millis(5), ..NEVER },
    ];
    for (case, limits) in cases.into_iter().enumerate() {
        let memory = Memory::default();
        let room = Room::with(&memory, limits);
        // In the first case one row is written again and again, in the second there are many.
        let number = |round: u64| if case == 1 { round } else { 1 };
        for round in 0..100 {
            room.commit(put(number(round), b"a value of some length, and a bit more"))
                .await
                .unwrap();
        }
        until(|| room.store.figures().checkpoints > 0).await;
    }
}

#[tokio::test]
async fn without_a_reason_there_is_no_checkpoint() {
    let memory = Memory::default();
    let mut room = Room::with(&memory, NEVER);
    for round in 0..100_u64 {
        room.commit(put(1, &round.to_be_bytes())).await.unwrap();
    }
    assert_eq!((room.store.figures().checkpoints, memory.engine_rows()), (0, 0));
    assert!(room.close());
    // A hundred writes of one row are one to the engine; a closed store leaves no log.
    assert_eq!((room.store.figures().checkpoints, memory.engine_rows()), (1, 1));
    assert!(is_empty(&memory) && room.store.figures().overlay_bytes == 0);
}

#[tokio::test]
async fn what_waited_for_a_checkpoint_is_there_after_a_crash() {
    let memory = Memory::default();
    let mut room = Room::with(&memory, NEVER);
    room.commit(put(1, b"one")).await.unwrap();
    room.commit(put(2, &vec![2; 300_000])).await.unwrap();
    let mut batch = Batch::new();
    batch.remove(key(1));
    room.commit(batch).await.unwrap();
    memory.fail(Some(Fault::Engine));
    assert!(room.close());
    memory.crash();
    let (store, _) = on_memory(&memory, QUEUE_BYTES_MAX, NEVER);
    assert_eq!(store.get(&key(1)), Ok(None));
    assert_eq!(store.get(&key(2)), Ok(Some(vec![2; 300_000])));
    assert!(is_empty(&memory));
}

#[tokio::test]
async fn an_engine_that_fails_hurts_nobody_until_too_much_waits_for_it() {
    let memory = Memory::default();
    let limits = Limits { overlay_bytes: 2_000, wait: Duration::from_millis(1), ..NEVER };
    let room = Room::with(&memory, limits);
    room.commit(put(0, b"before")).await.unwrap();
    until(|| room.store.figures().overlay_bytes == 0).await;
    memory.fail(Some(Fault::Engine));
    let mut committed = 0;
    let refused = loop {
        match room.commit(put(committed, b"meanwhile")).await {
            Ok(()) => committed += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, CommitError::Refused(_)), "{refused:?}");
    let waits = room.store.figures().overlay_bytes;
    assert!((8_001..10_000).contains(&waits), "{waits} bytes");
    for number in 0..committed {
        assert_eq!(room.store.get(&key(number)), Ok(Some(b"meanwhile".to_vec())));
    }
    memory.fail(None);
    until(|| room.store.figures().overlay_bytes == 0).await;
    room.commit(put(0, b"after")).await.unwrap();
    assert_eq!(room.store.get(&key(0)), Ok(Some(b"after".to_vec())));
    assert_eq!(room.store.get(&key(1)), Ok(Some(b"meanwhile".to_vec())));
}

/// A copy of a store's folder, as a crash at this moment would leave it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn a_log_with_damage_in_its_middle_is_refused_in_words_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let room = Room::new();
    for number in 0..3 {
        room.commit(put(number, b"a value")).await.unwrap();
    }
    let Ground::Disk(folder) = &room.ground else { unreachable!() };
    let [whole, damaged] = ["whole", "damaged"].map(|name| home.path().join(name));
    copy(folder.path(), &whole);
    copy(folder.path(), &damaged);
    let log = fs::read_dir(damaged.join("control/log")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&log).unwrap();
    // In the first frame, behind the header.
    bytes[40] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let error = Store::open(&damaged).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("commit 1 can't be read"), "{error}");
    assert!(fs::read(&log).unwrap() == bytes);

    let (store, _) = Store::open(&whole).unwrap();
    for number in 0..3 {
        assert_eq!(store.get(&key(number)), Ok(Some(b"a value".to_vec())));
    }
}

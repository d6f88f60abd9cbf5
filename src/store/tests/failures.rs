//! What happens when the disk, or the writer, fails.

use super::*;
use crate::store::writer::Fault;

fn is_refused(result: &Result<(), CommitError>) -> bool {
    matches!(result, Err(CommitError::Refused(_)))
}

fn is_unknown(result: &Result<(), CommitError>) -> bool {
    matches!(result, Err(CommitError::Unknown(_)))
}

fn room_and_memory() -> (Room, Memory) {
    let memory = Memory::default();
    (Room::on(Ground::Memory(memory.clone())), memory)
}

/// Commits until it succeeds: the store comes back by itself.
async fn commit_when_it_is_back(room: &Room, batch: &Batch) {
    let comes_back = async {
        while room.store.commit(batch.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, comes_back).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_goes_on_when_there_is_room() {
    let (room, memory) = room_and_memory();
    room.commit(put(1, b"one")).await.unwrap();
    memory.fail(Some(Fault::Full));
    let refused = room.commit(put(1, b"two")).await;
    assert!(is_refused(&refused), "{refused:?}");
    assert_eq!(room.store.get(&key(1)), Ok(Some(b"one".to_vec())));
    memory.fail(None);
    assert_eq!(room.commit(put(1, b"two")).await, Ok(()));
    assert_eq!(room.store.figures().refused, 1);
}

#[tokio::test]
async fn after_a_broken_commit_its_rows_are_in_doubt_until_the_store_is_back() {
    for fault in [Fault::Write, Fault::Sync] {
        let (room, memory) = room_and_memory();
        room.commit(put(1, b"one")).await.unwrap();
        room.commit(put(2, b"kept")).await.unwrap();
        memory.fail(Some(fault));
        let unknown = room.commit(put(1, b"two")).await;
        assert!(is_unknown(&unknown), "{unknown:?}");
        assert!(is_refused(&room.commit(put(2, b"lost")).await));

        assert!(matches!(room.store.get(&key(1)), Err(ReadError::Unavailable(_))));
        assert!(room.store.page(&Key::new(Table::Device), None, 9).is_err());
        assert_eq!(room.store.get(&key(2)), Ok(Some(b"kept".to_vec())));
        assert!(room.store.figures().broken.is_some());

        memory.fail(None);
        commit_when_it_is_back(&room, &put(3, b"three")).await;
        assert_eq!(room.store.get(&key(1)), Ok(Some(b"one".to_vec())));
        let Figures { unknown, recoveries, broken, .. } = room.store.figures();
        assert_eq!((unknown, recoveries, broken), (1, 1, None));
    }
}

#[tokio::test]
async fn a_store_that_nobody_writes_to_comes_back_by_itself() {
    let (room, memory) = room_and_memory();
    memory.fail(Some(Fault::Sync));
    assert!(is_unknown(&room.commit(put(1, b"one")).await));
    memory.fail(None);
    let back = async {
        while room.store.get(&key(1)).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, back).await.unwrap();
    assert_eq!(room.store.get(&key(1)), Ok(None));
}

#[tokio::test]
async fn the_next_writer_goes_on_with_the_queue_of_the_one_that_died() {
    let (mut room, memory) = room_and_memory();
    room.commit(put(1, b"one")).await.unwrap();
    memory.fail(Some(Fault::Panic));
    let in_its_hands = room.commit(put(1, b"two")).await;
    assert!(is_unknown(&in_its_hands), "{in_its_hands:?}");
    memory.fail(None);
    room.send(7, put(2, b"queued"));
    assert!(!room.ended_well());
    room.wake();
    assert_eq!(room.hear(), (7, Ok(())));
    assert_eq!(room.store.get(&key(1)), Ok(Some(b"one".to_vec())));
    assert_eq!(room.store.get(&key(2)), Ok(Some(b"queued".to_vec())));
}

#[tokio::test]
async fn a_second_run_takes_over_from_the_first() {
    let (mut room, _) = room_and_memory();
    // Whoever begins last takes over: the first must have begun.
    assert_eq!(room.commit(put(1, b"by the first")).await, Ok(()));
    let first = room.thread.take().unwrap();
    room.wake();
    first.join().unwrap();
    assert_eq!(room.commit(put(1, b"one")).await, Ok(()));
}

#[tokio::test]
async fn a_closed_store_commits_what_waits_and_refuses_the_rest() {
    for ground in Ground::all() {
        let mut room = Room::asleep(ground);
        (0..100).for_each(|number| room.send(number, put(number, b"waits")));
        room.wake();
        assert!(room.close());
        (0..100).for_each(|number| assert_eq!(room.hear(), (number, Ok(()))));
        assert!(is_refused(&room.commit(put(1, b"too late")).await));
        room.send(100, put(1, b"too late"));
        assert!(is_refused(&room.hear().1));
    }
}

#[tokio::test]
async fn at_the_bound_of_the_queue_one_is_refused_and_the_other_waits() {
    let memory = Memory::default();
    let (store, writer) = on_memory(&memory, 4 * QUEUED_BYTES_MIN, Limits::DEFAULT);
    let (tell, hear) = mpsc::channel();
    for _ in 0..6 {
        let tell = tell.clone();
        store.commit_then(put(1, b"one"), move |result| tell.send(result).unwrap());
    }
    // Two of the six are refused here and now, before any writer runs.
    assert!(is_refused(&hear.try_recv().unwrap()) && is_refused(&hear.try_recv().unwrap()));
    assert_eq!(hear.try_recv(), Err(mpsc::TryRecvError::Empty));
    let (waiting, waits) = (store.clone(), Duration::from_millis(50));
    let mut commit = std::pin::pin!(waiting.commit(put(2, b"waits")));
    assert!(tokio::time::timeout(waits, &mut commit).await.is_err());
    assert_eq!(store.figures().queue_bytes, 4 * QUEUED_BYTES_MIN as u64);

    let running = writer.clone();
    let thread = supervision::thread("store-writer", move || running.run()).unwrap();
    assert_eq!(tokio::time::timeout(SOON, commit).await.unwrap(), Ok(()));
    (0..4).for_each(|_| assert_eq!(hear.recv_timeout(SOON), Ok(Ok(()))));
    writer.close();
    thread.join().unwrap();
    assert_eq!(store.figures().queue_bytes, 0);
}

#[test]
fn a_refusal_that_is_known_at_once_is_returned_and_nobody_is_called() {
    let memory = Memory::default();
    let (store, writer) = on_memory(&memory, QUEUED_BYTES_MIN, Limits::DEFAULT);
    let (tell, hear) = mpsc::channel();
    let try_commit = |batch| {
        let tell = tell.clone();
        store.try_commit_then(batch, move |result| tell.send(result).unwrap())
    };
    assert_eq!(try_commit(put(1, b"fits")), Ok(()));
    assert!(is_refused(&try_commit(put(1, b"the queue is full"))));
    assert!(is_refused(&try_commit(put(1, &vec![0; VALUE_BYTES_MAX + 1]))));
    writer.close();
    assert!(is_refused(&try_commit(put(1, b"the store is closed"))));
    assert_eq!(hear.try_recv(), Err(mpsc::TryRecvError::Empty));
    let thread = supervision::thread("store-writer", move || writer.run()).unwrap();
    assert_eq!(hear.recv_timeout(SOON), Ok(Ok(())));
    thread.join().unwrap();
    assert_eq!((hear.try_recv(), store.figures().refused), (Err(mpsc::TryRecvError::Empty), 3));
}

#[test]
fn a_second_server_on_the_same_store_is_refused_in_words() {
    let room = Room::new();
    let Ground::Disk(folder) = &room.ground else { unreachable!() };
    let error = Store::open(folder.path()).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
}

//! What every engine must keep, each promise on each engine.

use super::*;

#[tokio::test]
async fn what_is_acknowledged_is_there_after_reopening() {
    for ground in Ground::all() {
        let room = Room::on(ground);
        room.commit(put(1, b"one")).await.unwrap();
        room.commit(put(2, b"two")).await.unwrap();
        let mut batch = put(1, b"uno");
        batch.remove(key(2));
        room.commit(batch).await.unwrap();

        let room = room.reopen();
        assert_eq!(room.store.get(&key(1)), Ok(Some(b"uno".to_vec())));
        assert_eq!(room.store.get(&key(2)), Ok(None));
    }
}

#[test]
fn batches_are_written_and_answered_in_the_order_in_which_they_came() {
    for ground in Ground::all() {
        let mut room = Room::asleep(ground);
        (0..3000).for_each(|number| room.send(number, put(number % 3, &number.to_be_bytes())));
        room.wake();
        for number in 0..3000 {
            assert_eq!(room.hear(), (number, Ok(())));
        }
        for number in 2997..3000_u64 {
            let last = number.to_be_bytes().to_vec();
            assert_eq!(room.store.get(&key(number % 3)), Ok(Some(last)));
        }
    }
}

#[test]
fn a_later_write_of_a_key_supersedes_the_earlier_and_both_are_acknowledged() {
    let memory = Memory::default();
    let mut room = Room::asleep(Ground::Memory(memory.clone()));
    (0..100).for_each(|number| room.send(number, put(1, &number.to_be_bytes())));
    room.wake();
    (0..100).for_each(|number| assert_eq!(room.hear(), (number, Ok(()))));
    assert_eq!(room.store.get(&key(1)), Ok(Some(99_u64.to_be_bytes().to_vec())));
    let Figures { groups, batches, writes, superseded, .. } = room.store.figures();
    assert_eq!((groups, batches, writes, superseded), (1, 100, 1, 99));
    assert_eq!(memory.log_syncs(), 1);
}

#[tokio::test]
async fn of_those_who_expect_a_key_to_be_absent_only_the_first_succeeds() {
    for ground in Ground::all() {
        let mut room = Room::asleep(ground);
        let claim = |value: &[u8]| {
            let mut batch = put(1, value);
            batch.expect_absent(key(1)).put_bytes(key(2), value.to_vec());
            batch
        };
        room.send(1, claim(b"first"));
        room.send(2, claim(b"in the same group"));
        room.wake();
        assert_eq!(room.hear(), (1, Ok(())));
        assert_eq!(room.hear(), (2, Err(CommitError::Conflict)));
        assert_eq!(room.commit(claim(b"later")).await, Err(CommitError::Conflict));
        for number in [1, 2] {
            assert_eq!(room.store.get(&key(number)), Ok(Some(b"first".to_vec())));
        }
        assert_eq!(room.store.figures().conflicts, 2);
    }
}

#[tokio::test]
async fn who_expects_an_older_value_has_a_conflict() {
    for ground in Ground::all() {
        let room = Room::on(ground);
        let swap = |from: &SecretHash, to: &SecretHash| {
            let mut batch = Batch::new();
            batch.expect(key(1), from).put(key(1), to);
            batch
        };
        let [one, two, three] = ["1", "2", "3"].map(SecretHash::of);
        assert_eq!(room.commit(swap(&one, &two)).await, Err(CommitError::Conflict));
        let mut batch = Batch::new();
        batch.put(key(1), &one);
        room.commit(batch).await.unwrap();
        assert_eq!(room.commit(swap(&one, &two)).await, Ok(()));
        assert_eq!(room.commit(swap(&one, &three)).await, Err(CommitError::Conflict));
        assert_eq!(room.store.record(&key(1)), Ok(Some(two)));
    }
}

#[tokio::test]
async fn values_of_every_size_come_back_and_what_is_too_large_is_refused() {
    for ground in Ground::all() {
        let room = Room::on(ground);
        for (number, bytes) in
            [0, 1, 1999, 2000, 2001, 5000, VALUE_BYTES_MAX].into_iter().enumerate()
        {
            room.commit(put(number as u64, &vec![7; bytes])).await.unwrap();
        }
        room.commit(put(4, b"small again")).await.unwrap();
        let room = room.reopen();
        let page = room.store.page(&Key::new(Table::Device), None, 100).unwrap();
        let lengths: Vec<_> = page.iter().map(|(_, value)| value.len()).collect();
        assert_eq!(lengths, [0, 1, 1999, 2000, 11, 5000, VALUE_BYTES_MAX]);
        assert_eq!(room.store.get(&key(6)), Ok(Some(vec![7; VALUE_BYTES_MAX])));

        let refused = room.commit(put(6, &vec![0; VALUE_BYTES_MAX + 1])).await;
        assert!(matches!(refused, Err(CommitError::Refused(_))), "{refused:?}");
        let mut long = Batch::new();
        long.put_bytes(Key::new(Table::Device).raw(&[0; 600]), vec![]);
        assert!(matches!(room.commit(long).await, Err(CommitError::Refused(_))));
        let mut many = Batch::new();
        for number in 0..=BATCH_WRITES_MAX as u64 {
            many.remove(key(number));
        }
        assert!(matches!(room.commit(many).await, Err(CommitError::Refused(_))));
        assert_eq!(room.store.figures().refused, 3);
    }
}

#[tokio::test]
async fn pages_follow_each_other_in_the_order_of_their_keys() {
    for ground in Ground::all() {
        let room = Room::on(ground);
        let mut batch = Batch::new();
        for number in (0..300_u64).rev() {
            batch.put_bytes(key(number), number.to_be_bytes().to_vec());
            batch.put_bytes(Key::new(Table::Owned).id(number), vec![]);
        }
        room.commit(batch).await.unwrap();
        let (prefix, mut after, mut seen) = (Key::new(Table::Device), None, Vec::new());
        loop {
            let page = room.store.page(&prefix, after.as_ref(), 7).unwrap();
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            seen.extend(page.into_iter().map(|(key, _)| key.fields().id().unwrap()));
        }
        assert!(seen.iter().copied().eq(0..300), "{seen:?}");
        let all = room.store.page(&prefix, None, usize::MAX).unwrap();
        assert_eq!(all.len(), 300);
    }
}

#[tokio::test]
async fn nobody_sees_half_a_batch() {
    for ground in Ground::all() {
        let room = Room::on(ground);
        let reader = room.store.clone();
        let (stop, stopped) = mpsc::channel::<()>();
        let reading = supervision::thread("reader", move || {
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                let page = reader.page(&Key::new(Table::Device), None, 100).unwrap();
                let values: Vec<_> = page.iter().map(|(_, value)| value).collect();
                assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "a torn page");
            }
        });
        for round in 0..200_u8 {
            let mut batch = Batch::new();
            for number in 0..40 {
                batch.put_bytes(key(number), vec![round; 3000]);
            }
            room.commit(batch).await.unwrap();
        }
        drop(stop);
        reading.unwrap().join().unwrap();
    }
}

#[tokio::test]
async fn an_empty_batch_is_answered_when_all_before_it_is_durable() {
    for ground in Ground::all() {
        let mut room = Room::asleep(ground);
        room.send(1, put(1, b"one"));
        room.send(2, Batch::new());
        room.wake();
        assert_eq!(room.hear(), (1, Ok(())));
        assert_eq!(room.hear(), (2, Ok(())));
    }
}

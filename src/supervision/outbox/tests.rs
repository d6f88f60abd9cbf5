use std::time::Duration;

use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(20);

async fn next<T>(inbox: &mut Inbox<T>) -> Option<T> {
    timeout(SOON, inbox.recv()).await.expect("within the deadline")
}

#[tokio::test]
async fn items_arrive_in_order_and_then_the_end() {
    let (outbox, mut inbox) = outbox(4);
    outbox.push(1).unwrap();
    outbox.push(2).unwrap();
    drop(outbox);
    assert_eq!(next(&mut inbox).await, Some(1));
    assert_eq!(inbox.try_recv(), Some(2));
    assert_eq!(next(&mut inbox).await, None);
}

#[tokio::test]
async fn a_full_outbox_gives_the_item_back() {
    let (outbox, mut inbox) = outbox(2);
    outbox.push("a").unwrap();
    outbox.push("b").unwrap();
    assert_eq!(outbox.push("c"), Err(PushError::Full("c")));
    assert_eq!(next(&mut inbox).await, Some("a"));
    assert_eq!(outbox.push("c"), Ok(()));
    assert_eq!(outbox.len(), 2);
}

#[tokio::test]
async fn the_actor_learns_that_its_connection_is_gone() {
    let (outbox, inbox) = outbox(2);
    outbox.push(1).unwrap();
    drop(inbox);
    assert!(outbox.is_closed() && outbox.is_empty());
    assert_eq!(outbox.push(2), Err(PushError::Closed(2)));
    assert!(!outbox.close_with(3));
}

#[tokio::test]
async fn a_last_word_is_delivered_above_the_limit_and_ends_the_link_for_every_clone() {
    let (outbox, mut inbox) = outbox(1);
    let other = outbox.clone();
    outbox.push("news").unwrap();
    assert!(outbox.close_with("taken over"));
    assert_eq!(other.push("late"), Err(PushError::Closed("late")));
    assert_eq!(next(&mut inbox).await, Some("news"));
    assert_eq!(next(&mut inbox).await, Some("taken over"));
    assert_eq!(next(&mut inbox).await, None);
}

#[tokio::test]
async fn a_last_word_wakes_a_waiting_reader_although_clones_live_on() {
    let (outbox, mut inbox) = outbox(1);
    let _other = outbox.clone();
    let reader = tokio::spawn(async move { (next(&mut inbox).await, next(&mut inbox).await) });
    tokio::task::yield_now().await;
    outbox.close_with(7);
    assert_eq!(timeout(SOON, reader).await.unwrap().unwrap(), (Some(7), None));
}

#[tokio::test]
async fn the_link_ends_only_with_the_last_clone() {
    let (outbox, mut inbox) = outbox::<u8>(1);
    let other = outbox.clone();
    drop(outbox);
    assert!(timeout(Duration::from_millis(20), inbox.recv()).await.is_err());
    drop(other);
    assert_eq!(next(&mut inbox).await, None);
}

#[tokio::test]
async fn a_cancelled_receive_loses_nothing() {
    let (outbox, mut inbox) = outbox(8);
    for round in 0..100 {
        tokio::select! {
            biased;
            item = inbox.recv() => panic!("nothing was sent, got {item:?}"),
            () = tokio::task::yield_now() => {}
        }
        outbox.push(round).unwrap();
        assert_eq!(next(&mut inbox).await, Some(round));
    }
}

#[tokio::test]
async fn an_idle_outbox_owns_no_queue_memory() {
    let (outbox, mut inbox) = outbox(1000);
    for item in 0..1000 {
        outbox.push(item).unwrap();
    }
    while inbox.try_recv().is_some() {}
    assert!(timeout(Duration::from_millis(1), inbox.recv()).await.is_err());
    assert_eq!(lock(&outbox.queue).items.capacity(), 0);
    let shared = size_of::<Mutex<Queue<[u8; 64]>>>() + 2 * size_of::<usize>();
    assert!(shared <= 112, "an idle link costs {shared} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_and_one_reader_lose_and_reorder_nothing() {
    let (outbox, mut inbox) = outbox(16);
    let writers: Vec<_> = (0..4_u32)
        .map(|writer| {
            let outbox = outbox.clone();
            tokio::spawn(async move {
                for number in 0..5_000_u32 {
                    let mut item = (writer, number);
                    while let Err(PushError::Full(back)) = outbox.push(item) {
                        item = back;
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    drop(outbox);
    let mut expected = [0_u32; 4];
    while let Some((writer, number)) = next(&mut inbox).await {
        let due = &mut expected[writer as usize];
        assert_eq!(*due, number);
        *due += 1;
    }
    assert_eq!(expected, [5_000; 4]);
    for writer in writers {
        writer.await.unwrap();
    }
}

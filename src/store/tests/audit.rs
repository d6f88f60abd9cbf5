//! The audit: newest first, bounded by number and by age.

use super::*;
use crate::model::audit::{Action, Entry, Subject, Who, number_at};
use crate::model::{Caller, DeviceId, Props, UserId, Via};
use crate::store::audit::{self, Keep, Place};

const LAMP: Subject = Subject::Device(DeviceId(70));
/// An account whose number is the lamp's.
const BOB: Subject = Subject::Account(UserId(70));
const KEEP: Keep = Keep { rows_max: 3, keep_ms: 1_000 };

fn entry(subject: Subject, at_ms: i64) -> Entry {
    Entry::new(subject, Who::Server, Action::Expired, at_ms, 1)
}

/// A room with entries about both at each of these times.
async fn room(times_ms: impl IntoIterator<Item = i64>) -> Room {
    let room = Room::new();
    let mut batch = Batch::new();
    for at_ms in times_ms {
        audit::put(&mut batch, &entry(LAMP, at_ms));
        audit::put(&mut batch, &entry(BOB, at_ms));
    }
    room.commit(batch).await.unwrap();
    room
}

fn times(entries: &[Entry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.at_ms).collect()
}

async fn tidy(room: &Room, now_ms: i64) {
    let mut batch = Batch::new();
    audit::tidy(&room.store, &mut batch, LAMP, KEEP, now_ms).unwrap();
    room.commit(batch).await.unwrap();
}

#[tokio::test]
async fn entries_come_newest_first_and_page_by_page() {
    let room = room([10, 30, 20]).await;
    let first = audit::about(&room.store, LAMP, None, 2).unwrap();
    assert_eq!(times(&first), [30, 20]);
    let place: Place = Place::after(&first[1]).to_string().parse().unwrap();
    assert_eq!(audit::about(&room.store, LAMP, Some(place), 2).unwrap(), [entry(LAMP, 10)]);
    let mut all = audit::all(&room.store, None, 4).unwrap();
    let place = Place::after(&all[3]);
    all.extend(audit::all(&room.store, Some(place), 4).unwrap());
    assert_eq!(times(&all), [30, 30, 20, 20, 10, 10]);
}

#[tokio::test]
async fn of_each_device_the_newest_are_kept() {
    let room = room(1..=9).await;
    tidy(&room, 9).await;
    assert_eq!(times(&audit::about(&room.store, LAMP, None, 100).unwrap()), [9, 8, 7]);
    assert_eq!(audit::about(&room.store, BOB, None, 100).unwrap().len(), 9);
    assert_eq!(audit::all(&room.store, None, 100).unwrap().len(), 12);
}

#[tokio::test]
async fn what_is_too_old_is_forgotten_whatever_it_is_about() {
    let room = room([10, 2_000]).await;
    tidy(&room, 1_500).await;
    assert_eq!(times(&audit::about(&room.store, BOB, None, 100).unwrap()), [2_000]);
    assert_eq!(times(&audit::all(&room.store, None, 100).unwrap()), [2_000, 2_000]);
}

#[tokio::test]
async fn the_same_entry_twice_is_one() {
    let room = room([5, 5]).await;
    assert_eq!(audit::about(&room.store, LAMP, None, 100).unwrap().len(), 1);
}

#[tokio::test]
async fn within_a_millisecond_what_is_done_comes_before_what_a_device_makes_of_it() {
    let room = Room::new();
    let told = [
        (Action::Commanded, number_at(1, 0)),
        (Action::Refused, number_at(1, 1)),
        (Action::Revoked, audit::next_number().unwrap()),
        (Action::Granted, audit::next_number().unwrap()),
        (Action::Commanded, number_at(2, 0)),
    ];
    let mut batch = Batch::new();
    for (action, number) in told {
        audit::put(&mut batch, &Entry::new(LAMP, Who::Server, action, 5, number));
    }
    room.commit(batch).await.unwrap();
    let read = audit::about(&room.store, LAMP, None, 100).unwrap();
    let read: Vec<Action> = read.iter().rev().map(|entry| entry.action).collect();
    let (people, device) = read.split_at(2);
    assert_eq!(people, [Action::Revoked, Action::Granted]);
    assert_eq!(device, [Action::Commanded, Action::Refused, Action::Commanded]);
}

#[test]
fn an_entry_of_a_command_is_small() {
    let (via, from) = (Via::Token("phone".into()), Some([192, 168, 178, 255].into()));
    let caller = Caller { user: UserId(1 << 52), name: "barbara".into(), via, from };
    let wanted: Props = [("brightness", 100_i64)].into_iter().collect();
    let subject = Subject::Device(DeviceId(1 << 52));
    let who = Who::Caller(caller);
    let entry =
        Entry::new(subject, who, Action::Commanded, 1_795_400_000_000, number_at(1 << 20, 0))
            .of_command(&"a1b2c3d4e5f6".into())
            .with_all(&wanted);
    let bytes = record::encode(&entry).unwrap().len();
    assert!(bytes <= 100, "{bytes}");
}

//! Images of a store that is being written.

use std::cell::Cell;

use super::*;
use crate::store::tests::Room;
use crate::store::{Batch, Table};

fn row(number: u64) -> Key {
    Key::new(Table::Device).id(number)
}

/// Three rows that always say the same, whenever they are looked at together.
fn in_step(round: u64) -> Batch {
    let mut batch = Batch::new();
    for number in [1, 5_000, u64::MAX] {
        batch.put_bytes(row(number), round.to_be_bytes().to_vec());
    }
    batch
}

fn said(store: &Store, number: u64) -> Option<Vec<u8>> {
    store.get(&row(number)).unwrap()
}

fn commit(room: &Room, batch: Batch) {
    room.send(0, batch);
    room.hear().1.unwrap();
}

fn restored(image: &[u8]) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    Store::restore(folder.path(), image).unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn an_image_taken_while_rows_are_written_is_of_one_moment() {
    let room = Room::new();
    let mut filling = Batch::new();
    for number in 2..4_000 {
        filling.put_bytes(row(number), vec![7; 20]);
    }
    commit(&room, filling);
    commit(&room, in_step(0));
    let round = Cell::new(0);
    let mut image = Vec::new();
    let write_meanwhile = |_| {
        round.set(round.get() + 1);
        let mut batch = in_step(round.get());
        batch.remove(row(1_000 + round.get()));
        batch.put_bytes(row(9_999), vec![8; 5_000]);
        commit(&room, batch);
    };
    room.store.image(&mut image, &write_meanwhile).unwrap();
    let rounds = round.get();
    assert!(rounds > 1, "nothing was written meanwhile");
    let (_folder, copy) = restored(&image);
    for number in [1, 5_000, u64::MAX] {
        assert_eq!(said(&copy, number), Some(rounds.to_be_bytes().to_vec()), "{number}");
    }
    assert_eq!(said(&copy, 1_001), None, "what was taken away meanwhile is gone");
    assert_eq!(said(&copy, 1_000 + rounds + 1), Some(vec![7; 20]));
    assert_eq!(said(&copy, 9_999), Some(vec![8; 5_000]), "large values are whole");
}

#[test]
fn there_is_one_image_at_a_time() {
    let room = Room::new();
    commit(&room, in_step(1));
    let second = |_| {
        let error = room.store.image(Vec::new(), &|_| ()).unwrap_err();
        assert!(matches!(error, ImageError::Busy));
    };
    room.store.image(Vec::new(), &second).unwrap();
    room.store.image(Vec::new(), &|_| ()).unwrap();
}

#[test]
fn a_damaged_image_is_never_restored() {
    let room = Room::new();
    commit(&room, in_step(1));
    let mut image = Vec::new();
    room.store.image(&mut image, &|_| ()).unwrap();
    let refuses = |bytes: &[u8]| {
        let engine = crate::store::writer::Memory::default();
        assert!(restore(&engine, bytes).is_err());
    };
    for len in 0..image.len() {
        refuses(&image[..len]);
    }
    for at in 0..image.len() {
        let mut flipped = image.clone();
        flipped[at] ^= 0x10;
        refuses(&flipped);
    }
}

#[test]
fn a_store_half_restored_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(crate::store::RESTORING)).unwrap();
    let error = Store::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("restore"), "{error}");
}

#[test]
fn more_writes_than_can_be_noted_end_an_image_and_nothing_else() {
    let (mut notes, before) = (Notes::default(), metrics().backups_overrun.get());
    let large: Arc<[Row]> = vec![(row(1), Some(vec![0; NOTED_BYTES_MAX / 2]))].into();
    notes.group(&large);
    notes.group(&large);
    assert!(notes.groups.is_empty(), "what is of no use is not kept");
    assert!(matches!(notes.groups(), Err(ImageError::Store(_))));
    assert!(metrics().backups_overrun.get() > before);
}

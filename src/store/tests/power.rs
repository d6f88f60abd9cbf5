//! The power is cut while the log is written: of the bytes since the last sync, each sector may be
//! there, or not, or the file may end early. What was acknowledged is there, and no group is torn.

use std::collections::BTreeMap;

use super::*;
use crate::store::writer::Fault;

/// What a disk writes at once.
const SECTOR: usize = 512;
const CUTS: u64 = 60;

/// Checkpoints so often that cuts fall before, into and after them.
const OFTEN: Limits =
    Limits { log_bytes: 20_000, overlay_bytes: 6_000, wait: Duration::from_millis(3) };

type Rows = BTreeMap<Key, Vec<u8>>;

/// Writes that all say the same `round`, and some removals.
fn group(round: u64, dice: &mut Dice, model: &mut Rows) -> Batch {
    let mut batch = Batch::new();
    let mut put = |key: Key, value: Vec<u8>| {
        batch.put_bytes(key.clone(), value.clone());
        model.insert(key, value);
    };
    put(key(u64::MAX), round.to_be_bytes().to_vec());
    for _ in 0..[1, 5, 40][dice.roll(3)] {
        let bytes = [3, 100, 2500][dice.roll(3)];
        put(key(dice.roll(50) as u64), [round.to_be_bytes().to_vec(), vec![7; bytes]].concat());
    }
    let gone = key(dice.roll(50) as u64);
    model.remove(&gone);
    batch.remove(gone);
    batch
}

fn content(store: &Store) -> Rows {
    store.page(&Key::new(Table::Device), None, PAGE_ROWS_MAX).unwrap().into_iter().collect()
}

/// Drops sectors of what was not synced, and perhaps its end.
fn tear(bytes: &mut [u8], synced: usize, dice: &mut Dice) -> usize {
    let unsynced = &mut bytes[synced..];
    for sector in unsynced.chunks_mut(SECTOR).filter(|_| dice.roll(4) == 0) {
        sector.fill(0);
    }
    match dice.roll(3) {
        0 => dice.roll(unsynced.len() as u64 + 1),
        _ => unsynced.len(),
    }
}

#[tokio::test]
async fn a_power_cut_loses_nothing_that_was_acknowledged_and_tears_no_group() {
    let (seed, mut dice) = Dice::of_this_run();
    let (memory, mut durable, mut kept) = (Memory::default(), Rows::new(), 0);
    for cut in 0..CUTS {
        let mut room = Room::with(&memory, OFTEN);
        assert!(content(&room.store) == durable, "seed {seed}, cut {cut}: after opening again");
        for round in 0..dice.roll(12) as u64 {
            room.commit(group(cut * 100 + round, &mut dice, &mut durable)).await.unwrap();
        }
        memory.fail(Some(Fault::Sync));
        let mut with_the_last = durable.clone();
        let last = group(cut * 100 + 99, &mut dice, &mut with_the_last);
        let unknown = room.commit(last).await;
        assert!(matches!(unknown, Err(CommitError::Unknown(_))), "{unknown:?}");
        assert!(room.close());
        drop(room);
        memory.cut(|bytes, synced| tear(bytes, synced, &mut dice));

        let (store, _) = on_memory(&memory, QUEUE_BYTES_MAX, OFTEN);
        let found = content(&store);
        let whole = found == durable || found == with_the_last;
        let (found_rows, durable_rows) = (found.len(), durable.len());
        assert!(whole, "seed {seed}, cut {cut}: {found_rows} rows, {durable_rows} acknowledged");
        kept += u64::from(found == with_the_last);
        durable = found;
    }
    assert!((1..CUTS).contains(&kept), "of {CUTS} cuts {kept} kept the last group");
}

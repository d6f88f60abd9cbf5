//! The power is cut: what was synced is on the disk; of what was written since, each block of
//! 4 KiB may be there or not, at random. And the ways back after a failure.

use std::collections::BTreeMap;

use super::*;
use crate::store::key::Table;
use crate::store::tests::Dice;

/// What a disk writes at once.
const BLOCK: usize = 4096;
/// Cuts in one test; 40 in each of three models were tried when the engine was chosen.
const CUTS: u64 = 40;

fn key(number: u64) -> Key {
    Key::new(Table::Device).id(number)
}

/// A group of writes that all say the same `round`, so that half of one is seen.
fn group(round: u64, dice: &mut Dice) -> Vec<Row> {
    let count = [1, 7, 64, 400][dice.roll(4)];
    let mut rows: BTreeMap<Key, Written> = BTreeMap::new();
    for _ in 0..count {
        let length = dice.roll(2000);
        let mut value = round.to_be_bytes().to_vec();
        value.resize(8 + length, 7);
        rows.insert(key(dice.roll(2000) as u64), Some(value));
    }
    rows.insert(key(u64::MAX), Some(round.to_be_bytes().to_vec()));
    rows.into_iter().collect()
}

/// What the disk may hold: each block as it was at the last sync, or as it was last written.
fn cut(synced: &[u8], written: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut disk = synced.to_vec();
    for (at, block) in written.chunks(BLOCK).enumerate() {
        let (from, to) = (at * BLOCK, at * BLOCK + block.len());
        if synced.get(from..to) != Some(block) && dice.roll(2) == 0 {
            disk.resize(disk.len().max(to), 0);
            disk[from..to].copy_from_slice(block);
        }
    }
    disk
}

fn content(disk: &Disk) -> BTreeMap<Key, Written> {
    let everything = Key::from_bytes(&[]);
    let rows = disk.scan(&everything, None, usize::MAX).unwrap();
    rows.into_iter().map(|(key, value)| (key, Some(value))).collect()
}

#[test]
fn a_power_cut_loses_nothing_that_was_synced_and_tears_no_group() {
    let (seed, dice) = Dice::of_this_run();
    let dice = &mut { dice };
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("control");
    let mut disk = Disk::open(&folder).unwrap();
    let mut durable = BTreeMap::new();
    for round in 0..CUTS {
        for _ in 0..dice.roll(20) {
            let rows = group(round, dice);
            disk.apply(&rows).unwrap();
            disk.sync().unwrap();
            durable.extend(rows);
        }
        let log = folder.join(LOG_FILE);
        let synced = fs::read(&log).unwrap();
        let rows = group(1000 + round, dice);
        disk.apply(&rows).unwrap();
        disk.opened().unwrap().tree.flush().unwrap();
        let written = fs::read(&log).unwrap();
        // Its last words go to the old file, after the cut.
        drop(disk);
        assert_eq!(fs::read_dir(folder.join("blobs")).unwrap().count(), 0, "rows outside the log");
        fs::write(&log, cut(&synced, &written, dice)).unwrap();

        disk = Disk::open(&folder).unwrap();
        let found = content(&disk);
        let mut with_the_last = durable.clone();
        with_the_last.extend(rows);
        let whole = found == durable || found == with_the_last;
        let (found_rows, synced_rows) = (found.len(), durable.len());
        assert!(whole, "seed {seed}, cut {round}: {found_rows} rows, {synced_rows} were synced");
        durable = found;
    }
}

#[test]
fn after_a_failed_sync_the_log_is_written_anew() {
    let home = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(&home.path().join("control")).unwrap();
    let rows = group(7, &mut Dice(7));
    disk.apply(&rows).unwrap();
    disk.sync().unwrap();
    let log = disk.folder.join(LOG_FILE);
    // Held open, so that its number on the disk isn't given away again.
    let old = File::open(&log).unwrap();
    disk.failed(&io::Error::other("the disk has lost a page"));
    disk.recover().unwrap();
    assert_ne!(inode(&old), inode(&File::open(&log).unwrap()));
    assert_eq!(content(&disk), rows.into_iter().collect());

    disk.failed(&ErrorKind::StorageFull.into());
    let kept = File::open(&log).unwrap();
    disk.recover().unwrap();
    assert_eq!(inode(&kept), inode(&File::open(&log).unwrap()), "a full disk needs no copy");
    disk.apply(&group(8, &mut Dice(8))).unwrap();
    disk.sync().unwrap();
}

fn inode(file: &File) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&file.metadata().unwrap())
}

#[test]
fn a_copy_is_a_store_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::open(&home.path().join("control")).unwrap();
    let rows = group(7, &mut Dice(7));
    disk.apply(&rows).unwrap();
    disk.sync().unwrap();
    disk.copy_to(&home.path().join("copy")).unwrap();
    disk.apply(&[(key(1), None)]).unwrap();
    let copy = Disk::open(&home.path().join("copy")).unwrap();
    assert_eq!(content(&copy), rows.into_iter().collect());
}

#[test]
fn the_store_is_for_the_server_only() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::open(&home.path().join("data").join("control")).unwrap();
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&disk.folder).unwrap());
    assert_eq!(mode & 0o777, 0o700);
}

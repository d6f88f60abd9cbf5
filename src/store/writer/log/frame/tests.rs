use super::*;
use crate::store::batch::Written;
use crate::store::key::Table;
use proptest::prelude::*;

const SALT: [u8; 8] = *b"saltsalt";

/// A file of frames, and where each of them ends.
fn file(first: u64, frames: &[(Kind, Vec<Row>)]) -> (Vec<u8>, Vec<usize>) {
    let header = Header::new(SALT, first);
    let (mut bytes, mut ends) = (header.encode(), Vec::new());
    for (at, (kind, rows)) in frames.iter().enumerate() {
        let rows = rows.iter().map(|(key, value)| (key, value.as_deref()));
        let mut frame = Vec::new();
        header.frame(first + at as u64, *kind, rows, &mut frame).unwrap();
        bytes.extend_from_slice(&frame);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn groups(groups: &[Vec<Row>]) -> Vec<(Kind, Vec<Row>)> {
    groups.iter().map(|rows| (Kind::Group, rows.clone())).collect()
}

fn row(number: u64, value: &[u8]) -> Row {
    (Key::new(Table::Device).id(number), Some(value.to_vec()))
}

fn replay_all(files: &[Vec<u8>]) -> Result<Replayed, Damage> {
    replay(files.iter().map(Vec::as_slice))
}

/// Groups of rows as they may come, removals and empty values among them.
fn any_groups() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..40));
    let row = (any::<u64>(), value)
        .prop_map(|(number, value): (u64, Written)| (Key::new(Table::Device).id(number), value));
    prop::collection::vec(prop::collection::vec(row, 0..5), 0..6)
}

proptest! {
    #[test]
    fn what_was_written_comes_back_in_order(all in any_groups(), first in 1_u64..1 << 40) {
        let (bytes, _) = file(first, &groups(&all));
        let next = first + all.len() as u64;
        prop_assert_eq!(replay_all(&[bytes]), Ok(Replayed { rows: all.concat(), next }));
    }

    #[test]
    fn a_file_that_is_cut_anywhere_gives_every_whole_frame_before_the_cut(
        all in any_groups(), cut in any::<prop::sample::Index>(), reserved in 0_usize..64,
    ) {
        let (whole, ends) = file(1, &groups(&all));
        let cut = cut.index(whole.len() + 1);
        let mut bytes = whole[..cut].to_vec();
        bytes.resize(cut + reserved, 0);
        // Where zeros stood, the reserved ones stand for them.
        let intact = bytes.iter().zip(&whole).take_while(|(a, b)| a == b).count();
        let found = replay_all(&[bytes]);
        if intact < HEADER_BYTES {
            let void = Ok(Replayed { rows: vec![], next: 1 });
            prop_assert!(found == void || found == Err(Damage::Header), "{:?}", found);
        } else {
            let kept = ends.iter().filter(|end| **end <= intact).count();
            let rows = all[..kept].concat();
            prop_assert_eq!(found, Ok(Replayed { rows, next: 1 + kept as u64 }));
        }
    }

    #[test]
    fn a_flipped_bit_is_damage_unless_it_is_in_the_last_frame(
        all in any_groups(), at in any::<prop::sample::Index>(), bit in 0_u32..8,
    ) {
        prop_assume!(!all.is_empty());
        let (mut bytes, ends) = file(1, &groups(&all));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let hit = ends.iter().filter(|end| **end <= at).count();
        let found = replay_all(&[bytes]);
        if at < HEADER_BYTES {
            prop_assert_eq!(found, Err(Damage::Header));
        } else if hit + 1 == all.len() {
            let rows = all[..hit].concat();
            prop_assert_eq!(found, Ok(Replayed { rows, next: 1 + hit as u64 }));
        } else {
            prop_assert_eq!(found, Err(Damage::Hole(1 + hit as u64)));
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400), with_header in any::<bool>(),
    ) {
        let mut file = if with_header { Header::new(SALT, 1).encode() } else { Vec::new() };
        file.extend_from_slice(&bytes);
        if let Ok(replayed) = replay_all(&[file]) {
            prop_assert_eq!(replayed, Replayed { rows: vec![], next: 1 });
        }
    }
}

#[test]
fn a_log_goes_on_in_the_next_file() {
    let (one, _) = file(5, &groups(&[vec![row(1, b"a")], vec![row(2, b"b")]]));
    let (two, _) = file(7, &groups(&[vec![row(1, b"c")]]));
    let rows = vec![row(1, b"a"), row(2, b"b"), row(1, b"c")];
    assert_eq!(replay_all(&[one, two]), Ok(Replayed { rows, next: 8 }));
    assert_eq!(replay_all(&[]), Ok(Replayed { rows: vec![], next: 1 }));
}

#[test]
fn a_file_that_lost_its_last_frame_is_damage_once_the_next_was_begun() {
    let (mut one, ends) = file(5, &groups(&[vec![row(1, b"a")], vec![row(2, b"b")]]));
    one.truncate(ends[0]);
    let (two, _) = file(7, &[]);
    assert_eq!(replay_all(&[one, two]), Err(Damage::Hole(6)));
}

#[test]
fn what_stands_before_a_whole_frame_counts_no_more() {
    let (one, ends) = file(5, &groups(&[vec![row(1, b"a")], vec![row(2, b"failed")]]));
    let whole = |first| file(first, &[(Kind::Whole, vec![row(3, b"all")])]).0;
    let only_all = |next| Ok(Replayed { rows: vec![row(3, b"all")], next });
    // The group that failed takes the number of the frame that replaces it, if it was not kept.
    assert_eq!(replay_all(&[one.clone(), whole(6)]), only_all(7));
    assert_eq!(replay_all(&[one[..ends[0] + 9].to_vec(), whole(6)]), only_all(7));
    // Before the new frame is there the old file counts, with the failed group or without it.
    let begun = file(6, &[]).0;
    let with_it = vec![row(1, b"a"), row(2, b"failed")];
    assert_eq!(replay_all(&[one.clone(), begun.clone()]).unwrap().rows, with_it);
    let without_it = vec![row(1, b"a")];
    assert_eq!(replay_all(&[one[..ends[0] + 9].to_vec(), begun]).unwrap().rows, without_it);
}

#[test]
fn a_value_cannot_pass_for_a_frame() {
    let (foreign, _) = file(1, &groups(&[vec![row(9, b"forged")]]));
    let header = Header::new(*b"unknown!", 1);
    let (key, forged) = (Key::new(Table::Device).id(1), &foreign[HEADER_BYTES..]);
    let (mut bytes, mut frame) = (header.encode(), Vec::new());
    header.frame(1, Kind::Group, [(&key, Some(forged))], &mut frame).unwrap();
    // Torn: the reader looks at every byte of what is left.
    frame.pop();
    bytes.extend_from_slice(&frame);
    assert_eq!(replay_all(&[bytes]), Ok(Replayed { rows: vec![], next: 1 }));
}

#[test]
fn a_frame_of_a_later_release_and_a_file_of_somebody_else_are_refused() {
    let header = Header::new(SALT, 1);
    let (mut bytes, mut frame) = (header.encode(), Vec::new());
    header.frame(1, Kind::Group, [], &mut frame).unwrap();
    frame[PREFIX_BYTES + 8] = 7;
    let crc = crc32c::crc32c_append(header.seed(), &frame[4..]);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&frame);
    assert_eq!(replay_all(&[bytes]), Err(Damage::Unknown(1)));
    assert_eq!(
        replay_all(&[b"somebody else's notes, of some length".to_vec()]),
        Err(Damage::Header)
    );
}

#[test]
fn what_is_too_large_for_a_frame_is_refused_before_it_is_written() {
    let header = Header::new(SALT, 1);
    let (key, value) = (Key::new(Table::Device).id(1), vec![0; FRAME_BYTES_MAX]);
    let written = header.frame(1, Kind::Group, [(&key, Some(value.as_slice()))], &mut Vec::new());
    assert_eq!(written, Err(TooLarge));
    let long = Key::new(Table::Device).raw(&vec![0; 70_000]);
    assert_eq!(header.frame(1, Kind::Group, [(&long, None)], &mut Vec::new()), Err(TooLarge));
}

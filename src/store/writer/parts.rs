//! Values that are too large for one row: spread over several, joined when read.
//!
//! A row begins with a byte: [`WHOLE`], and the value follows; or [`SPREAD`], the number of parts,
//! the length of the value, and its beginning follows. The parts lie in their own table. They are
//! written in the same atomic batch, and the reader holds the lock that the writer writes under,
//! so nobody sees half of one.

use crate::store::batch::Written;
use crate::store::key::{Key, Table};

/// Most bytes of a value in one row. The engine keeps larger ones outside its log, in files that
/// it never syncs: a power cut then leaves a store that can't be opened. A leaf of the tree has up
/// to 17 rows and must stay below 128 KiB, so 2 KiB, less what a row needs besides, is far on the
/// right side.
pub(super) const ROW_BYTES_MAX: usize = 2000;

const WHOLE: u8 = 0;
const SPREAD: u8 = 1;
/// Mark, number of parts, length of the value.
const HEAD_BYTES: usize = 1 + 2 + 4;

/// A row as it lies in the engine.
pub(in crate::store) type Row = (Key, Written);

fn part_key(key: &Key, index: u16) -> Key {
    Key::new(Table::Part).raw(key.as_bytes()).raw(&index.to_be_bytes())
}

/// How many parts belong to the row whose bytes are `head`.
pub(super) fn parts(head: &[u8]) -> u16 {
    match head {
        [SPREAD, high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

/// Adds the rows that hold `value` under `key`, and takes away what is left of the `stale` parts
/// that the value before it had.
pub(super) fn lay_out(key: Key, value: Written, stale: u16, rows: &mut Vec<Row>) {
    let mut used = 0;
    if let Some(value) = value {
        let mut pieces = value.chunks(ROW_BYTES_MAX);
        let first = pieces.next().unwrap_or_default();
        let mut head = Vec::with_capacity(HEAD_BYTES + first.len());
        // VALUE_BYTES_MAX keeps both numbers small.
        let count = u16::try_from(pieces.len()).unwrap_or(u16::MAX);
        if count == 0 {
            head.push(WHOLE);
        } else {
            head.push(SPREAD);
            head.extend_from_slice(&count.to_be_bytes());
            let bytes = u32::try_from(value.len()).unwrap_or(u32::MAX);
            head.extend_from_slice(&bytes.to_be_bytes());
        }
        head.extend_from_slice(first);
        for piece in pieces {
            rows.push((part_key(&key, used), Some(piece.to_vec())));
            used += 1;
        }
        take_away(&key, used, stale, rows);
        rows.push((key, Some(head)));
    } else {
        take_away(&key, used, stale, rows);
        rows.push((key, None));
    }
}

fn take_away(key: &Key, used: u16, stale: u16, rows: &mut Vec<Row>) {
    rows.extend((used..stale).map(|index| (part_key(key, index), None)));
}

/// The value under `key` whose first row is `head`; `read` gives its parts. `None` if it is torn.
pub(super) fn join<E>(
    key: &Key,
    mut head: Vec<u8>,
    mut read: impl FnMut(&Key) -> Result<Written, E>,
) -> Result<Option<Vec<u8>>, E> {
    let count = parts(&head);
    match head.as_slice() {
        [WHOLE, ..] => {
            head.remove(0);
            Ok(Some(head))
        }
        [SPREAD, _, _, a, b, c, d, first @ ..] => {
            let bytes = u32::from_be_bytes([*a, *b, *c, *d]);
            let mut value = first.to_vec();
            for index in 0..count {
                match read(&part_key(key, index))? {
                    Some(piece) => value.extend_from_slice(&piece),
                    None => return Ok(None),
                }
            }
            Ok((u32::try_from(value.len()) == Ok(bytes)).then_some(value))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    proptest! {
        #[test]
        fn values_of_any_length_replace_each_other_and_leave_nothing_behind(
            lengths in prop::collection::vec(prop::option::of(0_usize..9000), 1..6),
        ) {
            let key = Key::new(Table::Retained).id(7);
            let mut store = BTreeMap::<Key, Vec<u8>>::new();
            for length in lengths {
                let value: Written = length.map(|length| (0..=255).cycle().take(length).collect());
                let stale = store.get(&key).map_or(0, |head| parts(head));
                let mut rows = Vec::new();
                lay_out(key.clone(), value.clone(), stale, &mut rows);
                for (key, row) in rows {
                    match row {
                        Some(row) => {
                            prop_assert!(key.len() + row.len() <= 2048);
                            store.insert(key, row);
                        }
                        None => drop(store.remove(&key)),
                    }
                }
                let read = |key: &Key| Ok::<_, Infallible>(store.get(key).cloned());
                let found = store.get(&key).map(|head| join(&key, head.clone(), read).unwrap());
                prop_assert_eq!(found, value.map(Some));
                let expected = length.map_or(0, |length| length.div_ceil(ROW_BYTES_MAX).max(1));
                prop_assert_eq!(store.len(), expected);
            }
        }
    }

    #[test]
    fn a_value_that_lost_a_part_is_torn() {
        let key = Key::new(Table::Retained).id(7);
        let mut rows = Vec::new();
        lay_out(key.clone(), Some(vec![1; 5000]), 0, &mut rows);
        let (_, head) = rows.pop().unwrap();
        assert_eq!(join(&key, head.unwrap(), |_| Ok::<_, Infallible>(None)), Ok(None));
        assert_eq!(join(&key, vec![9], |_| Ok::<_, Infallible>(None)), Ok(None));
    }
}

//! Rows of numbers, in as few bits as they need.
//!
//! Every column has a Rice code of its own, whose order is the logarithm of a mean. It is set anew
//! at the end of every group of rows, on both sides alike, by the numbers of that group: so nothing
//! about it is stored, and between two settings rows are read without a thought. A group is as long
//! as all the rows before it, between 1 and 16: a few of them suffice to find the order.

mod bits;
mod first;

use self::bits::{BitReader, BitWriter, ORDER_MAX, escaped_from};

/// The longest group.
const GROUP_ROWS_MAX: u32 = 16;

/// How rows are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// With orders that follow every number, as it was until November 2026. Only read.
    First,
    /// With orders that are set by the group.
    Grouped,
}

/// What both sides know of the columns.
#[derive(Debug, Clone, Copy)]
struct Columns<const N: usize> {
    orders: [u32; N],
    /// The sums of this group.
    sums: [u64; N],
    /// The rows before this group.
    before: u32,
    /// The rows of this group that are still to come, at least one.
    left: u32,
}

impl<const N: usize> Columns<N> {
    const fn new() -> Self {
        Self { orders: [0; N], sums: [0; N], before: 0, left: 1 }
    }

    /// Takes in `count` more rows of this group, whose sums are known already.
    fn advance(&mut self, count: u32) {
        self.left -= count;
        if self.left > 0 {
            return;
        }
        let group = self.before.clamp(1, GROUP_ROWS_MAX);
        for (order, sum) in self.orders.iter_mut().zip(&mut self.sums) {
            // A group's length is a power of two.
            *order = ((*sum >> group.ilog2()) | 1).ilog2().min(ORDER_MAX);
            *sum = 0;
        }
        self.before += group;
        self.left = self.before.min(GROUP_ROWS_MAX);
    }
}

/// Adds a row. What is escaped counts as the smallest number that is: a single wild one (a gap, a
/// sensor's hiccup) does not spoil the ones after it.
fn add<const N: usize>(sums: &mut [u64; N], row: [u64; N], orders: [u32; N]) {
    for ((sum, number), order) in sums.iter_mut().zip(row).zip(orders) {
        *sum += number.min(escaped_from(order));
    }
}

/// Rows being written. What was written so far can be read at any moment.
#[derive(Debug, Clone)]
pub(super) struct RowWriter<const N: usize> {
    columns: Columns<N>,
    bits: BitWriter,
}

impl<const N: usize> RowWriter<N> {
    pub(super) fn new() -> Self {
        Self { columns: Columns::new(), bits: BitWriter::default() }
    }

    pub(super) fn put(&mut self, row: [u64; N]) {
        let Columns { orders, sums, .. } = &mut self.columns;
        row.iter().zip(&*orders).for_each(|(number, order)| self.bits.put_rice(*number, *order));
        add(sums, row, *orders);
        self.columns.advance(1);
    }

    /// Appends all rows to `out`.
    pub(super) fn copy_to(&self, out: &mut Vec<u8>) {
        self.bits.copy_to(out);
    }

    /// Bytes held in memory beyond the struct itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bits.capacity()
    }
}

/// Rows being read. Who reads knows how many there are; of what lies behind them nonsense is read.
#[derive(Debug, Clone)]
pub(super) enum RowReader<'a, const N: usize> {
    First(first::RowReader<'a, N>),
    Grouped(GroupReader<'a, N>),
}

impl<'a, const N: usize> RowReader<'a, N> {
    pub(super) fn new(code: Code, bytes: &'a [u8]) -> Self {
        match code {
            Code::First => Self::First(first::RowReader::new(bytes)),
            Code::Grouped => {
                Self::Grouped(GroupReader { columns: Columns::new(), bits: BitReader::new(bytes) })
            }
        }
    }

    /// Reads as many rows as there are places, each made into what belongs there.
    #[inline]
    pub(super) fn fill<T>(&mut self, places: &mut [T], make: impl FnMut([u64; N]) -> T) {
        match self {
            Self::First(reader) => reader.fill(places, make),
            Self::Grouped(reader) => reader.fill(places, make),
        }
    }
}

/// Reads [`Code::Grouped`].
#[derive(Debug, Clone)]
pub(super) struct GroupReader<'a, const N: usize> {
    columns: Columns<N>,
    bits: BitReader<'a>,
}

impl<const N: usize> GroupReader<'_, N> {
    #[inline]
    fn fill<T>(&mut self, mut places: &mut [T], mut make: impl FnMut([u64; N]) -> T) {
        while !places.is_empty() {
            let count = self.columns.left.min(u32::try_from(places.len()).unwrap_or(u32::MAX));
            let group;
            (group, places) = places.split_at_mut(count as usize);
            // Copies, so that all of it may stay in registers.
            let Columns { orders, mut sums, .. } = self.columns;
            let mut bits = self.bits;
            for place in group {
                let row = bits.take_row(orders);
                add(&mut sums, row, orders);
                *place = make(row);
            }
            (self.bits, self.columns.sums) = (bits, sums);
            self.columns.advance(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written<const N: usize>(rows: &[[u64; N]]) -> Vec<u8> {
        let mut writer = RowWriter::new();
        for row in rows {
            writer.put(*row);
        }
        let mut bytes = Vec::new();
        writer.copy_to(&mut bytes);
        bytes
    }

    fn check<const N: usize>(rows: &[[u64; N]]) -> usize {
        let bytes = written(rows);
        let mut back = vec![[0; N]; rows.len()];
        RowReader::new(Code::Grouped, &bytes).fill(&mut back, |row| row);
        assert_eq!(back, rows);
        bytes.len()
    }

    #[test]
    fn the_extremes_survive() {
        let numbers = [0, u64::MAX, 1, u64::MAX >> 1, 1 << 63, 1 << 32, (1 << 32) - 1, 0, 0];
        check(&numbers.map(|number| [number]));
        check(&[[u64::MAX, 0]; 200]);
    }

    #[test]
    fn what_never_changes_costs_one_bit() {
        assert_eq!(check(&vec![[0]; 8_000]), 1_000);
    }

    #[test]
    fn a_column_does_not_pay_for_its_neighbour() {
        let rows: Vec<_> = (0..8_000_u64).map(|i| [0, i * 7_919 % 1_000]).collect();
        let numbers: Vec<_> = rows.iter().map(|[_, number]| [*number]).collect();
        assert_eq!(check(&rows), check(&numbers) + 1_000);
    }

    #[test]
    fn a_single_wild_number_does_not_spoil_the_ones_after_it() {
        let mut rows = vec![[2]; 1_000];
        let calm = check(&rows);
        rows[500] = [1 << 40];
        assert!(check(&rows) < calm + 12);
    }

    #[test]
    fn sixteen_rows_suffice_to_find_an_order() {
        let rows: Vec<_> = (0..16_u64).map(|i| [10_000 + i * 7_919 % 1_000]).collect();
        let bytes = check(&rows.repeat(2)) - check(&rows);
        assert!(bytes <= 16 * 15 / 8 + 1, "{bytes}");
    }

    proptest! {
        #[test]
        fn every_table_reads_back_in_pieces_of_any_length(
            rows in prop::collection::vec((any::<[u64; 3]>(), 0_u32..64), 0..200),
            pieces in prop::collection::vec(1_usize..40, 1..20),
        ) {
            let rows: Vec<_> = rows.iter().map(|(row, shift)| row.map(|n| n >> shift)).collect();
            check(&rows);
            let bytes = written(&rows);
            let mut reader = RowReader::new(Code::Grouped, &bytes);
            let mut rest = &rows[..];
            for piece in pieces.iter().cycle() {
                let (some, others) = rest.split_at(rest.len().min(*piece));
                let mut back = vec![[0; 3]; some.len()];
                reader.fill(&mut back, |row| row);
                prop_assert_eq!(&back, some);
                rest = others;
                if rest.is_empty() {
                    break;
                }
            }
        }

        #[test]
        fn any_bytes_read_without_a_panic(bytes: Vec<u8>) {
            for code in [Code::First, Code::Grouped] {
                let mut places = vec![[0_u64; 2]; bytes.len() * 8];
                RowReader::new(code, &bytes).fill(&mut places, |row| row);
            }
        }
    }
}

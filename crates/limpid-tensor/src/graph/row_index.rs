//! Which rows of a table are used, and in which order they lie.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::buffers::{self, Storage};
use crate::{Error, Result};

/// The digits of the sort have at most this many bits.
const DIGIT: u32 = 11;

/// The rows of a table in the order in which they are used. Cheap to clone; all clones share the
/// order of the rows once one of them has found it.
#[derive(Clone, Debug)]
pub struct RowIndex {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    rows: Storage<usize>,
    order: OnceLock<Order>,
}

/// The uses by row.
#[derive(Debug)]
struct Order {
    /// Every row once, ascending.
    touched: Storage<usize>,
    /// The uses, sorted by row; those of one row in their own order.
    places: Storage<usize>,
    /// Where in `places` the uses of each touched row begin, and where the last ones' end.
    starts: Storage<usize>,
}

impl From<Vec<usize>> for RowIndex {
    fn from(rows: Vec<usize>) -> Self {
        Storage::from(rows).into()
    }
}

impl From<Storage<usize>> for RowIndex {
    fn from(rows: Storage<usize>) -> Self {
        let order = OnceLock::new();
        Self {
            inner: Arc::new(Inner { rows, order }),
        }
    }
}

impl RowIndex {
    /// The rows in the order in which they are used.
    pub fn rows(&self) -> &[usize] {
        &self.inner.rows
    }

    /// How often rows are used.
    pub fn len(&self) -> usize {
        self.inner.rows.len()
    }

    /// Whether no row is used.
    pub fn is_empty(&self) -> bool {
        self.inner.rows.is_empty()
    }

    /// Every row that is used, once, ascending.
    pub fn touched(&self) -> &[usize] {
        &self.order().touched
    }

    /// The touched rows number `part`, each with its uses in their order.
    pub(super) fn groups(&self, part: Range<usize>) -> impl Iterator<Item = (usize, &[usize])> {
        let order = self.order();
        let starts = &order.starts[part.start..=part.end];
        let touched = &order.touched[part];
        let uses = starts
            .windows(2)
            .map(|pair| &order.places[pair[0]..pair[1]]);
        touched.iter().copied().zip(uses)
    }

    /// Checks that all rows are below `length`.
    pub(super) fn check(&self, length: usize) -> Result<()> {
        match self.inner.rows.iter().find(|&&row| row >= length) {
            Some(&row) => Err(Error::index("row gradient", "row", row, length)),
            None => Ok(()),
        }
    }

    fn order(&self) -> &Order {
        self.inner.order.get_or_init(|| {
            let (rows, places) = sorted(&self.inner.rows);
            let changes = rows.windows(2).filter(|pair| pair[0] != pair[1]);
            let count = changes.count() + usize::from(!rows.is_empty());
            let (mut touched, mut starts) = (buffers::take(count), buffers::take(count + 1));
            let mut found = 0;
            for (rank, &row) in rows.iter().enumerate() {
                if rank == 0 || rows[rank - 1] != row {
                    (touched[found], starts[found]) = (row, rank);
                    found += 1;
                }
            }
            starts[count] = rows.len();
            Order {
                touched,
                places,
                starts,
            }
        })
    }
}

/// The keys in order, and their places in `keys`, those of equal keys in their own order: a sort by
/// counting, digit by digit.
fn sorted(keys: &[usize]) -> (Storage<usize>, Storage<usize>) {
    let mut places = buffers::take(keys.len());
    for (number, place) in places.iter_mut().enumerate() {
        *place = number;
    }
    let bits = usize::BITS - keys.iter().fold(0, |all, key| all | key).leading_zeros();
    // Keys move along with their places, so that each pass reads from one end to the other.
    let mut keys = buffers::copied(keys);
    if bits == 0 {
        return (keys, places);
    }
    let passes = bits.div_ceil(DIGIT);
    let digit = bits.div_ceil(passes);
    let buckets = 1_usize << digit;
    let (mut next_keys, mut next) = (buffers::take(keys.len()), buffers::take(keys.len()));
    let mut ends = buffers::take(buckets);
    let ends = &mut ends[..];
    let mut from = (&mut keys[..], &mut places[..]);
    let mut to = (&mut next_keys[..], &mut next[..]);
    for pass in 0..passes {
        let of = |key: usize| (key >> (pass * digit)) & (buckets - 1);
        ends.fill(0);
        for &key in from.0.iter() {
            ends[of(key)] += 1;
        }
        let mut total = 0;
        for end in ends.iter_mut() {
            (*end, total) = (total, total + *end);
        }
        for (&key, &place) in from.0.iter().zip(from.1.iter()) {
            let end = &mut ends[of(key)];
            (to.0[*end], to.1[*end]) = (key, place);
            *end += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    match passes % 2 {
        1 => (next_keys, next),
        _ => (keys, places),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_grouped_and_their_uses_keep_their_order() {
        let index = RowIndex::from(vec![9, 2, 9, 0, 2, 9]);
        assert_eq!(index.touched(), [0, 2, 9]);
        let groups: Vec<_> = index.groups(1..3).collect();
        assert_eq!(groups, [(2, &[1, 4][..]), (9, &[0, 2, 5][..])]);
        let nothing = RowIndex::from(Vec::new());
        assert!(nothing.touched().is_empty());
        assert_eq!(nothing.groups(0..0).count(), 0);
    }

    proptest! {
        #[test]
        fn the_sort_is_that_of_the_standard_library(
            keys in prop::collection::vec(prop_oneof![0_usize..9, 0_usize..60_000, any::<usize>()], 0..200)
        ) {
            let mut expected: Vec<usize> = (0..keys.len()).collect();
            expected.sort_by_key(|&place| keys[place]);
            let (found, places) = sorted(&keys);
            prop_assert_eq!(&*places, &*expected);
            prop_assert!(found.iter().zip(&expected).all(|(key, &place)| *key == keys[place]));
        }
    }
}

//! How a product is cut: from which side, into which panels, blocks and tasks.
//!
//! All of it follows from the shape and the layout alone, so that the order of the sums, and with
//! it every bit, does not depend on the number of threads.

use std::ops::Range;

use super::micro::{Micro, VECTORS};
use super::pack::Strided;
use crate::kernel::scaled;

/// The longest inner dimension that is summed without storing in between: three vectors of so many
/// steps take a quarter of the second-level cache.
const DEPTH: usize = scaled(1024, 64);
/// Multiply-adds that are worth a task: some microseconds.
const TASK: usize = scaled(1 << 18, 1 << 9);
/// No product is cut into more tasks than this.
const MOST_TASKS: usize = 48;
/// Below this many multiply-adds the caller works alone.
const ALONE: usize = scaled(1 << 20, 1 << 11);
/// A left operand that meets this many panels is packed as well.
const REUSED: usize = 4;

/// A dimension cut into parts whose lengths differ by one unit at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) count: usize,
    /// The units of a part; the first `longer` parts have one more.
    least: usize,
    longer: usize,
    unit: usize,
    length: usize,
}

impl Parts {
    /// `length` elements, in units of `unit`, at most `most` units a part.
    pub(super) fn new(length: usize, unit: usize, most: usize) -> Self {
        let units = length.div_ceil(unit);
        if units <= most {
            // Of small products, where divisions would be felt.
            return Self {
                count: usize::from(units > 0),
                least: units,
                longer: 0,
                unit,
                length,
            };
        }
        let count = units.div_ceil(most);
        Self {
            count,
            least: units / count.max(1),
            longer: units % count.max(1),
            unit,
            length,
        }
    }

    /// How many units part `part` has.
    pub(super) fn units(&self, part: usize) -> usize {
        self.least + usize::from(part < self.longer)
    }

    /// The first element of part `part`, in whole units; that of the part after the last one is
    /// the padded length.
    pub(super) fn padded_start(&self, part: usize) -> usize {
        (self.least * part + self.longer.min(part)) * self.unit
    }

    /// The first element of part `part`; the length for the part after the last one.
    pub(super) fn start(&self, part: usize) -> usize {
        self.padded_start(part).min(self.length)
    }

    /// The length of all parts in whole units.
    pub(super) fn padded(&self) -> usize {
        self.padded_start(self.count)
    }
}

/// Columns of the right operand, in panels of whole vectors.
pub(super) fn panels<E>(columns: usize, micro: &Micro<E>) -> Parts {
    Parts::new(columns, micro.lanes, VECTORS)
}

/// Rows of the left operand, in tiles.
pub(super) fn tiles<E>(rows: usize, micro: &Micro<E>) -> Parts {
    Parts::new(rows, 1, micro.rows)
}

/// The inner dimension, in blocks: of a right operand that is read in place, such that a block and
/// the next one stay in the second-level cache.
pub(super) fn blocks<E>(depth: usize, in_place: Option<&Strided<'_, E>>) -> Parts {
    let most = match in_place {
        Some(right) => (NEAR / size_of::<E>() / right.row_stride.max(1)).clamp(64, DEPTH),
        None if depth <= DEPTH => DEPTH,
        None => DEPTH * 3 / 4,
    };
    Parts::new(depth, 1, most)
}

/// Bytes that stay in the second-level cache together with what else is at work.
const NEAR: usize = scaled(1 << 18, 1 << 12);

/// How many panels are multiplied by one tile after the other: as many as stay near. The result is
/// written, as far as they reach, in the order in which it lies in memory.
pub(super) fn group<E>(depth: usize, micro: &Micro<E>) -> usize {
    (NEAR / size_of::<E>() / (depth * VECTORS * micro.lanes)).max(1)
}

/// How many tiles of the left operand are packed before they are multiplied.
pub(super) fn run<E>(depth: usize, micro: &Micro<E>) -> usize {
    (NEAR / 2 / size_of::<E>() / (depth * micro.rows)).max(1)
}

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// How many tiles are written transposed at once: as many as fill lines of the cache.
pub(super) fn bundle<E>(micro: &Micro<E>) -> usize {
    (LINE / size_of::<E>()).div_ceil(micro.rows)
}

/// The pieces of a product that tasks do.
pub(super) struct Tasks {
    down: usize,
    across: usize,
    /// Whether neighbouring tasks have the same columns, not the same rows.
    by_columns: bool,
}

impl Tasks {
    /// Cuts the tiles and the panels of a product, which is `turned` where the result is written
    /// transposed.
    pub(super) fn new(depth: usize, tiles: Parts, panels: Parts, turned: bool) -> Self {
        let (rows, columns) = (tiles.length, panels.length);
        let work = rows * panels.padded() * depth;
        let (down, across) = match work < ALONE {
            true => (1, 1),
            false => {
                let tasks = (work / TASK).clamp(1, MOST_TASKS);
                let down = tasks.min(tiles.count);
                (down, (tasks / down).clamp(1, panels.count))
            }
        };
        // Neighbours are done by one thread: they should share what is large. That is the right
        // operand, or else the lines of the result.
        let right_is_largest = depth > rows && columns > rows;
        let left_is_largest = depth > columns && rows > columns;
        Self {
            down,
            across,
            by_columns: right_is_largest || (turned && !left_is_largest),
        }
    }

    /// One task does everything.
    pub(super) const ONE: Self = Self {
        down: 1,
        across: 1,
        by_columns: false,
    };

    pub(super) fn count(&self) -> usize {
        self.down * self.across
    }

    /// The tiles and the panels of task `task`.
    pub(super) fn piece(
        &self,
        task: usize,
        tiles: usize,
        panels: usize,
    ) -> (Range<usize>, Range<usize>) {
        let (row, column) = match self.by_columns {
            true => (task % self.down, task / self.down),
            false => (task / self.across, task % self.across),
        };
        let cut = |count: usize, pieces: usize, piece: usize| {
            count * piece / pieces..count * (piece + 1) / pieces
        };
        (cut(tiles, self.down, row), cut(panels, self.across, column))
    }
}

/// Into how many pieces the inner dimension is cut, each summed for itself by one task, where the
/// result is too small to be cut.
pub(super) fn slabs(rows: usize, depth: usize, columns: usize) -> usize {
    match rows * columns <= 1 << 16 && depth >= 4 * DEPTH {
        true => (depth / DEPTH).min(32),
        false => 1,
    }
}

/// Elements of a right operand from which on it is packed strip by strip, and of a packed strip.
const STRIPS: usize = scaled(1 << 20, 1 << 11);
const STRIP: usize = scaled(1 << 16, 1 << 9);

/// The width of the strips that the columns are cut into, if they are: where few rows meet a right
/// operand that no cache holds.
pub(super) fn strips<E>(
    (rows, depth, columns): (usize, usize, usize),
    micro: &Micro<E>,
) -> Option<usize> {
    let panel = VECTORS * micro.lanes;
    let width = (STRIP / depth / panel).max(1) * panel;
    (rows <= 16 * micro.rows && depth * columns >= STRIPS && columns >= 8 * width).then_some(width)
}

/// Whether the left operand is read where it lies: its steps side by side, and not so that the
/// rows of a tile fall on the same lines of the first-level cache.
pub(super) fn reads_left_in_place<E>(left: &Strided<'_, E>, panels: usize) -> bool {
    let far_apart = (left.row_stride * size_of::<E>()).is_multiple_of(4096);
    match (left.column_stride, left.row_stride) {
        (1, _) => panels < REUSED && !far_apart,
        (_, 1) => panels == 1,
        _ => false,
    }
}

/// Whether whole vectors of the right operand are read where they lie: side by side, and by too few
/// tiles to be worth packing.
pub(super) fn reads_right_in_place<E>(
    (rows, depth): (usize, usize),
    right: &Strided<'_, E>,
    micro: &Micro<E>,
) -> bool {
    right.column_stride == 1 && rows <= 4 * micro.rows && depth <= DEPTH / 2
}

/// The same for a slab of a long inner dimension, which lies in one piece of memory and comes from
/// there block by block.
pub(super) fn reads_slab_in_place<E>(
    (rows, columns): (usize, usize),
    right: &Strided<'_, E>,
    micro: &Micro<E>,
) -> bool {
    right.column_stride == 1 && right.row_stride <= columns + columns / 8 && rows <= 16 * micro.rows
}

/// Whether it costs less to multiply the transposed operands and to write the result transposed:
/// the right operand is packed whole, in vectors along the result's rows, so it should be the
/// smaller one, and the dimension along its vectors should fill them.
pub(super) fn swaps<E>(
    (rows, depth, columns): (usize, usize, usize),
    left: &Strided<'_, E>,
    right: &Strided<'_, E>,
    micro: &Micro<E>,
) -> bool {
    let in_place = reads_right_in_place((rows, depth), right, micro);
    if in_place && columns.is_multiple_of(micro.lanes) && left.column_stride == 1 {
        let panels = panels(columns, micro);
        if reads_left_in_place(left, panels.count) {
            // Nothing is packed and no vector padded: it costs no less from the other side.
            return false;
        }
    }
    let as_given = cost((rows, depth, columns), left, right, micro);
    let swapped = cost(
        (columns, depth, rows),
        &right.transposed(),
        &left.transposed(),
        micro,
    );
    // Cycles that it takes to write an element of the result transposed.
    let far_apart = columns * size_of::<E>() > 1 << 12;
    let writing = if far_apart { 1.5 } else { 0.8 } * (rows * columns) as f64;
    swapped + writing < as_given
}

/// An estimate of cycles, for comparison alone.
fn cost<E>(
    (rows, depth, columns): (usize, usize, usize),
    left: &Strided<'_, E>,
    right: &Strided<'_, E>,
    micro: &Micro<E>,
) -> f64 {
    let panels = panels(columns, micro);
    // Cycles an element: copied in runs, in transposed blocks, or one by one.
    let packing = |along: usize, across: usize| match (along, across) {
        (1, _) => 0.2,
        (_, 1) => 0.5,
        _ => 1.0,
    };
    let mut right_cost = match reads_right_in_place((rows, depth), right, micro) {
        true => 0.0,
        false => packing(right.column_stride, right.row_stride),
    };
    let in_strips = strips((rows, depth, columns), micro).is_some();
    if depth * columns * size_of::<E>() > 4 << 20 && !in_strips {
        // It goes through memory, not through a cache.
        right_cost *= 4.0;
    }
    let left_cost = match reads_left_in_place(left, panels.count) {
        true => 0.0,
        false => packing(left.row_stride, left.column_stride),
    };
    let multiplying = (rows * depth * panels.padded()) as f64 / micro.lanes as f64;
    // A tile of few rows reads the right operand more often than it multiplies.
    let fullness = 1.0 + 0.5 / rows.min(micro.rows) as f64;
    multiplying * fullness
        + right_cost * (depth * columns) as f64
        + left_cost * (rows * depth) as f64
}

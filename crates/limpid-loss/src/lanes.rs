//! Running results side by side, as many as keep the processor busy.
//!
//! Whole blocks only, the last one filled up: results that are met at a place known at run time alone
//! would have to lie in memory instead of registers.

use limpid_tensor::Element;

/// How many there are.
pub(crate) const LANES: usize = 32;

/// The lanes after `step` has taken in every number of `row`, each by the lane of its place. What
/// the last block lacks is filled up with `nothing`, which must change nothing.
#[inline(always)]
pub(crate) fn accumulated<E: Element>(
    row: &[E],
    start: E,
    nothing: E,
    step: impl Fn(E, E) -> E,
) -> [E; LANES] {
    let (blocks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for block in blocks {
        for (lane, &x) in lanes.iter_mut().zip(block) {
            *lane = step(*lane, x);
        }
    }
    if !rest.is_empty() {
        for (lane, &x) in lanes.iter_mut().zip(&padded(rest, nothing)) {
            *lane = step(*lane, x);
        }
    }
    lanes
}

/// A block that begins with `numbers`, of which there are fewer, and goes on with `nothing`.
#[inline(always)]
pub(crate) fn padded<E: Element>(numbers: &[E], nothing: E) -> [E; LANES] {
    let mut block = [nothing; LANES];
    for (own, &number) in block.iter_mut().zip(numbers) {
        *own = number;
    }
    block
}

/// The lanes folded in halves.
#[inline(always)]
pub(crate) fn folded<E: Element>(lanes: [E; LANES], fold: impl Fn(E, E) -> E) -> E {
    let lanes: [E; 16] = std::array::from_fn(|lane| fold(lanes[lane], lanes[lane + 16]));
    let lanes: [E; 8] = std::array::from_fn(|lane| fold(lanes[lane], lanes[lane + 8]));
    let lanes: [E; 4] = std::array::from_fn(|lane| fold(lanes[lane], lanes[lane + 4]));
    fold(fold(lanes[0], lanes[2]), fold(lanes[1], lanes[3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_counts_once() {
        for length in [0, 1, LANES - 1, LANES, 3 * LANES + 5] {
            let row: Vec<f64> = (0..length).map(|it| it as f64).collect();
            let lanes = accumulated(&row, 0.0, 0.0, |sum, x| sum + x);
            let total = folded(lanes, |sum, other| sum + other);
            assert_eq!(total, row.iter().sum::<f64>(), "{length}");
        }
    }
}

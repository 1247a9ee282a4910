//! Many numbers in, one out.
//!
//! Sums are pairwise (Higham 1993): the error grows with the logarithm of the number of terms, and
//! the order depends on the length alone.

use crate::{Element, buffers};

/// What is summed straight away, in eight lanes.
const BLOCK: usize = 128;

/// The sum of a slice.
pub(crate) fn sum<E: Element>(x: &[E]) -> E {
    sum_of(x.len(), &|index| x[index])
}

/// The sum of `term(0) + ... + term(count - 1)`.
pub(crate) fn sum_of<E: Element>(count: usize, term: &impl Fn(usize) -> E) -> E {
    sum_range(0, count, term)
}

fn sum_range<E: Element>(start: usize, count: usize, term: &impl Fn(usize) -> E) -> E {
    if count <= BLOCK {
        let mut lanes = [E::zero(); 8];
        let whole = count / 8 * 8;
        for index in (0..whole).step_by(8) {
            for (lane, total) in lanes.iter_mut().enumerate() {
                *total += term(start + index + lane);
            }
        }
        for (lane, index) in (whole..count).enumerate() {
            lanes[lane] += term(start + index);
        }
        let [a, b, c, d, e, f, g, h] = lanes;
        return ((a + b) + (c + d)) + ((e + f) + (g + h));
    }
    let half = (count / 2).next_multiple_of(BLOCK);
    sum_range(start, half, term) + sum_range(start + half, count - half, term)
}

/// Adds up `x` of `[rows, out.len()]` over its rows, into `out`.
pub(crate) fn sum_rows<E: Element>(x: &[E], out: &mut [E]) {
    let width = out.len();
    out.fill(E::zero());
    if width == 0 {
        return;
    }
    if x.len() <= BLOCK * width {
        add_rows(x, out);
        return;
    }
    let mut partial = buffers::take(width);
    for block in x.chunks(BLOCK * width) {
        partial.fill(E::zero());
        add_rows(block, &mut partial);
        add_rows(&partial, out);
    }
}

fn add_rows<E: Element>(x: &[E], out: &mut [E]) {
    for row in x.chunks_exact(out.len()) {
        for (total, &term) in out.iter_mut().zip(row) {
            *total += term;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_every_length_agree_with_integers() {
        for count in 0..600_u32 {
            let x: Vec<f64> = (1..=count).map(f64::from).collect();
            assert_eq!(sum(&x), f64::from(count * (count + 1) / 2));
        }
    }

    #[test]
    fn a_long_sum_in_single_precision_keeps_its_digits() {
        let x = vec![0.1_f32; 1 << 20];
        assert!((f64::from(sum(&x)) / (0.1_f32 as f64 * f64::from(1 << 20)) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn rows_are_added_up() {
        let x: Vec<f64> = (0..300 * 3).map(f64::from).collect();
        let mut out = [0.0; 3];
        sum_rows(&x, &mut out);
        let want = |column: usize| (0..300).map(|row| (row * 3 + column) as f64).sum::<f64>();
        assert_eq!(out, [want(0), want(1), want(2)]);
    }
}

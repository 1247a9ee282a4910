//! Matrix products, by the `gemm` crate's kernels.

#![expect(unsafe_code, reason = "the gemm crate takes raw pointers and strides")]

use rayon::prelude::*;

use crate::Element;

/// A matrix within a slice: where it begins and how far rows and columns lie apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strided<'a, E> {
    pub(crate) data: &'a [E],
    pub(crate) offset: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<E> Strided<'_, E> {
    /// Whether every element of a `rows` x `columns` matrix lies within the slice.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || self.offset + (rows - 1) * self.row_stride + (columns - 1) * self.column_stride
                < self.data.len()
    }

    fn down(&self, rows: usize) -> Self {
        Self {
            offset: self.offset + rows * self.row_stride,
            ..*self
        }
    }

    fn right(&self, columns: usize) -> Self {
        Self {
            offset: self.offset + columns * self.column_stride,
            ..*self
        }
    }
}

/// The multiply-adds that are worth a task of their own.
const TASK: usize = 1 << 21;
/// No product is cut into more tasks than this.
const MOST_TASKS: usize = 16;
/// Task borders fall on multiples of this, so that register tiles stay whole.
const TILE: usize = 32;

/// `out = left * right` with `left` of `m` x `k`, `right` of `k` x `n` and `out` row-major,
/// contiguous, `m` x `n`. The sums run over `k` in an order that depends on the shape alone.
pub(crate) fn product<E: Element>(
    out: &mut [E],
    (m, k, n): (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
) {
    assert!(
        out.len() == m * n && left.holds(m, k) && right.holds(k, n),
        "a matrix product of {m} x {k} x {n} reaches beyond its slices"
    );
    if m == 0 || n == 0 {
        return;
    }
    let tasks = (m * n * k / TASK).clamp(1, MOST_TASKS);
    if tasks == 1 {
        block(out, n, (m, k, n), left, right);
    } else if m >= n {
        let rows = m.div_ceil(tasks).next_multiple_of(TILE);
        out.par_chunks_mut(rows * n)
            .enumerate()
            .for_each(|(task, out)| {
                block(out, n, (out.len() / n, k, n), left.down(task * rows), right);
            });
    } else {
        let columns = n.div_ceil(tasks).next_multiple_of(TILE);
        let parts = column_blocks(out, n, columns);
        parts.into_par_iter().enumerate().for_each(|(task, part)| {
            let width = columns.min(n - task * columns);
            // SAFETY: see `ColumnBlock`: the parts share no element, and each lies within `out`,
            // which outlives this loop.
            unsafe {
                raw_block(part.0, n, (m, k, width), left, right.right(task * columns));
            }
        });
    }
}

/// The address of the first element of a block of columns of the output.
///
/// Blocks of different columns share no element, though their address ranges interleave; that is
/// why they cannot be handed out as slices.
struct ColumnBlock<E>(*mut E);

// SAFETY: a `ColumnBlock` is written by one task alone, and only at its own columns.
unsafe impl<E: Send> Send for ColumnBlock<E> {}

fn column_blocks<E>(out: &mut [E], n: usize, columns: usize) -> Vec<ColumnBlock<E>> {
    let base = out.as_mut_ptr();
    (0..n)
        .step_by(columns)
        .map(|first| ColumnBlock(base.wrapping_add(first)))
        .collect()
}

fn block<E: Element>(
    out: &mut [E],
    row_stride: usize,
    shape: (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
) {
    // SAFETY: `out` is borrowed exclusively and holds `shape.0` rows of `row_stride` elements.
    unsafe { raw_block(out.as_mut_ptr(), row_stride, shape, left, right) }
}

/// # Safety
/// `out` must be valid for writes at `row * row_stride + column` for every row below `m` and
/// column below `n`, and no other thread may touch those places meanwhile. `left` and `right` must
/// hold `m` x `k` and `k` x `n` elements.
unsafe fn raw_block<E: Element>(
    out: *mut E,
    row_stride: usize,
    (m, k, n): (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
) {
    if k == 0 {
        for row in 0..m {
            for column in 0..n {
                // SAFETY: within the caller's promise for `out`.
                unsafe { out.add(row * row_stride + column).write(E::zero()) };
            }
        }
        return;
    }
    // SAFETY: the pointers are valid for the strides and lengths given, by the caller's promise;
    // `read_dst` is false, so `out`'s old numbers are not read.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            row_stride as isize,
            false,
            left.data.as_ptr().add(left.offset),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr().add(right.offset),
            right.column_stride as isize,
            right.row_stride as isize,
            E::zero(),
            E::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        let mut generator = crate::Stream::new(seed).generator();
        (0..count).map(|_| generator.unit() - 0.5).collect()
    }

    fn check(m: usize, k: usize, n: usize, transposed: (bool, bool)) {
        let (a, b) = (numbers(m * k + 3, 1), numbers(k * n + 5, 2));
        let strided = |data, offset, rows: usize, columns: usize, transposed: bool| Strided {
            data,
            offset,
            row_stride: if transposed { 1 } else { columns },
            column_stride: if transposed { rows } else { 1 },
        };
        let (left, right) = (
            strided(&a, 3, m, k, transposed.0),
            strided(&b, 5, k, n, transposed.1),
        );
        let mut out = vec![f64::NAN; m * n];
        product(&mut out, (m, k, n), left, right);
        let at = |s: &Strided<'_, f64>, i: usize, j: usize| {
            s.data[s.offset + i * s.row_stride + j * s.column_stride]
        };
        for i in 0..m {
            for j in 0..n {
                let want: f64 = (0..k).map(|l| at(&left, i, l) * at(&right, l, j)).sum();
                assert!(
                    (out[i * n + j] - want).abs() < 1e-10,
                    "{m}x{k}x{n} at {i},{j}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn small_products_agree_with_the_definition(
            m in 0_usize..20, k in 0_usize..20, n in 0_usize..20, a: bool, b: bool
        ) {
            check(m, k, n, (a, b));
        }
    }

    #[test]
    fn products_cut_into_tasks_agree_with_the_definition() {
        check(301, 67, 250, (false, true));
        check(67, 130, 601, (true, false));
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let (a, b) = (numbers(300 * 70, 1), numbers(70 * 500, 2));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let mut out = vec![0.0; 300 * 500];
            let left = Strided {
                data: &a,
                offset: 0,
                row_stride: 70,
                column_stride: 1,
            };
            let right = Strided {
                data: &b,
                offset: 0,
                row_stride: 500,
                column_stride: 1,
            };
            pool.install(|| product(&mut out, (300, 70, 500), left, right));
            out
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(5));
    }
}

//! Many numbers in, one out.
//!
//! Sums are pairwise (Higham 1993): the error grows with the logarithm of the number of terms. The
//! order of all sums depends on the lengths alone, not on threads or instructions.

mod extreme;
mod rms;
mod size;
mod softmax;
mod sum;

pub(crate) use extreme::{Extreme, Place};
pub(crate) use rms::{rms_rows, rms_rows_backward};
pub(crate) use size::greatest_size;
pub(crate) use softmax::{
    LogSumExp, log_softmax_backward, softmax_backward, softmax_columns, softmax_rows,
};
pub(crate) use sum::{Sum, Variance, sum};

use super::elementwise::{CHUNK, PARALLEL};
use crate::simd::{self, Level};
use crate::threads;

/// As many columns as are reduced at a time.
const COLUMNS: usize = 1024;

/// What becomes of the `reduced` numbers of each group of `[outer, reduced, inner]`.
pub(crate) trait Reduction<E, T>: Sync {
    /// What becomes of a slice.
    fn whole(&self, x: &[E], level: Level) -> T;

    /// What becomes of columns of `x`, rows of `width` numbers, from number `first` on: one for
    /// each element of `out`, which are at most `COLUMNS`.
    fn columns(&self, x: &[E], width: usize, first: usize, out: &mut [T], level: Level);
}

/// Reduces every group of `x`, `[outer, reduced, inner]`, to one element of `out`,
/// `[outer, inner]`.
pub(crate) fn groups<E: Sync, T: Send>(
    x: &[E],
    (reduced, inner): (usize, usize),
    reduction: &impl Reduction<E, T>,
    out: &mut [T],
) {
    let level = simd::level();
    let parallel = x.len() >= PARALLEL;
    if inner == 1 {
        let work = |first: usize, out: &mut [T]| {
            for (place, out) in out.iter_mut().enumerate() {
                let group = &x[(first + place) * reduced..][..reduced];
                *out = reduction.whole(group, level);
            }
        };
        if parallel && out.len() > 1 {
            threads::chunks(out, (CHUNK / reduced.max(1)).max(1), work);
        } else {
            work(0, out);
        }
        return;
    }
    if out.is_empty() {
        return;
    }
    let size = reduced * inner;
    if parallel && inner > COLUMNS {
        for (outer, out) in out.chunks_exact_mut(inner).enumerate() {
            let x = &x[outer * size..][..size];
            threads::chunks(out, COLUMNS, |first, out| {
                reduction.columns(x, inner, first, out, level);
            });
        }
        return;
    }
    let work = |first: usize, out: &mut [T]| {
        for (place, out) in out.chunks_exact_mut(inner).enumerate() {
            let x = &x[(first / inner + place) * size..][..size];
            for (part, out) in out.chunks_mut(COLUMNS).enumerate() {
                reduction.columns(x, inner, part * COLUMNS, out, level);
            }
        }
    };
    if parallel {
        let at_once = (CHUNK / size.max(1)).max(1);
        threads::chunks(out, at_once * inner, work);
    } else {
        work(0, out);
    }
}

//! One number in, one number out, at every place of a slice.

use crate::buffers::{self, Pooled, Storage};
use crate::threads;

/// Fewer elements than this are not worth handing to other threads.
pub(crate) const PARALLEL: usize = 1 << 16;
/// What one task works on; small enough for the second-level cache.
pub(crate) const CHUNK: usize = 1 << 14;

/// `f` of every element.
pub(crate) fn map<A: Copy + Sync, B: Pooled>(x: &[A], f: impl Fn(A) -> B + Sync) -> Storage<B> {
    let mut out = buffers::take(x.len());
    let work = |out: &mut [B], x: &[A]| {
        for (out, &a) in out.iter_mut().zip(x) {
            *out = f(a);
        }
    };
    if x.len() < PARALLEL {
        work(&mut out, x);
    } else {
        threads::chunks((&mut *out, x), CHUNK, |_, (out, x)| work(out, x));
    }
    out
}

/// Replaces every element of `x` by `f` of it.
pub(crate) fn map_in_place<A: Pooled>(x: &mut [A], f: impl Fn(A) -> A + Sync) {
    let work = |x: &mut [A]| {
        for a in x {
            *a = f(*a);
        }
    };
    if x.len() < PARALLEL {
        work(x);
    } else {
        threads::chunks(x, CHUNK, |_, x| work(x));
    }
}

/// `f` of every pair of elements at the same place.
pub(crate) fn zip<A: Copy + Sync, B: Copy + Sync, C: Pooled>(
    x: &[A],
    y: &[B],
    f: impl Fn(A, B) -> C + Sync,
) -> Storage<C> {
    let mut out = buffers::take(x.len());
    let work = |out: &mut [C], x: &[A], y: &[B]| {
        for (out, (&a, &b)) in out.iter_mut().zip(x.iter().zip(y)) {
            *out = f(a, b);
        }
    };
    if x.len() < PARALLEL {
        work(&mut out, x, y);
    } else {
        threads::chunks((&mut *out, x, y), CHUNK, |_, (out, x, y)| work(out, x, y));
    }
    out
}

/// Replaces every element of `x` by `f` of it and of the element of `y` at the same place.
pub(crate) fn zip_in_place<A: Copy + Send + Sync, B: Copy + Sync>(
    x: &mut [A],
    y: &[B],
    f: impl Fn(A, B) -> A + Sync,
) {
    let work = |x: &mut [A], y: &[B]| {
        for (a, &b) in x.iter_mut().zip(y) {
            *a = f(*a, b);
        }
    };
    if x.len() < PARALLEL {
        work(x, y);
    } else {
        threads::chunks((x, y), CHUNK, |_, (x, y)| work(x, y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_slices_give_what_short_ones_give() {
        let x: Vec<f64> = (0..PARALLEL + 7).map(|i| i as f64).collect();
        let y: Vec<f64> = x.iter().map(|a| a * 0.5).collect();
        assert_eq!(map(&x, |a| a + 1.0)[PARALLEL + 3], (PARALLEL + 4) as f64);
        assert!(zip(&x, &y, |a, b| a - 2.0 * b).iter().all(|&c| c == 0.0));
        let mut z = x.clone();
        zip_in_place(&mut z, &y, |a, b| a - b);
        assert_eq!(z, y);
        map_in_place(&mut z, |a| a * 2.0);
        assert_eq!(z, x);
    }
}

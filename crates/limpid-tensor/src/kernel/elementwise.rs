//! One number in, one number out, at every place of a slice.

use rayon::prelude::*;

/// Below this many elements a join of threads costs more than it saves.
const PARALLEL: usize = 1 << 17;
/// What one task works on; small enough for the second-level cache.
const CHUNK: usize = 1 << 15;

/// `f` of every element.
pub(crate) fn map<A: Copy + Sync, B: Copy + Default + Send + Sync>(
    x: &[A],
    f: impl Fn(A) -> B + Sync,
) -> Vec<B> {
    if x.len() < PARALLEL {
        return x.iter().map(|&a| f(a)).collect();
    }
    let mut out = vec![B::default(); x.len()];
    out.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .for_each(|(out, x)| {
            for (out, &a) in out.iter_mut().zip(x) {
                *out = f(a);
            }
        });
    out
}

/// `f` of every pair of elements at the same place.
pub(crate) fn zip<A: Copy + Sync, B: Copy + Sync, C: Copy + Default + Send + Sync>(
    x: &[A],
    y: &[B],
    f: impl Fn(A, B) -> C + Sync,
) -> Vec<C> {
    if x.len() < PARALLEL {
        return x.iter().zip(y).map(|(&a, &b)| f(a, b)).collect();
    }
    let mut out = vec![C::default(); x.len()];
    let inputs = x.par_chunks(CHUNK).zip(y.par_chunks(CHUNK));
    out.par_chunks_mut(CHUNK)
        .zip(inputs)
        .for_each(|(out, (x, y))| {
            for (out, (&a, &b)) in out.iter_mut().zip(x.iter().zip(y)) {
                *out = f(a, b);
            }
        });
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
        x.par_chunks_mut(CHUNK)
            .zip(y.par_chunks(CHUNK))
            .for_each(|(x, y)| work(x, y));
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
    }
}

//! Rows of a large table that lie far apart: their products with one vector, and sums of their
//! multiples.
//!
//! # Example
//! ```
//! use limpid_tensor::{simd, table};
//!
//! let numbers = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
//! let mut products = [0.0; 2];
//! table::products(simd::level(), &[10.0, 1.0], &numbers, &[2, 0], &mut products);
//! assert_eq!(products, [56.0, 12.0]);
//! let mut sum = [0.0, 0.0];
//! table::add_multiples(simd::level(), &mut sum, &numbers, &[2, 0], &[1.0, -2.0]);
//! assert_eq!(sum, [3.0, 2.0]);
//! ```

#![expect(unsafe_code, reason = "vector instructions take raw pointers")]

use super::lanes::Lanes;
use super::prefetch::prefetch;
use super::simd::{Instructions, Level};
use crate::Element;

/// How many rows ahead the memory is asked for: rows lie far apart, so the processor cannot guess.
const AHEAD: usize = 6;
/// Running sums of one product.
const SUMS: usize = 4;
/// Vectors of a sum of rows that are held in registers at a time.
const WIDE: usize = 8;

/// The products of `vector` with rows of `table`, which are as long as it: `out[i]` is that of the
/// row number `rows[i]`. Rows beyond those of `out` are only asked for, as they are needed soon.
///
/// # Panics
/// When a row lies beyond the table, or `rows` is shorter than `out`.
pub fn products<E: Element>(
    level: Level,
    vector: &[E],
    table: &[E],
    rows: &[usize],
    out: &mut [E],
) {
    match level.instructions() {
        // SAFETY: every processor has the instructions of `Plain`.
        Instructions::Portable => unsafe { products_by::<E, E::Plain>(vector, table, rows, out) },
        // SAFETY: a level of these instructions says that the processor has them.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { avx2::products(vector, table, rows, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { avx512::products(vector, table, rows, out) },
    }
}

/// Adds `factors[i]` times the row number `rows[i]` of `table` to `sum`, which is as long as a row,
/// for one `i` after the other.
///
/// # Panics
/// When a row lies beyond the table, or `rows` and `factors` are not equally long.
pub fn add_multiples<E: Element>(
    level: Level,
    sum: &mut [E],
    table: &[E],
    rows: &[usize],
    factors: &[E],
) {
    assert_eq!(rows.len(), factors.len(), "one factor for each row");
    match level.instructions() {
        // SAFETY: every processor has the instructions of `Plain`.
        Instructions::Portable => unsafe { add_by::<E, E::Plain>(sum, table, rows, factors) },
        // SAFETY: a level of these instructions says that the processor has them.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { avx2::add_multiples(sum, table, rows, factors) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { avx512::add_multiples(sum, table, rows, factors) },
    }
}

/// Compiles both for more instructions.
macro_rules! compiled {
    ($level:ident, $vector:ident, $features:literal) => {
        #[cfg(target_arch = "x86_64")]
        mod $level {
            use super::*;

            #[target_feature(enable = $features)]
            pub(super) fn products<E: Element>(
                vector: &[E],
                table: &[E],
                rows: &[usize],
                out: &mut [E],
            ) {
                // SAFETY: the vectors of this level.
                unsafe { products_by::<E, E::$vector>(vector, table, rows, out) };
            }

            #[target_feature(enable = $features)]
            pub(super) fn add_multiples<E: Element>(
                sum: &mut [E],
                table: &[E],
                rows: &[usize],
                factors: &[E],
            ) {
                // SAFETY: the vectors of this level.
                unsafe { add_by::<E, E::$vector>(sum, table, rows, factors) };
            }
        }
    };
}
compiled!(avx2, Long, "avx2,fma");
compiled!(avx512, Longest, "avx2,fma,avx512f,avx512vl");

/// As [`products`].
///
/// # Safety
/// The processor has the instructions of `V`.
#[inline(always)]
unsafe fn products_by<E: Element, V: Lanes<E>>(
    vector: &[E],
    table: &[E],
    rows: &[usize],
    out: &mut [E],
) {
    let width = vector.len();
    let row = |row: usize| &table[row * width..][..width];
    for (place, out) in out.iter_mut().enumerate() {
        if let Some(&coming) = rows.get(place + AHEAD) {
            prefetch(row(coming));
        }
        let row = row(rows[place]);
        // SAFETY: both slices hold `width` numbers, and `at` and the vectors behind it stay below;
        // the processor has the instructions, by the caller's promise.
        *out = unsafe {
            let pair = |at: usize| {
                (
                    V::load(vector.as_ptr().add(at)),
                    V::load(row.as_ptr().add(at)),
                )
            };
            let mut sums = [V::splat(E::zero()); SUMS];
            let mut at = 0;
            while at + SUMS * V::COUNT <= width {
                for (nth, sum) in sums.iter_mut().enumerate() {
                    let (left, right) = pair(at + nth * V::COUNT);
                    *sum = left.mul_add(right, *sum);
                }
                at += SUMS * V::COUNT;
            }
            while at + V::COUNT <= width {
                let (left, right) = pair(at);
                sums[0] = left.mul_add(right, sums[0]);
                at += V::COUNT;
            }
            if at < width {
                let left = V::load_part(vector.as_ptr().add(at), width - at);
                let right = V::load_part(row.as_ptr().add(at), width - at);
                sums[1] = left.mul_add(right, sums[1]);
            }
            let one = V::splat(E::one());
            let halves = [sums[0].mul_add(one, sums[1]), sums[2].mul_add(one, sums[3])];
            halves[0].mul_add(one, halves[1]).sum()
        };
    }
}

/// As [`add_multiples`].
///
/// # Safety
/// The processor has the instructions of `V`.
#[inline(always)]
unsafe fn add_by<E: Element, V: Lanes<E>>(
    sum: &mut [E],
    table: &[E],
    rows: &[usize],
    factors: &[E],
) {
    let width = sum.len();
    let mut at = 0;
    // SAFETY: `add_columns` is given vectors that lie within the sum; the processor has the
    // instructions, by the caller's promise.
    unsafe {
        while at + WIDE * V::COUNT <= width {
            add_columns::<E, V, WIDE>(sum, at, table, rows, factors);
            at += WIDE * V::COUNT;
        }
        while at + V::COUNT <= width {
            add_columns::<E, V, 1>(sum, at, table, rows, factors);
            at += V::COUNT;
        }
    }
    for (column, total) in sum.iter_mut().enumerate().skip(at) {
        for (&row, &factor) in rows.iter().zip(factors) {
            *total += factor * table[row * width + column];
        }
    }
}

/// Adds to the `COUNT` vectors of the sum that begin at column `at`.
///
/// # Safety
/// These vectors lie within `sum`; the processor has the instructions of `V`.
#[inline(always)]
unsafe fn add_columns<E: Element, V: Lanes<E>, const COUNT: usize>(
    sum: &mut [E],
    at: usize,
    table: &[E],
    rows: &[usize],
    factors: &[E],
) {
    let width = sum.len();
    // SAFETY: the caller's promise for the sum; `row` is as long as it.
    unsafe {
        let own = sum.as_mut_ptr().add(at);
        let mut totals = [V::splat(E::zero()); COUNT];
        for (nth, total) in totals.iter_mut().enumerate() {
            *total = V::load(own.add(nth * V::COUNT));
        }
        for (&row, &factor) in rows.iter().zip(factors) {
            let row = table[row * width..][..width].as_ptr().add(at);
            let factor = V::splat(factor);
            for (nth, total) in totals.iter_mut().enumerate() {
                *total = factor.mul_add(V::load(row.add(nth * V::COUNT)), *total);
            }
        }
        for (nth, total) in totals.into_iter().enumerate() {
            total.store(own.add(nth * V::COUNT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::scaled;
    use crate::{Stream, Tensor};
    use proptest::prelude::*;

    fn draw<E: Element>(length: usize, seed: u64) -> Vec<E> {
        Tensor::standard_normal([length], Stream::new(seed)).to_vec()
    }

    fn check<E: Element>(width: usize, length: usize, uses: usize, seed: u64, near: f64) {
        // The table begins within its memory, so that rows are not aligned.
        let memory = draw::<E>(length * width + 1, seed);
        let (table, vector) = (&memory[1..], draw::<E>(width, !seed));
        let mut generator = Stream::new(seed).generator();
        let rows: Vec<usize> = (0..uses + 3)
            .map(|_| (generator.unit() * length as f64) as usize)
            .collect();
        let row = |row: usize| &table[row * width..][..width];
        let factors = draw::<E>(uses, seed ^ 5);
        for &level in Level::available() {
            let mut found = vec![E::nan(); uses];
            products(level, &vector, table, &rows, &mut found);
            for (found, &of) in found.iter().zip(&rows) {
                let terms = row(of).iter().zip(&vector);
                let want: f64 = terms.map(|(a, b)| a.double() * b.double()).sum();
                assert!((found.double() - want).abs() < near, "{level:?}");
            }
            let mut sum = vector.clone();
            add_multiples(level, &mut sum, table, &rows[..uses], &factors);
            for (column, (found, start)) in sum.iter().zip(&vector).enumerate() {
                let terms = rows.iter().zip(&factors);
                let terms = terms.map(|(&of, f)| f.double() * row(of)[column].double());
                let want = start.double() + terms.sum::<f64>();
                assert!((found.double() - want).abs() < near, "{level:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(scaled(60, 6) as u32))]
        #[test]
        fn products_and_sums_are_those_by_hand(
            width in 0_usize..300, length in 1_usize..9, uses in 0_usize..12, seed: u64
        ) {
            check::<f32>(width, length, uses, seed, 1e-4);
            check::<f64>(width, length, uses, seed, 1e-12);
        }
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn rows_beyond_the_table_are_refused() {
        products(Level::best(), &[1.0; 4], &[0.0_f32; 8], &[2], &mut [0.0]);
    }
}

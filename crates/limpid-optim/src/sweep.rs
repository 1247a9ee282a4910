//! One pass over a parameter, its gradient and its state, over all threads.
//!
//! Elements do not depend on each other, so that the bits do not depend on the number of threads.
//!
//! A change is a closure that holds its settings itself (`move`): behind a reference they could, for
//! all that the compiler knows, be among what is written, and would be read again for each element.
//! A choice between two of them would then be one between two addresses, which is no vector
//! instruction.

use std::ops::Range;

use limpid_tensor::simd::{self, Arithmetic, Loop};
use limpid_tensor::{Element, threads};

/// What a thread is handed at a time: with two states it fits into a core's own cache.
const PART: usize = 1 << 14;
/// Up to this many elements, handing work to another thread costs more than it gains.
const SPLIT: usize = 1 << 16;

/// The elements of `count` threads' parts: the whole where it is not worth sharing.
pub(crate) fn part(length: usize) -> usize {
    if length > SPLIT { PART } else { length }
}

macro_rules! sweep {
    ($(#[$doc:meta])* $name:ident $(, $state:ident: $number:ident)*) => {
        $(#[$doc])*
        pub(crate) fn $name<E: Element $(, $number: Element)*>(
            parameter: &mut [E],
            gradient: &[E],
            $($state: &mut [$number],)*
            change: impl Fn(&mut E, E $(, &mut $number)*) + Copy + Sync,
        ) {
            struct Part<'a, E $(, $number)*, F> {
                parameter: &'a mut [E],
                gradient: &'a [E],
                $($state: &'a mut [$number],)*
                change: F,
            }

            impl<E, $($number,)* F> Loop for Part<'_, E $(, $number)*, F>
            where
                E: Element,
                $($number: Element,)*
                F: Fn(&mut E, E $(, &mut $number)*),
            {
                type Output = ();

                #[inline(always)]
                fn run<A: Arithmetic>(self) {
                    let length = self.parameter.len();
                    let (parameter, gradient) = (self.parameter, &self.gradient[..length]);
                    $(let $state = &mut self.$state[..length];)*
                    let change = self.change;
                    for index in 0..length {
                        change(
                            &mut parameter[index],
                            gradient[index]
                            $(, &mut $state[index])*
                        );
                    }
                }
            }

            let (level, length) = (simd::level(), parameter.len());
            let data = (parameter, gradient $(, $state)*);
            threads::chunks(data, part(length), |_, (parameter, gradient $(, $state)*)| {
                level.run(Part { parameter, gradient, $($state,)* change });
            });
        }
    };
}

sweep! {
    /// Changes every element of a parameter, given its gradient.
    plain
}
sweep! {
    /// Changes every element of a parameter and of one state.
    with_one, first: F1
}
sweep! {
    /// Changes every element of a parameter and of two states.
    with_two, first: F1, second: F2
}
sweep! {
    /// Changes every element of a parameter and of three states.
    with_three, first: F1, second: F2, third: F3
}

/// The sum of squares in double precision, in [`LANES`] running sums.
pub(crate) struct SumOfSquares<'a, E>(pub(crate) &'a [E]);

/// The sum of products of two slices of one length, as [`SumOfSquares`].
struct Dot<'a, E>(&'a [E], &'a [E]);

const LANES: usize = 32;

impl<E: Element> Loop for SumOfSquares<'_, E> {
    type Output = f64;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> f64 {
        let mut sums = [0.0_f64; LANES];
        let (blocks, rest) = self.0.as_chunks::<LANES>();
        for block in blocks {
            add_products::<A, E>(&mut sums, block, block);
        }
        let last = padded(rest);
        add_products::<A, E>(&mut sums, &last, &last);
        total(sums)
    }
}

impl<E: Element> Loop for Dot<'_, E> {
    type Output = f64;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> f64 {
        let mut sums = [0.0_f64; LANES];
        let (left, left_rest) = self.0.as_chunks::<LANES>();
        let (right, right_rest) = self.1.as_chunks::<LANES>();
        for (left, right) in left.iter().zip(right) {
            add_products::<A, E>(&mut sums, left, right);
        }
        add_products::<A, E>(&mut sums, &padded(left_rest), &padded(right_rest));
        total(sums)
    }
}

/// Adds a block's products, each to its lane.
#[inline(always)]
fn add_products<A: Arithmetic, E: Element>(
    sums: &mut [f64; LANES],
    left: &[E; LANES],
    right: &[E; LANES],
) {
    for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
        // The product of numbers in single precision is exact in double precision: added in one
        // rounding or two, the sum is the same at every level. That of numbers in double precision
        // is not.
        let (left, right) = (left.double(), right.double());
        *sum = if size_of::<E>() == 4 {
            A::mul_add(left, right, *sum)
        } else {
            *sum + left * right
        };
    }
}

/// What is left over as a whole block: sums that are met at a place known at run time alone would
/// have to lie in memory.
#[inline(always)]
fn padded<E: Element>(rest: &[E]) -> [E; LANES] {
    let mut last = [E::zero(); LANES];
    for (own, &value) in last.iter_mut().zip(rest) {
        *own = value;
    }
    last
}

#[inline(always)]
fn total(sums: [f64; LANES]) -> f64 {
    let sums: [f64; 16] = std::array::from_fn(|lane| sums[lane] + sums[lane + 16]);
    let sums: [f64; 8] = std::array::from_fn(|lane| sums[lane] + sums[lane + 8]);
    let sums: [f64; 4] = std::array::from_fn(|lane| sums[lane] + sums[lane + 4]);
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// The sum of squares, added up in double precision in an order that does not depend on the number
/// of threads.
pub(crate) fn sum_of_squares<E: Element>(values: &[E]) -> f64 {
    let level = simd::level();
    by_parts(values.len(), |part| level.run(SumOfSquares(&values[part])))
}

/// The sum of products of two slices of one length, added up as [`sum_of_squares`] is.
pub(crate) fn dot<E: Element>(left: &[E], right: &[E]) -> f64 {
    let level = simd::level();
    by_parts(left.len(), |part| {
        level.run(Dot(&left[part.clone()], &right[part]))
    })
}

/// Adds up what `sum` gives for each part of so many elements.
fn by_parts(length: usize, sum: impl Fn(Range<usize>) -> f64 + Sync) -> f64 {
    if length <= SPLIT {
        return sum(0..length);
    }
    let mut sums = vec![0.0; length.div_ceil(SPLIT)];
    threads::chunks(sums.as_mut_slice(), 1, |first, sums| {
        for (place, own) in (first..).zip(sums) {
            *own = sum(place * SPLIT..length.min((place + 1) * SPLIT));
        }
    });
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_met_once_beyond_the_split() {
        let length = 3 * SPLIT + 7;
        let mut parameter = vec![1.0_f32; length];
        let gradient: Vec<f32> = (0..length).map(|index| index as f32).collect();
        let mut state = vec![0.0_f32; length];
        with_one(&mut parameter, &gradient, &mut state, |p, g, s| {
            *p += g;
            *s += 1.0;
        });
        assert!(parameter.iter().zip(&gradient).all(|(p, g)| *p == g + 1.0));
        assert!(state.iter().all(|s| *s == 1.0));
    }

    #[test]
    fn squares_add_up_over_lanes_and_rest() {
        let values: Vec<f64> = (1..=11).map(f64::from).collect();
        assert_eq!(sum_of_squares(&values), 506.0);
        assert_eq!(sum_of_squares::<f64>(&[]), 0.0);
        for length in [LANES, 5 * LANES + 3, SPLIT * 2 + 3] {
            assert_eq!(sum_of_squares(&vec![2.0_f32; length]), 4.0 * length as f64);
        }
    }

    #[test]
    fn products_add_up_over_lanes_and_rest() {
        for length in [0, 1, LANES, 5 * LANES + 3, SPLIT * 2 + 3] {
            let left: Vec<f32> = (0..length).map(|it| (it % 7) as f32).collect();
            let right: Vec<f32> = (0..length).map(|it| (it % 5) as f32 - 2.0).collect();
            let want = left.iter().zip(&right).map(|(a, b)| f64::from(a * b)).sum();
            assert_eq!(dot(&left, &right), want);
            assert_eq!(dot(&left, &left), sum_of_squares(&left));
        }
    }

    #[test]
    fn sums_have_the_same_bits_at_every_level_and_for_every_number_of_threads() {
        let values: Vec<f64> = (0..5 * SPLIT + 11).map(|it| (it as f64).sin()).collect();
        let want = threads::with(1, || sum_of_squares(&values));
        for threads in [2, 3, 4, 8] {
            for &level in simd::Level::available() {
                let found =
                    threads::with(threads, || simd::with(level, || sum_of_squares(&values)));
                assert_eq!(
                    found.to_bits(),
                    want.to_bits(),
                    "{threads} threads, {level:?}"
                );
            }
        }
    }
}

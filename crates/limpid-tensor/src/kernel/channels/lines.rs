//! Sums along one line after the other.

use super::LANES;
use crate::Element;
use crate::kernel::simd::{Arithmetic, Loop};

/// The sum of a line.
pub(super) struct LineSum<'a, E>(pub(super) &'a [E]);

impl<E: Element> Loop for LineSum<'_, E> {
    type Output = f64;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> f64 {
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        let mut sums = [E::zero(); LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                sums[lane] += chunk[lane];
            }
        }
        for (sum, &x) in sums.iter_mut().zip(rest) {
            *sum += x;
        }
        total(&sums)
    }
}

/// The sum of a line, and the sum of squares around its mean.
pub(super) struct LineMoments<'a, E>(pub(super) &'a [E]);

impl<E: Element> Loop for LineMoments<'_, E> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> [f64; 2] {
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        let sum = LineSum(self.0).run::<A>();
        let mean = E::of(sum / self.0.len() as f64);
        let mut squares = [E::zero(); LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                let apart = chunk[lane] - mean;
                squares[lane] = A::mul_add(apart, apart, squares[lane]);
            }
        }
        for (square, &x) in squares.iter_mut().zip(rest) {
            *square = A::mul_add(x - mean, x - mean, *square);
        }
        // The mean was rounded: what the squares are too large by is its error's square.
        let error = sum / self.0.len() as f64 - mean.double();
        let excess = error * error * self.0.len() as f64;
        [sum, (total(&squares) - excess).max(0.0)]
    }
}

/// The sums of g and of g (x - mean) over a line.
pub(super) struct LineGradients<'a, E>(pub(super) &'a [E], pub(super) &'a [E], pub(super) E);

impl<E: Element> Loop for LineGradients<'_, E> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> [f64; 2] {
        let Self(x, g, mean) = self;
        let (mut plain, mut along) = ([E::zero(); LANES], [E::zero(); LANES]);
        let ((xs, x_rest), (gs, g_rest)) = (x.as_chunks::<LANES>(), g.as_chunks::<LANES>());
        for (x, g) in xs.iter().zip(gs) {
            for lane in 0..LANES {
                plain[lane] += g[lane];
                along[lane] = A::mul_add(x[lane] - mean, g[lane], along[lane]);
            }
        }
        for (lane, (&x, &g)) in x_rest.iter().zip(g_rest).enumerate() {
            plain[lane] += g;
            along[lane] = A::mul_add(x - mean, g, along[lane]);
        }
        [total(&plain), total(&along)]
    }
}

#[inline(always)]
fn total<E: Element>(lanes: &[E; LANES]) -> f64 {
    let mut sums = [0.0; 8];
    for (lane, &value) in lanes.iter().enumerate() {
        sums[lane % 8] += value.double();
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

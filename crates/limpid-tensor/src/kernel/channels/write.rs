//! What one number a channel, or one a place of a line, makes of every element.

use super::Affine;
use crate::Element;
use crate::kernel::simd::{Arithmetic, Loop};

/// out = (x - mean) scale + shift, and no less than 0 if `RECTIFIED`.
pub(super) struct Apply<'a, E, const RECTIFIED: bool> {
    /// The first line's channel; none where there are numbers for each place of a line.
    pub(super) first: Option<usize>,
    pub(super) inner: usize,
    pub(super) x: &'a [E],
    pub(super) affine: Affine<'a, E>,
    pub(super) out: &'a mut [E],
}

impl<E: Element, const RECTIFIED: bool> Loop for Apply<'_, E, RECTIFIED> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let lines = self.x.chunks_exact(self.inner);
        let lines = lines.zip(self.out.chunks_exact_mut(self.inner));
        let Some(first) = self.first else {
            let affine = self.affine.part(0, self.inner);
            for (x, out) in lines {
                for (place, (out, &x)) in out.iter_mut().zip(x).enumerate() {
                    *out = finish::<E, RECTIFIED>(affine.of(place).apply::<A>(x));
                }
            }
            return;
        };
        for (line, (x, out)) in (first..).zip(lines) {
            let numbers = self.affine.of(line % self.affine.mean.len());
            for (out, &x) in out.iter_mut().zip(x) {
                *out = finish::<E, RECTIFIED>(numbers.apply::<A>(x));
            }
        }
    }
}

#[inline(always)]
fn finish<E: Element, const RECTIFIED: bool>(y: E) -> E {
    if RECTIFIED && y <= E::zero() {
        E::zero()
    } else {
        y
    }
}

/// g becomes g scale + (x - mean) slope + offset; with `RECTIFIED`, the old g counts where
/// (x - mean) scale + shift is above 0 alone.
pub(super) struct Combine<'a, E, const RECTIFIED: bool> {
    /// The first line's channel; none where there are numbers for each place of a line.
    pub(super) first: Option<usize>,
    pub(super) inner: usize,
    pub(super) x: &'a [E],
    pub(super) affine: Affine<'a, E>,
    /// Slope and offset.
    pub(super) line: [&'a [E]; 2],
    pub(super) g: &'a mut [E],
}

impl<E: Element, const RECTIFIED: bool> Loop for Combine<'_, E, RECTIFIED> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let [slope, offset] = self.line;
        let lines = self.x.chunks_exact(self.inner);
        let lines = lines.zip(self.g.chunks_exact_mut(self.inner));
        let Some(first) = self.first else {
            let affine = self.affine.part(0, self.inner);
            let (slope, offset) = (&slope[..self.inner], &offset[..self.inner]);
            for (x, g) in lines {
                for (place, (g, &x)) in g.iter_mut().zip(x).enumerate() {
                    let numbers = affine.of(place);
                    let own = numbers.through::<A, RECTIFIED>(x, *g);
                    let along = A::mul_add(x - numbers.mean, slope[place], offset[place]);
                    *g = A::mul_add(own, numbers.scale, along);
                }
            }
            return;
        };
        for (line, (x, g)) in (first..).zip(lines) {
            let channel = line % self.affine.mean.len();
            let numbers = self.affine.of(channel);
            let (slope, offset) = (slope[channel], offset[channel]);
            for (g, &x) in g.iter_mut().zip(x) {
                let own = numbers.through::<A, RECTIFIED>(x, *g);
                let along = A::mul_add(x - numbers.mean, slope, offset);
                *g = A::mul_add(own, numbers.scale, along);
            }
        }
    }
}

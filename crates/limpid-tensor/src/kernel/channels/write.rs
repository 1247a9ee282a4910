//! Products with, and sums with, one number a line or a place.

use crate::Element;
use crate::kernel::simd::{Arithmetic, Loop};

/// out = (x - mean) scale + shift.
pub(super) struct Scale<'a, E> {
    /// The first line's number; none where there is a number for each place of a line.
    pub(super) first: Option<usize>,
    pub(super) inner: usize,
    pub(super) x: &'a [E],
    /// Mean, scale and shift.
    pub(super) numbers: [&'a [E]; 3],
    pub(super) out: &'a mut [E],
}

impl<E: Element> Loop for Scale<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let [mean, scale, shift] = self.numbers;
        let lines = self.x.chunks_exact(self.inner);
        let lines = lines.zip(self.out.chunks_exact_mut(self.inner));
        let Some(first) = self.first else {
            for (x, out) in lines {
                let terms = x.iter().zip(mean).zip(scale).zip(shift);
                for (out, (((&x, &mean), &scale), &shift)) in out.iter_mut().zip(terms) {
                    *out = A::mul_add(x - mean, scale, shift);
                }
            }
            return;
        };
        for (line, (x, out)) in (first..).zip(lines) {
            let channel = line % mean.len();
            let (mean, scale, shift) = (mean[channel], scale[channel], shift[channel]);
            for (out, &x) in out.iter_mut().zip(x) {
                *out = A::mul_add(x - mean, scale, shift);
            }
        }
    }
}

/// out = g scale + (x - mean) slope + shift.
pub(super) struct Combine<'a, E> {
    /// The first line's number; none where there is a number for each place of a line.
    pub(super) first: Option<usize>,
    pub(super) inner: usize,
    pub(super) x: &'a [E],
    pub(super) g: &'a [E],
    /// Mean, scale, slope and shift.
    pub(super) numbers: [&'a [E]; 4],
    pub(super) out: &'a mut [E],
}

impl<E: Element> Loop for Combine<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let [mean, scale, slope, shift] = self.numbers;
        let lines = self.x.chunks_exact(self.inner);
        let lines = lines.zip(self.g.chunks_exact(self.inner));
        let lines = lines.zip(self.out.chunks_exact_mut(self.inner));
        let Some(first) = self.first else {
            for ((x, g), out) in lines {
                let numbers = mean.iter().zip(scale).zip(slope).zip(shift);
                let terms = x.iter().zip(g).zip(numbers);
                for (out, ((&x, &g), (((&mean, &scale), &slope), &shift))) in
                    out.iter_mut().zip(terms)
                {
                    *out = A::mul_add(g, scale, A::mul_add(x - mean, slope, shift));
                }
            }
            return;
        };
        for (line, ((x, g), out)) in (first..).zip(lines) {
            let channel = line % mean.len();
            let (mean, scale) = (mean[channel], scale[channel]);
            let (slope, shift) = (slope[channel], shift[channel]);
            for (out, (&x, &g)) in out.iter_mut().zip(x.iter().zip(g)) {
                *out = A::mul_add(g, scale, A::mul_add(x - mean, slope, shift));
            }
        }
    }
}

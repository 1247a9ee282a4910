//! One affine function for every channel.

use crate::Element;
use crate::kernel::simd::Arithmetic;

/// y = (x - mean) scale + shift, with numbers of each channel, or of each place of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine<'a, E> {
    pub(crate) mean: &'a [E],
    pub(crate) scale: &'a [E],
    pub(crate) shift: &'a [E],
}

/// The numbers of one channel.
#[derive(Clone, Copy)]
pub(super) struct Numbers<E> {
    pub(super) mean: E,
    pub(super) scale: E,
    pub(super) shift: E,
}

impl<'a, E: Element> Affine<'a, E> {
    #[inline(always)]
    pub(super) fn of(&self, channel: usize) -> Numbers<E> {
        Numbers {
            mean: self.mean[channel],
            scale: self.scale[channel],
            shift: self.shift[channel],
        }
    }

    /// The numbers from `first` on, `count` of them.
    #[inline(always)]
    pub(super) fn part(&self, first: usize, count: usize) -> Self {
        let part = |numbers: &'a [E]| &numbers[first..first + count];
        Self {
            mean: part(self.mean),
            scale: part(self.scale),
            shift: part(self.shift),
        }
    }
}

impl<E: Element> Numbers<E> {
    #[inline(always)]
    pub(super) fn apply<A: Arithmetic>(&self, x: E) -> E {
        A::mul_add(x - self.mean, self.scale, self.shift)
    }

    /// The gradient of the function's value, given that of its rectified value if `RECTIFIED`.
    #[inline(always)]
    pub(super) fn through<A: Arithmetic, const RECTIFIED: bool>(&self, x: E, g: E) -> E {
        if RECTIFIED && self.apply::<A>(x) <= E::zero() {
            E::zero()
        } else {
            g
        }
    }
}

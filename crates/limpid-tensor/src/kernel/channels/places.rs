//! Sums of the places of short lines, over all lines.

use super::{Affine, COLUMNS, Channels};
use crate::Element;
use crate::kernel::simd::{Arithmetic, Loop};

/// The sums of some places over all lines.
pub(super) struct Sums<'a, E> {
    pub(super) x: &'a [E],
    pub(super) width: usize,
    pub(super) first: usize,
    pub(super) sums: &'a mut [[f64; 2]],
}

impl<'a, E: Element> Sums<'a, E> {
    pub(super) fn new(
        channels: &Channels,
        x: &'a [E],
        first: usize,
        sums: &'a mut [[f64; 2]],
    ) -> Self {
        Self {
            x,
            width: channels.channels * channels.inner,
            first,
            sums,
        }
    }

    /// Adds to every place's sums `term(place, index of the element)`, line by line.
    #[inline(always)]
    fn add(self, term: impl Fn(usize, usize) -> [f64; 2]) {
        let count = self.sums.len();
        let (mut plain, mut along) = ([0.0; COLUMNS], [0.0; COLUMNS]);
        for line in (self.first..self.x.len()).step_by(self.width) {
            for place in 0..count.min(COLUMNS) {
                let [a, b] = term(place, line + place);
                plain[place] += a;
                along[place] += b;
            }
        }
        for (place, sums) in self.sums.iter_mut().enumerate() {
            *sums = [plain[place], along[place]];
        }
    }
}

impl<E: Element> Loop for Sums<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let x = self.x;
        self.add(|_, index| [x[index].double(), 0.0]);
    }
}

/// The sums of squares around a mean.
pub(super) struct Squares<'a, E>(pub(super) Sums<'a, E>, pub(super) &'a [f64]);

impl<E: Element> Loop for Squares<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self(sums, means) = self;
        let x = sums.x;
        sums.add(|place, index| {
            let apart = x[index].double() - means[place];
            [apart * apart, 0.0]
        });
    }
}

/// The sums of g and of g (x - mean); with `RECTIFIED`, g counts where (x - mean) scale + shift is
/// above 0 alone.
pub(super) struct GradientSums<'a, E, const RECTIFIED: bool> {
    pub(super) sums: Sums<'a, E>,
    pub(super) g: &'a [E],
    /// Numbers of the places.
    pub(super) affine: Affine<'a, E>,
}

impl<E: Element, const RECTIFIED: bool> Loop for GradientSums<'_, E, RECTIFIED> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self { sums, g, affine } = self;
        let x = sums.x;
        sums.add(|place, index| {
            let numbers = affine.of(place);
            let g = numbers.through::<A, RECTIFIED>(x[index], g[index]);
            let apart = (x[index] - numbers.mean).double();
            [g.double(), g.double() * apart]
        });
    }
}

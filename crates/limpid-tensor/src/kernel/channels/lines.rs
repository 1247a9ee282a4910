//! Sums along the lines of some channels.

use super::{Affine, LANES};
use crate::Element;
use crate::kernel::simd::{Arithmetic, Loop};

/// Channels that are summed up side by side.
pub(super) const BLOCK: usize = 16;

/// Lines of a few neighbouring channels, at most [`BLOCK`], in a few items.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a, E> {
    /// From the first line on.
    pub(super) x: &'a [E],
    pub(super) items: usize,
    /// How far items lie apart.
    pub(super) item: usize,
    /// How long a line is.
    pub(super) inner: usize,
}

impl<'a, E: Element> Lines<'a, E> {
    /// Where the line of a channel in an item begins, and the line.
    #[inline(always)]
    fn line(&self, item: usize, channel: usize) -> (usize, &'a [E]) {
        let at = item * self.item + channel * self.inner;
        (at, &self.x[at..at + self.inner])
    }

    /// The lanes' sums of every channel.
    #[inline(always)]
    fn sums(&self, channels: usize) -> [[E; LANES]; BLOCK] {
        let mut all = [[E::zero(); LANES]; BLOCK];
        for item in 0..self.items {
            for (channel, all) in all.iter_mut().enumerate().take(channels) {
                let (_, line) = self.line(item, channel);
                let mut sums = *all;
                let (chunks, rest) = line.as_chunks::<LANES>();
                for chunk in chunks {
                    for lane in 0..LANES {
                        sums[lane] += chunk[lane];
                    }
                }
                for (sum, &x) in sums.iter_mut().zip(rest) {
                    *sum += x;
                }
                *all = sums;
            }
        }
        all
    }

    /// The lanes' sums of squares around the channels' means.
    #[inline(always)]
    fn squares<A: Arithmetic>(&self, channels: usize, means: &[E; BLOCK]) -> [[E; LANES]; BLOCK] {
        let mut all = [[E::zero(); LANES]; BLOCK];
        for item in 0..self.items {
            for (channel, all) in all.iter_mut().enumerate().take(channels) {
                let (_, line) = self.line(item, channel);
                let (mut squares, mean) = (*all, means[channel]);
                let (chunks, rest) = line.as_chunks::<LANES>();
                for chunk in chunks {
                    for lane in 0..LANES {
                        let apart = chunk[lane] - mean;
                        squares[lane] = A::mul_add(apart, apart, squares[lane]);
                    }
                }
                for (square, &x) in squares.iter_mut().zip(rest) {
                    *square = A::mul_add(x - mean, x - mean, *square);
                }
                *all = squares;
            }
        }
        all
    }
}

/// The sum of each channel's lines.
pub(super) struct LineSums<'a, E>(pub(super) Lines<'a, E>, pub(super) &'a mut [[f64; 2]]);

impl<E: Element> Loop for LineSums<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self(lines, out) = self;
        let sums = lines.sums(out.len());
        for (out, sums) in out.iter_mut().zip(&sums) {
            *out = [total(sums), 0.0];
        }
    }
}

/// The sum of each channel's lines, and the sum of squares around their mean.
pub(super) struct LineMoments<'a, E>(pub(super) Lines<'a, E>, pub(super) &'a mut [[f64; 2]]);

impl<E: Element> Loop for LineMoments<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self(lines, out) = self;
        let count = (lines.items * lines.inner) as f64;
        let sums = lines.sums(out.len());
        let mut means = [E::zero(); BLOCK];
        for ((out, mean), sums) in out.iter_mut().zip(&mut means).zip(&sums) {
            out[0] = total(sums);
            *mean = E::of(out[0] / count);
        }
        let all = lines.squares::<A>(out.len(), &means);
        for ((out, mean), squares) in out.iter_mut().zip(&means).zip(&all) {
            // The mean was rounded: what the squares are too large by is its error's square.
            let error = out[0] / count - mean.double();
            out[1] = (total(squares) - error * error * count).max(0.0);
        }
    }
}

/// The sums of g and of g (x - mean) over each channel's lines; with `RECTIFIED`, g counts where
/// (x - mean) scale + shift is above 0 alone.
pub(super) struct LineGradients<'a, E, const RECTIFIED: bool> {
    pub(super) lines: Lines<'a, E>,
    /// From the first line on.
    pub(super) g: &'a [E],
    /// The numbers of the channels.
    pub(super) affine: Affine<'a, E>,
    pub(super) out: &'a mut [[f64; 2]],
}

impl<E: Element, const RECTIFIED: bool> Loop for LineGradients<'_, E, RECTIFIED> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self {
            lines,
            g,
            affine,
            out,
        } = self;
        let mut all = [[[E::zero(); LANES]; 2]; BLOCK];
        for item in 0..lines.items {
            for (channel, all) in all.iter_mut().enumerate().take(out.len()) {
                let (at, line) = lines.line(item, channel);
                let [mut plain, mut along] = *all;
                let numbers = affine.of(channel);
                let (xs, x_rest) = line.as_chunks::<LANES>();
                let (gs, g_rest) = g[at..at + line.len()].as_chunks::<LANES>();
                for (x, g) in xs.iter().zip(gs) {
                    for lane in 0..LANES {
                        let g = numbers.through::<A, RECTIFIED>(x[lane], g[lane]);
                        plain[lane] += g;
                        along[lane] = A::mul_add(x[lane] - numbers.mean, g, along[lane]);
                    }
                }
                for (lane, (&x, &g)) in x_rest.iter().zip(g_rest).enumerate().take(LANES) {
                    let g = numbers.through::<A, RECTIFIED>(x, g);
                    plain[lane] += g;
                    along[lane] = A::mul_add(x - numbers.mean, g, along[lane]);
                }
                *all = [plain, along];
            }
        }
        for (out, [plain, along]) in out.iter_mut().zip(&all) {
            *out = [total(plain), total(along)];
        }
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

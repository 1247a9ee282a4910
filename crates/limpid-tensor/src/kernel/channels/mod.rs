//! Statistics of the channels of a tensor, and sums of products with one number a channel: what
//! normalisation over the batch is made of.
//!
//! Channels with long lines are walked line by line; where lines are short, the lines of all
//! channels together are, with one number for each place of them.

mod lines;
mod places;
mod write;

use lines::{LineGradients, LineMoments, LineSum};
use places::{GradientSums, Squares, Sums};
use write::{Combine, Scale};

use crate::Element;
use crate::buffers;
use crate::kernel::simd;
use crate::kernel::threads;

/// A tensor seen as `[outer, channels, inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Channels {
    pub(crate) outer: usize,
    pub(crate) channels: usize,
    pub(crate) inner: usize,
}

/// Lines shorter than this are short.
const SHORT: usize = 32;
/// Numbers that are added up side by side.
const LANES: usize = 32;
/// Places of short lines that a task sums up.
const COLUMNS: usize = 64;
/// Fewer elements are not worth sharing.
const SHARED: usize = 1 << 16;
/// Elements of a task that writes.
const TASK: usize = 1 << 15;

impl Channels {
    /// How many numbers a channel has.
    pub(crate) fn size(&self) -> usize {
        self.outer * self.inner
    }

    fn len(&self) -> usize {
        self.channels * self.size()
    }

    fn is_short(&self) -> bool {
        self.inner < SHORT
    }

    /// One number for each place of a line of all channels.
    fn spread<T: buffers::Pooled>(&self, numbers: &[T]) -> buffers::Storage<T> {
        let mut spread = buffers::take(self.channels * self.inner);
        for (part, &number) in spread.chunks_exact_mut(self.inner.max(1)).zip(numbers) {
            part.fill(number);
        }
        spread
    }

    /// Calls `work` with the first channel and the totals of every task's channels.
    fn share(&self, totals: &mut [[f64; 2]], work: impl Fn(usize, &mut [[f64; 2]]) + Sync) {
        if self.len() < SHARED {
            work(0, totals);
        } else {
            threads::chunks(totals, 1, work);
        }
    }

    /// Mean and mean square around it of every channel. No digits are lost to a large mean: the
    /// squares are those of distances, from the line's mean or from the channel's.
    pub(crate) fn moments<E: Element>(&self, x: &[E]) -> Vec<[f64; 2]> {
        let mut moments = vec![[0.0; 2]; self.channels];
        let size = self.size() as f64;
        let level = simd::level();
        if self.is_short() {
            let sums = self.columns(|first, sums| level.run(Sums::new(self, x, first, sums)));
            for ([mean, _], [sum, _]) in moments.iter_mut().zip(&sums) {
                *mean = sum / size;
            }
            let means: Vec<f64> = moments.iter().map(|moments| moments[0]).collect();
            let means = self.spread(&means);
            let squares = self.columns(|first, sums| {
                let means = &means[first..first + sums.len()];
                level.run(Squares(Sums::new(self, x, first, sums), means));
            });
            for ([_, square], [sum, _]) in moments.iter_mut().zip(&squares) {
                *square = sum / size;
            }
            return moments;
        }
        let inner = self.inner as f64;
        self.share(&mut moments, |first, moments| {
            for (channel, moments) in (first..).zip(moments) {
                let mut count = 0.0;
                let [mut mean, mut square] = [0.0; 2];
                for line in self.lines(x, channel) {
                    let [sum, around] = level.run(LineMoments(line));
                    // Two sets of numbers become one (Chan, Golub and LeVeque 1983).
                    let apart = sum / inner - mean;
                    let both = count + inner;
                    mean += apart * inner / both;
                    square += around + apart * apart * count * inner / both;
                    count = both;
                }
                *moments = [mean, square / size];
            }
        });
        moments
    }

    /// The sum of every channel.
    pub(crate) fn sums<E: Element>(&self, x: &[E]) -> Vec<f64> {
        let level = simd::level();
        let mut sums = vec![[0.0; 2]; self.channels];
        if self.is_short() {
            sums = self.columns(|first, sums| level.run(Sums::new(self, x, first, sums)));
        } else {
            self.share(&mut sums, |first, sums| {
                for (channel, sums) in (first..).zip(sums) {
                    for line in self.lines(x, channel) {
                        sums[0] += level.run(LineSum(line));
                    }
                }
            });
        }
        sums.into_iter().map(|[sum, _]| sum).collect()
    }

    /// The sums of g and of g (x - mean) over every channel.
    pub(crate) fn gradient_sums<E: Element>(&self, x: &[E], g: &[E], mean: &[E]) -> Vec<[f64; 2]> {
        let level = simd::level();
        if self.is_short() {
            let mean = self.spread(mean);
            return self.columns(|first, sums| {
                let mean = &mean[first..first + sums.len()];
                level.run(GradientSums(Sums::new(self, x, first, sums), g, mean));
            });
        }
        let mut sums = vec![[0.0; 2]; self.channels];
        self.share(&mut sums, |first, sums| {
            for (channel, sums) in (first..).zip(sums) {
                let lines = self.lines(x, channel).zip(self.lines(g, channel));
                for (x, g) in lines {
                    let [plain, along] = level.run(LineGradients(x, g, mean[channel]));
                    sums[0] += plain;
                    sums[1] += along;
                }
            }
        });
        sums
    }

    /// out = (x - mean) scale + shift, with numbers of the channel.
    pub(crate) fn scale<E: Element>(
        &self,
        x: &[E],
        [mean, scale, shift]: [&[E]; 3],
        out: &mut [E],
    ) {
        let level = simd::level();
        let (numbers, inner) = self.numbers([mean, scale, shift]);
        let long = !self.is_short();
        self.write((out, x), |first, (out, x)| {
            level.run(Scale {
                first: long.then_some(first / inner),
                inner,
                x,
                numbers: [&numbers[0], &numbers[1], &numbers[2]],
                out,
            });
        });
    }

    /// out = g scale + (x - mean) slope + shift, with numbers of the channel.
    pub(crate) fn combine<E: Element>(
        &self,
        x: &[E],
        g: &[E],
        [mean, scale, slope, shift]: [&[E]; 4],
        out: &mut [E],
    ) {
        let level = simd::level();
        let (numbers, inner) = self.numbers([mean, scale, slope, shift]);
        let long = !self.is_short();
        self.write(((out, x), g), |first, ((out, x), g)| {
            level.run(Combine {
                first: long.then_some(first / inner),
                inner,
                x,
                g,
                numbers: [&numbers[0], &numbers[1], &numbers[2], &numbers[3]],
                out,
            });
        });
    }

    /// The numbers that lines take in turn, and how long lines are: one number for a long line, and
    /// one for each place where all short lines make one.
    fn numbers<E: Element, const N: usize>(
        &self,
        numbers: [&[E]; N],
    ) -> ([buffers::Storage<E>; N], usize) {
        if self.is_short() {
            let length = (self.channels * self.inner).max(1);
            (numbers.map(|numbers| self.spread(numbers)), length)
        } else {
            (numbers.map(buffers::copied), self.inner)
        }
    }

    /// Shares what writes elements one by one, in parts of whole items.
    fn write<D: threads::Chunked>(&self, data: D, work: impl Fn(usize, D::Part) + Sync) {
        let item = (self.channels * self.inner).max(1);
        let length = match self.len() < SHARED {
            true => self.len().max(1),
            false => TASK.div_ceil(item) * item,
        };
        threads::chunks(data, length, work);
    }

    /// The lines of one channel.
    fn lines<'a, E>(&self, x: &'a [E], channel: usize) -> impl Iterator<Item = &'a [E]> {
        let (channels, inner) = (self.channels, self.inner);
        (0..self.outer).map(move |item| &x[(item * channels + channel) * inner..][..inner])
    }

    /// Has the places of short lines summed up, and adds up those of each channel.
    fn columns(&self, work: impl Fn(usize, &mut [[f64; 2]]) + Sync) -> Vec<[f64; 2]> {
        let width = self.channels * self.inner;
        let mut columns = vec![[0.0; 2]; width];
        if self.len() < SHARED {
            for (index, columns) in columns.chunks_mut(COLUMNS).enumerate() {
                work(index * COLUMNS, columns);
            }
        } else {
            threads::chunks(&mut columns[..], COLUMNS, work);
        }
        let channels = columns.chunks_exact(self.inner.max(1));
        let total = |columns: &[[f64; 2]]| {
            let add = |[a, b]: [f64; 2], &[c, d]: &[f64; 2]| [a + c, b + d];
            columns.iter().fold([0.0; 2], add)
        };
        channels.map(total).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        let mut generator = Stream::new(seed).generator();
        (0..count).map(|_| generator.unit() * 4.0 + 100.0).collect()
    }

    /// Indices of the elements of a channel.
    fn members(shape: Channels, channel: usize) -> Vec<usize> {
        let Channels {
            outer,
            channels,
            inner,
        } = shape;
        let item = |item: usize| (0..inner).map(move |at| (item * channels + channel) * inner + at);
        (0..outer).flat_map(item).collect()
    }

    #[test]
    fn everything_agrees_with_the_definition() {
        for (outer, channels, inner) in [
            (3, 5, 1),
            (70, 130, 3),
            (4, 3, 33),
            (9, 70, 128),
            (1, 2, 40),
        ] {
            let shape = Channels {
                outer,
                channels,
                inner,
            };
            let count = outer * channels * inner;
            let (x, g) = (numbers(count, 1), numbers(count, 2));
            let [mean, scale, slope, shift] = [3, 4, 5, 6].map(|seed| numbers(channels, seed));
            let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{shape:?}: {a} {b}");
            for &level in simd::Level::available() {
                simd::with(level, || {
                    let moments = shape.moments(&x);
                    let plain = shape.sums(&x);
                    let sums = shape.gradient_sums(&x, &g, &mean);
                    let (mut scaled, mut combined) = (vec![0.0; count], vec![0.0; count]);
                    shape.scale(&x, [&mean, &scale, &shift], &mut scaled);
                    shape.combine(&x, &g, [&mean, &scale, &slope, &shift], &mut combined);
                    for channel in 0..channels {
                        let all = members(shape, channel);
                        let size = all.len() as f64;
                        let centre = all.iter().map(|&at| x[at]).sum::<f64>() / size;
                        close(moments[channel][0], centre);
                        close(plain[channel], centre * size);
                        let squares = all.iter().map(|&at| (x[at] - centre).powi(2));
                        close(moments[channel][1], squares.sum::<f64>() / size);
                        close(sums[channel][0], all.iter().map(|&at| g[at]).sum());
                        let along = all.iter().map(|&at| g[at] * (x[at] - mean[channel]));
                        assert!((sums[channel][1] - along.sum::<f64>()).abs() < 1e-6);
                        for at in all {
                            let apart = x[at] - mean[channel];
                            close(scaled[at], apart * scale[channel] + shift[channel]);
                            let want = g[at] * scale[channel] + apart * slope[channel];
                            close(combined[at], want + shift[channel]);
                        }
                    }
                });
            }
        }
    }

    #[test]
    fn a_large_mean_does_not_swallow_the_spread() {
        let shape = Channels {
            outer: 2,
            channels: 1,
            inner: 64,
        };
        let x: Vec<f32> = (0..128).map(|at| 1e6 + (at % 4) as f32).collect();
        let [mean, square] = shape.moments(&x)[0];
        assert_eq!((mean, square), (1e6 + 1.5, 1.25));
    }
}

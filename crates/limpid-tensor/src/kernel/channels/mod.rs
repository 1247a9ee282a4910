//! Statistics of the channels of a tensor, and sums of products with one number a channel: what
//! normalisation over the batch is made of.
//!
//! Channels with long lines are walked line by line; where lines are short, the lines of all
//! channels together are, with one number for each place of them.

mod affine;
mod lines;
mod places;
mod write;

pub(crate) use affine::Affine;
use lines::{BLOCK, LineGradients, LineMoments, LineSums, Lines};
use places::{GradientSums, Squares, Sums};
use write::{Apply, Combine};

use crate::Element;
use crate::buffers;
use crate::kernel::{scaled, simd, threads};

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
/// So many numbers of a channel, at least, are added up before the lanes are.
const TOGETHER: usize = scaled(1024, 128);
/// Places of short lines that a task sums up.
const COLUMNS: usize = 64;
/// Fewer elements are not worth sharing.
const SHARED: usize = scaled(1 << 16, 1 << 8);
/// Elements of a task that writes.
const TASK: usize = scaled(1 << 15, 1 << 7);

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

    /// Items whose lines of a channel are summed up together.
    fn together(&self) -> usize {
        (TOGETHER / self.inner.max(1)).clamp(1, self.outer.max(1))
    }

    /// Calls `work` for the lines of some channels in some items, with their place in the data and
    /// the first channel, for the sums of these; they come back for every channel of every such
    /// group of items. Lines are walked in the order of memory.
    fn groups<'a, E: Element>(
        &self,
        x: &'a [E],
        work: impl Fn(Lines<'a, E>, usize, usize, &mut [[f64; 2]]) + Sync,
    ) -> Vec<[f64; 2]> {
        let (together, item) = (self.together(), self.channels * self.inner);
        let mut sums = vec![[0.0; 2]; self.outer.div_ceil(together) * self.channels];
        let run = |first: usize, mut sums: &mut [[f64; 2]]| {
            let mut unit = first;
            while !sums.is_empty() {
                let (group, channel) = (unit / self.channels, unit % self.channels);
                let count = sums.len().min(self.channels - channel).min(BLOCK);
                let (own, rest) = std::mem::take(&mut sums).split_at_mut(count);
                let at = group * together * item + channel * self.inner;
                let lines = Lines {
                    x: &x[at..],
                    items: together.min(self.outer - group * together),
                    item,
                    inner: self.inner,
                };
                work(lines, at, channel, own);
                (unit, sums) = (unit + count, rest);
            }
        };
        if self.len() < SHARED {
            run(0, &mut sums);
        } else {
            let task = TASK.div_ceil(together * self.inner);
            threads::chunks(&mut sums[..], task, run);
        }
        sums
    }

    /// The totals of every channel over the groups.
    fn totals(&self, groups: &[[f64; 2]]) -> Vec<[f64; 2]> {
        let mut totals = vec![[0.0; 2]; self.channels];
        for sums in groups.chunks_exact(self.channels.max(1)) {
            for (total, sums) in totals.iter_mut().zip(sums) {
                total[0] += sums[0];
                total[1] += sums[1];
            }
        }
        totals
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
        let groups = self.groups(x, |lines, _, _, out| level.run(LineMoments(lines, out)));
        let (mut count, mut items) = (0.0, self.outer);
        for sums in groups.chunks_exact(self.channels.max(1)) {
            let group = self.together().min(items);
            items -= group;
            let more = (group * self.inner) as f64;
            for ([mean, square], &[sum, around]) in moments.iter_mut().zip(sums) {
                // Two sets of numbers become one (Chan, Golub and LeVeque 1983).
                let apart = sum / more - *mean;
                *mean += apart * more / (count + more);
                *square += around + apart * apart * count * more / (count + more);
            }
            count += more;
        }
        for [_, square] in &mut moments {
            *square /= size;
        }
        moments
    }

    /// The sum of every channel.
    pub(crate) fn sums<E: Element>(&self, x: &[E]) -> Vec<f64> {
        let level = simd::level();
        let sums = match self.is_short() {
            true => self.columns(|first, sums| level.run(Sums::new(self, x, first, sums))),
            false => {
                let sum = |lines, _, _, out: &mut _| level.run(LineSums(lines, out));
                self.totals(&self.groups(x, sum))
            }
        };
        sums.into_iter().map(|[sum, _]| sum).collect()
    }

    /// The sums of g and of g (x - mean) over every channel; if `rectified`, of the gradients that
    /// the rectifier of the affine function lets through.
    pub(crate) fn gradient_sums<E: Element>(
        &self,
        x: &[E],
        g: &[E],
        affine: Affine<'_, E>,
        rectified: bool,
    ) -> Vec<[f64; 2]> {
        match rectified {
            true => self.gradient_sums_of::<E, true>(x, g, affine),
            false => self.gradient_sums_of::<E, false>(x, g, affine),
        }
    }

    fn gradient_sums_of<E: Element, const RECTIFIED: bool>(
        &self,
        x: &[E],
        g: &[E],
        affine: Affine<'_, E>,
    ) -> Vec<[f64; 2]> {
        let level = simd::level();
        if self.is_short() {
            let spread = self.spread_all(affine);
            let affine = spread.affine();
            return self.columns(|first, sums| {
                level.run(GradientSums::<E, RECTIFIED> {
                    affine: affine.part(first, sums.len()),
                    sums: Sums::new(self, x, first, sums),
                    g,
                });
            });
        }
        let groups = self.groups(x, |lines, at, channel, out| {
            level.run(LineGradients::<E, RECTIFIED> {
                lines,
                g: &g[at..],
                affine: affine.part(channel, out.len()),
                out,
            });
        });
        self.totals(&groups)
    }

    /// out = (x - mean) scale + shift, with numbers of the channel; if `rectified`, 0 where that is
    /// below.
    pub(crate) fn apply<E: Element>(
        &self,
        x: &[E],
        affine: Affine<'_, E>,
        rectified: bool,
        out: &mut [E],
    ) {
        match rectified {
            true => self.apply_of::<E, true>(x, affine, out),
            false => self.apply_of::<E, false>(x, affine, out),
        }
    }

    fn apply_of<E: Element, const RECTIFIED: bool>(
        &self,
        x: &[E],
        affine: Affine<'_, E>,
        out: &mut [E],
    ) {
        let level = simd::level();
        let spread = self.is_short().then(|| self.spread_all(affine));
        let (affine, inner) = self.numbers(&spread, affine);
        self.write(inner, (out, x), |first, (out, x)| {
            level.run(Apply::<E, RECTIFIED> {
                first: spread.is_none().then_some(first / inner),
                inner,
                x,
                affine,
                out,
            });
        });
    }

    /// g becomes g scale + (x - mean) slope + offset, with numbers of the channel; if `rectified`,
    /// of the g that the rectifier of the affine function lets through.
    pub(crate) fn combine<E: Element>(
        &self,
        x: &[E],
        g: &mut [E],
        affine: Affine<'_, E>,
        line: [&[E]; 2],
        rectified: bool,
    ) {
        match rectified {
            true => self.combine_of::<E, true>(x, g, affine, line),
            false => self.combine_of::<E, false>(x, g, affine, line),
        }
    }

    fn combine_of<E: Element, const RECTIFIED: bool>(
        &self,
        x: &[E],
        g: &mut [E],
        affine: Affine<'_, E>,
        line: [&[E]; 2],
    ) {
        let level = simd::level();
        let spread = self.is_short().then(|| self.spread_all(affine));
        let (affine, inner) = self.numbers(&spread, affine);
        let places = self.is_short().then(|| line.map(|line| self.spread(line)));
        let line = match &places {
            Some([slope, offset]) => [&slope[..], &offset[..]],
            None => line,
        };
        self.write(inner, (g, x), |first, (g, x)| {
            level.run(Combine::<E, RECTIFIED> {
                first: spread.is_none().then_some(first / inner),
                inner,
                x,
                affine,
                line,
                g,
            });
        });
    }

    /// The numbers that lines take in turn, and how long lines are: one number for a long line, and
    /// one for each place where all short lines make one.
    fn numbers<'a, E: Element>(
        &self,
        spread: &'a Option<Spread<E>>,
        affine: Affine<'a, E>,
    ) -> (Affine<'a, E>, usize) {
        match spread {
            Some(spread) => (spread.affine(), (self.channels * self.inner).max(1)),
            None => (affine, self.inner),
        }
    }

    /// Numbers for each place of a line of all channels.
    fn spread_all<E: Element>(&self, affine: Affine<'_, E>) -> Spread<E> {
        let Affine { mean, scale, shift } = affine;
        Spread([mean, scale, shift].map(|numbers| self.spread(numbers)))
    }

    /// Shares what writes elements one by one, in parts of whole lines of `line` elements.
    fn write<D: threads::Chunked>(
        &self,
        line: usize,
        data: D,
        work: impl Fn(usize, D::Part) + Sync,
    ) {
        let line = line.max(1);
        let length = match self.len() < SHARED {
            true => self.len().max(1),
            false => TASK.div_ceil(line) * line,
        };
        threads::chunks(data, length, work);
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

/// The numbers of an affine function, for each place of a line of all channels.
struct Spread<E: Element>([buffers::Storage<E>; 3]);

impl<E: Element> Spread<E> {
    fn affine(&self) -> Affine<'_, E> {
        let Self([mean, scale, shift]) = self;
        Affine { mean, scale, shift }
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

    /// With a rectifier, all is as without one on what it lets through.
    fn assert_rectified(
        shape: Channels,
        x: &[f64],
        g: &[f64],
        affine: Affine<'_, f64>,
        values: &[f64],
    ) {
        let line = [affine.scale, affine.shift];
        let through = values.iter().zip(g);
        let through = through.map(|(&y, &g)| if y > 0.0 { g } else { 0.0 });
        let (mut want, mut found) = (through.collect::<Vec<f64>>(), g.to_vec());
        assert_eq!(
            shape.gradient_sums(x, g, affine, true),
            shape.gradient_sums(x, &want, affine, false)
        );
        shape.combine(x, &mut want, affine, line, false);
        shape.combine(x, &mut found, affine, line, true);
        assert_eq!(found, want);
        shape.apply(x, affine, true, &mut found);
        let want = values.iter().map(|y| y.max(0.0));
        assert!(found.iter().copied().eq(want));
    }

    #[test]
    fn everything_agrees_with_the_definition() {
        for (outer, channels, inner) in [
            (3, 5, 1),
            (scaled(70, 9), scaled(130, 70), scaled(3, 1)),
            (4, 3, 33),
            (scaled(9, 3), scaled(70, 5), scaled(128, 40)),
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
                    let affine = Affine {
                        mean: &mean,
                        scale: &scale,
                        shift: &shift,
                    };
                    let sums = shape.gradient_sums(&x, &g, affine, false);
                    let (mut scaled, mut combined) = (vec![0.0; count], g.clone());
                    shape.apply(&x, affine, false, &mut scaled);
                    shape.combine(&x, &mut combined, affine, [&slope, &shift], false);
                    assert_rectified(shape, &x, &g, affine, &scaled);
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

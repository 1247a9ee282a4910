//! How a kernel is laid over an image, and the three products that convolutions are made of.

use super::algorithm::ConvAlgorithm;
use crate::buffers::{self, Storage};
use crate::flops::add_products;
use crate::kernel::conv::{Correlation, Gathering, Planes, Target};
use crate::kernel::threads;
use crate::kernel::winograd::Kernels;
use crate::ops::activation::Relu;
use crate::simd::{self, Arithmetic, Loop};
use crate::{Element, Elementwise, Error, Result};

/// How a kernel is laid over an image. Pairs are `[down, across]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// How far the kernel moves from one place to the next; at least 1. The default is 1.
    pub stride: [usize; 2],
    /// Zeros that the image is padded by: above and below, left and right. The default is none.
    pub padding: [[usize; 2]; 2],
    /// How far apart the kernel's elements lie; at least 1. The default is 1.
    pub dilation: [usize; 2],
    /// Into how many groups the channels are divided that see nothing of each other. The default is
    /// 1.
    pub groups: usize,
    /// How it is computed. The default is directly, by its definition.
    pub algorithm: ConvAlgorithm,
}

impl Default for Convolution {
    fn default() -> Self {
        Self {
            stride: [1; 2],
            padding: [[0; 2]; 2],
            dilation: [1; 2],
            groups: 1,
            algorithm: ConvAlgorithm::default(),
        }
    }
}

impl Convolution {
    /// The same settings without height.
    pub(super) fn across(&self) -> Self {
        Self {
            stride: [1, self.stride[1]],
            padding: [[0; 2], self.padding[1]],
            dilation: [1, self.dilation[1]],
            ..*self
        }
    }

    /// The padding, `[above and below, left and right]`, with which a kernel at stride 1 gives an
    /// image of the size that it was given; an odd zero goes below and right.
    pub fn same_padding(kernel: [usize; 2], dilation: [usize; 2]) -> [[usize; 2]; 2] {
        [0, 1].map(|axis| {
            let total = dilation[axis] * kernel[axis].saturating_sub(1);
            [total / 2, total - total / 2]
        })
    }

    pub(super) fn check(&self, operation: &'static str) -> Result<()> {
        let settings = [("stride", self.stride), ("dilation", self.dilation)];
        for (name, value) in settings {
            if value.contains(&0) {
                let found = format!("{value:?}");
                return Err(Error::argument(operation, name, "at least 1", found));
            }
        }
        if self.groups == 0 {
            return Err(Error::argument(operation, "groups", "at least 1", 0));
        }
        Ok(())
    }
}

/// Where the patches of an image lie. Lengths are `[height, width]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patches {
    pub(super) image: [usize; 2],
    pub(super) kernel: [usize; 2],
    /// How many patches there are, down and across.
    pub(super) places: [usize; 2],
    pub(super) stride: [usize; 2],
    /// Rows above and columns to the left that the image is thought to be padded by.
    pub(super) lead: [usize; 2],
    pub(super) dilation: [usize; 2],
}

/// A convolution of images `[batch, channels, height, width]` with all sizes known: forwards it
/// leads from `inputs` to `outputs` channels, and its transpose the other way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) batch: usize,
    pub(super) groups: usize,
    /// Channels of the larger image in one group.
    pub(super) inputs: usize,
    /// Channels of the image of places in one group.
    pub(super) outputs: usize,
    pub(super) patches: Patches,
    pub(super) algorithm: ConvAlgorithm,
}

/// No batch is cut into more tasks than this; by its length alone, so that sums over the batch do
/// not depend on the number of threads.
pub(super) const MOST_TASKS: usize = 32;
/// As many parts of the batch have a weight's gradient of their own, which are added up.
pub(super) const MOST_SUMS: usize = 16;
/// So many multiply-adds are worth sharing.
pub(super) const SHARED: usize = 1 << 20;

impl Geometry {
    pub(super) fn image(&self) -> usize {
        self.groups * self.inputs * area(self.patches.image)
    }

    pub(super) fn places(&self) -> usize {
        self.groups * self.outputs * area(self.patches.places)
    }

    /// Elements of a patch in a group.
    pub(super) fn taps(&self) -> usize {
        self.inputs * area(self.patches.kernel)
    }

    pub(super) fn work(&self) -> usize {
        self.batch * self.places() * self.taps()
    }

    /// The layout of images that kernels are laid over, and where in a group each tap reads.
    fn planes<E: Element>(&self) -> (Planes, Vec<usize>) {
        let patches = &self.patches;
        let taps = [0, 1].map(|axis: usize| -> Vec<usize> {
            let taps = 0..patches.kernel[axis];
            taps.map(|tap| tap * patches.dilation[axis]).collect()
        });
        let extent = [0, 1].map(|axis: usize| {
            let last = (patches.kernel[axis] - 1) * patches.dilation[axis];
            patches.places[axis].saturating_sub(1) * patches.stride[axis] + last + 1
        });
        let planes = Planes::new::<E>(
            self.groups * self.inputs,
            patches.image,
            patches.lead.map(|lead| lead as isize),
            patches.stride,
            extent,
            &taps,
        );
        let mut offsets = Vec::with_capacity(self.taps());
        for channel in 0..self.inputs {
            for &down in &taps[0] {
                for &across in &taps[1] {
                    offsets.push(channel * planes.channel_step() + planes.offset([down, across]));
                }
            }
        }
        (planes, offsets)
    }

    /// From images to places: out = W patches(x) + b, and no less than 0 if `rectified`.
    pub(super) fn apply<E: Element>(
        &self,
        x: &[E],
        weight: &[E],
        bias: Option<&[E]>,
        rectified: bool,
    ) -> Storage<E> {
        add_products(&[self.work()]);
        if let Some(winograd) = self.winograd() {
            let kernels = Kernels::new(weight, [self.outputs, self.inputs]);
            let level = simd::level();
            return winograd.apply(x, &kernels, bias, &|places| {
                if rectified {
                    level.run(Rectify(places));
                }
            });
        }
        if let Some(out) = self.apply_planewise(x, weight, bias, rectified) {
            return out;
        }
        if let Some(out) = self.apply_by_channels(x, weight, bias, rectified) {
            return out;
        }
        let (planes, offsets) = self.planes::<E>();
        let [height, width] = self.patches.places;
        let target = Target {
            places: [height, width],
            origin: 0,
            row_step: width,
            column_step: 1,
            channel_step: height * width,
        };
        let taps = self.taps();
        let correlation = Correlation::new(
            &planes,
            offsets,
            self.inputs * planes.channel_step(),
            (self.groups, self.outputs),
            target,
            |group, output, tap| weight[(group * self.outputs + output) * taps + tap],
        );
        let channels = self.groups * self.outputs;
        self.correlate(
            &planes,
            &[correlation],
            x,
            bias,
            Results {
                length: channels * height * width,
                left_out: None,
                rectified,
            },
        )
    }

    /// From places to images: x = unpatch(W^T g) + b, the transpose of [`Geometry::apply`].
    ///
    /// Rows of the image that lie a stride apart see the same rows of the kernel, and so do columns:
    /// for each remainder there is a correlation of its own, of g with part of the kernel.
    pub(super) fn transposed<E: Element>(
        &self,
        g: &[E],
        weight: &[E],
        bias: Option<&[E]>,
    ) -> Storage<E> {
        add_products(&[self.work()]);
        if let Some(winograd) = self.winograd() {
            let kernels = Kernels::flipped(weight, [self.outputs, self.inputs]);
            return winograd.transposed().apply(g, &kernels, bias, &|_| {});
        }
        if let Some(out) = self.transposed_planewise(g, weight, bias) {
            return out;
        }
        if let Some(out) = self.transposed_by_channels(g, weight, bias) {
            return out;
        }
        let [down, across] = [0, 1].map(|axis| self.remainders(axis));
        let down = self.bands(down);
        let first = [&down, &across].map(|all| all.iter().map(|it| it.reads[0]).min().unwrap_or(0));
        let last = [&down, &across].map(|all| all.iter().map(|it| it.reads[1]).max().unwrap_or(0));
        let planes = Planes::new::<E>(
            self.groups * self.outputs,
            self.patches.places,
            first.map(|first| -first),
            [1; 2],
            [0, 1].map(|axis: usize| (last[axis] - first[axis]).max(0) as usize + 1),
            &[vec![0], vec![0]],
        );
        let [height, width] = self.patches.image;
        let kernel = area(self.patches.kernel);
        let mut correlations = Vec::with_capacity(down.len() * across.len());
        for (rows, columns) in down
            .iter()
            .flat_map(|rows| across.iter().map(move |columns| (rows, columns)))
        {
            let mut offsets = Vec::new();
            // Where in one output's weights each tap is found.
            let mut places = Vec::new();
            for output in 0..self.outputs {
                for &(row, y) in &rows.taps {
                    for &(column, x) in &columns.taps {
                        let at = [(y - first[0]) as usize, (x - first[1]) as usize];
                        offsets.push(output * planes.channel_step() + planes.offset(at));
                        let tap = row * self.patches.kernel[1] + column;
                        places.push(output * self.inputs * kernel + tap);
                    }
                }
            }
            if offsets.is_empty() {
                // The kernel leaves these places out: they are what they begin with.
                continue;
            }
            let target = Target {
                places: [rows.count, columns.count],
                origin: rows.origin * width + columns.origin,
                row_step: self.patches.stride[0] * width,
                column_step: self.patches.stride[1],
                channel_step: height * width,
            };
            correlations.push(Correlation::new(
                &planes,
                offsets,
                self.outputs * planes.channel_step(),
                (self.groups, self.inputs),
                target,
                |group, input, tap| {
                    let group = group * self.outputs * self.inputs * kernel;
                    weight[group + input * kernel + places[tap]]
                },
            ));
        }
        let complete = correlations.len() == down.len() * across.len();
        let results = Results {
            length: self.image(),
            left_out: (!complete).then_some(height * width),
            rectified: false,
        };
        self.correlate(&planes, &correlations, g, bias, results)
    }

    /// Runs correlations of every image, which together write its results.
    fn correlate<E: Element>(
        &self,
        planes: &Planes,
        correlations: &[Correlation<E>],
        x: &[E],
        bias: Option<&[E]>,
        results: Results,
    ) -> Storage<E> {
        let Results {
            length,
            left_out,
            rectified,
        } = results;
        let mut out = buffers::take(self.batch * length);
        let image = x.len().checked_div(self.batch).unwrap_or(0);
        let reach = correlations.iter().map(Correlation::reach).max();
        let reach = reach.unwrap_or(0).max(planes.len());
        // A small batch is cut within its items.
        let wanted = MOST_TASKS.checked_div(self.batch * 2).unwrap_or(1);
        let parts = correlations.iter().map(|it| it.parts(wanted)).min();
        let parts = parts.unwrap_or(1);
        let task = match parts {
            1 => self.batch.div_ceil(MOST_TASKS).max(1) * length,
            _ => length / parts,
        };
        let level = simd::level();
        let work = |first: usize, out: &mut [E]| {
            let mut laid = None;
            if let Some(channel) = left_out {
                for (index, out) in (first / channel..).zip(out.chunks_exact_mut(channel)) {
                    out.fill(bias.map_or(E::zero(), |bias| bias[index % bias.len()]));
                }
            }
            let (mut done, end) = (0, first + out.len());
            while done < out.len() {
                let (item, from) = ((first + done) / length, (first + done) % length);
                let until = done + (length - from).min(out.len() - done);
                let source = &x[item * image..][..image];
                let source = if planes.is_image() && x.len() - item * image >= reach {
                    &x[item * image..]
                } else {
                    let laid = laid.get_or_insert_with(|| {
                        let mut laid = buffers::take(reach);
                        planes.clear(&mut laid);
                        laid
                    });
                    planes.fill(source, laid);
                    &**laid
                };
                // What is laid out next; with parts of an item, the item is near already.
                let mut ahead: &[E] = match first + until < end && from == 0 {
                    true => &x[(item + 1) * image..(item + 2) * image],
                    false => &[],
                };
                for correlation in correlations {
                    let channel = from / correlation.channel_step();
                    let out = &mut out[done..until];
                    correlation.run(source, bias, channel, out, std::mem::take(&mut ahead));
                }
                if rectified {
                    // While they are in the cache.
                    level.run(Rectify(&mut out[done..until]));
                }
                done = until;
            }
        };
        if out.is_empty() {
            return out;
        }
        if self.work() < SHARED {
            work(0, &mut out);
        } else {
            threads::chunks(&mut out[..], task, work);
        }
        out
    }

    /// The weight's gradient: the sum over the batch of g patches(x)^T.
    pub(super) fn weight_gradient<E: Element>(&self, x: &[E], g: &[E]) -> Storage<E> {
        add_products(&[self.work()]);
        if let Some(winograd) = self.winograd() {
            return winograd.weight_gradient(x, g);
        }
        if let Some(gradient) = self.weight_gradient_planewise(x, g) {
            return gradient;
        }
        if let Some(gradient) = self.weight_gradient_by_channels(x, g) {
            return gradient;
        }
        let (planes, offsets) = self.planes::<E>();
        let gathering = Gathering::new::<E>(
            &planes,
            offsets,
            self.inputs * planes.channel_step(),
            [self.batch, self.groups, self.outputs],
            self.patches.places,
        );
        let length = self.groups * self.outputs * self.taps();
        let mut total = buffers::zeroed(length);
        if [self.batch, length, self.image()].contains(&0) {
            return total;
        }
        // A task has at least as many items as are done at once.
        let task = self.batch.div_ceil(MOST_SUMS).max(gathering.items::<E>());
        let tasks = self.batch.div_ceil(task);
        let mut sums = buffers::zeroed(tasks * length);
        let (image, places) = (self.image(), self.places());
        let work = |first: usize, total: &mut [E]| {
            let (step, len) = (gathering.items::<E>(), planes.len());
            let items = first / length * task;
            let end = self.batch.min(items + task);
            let mut packed = buffers::take(gathering.packed::<E>());
            let mut laid = match planes.is_image() {
                true => buffers::take(0),
                false => buffers::take(step * len),
            };
            if !planes.is_image() && len > 0 {
                laid.chunks_exact_mut(len)
                    .for_each(|laid| planes.clear(laid));
            }
            for item in (items..end).step_by(step) {
                let next = end.min(item + step);
                let mut source = &x[item * image..next * image];
                if !planes.is_image() {
                    for (source, laid) in source.chunks_exact(image).zip(laid.chunks_exact_mut(len))
                    {
                        planes.fill(source, laid);
                    }
                    source = &laid;
                }
                let after = end.min(next + step);
                let ahead = [
                    &x[next * image..after * image],
                    &g[next * places..after * places],
                ];
                let gradients = &g[item * places..next * places];
                gathering.add(source, gradients, &mut packed, total, ahead);
            }
        };
        if self.work() < SHARED {
            sums.chunks_mut(length)
                .enumerate()
                .for_each(|(index, sums)| work(index * length, sums));
        } else {
            threads::chunks(&mut sums[..], length, work);
        }
        let add = |first: usize, total: &mut [E]| {
            for part in sums.chunks_exact(length) {
                for (total, &part) in total.iter_mut().zip(&part[first..]) {
                    *total += part;
                }
            }
        };
        if sums.len() < SHARED / 8 {
            add(0, &mut total);
        } else {
            threads::chunks(&mut total[..], length.div_ceil(8), add);
        }
        total
    }
}

/// What correlations write for one image.
struct Results {
    /// How many numbers.
    length: usize,
    /// How long a channel is, where the correlations leave some of it out.
    left_out: Option<usize>,
    /// Whether a rectifier follows.
    rectified: bool,
}

/// Brings numbers below 0 to 0.
pub(super) struct Rectify<'a, E>(pub(super) &'a mut [E]);

impl<E: Element> Loop for Rectify<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for x in self.0 {
            *x = Relu.value(*x);
        }
    }
}

pub(super) fn area([height, width]: [usize; 2]) -> usize {
    height * width
}

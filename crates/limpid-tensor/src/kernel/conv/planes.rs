//! An image laid out so that kernels read it at any place without asking where it ends.

use crate::Element;
use crate::simd::{self, Arithmetic, Loop};

/// The layout of an image `[channels, height, width]`: padded with zeros, and dealt out so that
/// places a stride apart become neighbours. Padded row t goes into plane t mod stride as its row
/// t / stride, and columns likewise; planes that no tap of the kernel reads are left out.
#[derive(Clone, Debug)]
pub(crate) struct Planes {
    channels: usize,
    image: [usize; 2],
    /// Zeros before the image; below zero: what is cut off.
    lead: [isize; 2],
    stride: [usize; 2],
    /// For both axes the remainders that are kept, ascending.
    kept: [Vec<usize>; 2],
    /// Rows and columns of a plane.
    size: [usize; 2],
    channel_step: usize,
}

/// Bytes between channels that are a multiple of this would map them onto few lines of a cache.
const ALIAS: usize = 1024;
/// Bytes that are then put between.
const SKEW: usize = 64;

impl Planes {
    /// For places a `stride` apart, of which the first is read at the padded coordinates `taps` and
    /// none beyond `extent`.
    pub(crate) fn new<E>(
        channels: usize,
        image: [usize; 2],
        lead: [isize; 2],
        stride: [usize; 2],
        extent: [usize; 2],
        taps: &[Vec<usize>; 2],
    ) -> Self {
        let kept = [0, 1].map(|axis: usize| {
            let mut kept: Vec<usize> = taps[axis].iter().map(|tap| tap % stride[axis]).collect();
            kept.sort_unstable();
            kept.dedup();
            kept
        });
        let size = [0, 1].map(|axis: usize| extent[axis].div_ceil(stride[axis]));
        let mut planes = Self {
            channels,
            image,
            lead,
            stride,
            kept,
            size,
            channel_step: 0,
        };
        planes.channel_step = planes.kept[0].len() * planes.kept[1].len() * size[0] * size[1];
        let bytes = planes.channel_step * size_of::<E>();
        if !planes.is_image() && bytes > 0 && bytes.is_multiple_of(ALIAS) {
            planes.channel_step += SKEW / size_of::<E>();
        }
        planes
    }

    /// Whether the layout is that of the image itself.
    pub(crate) fn is_image(&self) -> bool {
        self.lead == [0; 2] && self.stride == [1; 2] && self.size == self.image
    }

    pub(crate) fn len(&self) -> usize {
        self.channels * self.channel_step
    }

    pub(crate) fn channel_step(&self) -> usize {
        self.channel_step
    }

    /// How far rows of a plane lie apart.
    pub(crate) fn row_step(&self) -> usize {
        self.size[1]
    }

    /// Where the padded coordinates `tap` lie in a channel.
    pub(crate) fn offset(&self, tap: [usize; 2]) -> usize {
        let [down, across] = [0, 1].map(|axis: usize| {
            let remainder = tap[axis] % self.stride[axis];
            let plane = self.kept[axis].iter().position(|&kept| kept == remainder);
            (plane.unwrap_or(0), tap[axis] / self.stride[axis])
        });
        let plane = down.0 * self.kept[1].len() + across.0;
        (plane * self.size[0] + down.1) * self.size[1] + across.1
    }

    /// Of each kept remainder along an axis: the first row (or column) of its planes that stands in
    /// the image, which one of the image that is, and how many do.
    fn runs(&self, axis: usize) -> Vec<[usize; 3]> {
        let [stride, length, size] = [self.stride, self.image, self.size].map(|pair| pair[axis]);
        let runs = self.kept[axis].iter();
        runs.map(|&kept| run(kept, stride, self.lead[axis], length, size))
            .collect()
    }

    /// Writes zeros to all that stands outside of the image.
    pub(crate) fn clear<E: Element>(&self, planes: &mut [E]) {
        let [rows, columns] = [0, 1].map(|axis| self.runs(axis));
        let [height, width] = self.size;
        let area = height * width;
        for channel in 0..self.channels {
            let planes = &mut planes[channel * self.channel_step..];
            let both = rows
                .iter()
                .flat_map(|row| columns.iter().map(move |it| (row, it)));
            for (plane, (&[top, _, down], &[left, _, across])) in both.enumerate() {
                let plane = &mut planes[plane * area..][..area];
                if down == 0 || across == 0 {
                    plane.fill(E::zero());
                    continue;
                }
                plane[..top * width + left].fill(E::zero());
                for line in top..top + down - 1 {
                    let from = line * width + left + across;
                    plane[from..from + width - across].fill(E::zero());
                }
                plane[(top + down - 1) * width + left + across..].fill(E::zero());
            }
        }
    }

    /// Lays out `image` in `planes`, which have been [cleared](Planes::clear).
    pub(crate) fn fill<E: Element>(&self, image: &[E], planes: &mut [E]) {
        let [rows, columns] = [0, 1].map(|axis| self.runs(axis));
        let [height, width] = self.image;
        let level = simd::level();
        for channel in 0..self.channels {
            let image = &image[channel * height * width..][..height * width];
            for (down, &[first, from, lines]) in rows.iter().enumerate() {
                for (across, &[column, start, length]) in columns.iter().enumerate() {
                    if lines == 0 || length == 0 {
                        continue;
                    }
                    let plane = down * self.kept[1].len() + across;
                    let row = plane * self.size[0] + first;
                    let at = channel * self.channel_step + row * self.size[1] + column;
                    level.run(Lines {
                        source: &image[from * width + start..],
                        target: &mut planes[at..],
                        steps: [self.stride[0] * width, self.size[1]],
                        stride: self.stride[1],
                        lines,
                        length,
                    });
                }
            }
        }
    }
}

/// Copies lines, of which every `stride`-th element is taken.
pub(super) struct Lines<'a, E> {
    pub(super) source: &'a [E],
    pub(super) target: &'a mut [E],
    /// How far lines lie apart, in source and target.
    pub(super) steps: [usize; 2],
    pub(super) stride: usize,
    pub(super) lines: usize,
    pub(super) length: usize,
}

impl<E: Element> Loop for Lines<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        // Lines are too short to be worth a call of `memcpy`.
        const TOGETHER: usize = 8;
        let length = self.length;
        for line in 0..self.lines {
            let source = &self.source[line * self.steps[0]..];
            let target = &mut self.target[line * self.steps[1]..][..length];
            match self.stride {
                1 => {
                    let source = &source[..length];
                    let (chunks, rest) = target.as_chunks_mut::<TOGETHER>();
                    let (sources, ends) = source.as_chunks::<TOGETHER>();
                    for (target, source) in chunks.iter_mut().zip(sources) {
                        *target = *source;
                    }
                    for (target, &source) in rest.iter_mut().zip(ends) {
                        *target = source;
                    }
                }
                2 => {
                    let (chunks, _) = target.as_chunks_mut::<TOGETHER>();
                    let (sources, _) = source.as_chunks::<{ 2 * TOGETHER }>();
                    let mut done = 0;
                    for (target, source) in chunks.iter_mut().zip(sources) {
                        *target = std::array::from_fn(|place| source[2 * place]);
                        done += TOGETHER;
                    }
                    for (place, target) in target.iter_mut().enumerate().skip(done) {
                        *target = source[2 * place];
                    }
                }
                stride => {
                    let source = source.iter().step_by(stride);
                    for (target, &value) in target.iter_mut().zip(source) {
                        *target = value;
                    }
                }
            }
        }
    }
}

/// Of the padded coordinates `kept`, `kept + stride`, ...: which of them, as a place in the plane of
/// `size`, is the first in the image, which coordinate of the image that is, and how many follow.
pub(super) fn run(
    kept: usize,
    stride: usize,
    lead: isize,
    length: usize,
    size: usize,
) -> [usize; 3] {
    let (kept, stride, length) = (kept as isize, stride as isize, length as isize);
    let first = ((lead - kept).max(0) + stride - 1) / stride;
    let from = first * stride + kept - lead;
    let count = ((length - from).max(0) + stride - 1) / stride;
    let count = count.min(size as isize - first).max(0);
    [first as usize, from as usize, count as usize]
}

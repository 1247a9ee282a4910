//! An image laid out so that kernels read it at any place without asking where it ends.

use crate::Element;

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
                    let (source, target) = (&image[from * width + start..], &mut planes[at..]);
                    self.copy(source, target, [lines, length]);
                }
            }
        }
    }

    /// Copies `lines` lines, of which every `stride`-th element is taken.
    fn copy<E: Element>(&self, source: &[E], target: &mut [E], [lines, length]: [usize; 2]) {
        const TOGETHER: usize = 8;
        let steps = [self.stride[0] * self.image[1], self.size[1]];
        if self.stride[1] == 1 && length >= TOGETHER {
            // Column by column of eight: lines are too short to be worth a call of `memcpy`.
            for first in (0..length).step_by(TOGETHER) {
                let first = first.min(length - TOGETHER);
                for line in 0..lines {
                    let target = &mut target[line * steps[1] + first..][..TOGETHER];
                    target.copy_from_slice(&source[line * steps[0] + first..][..TOGETHER]);
                }
            }
            return;
        }
        for line in 0..lines {
            let target = &mut target[line * steps[1]..][..length];
            let source = &source[line * steps[0]..];
            if self.stride[1] == 2 {
                let (pairs, _) = source.as_chunks::<2>();
                for (target, pair) in target.iter_mut().zip(pairs) {
                    *target = pair[0];
                }
                target[length - 1] = source[2 * (length - 1)];
            } else {
                let source = source.iter().step_by(self.stride[1]);
                for (target, &value) in target.iter_mut().zip(source) {
                    *target = value;
                }
            }
        }
    }
}

/// Of the padded coordinates `kept`, `kept + stride`, ...: which of them, as a place in the plane of
/// `size`, is the first in the image, which coordinate of the image that is, and how many follow.
fn run(kept: usize, stride: usize, lead: isize, length: usize, size: usize) -> [usize; 3] {
    let (kept, stride, length) = (kept as isize, stride as isize, length as isize);
    let first = ((lead - kept).max(0) + stride - 1) / stride;
    let from = first * stride + kept - lead;
    let count = ((length - from).max(0) + stride - 1) / stride;
    let count = count.min(size as isize - first).max(0);
    [first as usize, from as usize, count as usize]
}

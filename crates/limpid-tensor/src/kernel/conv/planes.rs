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

    /// Lays out `image`. What stands outside of it in `planes` must be zero, as it stays.
    pub(crate) fn fill<E: Element>(&self, image: &[E], planes: &mut [E]) {
        let [height, width] = self.image;
        let [stride_y, stride_x] = self.stride;
        // Of each kept remainder of the columns: its plane, the first column there and in the
        // image, and how many.
        let columns: Vec<[usize; 4]> = self.kept[1]
            .iter()
            .enumerate()
            .map(|(across, &kept)| {
                let [first, from, count] = run(kept, stride_x, self.lead[1], width, self.size[1]);
                [across, first, from, count]
            })
            .filter(|&[_, _, _, count]| count > 0)
            .collect();
        for channel in 0..self.channels {
            let image = &image[channel * height * width..][..height * width];
            for (down, &kept) in self.kept[0].iter().enumerate() {
                let [first, from, count] = run(kept, stride_y, self.lead[0], height, self.size[0]);
                for line in 0..count {
                    let source = &image[(from + line * stride_y) * width..][..width];
                    for &[across, column, start, length] in &columns {
                        let plane = down * self.kept[1].len() + across;
                        let row = plane * self.size[0] + first + line;
                        let at = channel * self.channel_step + row * self.size[1] + column;
                        let target = &mut planes[at..at + length];
                        match stride_x {
                            1 => target.copy_from_slice(&source[start..start + length]),
                            2 => {
                                let (pairs, last) = source[start..].as_chunks::<2>();
                                for (target, pair) in target.iter_mut().zip(pairs) {
                                    *target = pair[0];
                                }
                                if let (Some(&last), true) = (last.first(), length > pairs.len()) {
                                    target[length - 1] = last;
                                }
                            }
                            _ => {
                                let source = source[start..].iter().step_by(stride_x);
                                for (target, &value) in target.iter_mut().zip(source) {
                                    *target = value;
                                }
                            }
                        }
                    }
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

//! The rows and columns of an image by what they see of a kernel that is laid over it.

use super::kernels::{Geometry, Patches};

/// Of so many rows of a kernel that are laid over places and padding, one must see padding alone for
/// the rows of the image to be cut into bands.
const PADDING: usize = 20;

/// Rows or columns of an image that lie a stride apart.
pub(super) struct Remainder {
    /// The first in the image.
    pub(super) origin: usize,
    pub(super) count: usize,
    /// The taps of the kernel that they see, each with the place that the first one sees there.
    pub(super) taps: Vec<(usize, isize)>,
    /// The first and the last place that is seen.
    pub(super) reads: [isize; 2],
}

impl Remainder {
    fn new(origin: usize, count: usize, taps: Vec<(usize, isize)>) -> Self {
        let nearest = taps.iter().map(|tap| tap.1).min().unwrap_or(0);
        let farthest = taps.iter().map(|tap| tap.1).max().unwrap_or(0);
        Self {
            origin,
            count,
            reads: [nearest, farthest + count as isize - 1],
            taps,
        }
    }
}

impl Geometry {
    /// The rows (or columns) of the image by their remainders.
    pub(super) fn remainders(&self, axis: usize) -> Vec<Remainder> {
        let Patches {
            image,
            kernel,
            stride,
            lead,
            dilation,
            ..
        } = self.patches;
        let (length, stride, lead) = (image[axis], stride[axis], lead[axis]);
        // Nothing of the image has a larger remainder.
        let remainders = (0..stride.min(lead + length)).map(|remainder| {
            // The first coordinate i of the image, and its place q, with i + lead = q stride + r.
            let place = lead.saturating_sub(remainder).div_ceil(stride);
            let origin = place * stride + remainder - lead;
            let count = length.saturating_sub(origin).div_ceil(stride);
            let taps: Vec<(usize, isize)> = (0..kernel[axis])
                .map(|tap| (tap, tap * dilation[axis]))
                .filter(|(_, at)| at % stride == remainder)
                .map(|(tap, at)| (tap, place as isize - (at / stride) as isize))
                .collect();
            Remainder::new(origin, count, taps)
        });
        remainders.filter(|remainder| remainder.count > 0).collect()
    }

    /// The rows cut into bands that see the same rows of the kernel within the places, where so much
    /// of it sees nothing but padding that this pays.
    pub(super) fn bands(&self, down: Vec<Remainder>) -> Vec<Remainder> {
        let places = self.patches.places[0] as isize;
        let [rows] = &down[..] else { return down };
        let origin = |row: usize| rows.origin + row * self.patches.stride[0];
        let sees = |row: usize| {
            let taps = rows
                .taps
                .iter()
                .map(move |&(tap, at)| (tap, at + row as isize));
            taps.filter(|(_, at)| (0..places).contains(at))
        };
        let seen: usize = (0..rows.count).map(|row| sees(row).count()).sum();
        let all = rows.taps.len() * rows.count;
        if (all - seen) * PADDING < all {
            return down;
        }
        let mut bands: Vec<Remainder> = Vec::new();
        for row in 0..rows.count {
            let taps = || sees(row).map(|(tap, _)| tap);
            match bands.last_mut() {
                Some(band) if band.taps.iter().map(|it| it.0).eq(taps()) => {
                    band.count += 1;
                    band.reads[1] += 1;
                }
                _ => bands.push(Remainder::new(origin(row), 1, sees(row).collect())),
            }
        }
        bands
    }
}

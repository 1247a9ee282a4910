//! How a kernel is laid over an image, and the three products that convolutions are made of.

use rayon::prelude::*;

use crate::kernel::gemm::{Strided, product};
use crate::kernel::im2col::{Patches, col2im, im2col};
use crate::{Element, Error, Result};

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
}

impl Default for Convolution {
    fn default() -> Self {
        Self {
            stride: [1; 2],
            padding: [[0; 2]; 2],
            dilation: [1; 2],
            groups: 1,
        }
    }
}

impl Convolution {
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
    /// One group of one image.
    pub(super) patches: Patches,
}

/// No batch is cut into more tasks than this; by its length alone, so that sums over the batch do
/// not depend on the number of threads.
const MOST_TASKS: usize = 16;

impl Geometry {
    fn task(&self) -> usize {
        self.batch.div_ceil(MOST_TASKS).max(1)
    }

    fn image(&self) -> usize {
        self.groups * self.patches.image_len()
    }

    fn places(&self) -> usize {
        self.groups * self.outputs * self.patches.columns()
    }

    fn weight(&self) -> usize {
        self.outputs * self.patches.rows()
    }

    /// From images to places: out = W patches(x).
    pub(super) fn apply<E: Element>(&self, x: &[E], weight: &[E]) -> Vec<E> {
        let (rows, columns) = (self.patches.rows(), self.patches.columns());
        let mut out = vec![E::zero(); self.batch * self.places()];
        let work = |(task, out): (usize, &mut [E])| {
            let mut matrix = vec![E::zero(); rows * columns];
            for (item, out) in out.chunks_exact_mut(self.places()).enumerate() {
                let image = &x[(task * self.task() + item) * self.image()..][..self.image()];
                for group in 0..self.groups {
                    let (image, weight, range) = self.group(group, image, weight);
                    im2col(image, &self.patches, &mut matrix);
                    let shape = (self.outputs, rows, columns);
                    product(
                        &mut out[range],
                        shape,
                        plain(weight, rows),
                        plain(&matrix, columns),
                    );
                }
            }
        };
        if !out.is_empty() {
            out.par_chunks_mut(self.task() * self.places())
                .enumerate()
                .for_each(work);
        }
        out
    }

    /// From places to images: x = unpatch(W^T g), the transpose of [`Geometry::apply`].
    pub(super) fn transposed<E: Element>(&self, g: &[E], weight: &[E]) -> Vec<E> {
        let (rows, columns) = (self.patches.rows(), self.patches.columns());
        let mut out = vec![E::zero(); self.batch * self.image()];
        let work = |(task, out): (usize, &mut [E])| {
            let mut matrix = vec![E::zero(); rows * columns];
            for (item, out) in out.chunks_exact_mut(self.image()).enumerate() {
                let g = &g[(task * self.task() + item) * self.places()..][..self.places()];
                for group in 0..self.groups {
                    let length = self.patches.image_len();
                    let image = &mut out[group * length..][..length];
                    let weight = &weight[group * self.weight()..][..self.weight()];
                    let g = &g[group * self.outputs * columns..][..self.outputs * columns];
                    let shape = (rows, self.outputs, columns);
                    product(&mut matrix, shape, flipped(weight, rows), plain(g, columns));
                    col2im(&matrix, &self.patches, image);
                }
            }
        };
        if !out.is_empty() {
            out.par_chunks_mut(self.task() * self.image())
                .enumerate()
                .for_each(work);
        }
        out
    }

    /// The weight's gradient: the sum over the batch of g patches(x)^T.
    pub(super) fn weight_gradient<E: Element>(&self, x: &[E], g: &[E]) -> Vec<E> {
        let (rows, columns) = (self.patches.rows(), self.patches.columns());
        let length = self.groups * self.weight();
        let work = |task: usize| {
            let mut total = vec![E::zero(); length];
            let mut part = vec![E::zero(); self.weight()];
            let mut matrix = vec![E::zero(); rows * columns];
            let first = task * self.task();
            for item in first..self.batch.min(first + self.task()) {
                let image = &x[item * self.image()..][..self.image()];
                let g = &g[item * self.places()..][..self.places()];
                for group in 0..self.groups {
                    let inner = self.patches.image_len();
                    im2col(&image[group * inner..][..inner], &self.patches, &mut matrix);
                    let g = &g[group * self.outputs * columns..][..self.outputs * columns];
                    let shape = (self.outputs, columns, rows);
                    product(
                        &mut part,
                        shape,
                        plain(g, columns),
                        flipped(&matrix, columns),
                    );
                    let total = &mut total[group * self.weight()..][..self.weight()];
                    add(total, &part);
                }
            }
            total
        };
        let tasks = self.batch.div_ceil(self.task());
        let parts: Vec<Vec<E>> = (0..tasks).into_par_iter().map(work).collect();
        parts
            .into_iter()
            .fold(vec![E::zero(); length], |mut total, part| {
                add(&mut total, &part);
                total
            })
    }

    /// What one group reads of an image and of the weight, and where it writes.
    fn group<'a, E>(
        &self,
        group: usize,
        image: &'a [E],
        weight: &'a [E],
    ) -> (&'a [E], &'a [E], std::ops::Range<usize>) {
        let (inner, outer) = (
            self.patches.image_len(),
            self.outputs * self.patches.columns(),
        );
        (
            &image[group * inner..][..inner],
            &weight[group * self.weight()..][..self.weight()],
            group * outer..(group + 1) * outer,
        )
    }
}

fn add<E: Element>(total: &mut [E], part: &[E]) {
    for (total, &part) in total.iter_mut().zip(part) {
        *total += part;
    }
}

/// A row-major matrix of this many columns.
fn plain<E>(data: &[E], columns: usize) -> Strided<'_, E> {
    Strided {
        data,
        offset: 0,
        row_stride: columns,
        column_stride: 1,
    }
}

/// The transpose of a row-major matrix of this many columns.
fn flipped<E>(data: &[E], columns: usize) -> Strided<'_, E> {
    Strided {
        data,
        offset: 0,
        row_stride: 1,
        column_stride: columns,
    }
}

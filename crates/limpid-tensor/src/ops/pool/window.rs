//! How a window moves over an image.

use crate::{Element, Error, Result, Tensor};

/// How a window moves over an image. Pairs are `[down, across]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    /// The size of the window; at least 1.
    pub kernel_size: [usize; 2],
    /// How far it moves; at least 1. The default is its size.
    pub stride: [usize; 2],
    /// By how much the image is padded on each side; less than the window spans, so that every window
    /// reaches the image. The default is 0.
    pub padding: [usize; 2],
    /// How far apart the window's elements lie; at least 1. The default is 1.
    pub dilation: [usize; 2],
    /// Whether a window may reach beyond the lower and right edge. The default is no.
    pub ceil_mode: bool,
}

impl Pooling {
    /// Windows of this size, side by side.
    pub fn new(kernel_size: [usize; 2]) -> Self {
        Self {
            kernel_size,
            stride: kernel_size,
            padding: [0; 2],
            dilation: [1; 2],
            ceil_mode: false,
        }
    }

    /// How many windows there are, down and across.
    pub(super) fn places(&self, operation: &'static str, shape: &[usize]) -> Result<[usize; 2]> {
        let settings = [
            ("kernel_size", self.kernel_size),
            ("stride", self.stride),
            ("dilation", self.dilation),
        ];
        for (name, value) in settings {
            if value.contains(&0) {
                let found = format!("{value:?}");
                return Err(Error::argument(operation, name, "at least 1", found));
            }
        }
        let image = image_of(operation, shape)?;
        let mut places = [0; 2];
        for axis in 0..2 {
            let (padding, stride) = (self.padding[axis], self.stride[axis]);
            let span = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1;
            if padding >= span {
                let found = format!("{:?}", self.padding);
                let expected = format!("less than the {span} that the window spans");
                return Err(Error::argument(operation, "padding", expected, found));
            }
            if image[axis] == 0 {
                let rule = "the image must have at least one element";
                return Err(Error::shape(operation, &[shape], rule));
            }
            let padded = image[axis] + 2 * padding;
            // The last window may reach up to a step less one beyond the edge.
            let beyond = if self.ceil_mode { stride - 1 } else { 0 };
            let Some(room) = (padded + beyond).checked_sub(span) else {
                let rule = format!("the window spans {span}, the padded image only {padded}");
                return Err(Error::shape(operation, &[shape], rule));
            };
            let mut count = room / stride + 1;
            // No window may begin in the padding beyond the edge.
            if self.ceil_mode && (count - 1) * stride >= image[axis] + padding {
                count -= 1;
            }
            places[axis] = count;
        }
        Ok(places)
    }
}

/// Height and width of a shape `[N, C, H, W]`.
pub(super) fn image_of(operation: &'static str, shape: &[usize]) -> Result<[usize; 2]> {
    match shape {
        &[_, _, height, width] => Ok([height, width]),
        _ => Err(Error::shape(
            operation,
            &[shape],
            "must be [N, C, H, W] or [C, H, W]",
        )),
    }
}

/// Runs `pool` on `[N, C, H, W]`, also for an image without a batch.
pub(super) fn batched<E: Element>(
    input: &Tensor<E>,
    pool: impl FnOnce(&Tensor<E>) -> Result<Tensor<E>>,
) -> Result<Tensor<E>> {
    if input.rank() == 3 {
        return pool(&input.unsqueeze(0)?)?.squeeze(0);
    }
    pool(input)
}

//! How much an image is padded before a kernel is laid over it, and how kernels are filled.

use std::sync::Arc;

use limpid_init::{Fill, Initializer, Nonlinearity};
use limpid_tensor::{Convolution, Element, Error, Parameter, Result, Stream, Tensor};

/// How much an image of `D` dimensions is padded by zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding<const D: usize> {
    /// By this much on both sides of each dimension.
    Explicit([usize; D]),
    /// By this much before and after each dimension.
    Sides([[usize; 2]; D]),
    /// So that the output has the size of the input; the stride must be 1. Where an odd number of
    /// zeros is needed, one more goes below and right.
    Same,
}

impl<const D: usize> Padding<D> {
    /// No padding.
    pub const VALID: Self = Self::Explicit([0; D]);
}

/// The settings in two dimensions.
pub(super) fn settings(
    operation: &'static str,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: Padding<2>,
    dilation: [usize; 2],
    groups: usize,
) -> Result<Convolution> {
    let padding = match padding {
        Padding::Explicit(padding) => padding.map(|both| [both; 2]),
        Padding::Sides(padding) => padding,
        Padding::Same if stride == [1, 1] => Convolution::same_padding(kernel, dilation),
        Padding::Same => {
            let expected = "1 where the padding is `Same`";
            return Err(Error::argument(
                operation,
                "stride",
                expected,
                format!("{stride:?}"),
            ));
        }
    };
    Ok(Convolution {
        stride,
        padding,
        dilation,
        groups,
        ..Convolution::default()
    })
}

/// What fills the weight of a convolution, and whether there is a bias.
#[derive(Clone, Debug)]
pub(super) struct Filling<'a> {
    pub(super) operation: &'static str,
    pub(super) groups: usize,
    pub(super) bias: Option<usize>,
    pub(super) nonlinearity: Nonlinearity,
    pub(super) initializer: &'a Option<Arc<dyn Initializer>>,
}

impl Filling<'_> {
    /// Weight and bias for a weight of `shape`, whose first two dimensions are divided into the
    /// groups before they were put in.
    pub(super) fn build<E: Element>(
        &self,
        shape: &[usize],
        stream: Stream,
    ) -> Result<(Parameter<E>, Option<Parameter<E>>)> {
        if shape.contains(&0) {
            let rule = "a weight must have no dimension of length 0";
            return Err(Error::shape(self.operation, &[shape], rule));
        }
        let stream = stream.fork("weight");
        let weight = match self.initializer {
            Some(initializer) => initializer.tensor(shape, stream)?,
            None => self.nonlinearity.initializer().tensor(shape, stream)?,
        };
        let bias = self
            .bias
            .map(|outputs| Parameter::new(Tensor::zeros([outputs])));
        Ok((Parameter::new(weight), bias))
    }

    /// How many of `channels` are in each group.
    pub(super) fn divided(&self, name: &'static str, channels: usize) -> Result<usize> {
        if self.groups == 0 || !channels.is_multiple_of(self.groups) {
            let expected = format!("a multiple of the {} groups", self.groups);
            return Err(Error::argument(self.operation, name, expected, channels));
        }
        Ok(channels / self.groups)
    }
}

//! Layers that lengthen images and lines at their ends.

use limpid_tensor::{Element, PadMode, Result, Tensor};

use crate::{Context, Module, Parameters};

/// The last `D` dimensions with more elements at their ends, or fewer; see [`Tensor::pad`].
///
/// # Shapes
/// `[N, C, ...]` or `[C, ...]` with `D` dimensions behind C; [`Pad::zeros`] and [`Pad::constant`]
/// take any number of dimensions before those that are padded.
///
/// # Errors
/// As [`Tensor::pad`].
///
/// # Source
/// Equals `torch.nn.ZeroPad1d`, `ConstantPad1d`, `ReflectionPad1d`, `ReplicationPad1d` and
/// `CircularPad1d`, and those that end in `2d`; their settings begin with the last dimension.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Module, Pad1d};
/// use limpid_tensor::Tensor;
///
/// let line = Tensor::<f32>::from_vec(vec![1.0, 2.0, 3.0], [1, 3])?;
/// let padded = Pad1d::reflect([[2, 1]]).predict(&line)?;
/// assert_eq!(padded.to_vec(), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
pub struct Pad<const D: usize> {
    /// How many elements lie before and after, for each dimension in its order; a negative number
    /// takes away as many.
    #[parameters(skip)]
    pub padding: [[isize; 2]; D],
    /// What they are.
    #[parameters(skip)]
    pub mode: PadMode,
}

/// Along the length of `[N, C, L]`.
pub type Pad1d = Pad<1>;
/// Along height and width of `[N, C, H, W]`.
pub type Pad2d = Pad<2>;

impl<const D: usize> Pad<D> {
    /// With zeros.
    pub fn zeros(padding: [[isize; 2]; D]) -> Self {
        Self::constant(padding, 0.0)
    }

    /// With this number.
    pub fn constant(padding: [[isize; 2]; D], value: f64) -> Self {
        let mode = PadMode::Constant(value);
        Self { padding, mode }
    }

    /// With the elements in reverse, without those at the ends.
    pub fn reflect(padding: [[isize; 2]; D]) -> Self {
        let mode = PadMode::Reflect;
        Self { padding, mode }
    }

    /// With the elements at the ends.
    pub fn replicate(padding: [[isize; 2]; D]) -> Self {
        let mode = PadMode::Replicate;
        Self { padding, mode }
    }

    /// With the elements of the other end.
    pub fn circular(padding: [[isize; 2]; D]) -> Self {
        let mode = PadMode::Circular;
        Self { padding, mode }
    }
}

impl<E: Element, const D: usize> Module<E> for Pad<D> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.pad(&self.padding, self.mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds_in_every_mode() {
        let image = Tensor::standard_normal([2, 2, 3, 4], Stream::new(1));
        let padding = [[1, 2], [-1, 2]];
        for pad in [
            Pad2d::zeros(padding),
            Pad2d::constant(padding, 0.5),
            Pad2d::reflect(padding),
            Pad2d::replicate(padding),
            Pad2d::circular(padding),
        ] {
            check_module(|_| Ok(pad), &image, &[2, 2, 6, 5]).unwrap();
        }
        let line = Tensor::standard_normal([2, 3], Stream::new(1));
        check_module(|_| Ok(Pad1d::zeros([[0, 1]])), &line, &[2, 4]).unwrap();
    }

    #[test]
    fn padding_that_does_not_fit_is_named() {
        let line = Tensor::<f32>::zeros([1, 3]);
        let error = Pad1d::reflect([[0, 3]]).predict(&line).unwrap_err();
        let want = "pad: `padding` must be less than the 3 elements, found 0 and 3";
        assert_eq!(error.to_string(), want);
        assert!(Pad2d::replicate([[0; 2]; 2]).predict(&line).is_err());
    }
}

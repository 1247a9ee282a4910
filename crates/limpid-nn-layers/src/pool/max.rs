//! The largest element of every window.

use limpid_tensor::{Element, Pooling, Result, Tensor};

use crate::{Context, Module, Parameters};

/// The largest element of every window; see [`Tensor::max_pool2d`].
///
/// # Shapes
/// `[N, C, H, W]` becomes `[N, C, H', W']`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct MaxPool2d {
    /// How the window moves.
    #[parameters(skip)]
    pub settings: Pooling,
}

impl MaxPool2d {
    /// Windows of this size, side by side.
    pub fn new(kernel_size: [usize; 2]) -> Self {
        Self {
            settings: Pooling::new(kernel_size),
        }
    }
}

impl From<Pooling> for MaxPool2d {
    fn from(settings: Pooling) -> Self {
        Self { settings }
    }
}

impl<E: Element> Module<E> for MaxPool2d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.max_pool2d(&self.settings)
    }
}

/// The same along one dimension; see [`Tensor::max_pool1d`].
///
/// # Shapes
/// `[N, C, L]` becomes `[N, C, L']`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{MaxPool1d, Module};
/// use limpid_tensor::Tensor;
///
/// let line = Tensor::<f32>::from_vec(vec![1.0, 3.0, 2.0, 0.0], [1, 4])?;
/// assert_eq!(MaxPool1d::new(2).predict(&line)?.to_vec(), [3.0, 2.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct MaxPool1d {
    /// How the window moves; of each setting the second number counts.
    #[parameters(skip)]
    pub settings: Pooling,
}

impl MaxPool1d {
    /// Windows of this size, side by side.
    pub fn new(kernel_size: usize) -> Self {
        Pooling::new([1, kernel_size]).into()
    }
}

impl From<Pooling> for MaxPool1d {
    fn from(settings: Pooling) -> Self {
        Self { settings }
    }
}

impl<E: Element> Module<E> for MaxPool1d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.max_pool1d(&self.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([2, 2, 4, 5], Stream::new(1));
        check_module(|_| Ok(MaxPool2d::new([2, 2])), &input, &[2, 2, 2, 2]).unwrap();
        let line = Tensor::standard_normal([2, 2, 5], Stream::new(1));
        check_module(|_| Ok(MaxPool1d::new(2)), &line, &[2, 2, 2]).unwrap();
    }

    #[test]
    fn the_largest_is_taken() {
        let input = Tensor::<f64>::from_fn([1, 2, 4], |place| place as f64);
        let pooled = MaxPool2d::new([2, 2]).predict(&input).unwrap();
        assert_eq!(
            (pooled.shape(), pooled.to_vec()),
            (&[1, 1, 2][..], vec![5.0, 7.0])
        );
    }

    #[test]
    fn a_window_that_does_not_fit_is_named() {
        let error = MaxPool2d::new([3, 3])
            .predict(&Tensor::<f32>::zeros([1, 2, 4]))
            .unwrap_err();
        assert!(error.to_string().contains("the window spans 3"), "{error}");
    }
}

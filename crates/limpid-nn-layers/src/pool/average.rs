//! The mean of every window.

use limpid_tensor::{AverageDivisor, Element, Pooling, Result, Tensor};

use crate::{Context, Module, Parameters};

/// The mean of every window; see [`Tensor::avg_pool2d`].
///
/// # Shapes
/// `[N, C, H, W]` becomes `[N, C, H', W']`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct AvgPool2d {
    /// How the window moves.
    #[parameters(skip)]
    pub settings: Pooling,
    /// What its sum is divided by. The default is the number of its elements, those of the padding
    /// counted, as zeros.
    #[parameters(skip)]
    pub divisor: AverageDivisor,
}

impl AvgPool2d {
    /// Windows of this size, side by side.
    pub fn new(kernel_size: [usize; 2]) -> Self {
        Pooling::new(kernel_size).into()
    }

    /// The same, with sums divided by this.
    #[must_use]
    pub fn with_divisor(self, divisor: AverageDivisor) -> Self {
        Self { divisor, ..self }
    }
}

impl From<Pooling> for AvgPool2d {
    fn from(settings: Pooling) -> Self {
        Self {
            settings,
            divisor: AverageDivisor::Window,
        }
    }
}

impl<E: Element> Module<E> for AvgPool2d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.avg_pool2d(&self.settings, self.divisor)
    }
}

/// The same along one dimension; see [`Tensor::avg_pool1d`].
///
/// # Shapes
/// `[N, C, L]` becomes `[N, C, L']`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{AvgPool1d, Module};
/// use limpid_tensor::Tensor;
///
/// let line = Tensor::<f32>::from_vec(vec![1.0, 3.0, 2.0, 0.0], [1, 4])?;
/// assert_eq!(AvgPool1d::new(2).predict(&line)?.to_vec(), [2.0, 1.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct AvgPool1d {
    /// How the window moves; of each setting the second number counts.
    #[parameters(skip)]
    pub settings: Pooling,
    /// What its sum is divided by. The default is as for [`AvgPool2d`].
    #[parameters(skip)]
    pub divisor: AverageDivisor,
}

impl AvgPool1d {
    /// Windows of this size, side by side.
    pub fn new(kernel_size: usize) -> Self {
        Pooling::new([1, kernel_size]).into()
    }

    /// The same, with sums divided by this.
    #[must_use]
    pub fn with_divisor(self, divisor: AverageDivisor) -> Self {
        Self { divisor, ..self }
    }
}

impl From<Pooling> for AvgPool1d {
    fn from(settings: Pooling) -> Self {
        let AvgPool2d { settings, divisor } = settings.into();
        Self { settings, divisor }
    }
}

impl<E: Element> Module<E> for AvgPool1d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.avg_pool1d(&self.settings, self.divisor)
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
        check_module(|_| Ok(AvgPool2d::new([2, 2])), &input, &[2, 2, 2, 2]).unwrap();
        let line = Tensor::standard_normal([2, 2, 5], Stream::new(1));
        let build = |_| Ok(AvgPool1d::new(2).with_divisor(AverageDivisor::Fixed(3)));
        check_module(build, &line, &[2, 2, 2]).unwrap();
    }

    #[test]
    fn the_mean_is_taken() {
        let input = Tensor::<f64>::from_fn([1, 2, 4], |place| place as f64);
        let pooled = AvgPool2d::new([2, 2]).predict(&input).unwrap();
        assert_eq!(
            (pooled.shape(), pooled.to_vec()),
            (&[1, 1, 2][..], vec![2.5, 4.5])
        );
    }

    #[test]
    fn a_window_that_does_not_fit_is_named() {
        let error = AvgPool2d::new([3, 3])
            .predict(&Tensor::<f32>::zeros([1, 2, 4]))
            .unwrap_err();
        assert!(error.to_string().contains("the window spans 3"), "{error}");
    }
}

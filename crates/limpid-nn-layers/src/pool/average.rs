//! The mean of every window.

use limpid_tensor::{Element, Pooling, Result, Tensor};

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
    /// Whether the padding counts, as zeros. The default is yes.
    pub count_include_pad: bool,
}

impl AvgPool2d {
    /// Windows of this size, side by side.
    pub fn new(kernel_size: [usize; 2]) -> Self {
        Pooling::new(kernel_size).into()
    }

    /// The same, with the padding counted or not.
    #[must_use]
    pub fn with_count_include_pad(self, count_include_pad: bool) -> Self {
        Self {
            count_include_pad,
            ..self
        }
    }
}

impl From<Pooling> for AvgPool2d {
    fn from(settings: Pooling) -> Self {
        Self {
            settings,
            count_include_pad: true,
        }
    }
}

impl<E: Element> Module<E> for AvgPool2d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.avg_pool2d(&self.settings, self.count_include_pad)
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

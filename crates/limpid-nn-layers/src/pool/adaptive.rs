//! As many windows as are asked for.

use limpid_tensor::{Element, Result, Tensor};

use crate::{Context, Module, Parameters};

/// Means over windows that are chosen so that the output has a given size; see
/// [`Tensor::adaptive_avg_pool2d`].
///
/// # Shapes
/// `[N, C, H, W]` becomes `[N, C, output_size]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct AdaptiveAvgPool2d {
    /// Height and width of the output.
    #[parameters(skip)]
    pub output_size: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// To this size.
    pub fn new(output_size: [usize; 2]) -> Self {
        Self { output_size }
    }
}

impl<E: Element> Module<E> for AdaptiveAvgPool2d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.adaptive_avg_pool2d(self.output_size)
    }
}

/// The same along one dimension; see [`Tensor::adaptive_avg_pool1d`].
///
/// # Shapes
/// `[N, C, L]` becomes `[N, C, output_size]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct AdaptiveAvgPool1d {
    /// The length of the output.
    #[parameters(skip)]
    pub output_size: usize,
}

impl AdaptiveAvgPool1d {
    /// To this size.
    pub fn new(output_size: usize) -> Self {
        Self { output_size }
    }
}

impl<E: Element> Module<E> for AdaptiveAvgPool1d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.adaptive_avg_pool1d(self.output_size)
    }
}

/// The largest elements of windows that are chosen so that the output has a given size; see
/// [`Tensor::adaptive_max_pool2d`].
///
/// # Shapes
/// `[N, C, H, W]` becomes `[N, C, output_size]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct AdaptiveMaxPool2d {
    /// Height and width of the output.
    #[parameters(skip)]
    pub output_size: [usize; 2],
}

impl AdaptiveMaxPool2d {
    /// To this size.
    pub fn new(output_size: [usize; 2]) -> Self {
        Self { output_size }
    }
}

impl<E: Element> Module<E> for AdaptiveMaxPool2d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(input.adaptive_max_pool2d(self.output_size)?.0)
    }
}

/// The same along one dimension; see [`Tensor::adaptive_max_pool1d`].
///
/// # Shapes
/// `[N, C, L]` becomes `[N, C, output_size]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct AdaptiveMaxPool1d {
    /// The length of the output.
    #[parameters(skip)]
    pub output_size: usize,
}

impl AdaptiveMaxPool1d {
    /// To this size.
    pub fn new(output_size: usize) -> Self {
        Self { output_size }
    }
}

impl<E: Element> Module<E> for AdaptiveMaxPool1d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(input.adaptive_max_pool1d(self.output_size)?.0)
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
        check_module(
            |_| Ok(AdaptiveAvgPool2d::new([3, 2])),
            &input,
            &[2, 2, 3, 2],
        )
        .unwrap();
        let build = |_| Ok(AdaptiveMaxPool2d::new([3, 2]));
        check_module(build, &input, &[2, 2, 3, 2]).unwrap();
        let line = Tensor::standard_normal([2, 2, 5], Stream::new(1));
        check_module(|_| Ok(AdaptiveAvgPool1d::new(3)), &line, &[2, 2, 3]).unwrap();
        check_module(|_| Ok(AdaptiveMaxPool1d::new(3)), &line, &[2, 2, 3]).unwrap();
    }

    #[test]
    fn one_window_is_the_mean_of_all() {
        let input = Tensor::<f64>::from_fn([1, 2, 4], |place| place as f64);
        let pooled = AdaptiveAvgPool2d::new([1, 1]).predict(&input).unwrap();
        assert_eq!(pooled.to_vec(), [3.5]);
    }

    #[test]
    fn a_size_of_zero_is_refused() {
        let pool = AdaptiveAvgPool2d::new([0, 1]);
        let error = pool.predict(&Tensor::<f32>::zeros([1, 2, 4])).unwrap_err();
        let want = "adaptive_avg_pool2d: `output_size` must be at least 1, found [0, 1]";
        assert_eq!(error.to_string(), want);
    }
}

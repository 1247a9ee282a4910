//! Means over as many windows as are asked for.

use limpid_tensor::{Element, Result, Tensor};

use crate::{Context, Module, Parameters};

/// Means over windows that are chosen so that the output has a given size; see
/// [`Tensor::adaptive_avg_pool2d`]. With `[1, 1]` it is global average pooling.
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
    /// To this height and width.
    pub fn new(output_size: [usize; 2]) -> Self {
        Self { output_size }
    }
}

impl<E: Element> Module<E> for AdaptiveAvgPool2d {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.adaptive_avg_pool2d(self.output_size)
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

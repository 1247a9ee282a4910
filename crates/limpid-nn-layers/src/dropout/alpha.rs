//! Dropout for networks that normalise themselves.

use limpid_tensor::{Element, Result, Tensor};

use super::{mask, probability};
use crate::{Context, Module, Parameters};

/// What a SELU tends to far below 0, -lambda alpha: Klambauer et al. 2017, section 3.
const SATURATION: f64 = -1.758_099_340_847_376_6;

/// In training, each element becomes a SELU's smallest value s = -1.7581 with probability `p`; then
/// all are brought back to mean 0 and variance 1 by a x + b, where
/// a = ((1 - p) (1 + p s^2))^(-1/2) and b = -a p s. In evaluation nothing happens.
///
/// For inputs of mean 0 and variance 1, as a [`Selu`](crate::Selu) gives them. To set them to 0, as
/// [`Dropout`](crate::Dropout) does, would move both.
///
/// # Source
/// Klambauer et al. 2017, "Self-normalizing neural networks", "New dropout technique"; equals
/// `torch.nn.AlphaDropout`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{AlphaDropout, Context, Module};
/// use limpid_tensor::{Stream, Tensor};
///
/// let input = Tensor::<f64>::standard_normal([100_000], Stream::new(1));
/// let mut context = Context::train(Stream::new(7));
/// let output = AlphaDropout::new(0.2)?.forward(&input, &mut context)?;
/// assert!(output.mean().item()?.abs() < 0.02);
/// assert!((output.square().mean().item()? - 1.0).abs() < 0.02);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
pub struct AlphaDropout {
    p: f64,
}

impl AlphaDropout {
    /// Leaves out each element with probability `p`, in `[0, 1)`.
    ///
    /// # Errors
    /// An argument error when `p` lies outside.
    pub fn new(p: f64) -> Result<Self> {
        Ok(Self {
            p: probability("alpha_dropout", p)?,
        })
    }

    /// The probability of being left out.
    pub fn p(&self) -> f64 {
        self.p
    }
}

impl<E: Element> Module<E> for AlphaDropout {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let Self { p } = *self;
        if !context.is_noisy() || p == 0.0 {
            return Ok(input.clone());
        }
        let scale = ((1.0 - p) * (1.0 + p * SATURATION * SATURATION))
            .sqrt()
            .recip();
        let shift = -scale * p * SATURATION;
        let stream = context.stream();
        // The same draws twice: what an element is multiplied by, and what is added to it.
        let factor = mask(input.shape(), p, scale, 0.0, stream);
        let term = mask(input.shape(), p, shift, scale * SATURATION + shift, stream);
        input.mul(&factor)?.add(&term)
    }

    fn differs_in_training(&self) -> bool {
        self.p > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds() {
        for shape in [&[4, 5][..], &[], &[0, 3]] {
            let input = Tensor::standard_normal(shape, Stream::new(1));
            check_module(|_| AlphaDropout::new(0.3), &input, shape).unwrap();
        }
        let input = Tensor::standard_normal([4, 5], Stream::new(1));
        check_module(|_| AlphaDropout::new(0.0), &input, &[4, 5]).unwrap();
    }

    /// What an input of 1.25 becomes, left out or kept, in PyTorch 2.15.
    #[test]
    fn both_values_are_those_of_the_reference() {
        let cases = [
            (0.5, -0.7791939305180315, 1.8872000488504463),
            (0.2, -1.2361598485763778, 1.4076694414485105),
            (0.3, -1.0595481589864801, 1.530282838445008),
        ];
        for (p, dropped, kept) in cases {
            let input = Tensor::<f64>::full([10_000], 1.25);
            let mut context = Context::train(Stream::new(1));
            let output = AlphaDropout::new(p).unwrap().forward(&input, &mut context);
            let output = output.unwrap().to_vec();
            let near = |x: f64, want: f64| (x - want).abs() < 1e-12;
            assert!(output.iter().all(|&x| near(x, dropped) || near(x, kept)));
            let share = output.iter().filter(|&&x| near(x, dropped)).count() as f64 / 1e4;
            assert!(
                (share - p).abs() < 5.0 * (p * (1.0 - p) / 1e4).sqrt(),
                "{share}"
            );
        }
    }

    #[test]
    fn probabilities_out_of_range_are_refused() {
        let error = AlphaDropout::new(-0.5).unwrap_err();
        let want = "alpha_dropout: `p` must be in [0, 1), found -0.5";
        assert_eq!(error.to_string(), want);
    }
}

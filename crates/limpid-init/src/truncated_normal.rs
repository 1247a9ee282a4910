//! A normal distribution without its tails.

use limpid_tensor::{Element, Error, Result, Stream, Tensor};
use rand_distr::{Distribution, StandardNormal};

use crate::Initializer;

/// Draws from the normal distribution with mean 0, none farther than `bound` standard deviations
/// from it. `std` is that of the distribution before its tails are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruncatedNormal {
    /// The standard deviation before cutting; at least 0. The default is 0.02.
    pub std: f64,
    /// Where the tails are cut, in standard deviations; above 0. The default is 2.
    pub bound: f64,
}

impl TruncatedNormal {
    /// Standard deviation `std`, cut at two of them.
    pub fn new(std: f64) -> Self {
        Self { std, bound: 2.0 }
    }

    /// The same, cut at `bound` standard deviations.
    #[must_use]
    pub fn with_bound(self, bound: f64) -> Self {
        Self { bound, ..self }
    }
}

impl Default for TruncatedNormal {
    fn default() -> Self {
        Self::new(0.02)
    }
}

impl Initializer for TruncatedNormal {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        let Self { std, bound } = *self;
        if !(std >= 0.0 && std.is_finite()) {
            return Err(Error::argument(
                "truncated_normal",
                "std",
                "finite and at least 0",
                std,
            ));
        }
        if !(bound > 0.0 && bound.is_finite()) {
            return Err(Error::argument(
                "truncated_normal",
                "bound",
                "finite and above 0",
                bound,
            ));
        }
        let mut generator = stream.generator();
        Ok(Tensor::from_fn(shape, |_| {
            loop {
                // Whichever proposal is accepted more often: the normal itself, or the interval.
                let (draw, accepted) = if bound >= 1.0 {
                    let draw: f64 = StandardNormal.sample(&mut generator);
                    (draw, draw.abs() <= bound)
                } else {
                    let draw = bound * (2.0 * generator.unit() - 1.0);
                    (draw, generator.unit() < (-0.5 * draw * draw).exp())
                };
                if accepted {
                    break std * draw;
                }
            }
        }))
    }

    /// std^2 (1 - 2 b phi(b) / (2 Phi(b) - 1)).
    fn variance(&self, _shape: &[usize]) -> Option<f64> {
        let bound = self.bound;
        let density = (-0.5 * bound * bound).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let kept = Element::erf(bound * std::f64::consts::FRAC_1_SQRT_2);
        Some(self.std * self.std * (1.0 - 2.0 * bound * density / kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments;

    #[test]
    fn a_million_draws_have_the_promised_moments() {
        // The variance of a standard normal cut at 2 is 0.773741.
        let variance = TruncatedNormal::new(1.0).variance(&[]).unwrap();
        assert!((variance - 0.773_741).abs() < 1e-6, "{variance}");
        moments::assert_million(&TruncatedNormal::new(1.0), variance);
        let narrow = TruncatedNormal::new(0.5).with_bound(0.4);
        moments::assert_million(&narrow, narrow.variance(&[]).unwrap());
    }

    #[test]
    fn no_draw_lies_in_the_tails() {
        let values = TruncatedNormal::new(0.1)
            .draw(&[200, 200], Stream::new(2))
            .unwrap();
        assert!(values.to_vec().iter().all(|x| x.abs() <= 0.2));
    }

    #[test]
    fn a_bound_of_zero_is_refused() {
        let scheme = TruncatedNormal::default().with_bound(0.0);
        let error = scheme.draw(&[2], Stream::new(1)).unwrap_err();
        let want = "truncated_normal: `bound` must be finite and above 0, found 0";
        assert_eq!(error.to_string(), want);
    }
}

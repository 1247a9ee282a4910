//! Rows with noise.

use limpid_tensor::Stream;
use rand_distr::{Distribution, StandardNormal};

use super::{Augment, check_positive};
use crate::DataError;

/// Adds to each number one drawn from a normal distribution of mean 0. For a linear model and a squared loss this is a
/// penalty on the squared weights in expectation (Bishop 1995, "Training with noise is equivalent to
/// Tikhonov regularization").
///
/// # Shapes
/// Any.
///
/// # Example
/// ```
/// use limpid_data::{Augment, GaussianNoise};
/// use limpid_tensor::Stream;
///
/// let mut row = [0.0; 1000];
/// GaussianNoise::new(0.1)?.augment(&mut row, &[1000], &Stream::new(1));
/// let variance = row.iter().map(|it| it * it).sum::<f64>() / 1000.0;
/// assert!((variance - 0.01).abs() < 0.002);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianNoise {
    deviation: f64,
}

impl GaussianNoise {
    /// Noise of this standard deviation, in the unit of the rows as the dataset has them.
    ///
    /// # Errors
    /// [`DataError::Setting`] unless it is finite and above 0.
    pub fn new(deviation: f64) -> Result<Self, DataError> {
        let deviation = check_positive("deviation", deviation)?;
        Ok(Self { deviation })
    }
}

impl Augment for GaussianNoise {
    fn augment(&self, row: &mut [f64], _: &[usize], stream: &Stream) {
        let mut generator = stream.generator();
        for value in row {
            let noise: f64 = StandardNormal.sample(&mut generator);
            *value += self.deviation * noise;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::augmented;
    use super::*;

    #[test]
    fn the_noise_has_its_moments() {
        let noise = GaussianNoise::new(0.5).unwrap();
        let row = augmented(&noise, &[40_000], 3);
        let noise: Vec<f64> = row
            .iter()
            .enumerate()
            .map(|(it, value)| value - (it + 1) as f64)
            .collect();
        let mean = noise.iter().sum::<f64>() / 4e4;
        let variance = noise.iter().map(|it| it * it).sum::<f64>() / 4e4;
        // Four deviations: 0.5 / 200 of the mean, 0.25 sqrt(2 / 40000) of the variance.
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 0.25).abs() < 0.0071, "{variance}");
    }

    #[test]
    fn a_deviation_that_is_none_is_refused() {
        for deviation in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(GaussianNoise::new(deviation).is_err(), "{deviation}");
        }
    }
}

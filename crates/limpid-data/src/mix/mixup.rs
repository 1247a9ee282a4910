//! Batches of weighted means.

use limpid_tensor::Stream;

use super::{Blend, Mix, check_alpha, partners, share};
use crate::DataError;

/// Each row becomes lambda times itself and 1 - lambda times another row of its batch, its target likewise.
/// Lambda is drawn from Beta(alpha, alpha), one for each batch, as the authors' program does.
///
/// The training loss no longer falls to its floor, and training accuracy says little: judge by the validation part, which is never mixed.
///
/// # Shapes
/// Any.
///
/// # Source
/// Zhang et al. 2018, "mixup: Beyond empirical risk minimization", figure 1.
///
/// # Example
/// ```
/// use limpid_data::{Fractions, Loader, Mixup, Split, classics};
/// use limpid_tensor::Stream;
///
/// let split = Split::random(&classics::iris()?, Fractions::default(), &Stream::new(1))?;
/// let loader = Loader::soft_classes(&split.train, 32)?.shuffled().with_mix(Mixup::new(0.4)?)?;
/// let (_, targets) = loader.epoch::<f64>(&Stream::new(2)).next().unwrap();
/// assert_eq!(targets.shape(), [32, 3]);
/// assert!((targets.to_vec().iter().sum::<f64>() - 32.0).abs() < 1e-12);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixup {
    alpha: f64,
}

impl Mixup {
    /// With lambda from Beta(`alpha`, `alpha`): 0.2 mixes few batches much, 1 draws lambda evenly. The source
    /// uses 0.2 to 0.4 for ImageNet and 1 for CIFAR-10.
    ///
    /// # Errors
    /// [`DataError::Setting`] unless `alpha` is finite and above 0.
    pub fn new(alpha: f64) -> Result<Self, DataError> {
        let alpha = check_alpha(alpha)?;
        Ok(Self { alpha })
    }
}

impl Mix for Mixup {
    fn mix(
        &self,
        inputs: &mut [f64],
        rows: usize,
        row_shape: &[usize],
        stream: &Stream,
    ) -> Vec<Blend> {
        let share = share(self.alpha, stream);
        let width: usize = row_shape.iter().product();
        let plain = inputs.to_vec();
        let blends: Vec<Blend> = partners(rows, stream)
            .into_iter()
            .map(|partner| Blend { partner, share })
            .collect();
        for (row, blend) in blends.iter().enumerate() {
            let (own, other) = (&mut inputs[row * width..], &plain[blend.partner * width..]);
            for (own, other) in own.iter_mut().zip(other).take(width) {
                *own = blend.of(*own, *other);
            }
        }
        blends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_share_has_the_moments_of_its_distribution() {
        for alpha in [0.2, 1.0, 4.0] {
            let mixup = Mixup::new(alpha).unwrap();
            let shares: Vec<f64> = (0..20_000_u64)
                .map(|seed| mixup.mix(&mut [1.0], 1, &[1], &Stream::new(seed))[0].share)
                .collect();
            let mean = shares.iter().sum::<f64>() / 2e4;
            let variance = shares.iter().map(|it| (it - 0.5).powi(2)).sum::<f64>() / 2e4;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            // Four deviations of the mean; the variance's is less than that of a coin's squares.
            assert!(
                (mean - 0.5).abs() < 4.0 * (expected / 2e4).sqrt(),
                "{alpha}: {mean}"
            );
            assert!((variance - expected).abs() < 0.003, "{alpha}: {variance}");
        }
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Mixup::new(alpha).is_err(), "{alpha}");
        }
        assert_eq!(
            Mixup::new(1.0)
                .unwrap()
                .mix(&mut [], 0, &[2], &Stream::new(1)),
            []
        );
    }

    proptest! {
        #[test]
        fn sums_are_conserved_and_rows_are_what_the_blends_say(
            rows in 1_usize..8, width in 1_usize..5, seed: u64, alpha in 0.1..3.0_f64,
        ) {
            let plain: Vec<f64> = (0..rows * width).map(|it| (it as f64 * 0.7).sin()).collect();
            let mut mixed = plain.clone();
            let blends = Mixup::new(alpha).unwrap().mix(&mut mixed, rows, &[width], &Stream::new(seed));
            prop_assert_eq!(blends.len(), rows);
            let total = |all: &[f64]| all.iter().sum::<f64>();
            prop_assert!((total(&plain) - total(&mixed)).abs() < 1e-12);
            for (row, blend) in blends.iter().enumerate() {
                prop_assert!((0.0..=1.0).contains(&blend.share));
                for column in 0..width {
                    let expected = blend.of(plain[row * width + column], plain[blend.partner * width + column]);
                    prop_assert_eq!(mixed[row * width + column], expected);
                }
            }
        }
    }
}

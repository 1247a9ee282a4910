//! Metrics of predicted probabilities.

use limpid_tensor::{Element, Error, Result, Tensor};

use super::class_rows::{ClassRows, Outputs, greatest};
use super::{Better, Metric, Score};

/// Whether a model gives logits or probabilities, asked for by name.
macro_rules! of_outputs {
    ($make:expr) => {
        /// Of a model whose outputs are logits; their softmax are the probabilities.
        pub fn of_logits() -> Self {
            $make(Outputs::Logits)
        }

        /// Of a model whose outputs are probabilities.
        pub fn of_probabilities() -> Self {
            $make(Outputs::Probabilities)
        }
    };
}

/// A sum over rows, and their number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    total: f64,
    rows: u64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        self.total += value;
        self.rows += 1;
    }

    fn merge(&mut self, other: Self) {
        self.total += other.total;
        self.rows += other.rows;
    }

    fn words(self) -> [u64; 2] {
        [self.total.to_bits(), self.rows]
    }

    fn of_words([total, rows]: [u64; 2]) -> Self {
        Self {
            total: f64::from_bits(total),
            rows,
        }
    }

    fn mean(self) -> Option<f64> {
        (self.rows > 0).then(|| self.total / self.rows as f64)
    }
}

/// A metric that is the mean of a number of each row, of which smaller ones are better.
macro_rules! mean_of_rows {
    ($name:ident, $title:literal) => {
        impl Score for $name {
            fn name(&self) -> String {
                $title.to_owned()
            }

            fn better(&self) -> Better {
                Better::Smaller
            }

            fn compute(&self) -> Option<f64> {
                self.sum.mean()
            }

            fn merge(&mut self, other: &Self) -> Result<()> {
                self.sum.merge(other.sum);
                Ok(())
            }

            fn reset(&mut self) {
                self.sum = Sum::default();
            }

            fn state(&self) -> Option<Vec<u64>> {
                Some(self.sum.words().to_vec())
            }

            fn load(&mut self, state: &[u64]) -> bool {
                match *state {
                    [total, rows] => {
                        self.sum = Sum::of_words([total, rows]);
                        true
                    }
                    _ => false,
                }
            }
        }

        impl<E: Element> Metric<E, [usize]> for $name {
            fn update(&mut self, prediction: &Tensor<E>, target: &[usize]) -> Result<()> {
                let rows = ClassRows::new($title, prediction, target)?;
                rows.iter().for_each(|(row, class)| self.count(row, class));
                Ok(())
            }
        }
    };
}

/// The mean of -log of the probability of the true class, in nats. Probabilities are moved into
/// [eps, 1 - eps], eps being the element type's, as scikit-learn does; of logits nothing is cut off.
///
/// # Source
/// Equals scikit-learn's `log_loss` (1.9).
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
/// use limpid_train::metric::{LogLoss, Metric, Score};
///
/// let mut metric = LogLoss::of_logits();
/// metric.update(&Tensor::<f64>::zeros([3, 4]), &[0, 1, 2][..])?;
/// assert_eq!(metric.compute(), Some(4_f64.ln()));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LogLoss {
    outputs: Outputs,
    sum: Sum,
}

impl LogLoss {
    of_outputs!(|outputs| Self {
        outputs,
        sum: Sum::default(),
    });

    pub(super) fn count<E: Element>(&mut self, row: &[E], class: usize) {
        let own = row[class].double();
        self.sum.add(match self.outputs {
            Outputs::Probabilities => {
                let eps = E::epsilon().double();
                -own.clamp(eps, 1.0 - eps).ln()
            }
            Outputs::Logits => {
                let logits = row.iter().map(|it| it.double());
                let most = logits.clone().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = logits.map(|it| (it - most).exp()).sum();
                most + total.ln() - own
            }
        });
    }

    pub(super) fn mean(&self) -> Option<f64> {
        self.sum.mean()
    }
}

mean_of_rows!(LogLoss, "log loss");

/// The mean squared distance of the probabilities from the true class's 1 and the others' 0, summed over the
/// classes; of two classes its half, which is that of one class's probability.
///
/// # Source
/// Equals scikit-learn's `brier_score_loss` (1.9, `scale_by_half="auto"`); Brier 1950.
#[derive(Clone, Debug, PartialEq)]
pub struct Brier {
    outputs: Outputs,
    sum: Sum,
}

impl Brier {
    of_outputs!(|outputs| Self {
        outputs,
        sum: Sum::default(),
    });

    fn count<E: Element>(&mut self, row: &[E], class: usize) {
        let probabilities = self.outputs.probabilities(row);
        let indicator = |it: usize| f64::from(u8::from(it == class));
        let squares = probabilities.iter().enumerate();
        let distance: f64 = squares.map(|(it, p)| (p - indicator(it)).powi(2)).sum();
        let scale = if row.len() == 2 { 0.5 } else { 1.0 };
        self.sum.add(scale * distance);
    }
}

mean_of_rows!(Brier, "Brier score");

/// How far confidence lies from accuracy: the mean over rows, taken in bins of equal width of the predicted
/// class's probability, of |accuracy of the bin - mean confidence of the bin|.
///
/// # Source
/// Guo et al. 2017, "On calibration of modern neural networks", equation 3, with their 15 bins by default.
/// What it measures and cannot: few rows in a bin make it too large.
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
/// use limpid_train::metric::{CalibrationError, Metric, Score};
///
/// // Sure of 0.8, and right in one of two.
/// let mut metric = CalibrationError::of_probabilities();
/// metric.update(&Tensor::<f64>::from_vec(vec![0.8, 0.2, 0.8, 0.2], [2, 2])?, &[0, 1][..])?;
/// let error = metric.compute().unwrap();
/// assert!((error - 0.3).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationError {
    outputs: Outputs,
    /// The sums of confidence less hits in each bin: all that the error needs.
    bins: Vec<Sum>,
}

impl CalibrationError {
    of_outputs!(|outputs| Self {
        outputs,
        bins: vec![Sum::default(); 15],
    });

    /// With so many bins.
    ///
    /// # Errors
    /// An argument error for none.
    pub fn with_bins(mut self, bins: usize) -> Result<Self> {
        if bins == 0 {
            return Err(Error::argument(
                "calibration_error",
                "bins",
                "at least 1",
                bins,
            ));
        }
        self.bins = vec![Sum::default(); bins];
        Ok(self)
    }
}

impl Score for CalibrationError {
    fn name(&self) -> String {
        "calibration error".to_owned()
    }

    fn better(&self) -> Better {
        Better::Smaller
    }

    fn compute(&self) -> Option<f64> {
        let rows: u64 = self.bins.iter().map(|bin| bin.rows).sum();
        let gaps: f64 = self.bins.iter().map(|bin| bin.total.abs()).sum();
        (rows > 0).then(|| gaps / rows as f64)
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if self.bins.len() != other.bins.len() {
            let shapes = [&[self.bins.len()][..], &[other.bins.len()]];
            return Err(Error::shape(
                "calibration_error",
                &shapes,
                "must be as many bins",
            ));
        }
        for (own, other) in self.bins.iter_mut().zip(&other.bins) {
            own.merge(*other);
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.bins.fill(Sum::default());
    }

    fn state(&self) -> Option<Vec<u64>> {
        Some(self.bins.iter().flat_map(|bin| bin.words()).collect())
    }

    fn load(&mut self, state: &[u64]) -> bool {
        let (bins, rest) = state.as_chunks::<2>();
        let fits = rest.is_empty() && bins.len() == self.bins.len();
        if fits {
            self.bins = bins.iter().map(|&words| Sum::of_words(words)).collect();
        }
        fits
    }
}

impl<E: Element> Metric<E, [usize]> for CalibrationError {
    fn update(&mut self, prediction: &Tensor<E>, target: &[usize]) -> Result<()> {
        for (row, class) in ClassRows::new("calibration_error", prediction, target)?.iter() {
            let predicted = greatest(row);
            let confidence = self.outputs.probabilities(row)[predicted];
            let bins = self.bins.len();
            // A bin holds its upper end.
            let place = (confidence * bins as f64).ceil() as usize;
            let gap = confidence - f64::from(u8::from(predicted == class));
            self.bins[place.clamp(1, bins) - 1].add(gap);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agrees, agrees_on, close, logits, targets};
    use super::*;

    #[test]
    fn metrics_equal_those_of_scikit_learn_in_any_batches() {
        // scikit-learn 1.9.1; the calibration error by its formula in NumPy.
        agrees(&LogLoss::of_logits(), 1.396_110_296_352_281);
        agrees(&Brier::of_logits(), 0.720_108_740_697_091_9);
        agrees(&CalibrationError::of_logits(), 0.305_538_971_909_479_04);
        let five = CalibrationError::of_logits().with_bins(5).unwrap();
        agrees(&five, 0.156_817_894_508_951_78);
    }

    #[test]
    fn probabilities_give_what_their_logits_do() {
        let probabilities = logits().softmax(-1).unwrap();
        agrees_on(
            &LogLoss::of_probabilities(),
            1.396_110_296_352_281,
            &probabilities,
        );
        agrees_on(
            &Brier::of_probabilities(),
            0.720_108_740_697_091_9,
            &probabilities,
        );
        let error = CalibrationError::of_probabilities();
        agrees_on(&error, 0.305_538_971_909_479_04, &probabilities);
    }

    #[test]
    fn two_classes_have_the_score_of_one_probability() {
        // scikit-learn 1.9.1: of the difference of the first two logits, and targets modulo 2.
        let two: Vec<f64> = logits()
            .to_vec()
            .chunks(4)
            .flat_map(|row| [row[0], row[1]])
            .collect();
        let two = Tensor::from_vec(two, [24, 2]).unwrap();
        let targets: Vec<usize> = targets().iter().map(|class| class % 2).collect();
        let mut brier = Brier::of_logits();
        brier.update(&two, &targets[..]).unwrap();
        assert!(close(brier.sum.mean(), 0.220_770_377_669_570_78));
        let mut loss = LogLoss::of_logits();
        loss.update(&two, &targets[..]).unwrap();
        assert!(close(loss.mean(), 0.619_479_707_362_396_9));
    }

    #[test]
    fn extreme_outputs_stay_what_they_are() {
        let mut loss = LogLoss::of_logits();
        let far = Tensor::from_vec(vec![1000.0, f64::NEG_INFINITY, 0.0], [1, 3]).unwrap();
        loss.update(&far, &[2][..]).unwrap();
        assert_eq!(loss.mean(), Some(1000.0));
        let mut sure = LogLoss::of_probabilities();
        sure.update(
            &Tensor::<f32>::from_vec(vec![1.0, 0.0], [1, 2]).unwrap(),
            &[1][..],
        )
        .unwrap();
        assert!(close(sure.mean(), -f64::from(f32::EPSILON).ln()));
    }

    #[test]
    fn bins_that_differ_do_not_merge() {
        let five = CalibrationError::of_logits().with_bins(5).unwrap();
        let mut fifteen = CalibrationError::of_logits();
        assert!(fifteen.merge(&five).is_err());
        assert!(fifteen.with_bins(0).is_err());
    }
}

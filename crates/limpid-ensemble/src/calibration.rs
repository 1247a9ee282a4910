//! Whether probabilities are true: of rows predicted with probability 0.8, eight in ten should be
//! right.

use limpid_tensor::{Element, Error, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::said::{greatest, rows_and_classes};

/// How far the probabilities of the predicted classes lie from the shares of right ones:
///
/// ```text
/// ECE = sum over bins of (rows of the bin / rows) * |accuracy of the bin - mean confidence of it|
/// ```
/// The bins cut (0, 1] into equal parts by confidence, the probability of the predicted class.
///
/// # Source
/// Guo et al. (2017), "On calibration of modern neural networks", equation 3; 15 bins there.
///
/// # Example
/// ```
/// use limpid_ensemble::ExpectedCalibrationError;
/// use limpid_tensor::Tensor;
///
/// let said = Tensor::<f64>::from_vec(vec![0.8, 0.2, 0.8, 0.2], [2, 2])?;
/// let ece = ExpectedCalibrationError::of(&said, &[0, 1], 15)?;
/// assert!((ece.value - 0.3).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpectedCalibrationError {
    /// The error, in [0, 1].
    pub value: f64,
    /// The bins, from low to high confidence: what a reliability diagram draws.
    pub bins: Vec<CalibrationBin>,
}

/// The rows of one range of confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CalibrationBin {
    /// How many there are.
    pub rows: usize,
    /// Their mean confidence; 0 where there are none.
    pub confidence: f64,
    /// The share of them that are right; 0 where there are none.
    pub accuracy: f64,
}

impl ExpectedCalibrationError {
    /// The error of probabilities `[rows, classes]` in `bins` bins.
    ///
    /// # Errors
    /// An argument error for 0 bins or probabilities outside [0, 1]; a shape error unless there is
    /// a class for each row; an index error for a class that does not exist; a not-finite error.
    pub fn of<E: Element>(
        probabilities: &Tensor<E>,
        target: &[usize],
        bins: usize,
    ) -> Result<Self> {
        const NAME: &str = "expected_calibration_error";
        if bins == 0 {
            return Err(Error::argument(NAME, "bins", "at least 1", 0));
        }
        let [rows, classes] = rows_and_classes(NAME, probabilities, target)?;
        let mut filled = vec![CalibrationBin::default(); bins];
        for (row, &class) in probabilities.elements().chunks_exact(classes).zip(target) {
            let predicted = greatest(row);
            let confidence = row[predicted].double();
            // Rounding may take a softmax over 1 by a few units in the last place.
            if !(0.0..=1.0 + 1e-5).contains(&confidence) {
                return Err(Error::argument(
                    NAME,
                    "probabilities",
                    "in [0, 1]",
                    confidence,
                ));
            }
            let place = (confidence * bins as f64).ceil() as usize;
            let bin = &mut filled[place.clamp(1, bins) - 1];
            bin.rows += 1;
            bin.confidence += confidence;
            bin.accuracy += f64::from(u8::from(predicted == class));
        }
        let mut value = 0.0;
        for bin in filled.iter_mut().filter(|bin| bin.rows > 0) {
            value += (bin.accuracy - bin.confidence).abs() / rows as f64;
            bin.confidence /= bin.rows as f64;
            bin.accuracy /= bin.rows as f64;
        }
        Ok(Self {
            value,
            bins: filled,
        })
    }
}

/// Divides logits by one number, the temperature that makes the log loss on validation rows the
/// least. The predicted classes stay; the probabilities become truer.
///
/// The log loss is convex in 1 / temperature, so the best one is found by halving an interval: within
/// [1e-3, 1e3]. Where every row is right and ever lower temperatures are better, it is 1e-3.
///
/// # Source
/// Guo et al. (2017), "On calibration of modern neural networks", section 4.2.
///
/// # Example
/// ```
/// use limpid_ensemble::TemperatureScaling;
/// use limpid_tensor::Tensor;
///
/// // Three of four are right where the model is far surer: odds of 3 are the truth.
/// let logits = Tensor::<f64>::from_vec(vec![9.0, 0.0].repeat(4), [4, 2])?;
/// let fitted = TemperatureScaling.fit(&logits, &[0, 0, 0, 1])?;
/// assert!((fitted.temperature() - 9.0 / 3_f64.ln()).abs() < 1e-9);
/// assert!((fitted.probabilities(&logits)?.to_vec()[0] - 0.75).abs() < 1e-9);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemperatureScaling;

/// A temperature that was fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedTemperature {
    temperature: f64,
}

/// The interval of 1 / temperature.
const COLDNESS: (f64, f64) = (1e-3, 1e3);

impl TemperatureScaling {
    /// The best temperature for the logits `[rows, classes]` of validation rows.
    ///
    /// # Errors
    /// A shape error unless there is a class for each row; an index error for a class that does not
    /// exist; a not-finite error.
    pub fn fit<E: Element>(
        &self,
        logits: &Tensor<E>,
        target: &[usize],
    ) -> Result<FittedTemperature> {
        let [_, classes] = rows_and_classes("temperature_scaling", logits, target)?;
        let logits: Vec<f64> = logits.elements().iter().map(|it| it.double()).collect();
        let (mut low, mut high) = COLDNESS;
        // Halving the logarithm of an interval of six decades until it is as fine as f64 resolves.
        for _ in 0..60 {
            let middle = (low * high).sqrt();
            if slope(&logits, classes, target, middle) > 0.0 {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(FittedTemperature {
            temperature: 1.0 / (low * high).sqrt(),
        })
    }
}

impl FittedTemperature {
    /// What logits are divided by.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// The probabilities of logits `[rows, classes]` at this temperature.
    ///
    /// # Errors
    /// A dimension error for a tensor of rank 0.
    pub fn probabilities<E: Element>(&self, logits: &Tensor<E>) -> Result<Tensor<E>> {
        logits.mul_scalar(1.0 / self.temperature).softmax(-1)
    }
}

/// The derivative of the summed log loss with respect to 1 / temperature: over the rows, the mean
/// logit under the softmax minus the true class's.
fn slope(logits: &[f64], classes: usize, target: &[usize], coldness: f64) -> f64 {
    let rows = logits.chunks_exact(classes).zip(target);
    rows.map(|(row, &class)| {
        let top = row[greatest(row)];
        let (mut total, mut mean) = (0.0, 0.0);
        for logit in row {
            let weight = ((logit - top) * coldness).exp();
            total += weight;
            mean += weight * (logit - row[class]);
        }
        mean / total
    })
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::Stream;

    /// Logits that are the truth about classes drawn from their softmax.
    fn truthful(rows: usize) -> (Tensor<f64>, Vec<usize>) {
        let logits = Tensor::standard_normal([rows, 3], Stream::new(4)).mul_scalar(1.5);
        let probabilities = logits.softmax(-1).unwrap().to_vec();
        let mut generator = Stream::new(5).generator();
        let draw = |row: &[f64]| {
            let at = generator.unit();
            let below = usize::from(at >= row[0]) + usize::from(at >= row[0] + row[1]);
            below.min(2)
        };
        let target = probabilities.chunks_exact(3).map(draw).collect();
        (logits, target)
    }

    #[test]
    fn an_overconfident_model_is_cooled_to_the_truth() {
        let (logits, target) = truthful(20_000);
        let sure = logits.mul_scalar(3.0);
        let fitted = TemperatureScaling.fit(&sure, &target).unwrap();
        assert!((fitted.temperature() - 3.0).abs() < 0.15, "{fitted:?}");
        let ece = |it: &Tensor<f64>| ExpectedCalibrationError::of(it, &target, 15).unwrap().value;
        assert!(ece(&sure.softmax(-1).unwrap()) > 0.1);
        assert!(ece(&fitted.probabilities(&sure).unwrap()) < 0.02);
    }

    #[test]
    fn a_perfect_model_is_as_cold_as_allowed() {
        let logits = Tensor::from_vec(vec![1.0, 0.0, 0.0, 1.0], [2, 2]).unwrap();
        let fitted = TemperatureScaling.fit::<f64>(&logits, &[0, 1]).unwrap();
        assert!((fitted.temperature() - 1e-3).abs() < 1e-9);
    }

    #[test]
    fn bins_hold_every_row_once() {
        let (logits, target) = truthful(500);
        let probabilities = logits.softmax(-1).unwrap();
        let ece = ExpectedCalibrationError::of(&probabilities, &target, 10).unwrap();
        assert_eq!(ece.bins.iter().map(|bin| bin.rows).sum::<usize>(), 500);
        for (place, bin) in ece.bins.iter().enumerate().filter(|(_, bin)| bin.rows > 0) {
            let (low, high) = (place as f64 / 10.0, (place + 1) as f64 / 10.0);
            assert!(low < bin.confidence && bin.confidence <= high, "{bin:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let said = Tensor::<f64>::full([2, 2], 0.5);
        assert!(ExpectedCalibrationError::of(&said, &[0, 1], 0).is_err());
        assert!(ExpectedCalibrationError::of(&said, &[0], 5).is_err());
        assert!(ExpectedCalibrationError::of(&said.mul_scalar(9.0), &[0, 1], 5).is_err());
        assert!(TemperatureScaling.fit(&said, &[0, 2]).is_err());
        assert!(
            TemperatureScaling
                .fit(&Tensor::<f64>::ones([0, 2]), &[])
                .is_err()
        );
        let nan = Tensor::<f64>::full([2, 2], f64::NAN);
        assert!(TemperatureScaling.fit(&nan, &[0, 1]).is_err());
    }
}

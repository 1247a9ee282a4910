//! Regression as classification.

use limpid_tensor::{Element, Error, ErrorKind, Result, Tensor};

use crate::settings::{setting, with_reduction};
use crate::values::loss_of_values;
use crate::{BceWithLogits, CrossEntropy, CrossEntropySoft, Loss, Reduction, uninformed};

const NAME: &str = "binned_regression";

/// What a value becomes, for a classifier to learn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum BinCoding {
    /// The bin that it falls in: K logits, cross-entropy.
    #[default]
    OneHot,
    /// The shares of a normal distribution around it that fall in each bin, cut off at the outer edges: K
    /// logits, cross-entropy. Neighbouring bins are no strangers to each other then (HL-Gauss, Imani and
    /// White 2018).
    Gauss {
        /// The deviation in mean bin widths, above 0. 0.75 spreads over about six bins (Farebrother et al.
        /// 2024).
        sigma: f64,
    },
    /// Whether it lies above each inner edge: K - 1 logits of cumulative yes-and-no questions (Frank and Hall
    /// 2001). With one score for all questions, and a bias for each, it is CORAL (Cao et al. 2020).
    Ordinal,
}

/// How probabilities of bins become a value again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BinDecoding {
    /// The mean of the bins' values.
    #[default]
    Expectation,
    /// Where half of the probability lies below, which is spread evenly within a bin.
    Median,
    /// The value of the bin that the median falls in: for levels, one of them.
    MedianBin,
}

/// A number that is learnt as one of several bins, and decoded again: a loss of logits against values,
/// and a way back from logits to values.
///
/// A bin holds its left edge but not its right one. Values beyond the outer edges fall in the outer bins.
/// What fits the edges to the training part is `limpid_train::BinnedTarget`.
///
/// # Shapes
/// Logits `[N, outputs]`; values `[N]` or `[N, 1]`; one number per row, `[N]`. Values receive no gradient.
///
/// # Gradient
/// That of [`CrossEntropy`](crate::CrossEntropy), or of the sum of
/// [`BceWithLogits`](crate::BceWithLogits).
///
/// # Uninformed
/// log K for zero logits of K bins, (K - 1) log 2 for ordinal ones. The floor is 0, or the mean entropy of
/// the shares. No kinks.
///
/// # Example
/// ```
/// use limpid_loss::{BinCoding, BinDecoding, BinnedRegression, Loss};
/// use limpid_tensor::Tensor;
///
/// let stars = BinnedRegression::levels(1, 5)?.with_coding(BinCoding::Ordinal);
/// assert_eq!(stars.outputs(), 4);
/// let logits = Tensor::<f64>::from_vec(vec![9.0, 9.0, 0.0, -9.0], [1, 4])?;
/// let decoded = stars.decode(&logits, BinDecoding::Expectation)?;
/// assert!((decoded.item()? - 3.5).abs() < 1e-3);
/// let loss = stars.forward(&logits, &Tensor::from_vec(vec![4.0], [1])?)?;
/// assert!((loss.item()? - 2.0_f64.ln()).abs() < 1e-3);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BinnedRegression {
    edges: Vec<f64>,
    values: Vec<f64>,
    /// What a value becomes; by default its bin.
    pub coding: BinCoding,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl BinnedRegression {
    /// Of the bins between these edges, decoded by their middles.
    ///
    /// # Errors
    /// An argument error unless there are three edges or more, finite and increasing.
    pub fn new(edges: impl Into<Vec<f64>>) -> Result<Self> {
        let edges = edges.into();
        let finite = edges.iter().all(|edge| edge.is_finite());
        if edges.len() < 3 || !finite || !edges.is_sorted_by(|left, right| left < right) {
            let expected = "three or more finite numbers that increase";
            return Err(Error::argument(
                NAME,
                "edges",
                expected,
                format!("{edges:?}"),
            ));
        }
        let middle = |pair: &[f64]| 0.5 * pair[0] + 0.5 * pair[1];
        Ok(Self {
            values: edges.windows(2).map(middle).collect(),
            edges,
            coding: BinCoding::OneHot,
            reduction: Reduction::Mean,
        })
    }

    /// Of so many bins of equal width from `low` to `high`.
    ///
    /// # Errors
    /// As [`BinnedRegression::new`].
    pub fn uniform(low: f64, high: f64, bins: usize) -> Result<Self> {
        let edge = |place: usize| {
            let share = place as f64 / bins.max(1) as f64;
            (1.0 - share) * low + share * high
        };
        Self::new((0..=bins).map(edge).collect::<Vec<_>>())
    }

    /// Of the whole numbers from `first` to `last`, as marks and stars are, each the middle of a bin.
    ///
    /// # Errors
    /// An argument error unless there are two levels or more.
    pub fn levels(first: i32, last: i32) -> Result<Self> {
        let half = |level: i32| f64::from(level) - 0.5;
        Self::new(
            (first..=last)
                .map(half)
                .chain([half(last) + 1.0])
                .collect::<Vec<_>>(),
        )
    }

    setting! {
        /// With another coding of values.
        with_coding, coding: BinCoding
    }

    with_reduction!();

    /// Decoded by other values than the middles, as the mean of the training values in each bin.
    ///
    /// # Errors
    /// An argument error unless there is a finite value for each bin.
    pub fn with_values(mut self, values: impl Into<Vec<f64>>) -> Result<Self> {
        let values = values.into();
        if values.len() != self.bins() || values.iter().any(|value| !value.is_finite()) {
            let expected = "a finite number for each bin";
            return Err(Error::argument(
                NAME,
                "values",
                expected,
                format!("{values:?}"),
            ));
        }
        self.values = values;
        Ok(self)
    }

    /// The number of bins.
    pub fn bins(&self) -> usize {
        self.edges.len() - 1
    }

    /// The edges of the bins, one more than there are bins.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// What each bin is decoded to.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How many logits a model must have.
    pub fn outputs(&self) -> usize {
        match self.coding {
            BinCoding::OneHot | BinCoding::Gauss { .. } => self.bins(),
            BinCoding::Ordinal => self.bins() - 1,
        }
    }

    /// The bin that a value falls in.
    pub fn bin(&self, value: f64) -> usize {
        let inner = &self.edges[1..self.bins()];
        inner.partition_point(|&edge| edge <= value)
    }

    /// The probabilities of the bins, `[N, K]`, from logits `[N, outputs]`, outside the graph. Ordinal answers
    /// that contradict each other, a greater edge being the likelier passed, are lowered to the least before.
    ///
    /// # Errors
    /// A shape error when the logits do not fit.
    pub fn probabilities<E: Element>(&self, logits: &Tensor<E>) -> Result<Tensor<E>> {
        self.check_logits(logits)?;
        let logits = logits.detach();
        if self.coding != BinCoding::Ordinal {
            return logits.softmax(1);
        }
        let mut probabilities = Vec::with_capacity(logits.shape()[0] * self.bins());
        for above in logits.sigmoid().elements().chunks_exact(self.outputs()) {
            let mut before = E::one();
            for &above in above {
                let after = before.min(above);
                probabilities.push(before - after);
                before = after;
            }
            probabilities.push(before);
        }
        Tensor::from_vec(probabilities, [logits.shape()[0], self.bins()])
    }

    /// The value of each row of logits: `[N, outputs]` gives `[N]`, outside the graph.
    ///
    /// # Errors
    /// As [`BinnedRegression::probabilities`].
    pub fn decode<E: Element>(
        &self,
        logits: &Tensor<E>,
        decoding: BinDecoding,
    ) -> Result<Tensor<E>> {
        let probabilities = self.probabilities(logits)?;
        let elements = probabilities.elements();
        let rows = elements.chunks_exact(self.bins());
        let decoded = rows.map(|row| E::of(self.value_of(row, decoding)));
        Tensor::from_vec(decoded.collect(), [logits.shape()[0]])
    }

    fn value_of<E: Element>(&self, row: &[E], decoding: BinDecoding) -> f64 {
        if decoding == BinDecoding::Expectation {
            let pairs = row.iter().zip(&self.values);
            return pairs.map(|(p, value)| p.double() * value).sum();
        }
        let mut below = 0.0;
        for (bin, p) in row.iter().enumerate() {
            let p = p.double();
            if p.is_nan() {
                return p;
            }
            if below + p >= 0.5 && p > 0.0 {
                let share = ((0.5 - below) / p).clamp(0.0, 1.0);
                return match decoding {
                    BinDecoding::MedianBin => self.values[bin],
                    _ => (1.0 - share) * self.edges[bin] + share * self.edges[bin + 1],
                };
            }
            below += p;
        }
        // Only rounding leads here: the probabilities sum to less than a half at no other time.
        self.values[self.bins() - 1]
    }

    fn check_logits<E: Element>(&self, logits: &Tensor<E>) -> Result<()> {
        if logits.rank() == 2 && logits.shape()[1] == self.outputs() {
            return Ok(());
        }
        let rule = format!("must be [N, {}]", self.outputs());
        Err(Error::shape(NAME, &[logits.shape()], rule))
    }

    /// The values of a target `[N]` or `[N, 1]`, which must be finite.
    fn values_of<E: Element>(&self, target: &Tensor<E>) -> Result<Vec<f64>> {
        let (&[_] | &[_, 1]) = target.shape() else {
            return Err(Error::shape(
                NAME,
                &[target.shape()],
                "must be [N] or [N, 1]",
            ));
        };
        let values: Vec<f64> = target
            .elements()
            .iter()
            .map(|value| value.double())
            .collect();
        match values.iter().find(|value| !value.is_finite()) {
            Some(&found) => {
                let what = "target".to_owned();
                Err(Error::new(NAME, ErrorKind::NotFinite { what, found }))
            }
            None => Ok(values),
        }
    }

    /// The share of each bin, row by row.
    fn shares<E: Element>(&self, values: &[f64], sigma: f64) -> Result<Tensor<E>> {
        if !(sigma.is_finite() && sigma > 0.0) {
            return Err(Error::argument(NAME, "sigma", "finite and above 0", sigma));
        }
        let bins = self.bins();
        let (low, high) = (self.edges[0], self.edges[bins]);
        let deviation = sigma * (high - low) / bins as f64;
        let mut shares = Vec::with_capacity(values.len() * bins);
        for value in values {
            let value = value.clamp(low, high);
            let below = |edge: f64| {
                let distance = (edge - value) / (deviation * std::f64::consts::SQRT_2);
                Element::erf(distance)
            };
            let total = below(high) - below(low);
            let pairs = self.edges.windows(2);
            shares.extend(pairs.map(|pair| E::of((below(pair[1]) - below(pair[0])) / total)));
        }
        Tensor::from_vec(shares, [values.len(), bins])
    }
}

impl<E: Element> Loss<E> for BinnedRegression {
    loss_of_values!(E, NAME, but_for_the_initial_and_the_floor);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        self.check_logits(prediction)?;
        let values = self.values_of(target)?;
        if values.len() != prediction.shape()[0] {
            let shapes = [prediction.shape(), target.shape()];
            return Err(Error::shape(
                NAME,
                &shapes,
                "there must be a value for each row",
            ));
        }
        match self.coding {
            BinCoding::OneHot => {
                let bins: Vec<usize> = values.iter().map(|&value| self.bin(value)).collect();
                CrossEntropy::new().per_item(prediction, &bins)
            }
            BinCoding::Gauss { sigma } => {
                CrossEntropySoft::new().per_item(prediction, &self.shares(&values, sigma)?)
            }
            BinCoding::Ordinal => {
                let (questions, bins) = (self.outputs(), |row: usize| self.bin(values[row]));
                let above = |place: usize| f64::from(bins(place / questions) > place % questions);
                let flags = Tensor::from_fn([values.len(), questions], above);
                let answers = BceWithLogits::new().per_item(prediction, &flags)?;
                answers.sum_dim(&[1], false)
            }
        }
    }

    fn expected_initial(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let &rows = target.shape().first()?;
        let items = self
            .per_item(&Tensor::zeros([rows, self.outputs()]), target)
            .ok()?;
        uninformed::reduced(self, uninformed::sum(&items), items.len(), target)
    }

    fn floor(&self, outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let BinCoding::Gauss { sigma } = self.coding else {
            return Some(0.0);
        };
        let shares = self
            .shares::<E>(&self.values_of(target).ok()?, sigma)
            .ok()?;
        let soft = CrossEntropySoft::new().with_reduction(self.reduction);
        soft.floor(outputs, &shares)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(numbers: &[f64]) -> Tensor<f64> {
        Tensor::from_vec(numbers.to_vec(), [1, numbers.len()]).unwrap()
    }

    fn decoded(bins: &BinnedRegression, logits: &[f64], decoding: BinDecoding) -> f64 {
        let decoded = bins.decode(&row(logits), decoding).unwrap();
        decoded.item().unwrap()
    }

    #[test]
    fn values_fall_in_bins_and_are_decoded() {
        let bins = BinnedRegression::uniform(0.0, 4.0, 4).unwrap();
        let found = [-9.0, 0.0, 0.99, 1.0, 3.99, 4.0, 9.0].map(|value| bins.bin(value));
        assert_eq!(found, [0, 0, 0, 1, 3, 3, 3]);
        assert_eq!(bins.values(), [0.5, 1.5, 2.5, 3.5]);
        // Shares 1/8, 1/8, 1/2, 1/4.
        let logits = [1.0, 1.0, 4.0, 2.0].map(f64::ln);
        let expected = (0.5 + 1.5 + 4.0 * 2.5 + 2.0 * 3.5) / 8.0;
        let found = decoded(&bins, &logits, BinDecoding::Expectation);
        assert!((found - expected).abs() < 1e-15);
        assert!((decoded(&bins, &logits, BinDecoding::Median) - 2.5).abs() < 1e-15);
        assert_eq!(decoded(&bins, &logits, BinDecoding::MedianBin), 2.5);
        let means = bins.with_values([0.0, 1.0, 2.0, 30.0]).unwrap();
        let found = decoded(&means, &logits, BinDecoding::Expectation);
        assert!((found - (1.0 + 8.0 + 60.0) / 8.0).abs() < 1e-14);
    }

    #[test]
    fn ordinal_answers_become_probabilities() {
        let stars = BinnedRegression::levels(1, 4)
            .unwrap()
            .with_coding(BinCoding::Ordinal);
        assert_eq!(
            (stars.bins(), stars.values()),
            (4, &[1.0, 2.0, 3.0, 4.0][..])
        );
        let logit = |p: f64| (p / (1.0 - p)).ln();
        let probabilities = stars.probabilities(&row(&[logit(0.9), logit(0.3), logit(0.6)]));
        let found = probabilities.unwrap().to_vec();
        for (found, expected) in found.iter().zip([0.1, 0.6, 0.0, 0.3]) {
            assert!((found - expected).abs() < 1e-15);
        }
        let logits = [logit(0.9), logit(0.8), logit(0.3)];
        assert_eq!(decoded(&stars, &logits, BinDecoding::MedianBin), 3.0);
        let loss = stars
            .forward(&row(&logits), &Tensor::full([1, 1], 3.0))
            .unwrap();
        let expected = -(0.9_f64 * 0.8 * 0.7).ln();
        assert!((loss.item().unwrap() - expected).abs() < 1e-14);
    }

    #[test]
    fn shares_around_a_value_sum_to_one_and_have_its_mean() {
        let bins = BinnedRegression::uniform(-10.0, 10.0, 40).unwrap();
        let shares = bins
            .shares::<f64>(&[1.3, -10.0, 99.0], 0.75)
            .unwrap()
            .to_vec();
        for row in shares.chunks(40) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        let mean = bins.value_of(&shares[..40], BinDecoding::Expectation);
        let median = bins.value_of(&shares[..40], BinDecoding::Median);
        // The middles stand for their bins, so the mean is not exact.
        assert!(
            (mean - 1.3).abs() < 1e-3 && (median - 1.3).abs() < 0.05,
            "{mean}, {median}"
        );
        let spread = shares[..40].iter().filter(|&&share| share > 0.01).count();
        assert_eq!(spread, 5);
        assert_eq!(bins.value_of(&shares[80..], BinDecoding::MedianBin), 9.75);
    }

    #[test]
    fn zero_logits_and_the_floor() {
        let bins = BinnedRegression::uniform(0.0, 1.0, 8).unwrap();
        let target = Tensor::<f64>::from_vec(vec![0.1, 0.5], [2]).unwrap();
        let initial = |bins: &BinnedRegression| bins.expected_initial(8, &target).unwrap();
        assert!((initial(&bins) - 8_f64.ln()).abs() < 1e-14);
        assert_eq!(Loss::floor(&bins, 8, &target), Some(0.0));
        let soft = bins.clone().with_coding(BinCoding::Gauss { sigma: 0.75 });
        assert!((initial(&soft) - 8_f64.ln()).abs() < 1e-14);
        assert!(Loss::floor(&soft, 8, &target).unwrap() > 0.5);
        let ordinal = bins.with_coding(BinCoding::Ordinal);
        assert!((initial(&ordinal) - 7.0 * 2_f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for edges in [
            &[0.0, 1.0][..],
            &[0.0, 0.0, 1.0],
            &[0.0, f64::INFINITY, 1.0],
            &[f64::NAN; 3],
        ] {
            assert!(BinnedRegression::new(edges).is_err(), "{edges:?}");
        }
        assert!(BinnedRegression::uniform(1.0, 1.0, 4).is_err());
        assert!(BinnedRegression::levels(3, 3).is_err());
        assert!(BinnedRegression::levels(3, 1).is_err());
        let bins = BinnedRegression::uniform(0.0, 1.0, 4).unwrap();
        assert!(bins.clone().with_values([1.0]).is_err());
        let (logits, target) = (Tensor::<f64>::zeros([2, 4]), Tensor::zeros([2]));
        assert!(bins.forward(&Tensor::zeros([2, 5]), &target).is_err());
        assert!(bins.forward(&logits, &Tensor::zeros([2, 2])).is_err());
        assert!(bins.forward(&logits, &Tensor::zeros([3])).is_err());
        assert!(bins.forward(&logits, &Tensor::full([2], f64::NAN)).is_err());
        let narrow = bins.with_coding(BinCoding::Gauss { sigma: 0.0 });
        assert!(narrow.forward(&logits, &target).is_err());
    }
}

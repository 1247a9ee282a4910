//! How well a score tells two classes apart.

use limpid_tensor::{Element, Error, ErrorKind, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::ranking::{Scored, average_precision, ordered, roc_auc};
use super::{check_rows, check_some};

const NAME: &str = "binary";

/// Collects scores of two classes. What depends on the order of all scores needs all of them, so
/// this keeps 9 bytes a row.
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
/// use limpid_train::metric::Binary;
///
/// let mut metric = Binary::new();
/// metric.update(&Tensor::from_vec(vec![0.1, 0.4, 0.35, 0.8], [4])?, &[0, 0, 1, 1])?;
/// assert_eq!(metric.scores()?.roc_auc, Some(0.75));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Binary {
    rows: Vec<Scored>,
}

/// The scores of a binary classifier.
///
/// # Source
/// Equal scikit-learn's `roc_auc_score`, `average_precision_score`, `brier_score_loss` (1.9).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BinaryScores {
    /// The probability that a positive row scores above a negative one, ties counting half. `None`
    /// where one of the classes does not occur.
    pub roc_auc: Option<f64>,
    /// The sum over the thresholds of precision times the growth of recall. `None` where there is no
    /// positive row.
    pub average_precision: Option<f64>,
    /// The mean squared difference of probability and class. `None` where a score is no probability.
    pub brier: Option<f64>,
}

impl Binary {
    /// Nothing collected yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Collects the rows of a batch: scores `[N]` or `[N, 1]`, of which greater ones speak for class
    /// 1. Nothing is collected of a batch that is refused.
    ///
    /// # Errors
    /// A shape error when there is not one score a row, an index error for a class other than 0 and
    /// 1, a not-finite error for a score that is none.
    pub fn update<E: Element>(&mut self, score: &Tensor<E>, target: &[usize]) -> Result<()> {
        check_rows(NAME, score.shape(), target.len())?;
        if score.len() != target.len() {
            return Err(Error::shape(
                NAME,
                &[score.shape()],
                "must be one score a row",
            ));
        }
        if let Some(&class) = target.iter().find(|&&class| class > 1) {
            return Err(Error::index(NAME, "class", class, 2));
        }
        let elements = score.elements();
        if let Some(&found) = elements.iter().find(|value| !value.is_finite()) {
            let kind = ErrorKind::NotFinite {
                what: "score".to_owned(),
                found: found.double(),
            };
            return Err(Error::new(NAME, kind));
        }
        let scores = elements.iter().map(|score| score.double());
        self.rows
            .extend(scores.zip(target.iter().map(|&class| class == 1)));
        Ok(())
    }

    /// The scores of all rows so far.
    ///
    /// # Errors
    /// An argument error when there is none.
    pub fn scores(&self) -> Result<BinaryScores> {
        check_some(NAME, self.rows.len() as u64)?;
        let ordered = ordered(self.rows.clone());
        let brier =
            |&(score, positive): &(f64, bool)| (score - f64::from(u8::from(positive))).powi(2);
        let probable = self
            .rows
            .iter()
            .all(|(score, _)| (0.0..=1.0).contains(score));
        let mean_brier = || self.rows.iter().map(brier).sum::<f64>() / self.rows.len() as f64;
        Ok(BinaryScores {
            roc_auc: roc_auc(&ordered),
            average_precision: average_precision(&ordered),
            brier: probable.then(mean_brier),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(rows: &[(f64, usize)]) -> BinaryScores {
        let mut metric = Binary::new();
        for &(score, class) in rows {
            metric
                .update(&Tensor::from_vec(vec![score], [1, 1]).unwrap(), &[class])
                .unwrap();
        }
        metric.scores().unwrap()
    }

    #[test]
    fn ties_count_half() {
        let scores = scores(&[(0.5, 1), (0.5, 0), (0.5, 0), (0.9, 1)]);
        assert_eq!(scores.roc_auc, Some(0.75));
        // Recall grows by half at precision 1, by half at precision 2/4.
        assert_eq!(scores.average_precision, Some(0.75));
    }

    #[test]
    fn a_perfect_score_is_one() {
        let scores = scores(&[(0.0, 0), (1.0, 1)]);
        assert_eq!(scores.roc_auc, Some(1.0));
        assert_eq!(scores.average_precision, Some(1.0));
        assert_eq!(scores.brier, Some(0.0));
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let of_one_class = scores(&[(0.2, 0), (0.4, 0)]);
        assert_eq!(of_one_class.roc_auc, None);
        assert_eq!(of_one_class.average_precision, None);
        let of_logits = scores(&[(-3.0, 0), (2.0, 1)]);
        assert_eq!((of_logits.brier, of_logits.roc_auc), (None, Some(1.0)));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut metric = Binary::new();
        let two = Tensor::<f64>::ones([2]);
        assert!(metric.update(&two, &[0]).is_err());
        assert!(metric.update(&two, &[0, 2]).is_err());
        assert!(
            metric
                .update(&Tensor::<f64>::ones([2, 2]), &[0, 1])
                .is_err()
        );
        assert!(
            metric
                .update(&Tensor::<f64>::full([1], f64::NAN), &[1])
                .is_err()
        );
        assert!(metric.scores().is_err());
    }
}

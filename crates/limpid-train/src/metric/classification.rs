//! How well classes are told apart.

use limpid_tensor::{Element, Error, ErrorKind, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::{Average, Confusion, LogLoss, TopK, check_rows, check_some};

/// Counts what predicted probabilities get right.
///
/// # Shapes
/// Probabilities `[N, C]`, one class for each row.
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
/// use limpid_train::metric::Classification;
///
/// let mut metric = Classification::new(2)?;
/// metric.update(&Tensor::from_vec(vec![0.9, 0.1, 0.2, 0.8], [2, 2])?, &[0, 1])?;
/// metric.update(&Tensor::from_vec(vec![0.6, 0.4], [1, 2])?, &[1])?;
/// assert_eq!(metric.scores()?.accuracy, 2.0 / 3.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    classes: usize,
    top_k: TopK,
    log_loss: LogLoss,
    confusion: Confusion,
}

/// The scores of a classifier. The macro averages run over the classes that occur among targets or
/// predictions; where a class's score would divide by 0, it is 0.
///
/// # Source
/// Equal scikit-learn's `accuracy_score`, `top_k_accuracy_score`, `f1_score`, `precision_score`,
/// `recall_score`, `log_loss`, `confusion_matrix` (1.9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassificationScores {
    /// The share of rows whose class has the greatest probability; among equal ones the lowest
    /// class counts.
    pub accuracy: f64,
    /// The share of rows whose class is among the k most probable; among equal probabilities the
    /// higher class comes first.
    pub top_k: f64,
    /// The mean over classes of the harmonic mean of precision and recall.
    pub macro_f1: f64,
    /// The mean over classes of the share of right ones among the predicted.
    pub macro_precision: f64,
    /// The mean over classes of the share of predicted ones among the true.
    pub macro_recall: f64,
    /// The mean of -log of the probability of the true class, in nats; probabilities are moved into
    /// [eps, 1 - eps], eps being the element type's.
    pub log_loss: f64,
    /// How often a row of class `[i, _]` was taken for class `[_, j]`.
    pub confusion: Vec<Vec<u64>>,
}

impl Classification {
    /// Nothing counted yet, of `classes` classes; k is 1.
    ///
    /// # Errors
    /// An argument error for less than 2 classes.
    pub fn new(classes: usize) -> Result<Self> {
        if classes < 2 {
            let found = classes;
            return Err(Error::argument(NAME, "classes", "at least 2", found));
        }
        Ok(Self {
            classes,
            top_k: TopK::new(1)?,
            log_loss: LogLoss::of_probabilities(),
            confusion: Confusion::new(),
        })
    }

    /// Counts a row as found by the top k when its class is among the `k` most probable.
    ///
    /// # Errors
    /// An argument error when `k` is 0.
    pub fn with_top(mut self, k: usize) -> Result<Self> {
        self.top_k = TopK::new(k)?;
        Ok(self)
    }

    /// Counts the rows of a batch. Nothing is counted of a batch that is refused.
    ///
    /// # Errors
    /// A shape error when the probabilities are not `[target.len(), classes]`, an index error for a
    /// class that does not exist, a not-finite error for a probability that is none.
    pub fn update<E: Element>(
        &mut self,
        probabilities: &Tensor<E>,
        target: &[usize],
    ) -> Result<()> {
        check_rows(NAME, probabilities.shape(), target.len())?;
        if probabilities.shape() != [target.len(), self.classes] {
            let shapes = [probabilities.shape(), &[target.len(), self.classes]];
            return Err(Error::shape(NAME, &shapes, "must be [rows, classes]"));
        }
        let elements = probabilities.elements();
        if let Some(&found) = elements.iter().find(|value| !value.is_finite()) {
            let kind = ErrorKind::NotFinite {
                what: "probability".to_owned(),
                found: found.double(),
            };
            return Err(Error::new(NAME, kind));
        }
        if let Some(&class) = target.iter().find(|&&class| class >= self.classes) {
            return Err(Error::index(NAME, "class", class, self.classes));
        }
        for (row, &class) in elements.chunks_exact(self.classes).zip(target) {
            self.top_k.count(row, class);
            self.log_loss.count(row, class);
        }
        self.confusion.update(probabilities, target)
    }

    /// How many rows were counted.
    pub fn rows(&self) -> u64 {
        self.confusion.rows()
    }

    /// The scores of all rows so far.
    ///
    /// # Errors
    /// An argument error when there is none.
    pub fn scores(&self) -> Result<ClassificationScores> {
        check_some(NAME, self.rows())?;
        // There is a row, so that each of them is defined.
        let defined = |score: Option<f64>| score.unwrap_or(0.0);
        let confusion = &self.confusion;
        Ok(ClassificationScores {
            accuracy: defined(confusion.accuracy()),
            top_k: defined(self.top_k.share()),
            macro_f1: defined(confusion.f1(Average::Macro)),
            macro_precision: defined(confusion.precision(Average::Macro)),
            macro_recall: defined(confusion.recall(Average::Macro)),
            log_loss: defined(self.log_loss.mean()),
            confusion: confusion
                .counts()
                .rows()
                .into_iter()
                .map(|row| row.to_vec())
                .collect(),
        })
    }

    /// What was taken for what, with the scores of each class.
    pub fn confusion(&self) -> &Confusion {
        &self.confusion
    }
}

const NAME: &str = "classification";

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::Stream;

    fn rows(rows: &[[f64; 3]]) -> Tensor<f64> {
        Tensor::from_vec(rows.concat(), [rows.len(), 3]).unwrap()
    }

    #[test]
    fn batches_add_up_to_the_whole() {
        let probabilities = Tensor::<f64>::uniform([50, 3], 0.01, 1.0, Stream::new(1));
        let target: Vec<usize> = (0..50).map(|it| it * 7 % 3).collect();
        let mut whole = Classification::new(3).unwrap();
        whole.update(&probabilities, &target).unwrap();
        let mut parts = Classification::new(3).unwrap();
        for (start, length) in [(0, 1), (1, 30), (31, 19)] {
            let part = probabilities.narrow(0, start, length).unwrap();
            parts.update(&part, &target[start..start + length]).unwrap();
        }
        assert_eq!(whole.scores().unwrap(), parts.scores().unwrap());
    }

    #[test]
    fn classes_that_never_occur_do_not_count() {
        let mut metric = Classification::new(3).unwrap();
        metric
            .update(&rows(&[[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]]), &[0, 1])
            .unwrap();
        let scores = metric.scores().unwrap();
        assert_eq!((scores.macro_precision, scores.macro_recall), (0.25, 0.5));
        assert!((scores.macro_f1 - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn ties_go_to_the_lowest_class_in_accuracy_and_to_the_highest_in_top_k() {
        let mut metric = Classification::new(3).unwrap();
        metric
            .update(&rows(&[[0.4, 0.4, 0.2], [0.4, 0.4, 0.2]]), &[0, 1])
            .unwrap();
        let scores = metric.scores().unwrap();
        assert_eq!((scores.accuracy, scores.top_k), (0.5, 0.5));
        assert_eq!(scores.confusion[1], [1, 0, 0]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_counted() {
        let mut metric = Classification::new(3).unwrap();
        let right = rows(&[[0.2, 0.3, 0.5]]);
        assert!(metric.update(&right, &[0, 1]).is_err());
        assert!(metric.update(&right, &[3]).is_err());
        assert!(metric.update(&rows(&[[0.2, f64::NAN, 0.5]]), &[0]).is_err());
        assert!(metric.update(&Tensor::<f64>::ones([1, 2]), &[0]).is_err());
        assert!(metric.scores().is_err());
        assert!(Classification::new(1).is_err());
        assert!(metric.with_top(0).is_err());
    }
}

//! Which classes are taken for which.

use limpid_tensor::{Element, Error, Result, Tensor};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::class_rows::{ClassRows, check_classes, greatest};

const NAME: &str = "confusion";

/// How the scores of classes become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Average {
    /// The mean over the classes that occur among targets or predictions.
    Macro,
    /// The score of all decisions together: with one class a row, the accuracy.
    Micro,
    /// The mean weighted by how often each class is the true one.
    Weighted,
    /// That of this class alone: of class 1, what two classes are usually judged by.
    Of(usize),
}

/// Counts how often rows of one class are taken for another. The predicted class is that of the
/// greatest score, of equal ones the lowest; scores may be logits or probabilities.
///
/// Where a class's score would divide by 0, it is 0.
///
/// # Source
/// Equal scikit-learn's `confusion_matrix`, `accuracy_score`, `balanced_accuracy_score`, `precision_score`,
/// `recall_score`, `f1_score`, `cohen_kappa_score`, `matthews_corrcoef`, `classification_report` (1.9).
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
/// use limpid_train::metric::Confusion;
///
/// let mut confusion = Confusion::new();
/// confusion.update(&Tensor::from_vec(vec![2.0, -1.0, 0.0, 3.0, 1.0, 0.0], [3, 2])?, &[0, 1, 1])?;
/// assert_eq!(confusion.counts()[[1, 0]], 1);
/// assert_eq!(confusion.report()[1].recall, 0.5);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confusion {
    counts: Array2<u64>,
}

/// How well one class is told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassReport {
    /// The class.
    pub class: usize,
    /// The share of right ones among the rows taken for it.
    pub precision: f64,
    /// The share of its rows that were taken for it.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// How many of the rows are of this class.
    pub support: u64,
}

impl Confusion {
    /// Nothing counted yet; the first batch says how many classes there are.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the rows of a batch: scores `[N, C]`, a class for each row. Nothing is counted of a
    /// batch that is refused.
    ///
    /// # Errors
    /// A shape error when the scores are not `[target.len(), classes]`, with as many classes as before;
    /// an index error for a class that does not exist; a not-finite error for NaN.
    pub fn update<E: Element>(&mut self, scores: &Tensor<E>, target: &[usize]) -> Result<()> {
        let rows = ClassRows::new(NAME, scores, target)?;
        self.fit(rows.classes)?;
        for (row, class) in rows.iter() {
            self.counts[[class, greatest(row)]] += 1;
        }
        Ok(())
    }

    /// Adds the counts of other rows.
    ///
    /// # Errors
    /// A shape error when they are of another number of classes.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if other.classes() > 0 {
            self.fit(other.classes())?;
            self.counts += &other.counts;
        }
        Ok(())
    }

    fn fit(&mut self, classes: usize) -> Result<()> {
        check_classes(NAME, self.classes(), classes)?;
        if self.classes() == 0 {
            self.counts = Array2::zeros((classes, classes));
        }
        Ok(())
    }

    /// How many classes there are; 0 before the first batch.
    pub fn classes(&self) -> usize {
        self.counts.nrows()
    }

    /// How many rows were counted.
    pub fn rows(&self) -> u64 {
        self.counts.sum()
    }

    /// How often a row of class `[i, _]` was taken for class `[_, j]`.
    pub fn counts(&self) -> &Array2<u64> {
        &self.counts
    }

    /// Precision, recall, F1 and support of each class.
    pub fn report(&self) -> Vec<ClassReport> {
        (0..self.classes()).map(|class| self.of(class)).collect()
    }

    /// The share of rows that were right; `None` where there is no row.
    pub fn accuracy(&self) -> Option<f64> {
        let rows = self.rows();
        (rows > 0).then(|| self.right() as f64 / rows as f64)
    }

    /// The mean of the recalls of the classes that have rows: what chance gets is 1 / C, however
    /// uneven the classes are.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let with_rows = self.report().into_iter().filter(|it| it.support > 0);
        mean(with_rows.map(|it| it.recall))
    }

    /// The averaged share of right ones among the rows taken for a class.
    pub fn precision(&self, average: Average) -> Option<f64> {
        self.averaged(average, |it| it.precision)
    }

    /// The averaged share of a class's rows that were taken for it.
    pub fn recall(&self, average: Average) -> Option<f64> {
        self.averaged(average, |it| it.recall)
    }

    /// The averaged harmonic mean of precision and recall.
    pub fn f1(&self, average: Average) -> Option<f64> {
        self.averaged(average, |it| it.f1)
    }

    /// Cohen's kappa, (accuracy - chance) / (1 - chance), where chance is the accuracy of predictions as
    /// frequent as these that know nothing. `None` where chance is 1.
    pub fn cohen_kappa(&self) -> Option<f64> {
        let rows = self.rows() as f64;
        let chance = self
            .margins()
            .map(|(actual, predicted)| actual * predicted)
            .sum::<f64>()
            / (rows * rows);
        let accuracy = self.accuracy()?;
        (chance < 1.0).then(|| (accuracy - chance) / (1.0 - chance))
    }

    /// Matthews' correlation coefficient of any number of classes (Gorodkin 2004): 1 for perfect
    /// predictions, 0 for those that know nothing, and 0 where all predictions or all targets are of one class.
    pub fn matthews(&self) -> Option<f64> {
        let rows = self.rows() as f64;
        let (mut together, mut of_actual, mut of_predicted) = (0.0, 0.0, 0.0);
        for (actual, predicted) in self.margins() {
            together += actual * predicted;
            of_actual += actual * actual;
            of_predicted += predicted * predicted;
        }
        let covariance = self.right() as f64 * rows - together;
        let spread = (rows * rows - of_actual) * (rows * rows - of_predicted);
        let value = if spread > 0.0 {
            covariance / spread.sqrt()
        } else {
            0.0
        };
        (rows > 0.0).then_some(value)
    }

    /// The counts, row by row.
    pub(super) fn state(&self) -> Vec<u64> {
        self.counts.iter().copied().collect()
    }

    /// The same from counts that are a square's.
    pub(super) fn load(&mut self, state: &[u64]) -> bool {
        let classes = state.len().isqrt();
        let counts = Array2::from_shape_vec((classes, classes), state.to_vec());
        counts.map(|counts| self.counts = counts).is_ok()
    }

    fn right(&self) -> u64 {
        self.counts.diag().sum()
    }

    /// How often each class is the true and the predicted one.
    fn margins(&self) -> impl Iterator<Item = (f64, f64)> {
        let sums = self.counts.rows().into_iter().zip(self.counts.columns());
        sums.map(|(row, column)| (row.sum() as f64, column.sum() as f64))
    }

    fn of(&self, class: usize) -> ClassReport {
        let right = self.counts[[class, class]] as f64;
        let support = self.counts.row(class).sum();
        let (actual, predicted) = (support as f64, self.counts.column(class).sum() as f64);
        ClassReport {
            class,
            precision: share(right, predicted),
            recall: share(right, actual),
            f1: share(2.0 * right, actual + predicted),
            support,
        }
    }

    fn averaged(&self, average: Average, score: impl Fn(&ClassReport) -> f64) -> Option<f64> {
        let rows = self.rows();
        if rows == 0 {
            return None;
        }
        let report = self.report();
        match average {
            Average::Macro => {
                let occurs =
                    |it: &&ClassReport| it.support > 0 || self.counts.column(it.class).sum() > 0;
                mean(report.iter().filter(occurs).map(&score))
            }
            Average::Micro => self.accuracy(),
            Average::Weighted => {
                let weighted = report.iter().map(|it| score(it) * it.support as f64);
                Some(weighted.sum::<f64>() / rows as f64)
            }
            Average::Of(class) => report.get(class).map(score),
        }
    }

    /// The class exists, or none is known yet.
    pub(super) fn check_average(&self, average: Average, classes: usize) -> Result<()> {
        match average {
            Average::Of(class) if class >= classes => {
                Err(Error::index(NAME, "class", class, classes))
            }
            _ => Ok(()),
        }
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, logits, targets};
    use super::*;

    #[test]
    fn the_report_equals_that_of_scikit_learn() {
        let mut confusion = Confusion::new();
        confusion.update(&logits(), &targets()).unwrap();
        // scikit-learn 1.9.1: classification_report.
        let expected = [
            (2.0 / 3.0, 0.5, 0.571_428_571_428_571_4, 8),
            (0.2, 0.25, 0.222_222_222_222_222_2, 4),
            (0.363_636_363_636_363_65, 0.5, 0.421_052_631_578_947_35, 8),
            (1.0, 0.5, 2.0 / 3.0, 4),
        ];
        for (it, (precision, recall, f1, support)) in confusion.report().iter().zip(expected) {
            assert_eq!(it.support, support);
            for (found, expected) in [(it.precision, precision), (it.recall, recall), (it.f1, f1)] {
                assert!(close(Some(found), expected), "{it:?}");
            }
        }
        assert_eq!(confusion.rows(), 24);
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let mut confusion = Confusion::new();
        assert_eq!(confusion.accuracy(), None);
        assert_eq!(confusion.f1(Average::Micro), None);
        assert_eq!(
            (confusion.cohen_kappa(), confusion.matthews()),
            (None, None)
        );
        confusion
            .update(&Tensor::from_vec(vec![1.0, 0.0], [1, 2]).unwrap(), &[0])
            .unwrap();
        assert_eq!(confusion.cohen_kappa(), None);
        assert_eq!(confusion.matthews(), Some(0.0));
        assert_eq!(confusion.precision(Average::Of(1)), Some(0.0));
        assert_eq!(confusion.precision(Average::Of(2)), None);
        assert_eq!(confusion.balanced_accuracy(), Some(1.0));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_counted() {
        let mut confusion = Confusion::new();
        let row = |classes: usize| Tensor::<f64>::zeros([1, classes]);
        assert!(confusion.update(&row(3), &[3]).is_err());
        assert!(confusion.update(&row(3), &[0, 1]).is_err());
        assert!(
            confusion
                .update(&Tensor::<f64>::zeros([3]), &[0, 1, 2])
                .is_err()
        );
        assert!(
            confusion
                .update(&Tensor::<f64>::full([1, 2], f64::NAN), &[0])
                .is_err()
        );
        assert_eq!(confusion, Confusion::new());
        confusion.update(&row(3), &[2]).unwrap();
        assert!(confusion.update(&row(4), &[2]).is_err());
        let mut other = Confusion::new();
        other.update(&row(2), &[1]).unwrap();
        assert!(confusion.merge(&other).is_err());
        confusion
            .update(
                &Tensor::from_vec(vec![f64::NEG_INFINITY, 0.0, 1.0], [1, 3]).unwrap(),
                &[2],
            )
            .unwrap();
        assert_eq!(confusion.counts()[[2, 2]], 1);
    }
}

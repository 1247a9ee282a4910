//! Metrics of the order in which scores put rows.

use limpid_tensor::{Element, Error, Result, Tensor};

use super::class_rows::{ClassRows, Outputs, check_classes, check_numbers};
use super::{Better, Metric, Score};

const NAME: &str = "ranking";

/// Rows of one class against the others: score, and whether the row is of the class.
pub(super) type Scored = (f64, bool);

/// The rows from the greatest score to the least.
pub(super) fn ordered(mut rows: Vec<Scored>) -> Vec<Scored> {
    rows.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    rows
}

/// The probability that a positive row scores above a negative one, ties counting half, of ordered rows.
pub(super) fn roc_auc(ordered: &[Scored]) -> Option<f64> {
    let positives = ordered.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = ordered.len() as f64 - positives;
    let (mut found, mut area) = (0.0, 0.0);
    for (hits, misses) in ties(ordered) {
        area += misses * (found + 0.5 * hits);
        found += hits;
    }
    (positives > 0.0 && negatives > 0.0).then(|| area / (positives * negatives))
}

/// The sum over the thresholds of precision times the growth of recall, of ordered rows.
pub(super) fn average_precision(ordered: &[Scored]) -> Option<f64> {
    let (mut found, mut wrong, mut precision) = (0.0, 0.0, 0.0);
    for (hits, misses) in ties(ordered) {
        found += hits;
        wrong += misses;
        precision += hits * found / (found + wrong);
    }
    (found > 0.0).then(|| precision / found)
}

/// How many positive and negative rows there are of each score.
fn ties(ordered: &[Scored]) -> impl Iterator<Item = (f64, f64)> {
    let tied = ordered.chunk_by(|(left, _), (right, _)| left == right);
    tied.map(|tied| {
        let hits = tied.iter().filter(|(_, positive)| *positive).count();
        (hits as f64, (tied.len() - hits) as f64)
    })
}

/// The scores of all rows, which a metric of their order needs: 8 bytes a class and 8 more for each row.
#[derive(Clone, Debug, Default, PartialEq)]
struct Ranking {
    /// 1 where there is one score for the second of two classes.
    columns: usize,
    scores: Vec<f64>,
    classes: Vec<usize>,
}

impl Ranking {
    /// One score a row, `[N]` or `[N, 1]`, speaks for class 1. Of two, their difference does, which puts the rows into the
    /// order of either's probability; of more, each class's probability speaks for it.
    fn update<E: Element>(
        &mut self,
        outputs: Outputs,
        scores: &Tensor<E>,
        target: &[usize],
    ) -> Result<()> {
        let columns = match *scores.shape() {
            [_] | [_, 1 | 2] => 1,
            [_, classes] => classes,
            _ => 0,
        };
        if scores.len() == target.len() && columns == 1 {
            if let Some(&class) = target.iter().find(|&&class| class > 1) {
                return Err(Error::index(NAME, "class", class, 2));
            }
            check_numbers(NAME, "score", &scores.elements())?;
            check_classes(NAME, self.columns, columns)?;
            self.scores
                .extend(scores.elements().iter().map(|it| it.double()));
        } else {
            let rows = ClassRows::new(NAME, scores, target)?;
            check_classes(NAME, self.columns, columns)?;
            for (row, _) in rows.iter() {
                match row {
                    [first, second] => self.scores.push(second.double() - first.double()),
                    _ => self.scores.extend(outputs.probabilities(row)),
                }
            }
        }
        self.columns = columns;
        self.classes.extend(target);
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if other.columns > 0 {
            check_classes(NAME, self.columns, other.columns)?;
            self.columns = other.columns;
        }
        self.scores.extend(&other.scores);
        self.classes.extend(&other.classes);
        Ok(())
    }

    /// Columns, classes and scores: of each row its class, then its scores.
    fn state(&self) -> Vec<u64> {
        let mut state = vec![self.columns as u64];
        let rows = self.scores.chunks_exact(self.columns.max(1));
        for (&class, scores) in self.classes.iter().zip(rows) {
            state.push(class as u64);
            state.extend(scores.iter().map(|score| score.to_bits()));
        }
        state
    }

    fn load(&mut self, state: &[u64]) -> bool {
        let Some((&columns, rows)) = state.split_first() else {
            return false;
        };
        let columns = columns as usize;
        let rows = rows.chunks_exact(columns.saturating_add(1));
        if !rows.remainder().is_empty() {
            return false;
        }
        *self = Self {
            columns,
            classes: rows.clone().map(|row| row[0] as usize).collect(),
            scores: rows
                .flat_map(|row| row[1..].iter().map(|&score| f64::from_bits(score)))
                .collect(),
        };
        true
    }

    /// The mean over the classes of each one's value against the others; `None` where one has none.
    fn mean(&self, value: fn(&[Scored]) -> Option<f64>) -> Option<f64> {
        let of = |column: usize, class: usize| {
            let rows = self.scores.chunks_exact(self.columns).zip(&self.classes);
            let rows = rows.map(|(row, &own)| (row[column], own == class));
            value(&ordered(rows.collect()))
        };
        match self.columns {
            0 => None,
            1 => of(0, 1),
            classes => {
                let sum: Option<f64> = (0..classes).map(|class| of(class, class)).sum();
                sum.map(|sum| sum / classes as f64)
            }
        }
    }
}

macro_rules! ranked {
    ($(#[$documentation:meta])* $name:ident, $value:path, $title:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            outputs: Outputs,
            ranking: Ranking,
        }

        impl $name {
            /// Of a model whose outputs are logits; of more than two, their softmax is ranked.
            pub fn of_logits() -> Self {
                Self { outputs: Outputs::Logits, ranking: Ranking::default() }
            }

            /// Of a model whose outputs are probabilities.
            pub fn of_probabilities() -> Self {
                Self { outputs: Outputs::Probabilities, ranking: Ranking::default() }
            }
        }

        impl Score for $name {
            fn name(&self) -> String {
                $title.to_owned()
            }

            fn better(&self) -> Better {
                Better::Greater
            }

            fn compute(&self) -> Option<f64> {
                self.ranking.mean($value)
            }

            fn merge(&mut self, other: &Self) -> Result<()> {
                self.ranking.merge(&other.ranking)
            }

            fn reset(&mut self) {
                self.ranking = Ranking::default();
            }

            fn state(&self) -> Option<Vec<u64>> {
                Some(self.ranking.state())
            }

            fn load(&mut self, state: &[u64]) -> bool {
                self.ranking.load(state)
            }
        }

        impl<E: Element> Metric<E, [usize]> for $name {
            fn update(&mut self, prediction: &Tensor<E>, target: &[usize]) -> Result<()> {
                self.ranking.update(self.outputs, prediction, target)
            }
        }
    };
}

ranked! {
    /// The area under the receiver operating characteristic: the probability that a row of a class scores above
    /// one of another, ties counting half. Of more than two classes the mean of each one against the rest. `None` where
    /// a class does not occur.
    ///
    /// # Shapes
    /// Scores `[N]` or `[N, 1]` that speak for class 1, or `[N, C]`. It keeps all scores: their order is what it measures.
    ///
    /// # Source
    /// Equals scikit-learn's `roc_auc_score` (1.9, `multi_class="ovr"`, `average="macro"`).
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    /// use limpid_train::metric::{Metric, Score, RocAuc};
    ///
    /// let mut metric = RocAuc::of_probabilities();
    /// metric.update(&Tensor::<f64>::from_vec(vec![0.1, 0.4, 0.35, 0.8], [4])?, &[0, 0, 1, 1][..])?;
    /// assert_eq!(metric.compute(), Some(0.75));
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    RocAuc, roc_auc, "ROC AUC"
}
ranked! {
    /// The area under precision over recall, as the sum over thresholds of precision times the growth of recall. Of more than two
    /// classes the mean of each one against the rest. `None` where a class does not occur.
    ///
    /// # Shapes
    /// As [`RocAuc`].
    ///
    /// # Source
    /// Equals scikit-learn's `average_precision_score` (1.9, `average="macro"`).
    AveragePrecision, average_precision, "average precision"
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agrees, agrees_on, close, logits, targets};
    use super::*;

    #[test]
    fn metrics_equal_those_of_scikit_learn_in_any_batches() {
        // scikit-learn 1.9.1.
        agrees(&RocAuc::of_logits(), 0.742_187_5);
        agrees(&AveragePrecision::of_logits(), 0.647_394_496_574_546_8);
        let probabilities = logits().softmax(-1).unwrap();
        agrees_on(&RocAuc::of_probabilities(), 0.742_187_5, &probabilities);
    }

    #[test]
    fn two_classes_may_have_one_score_or_two() {
        let two: Vec<f64> = logits()
            .to_vec()
            .chunks(4)
            .flat_map(|row| [row[0], row[1]])
            .collect();
        let one: Vec<f64> = two.chunks(2).map(|row| row[1] - row[0]).collect();
        let classes: Vec<usize> = targets().iter().map(|class| class % 2).collect();
        let mut all = Vec::new();
        for scores in [
            Tensor::from_vec(one.clone(), [24]),
            Tensor::from_vec(one, [24, 1]),
            Tensor::from_vec(two, [24, 2]),
        ] {
            let (mut auc, mut precision) = (RocAuc::of_logits(), AveragePrecision::of_logits());
            auc.update(scores.as_ref().unwrap(), &classes[..]).unwrap();
            precision
                .update(scores.as_ref().unwrap(), &classes[..])
                .unwrap();
            all.push((
                auc.ranking.mean(roc_auc),
                precision.ranking.mean(average_precision),
            ));
        }
        // scikit-learn 1.9.1.
        assert!(close(all[0].0, 0.742_187_5) && close(all[0].1, 0.704_220_085_470_085_5));
        assert!(all.iter().all(|it| *it == all[0]), "{all:?}");
    }

    #[test]
    fn a_class_that_does_not_occur_has_no_area() {
        let mut auc = RocAuc::of_logits();
        assert_eq!(auc.compute(), None);
        auc.update(&Tensor::<f64>::zeros([2, 3]), &[0, 1][..])
            .unwrap();
        assert_eq!(auc.compute(), None);
        assert!(
            auc.update(&Tensor::<f64>::zeros([2, 4]), &[0, 1][..])
                .is_err()
        );
        assert!(auc.update(&Tensor::<f64>::zeros([2]), &[0, 1][..]).is_err());
        let mut one = RocAuc::of_logits();
        assert!(one.update(&Tensor::<f64>::zeros([2]), &[0, 2][..]).is_err());
        assert!(
            one.update(&Tensor::<f64>::full([1], f64::NAN), &[1][..])
                .is_err()
        );
        assert!(one.update(&Tensor::<f64>::zeros([2]), &[1][..]).is_err());
        one.update(&Tensor::<f64>::zeros([2]), &[0, 1][..]).unwrap();
        assert_eq!(one.compute(), Some(0.5));
    }
}

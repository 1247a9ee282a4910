//! Which members to take, and how often.

use limpid_tensor::{Element, Error, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::said::{check_finite, check_target, greatest, sizes};

/// What the selected ensemble shall be good at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// A low mean of -log of the probability of the true class.
    #[default]
    LogLoss,
    /// A high share of right rows; among equal ones the lower log loss.
    Accuracy,
}

/// Builds an ensemble member by member: each round adds, with replacement, the model that makes the
/// mean of all so far the best. Taking one several times gives it more weight.
///
/// It fits the rows that it is given, so they must be validation rows; the more models there are to
/// choose from, the more optimistic its score is.
///
/// # Source
/// Caruana et al. (2004), "Ensemble selection from libraries of models".
///
/// # Example
/// ```
/// use limpid_ensemble::GreedySelection;
/// use limpid_tensor::Tensor;
///
/// let said = vec![0.9, 0.1, 0.4, 0.6, /**/ 0.2, 0.8, 0.7, 0.3];
/// let members = Tensor::<f64>::from_vec(said, [2, 2, 2])?;
/// let selection = GreedySelection::new(5).fit(&members, &[0, 1])?;
/// assert_eq!(selection.weights(), [1.0, 0.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GreedySelection {
    /// How many members are added, from 1.
    pub rounds: usize,
    /// What the ensemble shall be good at.
    pub objective: Objective,
}

/// The outcome of a selection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Selection {
    /// The members in the order that they were added in, up to the best round.
    pub order: Vec<usize>,
    /// The log loss after each round, all rounds.
    pub log_loss: Vec<f64>,
    /// The accuracy after each round, all rounds.
    pub accuracy: Vec<f64>,
    members: usize,
}

impl Selection {
    /// The weight of each member, to be given to [`weighted_mean`](crate::weighted_mean); they add
    /// up to 1.
    pub fn weights(&self) -> Vec<f64> {
        let mut weights = vec![0.0; self.members];
        for &member in &self.order {
            weights[member] += 1.0 / self.order.len() as f64;
        }
        weights
    }
}

#[derive(Clone, Copy)]
struct Score {
    log_loss: f64,
    accuracy: f64,
}

impl GreedySelection {
    /// Adds `rounds` members, for a low log loss.
    pub fn new(rounds: usize) -> Self {
        Self {
            rounds,
            objective: Objective::default(),
        }
    }

    /// For another objective.
    #[must_use]
    pub fn with_objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self
    }

    /// Selects by the probabilities that the models give for validation rows.
    ///
    /// # Shapes
    /// `[members, rows, classes]`, a class for each row.
    ///
    /// # Errors
    /// An argument error for 0 rounds; a shape error for another rank or number of classes given;
    /// an index error for a class that does not exist; a not-finite error.
    pub fn fit<E: Element>(&self, members: &Tensor<E>, target: &[usize]) -> Result<Selection> {
        const NAME: &str = "greedy_selection";
        if self.rounds == 0 {
            return Err(Error::argument(NAME, "rounds", "at least 1", 0));
        }
        let [count, rows, classes] = sizes(NAME, members)?;
        check_target(NAME, rows, classes, target)?;
        check_finite(NAME, members)?;
        let said: Vec<f64> = members.elements().iter().map(|it| it.double()).collect();
        let said: Vec<&[f64]> = said.chunks_exact(rows * classes).collect();
        let mut sum = vec![0.0; rows * classes];
        let mut order = Vec::with_capacity(self.rounds);
        let mut scores: Vec<Score> = Vec::with_capacity(self.rounds);
        for round in 1..=self.rounds {
            let with = |member: usize| {
                let mean = sum
                    .iter()
                    .zip(said[member])
                    .map(|(sum, it)| (sum + it) / round as f64);
                score(&mean.collect::<Vec<_>>(), classes, target)
            };
            let mut best = (0, with(0));
            for member in 1..count {
                let own = with(member);
                if self.better(own, best.1) {
                    best = (member, own);
                }
            }
            sum.iter_mut()
                .zip(said[best.0])
                .for_each(|(sum, it)| *sum += it);
            order.push(best.0);
            scores.push(best.1);
        }
        let best = (1..scores.len()).fold(0, |best, it| {
            if self.better(scores[it], scores[best]) {
                it
            } else {
                best
            }
        });
        order.truncate(best + 1);
        Ok(Selection {
            order,
            log_loss: scores.iter().map(|it| it.log_loss).collect(),
            accuracy: scores.iter().map(|it| it.accuracy).collect(),
            members: count,
        })
    }

    fn better(&self, new: Score, old: Score) -> bool {
        match self.objective {
            Objective::LogLoss => new.log_loss < old.log_loss,
            Objective::Accuracy => {
                let (new_key, old_key) = (new.accuracy, old.accuracy);
                new_key > old_key || (new_key == old_key && new.log_loss < old.log_loss)
            }
        }
    }
}

fn score(probabilities: &[f64], classes: usize, target: &[usize]) -> Score {
    let rows = target.len() as f64;
    let (mut surprise, mut right) = (0.0, 0.0);
    for (row, &class) in probabilities.chunks_exact(classes).zip(target) {
        surprise -= row[class].max(f64::EPSILON).ln();
        right += f64::from(u8::from(greatest(row) == class));
    }
    Score {
        log_loss: surprise / rows,
        accuracy: right / rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weighted_mean;
    use limpid_tensor::Stream;

    fn models() -> (Tensor<f64>, Vec<usize>) {
        let target: Vec<usize> = (0..40).map(|row| row % 3).collect();
        let noise = Tensor::standard_normal([6, 40, 3], Stream::new(2)).mul_scalar(2.0);
        let truth = Tensor::from_fn([40, 3], |it| if it % 3 == (it / 3) % 3 { 1.5 } else { 0.0 });
        (noise.add(&truth).unwrap().softmax(-1).unwrap(), target)
    }

    #[test]
    fn the_selection_is_no_worse_than_its_best_member() {
        let (members, target) = models();
        for objective in [Objective::LogLoss, Objective::Accuracy] {
            let selection = GreedySelection::new(12).with_objective(objective);
            let selection = selection.fit(&members, &target).unwrap();
            let rounds = selection.order.len() - 1;
            let mean = weighted_mean(&members, &selection.weights()).unwrap();
            let reached = score(&mean.to_vec(), 3, &target);
            assert!((reached.log_loss - selection.log_loss[rounds]).abs() < 1e-12);
            assert!(
                selection.log_loss[rounds] <= selection.log_loss[0]
                    || objective == Objective::Accuracy
            );
            assert!(
                selection.accuracy[rounds] >= selection.accuracy[0]
                    || objective == Objective::LogLoss
            );
            assert!((selection.weights().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_first_is_the_best_alone() {
        let (members, target) = models();
        let selection = GreedySelection::new(1).fit(&members, &target).unwrap();
        let alone = |member: usize| {
            let said = members.narrow(0, member, 1).unwrap().to_vec();
            score(&said, 3, &target).log_loss
        };
        let best = (0..6).map(alone).fold(f64::INFINITY, f64::min);
        assert_eq!(alone(selection.order[0]), best);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (members, target) = models();
        assert!(GreedySelection::new(0).fit(&members, &target).is_err());
        assert!(GreedySelection::new(1).fit(&members, &target[1..]).is_err());
        assert!(GreedySelection::new(1).fit(&members, &[9; 40]).is_err());
    }
}

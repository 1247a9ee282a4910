//! When to stop before the last epoch.

use serde::{Deserialize, Serialize};

use crate::{Evaluation, TrainError};

/// What a run is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Criterion {
    /// The loss on the validation part: the lower the better.
    #[default]
    ValidationLoss,
    /// The accuracy on the validation part: the higher the better, and of equal ones the lower loss.
    ValidationAccuracy,
}

impl Criterion {
    /// The number itself, of the validation part where there is one.
    pub(crate) fn value(self, validation: Option<&Evaluation>, train: &Evaluation) -> f64 {
        let evaluation = validation.unwrap_or(train);
        match (self, evaluation.accuracy) {
            (Self::ValidationAccuracy, Some(accuracy)) => accuracy,
            _ => evaluation.loss,
        }
    }

    /// Whether `new` is better than `old` by more than `min_delta`.
    pub(crate) fn better(self, new: &Evaluation, old: &Evaluation, min_delta: f64) -> bool {
        match (self, new.accuracy, old.accuracy) {
            (Self::ValidationAccuracy, Some(own), Some(other)) => {
                let ties = own == other && min_delta == 0.0 && new.loss < old.loss;
                own > other + min_delta || ties
            }
            _ => new.loss < old.loss - min_delta,
        }
    }
}

/// Stops when nothing has become better for a while.
///
/// # Range
/// `patience` from 1, in epochs; `min_delta` from 0, in the unit of what is watched, default 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EarlyStop {
    /// How many epochs without a better one are endured.
    pub patience: usize,
    /// By how much an epoch must be better to count.
    pub min_delta: f64,
}

impl EarlyStop {
    /// Stops after `patience` epochs that are not better than the best before them.
    pub fn after(patience: usize) -> Self {
        Self {
            patience,
            min_delta: 0.0,
        }
    }

    /// Counts an epoch as better only if it is so by more than `min_delta`.
    #[must_use]
    pub fn with_min_delta(mut self, min_delta: f64) -> Self {
        self.min_delta = min_delta;
        self
    }

    pub(crate) fn check(&self) -> Result<(), TrainError> {
        if self.patience == 0 {
            return Err(TrainError::setting("patience", "at least 1", 0));
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            let expected = "a finite number from 0";
            return Err(TrainError::setting("min_delta", expected, self.min_delta));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(loss: f64, accuracy: f64) -> Evaluation {
        Evaluation {
            loss,
            accuracy: Some(accuracy),
            rows: 1,
        }
    }

    #[test]
    fn the_watched_number_decides_and_the_loss_breaks_a_tie() {
        let (old, new) = (evaluation(1.0, 0.8), evaluation(0.9, 0.8));
        assert!(Criterion::ValidationLoss.better(&new, &old, 0.05));
        assert!(!Criterion::ValidationLoss.better(&new, &old, 0.2));
        assert!(Criterion::ValidationAccuracy.better(&new, &old, 0.0));
        assert!(!Criterion::ValidationAccuracy.better(&new, &old, 0.05));
        assert!(Criterion::ValidationAccuracy.better(&evaluation(2.0, 0.9), &old, 0.05));
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        assert!(EarlyStop::after(0).check().is_err());
        assert!(
            EarlyStop::after(1)
                .with_min_delta(f64::NAN)
                .check()
                .is_err()
        );
        assert!(EarlyStop::after(1).check().is_ok());
    }
}

//! Metrics of classes for models of one output.

use limpid_tensor::{Element, Error, Result, Tensor};

use super::class_rows::Outputs;
use super::{Better, Metric, Score};

const NAME: &str = "flags";

/// A metric of two classes for a model of one output and targets 0 or 1, as
/// [`BceWithLogits`](limpid_loss::BceWithLogits) is trained on: the output f becomes the logits 0 and f, or the
/// probabilities 1 - f and f.
///
/// # Shapes
/// Prediction and target `[N]` or `[N, 1]`.
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
/// use limpid_train::metric::{Accuracy, Flags, Metric, Score};
///
/// let mut accuracy = Flags::of_logits(Accuracy::new());
/// let logits = Tensor::<f64>::from_vec(vec![3.0, -1.0, 0.5], [3, 1])?;
/// accuracy.update(&logits, &Tensor::from_vec(vec![1.0, 0.0, 0.0], [3, 1])?)?;
/// assert_eq!(accuracy.compute(), Some(2.0 / 3.0));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Flags<M> {
    metric: M,
    outputs: Outputs,
}

impl<M> Flags<M> {
    /// Of a model whose output is a logit: positive ones speak for class 1.
    pub fn of_logits(metric: M) -> Self {
        Self {
            metric,
            outputs: Outputs::Logits,
        }
    }

    /// Of a model whose output is the probability of class 1.
    pub fn of_probabilities(metric: M) -> Self {
        Self {
            metric,
            outputs: Outputs::Probabilities,
        }
    }
}

impl<M: Score> Score for Flags<M> {
    fn name(&self) -> String {
        self.metric.name()
    }

    fn better(&self) -> Better {
        self.metric.better()
    }

    fn compute(&self) -> Option<f64> {
        self.metric.compute()
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.metric.merge(&other.metric)
    }

    fn reset(&mut self) {
        self.metric.reset();
    }

    fn state(&self) -> Option<Vec<u64>> {
        self.metric.state()
    }

    fn load(&mut self, state: &[u64]) -> bool {
        self.metric.load(state)
    }
}

impl<E: Element, M: Metric<E, [usize]>> Metric<E, Tensor<E>> for Flags<M> {
    fn update(&mut self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<()> {
        let shapes = [prediction.shape(), target.shape()];
        let rows = prediction.len();
        if prediction.shape().first() != Some(&rows)
            || target.shape().first() != Some(&rows)
            || target.len() != rows
        {
            return Err(Error::shape(
                NAME,
                &shapes,
                "must be one output and one flag a row",
            ));
        }
        let mut classes = Vec::with_capacity(rows);
        for &flag in target.elements().iter() {
            if flag != E::zero() && flag != E::one() {
                return Err(Error::argument(NAME, "target", "0 or 1", flag));
            }
            classes.push(usize::from(flag == E::one()));
        }
        let pair = |&output: &E| match self.outputs {
            Outputs::Logits => [E::zero(), output],
            Outputs::Probabilities => [E::one() - output, output],
        };
        let pairs = prediction.elements().iter().flat_map(pair).collect();
        self.metric
            .update(&Tensor::from_vec(pairs, [rows, 2])?, &classes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, logits, targets};
    use super::super::{Average, Brier, F1, LogLoss, RocAuc};
    use super::*;

    fn value(mut metric: impl Metric<f64, Tensor<f64>>, prediction: &Tensor<f64>) -> Option<f64> {
        let flags = targets().iter().map(|class| (class % 2) as f64).collect();
        metric
            .update(prediction, &Tensor::from_vec(flags, [24, 1]).unwrap())
            .unwrap();
        metric.compute()
    }

    #[test]
    fn one_output_has_the_metrics_of_two_classes() {
        let difference = |row: &[f64]| row[1] - row[0];
        let one: Vec<f64> = logits().to_vec().chunks(4).map(difference).collect();
        let logit = Tensor::from_vec(one, [24, 1]).unwrap();
        let probability = logit.sigmoid();
        // scikit-learn 1.9.1.
        let (f1, auc) = (F1::new(Average::Of(1)), RocAuc::of_logits());
        assert!(close(value(Flags::of_logits(f1.clone()), &logit), 0.5));
        assert!(close(value(Flags::of_probabilities(f1), &probability), 0.5));
        assert!(close(value(Flags::of_logits(auc), &logit), 0.742_187_5));
        let loss = Flags::of_logits(LogLoss::of_logits());
        assert!(close(value(loss, &logit), 0.619_479_707_362_396_9));
        let brier = Flags::of_probabilities(Brier::of_probabilities());
        assert!(close(value(brier, &probability), 0.220_770_377_669_570_78));
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        let mut metric = Flags::of_logits(LogLoss::of_logits());
        let one = Tensor::<f64>::ones([1, 1]);
        assert!(metric.update(&one, &Tensor::full([1, 1], 0.5)).is_err());
        assert!(metric.update(&one, &Tensor::ones([2, 1])).is_err());
        assert!(
            metric
                .update(&Tensor::<f64>::ones([1, 2]), &Tensor::ones([1, 2]))
                .is_err()
        );
    }
}

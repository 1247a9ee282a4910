//! What a metric is.

use std::fmt;

use limpid_data::SoftTargets;
use limpid_tensor::{Element, Result, Tensor};
use serde::{Deserialize, Serialize};

/// Which values of a metric are the better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Better {
    /// Greater ones: accuracy.
    Greater,
    /// Smaller ones: errors.
    Smaller,
}

impl Better {
    /// Whether `new` is better than `old` by more than `min_delta`.
    pub fn is_better(self, new: f64, old: f64, min_delta: f64) -> bool {
        match self {
            Self::Greater => new > old + min_delta,
            Self::Smaller => new < old - min_delta,
        }
    }
}

/// A number over rows that come in batches: all of a [`Metric`] but how it takes them.
pub trait Score: fmt::Debug {
    /// What the number is called in records and progress, with the settings that tell it from its
    /// kin: `top-5 accuracy`.
    fn name(&self) -> String;

    /// Which values are the better ones.
    fn better(&self) -> Better;

    /// The value over all rows so far; `None` where they do not define one.
    fn compute(&self) -> Option<f64>;

    /// Takes the rows of another score of the same settings.
    ///
    /// # Errors
    /// A shape error when the rows do not fit each other.
    fn merge(&mut self, other: &Self) -> Result<()>
    where
        Self: Sized;

    /// Forgets all rows.
    fn reset(&mut self);

    /// What was taken so far as words, for a checkpoint in the middle of an epoch. `None`, unless the type
    /// says otherwise: then the training value of an epoch that was broken off in between is not known.
    fn state(&self) -> Option<Vec<u64>> {
        None
    }

    /// Takes up what [`Score::state`] gave, in the place of all rows; says whether it could.
    fn load(&mut self, state: &[u64]) -> bool {
        let _ = state;
        false
    }
}

/// A [`Score`] of predictions. Its value is that of all rows together, however they are cut into batches; merging
/// metrics of disjoint rows gives that of all, up to rounding.
///
/// `T` is what predictions are compared with, as for losses: `[usize]` for classes, `Tensor<E>` for values. A metric of
/// classes also takes [`SoftTargets`], where a row's class is its most probable one. A trainer takes any metric by
/// [`Trainer::with_metric`](crate::Trainer::with_metric).
///
/// # Example
/// A metric of one's own: the greatest error.
/// ```
/// use limpid_tensor::{Element, Result, Tensor};
/// use limpid_train::metric::{Better, Metric, Score};
///
/// #[derive(Clone, Debug, Default)]
/// struct GreatestError(Option<f64>);
///
/// impl Score for GreatestError {
///     fn name(&self) -> String {
///         "greatest error".into()
///     }
///     fn better(&self) -> Better {
///         Better::Smaller
///     }
///     fn compute(&self) -> Option<f64> {
///         self.0
///     }
///     fn merge(&mut self, other: &Self) -> Result<()> {
///         self.0 = self.0.into_iter().chain(other.0).reduce(f64::max);
///         Ok(())
///     }
///     fn reset(&mut self) {
///         self.0 = None;
///     }
/// }
///
/// impl<E: Element> Metric<E, Tensor<E>> for GreatestError {
///     fn update(&mut self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<()> {
///         for error in prediction.sub(target)?.abs().to_vec() {
///             self.0 = Some(self.0.unwrap_or(0.0).max(error.double()));
///         }
///         Ok(())
///     }
/// }
///
/// let mut metric = GreatestError::default();
/// metric.update(&Tensor::<f64>::ones([2, 1]), &Tensor::from_vec(vec![1.0, 4.0], [2, 1])?)?;
/// assert_eq!(metric.compute(), Some(3.0));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub trait Metric<E: Element, T: ?Sized>: Score {
    /// Takes the rows of a batch. Nothing is taken of a batch that is refused.
    ///
    /// # Errors
    /// A shape error when prediction and target do not fit each other or the batches before, an index
    /// error for a class that does not exist, a not-finite error for NaN.
    fn update(&mut self, prediction: &Tensor<E>, target: &T) -> Result<()>;
}

impl<E: Element, M: Metric<E, [usize]>> Metric<E, SoftTargets<E>> for M {
    fn update(&mut self, prediction: &Tensor<E>, target: &SoftTargets<E>) -> Result<()> {
        let classes: Vec<usize> = target.argmax(-1)?.into_iter().collect();
        Metric::<E, [usize]>::update(self, prediction, &classes)
    }
}

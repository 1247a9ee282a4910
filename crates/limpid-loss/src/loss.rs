//! What a loss is.

use std::fmt::Debug;

use limpid_tensor::{Element, Result, Tensor};

use crate::Reduction;

/// How far predictions lie from targets, as a value whose gradient trains the model.
///
/// A loss has one number per item (an example, a position of an image, or an element: its page
/// says which) and a [`Reduction`]. It also knows what it must be where nothing has been learnt,
/// and how low it can get, so that a run can be checked before it is started.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, Mse};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::from_vec(vec![1.0, 2.0], [2])?;
/// let target = Tensor::from_vec(vec![1.0, 5.0], [2])?;
/// let criterion = Mse::new();
/// assert_eq!(criterion.forward(&prediction, &target)?.item()?, 4.5);
/// assert_eq!(criterion.per_item(&prediction, &target)?.to_vec(), [0.0, 9.0]);
/// assert_eq!(criterion.expected_initial(1, &target), Some(13.0));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
///
/// Its `Debug` text shows every setting: a run's record keeps it, and a checkpoint of a loss of other
/// settings is refused by it.
pub trait Loss<E: Element>: Debug + Send + Sync {
    /// What predictions are compared with: `[usize]` for classes, `Tensor<E>` for values,
    /// distributions and flags.
    type Target: ?Sized;

    /// The loss's name, as messages and reports show it.
    fn name(&self) -> &'static str;

    /// How items become one number.
    fn reduction(&self) -> Reduction;

    /// The loss of each item before any reduction.
    ///
    /// # Errors
    /// A shape error when prediction and target do not fit, an index error for a class that does
    /// not exist, an argument error for a setting or a target out of range.
    fn per_item(&self, prediction: &Tensor<E>, target: &Self::Target) -> Result<Tensor<E>>;

    /// What [`Reduction::Mean`] divides the sum of `items` items by: their number, or the sum of
    /// their weights.
    ///
    /// # Errors
    /// As [`Loss::per_item`].
    fn total_weight(&self, items: usize, target: &Self::Target) -> Result<f64> {
        let _ = target;
        Ok(items as f64)
    }

    /// The loss of a batch, reduced: a scalar, or one number per item under [`Reduction::None`].
    ///
    /// # Errors
    /// As [`Loss::per_item`].
    fn forward(&self, prediction: &Tensor<E>, target: &Self::Target) -> Result<Tensor<E>> {
        let items = self.per_item(prediction, target)?;
        match self.reduction() {
            Reduction::None => Ok(items),
            Reduction::Sum => Ok(items.sum()),
            Reduction::Mean => {
                let weight = self.total_weight(items.len(), target)?;
                // Without weight there is no mean, not an infinite one.
                let weight = if weight == 0.0 { f64::NAN } else { weight };
                Ok(items.mean_over(weight))
            }
        }
    }

    /// The exact loss of a model that says the same about everything: `outputs` zero logits, or
    /// zeros where the target holds values. Reduced as the loss is; the mean under
    /// [`Reduction::None`].
    ///
    /// A model as it is initialised has logits of some spread and so scores more, see
    /// [`Loss::expected_given`]. `None` where the target does not fit.
    fn expected_initial(&self, outputs: usize, target: &Self::Target) -> Option<f64>;

    /// The loss to expect of predictions like these if they knew nothing of the targets: the mean
    /// over all pairs of a prediction and a target of the batch, reduced as the loss is.
    ///
    /// Logits of standard deviation s raise the cross-entropy of ten classes from 2.303 at s = 0
    /// to 2.342 at 0.3, 2.73 at 1 and 3.11 at sqrt 2; a Weston-Watkins hinge from 9.0 to 9.0, 10.8
    /// and 12.6. So a loss that lies above [`Loss::expected_initial`] need not be wrong; one that
    /// lies far from this value is. `None` where prediction and target do not fit.
    fn expected_given(&self, prediction: &Tensor<E>, target: &Self::Target) -> Option<f64>;

    /// The least value that any predictions of `outputs` numbers can reach on this target, reduced
    /// as the loss is: 0, or the entropy of what is to be predicted. `None` where there is no closed
    /// form, or the target does not fit.
    fn floor(&self, outputs: usize, target: &Self::Target) -> Option<f64>;

    /// Whether the gradient jumps somewhere, so that centred differences across such a place
    /// disagree with it.
    fn has_kinks(&self) -> bool;
}

//! Losses of distributions, on classes that may be mixed.

use limpid_data::SoftTargets;
use limpid_loss::{Loss, Reduction};
use limpid_tensor::{Element, Result, Tensor};

/// Any loss that takes the probabilities of classes, for a part whose target is classes: the loader hands
/// them out as probabilities, 1 for each row's class, unless [mixing](limpid_data::Mix) says otherwise. Accuracy counts
/// the most probable class.
///
/// # Example
/// ```
/// use limpid_data::{Loader, Split, classics};
/// use limpid_loss::{CrossEntropy, CrossEntropySoft, Loss};
/// use limpid_tensor::Tensor;
/// use limpid_train::OnSoftTargets;
///
/// let train = Split::train_only(classics::iris()?)?;
/// let (_, targets) = Loader::soft_classes(&train, 8)?.batch::<f64>(&[0, 60, 149])?;
/// let logits = Tensor::from_vec((0..9).map(f64::from).collect(), [3, 3])?;
/// let soft = OnSoftTargets::new(CrossEntropySoft::new()).forward(&logits, &targets)?.item()?;
/// let hard = CrossEntropy::new().forward(&logits, &[0, 1, 2])?.item()?;
/// assert!((soft - hard).abs() < 1e-15);
/// # Ok::<(), limpid_train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnSoftTargets<L> {
    loss: L,
}

impl<L> OnSoftTargets<L> {
    /// `loss`, whose target is a tensor `[batch, classes]`.
    pub fn new(loss: L) -> Self {
        Self { loss }
    }
}

impl<E: Element, L: Loss<E, Target = Tensor<E>>> Loss<E> for OnSoftTargets<L> {
    type Target = SoftTargets<E>;

    fn name(&self) -> &'static str {
        self.loss.name()
    }

    fn reduction(&self) -> Reduction {
        self.loss.reduction()
    }

    fn per_item(&self, prediction: &Tensor<E>, target: &SoftTargets<E>) -> Result<Tensor<E>> {
        self.loss.per_item(prediction, target)
    }

    fn total_weight(&self, items: usize, target: &SoftTargets<E>) -> Result<f64> {
        self.loss.total_weight(items, target)
    }

    fn forward(&self, prediction: &Tensor<E>, target: &SoftTargets<E>) -> Result<Tensor<E>> {
        self.loss.forward(prediction, target)
    }

    fn expected_initial(&self, outputs: usize, target: &SoftTargets<E>) -> Option<f64> {
        self.loss.expected_initial(outputs, target)
    }

    fn expected_given(&self, prediction: &Tensor<E>, target: &SoftTargets<E>) -> Option<f64> {
        self.loss.expected_given(prediction, target)
    }

    fn floor(&self, outputs: usize, target: &SoftTargets<E>) -> Option<f64> {
        self.loss.floor(outputs, target)
    }

    fn has_kinks(&self) -> bool {
        self.loss.has_kinks()
    }
}

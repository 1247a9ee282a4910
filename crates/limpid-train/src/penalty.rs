//! What large weights cost.

use limpid_tensor::{Element, Parameters, Result, Tensor};

/// A cost of the weights themselves, added to the data loss and reported apart from it. Any function
/// of a model to a scalar is one.
///
/// # Example
/// ```
/// use limpid_tensor::{Parameter, Parameters, Tensor, named_parameters};
/// use limpid_train::Penalty;
///
/// let l1 = |model: &dyn Parameters<f64>| {
///     let mut sum = Tensor::scalar(0.0);
///     for (_, parameter) in named_parameters(model) {
///         sum = sum.add(&parameter.abs().sum())?;
///     }
///     Ok(sum.mul_scalar(0.01))
/// };
/// let weights = Parameter::new(Tensor::from_vec(vec![1.0, -2.0], [2])?);
/// assert_eq!(l1.value(&weights)?.item()?, 0.03);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub trait Penalty<E: Element>: Send + Sync {
    /// The penalty as a scalar that gradients flow through.
    ///
    /// # Errors
    /// Whatever the operations inside report.
    fn value(&self, model: &dyn Parameters<E>) -> Result<Tensor<E>>;
}

impl<E, F> Penalty<E> for F
where
    E: Element,
    F: Fn(&dyn Parameters<E>) -> Result<Tensor<E>> + Send + Sync,
{
    fn value(&self, model: &dyn Parameters<E>) -> Result<Tensor<E>> {
        self(model)
    }
}

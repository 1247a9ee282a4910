//! How a model is made, for whatever has to make one anew.

use limpid_tensor::{Element, Result, Stream};

use crate::Module;

/// A recipe for a model, in either element type: searches, ensembles and checks build models from
/// it. A gradient check, for example, builds the same model once more in double precision.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Architecture, Context, Module, Parameters};
/// use limpid_tensor::{Element, Parameter, Result, Stream, Tensor};
///
/// #[derive(Parameters)]
/// struct Scale<E: Element> {
///     weight: Parameter<E>,
/// }
///
/// impl<E: Element> Module<E> for Scale<E> {
///     fn forward(&self, input: &Tensor<E>, _: &mut Context<'_, E>) -> Result<Tensor<E>> {
///         input.mul(&self.weight)
///     }
/// }
///
/// struct OfWidth(usize);
///
/// impl Architecture for OfWidth {
///     type Model<E: Element> = Scale<E>;
///
///     fn build<E: Element>(&self, stream: Stream) -> Result<Scale<E>> {
///         let weight = Tensor::standard_normal([self.0], stream.fork("weight"));
///         Ok(Scale { weight: Parameter::new(weight) })
///     }
/// }
///
/// let model = OfWidth(3).build::<f64>(Stream::new(1))?;
/// assert_eq!(model.weight.shape(), [3]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub trait Architecture: Sync {
    /// The model that is made.
    type Model<E: Element>: Module<E>;

    /// A new model whose random start is drawn from `stream`: equal streams, equal models.
    ///
    /// # Errors
    /// Settings that no model can be made of.
    fn build<E: Element>(&self, stream: Stream) -> Result<Self::Model<E>>;
}

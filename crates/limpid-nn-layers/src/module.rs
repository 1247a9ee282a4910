//! What a layer, and a whole model, is: a value with a forward pass.

use limpid_tensor::{Element, Parameters, Result, Tensor, without_gradient};

use crate::{BatchNorm, Context};

/// A function of a tensor that has parameters.
///
/// `forward` changes nothing: what it would change — running statistics — it hands to the
/// [`Context`], as a value. A parent runs a child by [`Context::call`], which gives the child its
/// path, its random stream, its place in an error and its observer.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Context, Module, Parameters};
/// use limpid_tensor::{Element, Parameter, Result, Tensor};
///
/// /// Multiplies every feature with a learned factor.
/// #[derive(Debug, Parameters)]
/// struct Scale<E: Element> {
///     weight: Parameter<E>,
/// }
///
/// impl<E: Element> Module<E> for Scale<E> {
///     fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
///         input.mul(&self.weight)
///     }
/// }
///
/// let scale = Scale { weight: Parameter::new(Tensor::<f32>::full([2], 3.0)) };
/// assert_eq!(scale.predict(&Tensor::ones([1, 2]))?.to_vec(), [3.0, 3.0]);
/// assert_eq!(Module::<f32>::kind(&scale), "Scale");
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub trait Module<E: Element>: Parameters<E> + Send + Sync {
    /// The output for `input`, in the mode and with the randomness of `context`.
    ///
    /// # Errors
    /// Whatever the operations inside report: shapes that do not fit, above all.
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>>;

    /// [`Tensor::relu`] of [`Module::forward`]'s output: what a container asks of a layer that a
    /// rectifier follows. Layers that can do both in one pass over memory override it; the output
    /// and the gradients must be the same.
    ///
    /// # Errors
    /// As [`Module::forward`].
    fn forward_relu(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(self.forward(input, context)?.relu())
    }

    /// Whether the module is [`Tensor::relu`] and nothing else, so that the layer before it may do
    /// its work by [`Module::forward_relu`].
    fn is_relu(&self) -> bool {
        false
    }

    /// Whether training gives something else than evaluation for the same input, as dropout and
    /// batch statistics do. A container says so if a layer in it does.
    fn differs_in_training(&self) -> bool {
        false
    }

    /// The batch normalisation, if the module is one, so that the layer before it may take it in.
    fn as_batch_norm(&self) -> Option<&BatchNorm<E>> {
        None
    }

    /// The layer that gives in evaluation what this one gives with `norm` after it, if there is one.
    ///
    /// # Errors
    /// A shape error when the norm has not one channel for each output.
    fn folded(&self, _norm: &BatchNorm<E>) -> Result<Option<Box<dyn Module<E>>>> {
        Ok(None)
    }

    /// Makes every [`BatchNorm`] that stands in a container behind a [`Linear`](crate::Linear) or a
    /// convolution, transposed or not, part of that layer, for inference: evaluation gives the same, but for rounding,
    /// with fewer passes over memory. Paths of what stays do not change. Containers override it.
    ///
    /// # Errors
    /// A shape error when a norm does not fit the layer before it; the pairs before are folded.
    fn fold_batch_norms(&mut self) -> Result<()> {
        Ok(())
    }

    /// The layer's kind, for summaries and observers: its type's name unless it says otherwise.
    fn kind(&self) -> &'static str {
        let name = std::any::type_name::<Self>();
        let name = name.split('<').next().unwrap_or(name);
        name.rsplit("::").next().unwrap_or(name)
    }

    /// The output for `input` in evaluation: no dropout, running statistics, no history. May be
    /// called from many threads.
    ///
    /// # Errors
    /// As [`Module::forward`].
    fn predict(&self, input: &Tensor<E>) -> Result<Tensor<E>> {
        without_gradient(|| self.forward(input, &mut Context::eval()))
    }
}

impl<E: Element, M: Module<E> + ?Sized> Module<E> for Box<M> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        self.as_ref().forward(input, context)
    }

    fn forward_relu(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        self.as_ref().forward_relu(input, context)
    }

    fn is_relu(&self) -> bool {
        self.as_ref().is_relu()
    }

    fn differs_in_training(&self) -> bool {
        self.as_ref().differs_in_training()
    }

    fn as_batch_norm(&self) -> Option<&BatchNorm<E>> {
        self.as_ref().as_batch_norm()
    }

    fn folded(&self, norm: &BatchNorm<E>) -> Result<Option<Box<dyn Module<E>>>> {
        self.as_ref().folded(norm)
    }

    fn fold_batch_norms(&mut self) -> Result<()> {
        self.as_mut().fold_batch_norms()
    }

    fn kind(&self) -> &'static str {
        self.as_ref().kind()
    }
}

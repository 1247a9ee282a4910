//! One step: from a batch to changed weights.

use limpid_loss::Loss;
use limpid_nn_layers::{Context, Module, Updates};
use limpid_optim::{Optimize, StepReport};
use limpid_tensor::{Element, Gradients, Result, Stream, Tensor};

use crate::Supervision;

/// What a step saw and did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StepOutcome<E: Element> {
    /// The loss of the batch without penalty, before the update.
    pub loss: f64,
    /// How many rows were right, for classes.
    pub hits: Option<usize>,
    /// The gradients, of the values before the update.
    pub gradients: Gradients<E>,
    /// What the optimizer did.
    pub report: StepReport,
}

/// Updates `model` by one batch: the loop's body, that anybody can write by hand.
///
/// Nothing of the forward pass is left when the optimizer comes, so that it changes the weights
/// where they lie. Running statistics are changed with the weights, or not at all where the
/// optimizer skips the step.
///
/// # Errors
/// Whatever model, loss and optimizer report.
///
/// # Example
/// ```
/// use limpid_loss::Mse;
/// use limpid_nn_layers::{Context, Module, Parameters};
/// use limpid_optim::{Optimizer, Sgd};
/// use limpid_tensor::{Parameter, Result, Stream, Tensor};
/// use limpid_train::train_step;
///
/// #[derive(Parameters)]
/// struct Scale {
///     weight: Parameter<f64>,
/// }
/// impl Module<f64> for Scale {
///     fn forward(&self, input: &Tensor<f64>, _: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
///         input.mul(&self.weight)
///     }
/// }
///
/// let mut model = Scale { weight: Parameter::new(Tensor::ones([1])) };
/// let mut optimizer = Optimizer::new(Sgd::new(), 0.25)?;
/// let (input, target) = (Tensor::ones([1, 1]), Tensor::full([1, 1], 3.0));
/// let step = train_step(&mut model, &Mse::new(), &mut optimizer, &input, &target, Stream::new(1))?;
/// assert_eq!(step.loss, 4.0);
/// assert_eq!(model.weight.to_vec(), [2.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub fn train_step<E, M, L>(
    model: &mut M,
    criterion: &L,
    optimizer: &mut dyn Optimize<E>,
    input: &Tensor<E>,
    target: &L::Target,
    stream: Stream,
) -> Result<StepOutcome<E>>
where
    E: Element,
    M: Module<E>,
    L: Loss<E> + ?Sized,
    L::Target: Supervision<E>,
{
    let context = Context::train(stream);
    let measured = measure(&*model, criterion, input, target, context)?;
    let report = update(model, optimizer, &measured.gradients, measured.updates)?;
    Ok(StepOutcome {
        loss: measured.loss,
        hits: measured.hits,
        gradients: measured.gradients,
        report,
    })
}

/// What is known before the update. The graph is gone by then.
pub(crate) struct Measured<E: Element> {
    pub(crate) prediction: Tensor<E>,
    pub(crate) loss: f64,
    pub(crate) hits: Option<usize>,
    pub(crate) gradients: Gradients<E>,
    pub(crate) updates: Updates<E>,
}

/// The forward and the backward half: changes nothing.
pub(crate) fn measure<E, M, L>(
    model: &M,
    criterion: &L,
    input: &Tensor<E>,
    target: &L::Target,
    mut context: Context<'_, E>,
) -> Result<Measured<E>>
where
    E: Element,
    M: Module<E>,
    L: Loss<E> + ?Sized,
    L::Target: Supervision<E>,
{
    let prediction = model.forward(input, &mut context)?;
    let loss = criterion.forward(&prediction, target)?;
    let gradients = loss.backward()?;
    Ok(Measured {
        prediction: prediction.detach(),
        loss: loss.item()?.double(),
        hits: target.hits(&prediction)?,
        gradients,
        updates: context.into_updates(),
    })
}

/// The half that changes the model.
pub(crate) fn update<E: Element, M: Module<E>>(
    model: &mut M,
    optimizer: &mut dyn Optimize<E>,
    gradients: &Gradients<E>,
    updates: Updates<E>,
) -> Result<StepReport> {
    let report = optimizer.step(model, gradients)?;
    if !report.skipped {
        updates.apply(model)?;
    }
    Ok(report)
}

//! How good a model is on a part.

use limpid_data::{Loader, Visible};
use limpid_loss::{Loss, Reduction};
use limpid_nn_layers::Module;
use limpid_tensor::{Element, Error, Stream, Tensor, without_gradient};
use serde::{Deserialize, Serialize};

use crate::{Layout, Supervision, TrainError};

/// How good a model is on some rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// The loss over all rows at once, reduced as the loss is; the mean where it reduces nothing.
    pub loss: f64,
    /// The share of the rows whose greatest output is their class; `None` for values.
    pub accuracy: Option<f64>,
    /// How many rows there were.
    pub rows: usize,
}

/// A loss and hits over batches that come one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    loss: f64,
    weight: f64,
    hits: Option<usize>,
    rows: usize,
}

impl Tally {
    /// Adds a batch of `rows` rows, whose loss is `sum` divided by `weight`.
    pub(crate) fn add(&mut self, sum: f64, weight: f64, hits: Option<usize>, rows: usize) {
        self.loss += sum;
        self.weight += weight;
        if let Some(hits) = hits {
            self.hits = Some(self.hits.unwrap_or(0) + hits);
        }
        self.rows += rows;
    }

    pub(crate) fn finish(&self, reduction: Reduction) -> Evaluation {
        Evaluation {
            loss: match reduction {
                Reduction::Sum => self.loss,
                Reduction::Mean | Reduction::None => self.loss / self.weight,
            },
            accuracy: self.hits.map(|hits| hits as f64 / self.rows as f64),
            rows: self.rows,
        }
    }
}

/// How good `model` is on a part, in evaluation mode, `batch_size` rows at a time. The result is
/// that of all rows together, up to rounding, whatever the batch size.
///
/// # Errors
/// [`TrainError::Data`] when `batch_size` is 0, the part is empty or its target is not the loss's;
/// [`TrainError::Tensor`] when shapes do not fit.
pub fn evaluate<E, M, L, P>(
    model: &M,
    criterion: &L,
    part: &P,
    batch_size: usize,
    layout: Layout,
) -> Result<Evaluation, TrainError>
where
    E: Element,
    M: Module<E> + ?Sized,
    L: Loss<E> + ?Sized,
    L::Target: Supervision<E>,
    P: Visible,
{
    evaluate_with(model, criterion, part, batch_size, layout, |_, _| Ok(()))
}

/// The same, which shows each batch's predictions with their targets: to metrics, that is.
///
/// # Errors
/// As [`evaluate`], and what `see` gives.
///
/// # Example
/// ```
/// # use limpid_data::{Fractions, Split, classics};
/// # use limpid_loss::CrossEntropy;
/// # use limpid_nn_layers::{Context, Module, Parameters};
/// # use limpid_tensor::{Parameter, Result, Stream, Tensor};
/// # #[derive(Parameters)]
/// # struct Linear { weight: Parameter<f64> }
/// # impl Module<f64> for Linear {
/// #     fn forward(&self, input: &Tensor<f64>, _: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
/// #         input.matmul(&self.weight)
/// #     }
/// # }
/// use limpid_train::metric::Confusion;
/// use limpid_train::{Layout, evaluate_with};
///
/// # let split = Split::stratified(&classics::iris()?, Fractions::default(), &Stream::new(1))?;
/// # let model = Linear { weight: Parameter::new(Tensor::zeros([4, 3])) };
/// let mut confusion = Confusion::new();
/// let part = &split.validation;
/// evaluate_with(&model, &CrossEntropy::new(), part, 64, Layout::AsGiven, |prediction, target| {
///     confusion.update(prediction, target)
/// })?;
/// assert_eq!(confusion.report().len(), 3);
/// # Ok::<(), limpid_train::TrainError>(())
/// ```
pub fn evaluate_with<E, M, L, P>(
    model: &M,
    criterion: &L,
    part: &P,
    batch_size: usize,
    layout: Layout,
    see: impl FnMut(&Tensor<E>, &L::Target) -> limpid_tensor::Result<()>,
) -> Result<Evaluation, TrainError>
where
    E: Element,
    M: Module<E> + ?Sized,
    L: Loss<E> + ?Sized,
    L::Target: Supervision<E>,
    P: Visible,
{
    let loader = loader::<E, L, _>(part, batch_size, layout)?;
    Ok(evaluate_loader(model, criterion, &loader, see)?)
}

/// The kind of target that a loss asks for.
pub(crate) type KindOf<E, L> = <<L as Loss<E>>::Target as Supervision<E>>::Kind;

pub(crate) fn loader<'a, E, L, P>(
    part: &'a P,
    batch_size: usize,
    layout: Layout,
) -> Result<Loader<'a, P, KindOf<E, L>>, TrainError>
where
    E: Element,
    L: Loss<E> + ?Sized,
    L::Target: Supervision<E>,
    P: Visible,
{
    let loader = Loader::new(part, batch_size)?;
    Ok(match layout {
        Layout::AsGiven => loader,
        Layout::Flat => loader.flat(),
    })
}

pub(crate) fn evaluate_loader<E, M, L, P>(
    model: &M,
    criterion: &L,
    loader: &Loader<'_, P, KindOf<E, L>>,
    mut see: impl FnMut(&Tensor<E>, &L::Target) -> limpid_tensor::Result<()>,
) -> Result<Evaluation, Error>
where
    E: Element,
    M: Module<E> + ?Sized,
    L: Loss<E> + ?Sized,
    L::Target: Supervision<E>,
    P: Visible,
{
    let mut tally = Tally::default();
    for (input, target) in loader.epoch::<E>(&Stream::new(0)) {
        let target = L::Target::of(&target);
        let prediction = model.predict(&input)?;
        see(&prediction, target)?;
        let items = without_gradient(|| criterion.per_item(&prediction, target))?;
        let sum = items.elements().iter().map(|item| item.double()).sum();
        let weight = criterion.total_weight(items.len(), target)?;
        tally.add(sum, weight, target.hits(&prediction)?, target.rows());
    }
    Ok(tally.finish(criterion.reduction()))
}

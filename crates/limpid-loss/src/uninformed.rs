//! What predictions score that know nothing of the targets.

use std::collections::BTreeMap;

use limpid_tensor::{Element, Result, Tensor};

use crate::class_rows::ClassRows;
use crate::{Loss, Reduction};

/// The value of a loss whose items sum to `sum` on `target`, reduced as it is; the mean under
/// [`Reduction::None`].
pub(crate) fn reduced<E: Element, L: Loss<E> + ?Sized>(
    loss: &L,
    sum: f64,
    items: usize,
    target: &L::Target,
) -> Option<f64> {
    let value = match loss.reduction() {
        Reduction::Sum => sum,
        Reduction::Mean | Reduction::None => sum / loss.total_weight(items, target).ok()?,
    };
    value.is_finite().then_some(value)
}

/// The sum of the items in double precision.
pub(crate) fn sum<E: Element>(items: &Tensor<E>) -> f64 {
    items.elements().iter().map(|it| it.double()).sum()
}

/// The loss of `score` as the score of every one of `outputs` classes.
pub(crate) fn same_for_all_classes<L: Loss<f64, Target = [usize]>>(
    loss: &L,
    outputs: usize,
    score: f64,
    target: &[usize],
) -> Option<f64> {
    let scores = Tensor::full([target.len(), outputs], score);
    let items = loss.per_item(&scores, target).ok()?;
    reduced(loss, sum(&items), items.len(), target)
}

/// The mean over all pairs of a row of scores and a class of the target.
pub(crate) fn all_pairs_of_classes<E: Element, L: Loss<E, Target = [usize]>>(
    loss: &L,
    prediction: &Tensor<E>,
    target: &[usize],
) -> Option<f64> {
    let pairs = |prediction: &Tensor<E>| -> Result<f64> {
        let rows = ClassRows::new(loss.name(), &prediction.detach())?.rows;
        let items = rows.shape()[0];
        let mut total = 0.0;
        for (&class, &count) in &counts(target) {
            let alike = vec![class; items];
            total += count as f64 * sum(&loss.per_item(&rows, &alike)?) / items as f64;
        }
        Ok(total)
    };
    reduced(loss, pairs(prediction).ok()?, target.len(), target)
}

/// How often each class occurs.
pub(crate) fn counts(target: &[usize]) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for &class in target {
        *counts.entry(class).or_insert(0) += 1;
    }
    counts
}

/// The loss of predicting zero everywhere.
pub(crate) fn zeros<E: Element, L: Loss<E, Target = Tensor<E>>>(
    loss: &L,
    target: &Tensor<E>,
) -> Option<f64> {
    let items = loss.per_item(&Tensor::zeros(target.shape()), target).ok()?;
    reduced(loss, sum(&items), items.len(), target)
}

/// The mean over all pairs of an example's prediction and another example's target: over every
/// rotation of the batch.
pub(crate) fn all_pairs<E: Element, L: Loss<E, Target = Tensor<E>>>(
    loss: &L,
    prediction: &Tensor<E>,
    target: &Tensor<E>,
) -> Option<f64> {
    let (prediction, target) = (prediction.detach(), target.detach());
    let &examples = target.shape().first()?;
    let (total, items) = rotations(examples, |order| {
        loss.per_item(&prediction, &target.index_select(0, order)?)
    })
    .ok()?;
    reduced(loss, total, items, &target)
}

/// The sum of a batch's items and their number, averaged over all rotations of its examples.
pub(crate) fn rotations<E: Element>(
    examples: usize,
    losses: impl Fn(&[usize]) -> Result<Tensor<E>>,
) -> Result<(f64, usize)> {
    let (mut total, mut items) = (0.0, 0);
    for shift in 0..examples {
        let order: Vec<usize> = (0..examples).map(|it| (it + shift) % examples).collect();
        let losses = losses(&order)?;
        total += sum(&losses) / examples as f64;
        items = losses.len();
    }
    Ok((total, items))
}

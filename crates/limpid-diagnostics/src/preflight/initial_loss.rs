//! Before training, the loss must be that of a model that knows nothing.

use limpid_loss::Loss;
use limpid_nn_layers::{Context, Module};
use limpid_tensor::{Element, Result, Stream, Tensor, without_gradient};

use super::verdict;
use crate::record::{CheckRow, Verdict};

/// How many standard errors of the batch the loss may lie from what is expected.
const STANDARD_ERRORS: f64 = 5.0;
/// What the loss may differ by all the same, as a share of what is expected.
const SHARE: f64 = 0.1;
/// Above this multiple of the loss for zero logits, the output layer starts too large.
const SPREAD: f64 = 2.0;

/// Compares the loss on one batch, before any training and without penalty, with what the loss says
/// that uninformed predictions of the measured spread score. Fails where it differs by more than
/// chance and a tenth, and where the spread alone makes it twice the loss of zero logits: then the
/// output layer is initialised far too large.
///
/// # Errors
/// What the forward pass reports.
///
/// # Source
/// CS231n, "Sanity checks"; the article's section 训练前的检查 (2.302 for ten classes and
/// cross-entropy, which holds for zero logits).
pub fn initial_loss<E: Element, M: Module<E>, L: Loss<E>>(
    model: &M,
    loss: &L,
    input: &Tensor<E>,
    target: &L::Target,
) -> Result<CheckRow> {
    let mut context = Context::train(Stream::new(0)).without_noise();
    let prediction = without_gradient(|| model.forward(input, &mut context))?;
    let found = loss.forward(&prediction, target)?.mean().item()?.double();
    let items = loss.per_item(&prediction, target)?;
    let outputs = prediction.shape().get(1).copied().unwrap_or(1);
    let expected = loss.expected_given(&prediction, target);
    let zero = loss.expected_initial(outputs, target);
    let (Some(expected), Some(zero)) = (expected, zero) else {
        let row = CheckRow::new("initial loss", Verdict::Skipped);
        return Ok(row.with_detail("the loss does not know what uninformed predictions score"));
    };
    // The standard error of the items, in the scale of the reduced loss.
    let (mean, count) = (items.mean().item()?.double(), items.len() as f64);
    let deviation = items.var(&[], 0.0, false)?.item()?.double().sqrt();
    let relative = if mean > 0.0 {
        deviation / (mean * count.sqrt())
    } else {
        0.0
    };
    let tolerance = (STANDARD_ERRORS * relative).max(SHARE) * expected.abs();
    let near = (found - expected).abs() <= tolerance;
    let small = zero <= 0.0 || expected <= SPREAD * zero;
    let detail = match (near, small) {
        (true, true) => format!("{expected:.3} given the spread of the outputs at the start"),
        (false, _) => format!(
            "outputs like these should score {expected:.3}: look at the labels, the loss's inputs \
             and its reduction"
        ),
        (true, false) => "the outputs start so spread out that the model is confidently wrong: \
                          initialise the last layer smaller"
            .to_owned(),
    };
    Ok(CheckRow::new("initial loss", verdict(near && small))
        .with_figures(format!("{zero:.3} for zero outputs"), format!("{found:.3}"))
        .with_detail(detail))
}

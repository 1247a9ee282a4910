//! More penalty must mean more loss, and the penalty must not drown the data.

use limpid_loss::Loss;
use limpid_nn_layers::{Context, Module};
use limpid_optim::Penalty;
use limpid_tensor::{Element, Result, Stream, Tensor, without_gradient};

use super::verdict;
use crate::record::{CheckRow, Verdict};

/// How much the penalty is raised for the comparison.
const RAISE: f64 = 10.0;

/// Compares the loss with and without the penalty of `strength`, and with ten times as much: it
/// must rise each time. Fails as well where the penalty of `strength` exceeds the data loss. Skipped
/// where `strength` is 0. `penalty` makes the penalty of a strength, as [`Penalty::l2`] does.
///
/// Decoupled weight decay, as AdamW's, is no part of the loss and cannot be checked this way.
///
/// # Errors
/// What the forward pass and `penalty` report.
///
/// # Source
/// CS231n, "Sanity checks"; the article's section 训练前的检查, and 如何决定网络结构 for the penalty that
/// drowns the data.
pub fn penalty_raises_loss<E: Element, M: Module<E>, L: Loss<E>>(
    model: &M,
    loss: &L,
    input: &Tensor<E>,
    target: &L::Target,
    strength: f64,
    penalty: impl Fn(f64) -> Result<Penalty>,
) -> Result<CheckRow> {
    const NAME: &str = "penalty raises loss";
    if strength == 0.0 {
        return Ok(CheckRow::new(NAME, Verdict::Skipped).with_detail("there is no penalty"));
    }
    let mut context = Context::train(Stream::new(0)).without_noise();
    let prediction = without_gradient(|| model.forward(input, &mut context))?;
    let data = loss.forward(&prediction, target)?.mean().item()?.double();
    let with = data + penalty(strength)?.value(model);
    let raised = data + penalty(RAISE * strength)?.value(model);
    let rises = with > data && raised > with;
    let drowns = with > 2.0 * data;
    let detail = if !rises {
        "the penalty does not reach the loss: does it act on any parameter?"
    } else if drowns {
        "the penalty outweighs the data loss: the gradient would be mostly the penalty's"
    } else {
        "data loss, with the penalty, with ten times the penalty"
    };
    Ok(CheckRow::new(NAME, verdict(rises && !drowns))
        .with_figures("rising", format!("{data:.4} < {with:.4} < {raised:.4}"))
        .with_detail(detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_loss::CrossEntropy;
    use limpid_nn_layers::Linear;
    use limpid_optim::Members;

    fn check(strength: f64, penalty: impl Fn(f64) -> Result<Penalty>) -> Verdict {
        let model = Linear::<f64>::new(4, 3, Stream::new(1)).unwrap();
        let input = Tensor::standard_normal([6, 4], Stream::new(2));
        let target = [0, 1, 2, 0, 1, 2];
        let loss = CrossEntropy::new();
        penalty_raises_loss(&model, &loss, &input, &target[..], strength, penalty)
            .unwrap()
            .verdict
    }

    #[test]
    fn a_penalty_that_reaches_nothing_or_drowns_the_data_fails() {
        assert_eq!(check(1e-3, Penalty::l2), Verdict::Passed);
        assert_eq!(check(100.0, Penalty::l2), Verdict::Failed);
        assert_eq!(check(0.0, Penalty::l2), Verdict::Skipped);
        let nothing =
            |strength| Ok(Penalty::l2(strength)?.with_members(Members::matching(|_, _| false)));
        assert_eq!(check(1e-3, nothing), Verdict::Failed);
    }
}

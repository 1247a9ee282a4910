//! Cross-entropy of logits against distributions.

use limpid_tensor::{Backward, Element, InputGradients, Result, Tensor};

use crate::class_rows::{ClassRows, check_weights};
use crate::log_sum_exp::{entropy, exponentials};
use crate::settings::{with_label_smoothing, with_reduction, with_weight};
use crate::values::{check_same_shape, check_share, check_target};
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "cross_entropy_soft";

/// Cross-entropy of logits against distributions: sum_k w_k q_k (-log p_k), where p is the softmax of
/// the logits and q the target, of which a share s may be spread: (1 - s) q_k + s/C.
///
/// # Shapes
/// Logits and target `[C]`, `[N, C]` or `[N, C, d...]`, of one shape; one number per item. The target
/// must not be negative; that it sums to 1 is not checked. It receives no gradient.
///
/// # Gradient
/// (sum_k a_k) p - a for the weighted target a: softmax minus target without weights.
///
/// # Uninformed
/// log C for zero logits; more for logits that are spread out. The floor is the target's entropy. No
/// kinks.
///
/// # Infinite logits
/// As of [`CrossEntropy`](crate::CrossEntropy): minus infinity is a probability of 0, which costs
/// nothing where the target has none either (PyTorch: NaN); plus infinity makes
/// the loss NaN, so that a network that has overflowed shows.
///
/// # Source
/// Equals `torch.nn.CrossEntropyLoss` on class probabilities: the mean divides by the number of items,
/// also with weights.
///
/// # Example
/// ```
/// use limpid_loss::{CrossEntropySoft, Loss};
/// use limpid_tensor::Tensor;
///
/// let logits = Tensor::<f64>::zeros([1, 2]);
/// let target = Tensor::from_vec(vec![0.25, 0.75], [1, 2])?;
/// let criterion = CrossEntropySoft::new();
/// assert!((criterion.forward(&logits, &target)?.item()? - 2.0_f64.ln()).abs() < 1e-15);
/// assert!((criterion.floor(2, &target).unwrap() - 0.562).abs() < 1e-3);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CrossEntropySoft {
    /// Which share of the target is spread evenly over all classes, in [0, 1]; default 0.
    pub label_smoothing: f64,
    /// A weight for each class, not negative; by default all are 1.
    pub weight: Option<Vec<f64>>,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl CrossEntropySoft {
    /// Without smoothing or weights, reduced to the mean.
    pub fn new() -> Self {
        Self::default()
    }

    with_label_smoothing!();
    with_weight!();
    with_reduction!();

    /// The weighted and smoothed target, one row per item.
    fn shares<E: Element>(&self, target: &Tensor<E>) -> Result<(Vec<E>, usize)> {
        let it = ClassRows::new(NAME, &target.detach())?;
        check_share(NAME, "label_smoothing", self.label_smoothing)?;
        check_weights(NAME, self.weight.as_deref(), it.classes)?;
        check_target(NAME, target, "not negative", |share| share >= E::zero())?;
        let keep = E::of(1.0 - self.label_smoothing);
        let even = E::of(self.label_smoothing / it.classes as f64);
        let mut shares = it.rows.to_vec();
        for row in shares.chunks_exact_mut(it.classes) {
            for (class, share) in row.iter_mut().enumerate() {
                let weight = self.weight.as_ref().map_or(1.0, |it| it[class]);
                *share = E::of(weight) * (keep * *share + even);
            }
        }
        Ok((shares, it.classes))
    }
}

struct SharesBackward<E: Element> {
    name: &'static str,
    shares: Vec<E>,
    probabilities: Vec<E>,
    classes: usize,
}

impl<E: Element> Backward<E> for SharesBackward<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let mut data = self.probabilities.clone();
        let rows = data.chunks_exact_mut(self.classes);
        let shares = self.shares.chunks_exact(self.classes);
        for ((row, shares), &gradient) in rows.zip(shares).zip(gradient.elements().iter()) {
            let total: E = shares.iter().copied().sum();
            for (x, &share) in row.iter_mut().zip(shares) {
                *x = gradient * (total * *x - share);
            }
        }
        inputs.add(0, Tensor::from_vec(data, [gradient.len(), self.classes])?);
        Ok(())
    }
}

/// sum_k a_k (-log p_k) of every row of logits `[items, classes]`, for shares `a` laid out alike.
/// Classes without a share cost nothing, not even where p is 0.
pub(crate) fn against_shares<E: Element>(
    name: &'static str,
    logits: &Tensor<E>,
    shares: Vec<E>,
) -> Result<Tensor<E>> {
    let (items, classes) = (logits.shape()[0], logits.shape()[1]);
    let mut probabilities = logits.to_vec();
    let mut losses = Vec::with_capacity(items);
    let elements = logits.elements();
    let rows = elements
        .chunks_exact(classes)
        .zip(shares.chunks_exact(classes));
    for ((logits, shares), row) in rows.zip(probabilities.chunks_exact_mut(classes)) {
        let log_sum = exponentials(row);
        let terms = logits
            .iter()
            .zip(shares)
            .filter(|(_, share)| **share != E::zero());
        losses.push(
            terms
                .map(|(&logit, &share)| share * log_sum.surprise(logit))
                .sum(),
        );
    }
    let losses = Tensor::from_vec(losses, [items])?;
    Ok(losses.recorded(&[logits], || SharesBackward {
        name,
        shares,
        probabilities,
        classes,
    }))
}

impl<E: Element> Loss<E> for CrossEntropySoft {
    type Target = Tensor<E>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_same_shape(NAME, prediction, target)?;
        let it = ClassRows::new(NAME, prediction)?;
        let (shares, _) = self.shares(target)?;
        it.shaped(&against_shares(NAME, &it.rows, shares)?)
    }

    fn expected_initial(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        uninformed::zeros(self, target)
    }

    fn expected_given(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Option<f64> {
        check_same_shape(NAME, prediction, target).ok()?;
        let it = ClassRows::new(NAME, &prediction.detach()).ok()?;
        let (shares, classes) = self.shares(target).ok()?;
        // The loss is linear in the target, so that the mean target stands for all.
        let items = it.rows.shape()[0];
        let mut mean = vec![0.0; classes];
        for row in shares.chunks_exact(classes) {
            for (mean, share) in mean.iter_mut().zip(row) {
                *mean += share.double() / items as f64;
            }
        }
        let alike = Tensor::<E>::from_fn([items, classes], |place| mean[place % classes]);
        let losses = against_shares(NAME, &it.rows, alike.to_vec()).ok()?;
        let total = losses.elements().iter().map(|it| it.double()).sum();
        uninformed::reduced(self, total, items, target)
    }

    fn floor(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let (shares, classes) = self.shares(target).ok()?;
        let rows = shares.chunks_exact(classes);
        let total = rows
            .map(|row| entropy(row.iter().map(|share| share.double())))
            .sum();
        uninformed::reduced(self, total, shares.len() / classes, target)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CrossEntropy;
    use limpid_tensor::{Stream, gradient_check};

    fn draw(shape: &[usize], seed: u64) -> Tensor<f64> {
        Tensor::standard_normal(shape, Stream::new(seed))
    }

    #[test]
    fn gradients_agree_with_differences() {
        let target = draw(&[2, 3, 2], 1).softmax(1).unwrap();
        for loss in [
            CrossEntropySoft::new(),
            CrossEntropySoft::new()
                .with_label_smoothing(0.2)
                .with_weight([1.0, 0.0, 3.0]),
        ] {
            let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &target);
            let worst = gradient_check::check(function, &[draw(&[2, 3, 2], 2)], 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{worst:?}");
        }
    }

    #[test]
    fn a_certain_target_is_a_class() {
        let logits = draw(&[2, 3], 3);
        let certain = Tensor::from_vec(vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0], [2, 3]).unwrap();
        let soft = CrossEntropySoft::new().with_label_smoothing(0.1);
        let hard = CrossEntropy::new().with_label_smoothing(0.1);
        let (left, right) = (
            soft.forward(&logits, &certain),
            hard.forward(&logits, &[1, 0]),
        );
        assert!((left.unwrap().item().unwrap() - right.unwrap().item().unwrap()).abs() < 1e-14);
        let (left, right) = (
            soft.expected_given(&logits, &certain).unwrap(),
            hard.expected_given(&logits, &[1, 0]).unwrap(),
        );
        assert!((left - right).abs() < 1e-14);
        let floors = (
            soft.floor(3, &certain),
            Loss::<f64>::floor(&hard, 3, &[1, 0]),
        );
        assert!((floors.0.unwrap() - floors.1.unwrap()).abs() < 1e-14);
    }

    #[test]
    fn impossible_classes_without_share_cost_nothing() {
        let logits = Tensor::from_vec(vec![0.0, f64::NEG_INFINITY], [1, 2]).unwrap();
        let target = Tensor::from_vec(vec![1.0, 0.0], [1, 2]).unwrap();
        let loss = CrossEntropySoft::new().forward(&logits, &target).unwrap();
        assert_eq!(loss.item().unwrap(), 0.0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let logits = Tensor::<f64>::zeros([1, 2]);
        for target in [
            Tensor::zeros([2, 2]),
            Tensor::full([1, 2], -0.5),
            Tensor::full([1, 2], f64::NAN),
        ] {
            assert!(CrossEntropySoft::new().forward(&logits, &target).is_err());
        }
        let smoothed = CrossEntropySoft::new().with_label_smoothing(-0.1);
        assert!(
            smoothed
                .forward(&logits, &Tensor::full([1, 2], 0.5))
                .is_err()
        );
    }
}

//! An anchor that should lie nearer to one vector than to another.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::compared::{check_vectors, norm};
use crate::settings::{setting, with_reduction};
use crate::weston_watkins_hinge::check_margin;
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "triplet_margin_loss";

/// What an anchor is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast<E: Element> {
    /// What it should lie near to, of the anchor's shape. It receives a gradient as well.
    pub positive: Tensor<E>,
    /// What it should lie far from, of the anchor's shape. It receives a gradient as well.
    pub negative: Tensor<E>,
}

/// Triplet loss: max(0, d(a, p) - d(a, n) + margin) for an anchor a, a positive p and a negative n, with
/// d(x, y) = ||x - y + eps|| along the last dimension.
///
/// # Shapes
/// Anchors, positives and negatives `[D]` or `[..., D]`, of one shape; one number per vector.
///
/// # Gradient
/// The difference of the directions from p and from n where the margin is violated, else 0.
///
/// # Uninformed
/// The margin, for vectors that are all alike. The floor is 0. Has kinks.
///
/// # Source
/// Schroff et al. 2015 (with squared distances there); equals `torch.nn.TripletMarginLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{Contrast, Loss, TripletMargin};
/// use limpid_tensor::Tensor;
///
/// let anchor = Tensor::<f64>::zeros([1, 2]);
/// let positive = Tensor::from_vec(vec![0.0, 1.0], [1, 2])?;
/// let negative = Tensor::from_vec(vec![3.0, 4.0], [1, 2])?;
/// let criterion = TripletMargin::new().with_margin(6.0);
/// let loss = criterion.forward(&anchor, &Contrast { positive, negative })?;
/// assert!((loss.item()? - 2.0).abs() < 1e-5);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TripletMargin {
    /// By how much the negative must lie farther, not negative; default 1.
    pub margin: f64,
    /// Of which power the norm is, finite and at least 1; default 2.
    pub p: f64,
    /// What is added to each difference, so that distances of 0 have a gradient; default 1e-6.
    pub eps: f64,
    /// Whether the negative's distance is that from the positive where it is the shorter one; default no
    /// (Balntas et al. 2016).
    pub swap: bool,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for TripletMargin {
    fn default() -> Self {
        Self {
            margin: 1.0,
            p: 2.0,
            eps: 1e-6,
            swap: false,
            reduction: Reduction::Mean,
        }
    }
}

impl TripletMargin {
    /// With margin 1 and Euclidean distances, reduced to the mean.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// With another margin.
        with_margin, margin: f64
    }

    setting! {
        /// With the norm of another power.
        with_p, p: f64
    }

    setting! {
        /// With the shorter distance of the negative, or that from the anchor.
        with_swap, swap: bool
    }

    with_reduction!();

    fn distance<E: Element>(&self, x: &Tensor<E>, y: &Tensor<E>) -> Result<Tensor<E>> {
        norm(&x.sub(y)?.add_scalar(self.eps), self.p)
    }
}

impl<E: Element> Loss<E> for TripletMargin {
    type Target = Contrast<E>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn per_item(&self, prediction: &Tensor<E>, target: &Contrast<E>) -> Result<Tensor<E>> {
        check_margin(NAME, self.margin)?;
        if !(self.p.is_finite() && self.p >= 1.0) {
            return Err(Error::argument(NAME, "p", "finite and at least 1", self.p));
        }
        check_vectors(NAME, prediction, &target.positive)?;
        check_vectors(NAME, prediction, &target.negative)?;
        let near = self.distance(prediction, &target.positive)?;
        let mut far = self.distance(prediction, &target.negative)?;
        if self.swap {
            far = far.minimum(&self.distance(&target.positive, &target.negative)?)?;
        }
        Ok(near.sub(&far)?.add_scalar(self.margin).relu())
    }

    fn expected_initial(&self, _outputs: usize, target: &Contrast<E>) -> Option<f64> {
        let (_, rows) = target.positive.shape().split_last()?;
        let items = limpid_tensor::count(rows);
        uninformed::reduced(self, self.margin * items as f64, items, target)
    }

    fn expected_given(&self, prediction: &Tensor<E>, target: &Contrast<E>) -> Option<f64> {
        let &examples = target.positive.shape().first()?;
        let prediction = prediction.detach();
        let (total, items) = uninformed::rotations(examples, |order| {
            let of = |it: &Tensor<E>| it.detach().index_select(0, order);
            let (positive, negative) = (of(&target.positive)?, of(&target.negative)?);
            self.per_item(&prediction, &Contrast { positive, negative })
        })
        .ok()?;
        uninformed::reduced(self, total, items, target)
    }

    fn floor(&self, _outputs: usize, _target: &Contrast<E>) -> Option<f64> {
        Some(0.0)
    }

    fn has_kinks(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::gradient_check;

    fn inputs() -> [Tensor<f64>; 3] {
        [
            vec![0.3, -1.2, 0.5, 2.0, 0.7, -0.3],
            vec![1.0, 0.4, -0.7, -0.2, 0.9, 1.3],
            vec![0.1, -1.0, 0.2, 1.9, 0.6, -0.1],
        ]
        .map(|numbers| Tensor::from_vec(numbers, [2, 3]).unwrap())
    }

    fn of(loss: &TripletMargin, x: &[Tensor<f64>]) -> Result<Tensor<f64>> {
        let (positive, negative) = (x[1].clone(), x[2].clone());
        loss.per_item(&x[0], &Contrast { positive, negative })
    }

    #[test]
    fn values_are_those_of_pytorch_and_all_three_are_pulled() {
        // torch 2.15.0, triplet_margin_loss(reduction="none").
        for (p, expected) in [
            (1.0, [3.799998, 4.599998000000001]),
            (2.0, [2.70665020074862, 3.4826875117603913]),
            (3.0, [2.4834843778644986, 3.2371022395103983]),
        ] {
            let loss = TripletMargin::new().with_p(p);
            for (found, expected) in of(&loss, &inputs()).unwrap().to_vec().iter().zip(expected) {
                assert!((found - expected).abs() < 1e-13, "{found}, {expected}");
            }
            let function = |x: &[Tensor<f64>]| Ok(of(&loss, x)?.sum());
            let worst = gradient_check::check(function, &inputs(), 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{worst:?}");
        }
    }

    #[test]
    fn the_swap_takes_the_shorter_distance() {
        let [anchor, positive, negative] = inputs();
        let swapped = [positive, anchor, negative];
        let plain = of(&TripletMargin::new(), &swapped).unwrap().to_vec();
        let shorter = of(&TripletMargin::new().with_swap(true), &swapped)
            .unwrap()
            .to_vec();
        assert!(
            shorter
                .iter()
                .zip(&plain)
                .all(|(shorter, plain)| shorter > plain)
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let [anchor, positive, negative] = inputs();
        let short = [anchor.narrow(0, 0, 1).unwrap(), positive, negative];
        assert!(of(&TripletMargin::new(), &short).is_err());
        assert!(of(&TripletMargin::new().with_p(0.5), &inputs()).is_err());
        assert!(of(&TripletMargin::new().with_margin(-1.0), &inputs()).is_err());
    }
}

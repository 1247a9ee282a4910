//! Cross-entropy of logits against classes.

use limpid_tensor::simd::{self, Arithmetic, Loop};
use limpid_tensor::{Backward, Element, InputGradients, Result, Tensor, buffers, threads};

use crate::class_rows::{ClassRows, check_weights};
use crate::log_sum_exp::{LogSumExp, entropy};
use crate::settings::{with_ignore_index, with_label_smoothing, with_reduction, with_weight};
use crate::values::check_share;
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "cross_entropy";

/// Cross-entropy of logits against classes: log(sum_k e^(f_k)) - f_y for class y.
///
/// With label smoothing s over C classes and weights w it is
/// (1 - s) w_y (-log p_y) + s/C sum_k w_k (-log p_k), where p is the softmax of the logits; the mean
/// divides by the sum of the items' w_y.
///
/// # Shapes
/// Logits `[C]`, `[N, C]` or `[N, C, d...]`; one class for each item, items in row-major order;
/// one number per item: `[]`, `[N]` or `[N, d...]`.
///
/// # Gradient
/// softmax(f) minus the target, computed in one pass. An item that is ignored has none.
///
/// # Uninformed
/// log C for zero logits, whatever the weights when nothing is smoothed: 2.303 for ten classes, and
/// more for logits that are spread out (see [`Loss::expected_given`]). The floor is 0, or the entropy
/// of the smoothed target: 0.500 for smoothing 0.1 over ten classes. No kinks.
///
/// # Infinite logits
/// As in PyTorch: minus infinity is a probability of 0; plus infinity, the mark of a network that has
/// overflowed, makes the loss and the row's gradient NaN.
///
/// # Source
/// Equals `torch.nn.CrossEntropyLoss`; smoothing as in Szegedy et al. 2016, section 7.
///
/// # Example
/// ```
/// use limpid_loss::{CrossEntropy, Loss};
/// use limpid_tensor::Tensor;
///
/// let logits = Tensor::<f64>::from_vec(vec![0.0, 3.0_f64.ln()], [1, 2])?;
/// let loss = CrossEntropy::new().forward(&logits, &[1])?;
/// assert!((loss.item()? - (4.0_f64 / 3.0).ln()).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CrossEntropy {
    /// Which share of the target is spread evenly over all classes, in [0, 1]; default 0.
    pub label_smoothing: f64,
    /// A weight for each class, not negative; by default all are 1.
    pub weight: Option<Vec<f64>>,
    /// Items of this class do not count; it need not exist. By default there is none.
    pub ignore_index: Option<usize>,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl CrossEntropy {
    /// Without smoothing or weights, reduced to the mean.
    pub fn new() -> Self {
        Self::default()
    }

    with_label_smoothing!();
    with_weight!();
    with_ignore_index!();
    with_reduction!();

    /// What the loss of an item of class `class` multiplies -log p of that class by, and what of
    /// each class on top; `None` if it is ignored.
    fn mixture(&self, class: usize, classes: usize) -> Option<(f64, Spread)> {
        if Some(class) == self.ignore_index {
            return None;
        }
        let own = (1.0 - self.label_smoothing) * self.weight_of(class);
        let share = self.label_smoothing / classes as f64;
        let total = match &self.weight {
            Some(weight) => weight.iter().sum::<f64>(),
            None => classes as f64,
        };
        Some((own, Spread { share, total }))
    }

    /// The loss of an item of class `class`.
    #[inline(always)]
    fn of_item<E: Element>(&self, log_sum: LogSumExp<E>, logits: &[E], class: usize) -> E {
        let Some((own, spread)) = self.mixture(class, logits.len()) else {
            return E::zero();
        };
        let mut loss = E::of(own) * log_sum.surprise(logits[class]);
        if spread.share > 0.0 {
            let mut all = E::zero();
            for (other, &logit) in logits.iter().enumerate() {
                let weight = self.weight.as_ref().map_or(1.0, |it| it[other]);
                if weight > 0.0 {
                    all += E::of(weight) * log_sum.surprise(logit);
                }
            }
            loss += E::of(spread.share) * all;
        }
        loss
    }

    fn check(&self, classes: usize) -> Result<()> {
        check_share(NAME, "label_smoothing", self.label_smoothing)?;
        check_weights(NAME, self.weight.as_deref(), classes)
    }
}

/// What smoothing spreads over the classes: `share` times each class's weight; weights sum to
/// `total`.
#[derive(Clone, Copy)]
struct Spread {
    share: f64,
    total: f64,
}

struct CrossEntropyBackward<E: Element> {
    settings: CrossEntropy,
    /// `[items, classes]`. Their softmax is made again where the gradient is made: that costs less
    /// than to keep it.
    logits: Tensor<E>,
    sums: Vec<LogSumExp<E>>,
    classes: usize,
    target: Vec<usize>,
}

impl<E: Element> Backward<E> for CrossEntropyBackward<E> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (logits, gradient) = (self.logits.elements(), gradient.elements());
        let mut data = buffers::take(logits.len());
        let (level, classes) = (simd::level(), self.classes);
        threads::chunks(&mut data[..], part(classes), |first, slopes| {
            level.run(Slopes {
                of: self,
                first: first / classes,
                logits: &logits[first..],
                gradient: &gradient,
                slopes,
            });
        });
        let shape = [self.target.len(), classes];
        inputs.add(0, Tensor::from_storage(data, shape)?);
        Ok(())
    }
}

/// The derivatives by the logits of some items.
struct Slopes<'a, E: Element> {
    of: &'a CrossEntropyBackward<E>,
    /// The first of the items.
    first: usize,
    logits: &'a [E],
    gradient: &'a [E],
    slopes: &'a mut [E],
}

impl<E: Element> Loop for Slopes<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let (of, classes) = (self.of, self.of.classes);
        let rows = self.slopes.chunks_exact_mut(classes);
        let rows = rows.zip(self.logits.chunks_exact(classes));
        for (item, (row, logits)) in (self.first..).zip(rows) {
            let (class, gradient) = (of.target[item], self.gradient[item]);
            let Some((own, spread)) = of.settings.mixture(class, classes) else {
                row.fill(E::zero());
                continue;
            };
            let scale = gradient * E::of(own + spread.share * spread.total);
            of.sums[item].softmax(logits, scale, row);
            row[class] -= gradient * E::of(own);
            if spread.share > 0.0 {
                for (other, p) in row.iter_mut().enumerate() {
                    let weight = of.settings.weight.as_ref().map_or(1.0, |it| it[other]);
                    *p -= gradient * E::of(spread.share * weight);
                }
            }
        }
    }
}

/// The sums and the losses of some items.
struct Losses<'a, E: Element> {
    settings: &'a CrossEntropy,
    classes: usize,
    logits: &'a [E],
    target: &'a [usize],
    sums: &'a mut [Option<LogSumExp<E>>],
    losses: &'a mut [E],
}

impl<E: Element> Loop for Losses<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let logits = &self.logits[..self.losses.len() * self.classes];
        LogSumExp::of_rows::<A>(logits, self.classes, self.sums);
        let rows = logits.chunks_exact(self.classes).zip(self.target);
        let results = self.losses.iter_mut().zip(&*self.sums);
        for ((loss, sum), (logits, &class)) in results.zip(rows) {
            if let Some(sum) = *sum {
                *loss = self.settings.of_item(sum, logits, class);
            }
        }
    }
}

/// How many elements of rows of `classes` are worth a task of their own.
fn part(classes: usize) -> usize {
    const TASK: usize = 1 << 14;
    TASK.div_ceil(classes) * classes
}

impl<E: Element> Loss<E> for CrossEntropy {
    type Target = [usize];

    fn name(&self) -> &'static str {
        NAME
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn per_item(&self, prediction: &Tensor<E>, target: &[usize]) -> Result<Tensor<E>> {
        let it = ClassRows::for_classes(NAME, prediction, target, self.ignore_index)?;
        self.check(it.classes)?;
        let logits = it.rows.elements();
        let mut sums = vec![None; target.len()];
        let mut losses = buffers::zeroed(target.len());
        let (level, items) = (simd::level(), part(it.classes) / it.classes);
        let results = (&mut losses[..], sums.as_mut_slice());
        threads::chunks(results, items, |first, (losses, sums)| {
            level.run(Losses {
                settings: self,
                classes: it.classes,
                logits: &logits[first * it.classes..],
                target: &target[first..],
                sums,
                losses,
            });
        });
        let losses = Tensor::from_storage(losses, [target.len()])?;
        let losses = losses.recorded(&[&it.rows], || CrossEntropyBackward {
            settings: self.clone(),
            logits: it.rows.detach(),
            sums: sums.into_iter().flatten().collect(),
            classes: it.classes,
            target: target.to_vec(),
        });
        it.shaped(&losses)
    }

    fn total_weight(&self, _items: usize, target: &[usize]) -> Result<f64> {
        Ok(target.iter().map(|&class| self.weight_of(class)).sum())
    }

    fn expected_initial(&self, outputs: usize, target: &[usize]) -> Option<f64> {
        uninformed::same_for_all_classes::<Self>(self, outputs, 0.0, target)
    }

    fn expected_given(&self, prediction: &Tensor<E>, target: &[usize]) -> Option<f64> {
        let it = ClassRows::new(NAME, &prediction.detach()).ok()?;
        self.check(it.classes).ok()?;
        let items = it.rows.shape()[0] as f64;
        let mut means = vec![0.0; it.classes];
        for logits in it.rows.elements().chunks_exact(it.classes) {
            let log_sum = LogSumExp::of(logits);
            for (mean, &logit) in means.iter_mut().zip(logits) {
                *mean += log_sum.surprise(logit).double() / items;
            }
        }
        let mut total = 0.0;
        for (class, count) in uninformed::counts(target) {
            let Some((own, spread)) = self.mixture(class, it.classes) else {
                continue;
            };
            let mut loss = own * means.get(class)?;
            if spread.share > 0.0 {
                let weights = self.weight.clone().unwrap_or_else(|| vec![1.0; it.classes]);
                let all: f64 = weights.iter().zip(&means).map(|(w, mean)| w * mean).sum();
                loss += spread.share * all;
            }
            total += count as f64 * loss;
        }
        uninformed::reduced::<E, Self>(self, total, target.len(), target)
    }

    fn floor(&self, outputs: usize, target: &[usize]) -> Option<f64> {
        self.check(outputs).ok()?;
        let mut total = 0.0;
        for (class, count) in uninformed::counts(target) {
            let Some((own, spread)) = self.mixture(class, outputs) else {
                continue;
            };
            if class >= outputs {
                return None;
            }
            let share = |other: usize| {
                let weight = self.weight.as_ref().map_or(1.0, |it| it[other]);
                let own = if other == class { own } else { 0.0 };
                own + spread.share * weight
            };
            total += count as f64 * entropy((0..outputs).map(share));
        }
        uninformed::reduced::<E, Self>(self, total, target.len(), target)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    fn logits(shape: &[usize], deviation: f64) -> Tensor<f64> {
        Tensor::standard_normal(shape, Stream::new(3)).mul_scalar(deviation)
    }

    fn losses() -> Vec<CrossEntropy> {
        let weighted = CrossEntropy::new().with_weight([1.0, 0.5, 0.0, 2.0]);
        vec![
            CrossEntropy::new(),
            CrossEntropy::new()
                .with_label_smoothing(0.2)
                .with_ignore_index(1),
            weighted.clone().with_reduction(Reduction::Sum),
            weighted.with_label_smoothing(0.1).with_ignore_index(9),
        ]
    }

    #[test]
    fn gradients_agree_with_differences() {
        for loss in losses() {
            let target = if loss.ignore_index == Some(9) {
                [0, 1, 9, 3]
            } else {
                [0, 1, 2, 3]
            };
            for shape in [&[4, 4][..], &[2, 4, 2]] {
                let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &target);
                let worst = gradient_check::check(function, &[logits(shape, 1.0)], 1e-5).unwrap();
                assert!(worst.error < 1e-7, "{loss:?}: {worst:?}");
            }
        }
    }

    #[test]
    fn smoothing_a_tenth_over_ten_classes_has_its_floor_at_half() {
        let loss = CrossEntropy::new().with_label_smoothing(0.1);
        let floor = Loss::<f64>::floor(&loss, 10, &[3]).unwrap();
        assert!((floor - 0.500_288).abs() < 1e-6, "{floor}");
        let best = Tensor::from_fn([1, 10], |it| if it == 3 { 91.0_f64.ln() } else { 0.0 });
        let reached: f64 = loss.forward(&best, &[3]).unwrap().item().unwrap();
        assert!((reached - floor).abs() < 1e-12);
        assert_eq!(
            Loss::<f64>::floor(&CrossEntropy::new(), 10, &[3]),
            Some(0.0)
        );
    }

    #[test]
    fn a_spread_of_the_logits_raises_what_to_expect() {
        let target: Vec<usize> = (0..40_000).map(|it| it % 10).collect();
        let loss = CrossEntropy::new();
        for (deviation, expected) in [(0.0, 2.303), (0.3, 2.342), (1.0, 2.73), (2f64.sqrt(), 3.11)]
        {
            let found = loss
                .expected_given(&logits(&[40_000, 10], deviation), &target)
                .unwrap();
            assert!((found - expected).abs() < 0.01, "{deviation}: {found}");
        }
        let initial = Loss::<f64>::expected_initial(&loss, 10, &[1, 2]).unwrap();
        assert!((initial - 10f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn what_to_expect_is_the_mean_over_all_pairs() {
        let prediction = logits(&[3, 4], 1.0);
        for loss in losses() {
            let slow = uninformed::all_pairs_of_classes::<f64, _>(&loss, &prediction, &[0, 1, 3]);
            let fast = loss.expected_given(&prediction, &[0, 1, 3]);
            assert!((slow.unwrap() - fast.unwrap()).abs() < 1e-12, "{loss:?}");
        }
    }

    /// As in PyTorch 2.15: smoothing gives such items a loss, but the mean divides by their weight.
    #[test]
    fn classes_without_weight_have_no_mean() {
        let loss = CrossEntropy::new()
            .with_weight([0.0, 1.0, 2.0])
            .with_label_smoothing(0.1);
        let logits = Tensor::<f64>::from_fn([2, 3], |place| place as f64);
        let mean = loss.forward(&logits, &[0, 0]).unwrap().item().unwrap();
        assert!(mean.is_nan(), "{mean}");
        let sum = loss.clone().with_reduction(Reduction::Sum);
        assert!(sum.forward(&logits, &[0, 0]).unwrap().item().unwrap() > 0.0);
        let logits = logits.requires_grad();
        let ignored = loss.with_ignore_index(0).forward(&logits, &[0, 0]).unwrap();
        assert!(ignored.item().unwrap().is_nan());
        let gradients = ignored.backward().unwrap();
        assert_eq!(gradients.tensor(&logits).unwrap().to_vec(), [0.0; 6]);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let infinity = f32::INFINITY;
        for (row, expected) in [
            ([1e3, -1e3, 0.0], 0.0),
            ([-1e3, 1e3, 0.0], 2e3),
            ([1e30, 0.0, -1e30], 0.0),
            ([0.0, 1e30, 0.0], 1e30),
            ([0.0, -infinity, -infinity], 0.0),
        ] {
            let logits = Tensor::from_vec(row.to_vec(), [1, 3])
                .unwrap()
                .requires_grad();
            let loss = CrossEntropy::new().forward(&logits, &[0]).unwrap();
            assert_eq!(loss.item().unwrap(), expected, "{row:?}");
            let gradient = loss.backward().unwrap().tensor(&logits).unwrap();
            assert!(gradient.is_finite(), "{row:?}");
        }
    }

    #[test]
    fn an_overflowed_logit_makes_its_row_nan() {
        let logits = vec![f64::INFINITY, 0.0, 1.0, 0.0, 0.0, 0.0];
        let logits = Tensor::from_vec(logits, [2, 3]).unwrap().requires_grad();
        for class in 0..3 {
            let loss = CrossEntropy::new().with_reduction(Reduction::None);
            let losses = loss.forward(&logits, &[class, 0]).unwrap();
            let gradient = losses.sum().backward().unwrap().tensor(&logits).unwrap();
            assert!(losses.to_vec()[0].is_nan() && losses.to_vec()[1].is_finite());
            let gradient = gradient.to_vec();
            assert!(gradient[..3].iter().all(|it| it.is_nan()), "{gradient:?}");
            assert!(
                gradient[3..].iter().all(|it| it.is_finite()),
                "{gradient:?}"
            );
        }
    }

    #[test]
    fn wrong_settings_are_refused() {
        let logits = Tensor::<f64>::zeros([1, 3]);
        for loss in [
            CrossEntropy::new().with_label_smoothing(1.5),
            CrossEntropy::new().with_label_smoothing(f64::NAN),
            CrossEntropy::new().with_weight([1.0]),
            CrossEntropy::new().with_weight([1.0, -1.0, 1.0]),
        ] {
            assert!(loss.forward(&logits, &[0]).is_err(), "{loss:?}");
        }
        assert!(CrossEntropy::new().forward(&logits, &[3]).is_err());
        assert!(CrossEntropy::new().forward(&logits, &[0, 1]).is_err());
    }
}

//! What every loss must hold to, as checks for losses of your own.

use std::fmt;

use limpid_tensor::{Result, Tensor, gradient_check};

use crate::{Loss, Reduction};

/// The greatest relative error that [`check_loss`] allows between a gradient and a centred
/// difference.
pub const GRADIENT_TOLERANCE: f64 = 1e-7;

/// Places on a line that are searched for kinks.
const KINK_STEPS: usize = 160;
/// How often the distance of two places is halved then.
const KINK_HALVINGS: usize = 30;

/// A check of [`check_loss`] that a loss did not pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// Which.
    pub contract: Contract,
    /// What was found, and what must hold.
    pub evidence: String,
}

/// What every loss must hold to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contract {
    /// `forward` and `per_item` succeed on a batch that fits.
    Succeeds,
    /// The same batch twice gives the same bits.
    Repeatable,
    /// `forward` gives a scalar, or the shape of `per_item` where it does not reduce.
    Shape,
    /// `forward` is what its reduction makes of `per_item`.
    Reduction,
    /// The gradient agrees with centred differences in double precision.
    Gradient,
    /// Its gradient does not jump, on a line through the prediction, unless `has_kinks` says so.
    Kinks,
    /// No value lies below the floor.
    Floor,
    /// What an uninformed model scores is finite and not below the floor.
    Uninformed,
    /// A prediction without its last example is refused by an error, for the target of all.
    Refusal,
    /// Single precision gives the same number, to its precision.
    Precision,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.contract, self.evidence)
    }
}

impl std::error::Error for Broken {}

/// Checks a loss on one batch of two examples or more: `prediction` with the examples in dimension 0,
/// at a place without a kink within 1e-5, and the target in both element types.
///
/// # Errors
/// The first check that fails.
///
/// # Example
/// ```
/// use limpid_loss::{CrossEntropy, testing::check_loss};
/// use limpid_tensor::{Stream, Tensor};
///
/// let logits = Tensor::standard_normal([4, 3], Stream::new(1));
/// let classes = [0, 2, 1, 1];
/// check_loss::<_, [usize], [usize]>(&CrossEntropy::new(), &logits, &classes, &classes)?;
/// # Ok::<(), limpid_loss::testing::Broken>(())
/// ```
pub fn check_loss<L, T, S>(
    loss: &L,
    prediction: &Tensor<f64>,
    target: &T,
    single_target: &S,
) -> std::result::Result<(), Broken>
where
    L: Loss<f64, Target = T> + Loss<f32, Target = S>,
    T: ?Sized,
    S: ?Sized,
{
    check_in_double(loss, prediction, target)?;
    let double = value(loss, prediction, target).map_err(refused)?;
    let single = Loss::<f32>::forward(loss, &prediction.cast(), single_target).map_err(refused)?;
    let single = f64::from(single.elements().iter().sum::<f32>());
    let holds = (single - double).abs() <= 1e-4 * double.abs().max(1.0);
    require(Contract::Precision, holds, || {
        format!("f32 gives {single}, f64 {double}")
    })
}

/// As [`check_loss`], for a loss that exists in double precision only, as one that holds parameters.
///
/// # Errors
/// The first check that fails.
pub fn check_in_double<L: Loss<f64> + ?Sized>(
    loss: &L,
    prediction: &Tensor<f64>,
    target: &L::Target,
) -> std::result::Result<(), Broken> {
    let items = loss.per_item(prediction, target).map_err(refused)?;
    let found = value(loss, prediction, target).map_err(refused)?;
    let again = value(loss, prediction, target).map_err(refused)?;
    require(
        Contract::Repeatable,
        found.to_bits() == again.to_bits(),
        || format!("{found}, then {again}"),
    )?;
    let reduced = loss.forward(prediction, target).map_err(refused)?;
    let shape = match loss.reduction() {
        Reduction::None => items.shape(),
        Reduction::Mean | Reduction::Sum => &[],
    };
    require(Contract::Shape, reduced.shape() == shape, || {
        format!("the shape is {:?}, not {shape:?}", reduced.shape())
    })?;
    let total: f64 = items.to_vec().iter().sum();
    let weight = loss.total_weight(items.len(), target).map_err(refused)?;
    let expected = match loss.reduction() {
        Reduction::Mean => total / weight,
        Reduction::Sum | Reduction::None => total,
    };
    let holds = (found - expected).abs() <= 1e-12 * expected.abs().max(1.0);
    require(Contract::Reduction, holds, || {
        format!("forward gives {found}, the items {expected}")
    })?;
    check_gradient(loss, prediction, target)?;
    check_kinks(loss, prediction, target)?;
    check_knowledge(loss, prediction, target)?;
    let examples = prediction.shape().first().copied().unwrap_or(0);
    let shorter = prediction
        .narrow(0, 0, examples.saturating_sub(1))
        .map_err(refused)?;
    require(
        Contract::Refusal,
        loss.forward(&shorter, target).is_err(),
        || {
            format!(
                "{examples} targets were taken for {} predictions",
                shorter.shape()[0]
            )
        },
    )
}

/// The loss, or the sum of the items of one that is not reduced.
fn value<L: Loss<f64> + ?Sized>(
    loss: &L,
    prediction: &Tensor<f64>,
    target: &L::Target,
) -> Result<f64> {
    Ok(loss.forward(prediction, target)?.to_vec().iter().sum())
}

fn check_gradient<L: Loss<f64> + ?Sized>(
    loss: &L,
    prediction: &Tensor<f64>,
    target: &L::Target,
) -> std::result::Result<(), Broken> {
    let function = |x: &[Tensor<f64>]| Ok(loss.forward(&x[0], target)?.sum());
    let inputs = std::slice::from_ref(prediction);
    let worst = gradient_check::check(function, inputs, 1e-5).map_err(|error| Broken {
        contract: Contract::Gradient,
        evidence: error.to_string(),
    })?;
    require(Contract::Gradient, worst.error < GRADIENT_TOLERANCE, || {
        format!("{worst:?}")
    })
}

/// Looks for a jump of the derivative along the line of the prediction's multiples, from -2 to 2. Where
/// it changes most between places side by side the distance is halved again and again: a slope that is
/// only steep changes ever less, one that has a pole ever more.
fn check_kinks<L: Loss<f64> + ?Sized>(
    loss: &L,
    prediction: &Tensor<f64>,
    target: &L::Target,
) -> std::result::Result<(), Broken> {
    if loss.has_kinks() {
        return Ok(());
    }
    // Multiples may be no predictions, as of probabilities: there is nothing to see at those.
    let derivative = |factor: f64| -> Option<f64> {
        let place = Tensor::scalar(factor).requires_grad();
        let total = loss
            .forward(&prediction.mul(&place).ok()?, target)
            .ok()?
            .sum();
        let gradient = total.backward().ok()?.tensor(&place)?.item().ok()?;
        gradient.is_finite().then_some(gradient)
    };
    let jump = |from: f64, to: f64| match (derivative(from), derivative(to)) {
        (Some(from), Some(to)) => (to - from).abs(),
        _ => 0.0,
    };
    let step = 4.0 / KINK_STEPS as f64;
    // 0, where many losses have a pole, is none of the places.
    let starts = (0..KINK_STEPS).map(|it| step * (it as f64 + 0.5) - 2.0);
    let steps = starts.map(|from| (jump(from, from + step), from));
    let (first, mut from) =
        steps.fold((0.0, 0.0), |best, it| if it.0 > best.0 { it } else { best });
    let mut width = step;
    for _ in 0..KINK_HALVINGS {
        width *= 0.5;
        if jump(from + width, from + 2.0 * width) > jump(from, from + width) {
            from += width;
        }
    }
    let found = jump(from, from + width);
    let scale = derivative(from).unwrap_or(0.0).abs().max(1.0);
    let jumps = found > 1e-5 * scale && found < 2.0 * first;
    require(Contract::Kinks, !jumps, || {
        format!("at {from} times the prediction the derivative jumps by {found}")
    })
}

fn check_knowledge<L: Loss<f64> + ?Sized>(
    loss: &L,
    prediction: &Tensor<f64>,
    target: &L::Target,
) -> std::result::Result<(), Broken> {
    let outputs = prediction.shape().get(1).copied().unwrap_or(1);
    // What is not reduced is judged by its mean, as the three figures are.
    let mean = |total: f64| match loss.reduction() {
        Reduction::None => loss
            .per_item(prediction, target)
            .and_then(|items| loss.total_weight(items.len(), target))
            .map(|weight| total / weight),
        Reduction::Mean | Reduction::Sum => Ok(total),
    };
    let found = value(loss, prediction, target)
        .and_then(mean)
        .map_err(refused)?;
    let floor = loss.floor(outputs, target).unwrap_or(f64::NEG_INFINITY);
    require(Contract::Floor, found >= floor - 1e-12, || {
        format!("{found} lies below {floor}")
    })?;
    let figures = [
        ("expected_initial", loss.expected_initial(outputs, target)),
        ("expected_given", loss.expected_given(prediction, target)),
    ];
    for (name, figure) in figures {
        let holds = figure.is_some_and(|it| it.is_finite() && it >= floor - 1e-12);
        require(Contract::Uninformed, holds, || {
            format!("{name} is {figure:?}, the floor {floor}")
        })?;
    }
    Ok(())
}

fn refused(error: limpid_tensor::Error) -> Broken {
    Broken {
        contract: Contract::Succeeds,
        evidence: error.to_string(),
    }
}

fn require(
    contract: Contract,
    holds: bool,
    evidence: impl FnOnce() -> String,
) -> std::result::Result<(), Broken> {
    if holds {
        return Ok(());
    }
    let evidence = evidence();
    Err(Broken { contract, evidence })
}

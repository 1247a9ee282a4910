//! The arithmetic of a gradient check: analytic against numeric derivatives.

use crate::{Element, Result, Tensor};

/// |a - n| / max(|a|, |n|), and 0 where both are 0: how far an analytic derivative lies from a
/// numeric one.
///
/// # Source
/// CS231n, "Gradient checks"; the article's section on checking gradients.
///
/// # Example
/// ```
/// use limpid_tensor::gradient_check::relative_error;
///
/// assert_eq!(relative_error(1.0, 1.0), 0.0);
/// assert_eq!(relative_error(0.0, 0.0), 0.0);
/// assert_eq!(relative_error(1.0, 0.5), 0.5);
/// ```
pub fn relative_error(analytic: f64, numeric: f64) -> f64 {
    let scale = analytic.abs().max(numeric.abs());
    if scale == 0.0 {
        0.0
    } else {
        (analytic - numeric).abs() / scale
    }
}

/// The centred difference quotient of `function` along element `place` of `inputs[input]`:
/// (f(x + h) - f(x - h)) / 2h.
///
/// # Errors
/// What `function` reports, or a shape error when its result is no scalar.
pub fn centred_difference<E: Element>(
    function: &impl Fn(&[Tensor<E>]) -> Result<Tensor<E>>,
    inputs: &[Tensor<E>],
    input: usize,
    place: usize,
    step: f64,
) -> Result<f64> {
    let value = |step: f64| -> Result<f64> {
        let mut moved = inputs.to_vec();
        let mut data = moved[input].to_vec();
        data[place] += E::of(step);
        moved[input] = Tensor::from_vec(data, inputs[input].shape())?;
        Ok(function(&moved)?.item()?.double())
    };
    Ok((value(step)? - value(-step)?) / (2.0 * step))
}

/// How many roundings of the function's value a difference quotient is allowed to carry.
const ROUNDINGS: f64 = 16.0;

/// The largest disagreement that [`check`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Worst {
    /// Which input, by its number.
    pub input: usize,
    /// Which element of it, in row-major order.
    pub place: usize,
    /// What the backward half says.
    pub analytic: f64,
    /// What the difference quotient says.
    pub numeric: f64,
    /// The [`relative_error`] of the two, less what the rounding of the function explains.
    pub error: f64,
}

/// Compares the gradients of the scalar `function` with centred differences at every element of
/// every input, and gives the worst disagreement.
///
/// Meant for `f64` and a step of 1e-4 to 1e-6, away from kinks. A difference quotient of rounded
/// values cannot resolve less than about their rounding over the step; a disagreement counts only
/// as far as it exceeds that.
///
/// # Errors
/// What `function` and its gradients report.
///
/// # Example
/// ```
/// use limpid_tensor::{Tensor, gradient_check};
///
/// let x = Tensor::<f64>::from_vec(vec![0.3, -1.2], [2])?;
/// let worst = gradient_check::check(|inputs| Ok(inputs[0].tanh().sum()), &[x], 1e-5)?;
/// assert!(worst.error < 1e-7);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub fn check<E: Element>(
    function: impl Fn(&[Tensor<E>]) -> Result<Tensor<E>>,
    inputs: &[Tensor<E>],
    step: f64,
) -> Result<Worst> {
    let leaves: Vec<Tensor<E>> = inputs.iter().map(Tensor::requires_grad).collect();
    let value = function(&leaves)?;
    let resolution = ROUNDINGS * E::epsilon().double() * value.item()?.double().abs() / step;
    let gradients = value.backward()?;
    let plain: Vec<Tensor<E>> = inputs.iter().map(Tensor::detach).collect();
    let mut worst = Worst::default();
    for (input, leaf) in leaves.iter().enumerate() {
        let analytic = gradients
            .tensor(leaf)
            .unwrap_or_else(|| Tensor::zeros(leaf.shape()));
        for (place, analytic) in analytic.to_vec().into_iter().enumerate() {
            let analytic = analytic.double();
            let numeric = centred_difference(&function, &plain, input, place, step)?;
            let excess = ((analytic - numeric).abs() - resolution) / (analytic - numeric).abs();
            let error = match relative_error(analytic, numeric) {
                error if error > 0.0 => error * excess.max(0.0),
                error => error,
            };
            // A comparison that NaN fails must count as a disagreement, not as agreement.
            if error > worst.error || error.is_nan() {
                worst = Worst {
                    input,
                    place,
                    analytic,
                    numeric,
                    error,
                };
            }
            if error.is_nan() {
                return Ok(worst);
            }
        }
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backward, InputGradients};

    struct AlmostDouble;

    impl Backward<f64> for AlmostDouble {
        fn name(&self) -> &'static str {
            "almost double"
        }

        fn backward(
            &self,
            gradient: Tensor<f64>,
            inputs: &mut InputGradients<'_, f64>,
        ) -> Result<()> {
            inputs.add(0, gradient.mul_scalar(2.002));
            Ok(())
        }
    }

    #[test]
    fn a_gradient_that_is_off_by_a_thousandth_is_found() {
        let inputs = [Tensor::ones([2]), Tensor::ones([3])];
        let function = |x: &[Tensor<f64>]| {
            let wrong = x[1]
                .detach()
                .mul_scalar(2.0)
                .recorded(&[&x[1]], || AlmostDouble);
            x[0].sum().add(&wrong.sum())
        };
        let worst = check(function, &inputs, 1e-5).unwrap();
        assert_eq!(worst.input, 1);
        assert!((worst.error - 1e-3).abs() < 1e-5, "{worst:?}");
    }
}

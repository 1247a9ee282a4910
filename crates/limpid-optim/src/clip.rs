//! Clipping of gradients.

use limpid_tensor::{Element, Gradient, Gradients, Parameters, Result, Tensor, named_parameters};

use crate::sweep::sum_of_squares;
use crate::{setting, sparse};

pub(crate) mod adaptive;

/// Added to the norm, as PyTorch does, so that nothing is divided by 0.
const EPS: f64 = 1e-6;

/// How an optimizer bounds the gradients before the rule sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Clip {
    /// Not at all.
    #[default]
    Off,
    /// Shrinks all gradients by one factor, so that their common L2 norm is at most this.
    Norm(f64),
    /// Moves every element into [-value, value].
    Value(f64),
    /// Shrinks the gradient of each unit so that it is at most `ratio` times as long as the unit's
    /// weights; see [`clip_grad_adaptive`].
    Adaptive {
        /// The greatest norm of a gradient over that of its weights.
        ratio: f64,
        /// The least norm that weights are taken for.
        eps: f64,
    },
}

impl Clip {
    /// Adaptive clipping with the paper's `eps` of 1e-3. Its `ratio` is 0.01 for batches of 4096; smaller
    /// batches bear more.
    pub const fn adaptive(ratio: f64) -> Self {
        Self::Adaptive { ratio, eps: 1e-3 }
    }

    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Off => Ok(()),
            Self::Norm(most) => setting::positive("clip", "norm", most),
            Self::Value(most) => setting::positive("clip", "value", most),
            Self::Adaptive { ratio, eps } => {
                setting::positive("clip", "ratio", ratio)?;
                setting::positive("clip", "eps", eps)
            }
        }
    }
}

/// What gradients of the norm `total` are multiplied by: at most 1.
pub(crate) fn factor(most: f64, total: f64) -> f64 {
    (most / (total + EPS)).min(1.0)
}

/// The sum of squares of one gradient.
pub(crate) fn square<E: Element>(gradient: &Gradient<E>) -> f64 {
    match gradient {
        Gradient::Dense(tensor) => sum_of_squares(&tensor.elements()),
        Gradient::Rows(rows) => sparse::sum_of_squares(rows),
        Gradient::Product(product) => sum_of_squares(&product.to_dense().elements()),
    }
}

/// Shrinks the gradients of a model so that their common L2 norm is at most `max_norm`; gives the
/// norm that they had.
///
/// ```text
/// gradient * min(1, max_norm / (norm + 1e-6))
/// ```
///
/// # Errors
/// An argument error when `max_norm` is not a finite number above 0.
///
/// # Source
/// Pascanu et al. (2013), "On the difficulty of training recurrent neural networks"; equals
/// torch.nn.utils.clip_grad_norm_ (2.15).
pub fn clip_grad_norm<E: Element, M: Parameters<E> + ?Sized>(
    model: &M,
    gradients: &mut Gradients<E>,
    max_norm: f64,
) -> Result<f64> {
    setting::positive("clip_grad_norm", "max_norm", max_norm)?;
    let parameters = named_parameters(model);
    let found = parameters
        .iter()
        .filter_map(|(_, parameter)| gradients.get(parameter));
    let total = found.map(square).sum::<f64>().sqrt();
    let factor = factor(max_norm, total);
    if factor < 1.0 {
        let factor = E::of(factor);
        change(model, gradients, |_, gradient| gradient.times(factor))?;
    }
    Ok(total)
}

/// Moves every element of a model's gradients into [-clip_value, clip_value].
///
/// # Errors
/// An argument error when `clip_value` is not a finite number above 0.
///
/// # Source
/// Equals torch.nn.utils.clip_grad_value_ (2.15).
pub fn clip_grad_value<E: Element, M: Parameters<E> + ?Sized>(
    model: &M,
    gradients: &mut Gradients<E>,
    clip_value: f64,
) -> Result<()> {
    setting::positive("clip_grad_value", "clip_value", clip_value)?;
    let most = E::of(clip_value);
    change(model, gradients, |_, gradient| bounded(gradient, most))
}

/// Shrinks the gradient of each unit of a model so that it is at most `ratio` times as long as the
/// unit's weights.
///
/// ```text
/// gradient * min(1, ratio * max(norm(weight), eps) / norm(gradient))
/// ```
/// A unit is what lies under one index of the first dimension: a row of a linear layer's weight, a
/// filter of a convolution, a row of a table. Parameters of rank 0 and 1 are one unit each. The
/// paper leaves out the last layer: clip the others by a walk of their own where that matters.
///
/// # Errors
/// An argument error when `ratio` or `eps` is not a finite number above 0.
///
/// # Source
/// Brock et al. (2021), "High-performance large-scale image recognition without normalization",
/// section 4, with `ratio` 0.01 and `eps` 1e-3.
pub fn clip_grad_adaptive<E: Element, M: Parameters<E> + ?Sized>(
    model: &M,
    gradients: &mut Gradients<E>,
    ratio: f64,
    eps: f64,
) -> Result<()> {
    Clip::Adaptive { ratio, eps }.check()?;
    change(model, gradients, |parameter, gradient| {
        adaptive::shortened(parameter, gradient, ratio, eps)
    })
}

/// The element moved into [-most, most]; what is not a number stays so.
pub(crate) fn bound<E: Element>(element: E, most: E) -> E {
    if element > most {
        most
    } else if element < -most {
        -most
    } else {
        element
    }
}

/// The gradient with every element moved into [-most, most].
pub(crate) fn bounded<E: Element>(gradient: &Gradient<E>, most: E) -> Gradient<E> {
    gradient.map(|element| bound(element, most))
}

fn change<E: Element, M: Parameters<E> + ?Sized>(
    model: &M,
    gradients: &mut Gradients<E>,
    change: impl Fn(&Tensor<E>, &Gradient<E>) -> Gradient<E>,
) -> Result<()> {
    for (path, parameter) in named_parameters(model) {
        if let Some(gradient) = gradients.get(parameter) {
            let changed = change(parameter, gradient);
            gradients
                .set(parameter, changed)
                .map_err(|error| error.at(path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::Parameter;

    fn model() -> (Vec<Parameter<f64>>, Gradients<f64>) {
        let values = [vec![3.0], vec![0.0, 4.0]];
        let model: Vec<Parameter<f64>> = values
            .into_iter()
            .map(|data| {
                let length = data.len();
                Parameter::new(Tensor::from_vec(data, [length]).unwrap())
            })
            .collect();
        let loss = model[0]
            .square()
            .sum()
            .add(&model[1].square().sum())
            .unwrap()
            .mul_scalar(0.5);
        let gradients = loss.backward().unwrap();
        (model, gradients)
    }

    #[test]
    fn the_norm_is_over_all_parameters() {
        let (model, mut gradients) = model();
        assert_eq!(clip_grad_norm(&model, &mut gradients, 2.5).unwrap(), 5.0);
        let clipped = gradients.tensor(&model[1]).unwrap().to_vec();
        assert!((clipped[1] - 2.0).abs() < 1e-6, "{clipped:?}");
        let after = clip_grad_norm(&model, &mut gradients, 2.5).unwrap();
        assert!(after < 2.5 && after > 2.4999);
    }

    #[test]
    fn short_gradients_stay() {
        let (model, mut gradients) = model();
        clip_grad_norm(&model, &mut gradients, 50.0).unwrap();
        assert_eq!(gradients.tensor(&model[0]).unwrap().to_vec(), [3.0]);
    }

    #[test]
    fn values_are_bounded_on_both_sides() {
        let (model, mut gradients) = model();
        clip_grad_value(&model, &mut gradients, 3.5).unwrap();
        assert_eq!(gradients.tensor(&model[0]).unwrap().to_vec(), [3.0]);
        assert_eq!(gradients.tensor(&model[1]).unwrap().to_vec(), [0.0, 3.5]);
        assert_eq!(bound(-4.0, 3.5), -3.5);
        assert!(bound(f64::NAN, 1.0).is_nan());
    }

    #[test]
    fn bounds_must_be_positive() {
        let (model, mut gradients) = model();
        assert!(clip_grad_norm(&model, &mut gradients, 0.0).is_err());
        assert!(clip_grad_value(&model, &mut gradients, f64::NAN).is_err());
        assert!(clip_grad_adaptive(&model, &mut gradients, 0.0, 1e-3).is_err());
        assert!(clip_grad_adaptive(&model, &mut gradients, 0.1, 0.0).is_err());
    }
}

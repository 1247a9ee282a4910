//! Losses whose derivatives are known as soon as their values are.

use limpid_tensor::simd::{self, Arithmetic, Loop};
use limpid_tensor::{Backward, Element, InputGradients, Result, Tensor, threads};

use crate::values::check_same_shape;

struct SlopesBackward<E: Element> {
    name: &'static str,
    /// The derivative of the element's own item by each element of the input.
    slopes: Tensor<E>,
}

impl<E: Element> Backward<E> for SlopesBackward<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let per_element = gradient.rank() == self.slopes.rank();
        let gradient = if per_element {
            gradient
        } else {
            gradient.unsqueeze(-1)?
        };
        inputs.add(0, gradient.mul(&self.slopes)?);
        Ok(())
    }
}

/// The losses of `input`'s elements, or of its rows, with the derivatives `slopes` by its elements.
pub(crate) fn with_slopes<E: Element>(
    name: &'static str,
    losses: Tensor<E>,
    input: &Tensor<E>,
    slopes: Vec<E>,
) -> Result<Tensor<E>> {
    let slopes = Tensor::from_vec(slopes, input.shape())?;
    Ok(losses.recorded(&[input], || SlopesBackward { name, slopes }))
}

/// Elements that a thread is handed at a time.
const PART: usize = 1 << 13;
/// Up to this many, handing work to another thread costs more than it gains.
const SPLIT: usize = 1 << 15;

/// A loss of every element, from prediction and target of one shape: `of` gives the loss and its
/// derivative by the prediction. The target receives no gradient.
pub(crate) fn of_pairs<E: Element>(
    name: &'static str,
    prediction: &Tensor<E>,
    target: &Tensor<E>,
    of: impl Fn(E, E) -> (E, E) + Sync,
) -> Result<Tensor<E>> {
    check_same_shape(name, prediction, target)?;
    of_each(name, prediction, &target.elements(), of)
}

/// As [`of_pairs`], with something of any kind for each element of the prediction.
pub(crate) fn of_each<E: Element, T: Copy + Sync>(
    name: &'static str,
    prediction: &Tensor<E>,
    others: &[T],
    of: impl Fn(E, T) -> (E, E) + Sync,
) -> Result<Tensor<E>> {
    let predictions = prediction.elements();
    let length = predictions.len();
    let (mut losses, mut slopes) = (vec![E::zero(); length], vec![E::zero(); length]);
    let level = simd::level();
    let part = if length > SPLIT { PART } else { length };
    let data = (
        losses.as_mut_slice(),
        slopes.as_mut_slice(),
        &predictions[..],
        others,
    );
    threads::chunks(data, part, |_, (losses, slopes, predictions, others)| {
        level.run(Part {
            losses,
            slopes,
            predictions,
            others,
            of: &of,
        });
    });
    let losses = Tensor::from_vec(losses, prediction.shape())?;
    with_slopes(name, losses, prediction, slopes)
}

struct Part<'a, E, T, F> {
    losses: &'a mut [E],
    slopes: &'a mut [E],
    predictions: &'a [E],
    others: &'a [T],
    of: &'a F,
}

impl<E: Element, T: Copy, F: Fn(E, T) -> (E, E)> Loop for Part<'_, E, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let length = self.losses.len();
        let (losses, slopes) = (self.losses, &mut self.slopes[..length]);
        let (predictions, others) = (&self.predictions[..length], &self.others[..length]);
        for index in 0..length {
            (losses[index], slopes[index]) = (self.of)(predictions[index], others[index]);
        }
    }
}

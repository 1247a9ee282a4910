//! Losses whose derivatives are known as soon as their values are.

use limpid_tensor::{Backward, Element, InputGradients, Result, Tensor};

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

/// A loss of every element, from prediction and target of one shape: `of` gives the loss and its
/// derivative by the prediction. The target receives no gradient.
pub(crate) fn of_pairs<E: Element>(
    name: &'static str,
    prediction: &Tensor<E>,
    target: &Tensor<E>,
    of: impl Fn(E, E) -> (E, E),
) -> Result<Tensor<E>> {
    check_same_shape(name, prediction, target)?;
    let (predictions, targets) = (prediction.elements(), target.elements());
    let pairs = predictions.iter().zip(targets.iter());
    let (losses, slopes) = pairs.map(|(&x, &y)| of(x, y)).unzip();
    let losses = Tensor::from_vec(losses, prediction.shape())?;
    with_slopes(name, losses, prediction, slopes)
}

//! Losses whose derivatives are known as soon as their values are.

use limpid_tensor::{Backward, Element, InputGradients, Result, Tensor};

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

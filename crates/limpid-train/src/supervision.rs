//! What targets are, so that one trainer serves all losses.

use limpid_data::{Classes, SoftClasses, SoftTargets, TargetKind, Values};
use limpid_tensor::{Element, Result, Tensor};

/// The target of a loss, as a loader hands it out: classes `[usize]`, values `Tensor<E>`, or the probabilities of
/// classes, `SoftTargets<E>`.
pub trait Supervision<E: Element> {
    /// The kind of target that the loader is asked for.
    type Kind: TargetKind;

    /// The target of a batch as the loss takes it.
    fn of(batch: &<Self::Kind as TargetKind>::Batch<E>) -> &Self;

    /// How many rows there are.
    fn rows(&self) -> usize;

    /// How many of the rows the prediction hits: for classes, those whose greatest output is their
    /// class, ties going to the lowest class. `None` for values, where nothing is simply right.
    ///
    /// # Errors
    /// A shape error when the prediction is not `[rows, classes]`.
    fn hits(&self, prediction: &Tensor<E>) -> Result<Option<usize>>;
}

impl<E: Element> Supervision<E> for [usize] {
    type Kind = Classes;

    fn of(batch: &Vec<usize>) -> &Self {
        batch
    }

    fn rows(&self) -> usize {
        self.len()
    }

    fn hits(&self, prediction: &Tensor<E>) -> Result<Option<usize>> {
        if prediction.rank() != 2 {
            return Ok(None);
        }
        let predicted = prediction.argmax(-1)?;
        let right = predicted.iter().zip(self).filter(|(it, class)| it == class);
        Ok(Some(right.count()))
    }
}

impl<E: Element> Supervision<E> for Tensor<E> {
    type Kind = Values;

    fn of(batch: &Tensor<E>) -> &Self {
        batch
    }

    fn rows(&self) -> usize {
        self.shape().first().copied().unwrap_or(1)
    }

    fn hits(&self, _: &Tensor<E>) -> Result<Option<usize>> {
        Ok(None)
    }
}

/// A row is right where its greatest output is its most probable class.
impl<E: Element> Supervision<E> for SoftTargets<E> {
    type Kind = SoftClasses;

    fn of(batch: &Self) -> &Self {
        batch
    }

    fn rows(&self) -> usize {
        Supervision::rows(&**self)
    }

    fn hits(&self, prediction: &Tensor<E>) -> Result<Option<usize>> {
        let classes: Vec<usize> = self.argmax(-1)?.into_iter().collect();
        classes[..].hits(prediction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_output_is_the_prediction_and_the_lowest_wins_a_tie() {
        let logits = Tensor::from_vec(vec![0.0, 2.0, 1.0, 1.0], [2, 2]).unwrap();
        assert_eq!(
            Supervision::<f64>::hits(&[1, 0][..], &logits).unwrap(),
            Some(2)
        );
        assert_eq!(
            Supervision::<f64>::hits(&[1, 1][..], &logits).unwrap(),
            Some(1)
        );
        assert_eq!(Tensor::ones([2, 2]).hits(&logits).unwrap(), None);
    }
}

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
    /// class, ties going to the lowest class. `None` for values, where nothing is simply right, and for
    /// predictions that are not `[rows, classes]`.
    ///
    /// # Errors
    /// None by limpid's own targets.
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
        let elements = prediction.elements();
        let width = prediction.shape()[1].max(1);
        let rows = elements.chunks_exact(width).zip(self);
        Ok(Some(
            rows.filter(|(row, class)| is_hit(row, **class)).count(),
        ))
    }
}

/// Whether the greatest number of a row is its class's, the lowest class counting among equals. Of a
/// row that holds NaN none is.
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN beats every number")]
fn is_hit<E: Element>(row: &[E], class: usize) -> bool {
    let Some(&own) = row.get(class) else {
        return false;
    };
    let (before, after) = (&row[..class], &row[class + 1..]);
    // Without branches: rows are short, and the compiler compares many numbers at once.
    let beaten_before = before
        .iter()
        .fold(false, |beaten, &it| beaten | !(it < own));
    let beaten_after = after
        .iter()
        .fold(false, |beaten, &it| beaten | !(it <= own));
    !(beaten_before | beaten_after)
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
        let odd = Tensor::from_vec(vec![f64::NAN, 2.0, 1.0, f64::NAN], [2, 2]).unwrap();
        assert_eq!([1, 0][..].hits(&odd).unwrap(), Some(0));
        assert_eq!([5, 7][..].hits(&logits).unwrap(), Some(0));
        let none = Tensor::<f64>::zeros([0, 3]);
        assert_eq!([0_usize; 0][..].hits(&none).unwrap(), Some(0));
    }
}

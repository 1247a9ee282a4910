//! From what each member says to one answer.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::said::{check_finite, greatest, sizes};

/// The mean over the members: of probabilities, these are probabilities again.
///
/// # Shapes
/// `[members, rows, classes]` -> `[rows, classes]`.
///
/// # Errors
/// A shape error for another rank, or where nothing is said.
pub fn mean<E: Element>(members: &Tensor<E>) -> Result<Tensor<E>> {
    sizes("mean", members)?;
    members.mean_dim(&[0], false)
}

/// The softmax of the mean of the members' logits: the normalised geometric mean of their
/// probabilities. One member that is sure of the contrary weighs more than in [`mean`].
///
/// # Shapes
/// `[members, rows, classes]` -> `[rows, classes]`.
///
/// # Errors
/// As [`mean`].
pub fn mean_of_logits<E: Element>(members: &Tensor<E>) -> Result<Tensor<E>> {
    sizes("mean_of_logits", members)?;
    members.mean_dim(&[0], false)?.softmax(-1)
}

/// The mean over the members, each with its weight; the weights are divided by their sum.
///
/// # Shapes
/// `[members, rows, classes]`, one weight for each member -> `[rows, classes]`.
///
/// # Errors
/// As [`mean`]; a shape error unless there is one weight for each member; an argument error when a
/// weight is negative or not finite, or all are 0.
pub fn weighted_mean<E: Element>(members: &Tensor<E>, weights: &[f64]) -> Result<Tensor<E>> {
    const NAME: &str = "weighted_mean";
    let [count, ..] = sizes(NAME, members)?;
    let total = check_weights(NAME, weights, count)?;
    let shares = Tensor::from_fn([count, 1, 1], |it| weights[it] / total);
    members.mul(&shares)?.sum_dim(&[0], false)
}

/// One weight for each member, none negative, not all 0; gives their sum.
pub(crate) fn check_weights(
    operation: &'static str,
    weights: &[f64],
    members: usize,
) -> Result<f64> {
    if weights.len() != members {
        let shapes: [&[usize]; 2] = [&[members], &[weights.len()]];
        return Err(Error::shape(
            operation,
            &shapes,
            "there must be a weight for each member",
        ));
    }
    let expected = "finite numbers from 0, not all 0";
    let refuse = |found: f64| Error::argument(operation, "weights", expected, found);
    if let Some(&weight) = weights.iter().find(|it| !(it.is_finite() && **it >= 0.0)) {
        return Err(refuse(weight));
    }
    let total: f64 = weights.iter().sum();
    if total > 0.0 && total.is_finite() {
        Ok(total)
    } else {
        Err(refuse(total))
    }
}

/// The class that most members hold the most probable. Ties go to the lowest class, among the
/// classes of one member and among the votes.
///
/// # Shapes
/// `[members, rows, classes]` -> a class for each row.
///
/// # Errors
/// As [`mean`]; a not-finite error.
pub fn majority<E: Element>(members: &Tensor<E>) -> Result<Vec<usize>> {
    let [count, rows, classes] = sizes("majority", members)?;
    check_finite("majority", members)?;
    let elements = members.elements();
    let mut votes = vec![0_usize; rows * classes];
    for member in 0..count {
        let said = elements[member * rows * classes..].chunks_exact(classes);
        for (said, votes) in said.zip(votes.chunks_exact_mut(classes)) {
            votes[greatest(said)] += 1;
        }
    }
    Ok(votes.chunks_exact(classes).map(greatest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::Stream;

    fn said(values: &[f64], shape: [usize; 3]) -> Tensor<f64> {
        Tensor::from_vec(values.to_vec(), shape).unwrap()
    }

    fn near(left: &Tensor<f64>, right: &Tensor<f64>) {
        for (left, right) in left.to_vec().iter().zip(right.to_vec()) {
            assert!((left - right).abs() < 1e-12, "{left} {right}");
        }
    }

    #[test]
    fn the_mean_of_probabilities_and_of_logits_by_hand() {
        let mean = mean(&said(&[0.2, 0.8, 0.6, 0.4], [2, 1, 2])).unwrap();
        near(&mean, &Tensor::from_vec(vec![0.4, 0.6], [1, 2]).unwrap());
        let logits = [0.0, 4_f64.ln(), 0.0, 1_f64.ln()];
        let mean = mean_of_logits(&said(&logits, [2, 1, 2])).unwrap();
        // The geometric means 1 and 2 of the odds, normalised.
        near(
            &mean,
            &Tensor::from_vec(vec![1.0 / 3.0, 2.0 / 3.0], [1, 2]).unwrap(),
        );
    }

    #[test]
    fn weights_are_relative_and_equal_ones_give_the_mean() {
        let members = Tensor::<f64>::uniform([3, 5, 4], 0.0, 1.0, Stream::new(1));
        let equal = weighted_mean(&members, &[2.0; 3]).unwrap();
        near(&equal, &mean(&members).unwrap());
        let one = weighted_mean(&members, &[0.0, 7.0, 0.0]).unwrap();
        near(&one, &members.narrow(0, 1, 1).unwrap().squeeze(0).unwrap());
    }

    #[test]
    fn ties_of_votes_go_to_the_lowest_class() {
        let members = said(&[0.1, 0.2, 0.7, 0.1, 0.7, 0.2], [2, 1, 3]);
        assert_eq!(majority(&members).unwrap(), [1]);
        assert_eq!(majority(&said(&[0.4, 0.4, 0.2], [1, 1, 3])).unwrap(), [0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let members = said(&[0.5; 4], [2, 1, 2]);
        for weights in [&[1.0][..], &[1.0, -1.0], &[0.0, 0.0], &[f64::NAN, 1.0]] {
            assert!(weighted_mean(&members, weights).is_err(), "{weights:?}");
        }
        assert!(mean(&Tensor::<f64>::ones([2, 2])).is_err());
        assert!(mean(&Tensor::<f64>::ones([0, 2, 2])).is_err());
        assert!(majority(&said(&[f64::NAN, 0.5], [1, 1, 2])).is_err());
    }
}

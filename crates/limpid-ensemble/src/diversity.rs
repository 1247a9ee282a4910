//! How differently the members of an ensemble err.

use limpid_tensor::{Element, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::said::{check_finite, check_target, greatest, sizes};

/// How differently the members err, and what the ensemble gains by it.
///
/// With the squared distance of probabilities from the true class's unit vector as the error,
///
/// ```text
/// ensemble_error = member_error - ambiguity
/// ```
/// holds exactly: members that are as good on average help more the more they differ.
///
/// # Source
/// Krogh & Vedelsby (1995), "Neural network ensembles, cross validation, and active learning".
///
/// # Example
/// ```
/// use limpid_ensemble::Diversity;
/// use limpid_tensor::Tensor;
///
/// let said = Tensor::<f64>::from_vec(vec![0.9, 0.1, 0.3, 0.7], [2, 1, 2])?;
/// let diversity = Diversity::of(&said, &[0])?;
/// assert_eq!(diversity.disagreement, 1.0);
/// assert!((diversity.ambiguity - 0.18).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diversity {
    /// The share of rows where two members predict different classes, for each pair.
    pub pairs: Vec<Vec<f64>>,
    /// The mean of it over the pairs of different members; 0 for a single one.
    pub disagreement: f64,
    /// The mean squared distance of the members' probabilities from their mean.
    pub ambiguity: f64,
    /// The mean squared distance of the members' probabilities from the truth.
    pub member_error: f64,
    /// The squared distance of their mean from the truth.
    pub ensemble_error: f64,
}

impl Diversity {
    /// The diversity of members that say these probabilities.
    ///
    /// # Shapes
    /// `[members, rows, classes]`, a class for each row.
    ///
    /// # Errors
    /// A shape error for another rank or number of classes given; an index error for a class that
    /// does not exist; a not-finite error.
    pub fn of<E: Element>(members: &Tensor<E>, target: &[usize]) -> Result<Self> {
        const NAME: &str = "diversity";
        let [count, rows, classes] = sizes(NAME, members)?;
        check_target(NAME, rows, classes, target)?;
        check_finite(NAME, members)?;
        let said: Vec<f64> = members.elements().iter().map(|it| it.double()).collect();
        let said: Vec<&[f64]> = said.chunks_exact(rows * classes).collect();
        let mean: Vec<f64> = (0..rows * classes)
            .map(|place| said.iter().map(|it| it[place]).sum::<f64>() / count as f64)
            .collect();
        let mut truth = vec![0.0; rows * classes];
        for (row, &class) in target.iter().enumerate() {
            truth[row * classes + class] = 1.0;
        }
        let distance = |left: &[f64], right: &[f64]| {
            let squares = left
                .iter()
                .zip(right)
                .map(|(left, right)| (left - right).powi(2));
            squares.sum::<f64>() / rows as f64
        };
        let over_members =
            |from: &[f64]| said.iter().map(|it| distance(it, from)).sum::<f64>() / count as f64;
        let predicted: Vec<Vec<usize>> = said
            .iter()
            .map(|it| it.chunks_exact(classes).map(greatest).collect())
            .collect();
        let differ = |left: &[usize], right: &[usize]| {
            let unequal = left.iter().zip(right).filter(|(left, right)| left != right);
            unequal.count() as f64 / rows as f64
        };
        let pairs: Vec<Vec<f64>> = predicted
            .iter()
            .map(|left| predicted.iter().map(|right| differ(left, right)).collect())
            .collect();
        let different = (count * (count - 1)).max(1) as f64;
        Ok(Self {
            disagreement: pairs.iter().flatten().sum::<f64>() / different,
            pairs,
            ambiguity: over_members(&mean),
            member_error: over_members(&truth),
            ensemble_error: distance(&mean, &truth),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::Stream;
    use proptest::prelude::*;

    #[test]
    fn equal_members_have_no_diversity() {
        let one = Tensor::<f64>::uniform([1, 6, 3], 0.0, 1.0, Stream::new(1));
        let members = Tensor::concat(&[&one, &one], 0).unwrap();
        let diversity = Diversity::of(&members, &[0; 6]).unwrap();
        assert_eq!((diversity.disagreement, diversity.ambiguity), (0.0, 0.0));
        assert_eq!(diversity.member_error, diversity.ensemble_error);
        assert_eq!(Diversity::of(&one, &[0; 6]).unwrap().disagreement, 0.0);
    }

    #[test]
    fn pairs_count_rows_of_different_classes() {
        let said = vec![0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9];
        let members = Tensor::from_vec(said, [3, 2, 2]).unwrap();
        let diversity = Diversity::of(&members, &[0, 1]).unwrap();
        assert_eq!(
            diversity.pairs,
            [[0.0, 0.5, 1.0], [0.5, 0.0, 0.5], [1.0, 0.5, 0.0]]
        );
        assert!((diversity.disagreement - 2.0 / 3.0).abs() < 1e-15);
        assert!(Diversity::of(&members, &[0, 2]).is_err());
        assert!(Diversity::of(&members, &[0]).is_err());
    }

    proptest! {
        #[test]
        fn ambiguity_is_what_the_ensemble_gains(seed in 0_u64..1000, count in 1_usize..5) {
            let members = Tensor::<f64>::standard_normal([count, 7, 4], Stream::new(seed));
            let target: Vec<usize> = (0..7).map(|row| (row + seed as usize) % 4).collect();
            let it = Diversity::of(&members.softmax(-1).unwrap(), &target).unwrap();
            prop_assert!((it.member_error - it.ambiguity - it.ensemble_error).abs() < 1e-12);
            prop_assert!(it.ambiguity >= 0.0);
        }
    }
}

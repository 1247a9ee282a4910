//! Whether the true class is among the first.

use limpid_tensor::{Element, Error, Result, Tensor};

use super::class_rows::ClassRows;
use super::{Better, Metric, Score};

const NAME: &str = "top_k";

/// The share of rows whose class is among the k with the greatest scores; among equal scores the higher
/// class comes first.
///
/// # Source
/// Equals scikit-learn's `top_k_accuracy_score` (1.9).
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
/// use limpid_train::metric::{Metric, Score, TopK};
///
/// let mut top = TopK::new(2)?;
/// top.update(&Tensor::<f64>::from_vec(vec![0.5, 0.3, 0.2], [1, 3])?, &[1][..])?;
/// assert_eq!(top.compute(), Some(1.0));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TopK {
    k: usize,
    hits: u64,
    rows: u64,
}

impl TopK {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// An argument error when `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        if k == 0 {
            return Err(Error::argument(NAME, "k", "at least 1", k));
        }
        Ok(Self {
            k,
            hits: 0,
            rows: 0,
        })
    }

    pub(super) fn count<E: Element>(&mut self, row: &[E], class: usize) {
        let own = row[class];
        let ahead = row
            .iter()
            .enumerate()
            .filter(|&(other, &score)| score > own || (score == own && other > class));
        self.hits += u64::from(ahead.count() < self.k);
        self.rows += 1;
    }

    pub(super) fn share(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.hits as f64 / self.rows as f64)
    }
}

impl Score for TopK {
    fn name(&self) -> String {
        format!("top-{} accuracy", self.k)
    }

    fn better(&self) -> Better {
        Better::Greater
    }

    fn compute(&self) -> Option<f64> {
        self.share()
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.hits += other.hits;
        self.rows += other.rows;
        Ok(())
    }

    fn reset(&mut self) {
        (self.hits, self.rows) = (0, 0);
    }

    fn state(&self) -> Option<Vec<u64>> {
        Some(vec![self.hits, self.rows])
    }

    fn load(&mut self, state: &[u64]) -> bool {
        if let [hits, rows] = *state {
            (self.hits, self.rows) = (hits, rows);
        }
        state.len() == 2
    }
}

impl<E: Element> Metric<E, [usize]> for TopK {
    fn update(&mut self, prediction: &Tensor<E>, target: &[usize]) -> Result<()> {
        let rows = ClassRows::new(NAME, prediction, target)?;
        rows.iter().for_each(|(row, class)| self.count(row, class));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::agrees;
    use super::*;

    #[test]
    fn shares_equal_those_of_scikit_learn_in_any_batches() {
        // scikit-learn 1.9.1.
        agrees(&TopK::new(1).unwrap(), 0.458_333_333_333_333_3);
        agrees(&TopK::new(2).unwrap(), 0.708_333_333_333_333_4);
        agrees(&TopK::new(3).unwrap(), 0.875);
        agrees(&TopK::new(9).unwrap(), 1.0);
        assert!(TopK::new(0).is_err());
    }
}

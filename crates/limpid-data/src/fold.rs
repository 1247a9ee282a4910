//! Cross-validation: pairs of training and validation parts.

use limpid_tensor::Stream;

use crate::deal::{Share, deal};
use crate::{DataError, Dataset, Deal, Train, Validation};

/// What is fitted on and what is validated on in one turn of a cross-validation.
pub type Fold<D> = (Train<D>, Validation<D>);

/// Divides a training part into `folds` pieces and gives as many pairs: each piece is validated on
/// once, by what was fitted on the others. Transforms are fitted inside each pair, so nothing of a
/// validation piece reaches them.
///
/// Under [`Deal::ByTime`] a piece is validated on by what came before it only, so there are
/// `folds - 1` pairs, the first of which trains on one piece.
///
/// # Example
/// ```
/// use limpid_data::{Dataset, Deal, KFold, Split, classics};
/// use limpid_tensor::Stream;
///
/// let (train, test) = Split::pair(&classics::iris()?, 0.2, Deal::Stratified, &Stream::new(1))?;
/// let pairs = KFold::new(5).pairs(&train, Deal::Stratified, &Stream::new(2))?;
/// assert_eq!(pairs.len(), 5);
/// assert!(pairs.iter().all(|(train, validation)| train.len() + validation.len() == 120));
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KFold {
    /// The number of pieces, at least 2.
    pub folds: usize,
}

impl Default for KFold {
    fn default() -> Self {
        Self { folds: 5 }
    }
}

impl KFold {
    /// A cross-validation of so many pieces.
    pub fn new(folds: usize) -> Self {
        Self { folds }
    }

    /// The pairs, in order; equal streams give equal pairs.
    ///
    /// # Errors
    /// [`DataError::Setting`] when there are fewer than two folds or more folds than rows; otherwise
    /// as [`Split::deal`](crate::Split::deal).
    pub fn pairs<D: Dataset>(
        &self,
        train: &Train<D>,
        how: Deal<'_>,
        stream: &Stream,
    ) -> Result<Vec<Fold<D>>, DataError> {
        let data = &train.data;
        if self.folds < 2 || self.folds > data.len() {
            let expected = format!("2 to {} (the rows)", data.len());
            return Err(DataError::setting("folds", expected, self.folds));
        }
        let share = 1.0 / self.folds as f64;
        let shares: Vec<Share> = (1..=self.folds)
            .map(|fold| Share::new(format!("fold {fold}"), share))
            .collect();
        let pieces = deal(data, &shares, how, stream)?;
        let forward = matches!(how, Deal::ByTime(_));
        let mut pairs = Vec::with_capacity(self.folds);
        for fold in usize::from(forward)..self.folds {
            let end = if forward { fold } else { self.folds };
            let mut rows: Vec<usize> = (0..end)
                .filter(|&piece| piece != fold)
                .flat_map(|p| pieces[p].clone())
                .collect();
            if !forward {
                rows.sort_unstable();
            }
            let validation = Validation {
                data: data.select_rows(&pieces[fold])?,
            };
            pairs.push((
                Train {
                    data: data.select_rows(&rows)?,
                },
                validation,
            ));
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::Split;

    fn numbered(rows: usize) -> Train<Array2<f64>> {
        Split::train_only(Array2::from_shape_fn((rows, 1), |(row, _)| row as f64)).unwrap()
    }

    #[test]
    fn each_row_is_validated_on_once_and_never_trained_on_in_that_pair() {
        let pairs = KFold::new(3)
            .pairs(&numbered(10), Deal::Random, &Stream::new(4))
            .unwrap();
        let mut validated = Vec::new();
        for (train, validation) in &pairs {
            assert!(
                validation
                    .iter()
                    .all(|row| !train.iter().any(|other| other == row))
            );
            assert_eq!(train.len() + validation.len(), 10);
            validated.extend(validation.iter().copied());
        }
        validated.sort_by(f64::total_cmp);
        assert_eq!(validated, (0..10).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn in_time_only_the_past_is_trained_on() {
        let times: Vec<f64> = (0..8).map(|row| f64::from(7 - row)).collect();
        let deal = Deal::ByTime(&times);
        let pairs = KFold::new(4)
            .pairs(&numbered(8), deal, &Stream::new(4))
            .unwrap();
        assert_eq!(pairs.len(), 3);
        for (train, validation) in pairs {
            assert!(
                train
                    .iter()
                    .all(|past| validation.iter().all(|future| past > future))
            );
        }
    }

    #[test]
    fn groups_are_never_on_both_sides() {
        let groups: Vec<usize> = (0..20).map(|row| row / 4).collect();
        let deal = Deal::Grouped(&groups);
        for (train, validation) in KFold::new(5)
            .pairs(&numbered(20), deal, &Stream::new(4))
            .unwrap()
        {
            let group = |row: &f64| groups[*row as usize];
            assert!(
                validation
                    .iter()
                    .all(|row| !train.iter().any(|t| group(t) == group(row)))
            );
        }
    }

    #[test]
    fn too_few_and_too_many_folds_are_errors() {
        for folds in [0, 1, 4] {
            let pairs = KFold::new(folds).pairs(&numbered(3), Deal::Random, &Stream::new(4));
            assert!(
                matches!(pairs, Err(DataError::Setting { name: "folds", .. })),
                "{folds}"
            );
        }
    }
}

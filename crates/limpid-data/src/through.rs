//! A training part seen through a map, without a copy of it.

use ndarray::ArrayView2;

use crate::row_map::check_width;
use crate::{DataError, Features, RowMap, Train};

/// Features as a map shows them, block by block; see [`Train::through`].
pub struct Through<'a> {
    features: &'a dyn Features,
    map: &'a dyn RowMap,
}

impl std::fmt::Debug for Through<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let widths = (self.features.width(), self.map.output_width());
        write!(
            formatter,
            "Through {{ {} columns to {} }}",
            widths.0, widths.1
        )
    }
}

impl Features for Through<'_> {
    fn width(&self) -> usize {
        self.map.output_width()
    }

    fn blocks(&self, visit: &mut dyn FnMut(ArrayView2<'_, f64>)) -> Result<(), DataError> {
        self.features
            .blocks(&mut |block| visit(self.map.map_block(block).view()))
    }
}

impl<D: Features> Train<D> {
    /// The training part as `map` shows it, so that a second transform can be fitted on what a first
    /// one makes, in memory that does not grow with the rows.
    ///
    /// # Errors
    /// [`DataError::Size`] when the map was made for rows of another width.
    pub fn through<'a>(&'a self, map: &'a dyn RowMap) -> Result<Train<Through<'a>>, DataError> {
        check_width("training part", map, self.data.width())?;
        Ok(Train {
            data: Through {
                features: &self.data,
                map,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::Split;

    struct Sum;

    impl RowMap for Sum {
        fn input_width(&self) -> usize {
            2
        }

        fn output_width(&self) -> usize {
            1
        }

        fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
            rows.sum_axis(ndarray::Axis(1))
                .insert_axis(ndarray::Axis(1))
        }
    }

    #[test]
    fn blocks_are_seen_mapped() {
        let train = Split::train_only(array![[1.0, 2.0], [3.0, 4.0]]).unwrap();
        let seen = train.through(&Sum).unwrap();
        let mut values = Vec::new();
        seen.blocks(&mut |block| values.extend(block.iter().copied()))
            .unwrap();
        assert_eq!((seen.width(), values), (1, vec![3.0, 7.0]));
    }

    #[test]
    fn a_map_of_another_width_is_refused() {
        let train = Split::train_only(array![[1.0], [3.0]]).unwrap();
        assert!(matches!(
            train.through(&Sum),
            Err(DataError::Size {
                expected: 2,
                found: 1,
                ..
            })
        ));
    }
}

//! The rows of an epoch, one after the other.

use limpid_tensor::Stream;

use crate::permutation::below;
use crate::{DataError, Dataset, RowWeights, Target, permutation};

/// The order in which a loader goes through the rows, and how often it comes to each.
///
/// # Example
/// ```
/// use limpid_data::{Loader, Order, Split, Table, Target};
/// use limpid_tensor::Stream;
/// use ndarray::Array2;
///
/// let labels: Vec<usize> = (0..100).map(|row| usize::from(row >= 90)).collect();
/// let table = Table::new("rare", Array2::zeros((100, 1)), Target::numbered_classes(labels, 2))?;
/// let train = Split::train_only(table)?;
/// let loader = Loader::classes(&train, 100)?.with_order(Order::Balanced)?;
/// let (_, drawn) = loader.epoch::<f32>(&Stream::new(1)).next().unwrap();
/// assert_eq!(drawn.iter().sum::<usize>(), 50);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Order {
    /// Each row once, as the part has them.
    #[default]
    Given,
    /// Each row once, in a new random order for each epoch's stream.
    Shuffled,
    /// As many rows as the part has, each class equally often (one more where they do not divide), in a
    /// random order; a class's rows are drawn with replacement. Rare classes come again and again: their rows
    /// are learnt by heart sooner, and predicted probabilities are those of equally frequent classes.
    Balanced,
    /// Rows drawn by their weights.
    Weighted(RowWeights),
}

impl Order {
    /// The order can be had of this dataset.
    pub(crate) fn check(&self, data: &impl Dataset) -> Result<(), DataError> {
        match self {
            Self::Given | Self::Shuffled => Ok(()),
            Self::Balanced => data.target().classes(data.name()).map(|_| ()),
            Self::Weighted(weights) if weights.len() == data.len() => Ok(()),
            Self::Weighted(weights) => {
                let what = "weights for the rows";
                Err(DataError::size(
                    data.name(),
                    what,
                    data.len(),
                    weights.len(),
                ))
            }
        }
    }

    /// How many rows an epoch has, of a part of `rows` rows.
    pub(crate) fn rows(&self, rows: usize) -> usize {
        match self {
            Self::Given | Self::Shuffled | Self::Balanced => rows,
            Self::Weighted(weights) => weights.draws(),
        }
    }

    /// The rows of an epoch.
    pub(crate) fn draw(&self, data: &impl Dataset, stream: &Stream) -> Vec<usize> {
        match (self, data.target()) {
            (Self::Shuffled, _) => permutation(data.len(), stream),
            (Self::Weighted(weights), _) => weights.draw(stream),
            (Self::Balanced, Target::Classes { labels, names }) => {
                balanced(labels, names.len(), stream)
            }
            (Self::Given | Self::Balanced, _) => (0..data.len()).collect(),
        }
    }
}

/// As many rows as labels, of each class equally many.
fn balanced(labels: &[usize], classes: usize, stream: &Stream) -> Vec<usize> {
    let mut rows_of = vec![Vec::new(); classes];
    for (row, &label) in labels.iter().enumerate() {
        rows_of[label].push(row);
    }
    rows_of.retain(|rows| !rows.is_empty());
    // The classes that get one more are others in each epoch.
    let first = permutation(rows_of.len(), &stream.fork("classes"));
    let mut generator = stream.fork("rows").generator();
    let drawn: Vec<usize> = (0..labels.len())
        .map(|place| {
            let rows = &rows_of[first[place % first.len()]];
            rows[below(&mut generator, rows.len())]
        })
        .collect();
    let order = permutation(drawn.len(), &stream.fork("order"));
    order.into_iter().map(|place| drawn[place]).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::{LastBatch, Loader, Split, Table, Train};

    /// 3 rows of class 0, 20 of class 2, 77 of class 3, none of class 1.
    fn uneven() -> Train<Table> {
        let class = |row: usize| match row {
            0..3 => 0,
            3..23 => 2,
            _ => 3,
        };
        let target = Target::numbered_classes((0..100).map(class).collect(), 4);
        let features = Array2::from_shape_fn((100, 1), |(row, _)| row as f64);
        Split::train_only(Table::new("uneven", features, target).unwrap()).unwrap()
    }

    fn counts(rows: &[usize], of: usize) -> Vec<f64> {
        let mut counts = vec![0.0; of];
        rows.iter().for_each(|&row| counts[row] += 1.0);
        counts
    }

    #[test]
    fn balanced_epochs_show_each_class_equally_often_and_its_rows_evenly() {
        let train = uneven();
        let (mut of_rows, mut more) = (vec![0.0; 100], [0; 4]);
        let epochs = 3000_usize;
        for epoch in 0..epochs {
            let rows = Order::Balanced.draw(&*train, &Stream::new(3).fork(epoch));
            let classes: Vec<usize> = rows
                .iter()
                .map(|&row| train.labels().unwrap()[row])
                .collect();
            let per_class = counts(&classes, 4);
            assert_eq!(per_class[1], 0.0);
            for class in [0, 2, 3] {
                assert!([33.0, 34.0].contains(&per_class[class]), "{per_class:?}");
                more[class] += usize::from(per_class[class] == 34.0);
            }
            for (sum, count) in of_rows.iter_mut().zip(counts(&rows, 100)) {
                *sum += count;
            }
        }
        // One of three classes gets the hundredth row: 1000 epochs each, within four deviations.
        assert!(
            [0, 2, 3]
                .iter()
                .all(|&class| more[class].abs_diff(1000) < 104),
            "{more:?}"
        );
        // Chi-square of the rows of the largest class, 76 degrees of freedom: 0.999 lies at 120.1.
        let expected = of_rows[23..].iter().sum::<f64>() / 77.0;
        let distance = of_rows[23..]
            .iter()
            .map(|count| (count - expected).powi(2) / expected);
        let chi_square: f64 = distance.sum();
        assert!(chi_square < 120.1, "{chi_square}");
    }

    #[test]
    fn balanced_epochs_are_mixed_and_follow_their_stream() {
        let train = uneven();
        let draw = |seed| Order::Balanced.draw(&*train, &Stream::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        // A third of each class in any half, within four deviations of a draw without replacement.
        let rare = draw(1)[..50].iter().filter(|&&row| row < 3).count();
        assert!(rare.abs_diff(17) < 10, "{rare}");
    }

    #[test]
    fn orders_that_the_part_does_not_allow_are_refused() {
        let train = uneven();
        let loader = || Loader::classes(&train, 8).unwrap();
        let short = RowWeights::new(vec![1.0; 99]).unwrap();
        let error = loader().with_order(Order::Weighted(short)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "uneven: weights for the rows: expected 100, found 99"
        );
        let values = Table::new("toy", Array2::zeros((2, 1)), Target::column(vec![1.0, 2.0]));
        let values = Split::train_only(values.unwrap()).unwrap();
        let error = Loader::values(&values, 1)
            .unwrap()
            .with_order(Order::Balanced);
        assert!(matches!(error, Err(DataError::TargetKind { .. })));
        let few = RowWeights::new(vec![1.0; 100])
            .unwrap()
            .with_draws(7)
            .unwrap();
        let dropping = loader().with_last_batch(LastBatch::Drop).unwrap();
        let error = dropping.with_order(Order::Weighted(few)).unwrap_err();
        assert!(matches!(
            error,
            DataError::Setting {
                name: "batch size",
                ..
            }
        ));
    }

    #[test]
    fn an_epoch_is_as_long_as_the_rows_that_are_drawn() {
        let train = uneven();
        let weights = RowWeights::new(vec![1.0; 100])
            .unwrap()
            .with_draws(250)
            .unwrap();
        let loader = Loader::classes(&train, 64).unwrap();
        let loader = loader.with_order(Order::Weighted(weights)).unwrap();
        assert_eq!((loader.rows(), loader.batches()), (250, 4));
        let epoch = loader.epoch::<f32>(&Stream::new(1));
        assert_eq!(epoch.map(|(_, labels)| labels.len()).sum::<usize>(), 250);
    }
}

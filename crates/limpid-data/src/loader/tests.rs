use ndarray::{Array3, ArrayView2, array};

use super::*;
use crate::{Flip, GaussianNoise, Images, Mixup, RowWeights, Split, Table, Target, Train};

fn numbered(rows: usize) -> Train<Table> {
    let features = Array2::from_shape_fn((rows, 2), |(row, column)| (row * 10 + column) as f64);
    let labels = (0..rows).map(|row| row % 2).collect();
    let table = Table::new("toy", features, Target::numbered_classes(labels, 2));
    Split::train_only(table.unwrap()).unwrap()
}

struct FirstColumn;

impl RowMap for FirstColumn {
    fn input_width(&self) -> usize {
        2
    }

    fn output_width(&self) -> usize {
        1
    }

    fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        rows.column(0).to_owned().insert_axis(ndarray::Axis(1))
    }
}

#[test]
fn given_order_keeps_rows_with_their_labels_and_ends_with_the_rest() {
    let train = numbered(5);
    let loader = Loader::classes(&train, 2).unwrap();
    let batches: Vec<_> = loader.epoch::<f64>(&Stream::new(1)).collect();
    assert_eq!(batches.len(), 3);
    assert_eq!(
        batches[1].0.view(),
        array![[20.0, 21.0], [30.0, 31.0]].into_dyn()
    );
    assert_eq!(batches[1].1, [0, 1]);
    assert_eq!(batches[2].0.shape(), [1, 2]);
}

#[test]
fn a_shuffled_epoch_shows_every_row_once_with_its_own_label() {
    let train = numbered(23);
    let loader = Loader::classes(&train, 4).unwrap().shuffled();
    let order = |stream: &Stream| {
        let mut rows = Vec::new();
        for (inputs, labels) in loader.epoch::<f64>(stream) {
            for (row, &label) in inputs.view().outer_iter().zip(&labels) {
                assert_eq!(row[1], row[0] + 1.0);
                assert_eq!(label, (row[0] / 10.0) as usize % 2);
                rows.push(row[0] as usize / 10);
            }
        }
        rows
    };
    let first = order(&Stream::new(1));
    assert_eq!(first, order(&Stream::new(1)));
    assert_ne!(first, order(&Stream::new(2)));
    let mut sorted = first;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..23).collect::<Vec<_>>());
}

#[test]
fn dropping_the_rest_makes_equal_batches() {
    let train = numbered(5);
    let loader = Loader::classes(&train, 2)
        .unwrap()
        .with_last_batch(LastBatch::Drop)
        .unwrap();
    let epoch = loader.epoch::<f32>(&Stream::new(1));
    assert_eq!((epoch.len(), loader.batches(), loader.rows()), (2, 2, 4));
    assert!(
        epoch
            .into_iter()
            .all(|(inputs, _)| inputs.shape() == [2, 2])
    );
    let error = Loader::classes(&train, 6)
        .unwrap()
        .with_last_batch(LastBatch::Drop)
        .unwrap_err();
    assert!(
        matches!(
            error,
            DataError::Setting {
                name: "batch size",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_batch_of_nothing_is_refused() {
    let error = Loader::classes(&numbered(5), 0).unwrap_err().to_string();
    assert_eq!(error, "batch size: expected at least 1, found 0");
}

#[test]
fn the_targets_kind_is_checked_when_the_loader_is_made() {
    let error = Loader::values(&numbered(5), 2).unwrap_err().to_string();
    assert_eq!(error, "toy: expected a target of values, found classes");
}

#[test]
fn values_come_as_a_column() {
    let table = Table::new("toy", array![[1.0], [2.0]], Target::column(vec![5.0, 7.0])).unwrap();
    let train = Split::train_only(table).unwrap();
    let loader = Loader::values(&train, 2).unwrap();
    let (_, targets) = loader.epoch::<f32>(&Stream::new(1)).next().unwrap();
    assert_eq!(targets.view(), array![[5.0_f32], [7.0]].into_dyn());
}

#[test]
fn a_map_is_applied_to_each_batch_and_must_fit() {
    let train = numbered(3);
    let loader = Loader::classes(&train, 2)
        .unwrap()
        .with_map(FirstColumn)
        .unwrap();
    assert_eq!(loader.row_shape(), [1]);
    let (inputs, _) = loader.batch::<f64>(&[2, 0]).unwrap();
    assert_eq!(inputs.view(), array![[20.0], [0.0]].into_dyn());
    let images = Images::new("dots", Array3::zeros((2, 2, 2)), vec![0, 1], 2).unwrap();
    let images = Split::train_only(images).unwrap();
    let error = Loader::classes(&images, 2)
        .unwrap()
        .with_map(FirstColumn)
        .unwrap_err();
    assert!(
        matches!(
            error,
            DataError::Size {
                expected: 2,
                found: 4,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn images_keep_their_shape_unless_flat() {
    let images = Images::new("dots", Array3::from_elem((2, 2, 3), 255), vec![0, 1], 2).unwrap();
    let train = Split::train_only(images).unwrap();
    let loader = Loader::classes(&train, 2).unwrap();
    let (inputs, _) = loader.batch::<f32>(&[0, 1]).unwrap();
    assert_eq!(
        (inputs.shape(), inputs.to_vec()),
        ([2, 1, 2, 3].as_slice(), vec![1.0; 12])
    );
    assert_eq!(loader.flat().batch::<f32>(&[0]).unwrap().0.shape(), [1, 6]);
}

#[test]
fn a_row_beyond_the_end_is_an_error() {
    let train = numbered(3);
    let loader = Loader::classes(&train, 2).unwrap();
    let error = loader.batch::<f32>(&[3]).unwrap_err();
    assert!(
        matches!(
            error,
            DataError::RowOutOfRange {
                row: 3,
                rows: 3,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn augmentation_follows_the_place_in_the_epoch_and_not_the_batch() {
    let train = numbered(23);
    let noise = GaussianNoise::new(0.5).unwrap();
    let rows = |batch_size: usize, seed: u64| {
        let loader = Loader::classes(&train, batch_size).unwrap().shuffled();
        let loader = loader.with_augment(noise).unwrap();
        let epoch = loader.epoch::<f64>(&Stream::new(seed));
        epoch
            .flat_map(|(inputs, _)| inputs.to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(4, 1), rows(23, 1));
    assert_ne!(rows(4, 1), rows(4, 2));
    // Rows that come twice are not augmented alike.
    let twice = RowWeights::new(vec![1.0; 23]).unwrap();
    let loader = Loader::classes(&train, 23).unwrap();
    let loader = loader.with_order(Order::Weighted(twice)).unwrap();
    let loader = loader.with_augment(noise).unwrap();
    let (inputs, _) = loader.epoch::<f64>(&Stream::new(1)).next().unwrap();
    let mut first: Vec<f64> = inputs.view().outer_iter().map(|row| row[0]).collect();
    first.sort_by(f64::total_cmp);
    first.dedup();
    assert_eq!(first.len(), 23);
    // A batch by its rows is what the part holds.
    assert_eq!(loader.batch::<f64>(&[1]).unwrap().0.to_vec(), [10.0, 11.0]);
}

#[test]
fn augmentation_comes_before_the_map_and_knows_the_image_also_of_flat_rows() {
    let pixels = Array3::from_shape_fn((2, 1, 2), |(image, _, column)| (image + column) as u8 * 51);
    let train = Split::train_only(Images::new("dots", pixels, vec![0, 1], 2).unwrap()).unwrap();
    let flip = Flip::horizontal().with_probability(1.0).unwrap();
    let loader = Loader::classes(&train, 2).unwrap().flat();
    let loader = loader.with_augment(flip).unwrap().with_map(FirstColumn);
    let (inputs, _) = loader
        .unwrap()
        .epoch::<f64>(&Stream::new(1))
        .next()
        .unwrap();
    assert_eq!(inputs.view(), array![[0.2], [0.4]].into_dyn());
    let table = numbered(3);
    let error = Loader::classes(&table, 2).unwrap().with_augment(flip);
    assert!(matches!(error, Err(DataError::Setting { .. })));
}

#[test]
fn numbers_are_mixed_with_their_rows_and_classes_are_not_mixed() {
    let features = Array2::from_shape_fn((6, 1), |(row, _)| row as f64);
    let target = Target::column((0..6).map(|row| 10.0 * f64::from(row)).collect());
    let train = Split::train_only(Table::new("toy", features, target).unwrap()).unwrap();
    let mixup = Mixup::new(1.0).unwrap();
    let loader = Loader::values(&train, 6).unwrap().with_mix(mixup).unwrap();
    let (inputs, targets) = loader.epoch::<f64>(&Stream::new(2)).next().unwrap();
    let (inputs, targets) = (inputs.to_vec(), targets.to_vec());
    assert!(
        inputs
            .iter()
            .zip(&targets)
            .all(|(input, target)| (10.0 * input - target).abs() < 1e-12)
    );
    assert!(inputs.iter().any(|input| input.fract() != 0.0));
    let error = Loader::classes(&numbered(3), 2)
        .unwrap()
        .with_mix(mixup)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "toy: expected a target of numbers or soft classes, which can be mixed, found classes"
    );
}

#[test]
fn soft_classes_are_whole_until_they_are_mixed() {
    let train = numbered(8);
    let loader = Loader::soft_classes(&train, 8).unwrap();
    let (_, targets) = loader.epoch::<f32>(&Stream::new(1)).next().unwrap();
    assert_eq!(
        targets.argmax(-1).unwrap().into_raw_vec_and_offset().0,
        [0, 1, 0, 1, 0, 1, 0, 1]
    );
    let loader = loader.with_mix(Mixup::new(1.0).unwrap()).unwrap();
    let (_, mixed) = loader.epoch::<f64>(&Stream::new(1)).next().unwrap();
    for row in mixed.view().outer_iter() {
        assert!((row.sum() - 1.0).abs() < 1e-15 && row[0] >= 0.0 && row[1] >= 0.0);
    }
    assert!(mixed.to_vec().iter().any(|share| share.fract() != 0.0));
    assert!(Loader::<_, SoftClasses>::new(&train, 0).is_err());
}

#[test]
fn skipped_batches_are_those_of_the_epoch() {
    let train = numbered(23);
    let loader = Loader::classes(&train, 4).unwrap().shuffled();
    let epoch = || loader.epoch::<f64>(&Stream::new(1));
    let all: Vec<Vec<f64>> = epoch().map(|(inputs, _)| inputs.to_vec()).collect();
    let later: Vec<Vec<f64>> = epoch().skip(4).map(|(inputs, _)| inputs.to_vec()).collect();
    assert_eq!(later, all[4..]);
    assert_eq!(epoch().from_batch(5).next().unwrap().0.to_vec(), all[5]);
    assert_eq!(
        (epoch().from_batch(9).len(), epoch().nth(6).is_none()),
        (0, true)
    );
}

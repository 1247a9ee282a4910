use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use limpid_tensor::Stream;
use ndarray::{Array2, ArrayView2};

use crate::{Augment, DataError, Loader, Mixup, RowMap, SoftClasses, Split, Table, Target, Train};

fn train(rows: usize) -> Train<Table> {
    let features = Array2::from_shape_fn((rows, 3), |(row, column)| (row * 3 + column) as f64);
    let target = Target::numbered_classes((0..rows).map(|row| row % 2).collect(), 2);
    Split::train_only(Table::new("toy", features, target).unwrap()).unwrap()
}

/// A number from the row's stream, later for some rows than for others.
#[derive(Debug)]
struct Uneven;

impl Augment for Uneven {
    fn augment(&self, row: &mut [f64], _: &[usize], stream: &Stream) {
        row[1] += stream.generator().unit();
        if (row[0] as usize).is_multiple_of(7) {
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

fn all(
    loader: &Loader<'_, Train<Table>, SoftClasses>,
    workers: usize,
    first: usize,
) -> Vec<(Vec<f64>, Vec<f64>)> {
    let epoch = loader.epoch::<f64>(&Stream::new(3)).from_batch(first);
    std::thread::scope(|scope| {
        let batches = epoch.in_background(scope, workers).unwrap();
        let batches = batches.map(|batch| batch.unwrap());
        batches
            .map(|(inputs, targets)| (inputs.to_vec(), targets.to_vec()))
            .collect()
    })
}

#[test]
fn order_and_bits_do_not_depend_on_the_number_of_workers() {
    let train = train(101);
    let loader = Loader::soft_classes(&train, 4).unwrap().shuffled();
    let loader = loader.with_augment(Uneven).unwrap();
    let loader = loader.with_mix(Mixup::new(0.5).unwrap()).unwrap();
    let here: Vec<_> = loader
        .epoch::<f64>(&Stream::new(3))
        .map(|(inputs, targets)| (inputs.to_vec(), targets.to_vec()))
        .collect();
    assert_eq!(here.len(), 26);
    for workers in [0, 1, 2, 3, 8, 100] {
        assert_eq!(all(&loader, workers, 0), here, "{workers}");
        assert_eq!(all(&loader, workers, 20), here[20..], "{workers}");
    }
    assert_eq!(all(&loader, 2, 26), []);
    assert_eq!(all(&loader, 2, 99), []);
}

/// Counts the batches that it maps, and panics at one row.
struct Counted<'a> {
    batches: &'a AtomicUsize,
    wrong: f64,
}

impl RowMap for Counted<'_> {
    fn input_width(&self) -> usize {
        3
    }

    fn output_width(&self) -> usize {
        3
    }

    fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        let wrong = rows.column(0).iter().any(|&value| value == self.wrong);
        assert!(!wrong, "no row may begin with {}", self.wrong);
        rows.to_owned()
    }
}

#[test]
fn a_panic_reaches_the_caller_as_an_error_in_its_place() {
    let train = train(40);
    let count = AtomicUsize::new(0);
    // Row 17 is in the fifth batch.
    let map = Counted {
        batches: &count,
        wrong: 51.0,
    };
    let loader = Loader::classes(&train, 4).unwrap().with_map(map).unwrap();
    for workers in [0, 1, 3] {
        std::thread::scope(|scope| {
            let epoch = loader.epoch::<f32>(&Stream::new(1));
            let mut batches = epoch.in_background(scope, workers).unwrap();
            for _ in 0..4 {
                assert!(batches.next().unwrap().is_ok());
            }
            let error = batches.next().unwrap().unwrap_err();
            assert_eq!(
                error.to_string(),
                "batch 4: expected it to be made, found: no row may begin with 51"
            );
            assert!(matches!(error, DataError::Worker { batch: 4, .. }));
            assert!(batches.next().is_none());
        });
    }
}

#[test]
fn workers_stop_when_nobody_takes_batches_and_when_the_epoch_is_dropped() {
    let train = train(4000);
    let count = AtomicUsize::new(0);
    let map = Counted {
        batches: &count,
        wrong: -1.0,
    };
    let loader = Loader::classes(&train, 4).unwrap().with_map(map).unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let epoch = loader.epoch::<f32>(&Stream::new(1));
        let mut batches = epoch.in_background(scope, 2).unwrap();
        batches.next().unwrap().unwrap();
        // Four of a thousand batches may wait, beside the one that was taken.
        while count.load(Ordering::SeqCst) < 5 {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "the workers do not work"
            );
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(count.load(Ordering::SeqCst), 5);
        drop(batches);
    });
    // The scope has joined its threads.
    assert_eq!(count.load(Ordering::SeqCst), 5);
}

#[test]
fn an_epoch_that_nobody_reads_ends() {
    let train = train(9);
    let loader = Loader::classes(&train, 4).unwrap();
    std::thread::scope(|scope| {
        let epoch = loader.epoch::<f32>(&Stream::new(1));
        let batches = epoch.in_background(scope, 3).unwrap();
        assert_eq!(batches.size_hint(), (1, Some(3)));
    });
}

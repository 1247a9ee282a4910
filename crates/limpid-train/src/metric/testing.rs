//! Rows that metrics are held against scikit-learn's on.

use limpid_data::SoftTargets;
use limpid_tensor::{Stream, Tensor};

use super::Metric;
use limpid_data::permutation;

/// `[24, 4]`: 2 sin(1.3 row + 0.7 class^2 + 0.1), and 0.9 more for the row's own class.
pub(super) fn logits() -> Tensor<f64> {
    let logit = |place: usize| {
        let (row, class) = (place / 4, place % 4);
        let own = if targets()[row] == class { 0.9 } else { 0.0 };
        2.0 * (1.3 * row as f64 + 0.7 * (class * class) as f64 + 0.1).sin() + own
    };
    Tensor::from_vec((0..96).map(logit).collect(), [24, 4]).unwrap()
}

pub(super) fn targets() -> Vec<usize> {
    (0..24).map(|row| (row * row + row / 3) % 4).collect()
}

/// Predictions and targets `[20, 2]`.
pub(super) fn values() -> (Tensor<f64>, Tensor<f64>) {
    let (mut prediction, mut target) = (Vec::new(), Vec::new());
    for row in 0..20 {
        let k = f64::from(row);
        let (first, second) = ((k * 0.9).sin() * 3.0 + 1.0, k * 0.5 - 4.1);
        target.extend([first, second]);
        prediction.extend([
            first + ((k * 1.7).cos() * 0.5 + 0.2),
            second + (k * 2.3).sin(),
        ]);
    }
    let tensor = |values| Tensor::from_vec(values, [20, 2]).unwrap();
    (tensor(prediction), tensor(target))
}

pub(super) fn close(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() <= 1e-12 * expected.abs().max(1.0))
}

/// The metric has this value over the rows, cut into batches at random, at once, and merged.
fn holds<T: ?Sized>(
    empty: &(impl Metric<f64, T> + Clone + PartialEq),
    expected: f64,
    rows: usize,
    take: impl Fn(&mut dyn FnMut(&Tensor<f64>, &T), usize, usize),
) {
    let mut whole = empty.clone();
    take(
        &mut |prediction, target| whole.update(prediction, target).unwrap(),
        0,
        rows,
    );
    assert!(
        close(whole.compute(), expected),
        "{:?}, not {expected}",
        whole.compute()
    );
    for seed in 0..40_u64 {
        let mut cuts = permutation(rows, &Stream::new(seed));
        cuts.truncate(seed as usize % 6);
        cuts.extend([0, rows]);
        cuts.sort_unstable();
        let (mut batches, mut merged) = (empty.clone(), empty.clone());
        for two in cuts.windows(2) {
            let mut part = empty.clone();
            take(
                &mut |prediction, target| {
                    batches.update(prediction, target).unwrap();
                    part.update(prediction, target).unwrap();
                },
                two[0],
                two[1] - two[0],
            );
            merged.merge(&part).unwrap();
            // As a checkpoint between two batches does.
            let mut resumed = empty.clone();
            assert!(resumed.load(&batches.state().unwrap()));
            batches = resumed;
        }
        assert_eq!(batches.compute(), whole.compute(), "cut at {cuts:?}");
        assert!(
            close(merged.compute(), expected),
            "{:?}, merged at {cuts:?}",
            merged.compute()
        );
        merged.reset();
        assert_eq!(&merged, empty);
        assert_eq!(merged.compute(), None);
    }
}

/// The metric has this value over [`logits`], in whatever batches, and of soft targets likewise.
pub(super) fn agrees(metric: &(impl Metric<f64, [usize]> + Clone + PartialEq), expected: f64) {
    agrees_on(metric, expected, &logits());
}

pub(super) fn agrees_on(
    metric: &(impl Metric<f64, [usize]> + Clone + PartialEq),
    expected: f64,
    scores: &Tensor<f64>,
) {
    let targets = targets();
    holds::<[usize]>(metric, expected, 24, |update, start, rows| {
        update(
            &scores.narrow(0, start, rows).unwrap(),
            &targets[start..start + rows],
        );
    });
    let share = |place: usize| {
        if targets[place / 4] == place % 4 {
            0.7
        } else {
            0.1
        }
    };
    let soft = Tensor::from_vec((0..96).map(share).collect(), [24, 4]).unwrap();
    let mut of_soft = metric.clone();
    Metric::<f64, SoftTargets<f64>>::update(&mut of_soft, scores, &SoftTargets::new(soft)).unwrap();
    assert!(close(of_soft.compute(), expected));
}

/// The metric has this value over [`values`], in whatever batches.
pub(super) fn agrees_on_values(
    metric: &(impl Metric<f64, Tensor<f64>> + Clone + PartialEq),
    expected: f64,
) {
    let (prediction, target) = values();
    holds::<Tensor<f64>>(metric, expected, 20, |update, start, rows| {
        let part = |it: &Tensor<f64>| it.narrow(0, start, rows).unwrap();
        update(&part(&prediction), &part(&target));
    });
}

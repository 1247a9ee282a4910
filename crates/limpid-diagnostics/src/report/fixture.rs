//! A record as a good run on ten digits would leave it, for tests and for looking at the page.

use limpid_train::{RateCurve, RateFinder, RateStop};

use crate::finding::{Finding, Place, Severity};
use crate::record::{
    AxisScale, CheckRow, Confusion, Direction, EdgeWarning, EnsembleRow, EpochHistogram, EpochRow,
    Filter, FilterGrid, History, LayerHistory, ModelKind, RunRecord, SearchAxis, SearchRecord,
    Series, TestOpening, TrialRow, TrialState, Verdict,
};

const EPOCHS: u64 = 30;
const STEPS_PER_EPOCH: u64 = 36;
const STEPS: u64 = EPOCHS * STEPS_PER_EPOCH;

/// Every section filled.
pub(super) fn rich() -> RunRecord {
    RunRecord {
        title: "digits: 64-96-48-10 with dropout".into(),
        configuration: owned(&[
            ("model", "64 → 96 → 48 → 10, ReLU, He initialisation"),
            ("optimizer", "SGD, Nesterov momentum 0.9"),
            (
                "learning rate",
                "0.05, cosine to 0 after 36 steps of warm-up",
            ),
            ("weight decay", "3.1e-4"),
            ("dropout", "0.18"),
            ("batch size", "32"),
            ("early stopping", "validation loss, patience 8"),
        ]),
        seed: Some(20_240_617),
        versions: owned(&[
            ("limpid", "0.1.0"),
            ("rustc", "1.95.0"),
            ("processor", "AVX2, FMA"),
        ]),
        dataset: owned(&[
            ("table", "digits, 1797 rows, 64 columns, 10 classes"),
            ("split", "1150 / 287 / 360, stratified"),
            ("smallest class", "8 with 174 rows"),
            ("constant columns", "3 (0, 32, 39)"),
            ("duplicates across parts", "0"),
        ]),
        checks: checks(),
        findings: findings(),
        history: history(),
        layers: ["fc1", "fc2", "fc3"]
            .iter()
            .enumerate()
            .map(layer)
            .collect(),
        filters: Some(filters()),
        rates: Some(rates()),
        search: Some(search()),
        ensemble: ensemble(),
        confusion: Some(confusion()),
        test_openings: vec![TestOpening {
            reason: "final comparison of one net, its average and the ensemble".into(),
        }],
        wall_times: vec![
            ("data and preprocessing".into(), 0.041),
            ("preflight".into(), 0.62),
            ("search".into(), 21.4),
            ("training".into(), 9.8),
            ("ensemble".into(), 14.3),
        ],
    }
}

/// Evenly distributed in [0, 1): SplitMix64 of the index.
fn uniform(index: u64) -> f64 {
    let mut bits = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// About standard normal: a sum of twelve.
fn normal(index: u64) -> f64 {
    (0..12).map(|part| uniform(index * 12 + part)).sum::<f64>() - 6.0
}

fn owned(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn checks() -> Vec<CheckRow> {
    let row = |name: &str, verdict, expected: &str, found: &str, detail: &str| {
        CheckRow::new(name, verdict)
            .with_figures(expected, found)
            .with_detail(detail)
    };
    vec![
        row(
            "gradient-check",
            Verdict::Passed,
            "< 1e-7",
            "3.1e-9",
            "largest relative error, central differences in f64, 240 coordinates",
        ),
        row(
            "initial-loss",
            Verdict::Passed,
            "2.303 ± 0.12",
            "2.331",
            "ln 10, ten classes alike",
        ),
        row(
            "penalty-raises-loss",
            Verdict::Passed,
            "> 0",
            "0.0172",
            "from 0 to 3.1e-4 decay",
        ),
        row(
            "overfit-subset",
            Verdict::Passed,
            "< 0.01",
            "0.0031",
            "20 rows, 180 steps, accuracy 100 %",
        ),
        row(
            "input-independence",
            Verdict::Waived,
            "real < zeroed",
            "0.31 ≥ 0.29",
            "waived by name; zeroed inputs did as well in the first 50 steps",
        ),
        row(
            "label-shuffle",
            Verdict::Skipped,
            "",
            "",
            "asked for runs longer than ten epochs only",
        ),
    ]
}

fn findings() -> Vec<Finding> {
    vec![
        Finding::new("dead-units", Severity::Warning)
            .at(Place::path("fc2").with_epoch(9).with_step(324))
            .with_evidence("dead share", 0.125)
            .with_evidence("units", 48.0)
            .with_evidence("epochs dead", 6.0)
            .with_cause(
                "a large step early in training pushed six units below zero for every sample",
            )
            .with_remedy("warm the rate up over more steps, or use a leaky ReLU in this layer")
            .with_section("Activation functions"),
        Finding::new("search-edge", Severity::Warning)
            .with_evidence("best", 0.049_96)
            .with_evidence("end of range", 0.1)
            .with_cause("the best learning rate lies within 11 % of the upper end of its range in log space")
            .with_remedy("widen the range to 1 and search again")
            .with_section("Hyper-parameter search"),
        Finding::new("update-ratio", Severity::Info)
            .at(Place::path("fc3.weight"))
            .with_evidence("median ratio", 4.6e-3)
            .with_evidence("common reading", 1e-3)
            .with_cause("the output layer is small and moves faster than the others")
            .with_remedy("nothing to do while the loss falls evenly")
            .with_section("Ratio of updates to weights"),
    ]
}

fn rate(step: u64) -> f64 {
    let warm = (step as f64 / 36.0).min(1.0);
    let share = (step.saturating_sub(36)) as f64 / (STEPS - 36) as f64;
    0.05 * warm * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
}

fn history() -> History {
    let steps = || 0..STEPS;
    let time = |step: u64| step as f64 / STEPS_PER_EPOCH as f64;
    let loss = |step| {
        let smooth = 2.25 * (-time(step) / 1.6).exp() + 0.06 * (-time(step) / 14.0).exp() + 0.008;
        smooth * (0.42 * normal(step)).exp()
    };
    let ratio = |index: u64, scale: f64| {
        let value =
            move |step| scale * (rate(step) / 0.05 + 0.01) * (0.3 * normal(step * 3 + index)).exp();
        steps().map(move |step| (step, value(step)))
    };
    let epoch = |epoch: u64| {
        let at = epoch as f64;
        let wobble = |index| 0.003 * normal(900 + epoch * 7 + index);
        EpochRow {
            epoch,
            train_loss: Some(2.1 * (-at / 1.7).exp() + 0.05 * (-at / 12.0).exp() + 0.005),
            validation_loss: Some(
                2.05 * (-at / 1.8).exp() + 0.075 + 0.0011 * (at - 18.0).max(0.0) + wobble(1),
            ),
            train_accuracy: Some(
                (1.0 - 0.72 * (-at / 1.9).exp() - 0.003 + 0.4 * wobble(2)).min(1.0),
            ),
            validation_accuracy: Some(0.9785 - 0.74 * (-at / 2.0).exp() + wobble(3)),
        }
    };
    History {
        data_loss: steps().map(|step| (step, loss(step))).collect(),
        penalty: steps()
            .map(|step| {
                (
                    step,
                    0.0172 * (1.0 + 0.55 * (1.0 - (-time(step) / 6.0).exp())),
                )
            })
            .collect(),
        learning_rate: steps().map(|step| (step, rate(step))).collect(),
        epochs: (1..=EPOCHS).map(epoch).collect(),
        best_epoch: Some(22),
        update_ratios: vec![
            Series::new("fc1.weight", ratio(0, 1.1e-3)),
            Series::new("fc2.weight", ratio(1, 1.9e-3)),
            Series::new("fc3.weight", ratio(2, 4.6e-3)),
        ],
    }
}

/// Counts of 20 000 values in 64 buckets; `spike` of them lie in the bucket that begins at 0.
fn buckets(epoch: u64, half: f64, spread: f64, low: f64, spike: f64) -> EpochHistogram {
    let edges: Vec<f64> = (0..=64)
        .map(|edge| low + (half - low) * f64::from(edge) / 64.0)
        .collect();
    let weight = |middle: f64| (-0.5 * (middle / spread).powi(2)).exp();
    let total: f64 = edges
        .windows(2)
        .map(|pair| weight(0.5 * (pair[0] + pair[1])))
        .sum();
    let counts = edges.windows(2).map(|pair| {
        let smooth = 20_000.0 * (1.0 - spike) * weight(0.5 * (pair[0] + pair[1])) / total;
        let at_zero = if pair[0] <= 0.0 && 0.0 < pair[1] {
            20_000.0 * spike
        } else {
            0.0
        };
        (smooth + at_zero).round() as u64
    });
    let counts = counts.collect();
    EpochHistogram {
        epoch,
        edges,
        counts,
    }
}

fn layer((index, path): (usize, &&str)) -> LayerHistory {
    let depth = index as f64;
    let last = index == 2;
    let activation = |epoch: u64| {
        let grown = 1.0 + 0.035 * epoch as f64 * (1.0 + 0.6 * depth);
        let spread = grown * (0.9 + 0.15 * depth);
        let (low, spike) = if last {
            (-5.0 * spread, 0.0)
        } else {
            (0.0, 0.46 + 0.004 * epoch as f64)
        };
        buckets(epoch, 5.0 * spread, spread, low, spike)
    };
    let gradient = |epoch: u64| {
        let spread = 2.4e-3 * (1.0 + 0.8 * depth) * (-(epoch as f64) / 17.0).exp();
        buckets(
            epoch,
            6.0 * spread,
            spread,
            -6.0 * spread,
            if last { 0.05 } else { 0.3 },
        )
    };
    let dead = |epoch: u64| match index {
        0 => 0.0104 * (epoch / 11).min(2) as f64,
        _ => 0.125 * ((epoch as f64 - 3.0) / 6.0).clamp(0.0, 1.0),
    };
    LayerHistory {
        path: (*path).into(),
        activations: (1..=EPOCHS).map(activation).collect(),
        gradients: (1..=EPOCHS).map(gradient).collect(),
        dead_share: (1..=EPOCHS)
            .filter(|_| !last)
            .map(|epoch| (epoch, dead(epoch)))
            .collect(),
    }
}

/// Gratings and blobs with a little noise, as a net on 8 × 8 digits learns them.
fn filters() -> FilterGrid {
    let unit = |unit: u64| {
        let draw = |index: u64| uniform(5_000 + unit * 17 + index);
        let (angle, turns, phase) = (draw(0) * 3.2, 0.5 + 0.9 * draw(1), draw(2) * 6.3);
        let (row, column, width) = (
            1.5 + 4.0 * draw(3),
            1.5 + 4.0 * draw(4),
            1.6 + 1.6 * draw(5),
        );
        let weight = |place: u64| {
            let (y, x) = ((place / 8) as f64, (place % 8) as f64);
            let along = (x * angle.cos() + y * angle.sin()) * turns + phase;
            let near = (-((y - row).powi(2) + (x - column).powi(2)) / (2.0 * width * width)).exp();
            near * along.sin() + 0.08 * normal(unit * 64 + place)
        };
        Filter {
            weights: (0..64).map(weight).collect(),
        }
    };
    FilterGrid {
        path: "fc1.weight".into(),
        height: 8,
        width: 8,
        filters: (0..96).map(unit).collect(),
    }
}

/// A sweep that falls around 0.01 and rises beyond 1.
pub(super) fn rates() -> RateCurve {
    let finder = RateFinder::new(1e-5, 10.0);
    let loss = |step: usize| {
        let decade = finder.rate(step).log10();
        let valley =
            0.3 + 2.0 / (1.0 + (4.0 * (decade + 2.0)).exp()) + (5.0 * (decade - 0.5)).exp();
        valley + 0.1 * normal(step as u64)
    };
    let losses = (0..finder.steps).map(loss).collect();
    RateCurve::new(finder, losses, Some(RateStop::Diverged))
}

fn search() -> SearchRecord {
    let axis = |name: &str, scale, low, high| SearchAxis {
        name: name.into(),
        scale,
        low,
        high,
        choices: Vec::new(),
    };
    let axes = vec![
        axis("learning rate", AxisScale::Log, 1e-4, 0.1),
        axis("weight decay", AxisScale::Log, 1e-6, 1e-1),
        axis("dropout", AxisScale::Linear, 0.0, 0.5),
        axis("width", AxisScale::Log, 16.0, 256.0),
        SearchAxis {
            choices: owned(&[("relu", ""), ("leaky relu", ""), ("tanh", "")])
                .into_iter()
                .map(|it| it.0)
                .collect(),
            ..axis("activation", AxisScale::Choice, 0.0, 2.0)
        },
    ];
    let trial = |number: u64| {
        let fine = number >= 40;
        let draw = |index: u64| uniform(77_000 + number * 9 + index);
        let shrunk = |index, middle: f64, width: f64| {
            if fine {
                middle + width * (draw(index) - 0.5)
            } else {
                draw(index)
            }
        };
        let [rate, decay, dropout, width] = [
            shrunk(0, 0.86, 0.26),
            shrunk(1, 0.5, 0.3),
            shrunk(2, 0.4, 0.5),
            shrunk(3, 0.65, 0.4),
        ];
        let activation = if fine {
            (draw(4) * 2.0).floor()
        } else {
            (draw(4) * 3.0).floor()
        };
        let short = 0.9 * (rate - 0.9).powi(2)
            + 0.15 * (decay - 0.5).powi(2)
            + 0.05 * (dropout - 0.36).powi(2)
            + 0.12 * (width - 0.7).powi(2)
            + 0.006 * activation
            + 0.006 * normal(number).abs();
        let state = match (draw(5), fine) {
            (lot, false) if lot < 0.08 => TrialState::Failed,
            _ if short > 0.19 => TrialState::Pruned,
            _ => TrialState::Complete,
        };
        TrialRow {
            number,
            values: vec![
                1e-4 * 1e3_f64.powf(rate),
                1e-6 * 1e5_f64.powf(decay),
                0.5 * dropout,
                (16.0 * 16_f64.powf(width)).round(),
                activation,
            ],
            objective: (state != TrialState::Failed).then_some(0.984 - short),
            stage: if fine { "fine" } else { "coarse" }.into(),
            state,
        }
    };
    SearchRecord {
        objective: "validation accuracy".into(),
        direction: Direction::Maximize,
        axes,
        trials: (0..60).map(trial).collect(),
        edge_warnings: vec![EdgeWarning {
            axis: "learning rate".into(),
            message:
                "best 0.04996 lies within 11 % of the upper end 0.1 in log space: widen the range and search again"
                    .into(),
        }],
    }
}

fn ensemble() -> Vec<EnsembleRow> {
    let member = |seed: u64| EnsembleRow {
        name: format!("seed {seed}"),
        kind: ModelKind::Member,
        validation_accuracy: Some(0.9756 + 0.003 * normal(seed)),
        validation_nll: Some(0.084 + 0.004 * normal(seed + 50)),
        test_accuracy: Some(0.9745 + 0.003 * normal(seed + 90)),
        test_nll: Some(0.091 + 0.005 * normal(seed + 70)),
    };
    let row =
        |name: &str,
         kind,
         [validation_accuracy, validation_nll, test_accuracy, test_nll]: [f64; 4]| {
            EnsembleRow {
                name: name.into(),
                kind,
                validation_accuracy: Some(validation_accuracy),
                validation_nll: Some(validation_nll),
                test_accuracy: Some(test_accuracy),
                test_nll: Some(test_nll),
            }
        };
    let mut rows: Vec<EnsembleRow> = (1..=5).map(member).collect();
    rows.push(row(
        "moving average of seed 1",
        ModelKind::Average,
        [0.979_1, 0.0752, 0.9778, 0.0817],
    ));
    rows.push(row(
        "mean of 5 members",
        ModelKind::Ensemble,
        [0.982_6, 0.0614, 0.983_3, 0.0671],
    ));
    rows
}

fn confusion() -> Confusion {
    let mistakes = [(8, 1, 2), (9, 3, 1), (4, 7, 1), (5, 9, 1), (3, 8, 1)];
    let count = |truth: usize, predicted: usize| -> u64 {
        let found = mistakes
            .iter()
            .find(|it| (it.0, it.1) == (truth, predicted));
        match found {
            Some((.., count)) => *count,
            None if truth == predicted => 34 + (truth as u64 * 7) % 4 - u64::from(truth == 8),
            None => 0,
        }
    };
    Confusion {
        part: "test".into(),
        labels: (0..10).map(|digit| digit.to_string()).collect(),
        counts: (0..10)
            .map(|row| (0..10).map(|column| count(row, column)).collect())
            .collect(),
    }
}

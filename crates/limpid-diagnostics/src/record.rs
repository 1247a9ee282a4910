//! What is known about a run, as plain data: the report is made of this and of nothing else.
//!
//! Every part may be empty. Numbers that are not finite are written to JSON as `null` (JSON has no
//! NaN) and read back as NaN.

use limpid_train::RateCurve;
use serde::{Deserialize, Serialize};

use crate::figure::{number_from_null, numbers_from_nulls, points_from_nulls};
use crate::finding::{Finding, Severity};

/// Everything that is known about one training run.
///
/// # Example
/// ```
/// use limpid_diagnostics::record::{CheckRow, Outcome, RunRecord, Verdict};
///
/// let mut record = RunRecord { title: "digits".into(), seed: Some(7), ..RunRecord::default() };
/// assert_eq!(record.outcome(), Outcome::Clean);
/// record.checks.push(CheckRow::new("initial loss", Verdict::Failed));
/// assert_eq!(record.outcome(), Outcome::Fault);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// What the run is called.
    pub title: String,
    /// The settings as a reader should see them, in order.
    pub configuration: Vec<(String, String)>,
    /// The seed from which all randomness came.
    pub seed: Option<u64>,
    /// Versions of what took part: crate, compiler, processor features.
    pub versions: Vec<(String, String)>,
    /// Facts about the data: rows, classes, split sizes, what the audit saw.
    pub dataset: Vec<(String, String)>,
    /// The checks made before training.
    pub checks: Vec<CheckRow>,
    /// What the monitors, the audit and the doctor found.
    pub findings: Vec<Finding>,
    /// Curves over steps and epochs.
    pub history: History,
    /// Per layer: distributions and dead units, in the network's order.
    pub layers: Vec<LayerHistory>,
    /// The first layer's weights as pictures.
    pub filters: Option<FilterGrid>,
    /// The sweep over learning rates that the rate was chosen by.
    pub rates: Option<RateCurve>,
    /// The search that chose the configuration.
    pub search: Option<SearchRecord>,
    /// The single nets, their averages and their ensembles.
    pub ensemble: Vec<EnsembleRow>,
    /// Which classes are taken for which.
    pub confusion: Option<Confusion>,
    /// Each time that the test part was opened.
    pub test_openings: Vec<TestOpening>,
    /// Seconds that each stage took, in order.
    pub wall_times: Vec<(String, f64)>,
}

/// The run in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// No check failed, nothing above [`Severity::Info`] was found.
    Clean,
    /// At least one warning, or a check that was waived.
    Warning,
    /// At least one failed check or fault.
    Fault,
}

impl RunRecord {
    /// The worst of the checks' verdicts and the findings' severities.
    pub fn outcome(&self) -> Outcome {
        let of_check = |check: &CheckRow| match check.verdict {
            Verdict::Passed | Verdict::Skipped => Outcome::Clean,
            Verdict::Waived => Outcome::Warning,
            Verdict::Failed => Outcome::Fault,
        };
        let of_finding = |finding: &Finding| match finding.severity {
            Severity::Info => Outcome::Clean,
            Severity::Warning => Outcome::Warning,
            Severity::Fault => Outcome::Fault,
        };
        let checks = self.checks.iter().map(of_check);
        let findings = self.findings.iter().map(of_finding);
        checks.chain(findings).max().unwrap_or(Outcome::Clean)
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// What was found is what was expected.
    Passed,
    /// It is not.
    Failed,
    /// It failed, and the user said by name to go on.
    Waived,
    /// It does not apply to this run.
    Skipped,
}

/// One check made before training, as a table shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRow {
    /// The check's name, by which it can be waived.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What was expected, as `2.303 ± 0.1`.
    #[serde(default)]
    pub expected: String,
    /// What was found, in the same unit.
    #[serde(default)]
    pub found: String,
    /// A sentence for whoever must act on it.
    #[serde(default)]
    pub detail: String,
}

impl CheckRow {
    /// A row with a name and a verdict; the other columns are empty.
    pub fn new(name: impl Into<String>, verdict: Verdict) -> Self {
        let empty = String::new;
        Self {
            name: name.into(),
            verdict,
            expected: empty(),
            found: empty(),
            detail: empty(),
        }
    }

    /// Sets the columns of what was expected and what was found.
    pub fn with_figures(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        self.expected = expected.into();
        self.found = found.into();
        self
    }

    /// Sets the sentence for whoever must act on it.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// A named sequence of numbers over steps or epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// What is measured, often a parameter's path.
    pub name: String,
    /// (step or epoch, value); a value that is not finite is a gap.
    #[serde(deserialize_with = "points_from_nulls")]
    pub points: Vec<(u64, f64)>,
}

impl Series {
    /// A series of `(step, value)`.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (u64, f64)>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
        }
    }
}

/// Curves over the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Per step, the loss on the mini-batch without the penalty.
    #[serde(deserialize_with = "points_from_nulls")]
    pub data_loss: Vec<(u64, f64)>,
    /// Per step, the penalty that was added to the data loss.
    #[serde(deserialize_with = "points_from_nulls")]
    pub penalty: Vec<(u64, f64)>,
    /// Per step, the learning rate.
    #[serde(deserialize_with = "points_from_nulls")]
    pub learning_rate: Vec<(u64, f64)>,
    /// One row an epoch.
    pub epochs: Vec<EpochRow>,
    /// The epoch whose parameters were kept.
    pub best_epoch: Option<u64>,
    /// Per weight tensor over steps: norm of the true update over norm of the weights.
    pub update_ratios: Vec<Series>,
}

/// The measures at the end of one epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochRow {
    /// The epoch's number.
    pub epoch: u64,
    /// Mean data loss on the training part.
    pub train_loss: Option<f64>,
    /// Mean data loss on the validation part.
    pub validation_loss: Option<f64>,
    /// Accuracy on the training part, in [0, 1].
    pub train_accuracy: Option<f64>,
    /// Accuracy on the validation part, in [0, 1].
    pub validation_accuracy: Option<f64>,
}

/// What one layer did over the epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerHistory {
    /// The layer's path.
    pub path: String,
    /// Distribution of its outputs.
    pub activations: Vec<EpochHistogram>,
    /// Distribution of the loss's gradient in its outputs or its weights.
    pub gradients: Vec<EpochHistogram>,
    /// Share of units, in [0, 1], that were zero for every sample of a pass, per epoch.
    #[serde(deserialize_with = "points_from_nulls")]
    pub dead_share: Vec<(u64, f64)>,
}

/// A histogram at one epoch: `counts[i]` values fell in `[edges[i], edges[i + 1])`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochHistogram {
    /// The epoch's number.
    pub epoch: u64,
    /// Bucket edges, ascending; one more than `counts`.
    #[serde(deserialize_with = "numbers_from_nulls")]
    pub edges: Vec<f64>,
    /// How many values fell in each bucket.
    pub counts: Vec<u64>,
}

/// Weights that can be looked at: one picture a unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterGrid {
    /// The parameter's path.
    pub path: String,
    /// Rows of each picture, in pixels.
    pub height: usize,
    /// Columns of each picture, in pixels.
    pub width: usize,
    /// One picture a unit, row by row: `height * width` weights each.
    pub filters: Vec<Filter>,
}

/// The weights of one unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Filter {
    /// Row by row.
    #[serde(deserialize_with = "numbers_from_nulls")]
    pub weights: Vec<f64>,
}

/// The trials of a hyper-parameter search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchRecord {
    /// What was optimised, as `validation accuracy`.
    pub objective: String,
    /// Whether more of it is better.
    pub direction: Direction,
    /// The searched hyper-parameters, in order.
    pub axes: Vec<SearchAxis>,
    /// Every trial, in the order in which they began.
    pub trials: Vec<TrialRow>,
    /// Where the best trial lies close to the end of an axis.
    pub edge_warnings: Vec<EdgeWarning>,
}

/// Which objective is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The smaller.
    #[default]
    Minimize,
    /// The larger.
    Maximize,
}

/// One searched hyper-parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchAxis {
    /// Its name.
    pub name: String,
    /// How it is drawn and searched.
    pub scale: AxisScale,
    /// The lowest value of the range; for choices, the first one's index.
    #[serde(deserialize_with = "number_from_null")]
    pub low: f64,
    /// The highest value of the range; for choices, the last one's index.
    #[serde(deserialize_with = "number_from_null")]
    pub high: f64,
    /// Names of the choices; a trial's value is an index into them. Empty for numbers.
    pub choices: Vec<String>,
}

/// How an axis is spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AxisScale {
    /// Evenly in the value.
    #[default]
    Linear,
    /// Evenly in the logarithm.
    Log,
    /// Among named choices.
    Choice,
}

/// One trial of the search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrialRow {
    /// Its number.
    pub number: u64,
    /// Its setting, one value an axis; NaN where the axis did not apply.
    #[serde(deserialize_with = "numbers_from_nulls")]
    pub values: Vec<f64>,
    /// What it reached; `None` when it ended before it reached anything.
    pub objective: Option<f64>,
    /// The stage that it belongs to, as `coarse` or `fine`.
    pub stage: String,
    /// How it ended.
    pub state: TrialState,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialState {
    /// It ran to its end.
    #[default]
    Complete,
    /// It was stopped, since others did better.
    Pruned,
    /// It diverged or gave an error.
    Failed,
}

/// The best trial lies close to the end of an axis, so that better ones may lie beyond.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EdgeWarning {
    /// The axis's name.
    pub axis: String,
    /// What to say about it.
    pub message: String,
}

/// One row of the comparison of single nets with averages and ensembles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnsembleRow {
    /// Its name, as `seed 3` or `mean of 5 members`.
    pub name: String,
    /// What sort of model it is.
    pub kind: ModelKind,
    /// Accuracy on the validation part, in [0, 1].
    pub validation_accuracy: Option<f64>,
    /// Negative log-likelihood on the validation part, in nats an item.
    pub validation_nll: Option<f64>,
    /// Accuracy on the test part, in [0, 1].
    pub test_accuracy: Option<f64>,
    /// Negative log-likelihood on the test part, in nats an item.
    pub test_nll: Option<f64>,
}

/// What sort of model a row of the comparison is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// A single trained net.
    #[default]
    Member,
    /// One net whose parameters are an average over training.
    Average,
    /// Several nets whose predictions are combined.
    Ensemble,
}

/// A confusion matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Confusion {
    /// The part that was predicted, as `test`.
    pub part: String,
    /// The classes' names.
    pub labels: Vec<String>,
    /// `counts[i][j]`: items of class `i` that were predicted to be of class `j`.
    pub counts: Vec<Vec<u64>>,
}

/// One opening of the sealed test part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestOpening {
    /// Why it was opened.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_object_is_the_empty_record() {
        let record: RunRecord = serde_json::from_str("{}").unwrap();
        assert_eq!(record, RunRecord::default());
        assert_eq!(record.outcome(), Outcome::Clean);
    }

    #[test]
    fn numbers_that_are_not_finite_come_back_as_nan() {
        let mut record = RunRecord::default();
        record.history.data_loss = vec![(0, 2.5), (1, f64::NAN), (2, f64::INFINITY)];
        record.layers.push(LayerHistory {
            activations: vec![EpochHistogram {
                epoch: 1,
                edges: vec![f64::NEG_INFINITY, 0.0],
                counts: vec![3],
            }],
            ..LayerHistory::default()
        });
        let json = serde_json::to_string(&record).unwrap();
        let back: RunRecord = serde_json::from_str(&json).unwrap();
        assert_eq!(back.history.data_loss[0], (0, 2.5));
        assert!(back.history.data_loss[1].1.is_nan() && back.history.data_loss[2].1.is_nan());
        assert!(back.layers[0].activations[0].edges[0].is_nan());
        assert_eq!(back.layers[0].activations[0].counts, [3]);
    }

    #[test]
    fn a_waived_check_leaves_a_warning() {
        let mut record = RunRecord::default();
        record
            .checks
            .push(CheckRow::new("gradient check", Verdict::Waived));
        record
            .findings
            .push(Finding::new("reading", Severity::Info));
        assert_eq!(record.outcome(), Outcome::Warning);
    }
}

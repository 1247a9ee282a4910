//! What happened in a run, as plain data.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{EarlyStop, Limit, Waiver};

/// The record of a run: every step, every epoch, and how it ended. It holds no time of day, so equal
/// runs have equal histories, broken off in between or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct History {
    /// The checks that did not count, and why.
    pub waivers: Vec<Waiver>,
    /// The steps, in order.
    pub steps: Vec<StepRecord>,
    /// The epochs, in order.
    pub epochs: Vec<EpochRecord>,
    /// The epoch with the best validation, from 0.
    pub best_epoch: Option<usize>,
    /// Why the run ended, once it has.
    pub ending: Option<Ending>,
}

/// A step, from the data to the update.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepRecord {
    /// The step since the start of the run, from 0.
    pub step: u64,
    /// The epoch, from 0.
    pub epoch: usize,
    /// The loss of the batch without penalty, before the update.
    pub loss: f64,
    /// The penalty on the weights, before the update.
    pub penalty: f64,
    /// The learning rate.
    pub rate: f64,
    /// The L2 norm of all gradients before clipping, where it was measured and is finite.
    pub gradient_norm: Option<f64>,
    /// Whether the update was left out, because a gradient was not finite.
    pub skipped: bool,
}

/// An epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EpochRecord {
    /// The epoch, from 0.
    pub epoch: usize,
    /// How many steps there have been since the start of the run.
    pub steps: u64,
    /// The loss of the training rows without penalty, each as its step saw it: in training mode and
    /// with the weights of that time.
    pub train_loss: f64,
    /// The share of the training rows that were right, each as its step saw it; `None` for values.
    pub train_accuracy: Option<f64>,
    /// The mean penalty of the steps.
    pub penalty: f64,
    /// The validation loss after the epoch.
    pub validation_loss: Option<f64>,
    /// The validation accuracy after the epoch; `None` for values.
    pub validation_accuracy: Option<f64>,
    /// The learning rate of the last step.
    pub rate: f64,
    /// The metrics that the trainer was given, in their order.
    #[serde(default)]
    pub metrics: Vec<MetricRecord>,
}

/// A metric's values of an epoch; `None` where the rows define none, or it is not finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricRecord {
    /// What the metric is called.
    pub name: String,
    /// Of the training rows, each as its step saw it.
    pub train: Option<f64>,
    /// Of the validation rows after the epoch.
    pub validation: Option<f64>,
}

impl EpochRecord {
    /// The values of the metric of this name.
    pub fn metric(&self, name: &str) -> Option<&MetricRecord> {
        self.metrics.iter().find(|it| it.name == name)
    }
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Ending {
    /// All epochs are done.
    Finished,
    /// There was nothing better for as long as this allows.
    EarlyStop(EarlyStop),
    /// An observer wished it, for this reason.
    Observer(String),
    /// Somebody set the [`Interrupt`](crate::Interrupt): the run can go on.
    Interrupted {
        /// The checkpoint to go on from, where checkpoints were wished for.
        checkpoint: Option<PathBuf>,
    },
    /// The [`Budget`](crate::Budget) is used up: the run can go on.
    Budget {
        /// Which limit it was.
        limit: Limit,
        /// The checkpoint to go on from, where checkpoints were wished for.
        checkpoint: Option<PathBuf>,
    },
}

impl Ending {
    /// The checkpoint to go on from, of a run that was broken off.
    pub fn checkpoint(&self) -> Option<&Path> {
        match self {
            Self::Finished | Self::EarlyStop(_) | Self::Observer(_) => None,
            Self::Interrupted { checkpoint } | Self::Budget { checkpoint, .. } => {
                checkpoint.as_deref()
            }
        }
    }
}

/// What happened and, where the run can go on, how.
impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => formatter.write_str("all epochs are done"),
            Self::EarlyStop(stop) => {
                write!(formatter, "nothing better for {} epochs", stop.patience)
            }
            Self::Observer(reason) => write!(formatter, "stopped by an observer: {reason}"),
            Self::Interrupted { .. } => formatter.write_str("interrupted"),
            Self::Budget { limit, .. } => write!(formatter, "the budget of {limit} is used up"),
        }?;
        match self.checkpoint() {
            Some(file) => write!(
                formatter,
                "; `Trainer::resume` goes on from {}",
                file.display()
            ),
            None => Ok(()),
        }
    }
}

impl History {
    /// The record of the epoch with the best validation.
    pub fn best(&self) -> Option<&EpochRecord> {
        self.epochs.get(self.best_epoch?)
    }

    /// The epochs as comma-separated values, a line for each and one of names; a value that there is not is
    /// empty. Metrics have a column for either part: `train macro F1`.
    pub fn epochs_csv(&self) -> String {
        let mut header = COLUMNS.map(str::to_owned).to_vec();
        // A run that went on may have had other metrics before.
        let mut metrics: Vec<&str> = Vec::new();
        for record in self.epochs.iter().flat_map(|epoch| &epoch.metrics) {
            if !metrics.contains(&record.name.as_str()) {
                metrics.push(&record.name);
            }
        }
        for part in ["train", "validation"] {
            let names = metrics.iter().map(|name| format!("{part} {name}"));
            header.extend(names.map(|name| quoted(&name)));
        }
        let mut lines = header.join(",") + "\n";
        for epoch in &self.epochs {
            let own = [
                Some(epoch.train_loss),
                epoch.train_accuracy,
                Some(epoch.penalty),
                epoch.validation_loss,
                epoch.validation_accuracy,
                Some(epoch.rate),
            ];
            let records = || metrics.iter().map(|name| epoch.metric(name));
            let train = records().map(|it| it.and_then(|it| it.train));
            let validation = records().map(|it| it.and_then(|it| it.validation));
            lines += &format!("{},{}", epoch.epoch, epoch.steps);
            for value in own.into_iter().chain(train).chain(validation) {
                lines.push(',');
                lines += &value.map_or_else(String::new, |value| value.to_string());
            }
            lines.push('\n');
        }
        lines
    }
}

const COLUMNS: [&str; 8] = [
    "epoch",
    "steps",
    "train_loss",
    "train_accuracy",
    "penalty",
    "validation_loss",
    "validation_accuracy",
    "rate",
];

/// A name that may hold a comma or a quote, as a cell.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n']) {
        return format!("\"{}\"", name.replace('"', "\"\""));
    }
    name.to_owned()
}

//! Where a run can be taken up again.

use std::collections::BTreeMap;
use std::path::Path;

use limpid_data::Fingerprint;
use limpid_interop::safetensors::{Precision, load, save};
use limpid_optim::{Ema, OptimizerState};
use limpid_tensor::{Element, Parameters, State, Tensor};
use serde::{Deserialize, Serialize};

use crate::run::Run;
use crate::{Evaluation, History, TrainError, TrainerConfig};

/// The version of the format. It is raised when older files can no longer be read.
const FORMAT: u32 = 1;
/// Where the record and the checksum stand among the file's strings.
const RECORD: &str = "limpid.checkpoint";
const CHECKSUM: &str = "limpid.crc32";

/// Everything that a run needs to go on after an epoch.
///
/// It is one safetensors file: the model's tensors under their own names, so that any program reads
/// them; the others under `optimizer/`, `best/` and `average/`; the record as JSON in the file's
/// `__metadata__`, with a checksum over everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<E: Element> {
    model: State<E>,
    optimizer: OptimizerState<E>,
    best: Option<State<E>>,
    average: Option<State<E>>,
    record: Record,
}

/// What of a checkpoint is no tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    format: u32,
    origin: Origin,
    history: History,
    step: u64,
    epoch: usize,
    stale: usize,
    best: Option<Evaluation>,
    average_updates: u64,
    optimizer_rule: String,
    optimizer_numbers: BTreeMap<String, f64>,
}

/// The data and settings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) config: TrainerConfig,
    pub(crate) seed: u64,
    pub(crate) criterion: String,
    pub(crate) optimizer: String,
    pub(crate) average: Option<f64>,
    pub(crate) train: Fingerprint,
    pub(crate) validation: Option<Fingerprint>,
}

impl<E: Element> Checkpoint<E> {
    pub(crate) fn new<M: Parameters<E> + ?Sized>(
        model: &M,
        optimizer: OptimizerState<E>,
        run: &Run<E>,
        origin: &Origin,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            model: State::of(model),
            best: run.best.as_ref().map(|(_, state)| state.clone()),
            average: run.average.as_ref().map(Ema::state).transpose()?,
            record: Record {
                format: FORMAT,
                origin: origin.clone(),
                history: run.history.clone(),
                step: run.step,
                epoch: run.epoch,
                stale: run.stale,
                best: run.best.as_ref().map(|(best, _)| *best),
                average_updates: run.average.as_ref().map_or(0, Ema::updates),
                optimizer_rule: optimizer.rule.clone(),
                optimizer_numbers: optimizer.numbers.clone(),
            },
            optimizer,
        })
    }

    /// The model's state.
    pub fn model(&self) -> &State<E> {
        &self.model
    }

    /// The optimizer's state.
    pub fn optimizer(&self) -> &OptimizerState<E> {
        &self.optimizer
    }

    /// What had happened.
    pub fn history(&self) -> &History {
        &self.record.history
    }

    /// How many epochs were done.
    pub fn epochs(&self) -> usize {
        self.record.epoch
    }

    /// How many steps were done.
    pub fn steps(&self) -> u64 {
        self.record.step
    }

    /// Writes the checkpoint in one piece or not at all.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn save(&self, file: &Path) -> Result<(), TrainError> {
        let mut entries = self.model.entries().to_vec();
        let mut put = |prefix: &str, named: &[(String, Tensor<E>)]| {
            let named = named.iter();
            entries.extend(named.map(|(name, value)| (format!("{prefix}{name}"), value.clone())));
        };
        let optimizer: Vec<_> = self.optimizer.tensors.clone().into_iter().collect();
        put(OPTIMIZER, &optimizer);
        for (prefix, state) in [(BEST, &self.best), (AVERAGE, &self.average)] {
            put(prefix, state.as_ref().map_or(&[], State::entries));
        }
        let record = serde_json::to_string(&self.record)
            .map_err(|error| refused(file, "a record", error.to_string()))?;
        let checksum = checksum(&entries, &record);
        let metadata =
            BTreeMap::from([(RECORD.to_owned(), record), (CHECKSUM.to_owned(), checksum)]);
        Ok(save(file, &State::from_entries(entries), &metadata)?)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::File`] when the file is truncated, of another format or element type;
    /// [`TrainError::Checkpoint`] when it is no checkpoint, damaged, or of a format that is not known.
    pub fn load(file: &Path) -> Result<Self, TrainError> {
        let loaded = load::<E>(file, Precision::Exact)?;
        let (Some(text), Some(expected)) =
            (loaded.metadata.get(RECORD), loaded.metadata.get(CHECKSUM))
        else {
            return Err(refused(
                file,
                "a checkpoint",
                "weights without a record of a run",
            ));
        };
        let entries = loaded.state.entries();
        let found = checksum(entries, text);
        if found != *expected {
            let expected = format!("the checksum {expected}");
            return Err(refused(file, expected, format!("{found}: it is damaged")));
        }
        let record: Record = serde_json::from_str(text)
            .map_err(|error| refused(file, "a record of a run", error.to_string()))?;
        if record.format != FORMAT {
            let expected = format!("format {FORMAT}");
            return Err(refused(file, expected, record.format.to_string()));
        }
        let below = |prefix: &str| -> Vec<(String, Tensor<E>)> {
            let named = entries.iter().filter_map(|(name, value)| {
                Some((name.strip_prefix(prefix)?.to_owned(), value.clone()))
            });
            named.collect()
        };
        let own = |name: &str| {
            [OPTIMIZER, BEST, AVERAGE]
                .iter()
                .all(|it| !name.starts_with(it))
        };
        let model = entries.iter().filter(|(name, _)| own(name)).cloned();
        Ok(Self {
            model: State::from_entries(model.collect()),
            optimizer: OptimizerState {
                rule: record.optimizer_rule.clone(),
                tensors: below(OPTIMIZER).into_iter().collect(),
                numbers: record.optimizer_numbers.clone(),
            },
            best: record.best.map(|_| State::from_entries(below(BEST))),
            average: record
                .origin
                .average
                .map(|_| State::from_entries(below(AVERAGE))),
            record,
        })
    }

    /// The checkpoint is of a run of this data and these settings, up to the number of epochs.
    pub(crate) fn check_origin(&self, own: &Origin) -> Result<(), TrainError> {
        let saved = &self.record.origin;
        let mut config = saved.config;
        config.epochs = own.config.epochs;
        let differing = [
            (
                "settings",
                format!("{config:?}"),
                format!("{:?}", own.config),
            ),
            ("seed", saved.seed.to_string(), own.seed.to_string()),
            ("loss", saved.criterion.clone(), own.criterion.clone()),
            ("optimizer", saved.optimizer.clone(), own.optimizer.clone()),
            (
                "average",
                format!("{:?}", saved.average),
                format!("{:?}", own.average),
            ),
            (
                "training data",
                saved.train.to_string(),
                own.train.to_string(),
            ),
            (
                "validation data",
                format!("{:?}", saved.validation),
                format!("{:?}", own.validation),
            ),
        ];
        match differing.into_iter().find(|(_, saved, own)| saved != own) {
            None => Ok(()),
            Some((what, saved, own)) => {
                let file = Path::new("checkpoint");
                Err(refused(file, format!("{what} {own}"), saved))
            }
        }
    }

    /// The run, as it was.
    pub(crate) fn run(&self, decay: Option<f64>) -> Result<Run<E>, TrainError> {
        let average = match (decay, &self.average) {
            (Some(decay), Some(state)) => {
                Some(Ema::resume(decay, state, self.record.average_updates)?)
            }
            _ => None,
        };
        let mut history = self.record.history.clone();
        history.ending = None;
        Ok(Run {
            history,
            step: self.record.step,
            epoch: self.record.epoch,
            best: self.record.best.zip(self.best.clone()),
            stale: self.record.stale,
            refuge: self.best.clone().unwrap_or_else(|| self.model.clone()),
            average,
        })
    }
}

const OPTIMIZER: &str = "optimizer/";
const BEST: &str = "best/";
const AVERAGE: &str = "average/";

pub(crate) fn refused(
    file: &Path,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> TrainError {
    TrainError::Checkpoint {
        file: file.to_owned(),
        expected: expected.into(),
        found: found.into(),
    }
}

/// A checksum over names, shapes, elements and record.
fn checksum<E: Element>(entries: &[(String, Tensor<E>)], record: &str) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for (name, value) in entries {
        hasher.update(name.as_bytes());
        hasher.update(format!("{:?}", value.shape()).as_bytes());
        for element in value.elements().iter() {
            hasher.update(&element.double().to_le_bytes());
        }
    }
    hasher.update(record.as_bytes());
    format!("{:08x}", hasher.finalize())
}

#[cfg(test)]
mod tests;

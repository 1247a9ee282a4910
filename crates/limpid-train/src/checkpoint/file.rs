//! Checkpoints as files.

use std::collections::BTreeMap;
use std::path::Path;

use limpid_interop::safetensors::{Precision, load, save_with};
use limpid_optim::OptimizerState;
use limpid_tensor::{Element, State, Tensor};

use super::record::{FORMAT, Record};
use super::{Checkpoint, refused};
use crate::TrainError;

/// By this name a file's metadata say that it is a checkpoint, and of which format.
const MARK: &str = "limpid.checkpoint";
/// The attachments.
const RECORD: &str = "record";
const STEPS: &str = "steps";
/// What stands before the names of the tensors that are not the model's.
const OPTIMIZER: &str = "optimizer/";
const BEST: &str = "best/";
const AVERAGE: &str = "average/";
const SWA: &str = "swa/";
const REFUGE: &str = "refuge/";

impl<E: Element> Checkpoint<E> {
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
        for (prefix, state) in [
            (BEST, &self.best),
            (AVERAGE, &self.average),
            (SWA, &self.swa),
            (REFUGE, &self.refuge),
        ] {
            put(prefix, state.as_ref().map_or(&[], State::entries));
        }
        let (record, steps) = self
            .record
            .to_bytes()
            .map_err(|error| refused(file, "a record", error.to_string()))?;
        let metadata = BTreeMap::from([(MARK.to_owned(), FORMAT.to_string())]);
        let attachments = BTreeMap::from([(RECORD.to_owned(), record), (STEPS.to_owned(), steps)]);
        let state = State::from_entries(entries);
        Ok(save_with(file, &state, &metadata, &attachments)?)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::File`] when the file is truncated, damaged, of another format or element type;
    /// [`TrainError::Checkpoint`] when it is no checkpoint, or of a format that is not known.
    pub fn load(file: &Path) -> Result<Self, TrainError> {
        let loaded = load::<E>(file, Precision::Exact)?;
        let found = loaded.metadata.get(MARK);
        let Some(format) = found.filter(|_| loaded.checked) else {
            let found = "weights without a record of a run";
            return Err(refused(file, "a checkpoint", found));
        };
        if *format != FORMAT.to_string() {
            return Err(refused(file, format!("format {FORMAT}"), format));
        }
        let part = |name: &str| {
            let bytes = loaded.attachments.get(name);
            bytes.ok_or_else(|| refused(file, format!("an attachment `{name}`"), "none"))
        };
        let record = Record::from_bytes(part(RECORD)?, part(STEPS)?)
            .map_err(|error| refused(file, "a record of a run", error.to_string()))?
            .ok_or_else(|| refused(file, "whole steps", "half a step"))?;
        let entries = loaded.state.entries();
        let below = |prefix: &str| -> Vec<(String, Tensor<E>)> {
            let named = entries.iter().filter_map(|(name, value)| {
                Some((name.strip_prefix(prefix)?.to_owned(), value.clone()))
            });
            named.collect()
        };
        let own = |name: &str| {
            [OPTIMIZER, BEST, AVERAGE, SWA, REFUGE]
                .iter()
                .all(|it| !name.starts_with(it))
        };
        let model = entries.iter().filter(|(name, _)| own(name)).cloned();
        let refuge = below(REFUGE);
        Ok(Self {
            file: file.to_owned(),
            model: State::from_entries(model.collect()),
            optimizer: OptimizerState {
                rule: record.optimizer_rule.clone(),
                tensors: below(OPTIMIZER).into_iter().collect(),
                numbers: record.optimizer_numbers.clone(),
            },
            best: record.best.map(|_| State::from_entries(below(BEST))),
            average: record
                .average_updates
                .map(|_| State::from_entries(below(AVERAGE))),
            swa: record.swa_updates.map(|_| State::from_entries(below(SWA))),
            refuge: (!refuge.is_empty()).then(|| State::from_entries(refuge)),
            record,
        })
    }
}

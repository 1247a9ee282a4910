//! The folder of a run: configuration, events, checkpoints, record, report.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use limpid_diagnostics::record::RunRecord;
use limpid_diagnostics::report;
use limpid_interop::{safetensors, write_atomically};
use limpid_tensor::State;
use limpid_train::History;
use serde::Serialize;

use crate::RecipeError;

/// A run's folder:
///
/// | file | what it holds |
/// | --- | --- |
/// | `configuration.json` | settings, the chosen setting, seed, versions, the table's fingerprint |
/// | `scaling.json` | the fitted transform, for data to come |
/// | `metrics-N.jsonl` | member N: one line a step, then one an epoch |
/// | `member-N.safetensors` | member N's weights, under their paths |
/// | `record.json` | everything that the report shows |
/// | `report.html` | the report, one file that needs no network |
///
/// Every file is written whole or not at all.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// A new folder at `path`, made with its parents. One that exists may be empty, or of an earlier
    /// run that is then overwritten file by file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, RecipeError> {
        let path = path.into();
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(Self { path }),
            Err(source) => Err(RecipeError::Write { path, source }),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the report lies.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RecipeError> {
        let path = self.path.join(name);
        let text = serde_json::to_vec_pretty(value).map_err(|source| RecipeError::Write {
            path: path.clone(),
            source: source.into(),
        })?;
        Ok(write_atomically(&path, &text)?)
    }

    pub(crate) fn write_metrics(
        &self,
        number: usize,
        history: &History,
    ) -> Result<(), RecipeError> {
        let path = self.path.join(format!("metrics-{number}.jsonl"));
        let steps = history.steps.iter().map(serde_json::to_string);
        let epochs = history.epochs.iter().map(serde_json::to_string);
        let mut text = String::new();
        for line in steps.chain(epochs) {
            text += &line.map_err(|source| RecipeError::Write {
                path: path.clone(),
                source: source.into(),
            })?;
            text.push('\n');
        }
        Ok(write_atomically(&path, text.as_bytes())?)
    }

    pub(crate) fn write_member(
        &self,
        number: usize,
        state: &State<f32>,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), RecipeError> {
        let path = self.path.join(format!("member-{number}.safetensors"));
        Ok(safetensors::save(&path, state, metadata)?)
    }

    pub(crate) fn write_record(&self, record: &RunRecord) -> Result<(), RecipeError> {
        self.write_json("record.json", record)?;
        Ok(report::write(record, self.report())?)
    }
}

//! The folder that a run writes its checkpoints into.

use std::path::PathBuf;

use limpid_tensor::Element;

use crate::checkpoint::refused;
use crate::{Checkpoint, TrainError};

/// Where and how often checkpoints are written: `epoch-00012.safetensors`, the older ones removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoints {
    /// The folder, which must exist.
    pub folder: PathBuf,
    /// Every how many epochs, from 1; the last epoch always has one.
    pub every: usize,
    /// How many of the newest are kept, from 1.
    pub keep: usize,
}

impl Checkpoints {
    /// A checkpoint in `folder` after every epoch; the newest two are kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            every: 1,
            keep: 2,
        }
    }

    /// After every `every`-th epoch.
    #[must_use]
    pub fn with_every(mut self, every: usize) -> Self {
        self.every = every.max(1);
        self
    }

    /// Keeps the newest `keep`.
    #[must_use]
    pub fn with_keep(mut self, keep: usize) -> Self {
        self.keep = keep.max(1);
        self
    }

    /// The files in the folder, the newest first.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] when the folder cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, TrainError> {
        let unreadable = |error: std::io::Error| {
            refused(&self.folder, "a folder of checkpoints", error.to_string())
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            let name = file
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if name.starts_with("epoch-") && name.ends_with(".safetensors") {
                files.push(file);
            }
        }
        files.sort();
        files.reverse();
        Ok(files)
    }

    /// The newest checkpoint that can be read, and why newer ones could not.
    ///
    /// # Errors
    /// As [`Checkpoints::files`].
    pub fn latest<E: Element>(
        &self,
    ) -> Result<(Option<Checkpoint<E>>, Vec<TrainError>), TrainError> {
        let mut errors = Vec::new();
        for file in self.files()? {
            match Checkpoint::load(&file) {
                Ok(checkpoint) => return Ok((Some(checkpoint), errors)),
                Err(error) => errors.push(error),
            }
        }
        Ok((None, errors))
    }

    pub(crate) fn is_due(&self, epochs: usize) -> bool {
        epochs.is_multiple_of(self.every.max(1))
    }

    pub(crate) fn save<E: Element>(&self, checkpoint: &Checkpoint<E>) -> Result<(), TrainError> {
        let name = format!("epoch-{:05}.safetensors", checkpoint.epochs());
        checkpoint.save(&self.folder.join(name))?;
        for old in self.files()?.into_iter().skip(self.keep.max(1)) {
            std::fs::remove_file(&old)
                .map_err(|error| refused(&old, "to remove it", error.to_string()))?;
        }
        Ok(())
    }
}

//! The settings of a run.

use limpid_data::LastBatch;
use serde::{Deserialize, Serialize};

use crate::{Criterion, EarlyStop, TrainError};

/// The shape in which rows reach the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// As the dataset has them: `[batch, channels, height, width]` for images.
    #[default]
    AsGiven,
    /// Each row as a vector: `[batch, features]`.
    Flat,
}

/// Which weights a run leaves in the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// Those of the epoch that was the best on the validation part; the last where there is none.
    #[default]
    Best,
    /// Those after the last step.
    Last,
}

/// What a schedule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Per {
    /// Updates since the start of the run.
    #[default]
    Step,
    /// Epochs.
    Epoch,
}

/// What becomes of the rows that do not fill a batch, see [`limpid_data::LastBatch`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rest {
    /// They make a smaller batch.
    #[default]
    Keep,
    /// They are left out of the epoch.
    Drop,
}

impl From<Rest> for LastBatch {
    fn from(rest: Rest) -> Self {
        match rest {
            Rest::Keep => Self::Keep,
            Rest::Drop => Self::Drop,
        }
    }
}

/// The settings of a run that do not depend on its element type.
///
/// # Range
/// `epochs` and `batch_size` from 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrainerConfig {
    /// How often the training rows are gone through at most.
    pub epochs: usize,
    /// The rows of a batch.
    pub batch_size: usize,
    /// The shape of the rows; default as given.
    pub layout: Layout,
    /// What becomes of the rows that do not fill a batch; by default they make a smaller one.
    pub rest: Rest,
    /// What makes an epoch the best; default the validation loss.
    pub criterion: Criterion,
    /// Which weights are left in the model; default the best.
    pub keep: Keep,
    /// When to stop before the last epoch; default never.
    pub early_stop: Option<EarlyStop>,
}

impl TrainerConfig {
    /// `epochs` epochs in batches of `batch_size` rows, all else by default.
    pub fn new(epochs: usize, batch_size: usize) -> Self {
        Self {
            epochs,
            batch_size,
            layout: Layout::default(),
            rest: Rest::default(),
            criterion: Criterion::default(),
            keep: Keep::default(),
            early_stop: None,
        }
    }

    /// With rows of this shape.
    #[must_use]
    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// With this treatment of the rows that do not fill a batch.
    #[must_use]
    pub fn with_rest(mut self, rest: Rest) -> Self {
        self.rest = rest;
        self
    }

    /// Judged by this.
    #[must_use]
    pub fn with_criterion(mut self, criterion: Criterion) -> Self {
        self.criterion = criterion;
        self
    }

    /// Leaves these weights in the model.
    #[must_use]
    pub fn with_keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Stops early.
    #[must_use]
    pub fn with_early_stop(mut self, early_stop: EarlyStop) -> Self {
        self.early_stop = Some(early_stop);
        self
    }

    pub(crate) fn check(&self) -> Result<(), TrainError> {
        if self.epochs == 0 {
            return Err(TrainError::setting("epochs", "at least 1", 0));
        }
        if self.batch_size == 0 {
            return Err(TrainError::setting("batch_size", "at least 1", 0));
        }
        self.early_stop.as_ref().map_or(Ok(()), EarlyStop::check)
    }
}

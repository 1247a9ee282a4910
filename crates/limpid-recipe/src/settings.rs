//! What a user may set of the road.

use serde::{Deserialize, Serialize};

use crate::RecipeError;

/// The settings of one walk over the road. [`Settings::default`] is what the digits example uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The seed of everything that is random.
    pub seed: u64,
    /// The share of rows that chooses: settings, epochs, members. 0.16.
    pub validation: f64,
    /// The share of rows that is sealed until the end. 0.2.
    pub test: f64,
    /// Rows of a batch. 32.
    pub batch_size: usize,
    /// The stages of the search, coarse to fine: (trials, epochs of each).
    pub stages: Vec<(usize, usize)>,
    /// Epochs of a final member at the most. 60.
    pub epochs: usize,
    /// Epochs without a better validation loss after which a member stops. 40: the one-cycle schedule
    /// reaches its best late, when the rate has come down.
    pub patience: usize,
    /// Members of the ensemble, each from its own random start. 5.
    pub members: usize,
    /// The decay of the moving average of weights, per step. 0.99.
    pub ema_decay: f64,
    /// The standard deviation of the noise on the standardised inputs in training. 0.1.
    pub noise: f64,
    /// Label smoothing, in [0, 1). 0.05.
    pub label_smoothing: f64,
    /// Checks that may fail without stopping the run: (name, reason).
    pub waivers: Vec<(String, String)>,
    /// Where image-like rows are to be drawn: (height, width) of a row's features.
    pub picture: Option<(usize, usize)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            validation: 0.16,
            test: 0.2,
            batch_size: 32,
            stages: vec![(24, 4), (12, 12)],
            epochs: 60,
            patience: 40,
            members: 5,
            ema_decay: 0.99,
            noise: 0.1,
            label_smoothing: 0.05,
            waivers: Vec::new(),
            picture: None,
        }
    }
}

impl Settings {
    /// Checks what no later stage does.
    pub(crate) fn check(&self) -> Result<(), RecipeError> {
        let refuse = |name, expected, found: String| {
            Err(RecipeError::Setting {
                name,
                expected,
                found,
            })
        };
        if self.members == 0 {
            return refuse("members", "at least 1", "0".to_owned());
        }
        if self.stages.is_empty() {
            return refuse("stages", "at least one stage", "none".to_owned());
        }
        if let Some(stage) = self
            .stages
            .iter()
            .find(|(trials, epochs)| *trials == 0 || *epochs == 0)
        {
            return refuse(
                "stages",
                "pairs of at least 1 trial and 1 epoch",
                format!("{stage:?}"),
            );
        }
        Ok(())
    }
}

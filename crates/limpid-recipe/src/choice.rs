//! What the search chooses.

use limpid_hpsearch::{Assignment, SearchError, Space};
use serde::{Deserialize, Serialize};

use crate::Mlp;

/// One setting of everything that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The highest rate of the one-cycle schedule, for Adam.
    pub rate: f64,
    /// The strength of the L2 penalty on the weights.
    pub penalty: f64,
    /// The share of hidden units that are dropped.
    pub dropout: f64,
    /// Units of each hidden layer.
    pub width: usize,
}

impl Choice {
    /// What is searched: the rate and the penalty evenly in their logarithms, since they multiply;
    /// dropout evenly; the width evenly in its logarithm.
    ///
    /// # Errors
    /// None in practice: the bounds are in order.
    pub fn space() -> Result<Space, SearchError> {
        Space::new()
            .log_uniform("rate", 1e-4, 1e-1)?
            .log_uniform("penalty", 1e-6, 1e-1)?
            // Below, the penalty is nothing: a best value there calls for no wider search.
            .limited_to(1e-7, 1.0)?
            .uniform("dropout", 0.0, 0.6)?
            .limited_to(0.0, 0.9)?
            .log_int("width", 32, 256)?
            .limited_to(1.0, 512.0)
    }

    /// The choice that a trial was given.
    ///
    /// # Errors
    /// When an axis is missing.
    pub fn of(assignment: &Assignment) -> Result<Self, SearchError> {
        Ok(Self {
            rate: assignment.float("rate")?,
            penalty: assignment.float("penalty")?,
            dropout: assignment.float("dropout")?,
            width: usize::try_from(assignment.int("width")?).unwrap_or(1),
        })
    }

    /// The model of this choice, with two hidden layers.
    pub fn mlp(&self, inputs: usize, outputs: usize, noise: f64) -> Mlp {
        Mlp {
            inputs,
            hidden: vec![self.width; 2],
            outputs,
            dropout: self.dropout,
            noise,
        }
    }
}

//! What of a checkpoint is no tensor, as bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use limpid_optim::PlateauState;
use serde::{Deserialize, Serialize};

use crate::origin::Origin;
use crate::run::Sums;
use crate::{Evaluation, History, StepRecord};

/// The version of the format. It is raised when older files can no longer be read.
pub(super) const FORMAT: u32 = 2;

/// What of a checkpoint is no tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) format: u32,
    /// The version of limpid that wrote it.
    pub(super) version: String,
    pub(super) origin: Origin,
    /// In the file, the steps stand apart.
    pub(super) history: History,
    pub(super) step: u64,
    pub(super) epoch: usize,
    pub(super) batch: usize,
    pub(super) sums: Sums,
    /// What metrics had come to within the epoch.
    #[serde(default)]
    pub(super) metrics: BTreeMap<String, Vec<u64>>,
    pub(super) stale: usize,
    pub(super) best: Option<Evaluation>,
    pub(super) average_updates: Option<u64>,
    pub(super) swa_updates: Option<u64>,
    pub(super) plateau: Option<Plateau>,
    pub(super) elapsed: Duration,
    pub(super) optimizer_rule: String,
    pub(super) optimizer_numbers: BTreeMap<String, f64>,
}

/// Where a schedule by a metric stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Plateau {
    rate: f64,
    /// `None` before the first report: JSON has no infinity.
    best: Option<f64>,
    bad: u64,
    cooling: u64,
}

impl Plateau {
    pub(super) fn of(state: &PlateauState) -> Self {
        Self {
            rate: state.rate,
            best: Some(state.best).filter(|best| best.is_finite()),
            bad: state.bad,
            cooling: state.cooling,
        }
    }

    /// The same for who has the recipe, and stands at its start.
    pub(super) fn state(&self, start: PlateauState) -> PlateauState {
        PlateauState {
            rate: self.rate,
            best: self.best.unwrap_or(start.best),
            bad: self.bad,
            cooling: self.cooling,
            recipe: start.recipe,
        }
    }
}

impl Record {
    /// The record without its steps, and the steps.
    pub(super) fn to_bytes(&self) -> serde_json::Result<(Vec<u8>, Vec<u8>)> {
        let History {
            waivers,
            steps,
            epochs,
            best_epoch,
            ending,
        } = &self.history;
        let history = History {
            waivers: waivers.clone(),
            steps: Vec::new(),
            epochs: epochs.clone(),
            best_epoch: *best_epoch,
            ending: ending.clone(),
        };
        let mut bytes = Vec::with_capacity(steps.len() * STEP_BYTES);
        steps.iter().for_each(|step| write_step(step, &mut bytes));
        let record = Self {
            version: self.version.clone(),
            origin: self.origin.clone(),
            history,
            metrics: self.metrics.clone(),
            optimizer_rule: self.optimizer_rule.clone(),
            optimizer_numbers: self.optimizer_numbers.clone(),
            ..*self
        };
        Ok((serde_json::to_vec(&record)?, bytes))
    }

    /// `None` where `steps` are not as many bytes as they must be.
    pub(super) fn from_bytes(record: &[u8], steps: &[u8]) -> serde_json::Result<Option<Self>> {
        let mut record: Self = serde_json::from_slice(record)?;
        let (chunks, rest) = steps.as_chunks::<STEP_BYTES>();
        record.history.steps = chunks.iter().map(read_step).collect();
        Ok(rest.is_empty().then_some(record))
    }
}

const STEP_BYTES: usize = 6 * 8 + 1;
const HAS_NORM: u8 = 1;
const SKIPPED: u8 = 2;

fn write_step(step: &StepRecord, bytes: &mut Vec<u8>) {
    let numbers = [
        step.step,
        step.epoch as u64,
        step.loss.to_bits(),
        step.penalty.to_bits(),
        step.rate.to_bits(),
        step.gradient_norm.unwrap_or(0.0).to_bits(),
    ];
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let norm = if step.gradient_norm.is_some() {
        HAS_NORM
    } else {
        0
    };
    bytes.push(norm | if step.skipped { SKIPPED } else { 0 });
}

fn read_step(bytes: &[u8; STEP_BYTES]) -> StepRecord {
    let (numbers, flags) = bytes.as_chunks::<8>();
    let number = |place: usize| u64::from_le_bytes(numbers[place]);
    let float = |place| f64::from_bits(number(place));
    StepRecord {
        step: number(0),
        epoch: number(1) as usize,
        loss: float(2),
        penalty: float(3),
        rate: float(4),
        gradient_norm: (flags[0] & HAS_NORM != 0).then(|| float(5)),
        skipped: flags[0] & SKIPPED != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_optim::{Goal, ReduceOnPlateau};

    #[test]
    fn steps_keep_every_bit() {
        let plain = StepRecord {
            step: 7,
            epoch: 1,
            loss: 0.1,
            penalty: -0.0,
            rate: f64::MIN_POSITIVE,
            gradient_norm: None,
            skipped: false,
        };
        let other = StepRecord {
            gradient_norm: Some(1.0 / 3.0),
            skipped: true,
            step: u64::MAX,
            ..plain
        };
        for step in [plain, other] {
            let mut bytes = Vec::new();
            write_step(&step, &mut bytes);
            let bytes: [u8; STEP_BYTES] = bytes.try_into().unwrap();
            let back = read_step(&bytes);
            assert_eq!(back, step);
            assert_eq!(back.penalty.to_bits(), step.penalty.to_bits());
        }
    }

    #[test]
    fn a_plateau_goes_on_where_it_stood() {
        let recipe = ReduceOnPlateau::new(0.1)
            .with_goal(Goal::Maximize)
            .with_patience(1);
        let mut whole = recipe.start().unwrap();
        let mut broken = whole;
        for metric in [0.5, 0.4, 0.4, 0.4, 0.6] {
            let saved = serde_json::to_string(&Plateau::of(&broken)).unwrap();
            let saved: Plateau = serde_json::from_str(&saved).unwrap();
            broken = saved.state(recipe.start().unwrap());
            assert_eq!(broken, whole);
            assert_eq!(broken.observe(metric), whole.observe(metric));
        }
        assert!(whole.rate < 0.1);
    }
}

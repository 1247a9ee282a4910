//! Checks before training: cheap experiments that a sound model, loss and penalty pass.
//!
//! Each check gives a [`CheckRow`]; [`Preflight`] gathers them, and a trainer that is handed the
//! rows refuses to start where one failed, unless it was waived by name. No check changes the
//! model.

mod gradients;
mod initial_loss;
mod penalty;
mod tiny_subset;

use limpid_loss::Loss;
use limpid_nn_layers::Module;
use limpid_optim::Penalty;
use limpid_tensor::{Element, Result, Tensor};
use limpid_train::{CheckOutcome, Clearance, TrainError, Waiver};

pub use gradients::gradients;
pub use initial_loss::initial_loss;
pub use penalty::penalty_raises_loss;
pub use tiny_subset::TinySubset;

use crate::record::{CheckRow, Verdict};

/// Gathers the rows of the checks before training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preflight {
    rows: Vec<CheckRow>,
}

impl Preflight {
    /// No checks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds [`gradients`], the check of the backward pass, on a twin of the model in `f64`.
    ///
    /// # Errors
    /// As the check.
    pub fn gradients<M: Module<f64>, L: Loss<f64>>(
        mut self,
        model: &mut M,
        loss: &L,
        input: &Tensor<f64>,
        target: &L::Target,
    ) -> Result<Self> {
        self.rows.push(gradients(model, loss, input, target)?);
        Ok(self)
    }

    /// Adds [`initial_loss`].
    ///
    /// # Errors
    /// As the check.
    pub fn initial_loss<E: Element, M: Module<E>, L: Loss<E>>(
        mut self,
        model: &M,
        loss: &L,
        input: &Tensor<E>,
        target: &L::Target,
    ) -> Result<Self> {
        self.rows.push(initial_loss(model, loss, input, target)?);
        Ok(self)
    }

    /// Adds [`penalty_raises_loss`].
    ///
    /// # Errors
    /// As the check.
    pub fn penalty<E: Element, M: Module<E>, L: Loss<E>>(
        mut self,
        model: &M,
        loss: &L,
        input: &Tensor<E>,
        target: &L::Target,
        strength: f64,
        penalty: impl Fn(f64) -> Result<Penalty>,
    ) -> Result<Self> {
        self.rows.push(penalty_raises_loss(
            model, loss, input, target, strength, penalty,
        )?);
        Ok(self)
    }

    /// Adds the check that a tiny part of the data can be learned by heart.
    ///
    /// # Errors
    /// As [`TinySubset::check`].
    pub fn tiny_subset<E: Element, M: Module<E>, L: Loss<E>>(
        mut self,
        model: &mut M,
        loss: &L,
        input: &Tensor<E>,
        target: &L::Target,
    ) -> Result<Self> {
        self.rows
            .push(TinySubset::default().check(model, loss, input, target)?);
        Ok(self)
    }

    /// Adds a check of one's own.
    #[must_use]
    pub fn with(mut self, row: CheckRow) -> Self {
        self.rows.push(row);
        self
    }

    /// The rows, in the order of the checks.
    pub fn rows(&self) -> &[CheckRow] {
        &self.rows
    }

    /// The leave to train: given when every check passed or is waived by name. Waived checks are
    /// marked in the rows.
    ///
    /// # Errors
    /// [`TrainError::Refused`] names the checks that failed; [`TrainError::UnknownWaiver`] a waiver
    /// of a check that was not made.
    pub fn clearance(&mut self, waivers: &[Waiver]) -> std::result::Result<Clearance, TrainError> {
        let outcomes: Vec<CheckOutcome> = self
            .rows
            .iter()
            .map(|row| match row.verdict {
                Verdict::Failed | Verdict::Waived => {
                    let found = format!("expected {}, found {}; ", row.expected, row.found);
                    CheckOutcome::failed(&row.name, found + &row.detail)
                }
                Verdict::Passed | Verdict::Skipped => CheckOutcome::passed(&row.name, &row.detail),
            })
            .collect();
        let clearance = Clearance::with_waivers(&outcomes, waivers)?;
        for row in &mut self.rows {
            let waived = waivers.iter().any(|waiver| waiver.name == row.name);
            if waived && row.verdict == Verdict::Failed {
                row.verdict = Verdict::Waived;
            }
        }
        Ok(clearance)
    }
}

/// Passed or failed.
fn verdict(passed: bool) -> Verdict {
    if passed {
        Verdict::Passed
    } else {
        Verdict::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_loss::CrossEntropy;
    use limpid_nn_layers::{Linear, Relu, Sequential};
    use limpid_tensor::{State, Stream};

    const LABELS: [usize; 12] = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2];

    fn model<E: Element>(scale: f64) -> Sequential<E> {
        let linear = |inputs, outputs, label: &str| {
            Linear::new(inputs, outputs, Stream::new(3).fork(label)).unwrap()
        };
        let mut model = Sequential::new()
            .with(linear(4, 16, "a"))
            .with(Relu)
            .with(linear(16, 3, "b"));
        limpid_tensor::for_each_parameter_mut(&mut model, |path, parameter| {
            if path == "2.weight" {
                let scaled = parameter.detach().mul_scalar(scale);
                parameter.set(scaled).unwrap();
            }
        });
        model
    }

    fn input<E: Element>() -> Tensor<E> {
        Tensor::standard_normal([12, 4], Stream::new(2))
    }

    fn preflight(scale: f64, strength: f64) -> Preflight {
        let loss = CrossEntropy::new();
        let (mut single, mut double) = (model::<f32>(scale), model::<f64>(scale));
        let before = State::of(&single);
        let preflight = Preflight::new()
            .gradients(&mut double, &loss, &input(), &LABELS[..])
            .unwrap()
            .initial_loss(&single, &loss, &input(), &LABELS[..])
            .unwrap()
            .penalty(&single, &loss, &input(), &LABELS[..], strength, Penalty::l2)
            .unwrap()
            .tiny_subset(&mut single, &loss, &input(), &LABELS[..])
            .unwrap();
        assert_eq!(State::of(&single), before);
        preflight
    }

    fn verdicts(preflight: &Preflight) -> Vec<Verdict> {
        preflight.rows().iter().map(|row| row.verdict).collect()
    }

    #[test]
    fn a_sound_model_passes_and_is_cleared() {
        let mut preflight = preflight(0.3, 1e-3);
        assert_eq!(
            verdicts(&preflight),
            [Verdict::Passed; 4],
            "{:#?}",
            preflight.rows()
        );
        assert!(preflight.clearance(&[]).is_ok());
    }

    #[test]
    fn training_is_refused_by_name_and_can_be_waived_by_name() {
        let mut preflight = preflight(30.0, 1e-5);
        assert_eq!(
            preflight.rows()[1].verdict,
            Verdict::Failed,
            "{:#?}",
            preflight.rows()
        );
        let error = preflight.clearance(&[]).unwrap_err().to_string();
        assert!(error.contains("`initial loss`"), "{error}");
        assert!(
            preflight
                .clearance(&[Waiver::new("no such check", "why not")])
                .is_err()
        );
        let waiver = Waiver::new("initial loss", "the scale is wanted");
        assert!(preflight.clearance(&[waiver]).is_ok());
        assert_eq!(preflight.rows()[1].verdict, Verdict::Waived);
    }

    #[test]
    fn labels_that_have_nothing_to_do_with_equal_inputs_are_not_learned() {
        let equal = Tensor::<f32>::ones([12, 4]);
        let mut model = model::<f32>(0.3);
        let row = TinySubset::default()
            .check(&mut model, &CrossEntropy::new(), &equal, &LABELS[..])
            .unwrap();
        assert_eq!(row.verdict, Verdict::Failed);
    }
}

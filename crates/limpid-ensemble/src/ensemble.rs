//! Models that answer as one.

use limpid_nn_layers::Module;
use limpid_tensor::{Element, Error, Result, Tensor, without_gradient};

use crate::combine::check_weights;
use crate::{mean, mean_of_logits, weighted_mean};

/// How the members' outputs become one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// The outputs are logits; the answer is the mean of their softmax.
    #[default]
    MeanOfProbabilities,
    /// The outputs are logits; the answer is the softmax of their mean.
    MeanOfLogits,
    /// The outputs are values, or probabilities already; the answer is their mean.
    MeanOfOutputs,
}

/// Models for one task that answer as one.
///
/// # Example
/// ```
/// use limpid_ensemble::Ensemble;
/// use limpid_nn_layers::{Context, Module, Parameters};
/// use limpid_tensor::{Parameter, Result, Tensor};
///
/// #[derive(Parameters)]
/// struct Says {
///     logits: Parameter<f64>,
/// }
/// impl Module<f64> for Says {
///     fn forward(&self, input: &Tensor<f64>, _: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
///         input.mul(&self.logits)
///     }
/// }
///
/// let says = |odds: f64| -> Box<dyn Module<f64>> {
///     let logits = Tensor::from_fn([1, 2], |class| if class == 0 { odds.ln() } else { 0.0 });
///     Box::new(Says { logits: Parameter::new(logits) })
/// };
/// let ensemble = Ensemble::new(vec![says(3.0), says(1.0)])?;
/// let probabilities = ensemble.predict(&Tensor::ones([1, 1]))?;
/// assert!((probabilities.to_vec()[0] - 0.5 * (0.75 + 0.5)).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub struct Ensemble<E: Element> {
    members: Vec<Box<dyn Module<E>>>,
    weights: Option<Vec<f64>>,
    answer: Answer,
}

impl<E: Element> Ensemble<E> {
    /// The ensemble of these models, which give logits `[rows, classes]`.
    ///
    /// # Errors
    /// An argument error when there is no model.
    pub fn new(members: Vec<Box<dyn Module<E>>>) -> Result<Self> {
        if members.is_empty() {
            return Err(Error::argument(
                "ensemble",
                "members",
                "at least one model",
                "none",
            ));
        }
        Ok(Self {
            members,
            weights: None,
            answer: Answer::default(),
        })
    }

    /// With a weight for each member, e.g. those of a [`Selection`](crate::Selection).
    ///
    /// # Errors
    /// As [`weighted_mean`].
    pub fn with_weights(mut self, weights: impl Into<Vec<f64>>) -> Result<Self> {
        let weights = weights.into();
        check_weights("ensemble", &weights, self.members.len())?;
        self.weights = Some(weights);
        Ok(self)
    }

    /// With another way to the answer.
    #[must_use]
    pub fn with_answer(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    /// The models.
    pub fn members(&self) -> &[Box<dyn Module<E>>] {
        &self.members
    }

    /// The answer for `input`, in evaluation mode.
    ///
    /// # Errors
    /// Those of the members; a shape error when their outputs have different shapes.
    pub fn predict(&self, input: &Tensor<E>) -> Result<Tensor<E>> {
        let outputs = self.predict_members(input)?;
        without_gradient(|| match (self.answer, &self.weights) {
            (Answer::MeanOfProbabilities | Answer::MeanOfOutputs, None) => mean(&outputs),
            (Answer::MeanOfProbabilities | Answer::MeanOfOutputs, Some(weights)) => {
                weighted_mean(&outputs, weights)
            }
            (Answer::MeanOfLogits, None) => mean_of_logits(&outputs),
            (Answer::MeanOfLogits, Some(weights)) => weighted_mean(&outputs, weights)?.softmax(-1),
        })
    }

    /// What each member says, `[members, rows, classes]`: probabilities for
    /// [`Answer::MeanOfProbabilities`], else the outputs as they are.
    ///
    /// # Errors
    /// As [`Ensemble::predict`].
    pub fn predict_members(&self, input: &Tensor<E>) -> Result<Tensor<E>> {
        without_gradient(|| {
            let mut outputs = Vec::with_capacity(self.members.len());
            for (index, member) in self.members.iter().enumerate() {
                let output = member
                    .predict(input)
                    .map_err(|error| error.at(index.to_string()))?;
                outputs.push(match self.answer {
                    Answer::MeanOfProbabilities => output.softmax(-1)?,
                    Answer::MeanOfLogits | Answer::MeanOfOutputs => output,
                });
            }
            Tensor::stack(&outputs.iter().collect::<Vec<_>>(), 0)
        })
    }
}

impl<E: Element> std::fmt::Debug for Ensemble<E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<&str> = self.members.iter().map(|member| member.kind()).collect();
        formatter
            .debug_struct("Ensemble")
            .field("members", &kinds)
            .field("weights", &self.weights)
            .field("answer", &self.answer)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_nn_layers::{Context, Parameters};
    use limpid_tensor::{Parameter, Stream};

    #[derive(Debug, Parameters)]
    struct Linear {
        weight: Parameter<f64>,
    }

    impl Module<f64> for Linear {
        fn forward(&self, input: &Tensor<f64>, _: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
            input.matmul(&self.weight)
        }
    }

    fn linear(inputs: usize, seed: u64) -> Box<dyn Module<f64>> {
        let weight = Tensor::standard_normal([inputs, 3], Stream::new(seed));
        Box::new(Linear {
            weight: Parameter::new(weight),
        })
    }

    fn ensemble() -> Ensemble<f64> {
        Ensemble::new(vec![linear(4, 1), linear(4, 2), linear(4, 3)]).unwrap()
    }

    fn input() -> Tensor<f64> {
        Tensor::standard_normal([5, 4], Stream::new(9))
    }

    #[test]
    fn the_answer_is_made_of_probabilities() {
        for answer in [Answer::MeanOfProbabilities, Answer::MeanOfLogits] {
            let said = ensemble().with_answer(answer).predict(&input()).unwrap();
            assert!(!said.wants_gradient());
            for row in said.to_vec().chunks_exact(3) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn all_weight_on_one_member_gives_its_answer() {
        let alone = Ensemble::new(vec![linear(4, 2)]).unwrap();
        let weighted = ensemble().with_weights([0.0, 1.0, 0.0]).unwrap();
        let left = alone.predict(&input()).unwrap();
        let right = weighted.predict(&input()).unwrap();
        assert!(
            left.sub(&right)
                .unwrap()
                .abs()
                .to_vec()
                .iter()
                .all(|it| *it < 1e-15)
        );
    }

    #[test]
    fn a_member_that_does_not_fit_is_named() {
        let ensemble = Ensemble::new(vec![linear(4, 1), linear(5, 2)]).unwrap();
        let error = ensemble.predict(&input()).unwrap_err();
        assert_eq!(error.path(), "1");
        assert!(Ensemble::<f64>::new(Vec::new()).is_err());
        assert!(ensemble.with_weights([1.0]).is_err());
    }

    #[test]
    fn equal_bits_for_every_number_of_threads() {
        let one = |threads: usize| {
            limpid_tensor::threads::with(threads, || ensemble().predict(&input()).unwrap())
        };
        assert_eq!(one(1), one(2));
        assert_eq!(one(1), one(4));
    }
}

//! A classifier over very many classes, trained against a few drawn ones.

use limpid_derive::Parameters;
use limpid_tensor::{Element, Parameter, Result, Tensor};

use crate::row_scores::Logistic;
use crate::settings::with_reduction;
use crate::with_noise::{Class, Table, check_class_table, loss_against_noise};
use crate::{Loss, Reduction};

const NAME: &str = "negative_sampling";

/// Negative sampling: -log sigmoid(s_y) - sum over noise classes k of log sigmoid(-s_k), with
/// s = weight times input plus bias of a class.
///
/// It takes the place of a model's last layer and its loss, and holds that layer's parameters. A step
/// costs 1 + K rows, however many classes there are. The scores are not those of a softmax.
///
/// # Shapes
/// Input `[N, D]`; weights `[C, D]`; biases `[C]`; one number per row, `[N]`.
///
/// # Gradient
/// For weights and biases only the rows of the classes that occur. A noise class that happens to be
/// the item's own counts as both.
///
/// # Uninformed
/// (1 + K) log 2 when all scores are 0. The floor is 0 (and is not reached where a noise class is the
/// item's own). No kinks.
///
/// # Source
/// Mikolov et al. 2013, equation 4.
///
/// # Example
/// ```
/// use limpid_loss::{AliasSampler, Loss, NegativeSampling, WithNoise};
/// use limpid_tensor::{Stream, Tensor};
///
/// let criterion = NegativeSampling::new(Tensor::zeros([1000, 4]), Tensor::zeros([1000]))?;
/// let counts: Vec<f64> = (1..=1000).map(|rank| 1e6 / f64::from(rank)).collect();
/// let noise = AliasSampler::unigram(&counts)?;
/// let target = WithNoise::drawn(&noise, [7, 9], 3, Stream::new(1));
/// let loss = criterion.forward(&Tensor::<f64>::ones([2, 4]), &target)?;
/// assert!((loss.item()? - 4.0 * 2.0_f64.ln()).abs() < 1e-14);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
#[non_exhaustive]
pub struct NegativeSampling<E: Element> {
    /// One row for each class, `[C, D]`.
    pub weight: Parameter<E>,
    /// One number for each class, `[C]`.
    pub bias: Parameter<E>,
    /// How items become one number; by default their mean.
    #[parameters(skip)]
    pub reduction: Reduction,
}

impl<E: Element> NegativeSampling<E> {
    /// Starting from these weights and biases.
    ///
    /// # Errors
    /// A shape error unless they are `[C, D]` and `[C]`.
    pub fn new(weight: Tensor<E>, bias: Tensor<E>) -> Result<Self> {
        Self::with_parameters(Parameter::new(weight), Parameter::new(bias))
    }

    /// As [`NegativeSampling::new`], with parameters that exist already.
    ///
    /// # Errors
    /// As there.
    pub fn with_parameters(weight: Parameter<E>, bias: Parameter<E>) -> Result<Self> {
        check_class_table(NAME, &weight, &bias, None)?;
        Ok(Self {
            weight,
            bias,
            reduction: Reduction::Mean,
        })
    }

    with_reduction!();

    fn table(&self, _number: usize) -> Table<'_, E, impl Fn(usize, Class) -> f64> {
        Table {
            name: NAME,
            weight: &self.weight,
            bias: &self.bias,
            shift: |_, _| 0.0,
        }
    }
}

impl<E: Element> Loss<E> for NegativeSampling<E> {
    loss_against_noise!(E, NAME, Logistic);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::with_noise::testing::{agrees, refuses, sines, target};

    // torch 2.15.0, as `agrees` lists them.
    const NEGATIVE: [f64; 11] = [
        4.3606697332128554,
        0.022845309514863278,
        0.6441084995041304,
        0.6731813055078351,
        -0.0328677115240054,
        -0.3876251990158576,
        -0.38600186615772347,
        -0.408466614866263,
        1.12227545676196,
        0.5351440649848715,
        0.736895738259981,
    ];

    fn criterion() -> NegativeSampling<f64> {
        NegativeSampling::new(sines(&[10, 3], 10), sines(&[10], 50)).unwrap()
    }

    #[test]
    fn values_and_gradients_are_those_of_the_formula_in_pytorch() {
        // torch 2.15.0: binary_cross_entropy_with_logits of the scores.
        let loss = criterion();
        agrees(&loss, [&loss.weight, &loss.bias], &NEGATIVE);
    }

    #[test]
    fn zero_scores_cost_log_two_for_each_question() {
        let found = criterion().expected_initial(10, &target()).unwrap();
        assert!((found - 4.0 * 2f64.ln()).abs() < 1e-15);
        let given = criterion().expected_given(&sines(&[2, 3], 0), &target());
        assert!(given.is_some_and(f64::is_finite));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        refuses(&criterion());
        assert!(NegativeSampling::<f64>::new(Tensor::zeros([3]), Tensor::zeros([3])).is_err());
    }
}

//! A classifier over very many classes that learns to tell them from noise, with probabilities.

use limpid_derive::Parameters;
use limpid_tensor::{Element, Parameter};

use crate::row_scores::Logistic;
use crate::settings::with_reduction;
use crate::with_noise::{Class, Table, log_expected, loss_against_noise, made_with_noise};
use crate::{AliasSampler, Loss, Reduction};

const NAME: &str = "noise_contrastive";

/// Noise-contrastive estimation: -log sigmoid(s_y - log(K q_y)) - sum over K noise classes k of
/// log sigmoid(log(K q_k) - s_k), with scores s = weight times input plus bias of a class and q the
/// probability that noise is that class. Where it is least, e^s is the probability of a class, with the
/// divisor of the softmax fixed at 1.
///
/// It takes the place of a model's last layer and its loss, and holds that layer's parameters. A step
/// costs 1 + K rows, however many classes there are. [`NegativeSampling`](crate::NegativeSampling) is the
/// same without log(K q), and so without probabilities. Let biases start at -log C, or at the logarithms
/// of the classes' shares: then the divisor starts near 1.
///
/// # Shapes
/// Input `[N, D]`; weights `[C, D]`; biases `[C]`; one number per row, `[N]`.
///
/// # Gradient
/// For weights and biases only the rows of the classes that occur. A noise class that happens to be
/// the item's own counts as both.
///
/// # Uninformed
/// log(1 + K q_y) + sum over noise of log(1 + 1 / (K q_k)) when all scores are 0. The floor is 0, and
/// lies below what can be reached: even true probabilities cannot always tell. No kinks.
///
/// # Source
/// Gutmann and Hyvärinen 2010; Mnih and Teh 2012, for a divisor fixed at 1. Equals `tf.nn.nce_loss`, but
/// that each item has noise of its own.
///
/// # Example
/// ```
/// use limpid_loss::{AliasSampler, Loss, NoiseContrastive, WithNoise};
/// use limpid_tensor::{Stream, Tensor};
///
/// let noise = AliasSampler::uniform(1000)?;
/// let target = WithNoise::drawn(&noise, [7, 9], 10, Stream::new(1));
/// let criterion = NoiseContrastive::new(Tensor::zeros([1000, 4]), Tensor::zeros([1000]), noise)?;
/// let loss = criterion.forward(&Tensor::<f64>::ones([2, 4]), &target)?;
/// assert!((loss.item()? - (1.01_f64.ln() + 10.0 * 101.0_f64.ln())).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
#[non_exhaustive]
pub struct NoiseContrastive<E: Element> {
    /// One row for each class, `[C, D]`.
    pub weight: Parameter<E>,
    /// One number for each class, `[C]`.
    pub bias: Parameter<E>,
    /// Where noise is drawn from.
    #[parameters(skip)]
    pub noise: AliasSampler,
    /// How items become one number; by default their mean.
    #[parameters(skip)]
    pub reduction: Reduction,
}

impl<E: Element> NoiseContrastive<E> {
    made_with_noise!(NAME);

    with_reduction!();

    fn table(&self, number: usize) -> Table<'_, E, impl Fn(usize, Class) -> f64> {
        // Without noise the only draw is the class itself.
        let number = number.max(1);
        let shift = move |own: usize, class: Class| {
            let class = match class {
                Class::Own => own,
                Class::Noise(class) => class,
            };
            log_expected(&self.noise, number, class)
        };
        Table {
            name: NAME,
            weight: &self.weight,
            bias: &self.bias,
            shift,
        }
    }
}

impl<E: Element> Loss<E> for NoiseContrastive<E> {
    loss_against_noise!(E, NAME, Logistic);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::with_noise::testing::{agrees, refuses, sines, target};
    use limpid_tensor::Tensor;

    // torch 2.15.0, as `agrees` lists them.
    const CONTRASTIVE: [f64; 11] = [
        6.052681634387026,
        -0.11702466030556695,
        0.25897276204820663,
        0.3968718212889413,
        -0.18190172705537982,
        -0.2804296933336027,
        -0.12113189282870179,
        -0.04047276403935651,
        1.3968278935955123,
        1.3643787464180845,
        0.9177508933567082,
    ];

    fn criterion() -> NoiseContrastive<f64> {
        let counts: Vec<f64> = (1..=10).map(f64::from).collect();
        let noise = AliasSampler::unigram(&counts).unwrap();
        NoiseContrastive::new(sines(&[10, 3], 10), sines(&[10], 50), noise).unwrap()
    }

    #[test]
    fn values_and_gradients_are_those_of_the_formula_in_pytorch() {
        // torch 2.15.0: binary_cross_entropy_with_logits of the shifted scores.
        let loss = criterion();
        agrees(&loss, [&loss.weight, &loss.bias], &CONTRASTIVE);
    }

    #[test]
    fn scores_of_zero_cost_what_the_noise_does() {
        let found = criterion().expected_initial(10, &target()).unwrap();
        let q = |class: usize| 3.0 * criterion().noise.probability(class);
        let told = |class| (1.0 / q(class)).ln_1p();
        let own = q(4).ln_1p() + q(9).ln_1p();
        let noise: f64 = target().noise.into_iter().map(told).sum();
        assert!((found - (own + noise) / 2.0).abs() < 1e-14, "{found}");
        let given = criterion().expected_given(&sines(&[2, 3], 0), &target());
        assert!(given.is_some_and(f64::is_finite));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        refuses(&criterion());
        let few = AliasSampler::uniform(9).unwrap();
        let (weight, bias) = (Tensor::<f64>::zeros([10, 3]), Tensor::zeros([10]));
        assert!(NoiseContrastive::new(weight, bias, few).is_err());
    }
}

//! A softmax over very many classes, estimated from a few drawn ones.

use limpid_derive::Parameters;
use limpid_tensor::{Element, Parameter};

use crate::row_scores::Softmax;
use crate::settings::{setting, with_reduction};
use crate::with_noise::{Class, Table, log_expected, loss_against_noise, made_with_noise};
use crate::{AliasSampler, Loss, Reduction};

const NAME: &str = "sampled_softmax";

/// Sampled softmax: the cross-entropy of an item's class among itself and K noise classes, with scores
/// s = weight times input plus bias of a class, less log(K q) of the class: how often noise q is to be
/// expected to draw it.
///
/// It takes the place of a model's last layer and its loss, and holds that layer's parameters. A step
/// costs 1 + K rows, however many classes there are. To predict, take the scores of all classes: they are
/// those of a softmax.
///
/// # Shapes
/// Input `[N, D]`; weights `[C, D]`; biases `[C]`; one number per row, `[N]`.
///
/// # Gradient
/// Softmax minus target over the classes that were drawn; for weights and biases only their rows. Noise
/// that happens to be the item's own class is left out, unless told otherwise.
///
/// # Uninformed
/// That of the corrections alone when all scores are 0: log(1 + K) for even noise without the item's own
/// class. The floor is 0. No kinks.
///
/// # Source
/// Jean et al. 2015, section 3; Bengio and Senécal 2008. Equals `tf.nn.sampled_softmax_loss`, but that each
/// item has noise of its own.
///
/// # Example
/// ```
/// use limpid_loss::{AliasSampler, Loss, SampledSoftmax, WithNoise};
/// use limpid_tensor::{Stream, Tensor};
///
/// let noise = AliasSampler::uniform(1000)?;
/// let target = WithNoise::drawn(&noise, [7, 9], 63, Stream::new(1));
/// let criterion = SampledSoftmax::new(Tensor::zeros([1000, 4]), Tensor::zeros([1000]), noise)?;
/// let loss = criterion.forward(&Tensor::<f64>::ones([2, 4]), &target)?;
/// assert!((loss.item()? - 64.0_f64.ln()).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
#[non_exhaustive]
pub struct SampledSoftmax<E: Element> {
    /// One row for each class, `[C, D]`.
    pub weight: Parameter<E>,
    /// One number for each class, `[C]`.
    pub bias: Parameter<E>,
    /// Where noise is drawn from.
    #[parameters(skip)]
    pub noise: AliasSampler,
    /// Whether noise that is the item's own class is left out; default yes.
    pub remove_accidental_hits: bool,
    /// Whether the item's own score is corrected as well; default yes. Then classes that noise draws often,
    /// K q above 1, count less than they should, since their item names them only once. Without, the loss
    /// tends to that of the full softmax as K grows (Blanc and Rendle 2018).
    pub correct_target: bool,
    /// How items become one number; by default their mean.
    #[parameters(skip)]
    pub reduction: Reduction,
}

impl<E: Element> SampledSoftmax<E> {
    made_with_noise!(NAME, remove_accidental_hits: true, correct_target: true);

    setting! {
        /// Without noise that is the item's own class, or with it.
        with_remove_accidental_hits, remove_accidental_hits: bool
    }

    setting! {
        /// With the item's own score corrected, or not.
        with_correct_target, correct_target: bool
    }

    with_reduction!();

    fn table(&self, number: usize) -> Table<'_, E, impl Fn(usize, Class) -> f64> {
        let shift = move |own: usize, class: Class| match class {
            Class::Noise(class) if class == own && self.remove_accidental_hits => f64::INFINITY,
            Class::Noise(class) => log_expected(&self.noise, number, class),
            // Without noise there is nothing to correct.
            Class::Own if number == 0 || !self.correct_target => 0.0,
            Class::Own => log_expected(&self.noise, number, own),
        };
        Table {
            name: NAME,
            weight: &self.weight,
            bias: &self.bias,
            shift,
        }
    }
}

impl<E: Element> Loss<E> for SampledSoftmax<E> {
    loss_against_noise!(E, NAME, Softmax);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::with_noise::testing::{agrees, refuses, sines, target};
    use crate::{CrossEntropy, WithNoise};
    use limpid_tensor::{Stream, Tensor};

    // torch 2.15.0, as `agrees` lists them.
    const SAMPLED: [f64; 11] = [
        4.11581926841026,
        0.051753131071705,
        0.7943279935558017,
        0.80660136199592,
        0.17261425417898257,
        -0.5935796997606656,
        -0.814039215173394,
        0.0,
        1.3982608229544327,
        0.0,
        0.9178769111793902,
    ];

    const WITH_HITS: [f64; 11] = [
        4.1226852908784615,
        0.05104731201102611,
        0.7834947970578795,
        0.7956007789610988,
        0.17261425417898257,
        -0.5935796997606656,
        -0.814039215173394,
        0.0,
        1.3794867469230834,
        0.0,
        0.9056454078948408,
    ];

    fn criterion() -> SampledSoftmax<f64> {
        let counts: Vec<f64> = (1..=10).map(f64::from).collect();
        let noise = AliasSampler::unigram(&counts).unwrap();
        SampledSoftmax::new(sines(&[10, 3], 10), sines(&[10], 50), noise).unwrap()
    }

    #[test]
    fn values_and_gradients_are_those_of_the_formula_in_pytorch() {
        // torch 2.15.0: cross_entropy of the shifted scores.
        let loss = criterion();
        agrees(&loss, [&loss.weight, &loss.bias], &SAMPLED);
        let loss = criterion().with_remove_accidental_hits(false);
        agrees(&loss, [&loss.weight, &loss.bias], &WITH_HITS);
    }

    #[test]
    fn all_classes_once_are_the_full_softmax() {
        let (weight, bias) = (sines::<f64>(&[10, 3], 10), sines(&[10], 50));
        let loss = SampledSoftmax::new(
            weight.clone(),
            bias.clone(),
            AliasSampler::uniform(10).unwrap(),
        );
        let x = sines(&[2, 3], 0);
        let noise = (0..20).map(|it| it % 10).collect();
        let classes = vec![3, 8];
        let sampled = loss.unwrap().forward(&x, &WithNoise { classes, noise });
        let logits = x.linear(&weight, Some(&bias)).unwrap();
        let full = CrossEntropy::new().forward(&logits, &[3, 8]).unwrap();
        let error = sampled.unwrap().item().unwrap() - full.item().unwrap();
        assert!(error.abs() < 1e-14, "{error}");
    }

    #[test]
    fn much_noise_approaches_the_full_softmax() {
        let loss = criterion().with_correct_target(false);
        let x = sines::<f64>(&[2, 3], 0);
        let target = WithNoise::drawn(&loss.noise, [3, 8], 200_000, Stream::new(5));
        let sampled = loss.forward(&x, &target).unwrap().item().unwrap();
        let logits = x.linear(&loss.weight, Some(&loss.bias)).unwrap();
        let full = CrossEntropy::new().forward(&logits, &[3, 8]).unwrap();
        let error = sampled - full.item().unwrap();
        assert!(error.abs() < 0.01, "{error}");
    }

    #[test]
    fn scores_of_zero_cost_what_the_corrections_do() {
        let even = AliasSampler::uniform(10).unwrap();
        let loss = SampledSoftmax::<f64>::new(Tensor::ones([10, 3]), Tensor::ones([10]), even);
        let loss = loss.unwrap();
        let classes = vec![4, 9];
        let noise = vec![0, 1, 2, 3, 3, 5];
        let target = WithNoise { classes, noise };
        let initial = loss.expected_initial(10, &target).unwrap();
        assert!((initial - 4_f64.ln()).abs() < 1e-14, "{initial}");
        assert!(loss.expected_given(&sines(&[2, 3], 0), &target).is_some());
        let (classes, noise) = (vec![4, 9], vec![]);
        let alone = loss.expected_initial(10, &WithNoise { classes, noise });
        assert_eq!(alone, Some(0.0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        refuses(&criterion());
        let (weight, bias) = (Tensor::<f64>::zeros([10, 3]), Tensor::zeros([10]));
        let few = AliasSampler::uniform(9).unwrap();
        assert!(SampledSoftmax::new(weight.clone(), bias.clone(), few).is_err());
        let mut weights = vec![1.0; 10];
        weights[4] = 0.0;
        let never = AliasSampler::new(&weights).unwrap();
        let loss = SampledSoftmax::new(weight, bias, never).unwrap();
        let error = loss.forward(&sines(&[2, 3], 0), &target()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sampled_softmax: `target` must be of classes that are drawn as noise, found 4"
        );
    }
}

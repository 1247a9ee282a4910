//! Every loss holds to the contracts, and a broken one fails each of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use limpid_loss::testing::{Broken, Contract, check_in_double, check_loss};
use limpid_loss::{
    AdaptiveSoftmaxConfig, AliasSampler, Bce, BceWithLogits, BinCoding, BinaryFocal,
    BinnedRegression, ClassTree, Compared, Contrast, CosineEmbedding, CrammerSingerHinge,
    CrossEntropy, CrossEntropySoft, Distillation, Focal, GaussianNll, HierarchicalSoftmax,
    HingeEmbedding, Huber, KlDivergence, L1, L2, LogCosh, Loss, MarginRanking, MeanOver, Mse,
    MultilabelHinge, MultilabelMargin, MultilabelSoftMargin, NegativeSampling, Nll,
    NoiseContrastive, PoissonNll, Quantile, Reduction, SampledSoftmax, SmoothL1, SoftMargin,
    Taught, TripletMargin, WestonWatkinsHinge, WithNoise,
};
use limpid_tensor::{Element, Error, Result, Stream, Tensor};

const CLASSES: [usize; 4] = [0, 2, 1, 1];

fn draw(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::standard_normal(shape, Stream::new(seed))
}

fn of_classes<L>(loss: &L) -> std::result::Result<(), Broken>
where
    L: Loss<f64, Target = [usize]> + Loss<f32, Target = [usize]>,
{
    check_loss(loss, &draw(&[4, 3], 1), &CLASSES[..], &CLASSES[..])?;
    check_loss(loss, &draw(&[2, 3, 2], 2), &CLASSES[..], &CLASSES[..])
}

fn of_values<L>(loss: &L, target: &Tensor<f64>) -> std::result::Result<(), Broken>
where
    L: Loss<f64, Target = Tensor<f64>> + Loss<f32, Target = Tensor<f32>>,
{
    check_loss(loss, &draw(target.shape(), 1), target, &target.cast())
}

#[test]
fn losses_of_classes_hold_to_the_contracts() {
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
        let weight = [1.0, 0.5, 2.0];
        of_classes(&CrossEntropy::new().with_reduction(reduction)).unwrap();
        let loss = CrossEntropy::new().with_weight(weight).with_ignore_index(2);
        of_classes(&loss.with_label_smoothing(0.1).with_reduction(reduction)).unwrap();
        of_classes(&WestonWatkinsHinge::new().with_reduction(reduction)).unwrap();
        of_classes(
            &WestonWatkinsHinge::new()
                .with_squared(true)
                .with_reduction(reduction),
        )
        .unwrap();
        of_classes(&CrammerSingerHinge::new().with_reduction(reduction)).unwrap();
        let focal = Focal::new().with_weight(weight);
        of_classes(&focal.with_reduction(reduction)).unwrap();
    }
}

#[test]
fn log_probabilities_hold_to_the_contracts() {
    let loss = Nll::new().with_weight([1.0, 0.5, 2.0]);
    let prediction = draw(&[4, 3], 1).log_softmax(1).unwrap();
    check_loss(&loss, &prediction, &CLASSES[..], &CLASSES[..]).unwrap();
}

#[test]
fn losses_of_values_hold_to_the_contracts() {
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
        let target = draw(&[4, 3], 2);
        of_values(&Mse::new().with_reduction(reduction), &target).unwrap();
        of_values(&L2::new().with_reduction(reduction), &target).unwrap();
        of_values(&L1::new().with_reduction(reduction), &target).unwrap();
        of_values(
            &Huber::new().with_delta(0.5).with_reduction(reduction),
            &target,
        )
        .unwrap();
        of_values(
            &SmoothL1::new().with_beta(0.5).with_reduction(reduction),
            &target,
        )
        .unwrap();
        of_values(&Quantile::new(0.9).with_reduction(reduction), &target).unwrap();
        of_values(&LogCosh::new().with_reduction(reduction), &target).unwrap();
        let labels = Tensor::from_fn([4, 3], |it| if it % 2 == 0 { 1.0 } else { -1.0 });
        of_values(&SoftMargin::new().with_reduction(reduction), &labels).unwrap();
        let flags = labels.affine(0.5, 0.5);
        of_values(&BinaryFocal::new().with_reduction(reduction), &flags).unwrap();
        of_values(&MultilabelHinge::new().with_reduction(reduction), &labels).unwrap();
        of_values(&MultilabelMargin::new().with_reduction(reduction), &flags).unwrap();
        let probabilities = draw(&[4, 3], 3).sigmoid();
        let loss = Bce::new().with_reduction(reduction);
        check_loss(&loss, &probabilities, &flags, &flags.cast()).unwrap();
        let shares = target.softmax(1).unwrap();
        of_values(&BceWithLogits::new().with_reduction(reduction), &shares).unwrap();
        let weighted = MultilabelSoftMargin::new().with_weight([1.0, 0.5, 2.0]);
        of_values(&weighted.with_reduction(reduction), &shares).unwrap();
        of_values(&CrossEntropySoft::new().with_reduction(reduction), &shares).unwrap();
    }
}

#[test]
fn likelihoods_and_distributions_hold_to_the_contracts() {
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
        let counts = Tensor::from_fn([4, 3], |place| (place % 5) as f64);
        for log_input in [true, false] {
            let loss = PoissonNll::new().with_log_input(log_input);
            let loss = loss.with_reduction(reduction);
            let rates = draw(&[4, 3], 1).square().add_scalar(0.1);
            check_loss(&loss, &rates, &counts, &counts.cast()).unwrap();
        }
        let (both, target) = (draw(&[4, 2, 3], 1).exp(), draw(&[4, 3], 2));
        let loss = GaussianNll::new().with_full(true).with_reduction(reduction);
        check_loss(&loss, &both, &target, &target.cast()).unwrap();
        let predicted = draw(&[4, 3], 1).log_softmax(1).unwrap();
        let shares = target.softmax(1).unwrap();
        for mean_over in [MeanOver::Elements, MeanOver::Examples] {
            let loss = KlDivergence::new().with_mean_over(mean_over);
            let loss = loss.with_reduction(reduction);
            check_loss(&loss, &predicted, &shares, &shares.cast()).unwrap();
        }
    }
}

#[test]
fn losses_of_pairs_and_triplets_hold_to_the_contracts() {
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
        let signs = Tensor::from_fn([4], |it| if it % 2 == 0 { 1.0 } else { -1.0 });
        let (prediction, other, third) = (draw(&[4, 3], 1), draw(&[4, 3], 2), draw(&[4, 3], 3));
        let double = Compared { other, signs };
        let single = Compared {
            other: double.other.cast(),
            signs: double.signs.cast(),
        };
        let loss = CosineEmbedding::new().with_reduction(reduction);
        check_loss(&loss, &prediction, &double, &single).unwrap();
        let double = Contrast {
            positive: double.other,
            negative: third,
        };
        let single = Contrast {
            positive: double.positive.cast(),
            negative: double.negative.cast(),
        };
        let loss = TripletMargin::new().with_reduction(reduction);
        check_loss(&loss, &prediction, &double, &single).unwrap();
        let signs = Tensor::from_fn([4, 3], |it| if it % 2 == 0 { 1.0 } else { -1.0 });
        let double = Compared {
            other: double.positive,
            signs,
        };
        let single = Compared {
            other: double.other.cast(),
            signs: double.signs.cast(),
        };
        let loss = MarginRanking::new()
            .with_margin(0.5)
            .with_reduction(reduction);
        check_loss(&loss, &prediction, &double, &single).unwrap();
        let distances = prediction.abs();
        let loss = HingeEmbedding::new().with_reduction(reduction);
        check_loss(&loss, &distances, &double.signs, &double.signs.cast()).unwrap();
    }
}

#[test]
fn distillation_holds_to_the_contracts() {
    let teacher = draw(&[4, 3], 2);
    let classes = CLASSES.to_vec();
    let single = Taught {
        teacher: teacher.cast(),
        classes: classes.clone(),
    };
    let double = Taught { teacher, classes };
    for alpha in [0.0, 0.5, 1.0] {
        let loss = Distillation::new(2.0, alpha);
        check_loss(&loss, &draw(&[4, 3], 1), &double, &single).unwrap();
    }
}

#[test]
fn losses_of_very_many_classes_hold_to_the_contracts() {
    let tree = ClassTree::huffman(&[5.0, 1.0, 2.0]).unwrap();
    let loss = HierarchicalSoftmax::new(tree, draw(&[2, 3], 2), draw(&[2], 3)).unwrap();
    check_in_double(&loss, &draw(&[4, 3], 1), &CLASSES).unwrap();
    let config = AdaptiveSoftmaxConfig::new(3, 9, [1, 2]).with_div_value(1.5);
    let loss = config.build(Stream::new(2)).unwrap();
    check_in_double(&loss, &draw(&[4, 3], 1), &CLASSES).unwrap();
    let (weight, bias) = (draw(&[9, 3], 2), draw(&[9], 3));
    let loss = NegativeSampling::new(weight.clone(), bias.clone()).unwrap();
    let target = WithNoise {
        classes: CLASSES.to_vec(),
        noise: vec![3, 4, 5, 6, 7, 8, 0, 1],
    };
    check_in_double(&loss, &draw(&[4, 3], 1), &target).unwrap();
    let noise = AliasSampler::uniform(9).unwrap();
    let loss = SampledSoftmax::new(weight.clone(), bias.clone(), noise.clone()).unwrap();
    check_in_double(&loss, &draw(&[4, 3], 1), &target).unwrap();
    let loss = NoiseContrastive::new(weight, bias, noise).unwrap();
    check_in_double(&loss, &draw(&[4, 3], 1), &target).unwrap();
}

#[test]
fn regression_as_classification_holds_to_the_contracts() {
    let target = draw(&[4], 2);
    for coding in [
        BinCoding::OneHot,
        BinCoding::Gauss { sigma: 0.75 },
        BinCoding::Ordinal,
    ] {
        let bins = BinnedRegression::uniform(-2.0, 2.0, 5).unwrap();
        let loss = bins.with_coding(coding);
        let logits = draw(&[4, loss.outputs()], 1);
        check_loss(&loss, &logits, &target, &target.cast()).unwrap();
    }
}

/// The squared error, broken in one place.
#[derive(Debug)]
struct Flawed {
    flaw: Contract,
    calls: AtomicUsize,
}

impl<E: Element> Loss<E> for Flawed {
    type Target = Tensor<E>;

    fn name(&self) -> &'static str {
        "flawed"
    }

    fn reduction(&self) -> Reduction {
        Reduction::Mean
    }

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        if self.flaw == Contract::Succeeds {
            return Err(Error::argument("flawed", "flaw", "another one", "this one"));
        }
        let examples = prediction.shape()[0];
        let target = match self.flaw {
            Contract::Refusal => target.narrow(0, 0, examples)?,
            _ => target.clone(),
        };
        let items = prediction.sub(&target)?.square();
        Ok(match self.flaw {
            Contract::Repeatable => {
                items.add_scalar(self.calls.fetch_add(1, Ordering::Relaxed) as f64)
            }
            // The value is right and the gradient 1.5 times too great.
            Contract::Gradient => items.mul_scalar(1.5).sub(&items.detach().mul_scalar(0.5))?,
            Contract::Precision if E::NAME == "f32" => items.mul_scalar(1.01),
            Contract::Kinks => prediction.sub(&target)?.abs(),
            _ => items,
        })
    }

    fn forward(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        let items = self.per_item(prediction, target)?;
        Ok(match self.flaw {
            Contract::Reduction => items.sum(),
            Contract::Shape => items.mean().reshape([1])?,
            _ => items.mean(),
        })
    }

    fn expected_initial(&self, _outputs: usize, _target: &Tensor<E>) -> Option<f64> {
        (self.flaw != Contract::Uninformed).then_some(1.0)
    }

    fn expected_given(&self, _prediction: &Tensor<E>, _target: &Tensor<E>) -> Option<f64> {
        Some(1.0)
    }

    fn floor(&self, _outputs: usize, _target: &Tensor<E>) -> Option<f64> {
        Some(if self.flaw == Contract::Floor {
            1e3
        } else {
            0.0
        })
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[test]
fn a_broken_loss_fails_the_check_that_it_breaks() {
    for flaw in [
        Contract::Succeeds,
        Contract::Repeatable,
        Contract::Shape,
        Contract::Reduction,
        Contract::Gradient,
        Contract::Kinks,
        Contract::Floor,
        Contract::Uninformed,
        Contract::Refusal,
        Contract::Precision,
    ] {
        let loss = Flawed {
            flaw,
            calls: AtomicUsize::new(0),
        };
        let target = draw(&[4, 3], 2);
        let broken = check_loss(&loss, &draw(&[4, 3], 1), &target, &target.cast()).unwrap_err();
        assert_eq!(broken.contract, flaw, "{broken}");
    }
}

/// What the crate exports besides losses.
const NO_LOSSES: &[&str] = &[
    "AliasSampler",
    "BinCoding",
    "BinDecoding",
    "ClassTree",
    "Compared",
    "Contrast",
    "Loss",
    "MeanOver",
    "Reduction",
    "Taught",
    "Turn",
    "WithNoise",
];

/// The words of a source that begin like a type's name.
fn types(source: &str) -> BTreeSet<&str> {
    source
        .split(|it: char| !(it.is_alphanumeric() || it == '_'))
        .filter(|word| word.starts_with(|it: char| it.is_ascii_uppercase()))
        .collect()
}

#[test]
fn no_exported_loss_is_missing_here() {
    let (_, exports) = include_str!("../src/lib.rs").split_once("pub use").unwrap();
    let (held, _) = include_str!("contracts.rs")
        .split_once("const NO_LOSSES")
        .unwrap();
    // What is only imported is not held.
    let (_, held) = held.split_once("const CLASSES").unwrap();
    let held = types(held);
    let is_held =
        |name: &&str| held.contains(*name) || held.contains(format!("{name}Config").as_str());
    let missing: Vec<_> = types(exports)
        .into_iter()
        .filter(|name| !NO_LOSSES.contains(name) && !is_held(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are to be held here");
}

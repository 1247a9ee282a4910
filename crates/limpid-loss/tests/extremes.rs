//! Great and infinite logits give finite losses and gradients in single precision, wherever the loss itself
//! is finite and can be represented; an overflow to +infinity shows as NaN in entropies.

use limpid_loss::{
    AdaptiveSoftmaxConfig, AliasSampler, BceWithLogits, BinCoding, BinaryFocal, BinnedRegression,
    ClassTree, CrammerSingerHinge, CrossEntropy, CrossEntropySoft, Distillation, Focal,
    GaussianNll, HierarchicalSoftmax, HingeEmbedding, Huber, KlDivergence, L1, LogCosh, Loss,
    MultilabelHinge, MultilabelSoftMargin, NegativeSampling, Nll, NoiseContrastive, PoissonNll,
    Quantile, SampledSoftmax, SmoothL1, SoftMargin, Taught, WestonWatkinsHinge, WithNoise,
};
use limpid_tensor::{Result, Stream, Tensor};

const INFINITY: f32 = f32::INFINITY;

/// Checks value and gradient, and gives the value.
fn finite<L: Loss<f32> + ?Sized>(
    loss: &L,
    logits: &Tensor<f32>,
    target: &L::Target,
) -> Result<f32> {
    let logits = logits.requires_grad();
    let value = loss.forward(&logits, target)?;
    let gradient = value.backward()?.tensor(&logits);
    let place = format!("{} of {:?}", loss.name(), logits.to_vec());
    assert!(value.is_finite(), "{place}: {:?}", value.to_vec());
    let finite = gradient.as_ref().is_some_and(Tensor::is_finite);
    assert!(finite, "{place}: {gradient:?}");
    value.item()
}

fn row(numbers: &[f32]) -> Tensor<f32> {
    Tensor::from_fn([1, numbers.len()], |place| f64::from(numbers[place]))
}

#[test]
fn losses_of_classes() {
    let focal = Focal::new().with_gamma(0.5);
    for size in [1e3, 1e30] {
        for numbers in [
            [size, -size, 0.0],
            [-size, size, 0.0],
            [0.0, size, size],
            [size; 3],
        ] {
            let logits = row(&numbers);
            finite(&CrossEntropy::new(), &logits, &[0]).unwrap();
            finite(
                &CrossEntropy::new().with_label_smoothing(0.1),
                &logits,
                &[0],
            )
            .unwrap();
            finite(&Focal::new(), &logits, &[0]).unwrap();
            finite(&focal, &logits, &[0]).unwrap();
            finite(&WestonWatkinsHinge::new(), &logits, &[0]).unwrap();
            finite(&CrammerSingerHinge::new(), &logits, &[0]).unwrap();
            finite(&Nll::new(), &logits.log_softmax(1).unwrap(), &[0]).unwrap();
            let shares = row(&[0.5, 0.5, 0.0]);
            finite(&CrossEntropySoft::new(), &logits, &shares).unwrap();
            finite(
                &KlDivergence::new(),
                &logits.log_softmax(1).unwrap(),
                &shares,
            )
            .unwrap();
            for alpha in [0.0, 0.5, 1.0] {
                let teacher = row(&[0.0, size, -size]);
                let taught = Taught {
                    teacher,
                    classes: vec![0],
                };
                finite(&Distillation::new(2.0, alpha), &logits, &taught).unwrap();
            }
        }
    }
    let certain = row(&[1.0, 0.0, 0.0]);
    for numbers in [[INFINITY, 0.0, 1e30], [0.0, -INFINITY, -INFINITY]] {
        let logits = row(&numbers);
        let hinges: [&dyn Loss<f32, Target = [usize]>; 2] =
            [&WestonWatkinsHinge::new(), &CrammerSingerHinge::new()];
        for hinge in hinges {
            assert_eq!(finite(hinge, &logits, &[0]).unwrap(), 0.0);
        }
    }
    let impossible = row(&[0.0, -INFINITY, -INFINITY]);
    let entropies: [&dyn Loss<f32, Target = [usize]>; 2] = [&CrossEntropy::new(), &focal];
    for entropy in entropies {
        assert_eq!(finite(entropy, &impossible, &[0]).unwrap(), 0.0);
        // An overflow shows, as in PyTorch, whichever class it befell.
        for overflowed in [row(&[INFINITY, 0.0, 1e30]), row(&[0.0, INFINITY, 1.0])] {
            let value = entropy.forward(&overflowed, &[0]).unwrap();
            assert!(value.item().unwrap().is_nan(), "{}", entropy.name());
        }
    }
    let soft = finite(&CrossEntropySoft::new(), &impossible, &certain).unwrap();
    assert_eq!(soft, 0.0);
    let taught = Taught {
        teacher: impossible.clone(),
        classes: vec![0],
    };
    let distilled = finite(&Distillation::new(2.0, 0.5), &impossible, &taught).unwrap();
    assert_eq!(distilled, 0.0);
}

#[test]
fn losses_of_flags_and_signs() {
    let (flags, signs) = (row(&[1.0, 0.0, 1.0]), row(&[1.0, -1.0, 1.0]));
    let focal = BinaryFocal::new().with_gamma(0.5);
    for size in [1e3, 1e30] {
        for numbers in [[size, -size, size], [-size, size, -size]] {
            let logits = row(&numbers);
            finite(&BceWithLogits::new(), &logits, &flags).unwrap();
            finite(&MultilabelSoftMargin::new(), &logits, &flags).unwrap();
            finite(&BinaryFocal::new(), &logits, &flags).unwrap();
            finite(&focal, &logits, &flags).unwrap();
            finite(&SoftMargin::new(), &logits, &signs).unwrap();
            finite(&MultilabelHinge::new(), &logits, &signs).unwrap();
            finite(&HingeEmbedding::new(), &logits, &signs).unwrap();
        }
    }
    let right = row(&[INFINITY, -INFINITY, INFINITY]);
    assert_eq!(finite(&BceWithLogits::new(), &right, &flags).unwrap(), 0.0);
    assert_eq!(
        finite(&MultilabelSoftMargin::new(), &right, &flags).unwrap(),
        0.0
    );
    assert_eq!(finite(&focal, &right, &flags).unwrap(), 0.0);
    assert_eq!(finite(&SoftMargin::new(), &right, &signs).unwrap(), 0.0);
    assert_eq!(
        finite(&MultilabelHinge::new(), &right, &signs).unwrap(),
        0.0
    );
}

#[test]
fn losses_of_values() {
    let zeros = row(&[0.0, 0.0]);
    for size in [1e3, 1e30] {
        let prediction = row(&[size, -size]);
        finite(&L1::new(), &prediction, &zeros).unwrap();
        finite(&Huber::new(), &prediction, &zeros).unwrap();
        finite(&SmoothL1::new(), &prediction, &zeros).unwrap();
        finite(&Quantile::new(0.9), &prediction, &zeros).unwrap();
        finite(&LogCosh::new(), &prediction, &zeros).unwrap();
        finite(&PoissonNll::new(), &row(&[-size, -size]), &row(&[0.0, 2.0])).unwrap();
        let rates = PoissonNll::new().with_log_input(false);
        finite(&rates, &row(&[size, 0.0]), &row(&[2.0, 2.0])).unwrap();
        let certain = Tensor::from_vec(vec![1.0, size, 1.0, 0.0], [2, 2]).unwrap();
        finite(&GaussianNll::new(), &certain, &Tensor::zeros([2])).unwrap();
    }
    let impossible = row(&[-INFINITY, -INFINITY]);
    assert_eq!(
        finite(&PoissonNll::new(), &impossible, &zeros).unwrap(),
        0.0
    );
}

#[test]
fn bins() {
    let bins = BinnedRegression::uniform(0.0, 1.0, 3).unwrap();
    for coding in [
        BinCoding::OneHot,
        BinCoding::Gauss { sigma: 0.75 },
        BinCoding::Ordinal,
    ] {
        let loss = bins.clone().with_coding(coding);
        for size in [1e3, 1e30] {
            let logits = row(&[size, -size, size][..loss.outputs()]);
            for value in [0.1, 0.5, 1e30] {
                finite(&loss, &logits, &Tensor::from_vec(vec![value], [1]).unwrap()).unwrap();
            }
        }
    }
}

#[test]
fn losses_of_very_many_classes() {
    for size in [1e3, 1e30] {
        let input = row(&[size, -size]);
        let draw = |rows: usize| Tensor::standard_normal([rows, 2], Stream::new(rows as u64));
        let tree = ClassTree::balanced(9).unwrap();
        let loss = HierarchicalSoftmax::new(tree, draw(8), Tensor::zeros([8])).unwrap();
        finite(&loss, &input, &[4]).unwrap();
        let noise = AliasSampler::uniform(9).unwrap();
        let target = WithNoise::drawn(&noise, [4], 6, Stream::new(1));
        let (weight, bias) = (draw(9), Tensor::zeros([9]));
        let loss = NegativeSampling::new(weight.clone(), bias.clone()).unwrap();
        finite(&loss, &input, &target).unwrap();
        let loss = NoiseContrastive::new(weight.clone(), bias.clone(), noise.clone()).unwrap();
        finite(&loss, &input, &target).unwrap();
        let loss = SampledSoftmax::new(weight, bias, noise).unwrap();
        finite(&loss, &input, &target).unwrap();
        let config = AdaptiveSoftmaxConfig::new(2, 9, [3]).with_div_value(2.0);
        let loss = config.build(Stream::new(2)).unwrap();
        for class in 0..9 {
            finite(&loss, &input, &[class]).unwrap();
        }
    }
}

//! Steps of criteria over very many classes: forward, backward, update. `-- classes/softmax` runs those of
//! one criterion, `-- classes/.*/1000000` those of one size.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use limpid_loss::{
    AdaptiveSoftmaxConfig, AliasSampler, ClassTree, CrossEntropy, HierarchicalSoftmax, Loss,
    NegativeSampling, NoiseContrastive, SampledSoftmax, WithNoise,
};
use limpid_optim::{Optimizer, Sgd};
use limpid_tensor::{Parameter, Parameters, Result, Stream, Tensor};

use crate::normal;

const CLASSES: [usize; 4] = [1000, 10_000, 100_000, 1_000_000];
const HIDDEN: usize = 64;
const BATCH: usize = 32;
/// The noise classes of each item.
const NOISE: usize = 64;
/// Batches of classes that take turns, so that not always the same rows are in the cache.
const BATCHES: usize = 64;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

pub(crate) fn criteria(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("classes");
    group.sample_size(10);
    for classes in CLASSES {
        let made = all(&mut group, classes);
        assert!(made.is_ok(), "{classes} classes: {made:?}");
    }
    group.finish();
}

fn all(group: &mut Group<'_>, classes: usize) -> Result<()> {
    // The counts of words: that of rank r is in proportion to 1 / r.
    let counts: Vec<f64> = (1..=classes).map(|rank| 1.0 / rank as f64).collect();
    let words = AliasSampler::new(&counts)?;
    let noise = AliasSampler::unigram(&counts)?;
    let batches: Vec<Vec<usize>> = (0..BATCHES)
        .map(|batch| words.sample(BATCH, Stream::new(0).fork(batch)))
        .collect();
    let input = normal(&[BATCH, HIDDEN], "input");
    let plain = |step: usize| batches[step % BATCHES].clone();
    let drawn = |step: usize| {
        let stream = Stream::new(1).fork(step);
        WithNoise::drawn(&noise, batches[step % BATCHES].as_slice(), NOISE, stream)
    };

    bench(group, ("softmax", classes), || {
        let table = vec![
            Parameter::new(weight(classes)),
            Parameter::new(bias(classes)),
        ];
        Ok((table, |table: &Vec<Parameter<f32>>, step: usize| {
            let logits = input.requires_grad().linear(&table[0], Some(&table[1]))?;
            CrossEntropy::new().forward(&logits, &plain(step))
        }))
    });
    bench(group, ("hierarchical", classes), || {
        let (weight, bias) = (weight(classes - 1), bias(classes - 1));
        let tree = ClassTree::balanced(classes)?;
        let model = HierarchicalSoftmax::new(tree, weight, bias)?;
        Ok((model, |model: &HierarchicalSoftmax<f32>, step: usize| {
            model.forward(&input.requires_grad(), &plain(step))
        }))
    });
    bench(group, ("adaptive", classes), || {
        let cutoffs: Vec<usize> = [classes / 50, classes / 5].into();
        let config = AdaptiveSoftmaxConfig::new(HIDDEN, classes, cutoffs);
        let model = config.build(Stream::new(2))?;
        Ok((
            model,
            |model: &limpid_loss::AdaptiveSoftmax<f32>, step: usize| {
                model.forward(&input.requires_grad(), &plain(step))
            },
        ))
    });
    bench(group, ("negative_sampling", classes), || {
        let model = NegativeSampling::new(weight(classes), bias(classes))?;
        Ok((model, against(&input, &drawn)))
    });
    bench(group, ("sampled_softmax", classes), || {
        let model = SampledSoftmax::new(weight(classes), bias(classes), noise.clone())?;
        Ok((model, against(&input, &drawn)))
    });
    bench(group, ("noise_contrastive", classes), || {
        let model = NoiseContrastive::new(weight(classes), bias(classes), noise.clone())?;
        Ok((model, against(&input, &drawn)))
    });
    Ok(())
}

/// The loss of a batch against noise that is drawn for it.
fn against<L: Loss<f32, Target = WithNoise>, D: Fn(usize) -> WithNoise>(
    input: &Tensor<f32>,
    drawn: &D,
) -> impl FnMut(&L, usize) -> Result<Tensor<f32>> {
    move |model: &L, step: usize| model.forward(&input.requires_grad(), &drawn(step))
}

/// Times steps of a model that is made only where its name is not filtered out.
fn bench<M: Parameters<f32>, F: FnMut(&M, usize) -> Result<Tensor<f32>>>(
    group: &mut Group<'_>,
    (name, classes): (&str, usize),
    make: impl Fn() -> Result<(M, F)>,
) {
    group.bench_function(BenchmarkId::new(name, classes), |bencher| {
        let made = make().and_then(|model| Ok((model, Optimizer::new(Sgd::default(), 0.01)?)));
        let Ok(((mut model, mut loss_of), mut optimizer)) = made else {
            return;
        };
        let mut step = 0;
        bencher.iter(|| {
            step += 1;
            let loss = loss_of(&model, step)?;
            let gradients = loss.backward()?;
            drop(loss);
            black_box(optimizer.step(&mut model, &gradients))
        });
    });
}

fn weight(rows: usize) -> Tensor<f32> {
    Tensor::from_fn([rows, HIDDEN], |place| (place % 97) as f64 * 1e-3 - 0.048)
}

fn bias(rows: usize) -> Tensor<f32> {
    Tensor::zeros([rows])
}

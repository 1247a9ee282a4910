//! Losses with their gradients: of classes, of flags and of numbers.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use limpid_loss::{
    BceWithLogits, CrammerSingerHinge, CrossEntropy, CrossEntropySoft, Focal, Huber, KlDivergence,
    L1, L2, LogCosh, Loss, Mse, MultilabelSoftMargin, Nll, PoissonNll, Quantile, SmoothL1,
    WestonWatkinsHinge,
};
use limpid_tensor::Tensor;

use crate::normal;

pub(crate) fn losses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loss");
    for [items, classes] in [
        [128, 10],
        [128, 1000],
        [4096, 10],
        [4096, 100],
        [64, 50_000],
    ] {
        let logits = normal(&[items, classes], "logits");
        let target: Vec<usize> = (0..items).map(|item| item * 7 % classes).collect();
        let group = &mut group;
        bench(group, &CrossEntropy::new(), &logits, &target);
        if classes == 50_000 {
            continue;
        }
        bench(group, &Focal::new(), &logits, &target);
        bench(group, &CrammerSingerHinge::new(), &logits, &target);
        bench(group, &WestonWatkinsHinge::new(), &logits, &target);
        let (Ok(log), Ok(shares)) = (logits.log_softmax(1), logits.softmax(1)) else {
            continue;
        };
        bench(group, &Nll::new(), &log, &target);
        bench(group, &CrossEntropySoft::new(), &logits, &shares);
        bench(group, &KlDivergence::new(), &log, &shares);
        let flags = logits.detach().relu().tanh();
        bench(group, &BceWithLogits::new(), &logits, &flags);
        bench(group, &MultilabelSoftMargin::new(), &logits, &flags);
        numbers(group, &logits);
    }
    group.finish();
}

fn numbers(group: &mut BenchmarkGroup<'_, WallTime>, prediction: &Tensor<f32>) {
    let target = normal(prediction.shape(), "target");
    bench(group, &Mse::new(), prediction, &target);
    bench(group, &L2::new(), prediction, &target);
    bench(group, &L1::new(), prediction, &target);
    bench(group, &Huber::new(), prediction, &target);
    bench(group, &SmoothL1::new(), prediction, &target);
    bench(group, &LogCosh::new(), prediction, &target);
    bench(group, &Quantile::new(0.3), prediction, &target);
    bench(group, &PoissonNll::new(), prediction, &target.square());
}

fn bench<L: Loss<f32>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    loss: &L,
    prediction: &Tensor<f32>,
    target: &L::Target,
) {
    let prediction = prediction.detach().requires_grad();
    let sizes: Vec<String> = prediction.shape().iter().map(ToString::to_string).collect();
    group.throughput(Throughput::Elements(prediction.len() as u64));
    group.bench_function(BenchmarkId::new(loss.name(), sizes.join("x")), |bencher| {
        bencher.iter(|| {
            let loss = loss.forward(&prediction, target);
            black_box(loss.and_then(|loss| loss.backward()))
        });
    });
}

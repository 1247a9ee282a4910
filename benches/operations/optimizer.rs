//! Updates of one parameter by each rule, and the averages that follow them.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use limpid_optim::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Ema, Lamb, Lion, Muon, Nadam, Optimizer, Radam,
    RmsProp, Rprop, Rule, Sgd,
};
use limpid_tensor::{Gradients, Parameter};

use crate::normal;

const COUNTS: [usize; 3] = [10_000, 1_000_000, 10_000_000];
/// Sides of matrices for rules that multiply them.
const SIDES: [usize; 2] = [100, 1000];

pub(crate) fn updates(criterion: &mut Criterion) {
    let sgd = Sgd::new();
    bench(criterion, "sgd", &sgd);
    bench(criterion, "momentum", &sgd.clone().with_momentum(0.9));
    let nesterov = sgd.with_momentum(0.9).with_nesterov(true);
    bench(criterion, "nesterov", &nesterov);
    bench(criterion, "adam", &Adam::new());
    bench(criterion, "amsgrad", &Adam::new().with_amsgrad(true));
    bench(criterion, "adam_w", &AdamW::new());
    bench(criterion, "adagrad", &Adagrad::new());
    bench(criterion, "adadelta", &Adadelta::new());
    bench(criterion, "rms_prop", &RmsProp::new());
    bench(criterion, "adamax", &Adamax::new());
    bench(criterion, "nadam", &Nadam::new());
    bench(criterion, "radam", &Radam::new());
    bench(criterion, "rprop", &Rprop::new());
    bench(criterion, "lion", &Lion::new());
    bench(criterion, "lamb", &Lamb::new());
    for side in SIDES {
        update(criterion, "muon", &[side, side], &Muon::new());
    }
    averages(criterion);
}

fn bench<R: Rule<f32> + Clone>(criterion: &mut Criterion, name: &str, rule: &R) {
    for count in COUNTS {
        update(criterion, name, &[count], rule);
    }
}

fn update<R: Rule<f32> + Clone>(criterion: &mut Criterion, name: &str, shape: &[usize], rule: &R) {
    let mut group = criterion.benchmark_group("optimizer");
    let mut parameter = Parameter::new(normal(shape, "parameter"));
    // The gradient of a weighted sum is the weights themselves.
    let loss = parameter.mul(&normal(shape, "gradient"));
    let Ok(gradients) = loss.and_then(|loss| loss.sum().backward()) else {
        return;
    };
    let Some(gradient) = gradients.tensor(&parameter) else {
        return;
    };
    let Ok(mut optimizer) = Optimizer::new(rule.clone(), 1e-6) else {
        return;
    };
    group.throughput(Throughput::Elements(parameter.len() as u64));
    let count = parameter.len();
    group.bench_function(BenchmarkId::new(name, count), |bencher| {
        bencher.iter(|| {
            // A changed parameter is a new value, which has no gradient yet.
            let mut gradients = Gradients::default();
            let set = gradients.set(&parameter, gradient.clone());
            black_box(set.and_then(|()| optimizer.step(&mut parameter, &gradients)))
        });
    });
    group.finish();
}

fn averages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("optimizer");
    for count in COUNTS {
        let parameter = Parameter::new(normal(&[count], "parameter"));
        let Ok(mut average) = Ema::new(0.999) else {
            return;
        };
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("ema", count), |bencher| {
            bencher.iter(|| black_box(average.update(&parameter)));
        });
    }
    group.finish();
}

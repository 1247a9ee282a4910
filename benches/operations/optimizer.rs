//! Updates of one parameter by each rule.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use limpid_optim::{Adam, AdamW, Optimizer, RmsProp, Rule, Sgd};
use limpid_tensor::Parameter;

use crate::normal;

const COUNTS: [usize; 3] = [10_000, 1_000_000, 10_000_000];

pub(crate) fn updates(criterion: &mut Criterion) {
    bench(criterion, "sgd", Sgd::default());
    let nesterov = Sgd::default().with_momentum(0.9).with_nesterov(true);
    bench(criterion, "nesterov", nesterov);
    bench(criterion, "rms_prop", RmsProp::default());
    bench(criterion, "adam", Adam::default());
    bench(criterion, "adam_w", AdamW::new());
}

fn bench<R: Rule<f32> + Clone>(criterion: &mut Criterion, name: &str, rule: R) {
    let mut group = criterion.benchmark_group("optimizer");
    for count in COUNTS {
        let mut parameter = Parameter::new(normal(&[count], "parameter"));
        // The gradient of a weighted sum is the weights themselves.
        let loss = parameter.mul(&normal(&[count], "gradient"));
        let Ok(gradients) = loss.and_then(|loss| loss.sum().backward()) else {
            return;
        };
        let Ok(mut optimizer) = Optimizer::new(rule.clone(), 1e-6) else {
            return;
        };
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new(name, count), |bencher| {
            bencher.iter(|| black_box(optimizer.step(&mut parameter, &gradients)));
        });
    }
    group.finish();
}

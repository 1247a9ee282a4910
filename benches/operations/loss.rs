//! Cross-entropy of a softmax, with its gradient.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use limpid_loss::{CrossEntropy, Loss};

use crate::normal;

pub(crate) fn losses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cross_entropy");
    for [items, classes] in [[128, 10], [128, 1000], [64, 50_000]] {
        let logits = normal(&[items, classes], "logits").requires_grad();
        let target: Vec<usize> = (0..items).map(|item| item * 7 % classes).collect();
        group.throughput(Throughput::Elements((items * classes) as u64));
        let shape = format!("{items}x{classes}");
        group.bench_function(BenchmarkId::new("with gradient", shape), |bencher| {
            bencher.iter(|| {
                let loss = CrossEntropy::new().forward(&logits, &target);
                black_box(loss.and_then(|loss| loss.backward()))
            });
        });
    }
    group.finish();
}

//! What recording an operation and walking back over it costs.

use std::hint::black_box;

use criterion::Criterion;
use limpid_tensor::Tensor;

/// The operations of one chain.
const LENGTH: usize = 1000;

pub(crate) fn overhead(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("graph, 1000 operations on a scalar");
    let plain = Tensor::<f32>::scalar(1.0);
    let leaf = plain.requires_grad();
    let chain = |start: &Tensor<f32>| (0..LENGTH).fold(start.clone(), |x, _| x.neg());
    group.bench_function("forward, not recorded", |bencher| {
        bencher.iter(|| black_box(chain(&plain)));
    });
    group.bench_function("forward, recorded", |bencher| {
        bencher.iter(|| black_box(chain(&leaf)))
    });
    group.bench_function("forward and backward", |bencher| {
        bencher.iter(|| black_box(chain(&leaf).backward()));
    });
    group.finish();
}

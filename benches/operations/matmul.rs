//! Matrix products by shape and orientation: forward, and the two of a backward pass.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use limpid_tensor::Result;

use crate::normal;

/// `m`, `k` and `n`: square ones, those of the workloads, and skinny ones.
const SHAPES: [[usize; 3]; 10] = [
    [16, 16, 16],
    [32, 64, 128],
    [32, 128, 512],
    [64, 256, 50_000],
    [128, 512, 10],
    [128, 784, 512],
    [256, 256, 256],
    [1024, 1024, 1024],
    [1, 1024, 1024],
    [4096, 32, 32],
];

pub(crate) fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matmul");
    for [m, k, n] in SHAPES {
        group.throughput(Throughput::Elements((2 * m * k * n) as u64));
        let shape = format!("{m}x{k}x{n}");
        let (left, right) = (normal(&[m, k], "left"), normal(&[k, n], "right"));
        let turned = |rows, columns, label| normal(&[columns, rows], label).transpose(0, 1);
        let operands = || -> Result<_> { Ok((turned(m, k, "left")?, turned(k, n, "right")?)) };
        let Ok((left_turned, right_turned)) = operands() else {
            return;
        };
        for (name, a, b) in [
            ("nn", &left, &right),
            ("nt", &left, &right_turned),
            ("tn", &left_turned, &right),
        ] {
            group.bench_function(BenchmarkId::new(name, &shape), |bencher| {
                bencher.iter(|| black_box(a.matmul(b)));
            });
        }
    }
    group.finish();
}

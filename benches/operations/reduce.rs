//! Sums, means and largest values, along rows, along columns and over all.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};

use crate::normal;

const SHAPES: [[usize; 2]; 3] = [[128, 512], [64, 50_000], [100_000, 32]];

pub(crate) fn reductions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reduce");
    for [rows, columns] in SHAPES {
        let x = normal(&[rows, columns], "x");
        let shape = format!("{rows}x{columns}");
        group.throughput(Throughput::Elements((rows * columns) as u64));
        group.bench_function(BenchmarkId::new("sum", &shape), |bencher| {
            bencher.iter(|| black_box(x.sum()));
        });
        for (name, dim) in [("of columns", 0), ("of rows", 1)] {
            group.bench_function(BenchmarkId::new(format!("sum {name}"), &shape), |bencher| {
                bencher.iter(|| black_box(x.sum_dim(&[dim], false)));
            });
            group.bench_function(
                BenchmarkId::new(format!("amax {name}"), &shape),
                |bencher| {
                    bencher.iter(|| black_box(x.amax(&[dim], false)));
                },
            );
        }
    }
    group.finish();
}

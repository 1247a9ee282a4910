//! Elementwise operations: one by one, and in a chain, forward and backward.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use limpid_tensor::{Result, Tensor};

use crate::normal;

/// Numbers that lie in the second-level cache, and numbers that lie in memory.
const COUNTS: [usize; 2] = [10_000, 10_000_000];

type Operation = fn(&Tensor<f32>) -> Tensor<f32>;

const OPERATIONS: [(&str, Operation); 7] = [
    ("relu", Tensor::relu),
    ("exp", Tensor::exp),
    ("log", Tensor::log),
    ("tanh", Tensor::tanh),
    ("sigmoid", Tensor::sigmoid),
    ("erf", Tensor::erf),
    ("gelu", Tensor::gelu),
];

pub(crate) fn chains(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("elementwise");
    for count in COUNTS {
        group.throughput(Throughput::Elements(count as u64));
        let (x, y) = (normal(&[count], "x"), normal(&[count], "y"));
        let positive = x.square();
        for (name, operation) in OPERATIONS {
            let input = if name == "log" { &positive } else { &x };
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| black_box(operation(input)));
            });
        }
        group.bench_function(BenchmarkId::new("add", count), |bencher| {
            bencher.iter(|| black_box(x.add(&y)));
        });
        let leaf = x.requires_grad();
        let chain = || -> Result<_> {
            let value = leaf.mul(&y)?.add(&y)?.tanh().mul_scalar(0.5).sum();
            value.backward()
        };
        group.bench_function(
            BenchmarkId::new("chain of 5, with gradient", count),
            |bencher| {
                bencher.iter(|| black_box(chain()));
            },
        );
    }
    group.finish();
}

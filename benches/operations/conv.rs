//! Convolutions: forward, and forward with both gradients.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use limpid_tensor::{Convolution, Result, Tensor};

use crate::normal;

/// Batch, channels in, side, channels out, kernel, stride, padding: those of W3 and W4.
/// `peers/conv.py` measures PyTorch's on the same.
const SHAPES: [[usize; 7]; 7] = [
    [64, 1, 28, 32, 3, 1, 0],
    [64, 32, 26, 64, 3, 1, 0],
    [64, 16, 32, 16, 3, 1, 1],
    [64, 16, 32, 32, 3, 2, 1],
    [64, 16, 32, 32, 1, 2, 0],
    [64, 32, 16, 32, 3, 1, 1],
    [64, 64, 8, 64, 3, 1, 1],
];

pub(crate) fn convolutions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conv2d");
    for shape @ [batch, inputs, side, outputs, kernel, stride, padding] in SHAPES {
        let settings = Convolution {
            stride: [stride; 2],
            padding: [[padding; 2]; 2],
            ..Convolution::default()
        };
        let input = normal(&[batch, inputs, side, side], "input");
        let weight = normal(&[outputs, inputs, kernel, kernel], "weight");
        let out = (side + 2 * padding - kernel) / stride + 1;
        let products = 2 * batch * out * out * outputs * inputs * kernel * kernel;
        let name = shape.map(|size| size.to_string()).join("x");
        group.throughput(Throughput::Elements(products as u64));
        group.bench_function(BenchmarkId::new("forward", &name), |bencher| {
            bencher.iter(|| black_box(input.conv2d(&weight, None, &settings)));
        });
        group.throughput(Throughput::Elements(3 * products as u64));
        let (x, w) = (input.requires_grad(), weight.requires_grad());
        let seed = Tensor::ones([batch, outputs, out, out]);
        let both = || -> Result<_> { x.conv2d(&w, None, &settings)?.backward_from(seed.clone()) };
        group.bench_function(BenchmarkId::new("forward and backward", &name), |bencher| {
            bencher.iter(|| black_box(both()));
        });
    }
    group.finish();
}

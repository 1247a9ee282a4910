//! Normalisations in training, with their gradients.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use limpid_nn_layers::{BatchNorm, Context, GroupNorm, InstanceNorm2d, LayerNorm, Module, RmsNorm};
use limpid_tensor::{Result, Stream, Tensor, count};

use crate::normal;

pub(crate) fn norms(criterion: &mut Criterion) {
    for shape in [&[64, 16, 32, 32][..], &[64, 64, 8, 8]] {
        let channels = shape[1];
        bench(criterion, "batch_norm", BatchNorm::new(channels), shape);
        bench(criterion, "group_norm", GroupNorm::new(4, channels), shape);
        let instance = InstanceNorm2d::new(channels).map(InstanceNorm2d::with_affine);
        bench(criterion, "instance_norm", instance, shape);
    }
    for [rows, length] in [[2048, 512], [100_000, 32]] {
        let shape = &[rows, length];
        bench(criterion, "layer_norm", LayerNorm::new([length]), shape);
        bench(criterion, "rms_norm", RmsNorm::new([length]), shape);
    }
}

fn bench<M: Module<f32>>(criterion: &mut Criterion, name: &str, layer: Result<M>, shape: &[usize]) {
    let Ok(layer) = layer else { return };
    let input = normal(shape, "input").requires_grad();
    let seed = Tensor::ones(shape);
    let both = || -> Result<_> {
        let mut context = Context::train(Stream::new(0));
        layer
            .forward(&input, &mut context)?
            .backward_from(seed.clone())
    };
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(count(shape) as u64));
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    group.bench_function(
        BenchmarkId::new("with gradient", sizes.join("x")),
        |bencher| {
            bencher.iter(|| black_box(both()));
        },
    );
    group.finish();
}

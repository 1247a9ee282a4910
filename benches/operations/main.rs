//! limpid's operations, one by one: `cargo bench -p limpid-benches`, or `-- conv2d` for those of one group.

mod classes;
mod conv;
mod elementwise;
mod graph;
mod loss;
mod matmul;
mod norm;
mod optimizer;
mod reduce;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use limpid_tensor::{Stream, Tensor};

/// Numbers of a normal distribution, the same in every run.
fn normal(shape: &[usize], label: &str) -> Tensor<f32> {
    Tensor::standard_normal(shape, Stream::new(0).fork(label))
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! {
    name = operations;
    config = short();
    targets = matmul::products, conv::convolutions, elementwise::chains, reduce::reductions, loss::losses, classes::criteria,
        norm::norms, optimizer::updates, graph::overhead
}
criterion_main!(operations);

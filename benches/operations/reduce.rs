//! What becomes of rows, of columns, of middle dimensions, of several at once and of all: sums, means, variances, extremes and their
//! places, softmax and its kin, in both element types, by one thread and by two.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use limpid_tensor::{Element, Result, Stream, Tensor, count, threads};

/// A reduction over one dimension or several.
type Reduction<E> = fn(&Tensor<E>, &[isize]) -> Result<Tensor<E>>;

/// What takes one dimension.
type Single<E> = fn(&Tensor<E>, isize);

/// What is reduced: a shape, and the dimensions.
const OVER: [(&[usize], &[isize]); 14] = [
    (&[1_000_000, 2], &[1]),
    (&[400_000, 5], &[1]),
    (&[200_000, 10], &[1]),
    (&[100_000, 32], &[1]),
    (&[50_000, 64], &[1]),
    (&[20_000, 100], &[1]),
    (&[4_096, 512], &[1]),
    (&[64, 50_000], &[1]),
    (&[100_000, 32], &[0]),
    (&[64, 50_000], &[0]),
    (&[64, 512, 64], &[1]),
    (&[20_000, 10, 10], &[1]),
    (&[64, 32, 32, 32], &[0, 2, 3]),
    (&[64, 32, 32, 32], &[1, 3]),
];

fn kinds<E: Element>() -> [(&'static str, Reduction<E>); 5] {
    [
        ("sum", |x, dim| x.sum_dim(dim, false)),
        ("mean", |x, dim| x.mean_dim(dim, false)),
        ("var", |x, dim| x.var(dim, 1.0, false)),
        ("amax", |x, dim| x.amax(dim, false)),
        ("logsumexp", |x, dim| x.logsumexp(dim, false)),
    ]
}

/// What takes one dimension only.
fn single<E: Element>() -> [(&'static str, Single<E>); 5] {
    [
        ("argmax", |x, dim| {
            black_box(x.argmax(dim).ok());
        }),
        ("softmax", |x, dim| {
            black_box(x.softmax(dim).ok());
        }),
        ("log_softmax", |x, dim| {
            black_box(x.log_softmax(dim).ok());
        }),
        ("softmax with gradient", |x, dim| {
            let y = x.clone().requires_grad().softmax(dim);
            black_box(y.and_then(|y| y.backward_from(x.clone())).ok());
        }),
        ("log_softmax with gradient", |x, dim| {
            let y = x.clone().requires_grad().log_softmax(dim);
            black_box(y.and_then(|y| y.backward_from(x.clone())).ok());
        }),
    ]
}

fn numbers<E: Element>(shape: &[usize]) -> Tensor<E> {
    Tensor::standard_normal(shape, Stream::new(0).fork("x"))
}

fn of<E: Element>(criterion: &mut Criterion, element: &str) {
    for number in [1, 2] {
        let mut group = criterion.benchmark_group(format!("reduce {element}, {number} threads"));
        for (shape, dims) in OVER {
            let x = numbers::<E>(shape);
            let place = format!("{shape:?} over {dims:?}");
            group.throughput(Throughput::Elements(count(shape) as u64));
            for (name, reduction) in kinds::<E>() {
                group.bench_function(BenchmarkId::new(name, &place), |bencher| {
                    threads::with(number, || {
                        bencher.iter(|| black_box(reduction(&x, dims)));
                    });
                });
            }
            let &[dim] = dims else { continue };
            for (name, reduction) in single::<E>() {
                group.bench_function(BenchmarkId::new(name, &place), |bencher| {
                    threads::with(number, || bencher.iter(|| reduction(&x, dim)));
                });
            }
        }
        let x = numbers::<E>(&[64, 50_000]);
        group.bench_function("sum/[64, 50000] over all", |bencher| {
            threads::with(number, || bencher.iter(|| black_box(x.sum())));
        });
        let turned = numbers::<E>(&[512, 4_096]).transpose(0, 1);
        if let Ok(turned) = turned {
            for dim in [0, 1] {
                let name = format!("sum/transposed [4096, 512] over [{dim}]");
                group.bench_function(name, |bencher| {
                    threads::with(number, || {
                        bencher.iter(|| black_box(turned.sum_dim(&[dim], false)));
                    });
                });
            }
        }
        group.finish();
    }
}

pub(crate) fn reductions(criterion: &mut Criterion) {
    of::<f32>(criterion, "f32");
    of::<f64>(criterion, "f64");
}

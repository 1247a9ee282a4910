//! Matrix products by shape and orientation: forward, and the two of a backward pass.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use limpid_tensor::{Result, Stream, Tensor};

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matmul");
    for (m, k, n) in [(32, 64, 128), (128, 784, 512), (1024, 1024, 1024)] {
        group.throughput(Throughput::Elements((2 * m * k * n) as u64));
        let shape = format!("{m}x{k}x{n}");
        let random = |rows, columns, label| {
            Tensor::<f32>::standard_normal([rows, columns], Stream::new(0).fork(label))
        };
        let (left, right) = (random(m, k, "left"), random(k, n, "right"));
        let turned = |rows, columns, label| random(columns, rows, label).transpose(0, 1);
        let operands = || -> Result<_> { Ok((turned(m, k, "left")?, turned(k, n, "right")?)) };
        let Ok((left_turned, right_turned)) = operands() else {
            return;
        };
        for (name, a, b) in [
            ("nn", &left, &right),
            ("nt", &left, &right_turned),
            ("tn", &left_turned, &right),
        ] {
            group.bench_with_input(
                BenchmarkId::new(name, &shape),
                &(a, b),
                |bencher, (a, b)| {
                    bencher.iter(|| black_box(a.matmul(b)));
                },
            );
        }
    }
    group.finish();
}

criterion_group!(benches, products);
criterion_main!(benches);

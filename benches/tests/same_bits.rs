//! Every workload gives the same bits whatever the number of threads, and again.

use limpid_benches::workloads::{Sizes, Workload};
use limpid_tensor::{ConvAlgorithm, Result, threads};

/// The bits of some steps' losses: those of a later step depend on every bit of the updates before.
fn losses(workload: Workload, convolution: ConvAlgorithm, count: usize) -> Result<Vec<u64>> {
    threads::with(count, || {
        // Large enough for work to be handed to other threads.
        let sizes = Sizes {
            batch: Some(24),
            convolution,
            ..Sizes::default()
        };
        let mut steps = workload.build::<f32>(sizes)?;
        (0..3).map(|_| Ok(steps.step()?.to_bits())).collect()
    })
}

#[test]
fn the_number_of_threads_does_not_change_a_bit_of_any_workload() {
    for (workload, convolution) in Workload::WAYS {
        let alone = losses(workload, convolution, 1).unwrap();
        for count in [1, 2, 3, 4, 8] {
            assert_eq!(
                losses(workload, convolution, count).unwrap(),
                alone,
                "{workload:?}, {convolution:?}, by {count}"
            );
        }
    }
}

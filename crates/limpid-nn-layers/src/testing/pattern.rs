//! Numbers that PyTorch can be given as well, so that a test needs to write down the results alone.

use limpid_tensor::{Parameters, Tensor, for_each_parameter_mut};

/// The element at `place` of the tensor number `seed`: a tenth of a whole number from -5 to 5.
fn element(place: usize, seed: usize) -> f64 {
    ((place * 7 + seed * 3) % 11) as f64 * 0.1 - 0.5
}

/// The tensor number `seed`.
pub(crate) fn pattern(shape: impl AsRef<[usize]>, seed: usize) -> Tensor<f64> {
    Tensor::from_fn(shape, |place| element(place, seed))
}

/// The module with its parameters filled, the first with the tensor number 0 and so on.
pub(crate) fn filled<M: Parameters<f64>>(mut module: M) -> M {
    let mut seed = 0;
    for_each_parameter_mut(&mut module, |_, parameter| {
        parameter.update(|elements| {
            for (place, value) in elements.iter_mut().enumerate() {
                *value = element(place, seed);
            }
        });
        seed += 1;
    });
    module
}

/// That the first elements of `found` are `expected`, to the twelve places that are written down.
#[track_caller]
pub(crate) fn assert_close(found: &Tensor<f64>, expected: &[f64]) {
    let all = found.to_vec();
    assert!(all.len() >= expected.len(), "{} elements only", all.len());
    for (place, (found, expected)) in all.iter().zip(expected).enumerate() {
        let message = format!("element {place} is {found}, not {expected}");
        assert!((found - expected).abs() < 2e-12, "{message}");
    }
}

//! The moments of a scheme's values against those that it promises.

use limpid_tensor::Stream;

use crate::Initializer;

/// Mean and variance (around 0) of the values that `scheme` gives for `shape`.
pub(crate) fn of(scheme: &dyn Initializer, shape: &[usize]) -> (f64, f64) {
    let values = scheme.draw(shape, Stream::new(17)).unwrap().to_vec();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|x| x * x).sum::<f64>() / count)
}

/// Asserts that 10^6 values have mean 0 and the promised variance `want`, within five standard
/// errors of a normal sample.
pub(crate) fn assert_million(scheme: &dyn Initializer, want: f64) {
    let shape = [1000, 1000];
    let promised = scheme.variance(&shape).unwrap();
    assert!(
        (promised / want - 1.0).abs() < 1e-12,
        "{scheme:?} promises {promised}, not {want}"
    );
    let (mean, variance) = of(scheme, &shape);
    assert!(mean.abs() < 5e-3 * want.sqrt(), "{scheme:?}: mean {mean}");
    let spread = (variance / want - 1.0).abs();
    assert!(
        spread < 5.0 * (2e-6_f64).sqrt(),
        "{scheme:?}: variance {variance}, wanted {want}"
    );
}

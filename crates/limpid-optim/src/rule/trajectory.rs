//! Three steps under gradients that change their signs, for reference values.

use limpid_tensor::{Gradients, Parameter, Tensor};

use super::Rule;
use crate::Optimizer;

/// The weights 1, 0.6, 0.2, ... after steps with the gradients sin(1 + place + 2 step), step from 0.
pub(crate) fn three_steps<R: Rule<f64> + Clone>(
    rule: &R,
    shape: [usize; 2],
    rate: f64,
) -> Vec<f64> {
    let weight = Tensor::from_fn(shape, |place| 1.0 - 0.4 * place as f64);
    let mut weight = Parameter::new(weight);
    let mut optimizer = Optimizer::new(rule.clone(), rate).unwrap();
    for step in 0..3 {
        let gradient = |place: usize| (1.0 + place as f64 + 2.0 * f64::from(step)).sin();
        let mut gradients = Gradients::default();
        gradients
            .set(&weight, Tensor::from_fn(shape, gradient))
            .unwrap();
        optimizer.step(&mut weight, &gradients).unwrap();
    }
    weight.to_vec()
}

/// Requires the same numbers to 13 digits.
pub(crate) fn near(found: &[f64], want: &[f64]) {
    assert_eq!(found.len(), want.len());
    for (place, (found, want)) in found.iter().zip(want).enumerate() {
        assert!(
            (found - want).abs() <= 1e-13 * (1.0 + want.abs()),
            "{place}: {found}, not {want}"
        );
    }
}

//! The backward pass must agree with difference quotients.

use limpid_loss::Loss;
use limpid_nn_layers::Module;
use limpid_tensor::{Result, Tensor};

use super::verdict;
use crate::gradient_check::GradientCheck;
use crate::record::CheckRow;

/// Kinks are set apart by the check, so what is left must agree better than the article's 1e-4 for
/// objectives with kinks.
const TOLERANCE: f64 = 1e-5;

/// Compares the gradients of `model`, in double precision, with centred differences at sampled
/// coordinates of every parameter. Passes below a relative error of 1e-5, away from kinks.
///
/// # Errors
/// What the forward and the backward pass report.
pub fn gradients<M: Module<f64>, L: Loss<f64>>(
    model: &mut M,
    loss: &L,
    input: &Tensor<f64>,
    target: &L::Target,
) -> Result<CheckRow> {
    let report = GradientCheck::default().run(model, loss, input, target)?;
    let checked: usize = report
        .parameters
        .iter()
        .map(|parameter| parameter.checked)
        .sum();
    let kinks: usize = report
        .parameters
        .iter()
        .map(|parameter| parameter.kinks)
        .sum();
    let (path, worst) = match report.worst() {
        Some(worst) => (worst.path.as_str(), worst.worst),
        None => ("", Default::default()),
    };
    let passed = worst.error <= TOLERANCE;
    let detail = if passed {
        format!("{checked} derivatives in f64, {kinks} set apart at kinks")
    } else {
        format!(
            "`{path}`[{}]: the backward pass says {:.6e}, differences say {:.6e}",
            worst.place, worst.analytic, worst.numeric
        )
    };
    let found = match worst.error {
        0.0 => "no more than rounding".to_owned(),
        error => format!("{error:.1e}"),
    };
    Ok(CheckRow::new("gradients", verdict(passed))
        .with_figures(format!("error <= {TOLERANCE:.0e}"), found)
        .with_detail(detail))
}

//! Predictions that are compared with values of the same shape.

use limpid_tensor::{Element, Error, ErrorKind, Result, Tensor, count};

/// What losses of values have in common, inside their `impl Loss`: a model that knows nothing says
/// zero, and a perfect one pays nothing.
macro_rules! loss_of_values {
    ($Element:ident, $name:expr) => {
        $crate::values::loss_of_values!($Element, $name, but_for_the_floor);

        fn floor(&self, _outputs: usize, _target: &limpid_tensor::Tensor<$Element>) -> Option<f64> {
            Some(0.0)
        }
    };
    ($Element:ident, $name:expr, but_for_the_floor) => {
        $crate::values::loss_of_values!($Element, $name, but_for_the_initial_and_the_floor);

        fn expected_initial(
            &self,
            _outputs: usize,
            target: &limpid_tensor::Tensor<$Element>,
        ) -> Option<f64> {
            $crate::uninformed::zeros(self, target)
        }
    };
    ($Element:ident, $name:expr, but_for_the_initial_and_the_floor) => {
        type Target = limpid_tensor::Tensor<$Element>;

        fn name(&self) -> &'static str {
            $name
        }

        fn reduction(&self) -> $crate::Reduction {
            self.reduction
        }

        fn expected_given(
            &self,
            prediction: &limpid_tensor::Tensor<$Element>,
            target: &limpid_tensor::Tensor<$Element>,
        ) -> Option<f64> {
            $crate::uninformed::all_pairs(self, prediction, target)
        }
    };
}
pub(crate) use loss_of_values;

/// prediction - target, of one shape. Broadcasting is refused: `[N, 1]` against `[N]` would
/// compare every prediction with every target.
pub(crate) fn residual<E: Element>(
    operation: &'static str,
    prediction: &Tensor<E>,
    target: &Tensor<E>,
) -> Result<Tensor<E>> {
    check_same_shape(operation, prediction, target)?;
    prediction.sub(target)
}

/// Checks that prediction and target have one shape.
pub(crate) fn check_same_shape<E: Element>(
    operation: &'static str,
    prediction: &Tensor<E>,
    target: &Tensor<E>,
) -> Result<()> {
    if prediction.shape() == target.shape() {
        return Ok(());
    }
    let rule = "prediction and target must have one shape";
    Err(Error::shape(
        operation,
        &[prediction.shape(), target.shape()],
        rule,
    ))
}

/// The sum over everything but dimension 0: one number per example.
pub(crate) fn sum_per_example<E: Element>(
    operation: &'static str,
    terms: &Tensor<E>,
) -> Result<Tensor<E>> {
    let Some((&examples, rest)) = terms.shape().split_first() else {
        let rule = "must have a dimension of examples: [N] or [N, d...]";
        return Err(Error::shape(operation, &[terms.shape()], rule));
    };
    terms.reshape([examples, count(rest)])?.sum_dim(&[1], false)
}

/// Checks that a setting is finite and above 0.
pub(crate) fn check_positive(
    operation: &'static str,
    name: &'static str,
    found: f64,
) -> Result<()> {
    if found.is_finite() && found > 0.0 {
        return Ok(());
    }
    Err(Error::argument(
        operation,
        name,
        "finite and above 0",
        found,
    ))
}

/// Checks that a setting lies in [0, 1].
pub(crate) fn check_share(operation: &'static str, name: &'static str, found: f64) -> Result<()> {
    if (0.0..=1.0).contains(&found) {
        return Ok(());
    }
    Err(Error::argument(operation, name, "in [0, 1]", found))
}

/// Checks that every element of a target is +1 or -1.
pub(crate) fn check_signs<E: Element>(operation: &'static str, target: &Tensor<E>) -> Result<()> {
    check_target(operation, target, "-1 or +1 everywhere", |y| {
        y.abs() == E::one()
    })
}

/// Checks that every element of a target is finite and fits `allowed`, which `expected` describes.
pub(crate) fn check_target<E: Element>(
    operation: &'static str,
    target: &Tensor<E>,
    expected: &'static str,
    allowed: impl Fn(E) -> bool,
) -> Result<()> {
    for &found in target.elements().iter() {
        if !found.is_finite() {
            let (what, found) = ("target".to_owned(), found.double());
            return Err(Error::new(operation, ErrorKind::NotFinite { what, found }));
        }
        if !allowed(found) {
            return Err(Error::argument(operation, "target", expected, found));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod testing {
    use limpid_tensor::{Stream, Tensor, gradient_check};

    use crate::Loss;

    /// Checks the gradients of prediction and target, and that shapes which differ are refused.
    pub(crate) fn compares_values(loss: &impl Loss<f64, Target = Tensor<f64>>) {
        let draw = |seed| Tensor::<f64>::standard_normal([5, 3], Stream::new(seed));
        let function = |x: &[Tensor<f64>]| Ok(loss.forward(&x[0], &x[1])?.sum());
        let worst = gradient_check::check(function, &[draw(1), draw(2)], 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
        let (prediction, target) = (Tensor::<f64>::zeros([3, 1]), Tensor::zeros([3]));
        assert!(loss.forward(&prediction, &target).is_err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_no_row() {
        let (column, row) = (Tensor::<f64>::zeros([3, 1]), Tensor::zeros([3]));
        let error = residual("mse_loss", &column, &row).unwrap_err();
        assert_eq!(
            error.to_string(),
            "mse_loss: shapes [3, 1] and [3]: prediction and target must have one shape"
        );
    }

    #[test]
    fn examples_are_summed_over_all_other_dimensions() {
        let terms = Tensor::<f64>::ones([2, 3, 4]);
        assert_eq!(
            sum_per_example("l2_loss", &terms).unwrap().to_vec(),
            [12.0, 12.0]
        );
        let vector = Tensor::<f64>::ones([2]);
        assert_eq!(
            sum_per_example("l2_loss", &vector).unwrap().to_vec(),
            [1.0, 1.0]
        );
        assert!(sum_per_example("l2_loss", &Tensor::<f64>::scalar(1.0)).is_err());
        let empty = Tensor::<f64>::ones([2, 0]);
        assert_eq!(
            sum_per_example("l2_loss", &empty).unwrap().to_vec(),
            [0.0, 0.0]
        );
    }

    #[test]
    fn settings_and_targets_out_of_range_are_named() {
        for found in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(check_positive("huber_loss", "delta", found).is_err());
        }
        assert!(check_share("distillation", "alpha", 1.1).is_err());
        let target = Tensor::<f64>::full([2], f64::NAN);
        assert!(check_target("mse_loss", &target, "", |_| true).is_err());
        assert!(check_target("mse_loss", &Tensor::<f64>::ones([2]), "", |_| false).is_err());
    }
}

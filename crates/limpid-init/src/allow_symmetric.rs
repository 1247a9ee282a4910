//! Equal units on purpose.

use limpid_tensor::{Result, Stream, Tensor};

use crate::Initializer;

/// What another scheme draws, also where it makes all units of a layer equal, which
/// [`Fill::tensor`](crate::Fill::tensor) refuses otherwise: for the last layer of a branch that is to
/// start as nothing, for a table of positions, for a study of what symmetry does.
///
/// # Source
/// Zero at the end of a branch: Goyal et al. 2017, "Accurate, large minibatch SGD", section 5.1.
///
/// # Example
/// ```
/// use limpid_init::{AllowSymmetric, Constant, Fill};
/// use limpid_tensor::Stream;
///
/// let zero = Constant::zero();
/// let refused = zero.tensor::<f32>(&[4, 3], Stream::new(7)).unwrap_err();
/// assert!(refused.to_string().contains("`AllowSymmetric`"));
///
/// let meant = AllowSymmetric(zero).tensor::<f32>(&[4, 3], Stream::new(7))?;
/// assert_eq!(meant.to_vec(), [0.0; 12]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AllowSymmetric<I>(
    /// The scheme.
    pub I,
);

impl<I: Initializer> Initializer for AllowSymmetric<I> {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        self.0.draw(shape, stream)
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        self.0.variance(shape)
    }

    fn allows_symmetric(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Constant, Fill, Identity, Sparse, Uniform};

    /// Gives every unit the same weights, which differ among themselves.
    #[derive(Debug)]
    struct Copied;

    impl Initializer for Copied {
        fn draw(&self, shape: &[usize], _stream: Stream) -> Result<Tensor<f64>> {
            let width: usize = shape[1..].iter().product();
            Ok(Tensor::from_fn(shape, |place| (place % width) as f64))
        }

        fn variance(&self, _shape: &[usize]) -> Option<f64> {
            None
        }
    }

    fn fills(scheme: &dyn Initializer, shape: &[usize]) -> bool {
        scheme.tensor::<f64>(shape, Stream::new(1)).is_ok()
    }

    #[test]
    fn units_that_would_all_be_equal_are_refused_whatever_the_scheme() {
        for scheme in [
            Arc::new(Constant::zero()) as Arc<dyn Initializer>,
            Arc::new(Constant::new(0.1)),
            Arc::new(Sparse::new(0)),
            Arc::new(Copied),
        ] {
            assert!(!fills(&scheme, &[3, 2]), "{scheme:?}");
            assert!(!fills(&scheme, &[2, 2, 3]), "{scheme:?}");
            assert!(
                fills(&AllowSymmetric(scheme.clone()), &[3, 2]),
                "{scheme:?}"
            );
            let error = scheme.tensor::<f32>(&[3, 2], Stream::new(1)).unwrap_err();
            let want = "initializer: `weight` must be units that differ \
                        (`AllowSymmetric` lets them be equal), found 3 equal ones";
            assert_eq!(error.to_string(), want);
        }
    }

    #[test]
    fn biases_single_units_and_nothing_at_all_may_be_constant() {
        for shape in [&[3][..], &[1, 4], &[0, 4], &[4, 0], &[]] {
            assert!(fills(&Constant::zero(), shape), "{shape:?}");
        }
        assert!(fills(&Identity::default(), &[3, 2]));
        assert!(fills(&Uniform::new(-1.0, 1.0), &[3, 2]));
    }

    #[test]
    fn it_draws_what_the_other_draws() {
        let (plain, meant) = (
            Uniform::new(-1.0, 1.0),
            AllowSymmetric(Uniform::new(-1.0, 1.0)),
        );
        let draw = |scheme: &dyn Initializer| scheme.draw(&[2, 2], Stream::new(3)).unwrap();
        assert_eq!(draw(&plain), draw(&meant));
        assert_eq!(meant.variance(&[2, 2]), plain.variance(&[2, 2]));
    }
}

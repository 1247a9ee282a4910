//! The logistic function and its integral, without overflow on either side.

use limpid_tensor::Element;

/// log(1 + e^x).
pub(crate) fn softplus<E: Element>(x: E) -> E {
    // `max` of Rust drops NaN, but the other term keeps it.
    x.max(E::zero()) + (-x.abs()).exp().ln_1p()
}

/// 1 / (1 + e^-x).
pub(crate) fn sigmoid<E: Element>(x: E) -> E {
    if x >= E::zero() {
        (E::one() + (-x).exp()).recip()
    } else {
        let e = x.exp();
        e / (E::one() + e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_exact() {
        assert_eq!((softplus(1e30_f32), softplus(-1e30_f32)), (1e30, 0.0));
        assert_eq!((sigmoid(1e30_f32), sigmoid(-1e30_f32)), (1.0, 0.0));
        assert!(softplus(f64::NAN).is_nan() && sigmoid(f64::NAN).is_nan());
        assert!(sigmoid(-700.0_f64) > 0.0);
    }
}

//! The softmax of one row of logits, with the logarithm of its divisor.

use limpid_tensor::Element;

/// log(sum_k e^(f_k)) of a row, as its greatest element and what exceeds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSumExp<E> {
    greatest: E,
    excess: E,
}

impl<E: Element> LogSumExp<E> {
    /// -log p of the class with logit `logit`. The difference of the great numbers comes first, so
    /// that the small one is not lost.
    pub(crate) fn surprise(self, logit: E) -> E {
        distance(self.greatest, logit) + self.excess
    }
}

/// greatest - logit; 0 where both are the same infinity.
fn distance<E: Element>(greatest: E, logit: E) -> E {
    if greatest == logit {
        E::zero()
    } else {
        greatest - logit
    }
}

/// Replaces the logits of one row by their softmax.
///
/// A single logit of plus infinity is a probability of 1. Several of them, or nothing but minus
/// infinity, have no softmax: it is NaN.
pub(crate) fn exponentials<E: Element>(row: &mut [E]) -> LogSumExp<E> {
    let greatest = row.iter().fold(E::neg_infinity(), |best, &x| {
        if x > best || x.is_nan() { x } else { best }
    });
    let undefined = greatest.is_infinite() && row.iter().filter(|&&x| x == greatest).count() > 1;
    let shift = if undefined || greatest == E::neg_infinity() {
        E::nan()
    } else {
        greatest
    };
    let mut total = E::zero();
    for x in row.iter_mut() {
        *x = (-distance(shift, *x)).exp();
        total += *x;
    }
    let scale = total.recip();
    for x in row.iter_mut() {
        *x *= scale;
    }
    LogSumExp {
        greatest: shift,
        excess: total.ln(),
    }
}

/// The least of sum_k a_k (-log p_k) over all distributions p, for shares `a` that need not sum
/// to 1.
pub(crate) fn entropy(shares: impl Iterator<Item = f64> + Clone) -> f64 {
    let total: f64 = shares.clone().sum();
    shares
        .filter(|&share| share > 0.0)
        .map(|share| share * (total / share).ln())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_becomes_its_softmax() {
        let mut row = [0.0, 3.0_f64.ln()];
        let log_sum = exponentials(&mut row);
        assert!((row[0] - 0.25).abs() < 1e-15 && (row[1] - 0.75).abs() < 1e-15);
        assert!((log_sum.surprise(0.0) - 4.0_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn rows_without_a_softmax_are_not_numbers() {
        for row in [[f64::INFINITY; 2], [f64::NEG_INFINITY; 2], [0.0, f64::NAN]] {
            let mut probabilities = row;
            exponentials(&mut probabilities);
            assert!(probabilities[0].is_nan(), "{row:?}");
        }
    }

    #[test]
    fn entropy_is_greatest_for_even_shares() {
        assert!((entropy([0.5, 0.5].into_iter()) - 2.0_f64.ln()).abs() < 1e-15);
        assert!((entropy([1.0, 1.0].into_iter()) - 2.0 * 2.0_f64.ln()).abs() < 1e-15);
        assert_eq!(entropy([1.0, 0.0].into_iter()), 0.0);
    }
}

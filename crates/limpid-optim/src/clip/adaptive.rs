//! Gradients measured against the weights that they change, unit by unit.

use limpid_tensor::{Element, Gradient, Tensor};

use super::square;
use crate::sweep::sum_of_squares;

/// The gradient of `parameter` with each unit's part at most `ratio` times as long as the unit.
pub(crate) fn shortened<E: Element>(
    parameter: &Tensor<E>,
    gradient: &Gradient<E>,
    ratio: f64,
    eps: f64,
) -> Gradient<E> {
    let weights = parameter.elements();
    let factor = |weights: &[E], square: f64| {
        let most = ratio * sum_of_squares(weights).sqrt().max(eps);
        let length = square.sqrt();
        (length > most).then(|| E::of(most / length))
    };
    let &[rows, _, ..] = parameter.shape() else {
        return match factor(&weights, square(gradient)) {
            Some(factor) => gradient.times(factor),
            None => gradient.clone(),
        };
    };
    let width = weights.len() / rows.max(1);
    gradient.map_rows(|row, part| {
        if let Some(factor) = factor(&weights[row * width..][..width], sum_of_squares(part)) {
            part.iter_mut().for_each(|element| *element *= factor);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::Rows;

    fn weights() -> Tensor<f64> {
        // Rows of the norms 5, 0 and 10.
        Tensor::from_vec(vec![3.0, 4.0, 0.0, 0.0, 10.0, 0.0], [3, 2]).unwrap()
    }

    fn near(found: &Gradient<f64>, want: &[f64]) {
        let found = found.to_dense().to_vec();
        let close = found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(
            close && found.len() == want.len(),
            "{found:?}, not {want:?}"
        );
    }

    #[test]
    fn units_are_measured_one_by_one() {
        let gradient = Tensor::from_vec(vec![0.0, 2.0, 3.0, 4.0, 0.5, 0.5], [3, 2]).unwrap();
        let found = shortened(&weights(), &gradient.into(), 0.1, 1.0);
        // 2 becomes 0.5; 5 becomes 0.1, as eps stands for the norm; 0.7 stays below 1.
        near(&found, &[0.0, 0.5, 0.06, 0.08, 0.5, 0.5]);
        let filters = weights().reshape([3, 1, 2]).unwrap();
        let gradient = Tensor::from_vec(vec![0.0, 2.0, 0.0, 0.0, 0.0, 0.0], [3, 1, 2]).unwrap();
        near(
            &shortened(&filters, &gradient.into(), 0.1, 1.0),
            &[0.0, 0.5, 0.0, 0.0, 0.0, 0.0],
        );
    }

    #[test]
    fn a_vector_is_one_unit() {
        let bias = Tensor::from_vec(vec![3.0, 4.0], [2]).unwrap();
        let gradient = Tensor::from_vec(vec![6.0, 8.0], [2]).unwrap();
        near(&shortened(&bias, &gradient.into(), 0.1, 1e-3), &[0.3, 0.4]);
        let zeros = Tensor::<f64>::zeros([2]);
        near(
            &shortened(&zeros, &zeros.clone().into(), 0.1, 1e-3),
            &[0.0, 0.0],
        );
    }

    #[test]
    fn rows_of_a_table_stay_rows() {
        let values = Tensor::from_vec(vec![1.0, 0.0, 1.0, 0.0, 0.1, 0.0], [3, 2]).unwrap();
        let rows = Rows::new(&[3, 2], vec![0, 0, 2], values).unwrap();
        let found = shortened(&weights(), &Gradient::Rows(rows), 0.1, 1e-3);
        assert!(matches!(&found, Gradient::Rows(rows) if rows.touched() == [0, 2]));
        near(&found, &[0.5, 0.0, 0.0, 0.0, 0.1, 0.0]);
    }
}

//! Rows or columns at right angles.

use limpid_tensor::{Error, Result, Stream, Tensor, count};

use crate::Initializer;

/// A random matrix whose rows (or columns, where there are fewer) have length `gain` and stand at
/// right angles to each other, evenly distributed over all such matrices. Kernels are flattened:
/// `[out, in * kernel]`.
///
/// # Source
/// Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
/// networks"; `torch.nn.init.orthogonal_`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orthogonal {
    /// The factor for the activation that follows; at least 0. The default is 1.
    pub gain: f64,
}

impl Orthogonal {
    /// With the factor `gain`.
    pub fn new(gain: f64) -> Self {
        Self { gain }
    }
}

impl Default for Orthogonal {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Initializer for Orthogonal {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        if !(self.gain >= 0.0 && self.gain.is_finite()) {
            return Err(Error::argument(
                "orthogonal",
                "gain",
                "finite and at least 0",
                self.gain,
            ));
        }
        let [rows, inputs @ ..] = shape else {
            return Err(Error::shape(
                "orthogonal",
                &[shape],
                "must be [out, in, ...]",
            ));
        };
        if inputs.is_empty() {
            return Err(Error::shape(
                "orthogonal",
                &[shape],
                "must be [out, in, ...]",
            ));
        }
        let columns = count(inputs);
        let (few, many) = (*rows.min(&columns), *rows.max(&columns));
        let basis = orthonormal(few, many, stream);
        let matrix = Tensor::from_vec(basis, [few, many])?.mul_scalar(self.gain);
        let matrix = if *rows <= columns {
            matrix
        } else {
            matrix.transpose(0, 1)?
        };
        matrix.reshape(shape)
    }

    /// gain^2 / max(rows, columns).
    fn variance(&self, shape: &[usize]) -> Option<f64> {
        let (rows, inputs) = shape.split_first()?;
        Some(self.gain * self.gain / (*rows.max(&count(inputs))).max(1) as f64)
    }
}

/// `few` orthonormal vectors of length `many`: Gram-Schmidt over normal draws. The draws' direction
/// is even over the sphere, so the result is even over all orthonormal systems.
fn orthonormal(few: usize, many: usize, stream: Stream) -> Vec<f64> {
    let mut vectors = Tensor::<f64>::standard_normal([few, many], stream).to_vec();
    for index in 0..few {
        let (before, rest) = vectors.split_at_mut(index * many);
        let vector = &mut rest[..many];
        // Twice is enough: the second pass removes what rounding left (Kahan, Parlett).
        for _ in 0..2 {
            for other in before.chunks_exact(many) {
                let along = dot(vector, other);
                for (own, &other) in vector.iter_mut().zip(other) {
                    *own -= along * other;
                }
            }
            let length = dot(vector, vector).sqrt();
            vector.iter_mut().for_each(|value| *value /= length);
        }
    }
    vectors
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_gram(matrix: &Tensor<f64>, size: usize, square: f64) {
        let gram = matrix.matmul(&matrix.transpose(0, 1).unwrap()).unwrap();
        let want = Tensor::<f64>::eye(size).mul_scalar(square);
        for (got, want) in gram.to_vec().into_iter().zip(want.to_vec()) {
            assert!(f64::abs(got - want) < 1e-13, "{got} {want}");
        }
    }

    #[test]
    fn the_fewer_of_rows_and_columns_are_orthogonal() {
        let wide = Orthogonal::default()
            .draw(&[30, 80], Stream::new(1))
            .unwrap();
        assert_gram(&wide, 30, 1.0);
        let tall = Orthogonal::new(2.0)
            .draw(&[80, 30], Stream::new(1))
            .unwrap();
        assert_gram(&tall.transpose(0, 1).unwrap(), 30, 4.0);
        let kernel = Orthogonal::default()
            .draw(&[6, 2, 3, 3], Stream::new(1))
            .unwrap();
        assert_gram(&kernel.flatten(1, -1).unwrap(), 6, 1.0);
    }

    #[test]
    fn the_mean_square_is_the_promised_variance() {
        let scheme = Orthogonal::new(3.0);
        let mean_square = scheme
            .draw(&[40, 50], Stream::new(2))
            .unwrap()
            .square()
            .mean();
        let promised = scheme.variance(&[40, 50]).unwrap();
        assert!((mean_square.item().unwrap() / promised - 1.0).abs() < 1e-12);
    }

    #[test]
    fn signs_are_even() {
        let first = |seed| {
            Orthogonal::default()
                .draw(&[2, 2], Stream::new(seed))
                .unwrap()
                .to_vec()
        };
        let draws: Vec<_> = (0..400).map(first).collect();
        for place in 0..4 {
            let positive = draws.iter().filter(|draw| draw[place] > 0.0).count();
            assert!((140..260).contains(&positive), "{place}: {positive}");
        }
    }

    #[test]
    fn vectors_are_refused() {
        let error = Orthogonal::default()
            .draw(&[4], Stream::new(1))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "orthogonal: shape [4]: must be [out, in, ...]"
        );
    }
}

//! A fixed number of connections to each unit.

use limpid_tensor::{Error, Result, Stream, Tensor, count};
use rand_distr::{Distribution, StandardNormal};

use crate::Initializer;

/// Each unit (row of the weight) has exactly `nonzero` incoming connections, at places drawn
/// without repetition, normal with standard deviation `std`; all others are 0.
///
/// # Source
/// Martens 2010, "Deep learning via Hessian-free optimization", section 5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sparse {
    /// Connections into each unit: at most the fan in.
    pub nonzero: usize,
    /// The standard deviation of a connection; above 0. The default is 0.01.
    pub std: f64,
}

impl Sparse {
    /// `nonzero` connections a unit, with standard deviation 0.01.
    pub fn new(nonzero: usize) -> Self {
        Self { nonzero, std: 0.01 }
    }

    /// The same, with another standard deviation.
    #[must_use]
    pub fn with_std(self, std: f64) -> Self {
        Self { std, ..self }
    }
}

impl Initializer for Sparse {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        let Self { nonzero, std } = *self;
        if !(std > 0.0 && std.is_finite()) {
            return Err(Error::argument("sparse", "std", "finite and above 0", std));
        }
        let [rows, inputs @ ..] = shape else {
            return Err(Error::shape("sparse", &[shape], "must be [out, in, ...]"));
        };
        let width = count(inputs);
        if shape.len() < 2 || nonzero > width {
            let rule = format!("must be [out, in, ...] with at least {nonzero} connections a unit");
            return Err(Error::shape("sparse", &[shape], rule));
        }
        let mut generator = stream.generator();
        let mut data = vec![0.0; rows * width];
        let mut places: Vec<usize> = (0..width).collect();
        for row in data.chunks_exact_mut(width.max(1)) {
            // The first steps of a Fisher-Yates shuffle draw places without repetition.
            for step in 0..nonzero {
                let other = step + (generator.unit() * (width - step) as f64) as usize;
                places.swap(step, other);
                row[places[step]] = loop {
                    let draw: f64 = StandardNormal.sample(&mut generator);
                    // In single precision a tiny draw could round to 0, and be no connection.
                    if draw.abs() > 1e-6 {
                        break std * draw;
                    }
                };
            }
        }
        Tensor::from_vec(data, shape)
    }

    /// std^2 times the share of connections that are there.
    fn variance(&self, shape: &[usize]) -> Option<f64> {
        let width = count(shape.get(1..)?);
        Some(self.std * self.std * self.nonzero as f64 / width.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments;

    #[test]
    fn each_unit_has_the_same_number_of_connections() {
        let weight = Sparse::new(15)
            .draw(&[50, 10, 2, 2], Stream::new(3))
            .unwrap();
        let weight = weight.to_vec();
        for row in weight.chunks(40) {
            assert_eq!(row.iter().filter(|&&x| x != 0.0).count(), 15);
        }
        let mut used = [0_usize; 40];
        for (place, _) in weight.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            used[place % 40] += 1;
        }
        assert!(
            used.iter().all(|&times| times > 0),
            "every place is drawn at times: {used:?}"
        );
    }

    #[test]
    fn the_spread_is_that_of_the_whole_weight() {
        let scheme = Sparse::new(100).with_std(0.5);
        let promised = scheme.variance(&[1000, 1000]).unwrap();
        assert!((promised - 0.025).abs() < 1e-15);
        let (mean, variance) = moments::of(&scheme, &[1000, 1000]);
        assert!(
            mean.abs() < 1e-3 && (variance / promised - 1.0).abs() < 0.03,
            "{variance}"
        );
    }

    #[test]
    fn more_connections_than_inputs_are_refused() {
        let error = Sparse::new(5).draw(&[3, 4], Stream::new(1)).unwrap_err();
        let want =
            "sparse: shape [3, 4]: must be [out, in, ...] with at least 5 connections a unit";
        assert_eq!(error.to_string(), want);
    }
}

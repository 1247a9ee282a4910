//! Independent draws from an interval.

use limpid_tensor::{Error, Result, Stream, Tensor};

use crate::Initializer;

/// Even draws from `[low, high)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    /// The lower end.
    pub low: f64,
    /// The upper end, not below the lower.
    pub high: f64,
}

impl Uniform {
    /// Even draws from `[low, high)`.
    pub fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }
}

impl Initializer for Uniform {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        let (low, high) = (self.low, self.high);
        if !(low <= high && low.is_finite() && high.is_finite()) {
            let found = format!("[{low}, {high})");
            return Err(Error::argument(
                "uniform",
                "low, high",
                "finite and in order",
                found,
            ));
        }
        Ok(Tensor::uniform(shape, low, high, stream))
    }

    /// (low^2 + low high + high^2) / 3, the mean square.
    fn variance(&self, _shape: &[usize]) -> Option<f64> {
        Some((self.low * self.low + self.low * self.high + self.high * self.high) / 3.0)
    }
}

/// Even draws with mean 0 and standard deviation `std`.
pub(crate) fn of_spread(
    scheme: &'static str,
    std: f64,
    shape: &[usize],
    stream: Stream,
) -> Result<Tensor<f64>> {
    if !(std >= 0.0 && std.is_finite()) {
        return Err(Error::argument(scheme, "std", "finite and at least 0", std));
    }
    let bound = 3.0_f64.sqrt() * std;
    Ok(Tensor::uniform(shape, -bound, bound, stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments;

    #[test]
    fn a_million_draws_have_the_promised_moments() {
        moments::assert_million(&Uniform::new(-0.3, 0.3), 0.03);
        let (mean, square) = moments::of(&Uniform::new(1.0, 2.0), &[1000, 1000]);
        assert!((mean - 1.5).abs() < 2e-3 && (square - 7.0 / 3.0).abs() < 5e-3);
    }

    #[test]
    fn every_draw_lies_in_the_interval() {
        let values = Uniform::new(-0.05, 0.1)
            .draw(&[100, 100], Stream::new(2))
            .unwrap();
        assert!(values.to_vec().iter().all(|x| (-0.05..0.1).contains(x)));
    }

    #[test]
    fn an_interval_the_wrong_way_round_is_refused() {
        let error = Uniform::new(1.0, 0.0)
            .draw(&[2], Stream::new(1))
            .unwrap_err();
        let want = "uniform: `low, high` must be finite and in order, found [1, 0)";
        assert_eq!(error.to_string(), want);
    }
}

//! Spread sqrt(2 / (fan in + fan out)): a compromise between activations and gradients.

use limpid_tensor::{Error, Result, Stream, Tensor};

use crate::{Fan, FanMode, Initializer, normal, uniform};

/// Normal draws with standard deviation gain * sqrt(2 / (fan in + fan out)).
///
/// # Source
/// Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
/// networks", equation 12; equals `torch.nn.init.xavier_normal_`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct XavierNormal {
    /// The factor for the activation that follows; at least 0. The default is 1.
    pub gain: f64,
}

/// Even draws from -b to b with b = gain * sqrt(6 / (fan in + fan out)).
///
/// # Source
/// Glorot and Bengio 2010, equation 16; equals `torch.nn.init.xavier_uniform_`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct XavierUniform {
    /// The factor for the activation that follows; at least 0. The default is 1.
    pub gain: f64,
}

impl XavierNormal {
    /// With the factor `gain`.
    pub fn new(gain: f64) -> Self {
        Self { gain }
    }
}

impl XavierUniform {
    /// With the factor `gain`.
    pub fn new(gain: f64) -> Self {
        Self { gain }
    }
}

impl Default for XavierNormal {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Default for XavierUniform {
    fn default() -> Self {
        Self::new(1.0)
    }
}

fn variance(gain: f64, shape: &[usize]) -> Result<f64> {
    if !(gain >= 0.0 && gain.is_finite()) {
        return Err(Error::argument(
            "xavier",
            "gain",
            "finite and at least 0",
            gain,
        ));
    }
    Ok(gain * gain / Fan::of(shape)?.connections(FanMode::Average))
}

impl Initializer for XavierNormal {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        normal::scaled(
            "xavier_normal",
            variance(self.gain, shape)?.sqrt(),
            shape,
            stream,
        )
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        variance(self.gain, shape).ok()
    }
}

impl Initializer for XavierUniform {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        uniform::of_spread(
            "xavier_uniform",
            variance(self.gain, shape)?.sqrt(),
            shape,
            stream,
        )
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        variance(self.gain, shape).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments;

    #[test]
    fn a_million_draws_have_the_promised_moments() {
        moments::assert_million(&XavierNormal::default(), 1e-3);
        moments::assert_million(&XavierUniform::new(2.0), 4e-3);
    }

    #[test]
    fn both_fans_count() {
        assert_eq!(
            XavierNormal::default().variance(&[30, 10]),
            Some(1.0 / 20.0)
        );
    }

    #[test]
    fn a_gain_that_is_no_number_is_refused() {
        let error = XavierUniform::new(f64::NAN)
            .draw(&[2, 2], Stream::new(1))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "xavier: `gain` must be finite and at least 0, found NaN"
        );
    }
}

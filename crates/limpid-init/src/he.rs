//! Spread sqrt(2 / fan in): a rectified unit passes on the variance that it receives.

use limpid_tensor::{Error, Result, Stream, Tensor};

use crate::{Fan, FanMode, Initializer, Nonlinearity, normal, uniform};

/// Normal draws with standard deviation gain / sqrt(fan), gain = sqrt(2 / (1 + negative slope^2)).
///
/// # Source
/// He et al. 2015, "Delving deep into rectifiers", equations 10, 14 and 15; equals
/// `torch.nn.init.kaiming_normal_`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeNormal {
    /// The slope below 0 of the rectifier that follows. The default is 0, a plain ReLU.
    pub negative_slope: f64,
    /// Which fan counts. The default is the fan in.
    pub mode: FanMode,
}

/// Even draws from -b to b with b = gain * sqrt(3 / fan); else as [`HeNormal`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeUniform {
    /// The slope below 0 of the rectifier that follows. The default is 0, a plain ReLU.
    pub negative_slope: f64,
    /// Which fan counts. The default is the fan in.
    pub mode: FanMode,
}

/// The settings that both schemes share, changed one at a time.
macro_rules! settings {
    ($($Scheme:ident)*) => {$(
        impl $Scheme {
            /// The same, for a rectifier with this slope below 0.
            #[must_use]
            pub fn with_negative_slope(self, negative_slope: f64) -> Self {
                Self { negative_slope, ..self }
            }

            /// The same, dividing by another fan.
            #[must_use]
            pub fn with_mode(self, mode: FanMode) -> Self {
                Self { mode, ..self }
            }
        }
    )*};
}
settings!(HeNormal HeUniform);

fn variance(negative_slope: f64, mode: FanMode, shape: &[usize]) -> Result<f64> {
    if !negative_slope.is_finite() {
        return Err(Error::argument(
            "he",
            "negative_slope",
            "finite",
            negative_slope,
        ));
    }
    let gain = Nonlinearity::LeakyRelu { negative_slope }.gain();
    Ok(gain * gain / Fan::of(shape)?.connections(mode))
}

impl Initializer for HeNormal {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        let variance = variance(self.negative_slope, self.mode, shape)?;
        normal::scaled("he_normal", variance.sqrt(), shape, stream)
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        variance(self.negative_slope, self.mode, shape).ok()
    }
}

impl Initializer for HeUniform {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        let variance = variance(self.negative_slope, self.mode, shape)?;
        uniform::of_spread("he_uniform", variance.sqrt(), shape, stream)
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        variance(self.negative_slope, self.mode, shape).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments;

    #[test]
    fn a_million_draws_have_the_promised_moments() {
        moments::assert_million(&HeNormal::default(), 2e-3);
        let leaky = HeUniform::default().with_negative_slope(1.0);
        moments::assert_million(&leaky, 1e-3);
    }

    #[test]
    fn the_mode_chooses_the_fan() {
        let variance = |mode| {
            HeNormal::default()
                .with_mode(mode)
                .variance(&[40, 10])
                .unwrap()
        };
        let modes = [FanMode::In, FanMode::Out, FanMode::Average];
        for (mode, want) in modes.into_iter().zip([0.2, 0.05, 0.08]) {
            assert!((variance(mode) - want).abs() < 1e-15, "{mode:?}");
        }
    }

    #[test]
    fn a_slope_that_is_no_number_is_refused() {
        let scheme = HeNormal::default().with_negative_slope(f64::INFINITY);
        let error = scheme.draw(&[2, 2], Stream::new(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "he: `negative_slope` must be finite, found inf"
        );
    }
}

//! Spread 1/sqrt(fan in): a linear unit passes on the variance that it receives.

use limpid_tensor::{Result, Stream, Tensor};

use crate::{Fan, FanMode, Initializer, normal};

/// Normal draws with standard deviation 1 / sqrt(fan in): the article's "1/sqrt(n)", also called
/// scaled normal. Keeps the variance through linear units and suits SELU.
///
/// # Source
/// LeCun et al. 1998, "Efficient backprop", section 4.6.
#[doc(alias = "scaled_normal")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LecunNormal;

impl Initializer for LecunNormal {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        let connections = Fan::of(shape)?.connections(FanMode::In);
        normal::scaled("lecun_normal", connections.sqrt().recip(), shape, stream)
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        Some(Fan::of(shape).ok()?.connections(FanMode::In).recip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments;

    #[test]
    fn a_million_draws_have_the_promised_moments() {
        moments::assert_million(&LecunNormal, 1e-3);
    }

    #[test]
    fn kernels_count_as_connections() {
        assert_eq!(LecunNormal.variance(&[8, 2, 3, 3]), Some(1.0 / 18.0));
        assert_eq!(LecunNormal.variance(&[8]), None);
        assert!(LecunNormal.draw(&[8], Stream::new(1)).is_err());
    }
}

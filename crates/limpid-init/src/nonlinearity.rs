//! What follows a layer, and what its weights should be like for that.

use crate::{HeNormal, Initializer, LecunNormal, XavierNormal};

/// The activation that follows a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Nonlinearity {
    /// None, as after an output layer.
    Linear,
    /// The logistic sigmoid.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The rectified linear unit, or one of its smooth relatives (GELU, SiLU, Mish).
    #[default]
    Relu,
    /// A rectifier that leaks.
    LeakyRelu {
        /// The slope below 0.
        negative_slope: f64,
    },
    /// The scaled exponential linear unit.
    Selu,
}

impl Nonlinearity {
    /// The factor by which weights must be larger than a linear layer's to keep the variance.
    ///
    /// | activation | gain |
    /// | --- | --- |
    /// | none, sigmoid | 1 |
    /// | tanh | 5/3 |
    /// | ReLU | sqrt(2) |
    /// | leaky ReLU | sqrt(2 / (1 + slope^2)) |
    /// | SELU | 3/4 |
    ///
    /// # Source
    /// `torch.nn.init.calculate_gain`.
    pub fn gain(self) -> f64 {
        match self {
            Self::Linear | Self::Sigmoid => 1.0,
            Self::Tanh => 5.0 / 3.0,
            Self::Relu => std::f64::consts::SQRT_2,
            Self::LeakyRelu { negative_slope } => {
                (2.0 / (1.0 + negative_slope * negative_slope)).sqrt()
            }
            Self::Selu => 0.75,
        }
    }

    /// The scheme that suits a layer before this activation: He for rectifiers, Xavier with the
    /// gain for sigmoid and tanh, LeCun for SELU and for none.
    pub fn initializer(self) -> Box<dyn Initializer> {
        match self {
            Self::Linear | Self::Selu => Box::new(LecunNormal),
            Self::Sigmoid | Self::Tanh => Box::new(XavierNormal::new(self.gain())),
            Self::Relu => Box::new(HeNormal::default()),
            Self::LeakyRelu { negative_slope } => {
                Box::new(HeNormal::default().with_negative_slope(negative_slope))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, Tensor};

    #[test]
    fn the_chosen_scheme_has_the_gain_of_the_activation() {
        let variance = |it: Nonlinearity| it.initializer().variance(&[100, 100]).unwrap() * 100.0;
        assert!((variance(Nonlinearity::Relu) - 2.0).abs() < 1e-12);
        assert!((variance(Nonlinearity::Tanh) - 25.0 / 9.0).abs() < 1e-12);
        let leaky = Nonlinearity::LeakyRelu {
            negative_slope: 0.5,
        };
        assert!((variance(leaky) - 1.6).abs() < 1e-12);
        assert!((variance(Nonlinearity::Linear) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn ten_rectified_layers_keep_the_mean_square() {
        let mut x = Tensor::<f64>::standard_normal([64, 256], Stream::new(1));
        for layer in 0..10_u64 {
            let scheme = Nonlinearity::Relu.initializer();
            let weight = scheme
                .draw(&[256, 256], Stream::new(2).fork(layer))
                .unwrap();
            x = x.relu().matmul(&weight.transpose(0, 1).unwrap()).unwrap();
        }
        let mean_square = x.square().mean().item().unwrap();
        assert!((0.5..2.0).contains(&mean_square), "{mean_square}");
    }
}

//! Activations with fixed settings.

use limpid_tensor::{Element, Result, Tensor};

use crate::{Context, Module, Parameters};

/// x above 0, `negative_slope` * x below: a rectifier that cannot die.
///
/// See [`Tensor::leaky_relu`].
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
pub struct LeakyRelu {
    /// The slope below 0. The default is 0.01.
    pub negative_slope: f64,
}

/// x above 0, `alpha` * (e^x - 1) below.
///
/// See [`Tensor::elu`].
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
pub struct Elu {
    /// Minus the value that is approached on the left. The default is 1.
    pub alpha: f64,
}

/// log(1 + e^(beta x)) / beta, a smooth rectifier.
///
/// See [`Tensor::softplus`].
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
pub struct Softplus {
    /// How sharp the bend is; not 0. The default is 1.
    pub beta: f64,
}

/// x cut to `[min_val, max_val]`.
///
/// See [`Tensor::hardtanh`].
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
pub struct HardTanh {
    /// The lowest value. The default is -1.
    pub min_val: f64,
    /// The highest value. The default is 1.
    pub max_val: f64,
}

impl LeakyRelu {
    /// With this slope below 0.
    pub fn new(negative_slope: f64) -> Self {
        Self { negative_slope }
    }
}

impl Elu {
    /// Approaches -`alpha` on the left.
    pub fn new(alpha: f64) -> Self {
        Self { alpha }
    }
}

impl Softplus {
    /// With this sharpness.
    pub fn new(beta: f64) -> Self {
        Self { beta }
    }
}

impl HardTanh {
    /// Cut to `[min_val, max_val]`.
    pub fn new(min_val: f64, max_val: f64) -> Self {
        Self { min_val, max_val }
    }
}

impl Default for LeakyRelu {
    fn default() -> Self {
        Self::new(0.01)
    }
}

impl Default for Elu {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Default for Softplus {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Default for HardTanh {
    fn default() -> Self {
        Self::new(-1.0, 1.0)
    }
}

impl<E: Element> Module<E> for LeakyRelu {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(input.leaky_relu(self.negative_slope))
    }
}

impl<E: Element> Module<E> for Elu {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(input.elu(self.alpha))
    }
}

impl<E: Element> Module<E> for Softplus {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(input.softplus(self.beta))
    }
}

impl<E: Element> Module<E> for HardTanh {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(input.hardtanh(self.min_val, self.max_val))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;

    fn holds<M: Module<f64>>(module: impl Fn() -> M, at_minus_two: f64) {
        let input = Tensor::from_vec(vec![-4.1, -0.6, 0.4, 1.7], [4]).unwrap();
        check_module(|_| Ok(module()), &input, &[4]).unwrap();
        let got = module()
            .predict(&Tensor::scalar(-2.0))
            .unwrap()
            .item()
            .unwrap();
        assert!(
            (got - at_minus_two).abs() < 1e-6,
            "{} of -2 is {got}",
            module().kind()
        );
    }

    #[test]
    fn the_contract_and_the_value_at_minus_two_hold() {
        holds(|| LeakyRelu::new(0.25), -0.5);
        holds(LeakyRelu::default, -0.02);
        holds(|| Elu::new(0.5), -0.432_332_4);
        holds(Softplus::default, 0.126_928);
        holds(|| HardTanh::new(-0.5, 0.7), -0.5);
    }
}

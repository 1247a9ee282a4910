//! Activations without settings.

use limpid_tensor::{Element, Result, Tensor};

use crate::{Context, Module, Parameters};

/// Defines modules that run one operation of the tensor.
macro_rules! plain {
    ($($(#[$doc:meta])* $Name:ident => $operation:ident;)*) => {$(
        $(#[$doc])*
        ///
        #[doc = concat!("See [`Tensor::", stringify!($operation), "`].")]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Parameters)]
        pub struct $Name;

        impl<E: Element> Module<E> for $Name {
            fn forward(
                &self,
                input: &Tensor<E>,
                _context: &mut Context<'_, E>,
            ) -> Result<Tensor<E>> {
                Ok(input.$operation())
            }
        }
    )*};
}

plain! {
    /// min(max(0, x), 6).
    Relu6 => relu6;
    /// The scaled exponential linear unit, which drives activations to mean 0 and variance 1.
    Selu => selu;
    /// x * sigmoid(x), also called swish.
    Silu => silu;
    /// x * tanh(softplus(x)).
    Mish => mish;
    /// x / (1 + |x|).
    Softsign => softsign;
    /// The logistic sigmoid, 1 / (1 + e^-x). Saturates on both sides.
    Sigmoid => sigmoid;
    /// The hyperbolic tangent. Saturates on both sides.
    Tanh => tanh;
    /// log(sigmoid(x)).
    LogSigmoid => log_sigmoid;
    /// A sigmoid in three straight pieces.
    HardSigmoid => hardsigmoid;
    /// x * hardsigmoid(x).
    HardSwish => hardswish;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;

    fn holds<M: Module<f64>>(module: impl Fn() -> M, at_one: f64) {
        let input = Tensor::from_vec(vec![-4.1, -2.3, -0.6, 0.4, 1.7, 4.2], [2, 3]).unwrap();
        check_module(|_| Ok(module()), &input, &[2, 3]).unwrap();
        let got = module()
            .predict(&Tensor::scalar(1.0))
            .unwrap()
            .item()
            .unwrap();
        assert!(
            (got - at_one).abs() < 1e-6,
            "{} of 1 is {got}",
            module().kind()
        );
    }

    #[test]
    fn the_contract_and_the_value_at_one_hold() {
        holds(|| Relu6, 1.0);
        holds(|| Selu, 1.050_701);
        holds(|| Silu, 0.731_058_6);
        holds(|| Mish, 0.865_098_4);
        holds(|| Softsign, 0.5);
        holds(|| Sigmoid, 0.731_058_6);
        holds(|| Tanh, 0.761_594_2);
        holds(|| LogSigmoid, -0.313_261_7);
        holds(|| HardSigmoid, 2.0 / 3.0);
        holds(|| HardSwish, 2.0 / 3.0);
    }

    #[test]
    fn they_serve_both_element_types() {
        assert_eq!(
            Relu6
                .predict(&Tensor::<f32>::scalar(-1.0))
                .unwrap()
                .item()
                .unwrap(),
            0.0
        );
        assert_eq!(
            Relu6
                .predict(&Tensor::<f64>::scalar(2.0))
                .unwrap()
                .item()
                .unwrap(),
            2.0
        );
    }
}

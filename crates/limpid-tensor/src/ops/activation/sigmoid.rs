//! Activations that saturate, and their logarithms.

use crate::ops::elementwise::elementwise;
use crate::{Element, Elementwise, Saved, Tensor, math};

elementwise! {
    /// The logistic sigmoid, 1 / (1 + e^-x). Saturates on both sides.
    sigmoid: Sigmoid<E>, saves Output;
    value(x) = math::sigmoid(x);
    backward(y, gradient) = gradient * y * (E::one() - y);
}

elementwise! {
    /// The hyperbolic tangent. Saturates on both sides.
    tanh: Tanh<E>, saves Output;
    value(x) = math::tanh(x);
    backward(y, gradient) = gradient * (E::one() - y * y);
}

elementwise! {
    /// log(sigmoid(x)), finite for every finite x.
    log_sigmoid: LogSigmoid<E>, saves Input;
    value(x) = -math::softplus(-x);
    backward(x, gradient) = gradient * math::sigmoid(-x);
}

elementwise! {
    /// x / (1 + |x|). NaN at both infinities.
    softsign: Softsign<E>, saves Input;
    value(x) = x / (E::one() + x.abs());
    backward(x, gradient) = {
        let scale = E::one() + x.abs();
        // The numerator is 1, or NaN where the value is.
        gradient * ((scale - x.abs()) / scale) / scale
    };
}

/// Where softplus becomes a straight line.
const SOFTPLUS_THRESHOLD: f64 = 20.0;

struct Softplus<E> {
    beta: E,
}

impl<E: Element> Elementwise<E> for Softplus<E> {
    const NAME: &'static str = "softplus";
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        let scaled = self.beta * x;
        if scaled > E::of(SOFTPLUS_THRESHOLD) {
            x
        } else {
            math::softplus(scaled) / self.beta
        }
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        let scaled = self.beta * x;
        if scaled > E::of(SOFTPLUS_THRESHOLD) {
            gradient
        } else {
            gradient * math::sigmoid(scaled)
        }
    }
}

impl<E: Element> Tensor<E> {
    /// log(1 + e^(beta x)) / beta, a smooth relu; finite for every finite x. `beta` above 0,
    /// usually 1. Where beta x exceeds 20 it is x itself, as in PyTorch: 2e-9 / beta off, and its
    /// gradient 1.
    #[must_use]
    pub fn softplus(&self, beta: f64) -> Self {
        self.apply(Softplus { beta: E::of(beta) })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, gradient_check};

    #[test]
    fn every_gradient_agrees_with_differences() {
        type Operation = fn(&Tensor<f64>) -> Tensor<f64>;
        let operations: [(&str, Operation); 5] = [
            ("sigmoid", |x| x.sigmoid()),
            ("tanh", |x| x.tanh()),
            ("log_sigmoid", |x| x.log_sigmoid()),
            ("softsign", |x| x.softsign()),
            ("softplus", |x| x.softplus(2.0)),
        ];
        let x = Tensor::from_vec(vec![-3.0, -0.4, 0.3, 2.5], [4]).unwrap();
        for (name, operation) in operations {
            let function = |x: &[Tensor<f64>]| Ok(operation(&x[0]).square().sum());
            let worst = gradient_check::check(function, std::slice::from_ref(&x), 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{name}: {worst:?}");
        }
    }

    #[test]
    fn softplus_is_straight_beyond_its_threshold() {
        let x = Tensor::<f64>::from_vec(vec![10.5, 9.5], [2]).unwrap();
        let x = x.requires_grad();
        let y = x.softplus(2.0);
        let gradient = y.sum().backward().unwrap().tensor(&x).unwrap().to_vec();
        assert_eq!((y.to_vec()[0], gradient[0]), (10.5, 1.0));
        assert!(y.to_vec()[1] > 9.5 && gradient[1] < 1.0);
    }

    #[test]
    fn extreme_inputs_stay_finite_and_nan_stays_nan() {
        let x = Tensor::<f32>::from_vec(vec![-1e30, -1e3, 1e3, 1e30], [4]).unwrap();
        assert_eq!(x.sigmoid().to_vec(), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(x.log_sigmoid().to_vec(), [-1e30, -1e3, 0.0, 0.0]);
        assert_eq!(x.softplus(1.0).to_vec(), [0.0, 0.0, 1e3, 1e30]);
        let nan = Tensor::<f32>::scalar(f64::NAN);
        for y in [
            nan.sigmoid(),
            nan.log_sigmoid(),
            nan.softplus(1.0),
            nan.softsign(),
            nan.tanh(),
        ] {
            assert!(y.item().unwrap().is_nan());
        }
    }
}

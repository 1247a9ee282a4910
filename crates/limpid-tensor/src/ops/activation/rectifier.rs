//! Activations that are linear in pieces, and their smooth relatives below zero.

use crate::layout::broadcast_shapes;
use crate::ops::elementwise::elementwise;
use crate::ops::pairwise::pairwise_gradients;
use crate::{Backward, Element, Elementwise, Error, InputGradients, Result, Saved, Tensor, math};

elementwise! {
    /// The rectified linear unit, max(0, x). The gradient at 0 is 0. NaN stays NaN.
    ///
    /// # Source
    /// Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".
    relu: Relu<E>, saves Output;
    value(x) = if x <= E::zero() { E::zero() } else { x };
    backward(y, gradient) = if y <= E::zero() { E::zero() } else { gradient };
}

elementwise! {
    /// min(max(0, x), 6). The gradient at 0, at 6 and at NaN is 0.
    relu6: Relu6<E>, saves Output;
    value(x) = if x <= E::zero() { E::zero() } else if x > E::of(6.0) { E::of(6.0) } else { x };
    backward(y, gradient) = if (y > E::zero()) & (y < E::of(6.0)) { gradient } else { E::zero() };
}

elementwise! {
    /// The scaled exponential linear unit: scale * x above 0, scale * alpha * (e^x - 1) below, with
    /// the constants that keep mean 0 and variance 1.
    ///
    /// # Source
    /// Klambauer et al. 2017, "Self-normalizing neural networks", equation 2.
    selu: Selu<E>, saves Output;
    value(x) = if x <= E::zero() {
        E::of(SELU_SCALE * SELU_ALPHA) * math::exp_m1(x)
    } else {
        E::of(SELU_SCALE) * x
    };
    backward(y, gradient) = if y > E::zero() {
        gradient * E::of(SELU_SCALE)
    } else {
        gradient * (y + E::of(SELU_SCALE * SELU_ALPHA))
    };
}

const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

elementwise! {
    /// A sigmoid in three straight pieces: 0 below -3, 1 above 3, x/6 + 1/2 between. The gradient
    /// at -3 and 3 is 0. Between, it is 1/6 in single precision for both element types, as PyTorch
    /// has it (2.15): in f64 that is 1/6 to eight digits.
    hardsigmoid: HardSigmoid<E>, saves Input;
    value(x) = {
        let shifted = x + E::of(3.0);
        (if shifted < E::zero() {
            E::zero()
        } else if shifted > E::of(6.0) {
            E::of(6.0)
        } else {
            shifted
        }) / E::of(6.0)
    };
    backward(x, gradient) = if x > E::of(-3.0) && x < E::of(3.0) {
        gradient * E::of(f64::from(1.0_f32 / 6.0))
    } else {
        E::zero()
    };
}

elementwise! {
    /// x * hardsigmoid(x). NaN at -infinity and a NaN gradient at NaN, as PyTorch has it.
    ///
    /// # Source
    /// Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
    hardswish: HardSwish<E>, saves Input;
    value(x) = if x <= E::of(-3.0) {
        x * E::zero()
    } else if x >= E::of(3.0) {
        x
    } else {
        x * (x + E::of(3.0)) / E::of(6.0)
    };
    backward(x, gradient) = if x <= E::of(-3.0) {
        E::zero()
    } else if x >= E::of(3.0) {
        gradient
    } else {
        gradient * (x / E::of(3.0) + E::of(0.5))
    };
}

struct LeakyRelu<E> {
    negative_slope: E,
}

impl<E: Element> Elementwise<E> for LeakyRelu<E> {
    const NAME: &'static str = "leaky_relu";
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        let below = x * self.negative_slope;
        if x > E::zero() { x } else { below }
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        let below = gradient * self.negative_slope;
        if x > E::zero() { gradient } else { below }
    }
}

struct Elu<E> {
    alpha: E,
}

impl<E: Element> Elementwise<E> for Elu<E> {
    const NAME: &'static str = "elu";
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        let below = self.alpha * math::exp_m1(x);
        if x <= E::zero() { below } else { x }
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        let below = gradient * self.alpha * math::exp(x);
        if x > E::zero() { gradient } else { below }
    }
}

struct HardTanh<E> {
    min: E,
    max: E,
}

impl<E: Element> Elementwise<E> for HardTanh<E> {
    const NAME: &'static str = "hardtanh";
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        let Self { min, max } = *self;
        let x = if x < min { min } else { x };
        if x > max { max } else { x }
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        let Self { min, max } = *self;
        if (x > min) & (x < max) {
            gradient
        } else {
            E::zero()
        }
    }
}

struct PreluBackward<E: Element> {
    input: Tensor<E>,
    weight: Tensor<E>,
}

impl<E: Element> Backward<E> for PreluBackward<E> {
    fn name(&self) -> &'static str {
        "prelu"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        pairwise_gradients(
            &self.input,
            &self.weight,
            &gradient,
            inputs,
            |x, weight, g| if x > E::zero() { g } else { g * weight },
            |x, _, g| if x > E::zero() { E::zero() } else { g * x },
        )
    }
}

impl<E: Element> Tensor<E> {
    /// x above 0, `negative_slope` * x below. The gradient at 0 is `negative_slope`.
    ///
    /// # Source
    /// Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic models".
    #[must_use]
    pub fn leaky_relu(&self, negative_slope: f64) -> Self {
        self.apply(LeakyRelu {
            negative_slope: E::of(negative_slope),
        })
    }

    /// x above 0, `weight` * x below, with a learned `weight`: one for all, one for each channel of
    /// dimension 1, or of a shape that broadcasts to that of x. The gradient at 0 is the weight's.
    ///
    /// # Shapes
    /// `self`: `[N, C, ...]` or any with one weight; `weight`: `[]`, `[1]`, `[C]`, or one that
    /// broadcasts.
    ///
    /// # Errors
    /// A shape error when the weights are neither one nor one a channel, and do not broadcast.
    ///
    /// # Source
    /// He et al. 2015, "Delving deep into rectifiers", equation 1.
    pub fn prelu(&self, weight: &Tensor<E>) -> Result<Self> {
        let channels = if self.rank() >= 2 { self.shape()[1] } else { 1 };
        let mut aligned = weight.shape().to_vec();
        if weight.rank() <= 1 && weight.len() == 1 {
            aligned.clear();
        } else if aligned == [channels] {
            // `[C]` is laid along dimension 1: `[C, 1, ...]` broadcasts from the end.
            aligned.extend(std::iter::repeat_n(1, self.rank().saturating_sub(2)));
        } else if broadcast_shapes("prelu", self.shape(), weight.shape())
            .map_or(true, |it| *it != *self.shape())
        {
            let rule = format!("must be 1 weight, 1 for each of {channels} channels, or broadcast");
            return Err(Error::shape("prelu", &[weight.shape(), self.shape()], rule));
        }
        let weight = weight.reshape(&aligned)?;
        let value =
            self.zip_broadcast(
                &weight,
                "prelu",
                |x, weight| {
                    if x > E::zero() { x } else { weight * x }
                },
            )?;
        Ok(value.recorded(&[self, &weight], || PreluBackward {
            input: self.contiguous(),
            weight: weight.detach(),
        }))
    }

    /// The exponential linear unit: x above 0, `alpha` * (e^x - 1) below.
    ///
    /// # Source
    /// Clevert et al. 2016, "Fast and accurate deep network learning by exponential linear units".
    #[must_use]
    pub fn elu(&self, alpha: f64) -> Self {
        self.apply(Elu {
            alpha: E::of(alpha),
        })
    }

    /// x cut to `[min_val, max_val]`. The gradient at both ends and at NaN is 0.
    #[must_use]
    pub fn hardtanh(&self, min_val: f64, max_val: f64) -> Self {
        self.apply(HardTanh {
            min: E::of(min_val),
            max: E::of(max_val),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, gradient_check};

    fn away_from_kinks() -> Tensor<f64> {
        let values = vec![-4.0, -2.9, -0.7, 0.2, 1.1, 2.9, 4.0, 7.0];
        Tensor::from_vec(values, [2, 4]).unwrap()
    }

    #[test]
    fn every_gradient_agrees_with_differences() {
        type Operation = fn(&Tensor<f64>) -> Tensor<f64>;
        let operations: [(&str, Operation); 8] = [
            ("relu", |x| x.relu()),
            ("relu6", |x| x.relu6()),
            ("selu", |x| x.selu()),
            ("hardsigmoid", |x| x.hardsigmoid()),
            ("hardswish", |x| x.hardswish()),
            ("leaky_relu", |x| x.leaky_relu(0.2)),
            ("elu", |x| x.elu(0.7)),
            ("hardtanh", |x| x.hardtanh(-1.0, 1.0)),
        ];
        for (name, operation) in operations {
            let function = |x: &[Tensor<f64>]| Ok(operation(&x[0]).square().sum());
            let worst = gradient_check::check(function, &[away_from_kinks()], 1e-6).unwrap();
            assert!(worst.error < 1e-6, "{name}: {worst:?}");
        }
    }

    #[test]
    fn prelu_learns_one_weight_or_one_a_channel() {
        for weights in [1, 4] {
            let weight = Tensor::<f64>::from_fn([weights], |place| 0.1 + place as f64 * 0.3);
            let function = |x: &[Tensor<f64>]| Ok(x[0].prelu(&x[1])?.square().sum());
            let worst =
                gradient_check::check(function, &[away_from_kinks(), weight], 1e-6).unwrap();
            assert!(worst.error < 1e-6, "{weights}: {worst:?}");
        }
        let error = away_from_kinks().prelu(&Tensor::ones([3])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "prelu: shapes [3] and [2, 4]: must be 1 weight, 1 for each of 4 channels, or broadcast"
        );
        assert!(away_from_kinks().prelu(&Tensor::ones([5, 2, 4])).is_err());
    }

    #[test]
    fn prelu_takes_weights_that_broadcast() {
        for shape in [&[2, 4][..], &[2, 1]] {
            let weight = Tensor::<f64>::from_fn(shape, |place| 0.1 + place as f64 * 0.3);
            let function = |x: &[Tensor<f64>]| Ok(x[0].prelu(&x[1])?.square().sum());
            let worst =
                gradient_check::check(function, &[away_from_kinks(), weight], 1e-6).unwrap();
            assert!(worst.error < 1e-6, "{shape:?}: {worst:?}");
        }
        let x = Tensor::<f64>::full([2, 3, 4], -1.0);
        let weight = Tensor::from_fn([4], |place| place as f64);
        assert_eq!(
            x.prelu(&weight).unwrap().to_vec()[..4],
            [-0.0, -1.0, -2.0, -3.0]
        );
    }

    #[test]
    fn relu_gradient_at_zero_is_zero_and_nan_stays() {
        let x = Tensor::<f64>::from_vec(vec![0.0, f64::NAN, 2.0], [3])
            .unwrap()
            .requires_grad();
        let y = x.relu();
        assert!(y.to_vec()[1].is_nan());
        let gradient = y.sum().backward().unwrap().tensor(&x).unwrap().to_vec();
        assert_eq!((gradient[0], gradient[2]), (0.0, 1.0));
    }
}

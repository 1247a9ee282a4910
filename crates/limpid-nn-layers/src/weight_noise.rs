//! Noise on weights in training.

use limpid_tensor::{
    Element, Parameter, Parameters, Path, Result, Tensor, Visitor, VisitorMut,
    for_each_parameter_mut, named_parameters,
};

use crate::noise::deviation;
use crate::{Context, Module};

/// The layer inside, but in training its weights carry normal noise with mean 0 and standard
/// deviation `std`, drawn anew for every pass; in evaluation it is the layer.
///
/// Weights are the parameters of two dimensions or more: biases and gains stay as they are. The
/// gradient at the noisy weights goes to the weights. Paths are those of the layer inside, so a
/// state fits with the noise and without it.
///
/// Where the loss has a flat minimum the noise costs little: it is, to second order, a penalty on
/// the squared gradient of the output by the weights.
///
/// # Source
/// Jim, Giles and Horne 1996, "An analysis of noise in recurrent neural networks", for additive noise
/// in every pass; Goodfellow et al. 2016, "Deep learning", section 7.5, for the penalty.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Context, Linear, Module, WeightNoise};
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = WeightNoise::new(Linear::<f32>::new(4, 2, Stream::new(1))?, 0.1)?;
/// let input = Tensor::ones([1, 4]);
/// let plain = layer.predict(&input)?;
/// assert_eq!(plain, layer.layer.predict(&input)?);
/// assert_ne!(plain, layer.forward(&input, &mut Context::train(Stream::new(7)))?);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WeightNoise<M> {
    /// The layer inside.
    pub layer: M,
    std: f64,
}

impl<M> WeightNoise<M> {
    /// Noise of standard deviation `std`, at least 0, in the unit of the weights.
    ///
    /// # Errors
    /// An argument error when `std` is negative or not finite.
    pub fn new(layer: M, std: f64) -> Result<Self> {
        Ok(Self {
            layer,
            std: deviation("weight_noise", std)?,
        })
    }

    /// The standard deviation.
    pub fn std(&self) -> f64 {
        self.std
    }

    /// The layer with noise on its weights, or nothing where the pass wants none.
    fn noisy<E: Element>(&self, context: &mut Context<'_, E>) -> Result<Option<M>>
    where
        M: Module<E> + Clone,
    {
        if !context.is_noisy() || self.std == 0.0 {
            return Ok(None);
        }
        let stream = context.stream();
        let mut layer = self.layer.clone();
        let mut outcome = Ok(());
        for_each_parameter_mut(&mut layer, |path, parameter| {
            if outcome.is_err() || parameter.rank() < 2 {
                return;
            }
            let noise = Tensor::standard_normal(parameter.shape(), stream.fork(path));
            match parameter.read_through(|weight| weight.add(&noise.mul_scalar(self.std))) {
                Ok(noisy) => *parameter = noisy,
                Err(error) => outcome = Err(error.at(path)),
            }
        });
        outcome.map(|()| Some(layer))
    }
}

impl<E: Element, M: Module<E> + Clone> Module<E> for WeightNoise<M> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        match self.noisy(context)? {
            Some(layer) => layer.forward(input, context),
            None => self.layer.forward(input, context),
        }
    }

    fn differs_in_training(&self) -> bool {
        let is_weight = |(_, parameter): &(String, &Parameter<E>)| parameter.rank() >= 2;
        self.layer.differs_in_training()
            || self.std > 0.0 && named_parameters(&self.layer).iter().any(is_weight)
    }

    fn forward_relu(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        match self.noisy(context)? {
            Some(layer) => layer.forward_relu(input, context),
            None => self.layer.forward_relu(input, context),
        }
    }
}

impl<E: Element, M: Parameters<E>> Parameters<E> for WeightNoise<M> {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>) {
        self.layer.visit(path, visitor);
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>) {
        self.layer.visit_mut(path, visitor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use crate::{BatchNorm, Conv2d, Linear};
    use limpid_tensor::{Stream, set_trainable};

    #[test]
    fn the_contract_holds_around_every_kind_of_weight() {
        let input = Tensor::standard_normal([5, 3], Stream::new(1));
        let linear = |stream| WeightNoise::new(Linear::new(3, 2, stream)?, 0.3);
        check_module(linear, &input, &[5, 2]).unwrap();
        check_module(linear, &Tensor::zeros([0, 3]), &[0, 2]).unwrap();
        let norm = |_| WeightNoise::new(BatchNorm::new(3)?, 0.3);
        check_module(norm, &input, &[5, 3]).unwrap();
        let input = Tensor::standard_normal([2, 3, 3, 3], Stream::new(1));
        let conv = |stream| WeightNoise::new(Conv2d::new(3, 2, [2, 2], stream)?, 0.3);
        check_module(conv, &input, &[2, 2, 2, 2]).unwrap();
    }

    #[test]
    fn the_noise_has_its_spread_changes_each_pass_and_leaves_the_bias() {
        let inner = Linear::<f64> {
            weight: Parameter::new(Tensor::zeros([200, 100])),
            bias: Some(Parameter::new(Tensor::full([200], 5.0))),
        };
        let layer = WeightNoise::new(inner, 0.3).unwrap();
        let mut context = Context::train(Stream::new(1));
        let identity = Tensor::from_fn([100, 100], |place| f64::from(place % 101 == 0));
        let output = layer.forward(&identity, &mut context).unwrap();
        let noise = output.add_scalar(-5.0);
        let square = noise.square().mean().item().unwrap();
        assert!((square / 0.09 - 1.0).abs() < 0.05, "{square}");
        assert_ne!(layer.forward(&identity, &mut context).unwrap(), output);
        let mut quiet = Context::train(Stream::new(1)).without_noise();
        let output = layer.forward(&identity, &mut quiet).unwrap();
        assert!(output.to_vec().iter().all(|&x| x == 5.0));
    }

    #[test]
    fn a_frozen_weight_stays_without_a_gradient() {
        let inner = Linear::<f64>::new(3, 2, Stream::new(1)).unwrap();
        let mut layer = WeightNoise::new(inner, 0.1).unwrap();
        set_trainable(&mut layer, "weight", false);
        let mut context = Context::train(Stream::new(1));
        let output = layer.forward(&Tensor::ones([1, 3]), &mut context).unwrap();
        let gradients = output.sum().backward().unwrap();
        assert!(gradients.tensor(&layer.layer.weight).is_none());
    }

    #[test]
    fn a_negative_spread_is_refused() {
        let error = WeightNoise::new((), -1.0).unwrap_err();
        let want = "weight_noise: `std` must be finite and at least 0, found -1";
        assert_eq!(error.to_string(), want);
    }
}

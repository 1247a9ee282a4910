//! Normalisation over one channel of one item.

use limpid_tensor::{Element, Error, Parameter, Result, Tensor, count};

use super::standardize::{Grouping, channel_shape, scale_and_shift, standardize};
use crate::{Context, Module, Parameters};

/// Brings every channel of every item to mean 0 and variance 1 over its `D` spatial dimensions:
/// (x - mean) / sqrt(var + eps), by the biased variance; where asked for, scaled and shifted after
/// that. The same in training and in evaluation, whatever the batch; no running statistics are kept.
///
/// # Shapes
/// input: `[N, C, ...]` or `[C, ...]` with `D` dimensions behind the channels; weight, bias: `[C]`.
///
/// # Errors
/// A shape error when the input has another rank or number of channels, or a channel has only one
/// number, which has no spread.
///
/// # Source
/// Ulyanov et al. 2016, "Instance normalization"; equals `torch.nn.InstanceNorm1d` and
/// `InstanceNorm2d`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{InstanceNorm1d, Module};
/// use limpid_tensor::Tensor;
///
/// let norm = InstanceNorm1d::<f64>::new(2)?.with_eps(0.0);
/// let input = Tensor::from_vec(vec![1.0, 3.0, 10.0, 0.0], [1, 2, 2])?;
/// assert_eq!(norm.predict(&input)?.to_vec(), [-1.0, 1.0, 1.0, -1.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
pub struct InstanceNorm<E: Element, const D: usize> {
    /// The scale, `[C]`. By default there is none.
    pub weight: Option<Parameter<E>>,
    /// The shift, `[C]`. By default there is none.
    pub bias: Option<Parameter<E>>,
    /// How many channels there are.
    pub num_features: usize,
    /// Added to the variance. The default is 1e-5.
    pub eps: f64,
}

/// Over the length of `[N, C, L]` or `[C, L]`.
pub type InstanceNorm1d<E> = InstanceNorm<E, 1>;
/// Over height and width of `[N, C, H, W]` or `[C, H, W]`.
pub type InstanceNorm2d<E> = InstanceNorm<E, 2>;

impl<E: Element, const D: usize> InstanceNorm<E, D> {
    /// For so many channels; without scale and shift, eps 1e-5.
    ///
    /// # Errors
    /// An argument error when there are no channels.
    pub fn new(num_features: usize) -> Result<Self> {
        if num_features == 0 {
            let name = "num_features";
            return Err(Error::argument("instance_norm", name, "at least 1", 0));
        }
        Ok(Self {
            weight: None,
            bias: None,
            num_features,
            eps: 1e-5,
        })
    }

    /// The same, with a scale of 1 and a shift of 0 to be learned.
    #[must_use]
    pub fn with_affine(self) -> Self {
        Self {
            weight: Some(Parameter::new(Tensor::ones([self.num_features]))),
            bias: Some(Parameter::new(Tensor::zeros([self.num_features]))),
            ..self
        }
    }

    /// The same, with this added to the variance.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }
}

impl<E: Element, const D: usize> Module<E> for InstanceNorm<E, D> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let (shape, channels) = (input.shape(), self.num_features);
        let refused = |rule: String| Err(Error::shape("instance_norm", &[shape], rule));
        let item = match shape.len().checked_sub(D) {
            Some(1) => shape,
            Some(2) => &shape[1..],
            _ => &[],
        };
        let Some((&found, rest)) = item.split_first() else {
            return refused(format!("must be [N, C, ...] or [C, ...] with {D} behind C"));
        };
        if found != channels {
            return refused(format!("must have {channels} channels"));
        }
        if count(rest) == 1 {
            return refused("a channel must have more than one number".to_owned());
        }
        if input.is_empty() {
            return Ok(input.clone());
        }
        let grouping = Grouping {
            outer: 1,
            groups: count(&shape[..shape.len() - D]),
            inner: count(rest),
        };
        let (weight, bias) = (self.weight.as_deref(), self.bias.as_deref());
        let done = standardize(input, grouping, self.eps)?;
        scale_and_shift(done, weight, bias, &channel_shape(channels, D + 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds_in_one_and_two_dimensions() {
        let line = Tensor::standard_normal([2, 3, 4], Stream::new(1));
        check_module(|_| InstanceNorm1d::new(3), &line, &[2, 3, 4]).unwrap();
        let affine = |_| Ok(InstanceNorm1d::new(3)?.with_affine());
        check_module(affine, &line, &[2, 3, 4]).unwrap();
        let image = Tensor::standard_normal([2, 3, 2, 2], Stream::new(1));
        let affine = |_| Ok(InstanceNorm2d::new(3)?.with_affine());
        check_module(affine, &image, &[2, 3, 2, 2]).unwrap();
        let alone = image.narrow(0, 1, 1).unwrap().squeeze(0).unwrap();
        check_module(affine, &alone, &[3, 2, 2]).unwrap();
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_figures_are_those_of_the_reference() {
        let input = Tensor::from_vec(vec![1.0, 2.0, 4.0, 0.0, 3.0, 5.0], [1, 2, 3]).unwrap();
        let close = |norm: &InstanceNorm1d<f64>, input: &Tensor<f64>, want: [f64; 6]| {
            let found = norm.predict(input).unwrap().to_vec();
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-14;
            assert!(found.iter().zip(&want).all(near), "{found:?}");
        };
        let plain = InstanceNorm1d::new(2).unwrap();
        let want = [
            -1.0690415314502977,
            -0.2672603828625746,
            1.3363019143128716,
            -1.2977698322143143,
            0.16222122902678937,
            1.1355486031875253,
        ];
        close(&plain, &input.squeeze(0).unwrap(), want);
        let affine = InstanceNorm1d {
            weight: Some(Parameter::new(
                Tensor::from_vec(vec![1.0, 2.0], [2]).unwrap(),
            )),
            bias: Some(Parameter::new(
                Tensor::from_vec(vec![0.0, 0.5], [2]).unwrap(),
            )),
            ..plain
        };
        let [a, b, c, ..] = want;
        let want = [
            a,
            b,
            c,
            -2.0955396644286286,
            0.8244424580535787,
            2.7710972063750505,
        ];
        close(&affine, &input, want);
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let norm = InstanceNorm1d::<f64>::new(2).unwrap();
        let error = |shape: &[usize]| norm.predict(&Tensor::zeros(shape)).unwrap_err();
        let want = "instance_norm: shape [4, 2, 1]: a channel must have more than one number";
        assert_eq!(error(&[4, 2, 1]).to_string(), want);
        let want = "instance_norm: shape [4, 3, 5]: must have 2 channels";
        assert_eq!(error(&[4, 3, 5]).to_string(), want);
        for shape in [&[0, 2, 3][..], &[3, 2, 0]] {
            assert_eq!(norm.predict(&Tensor::zeros(shape)).unwrap().shape(), shape);
        }
        for shape in [&[2][..], &[], &[1, 2, 3, 4]] {
            assert!(error(shape).to_string().contains("with 1 behind C"));
        }
        assert!(InstanceNorm2d::<f64>::new(0).is_err());
    }
}

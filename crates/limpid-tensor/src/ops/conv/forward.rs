//! Convolution, in one and in two dimensions.

use super::kernels::{Convolution, Geometry, Patches};
use crate::buffers::Storage;
use crate::kernel::channels::Channels;
use crate::layout::Shape;
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

struct ConvBackward<E: Element> {
    input: Tensor<E>,
    weight: Tensor<E>,
    bias: bool,
    geometry: Geometry,
    /// The result, where a rectifier follows.
    rectified: Option<Tensor<E>>,
}

impl<E: Element> Backward<E> for ConvBackward<E> {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let gradient = match &self.rectified {
            Some(output) => gradient.rectified_by(output),
            None => gradient,
        };
        let g = gradient.elements();
        if inputs.wants(0) {
            let data = self.geometry.transposed(&g, &self.weight.elements(), None);
            inputs.add(0, Tensor::new(data, self.input.layout.shape.clone()));
        }
        if inputs.wants(1) {
            let data = self.geometry.weight_gradient(&self.input.elements(), &g);
            inputs.add(1, Tensor::new(data, self.weight.layout.shape.clone()));
        }
        if self.bias && inputs.wants(2) {
            inputs.add(2, bias_gradient(&gradient, &g));
        }
        Ok(())
    }
}

/// The sizes of a convolution of `input` with `weight`.
fn geometry(input: &[usize], weight: &[usize], settings: &Convolution) -> Result<Geometry> {
    settings.check("conv2d")?;
    let refuse = |rule: String| Err(Error::shape("conv2d", &[input, weight], rule));
    let (&[batch, channels, height, width], &[outputs, inputs, down, across]) = (input, weight)
    else {
        return refuse("must be [N, C, H, W] and [out, C / groups, kH, kW]".to_owned());
    };
    let groups = settings.groups;
    if channels != inputs * groups || !outputs.is_multiple_of(groups) {
        return refuse(format!(
            "{channels} channels must be {inputs} for each of {groups} groups, \
             which must divide the {outputs} outputs"
        ));
    }
    let (image, kernel) = ([height, width], [down, across]);
    let mut places = [0; 2];
    for axis in 0..2 {
        let padded = image[axis] + settings.padding[axis].iter().sum::<usize>();
        if kernel[axis] == 0 {
            return refuse("the kernel must have at least one element".to_owned());
        }
        let span = settings.dilation[axis] * (kernel[axis] - 1) + 1;
        let Some(room) = padded.checked_sub(span) else {
            return refuse(format!(
                "the kernel spans {span}, the padded image only {padded}"
            ));
        };
        places[axis] = room / settings.stride[axis] + 1;
    }
    let patches = Patches {
        image,
        kernel,
        places,
        stride: settings.stride,
        lead: settings.padding.map(|[lead, _]| lead),
        dilation: settings.dilation,
    };
    Ok(Geometry {
        batch,
        groups,
        inputs,
        outputs: outputs / groups,
        patches,
        algorithm: settings.algorithm,
    })
}

/// Refuses a bias that does not hold one number for each of `channels`.
pub(super) fn check_bias<E: Element>(
    operation: &'static str,
    bias: Option<&Tensor<E>>,
    channels: usize,
) -> Result<()> {
    match bias {
        Some(bias) if bias.shape() != [channels] => {
            let rule = format!("the bias must hold one number for each of {channels} channels");
            Err(Error::shape(operation, &[bias.shape()], rule))
        }
        _ => Ok(()),
    }
}

/// The gradient of a bias whose result has the gradient `g`, `[N, C, H, W]`.
pub(super) fn bias_gradient<E: Element>(gradient: &Tensor<E>, g: &[E]) -> Tensor<E> {
    let shape = gradient.shape();
    let channels = Channels {
        outer: shape[0],
        channels: shape[1],
        inner: shape[2] * shape[3],
    };
    let sums: Storage<E> = channels.sums(g).into_iter().map(E::of).collect();
    Tensor::new(sums, Shape::from_slice(&shape[1..2]))
}

impl<E: Element> Tensor<E> {
    /// The cross-correlation of images with kernels, which neural networks call convolution:
    /// y(o, p) = sum over c, k of weight(o, c, k) x(c, p stride + k dilation - padding) + bias(o).
    ///
    /// # Shapes
    /// `self`: `[N, C, H, W]` or `[C, H, W]`; `weight`: `[out, C / groups, kH, kW]`; `bias`:
    /// `[out]`; result: `[N, out, H', W']` with
    /// H' = floor((H + padding - dilation (kH - 1) - 1) / stride) + 1.
    ///
    /// # Errors
    /// A shape error when these do not fit or the kernel is larger than the padded image; an
    /// argument error when a setting is 0.
    ///
    /// # Source
    /// Equals `torch.nn.functional.conv2d`.
    pub fn conv2d(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        settings: &Convolution,
    ) -> Result<Self> {
        self.convolved(weight, bias, settings, false)
    }

    /// [`Tensor::relu`] of [`Tensor::conv2d`], bit for bit, without a pass over memory of its own.
    ///
    /// # Errors
    /// As [`Tensor::conv2d`].
    pub fn conv2d_relu(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        settings: &Convolution,
    ) -> Result<Self> {
        self.convolved(weight, bias, settings, true)
    }

    fn convolved(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        settings: &Convolution,
        rectified: bool,
    ) -> Result<Self> {
        if self.rank() == 3 {
            return self
                .unsqueeze(0)?
                .convolved(weight, bias, settings, rectified)?
                .squeeze(0);
        }
        let geometry = geometry(self.shape(), weight.shape(), settings)?;
        let [height, width] = geometry.patches.places;
        let outputs = geometry.groups * geometry.outputs;
        check_bias("conv2d", bias, outputs)?;
        let offsets = bias.map(Self::elements);
        let data = geometry.apply(
            &self.elements(),
            &weight.elements(),
            offsets.as_deref(),
            rectified,
        );
        let value = Self::new(
            data,
            Shape::from_slice(&[geometry.batch, outputs, height, width]),
        );
        let inputs = [self, weight, bias.unwrap_or(weight)];
        let inputs = &inputs[..2 + usize::from(bias.is_some())];
        let output = rectified.then(|| value.clone());
        Ok(value.recorded(inputs, || ConvBackward {
            input: self.detach(),
            weight: weight.detach(),
            bias: bias.is_some(),
            geometry,
            rectified: output,
        }))
    }

    /// [`Tensor::conv2d`] along one dimension; of the settings' pairs the second counts.
    ///
    /// # Shapes
    /// `self`: `[N, C, L]` or `[C, L]`; `weight`: `[out, C / groups, k]`; `bias`: `[out]`; result:
    /// `[N, out, L']`.
    ///
    /// # Errors
    /// As [`Tensor::conv2d`].
    pub fn conv1d(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        settings: &Convolution,
    ) -> Result<Self> {
        if !(2..=3).contains(&self.rank()) || weight.rank() != 3 {
            let rule = "must be [N, C, L] and [out, C / groups, k]";
            return Err(Error::shape(
                "conv1d",
                &[self.shape(), weight.shape()],
                rule,
            ));
        }
        self.unsqueeze(-2)?
            .conv2d(&weight.unsqueeze(-2)?, bias, &settings.across())?
            .squeeze(-2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};

    fn check(input: &[usize], weight: &[usize], settings: Convolution, want: &[usize]) {
        let bias = Tensor::<f64>::standard_normal([weight[0]], Stream::new(3));
        let inputs = [
            Tensor::standard_normal(input, Stream::new(1)),
            Tensor::standard_normal(weight, Stream::new(2)),
            bias,
        ];
        let output = inputs[0]
            .conv2d(&inputs[1], Some(&inputs[2]), &settings)
            .unwrap();
        assert_eq!(output.shape(), want);
        let weights = Tensor::standard_normal(want, Stream::new(4));
        let function = |x: &[Tensor<f64>]| {
            Ok(x[0]
                .conv2d(&x[1], Some(&x[2]), &settings)?
                .mul(&weights)?
                .sum())
        };
        let worst = gradient_check::check(function, &inputs, 1e-4).unwrap();
        assert!(worst.error < 1e-7, "{settings:?}: {worst:?}");
    }

    #[test]
    fn gradients_agree_with_differences_for_every_setting() {
        let plain = Convolution::default();
        check(&[2, 2, 4, 5], &[3, 2, 3, 2], plain, &[2, 3, 2, 4]);
        let strided = Convolution {
            stride: [2, 3],
            padding: [[1, 1], [2, 2]],
            ..plain
        };
        check(&[2, 2, 4, 5], &[3, 2, 3, 2], strided, &[2, 3, 2, 3]);
        let dilated = Convolution {
            dilation: [2, 1],
            padding: [[1, 2], [0, 1]],
            ..plain
        };
        check(&[1, 2, 4, 5], &[3, 2, 3, 2], dilated, &[1, 3, 3, 5]);
        let grouped = Convolution { groups: 2, ..plain };
        check(&[2, 4, 3, 3], &[6, 2, 2, 2], grouped, &[2, 6, 2, 2]);
    }

    #[test]
    fn a_rectifier_along_the_way_changes_no_bit() {
        let x = Tensor::<f32>::standard_normal([5, 3, 9, 11], Stream::new(1)).requires_grad();
        let weight = Tensor::standard_normal([4, 3, 3, 3], Stream::new(2)).requires_grad();
        let bias = Tensor::standard_normal([4], Stream::new(3)).requires_grad();
        let run = |y: Tensor<f32>| {
            let gradients = y.backward_from(y.detach()).unwrap();
            let all = [&x, &weight, &bias].map(|x| gradients.tensor(x).unwrap().to_vec());
            (y.to_vec(), all)
        };
        let settings = Convolution::default();
        let apart = x.conv2d(&weight, Some(&bias), &settings).unwrap().relu();
        let done = x.conv2d_relu(&weight, Some(&bias), &settings).unwrap();
        assert_eq!(run(done), run(apart));
    }

    #[test]
    fn long_batches_give_what_each_item_gives() {
        let x = Tensor::<f64>::standard_normal([35, 2, 4, 4], Stream::new(1));
        let weight = Tensor::standard_normal([3, 2, 3, 3], Stream::new(2));
        let settings = Convolution::default();
        let all = x.conv2d(&weight, None, &settings).unwrap();
        for item in [0, 2, 3, 34] {
            let one = x.narrow(0, item, 1).unwrap().squeeze(0).unwrap();
            let one = one.conv2d(&weight, None, &settings).unwrap();
            assert_eq!(one, all.narrow(0, item, 1).unwrap().squeeze(0).unwrap());
        }
        let none = x
            .narrow(0, 0, 0)
            .unwrap()
            .conv2d(&weight, None, &settings)
            .unwrap();
        assert_eq!(none.shape(), [0, 3, 2, 2]);
    }

    #[test]
    fn one_dimension_is_two_with_a_height_of_one() {
        let x = Tensor::<f64>::from_vec(vec![1.0, 2.0, 4.0, 8.0], [1, 1, 4]).unwrap();
        let weight = Tensor::from_vec(vec![1.0, -1.0], [1, 1, 2]).unwrap();
        let y = x.conv1d(&weight, None, &Convolution::default()).unwrap();
        assert_eq!(
            (y.shape(), y.to_vec()),
            (&[1, 1, 3][..], vec![-1.0, -2.0, -4.0])
        );
    }

    #[test]
    fn same_padding_keeps_the_size_of_odd_and_even_kernels() {
        for kernel in [[3, 3], [2, 5], [1, 4]] {
            let padding = Convolution::same_padding(kernel, [1, 2]);
            let settings = Convolution {
                padding,
                dilation: [1, 2],
                ..Convolution::default()
            };
            let weight = Tensor::<f32>::ones([1, 1, kernel[0], kernel[1]]);
            let y = Tensor::ones([1, 1, 6, 9])
                .conv2d(&weight, None, &settings)
                .unwrap();
            assert_eq!(y.shape(), [1, 1, 6, 9]);
        }
    }

    #[test]
    fn shapes_and_settings_that_do_not_fit_are_named() {
        let settings = Convolution::default();
        let x = Tensor::<f32>::zeros([1, 3, 4, 4]);
        let error = x
            .conv2d(&Tensor::zeros([2, 3, 5, 5]), None, &settings)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "conv2d: shapes [1, 3, 4, 4] and [2, 3, 5, 5]: \
             the kernel spans 5, the padded image only 4"
        );
        assert!(
            x.conv2d(&Tensor::zeros([2, 4, 3, 3]), None, &settings)
                .is_err()
        );
        let weight = Tensor::zeros([2, 3, 3, 3]);
        assert!(
            x.conv2d(&weight, Some(&Tensor::zeros([3])), &settings)
                .is_err()
        );
        let still = Convolution {
            stride: [0, 1],
            ..settings
        };
        assert!(x.conv2d(&weight, None, &still).is_err());
    }
}

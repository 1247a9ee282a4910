//! The transpose of a convolution.

use super::forward::{bias_gradient, check_bias};
use super::kernels::{Convolution, Geometry, Patches};
use crate::layout::Shape;
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

struct ConvTransposeBackward<E: Element> {
    input: Tensor<E>,
    weight: Tensor<E>,
    bias: bool,
    geometry: Geometry,
}

impl<E: Element> Backward<E> for ConvTransposeBackward<E> {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let g = gradient.elements();
        if inputs.wants(0) {
            let data = self
                .geometry
                .apply(&g, &self.weight.elements(), None, false);
            inputs.add(0, Tensor::new(data, self.input.layout.shape.clone()));
        }
        if inputs.wants(1) {
            let data = self.geometry.weight_gradient(&g, &self.input.elements());
            inputs.add(1, Tensor::new(data, self.weight.layout.shape.clone()));
        }
        if self.bias && inputs.wants(2) {
            inputs.add(2, bias_gradient(&gradient, &g));
        }
        Ok(())
    }
}

/// The sizes of the convolution whose transpose leads from `input` to the result.
fn geometry(
    input: &[usize],
    weight: &[usize],
    settings: &Convolution,
    output_padding: [usize; 2],
) -> Result<Geometry> {
    settings.check("conv_transpose2d")?;
    let refuse = |rule: String| Err(Error::shape("conv_transpose2d", &[input, weight], rule));
    let (&[batch, channels, height, width], &[own, outputs, down, across]) = (input, weight) else {
        return refuse("must be [N, C, H, W] and [C, out / groups, kH, kW]".to_owned());
    };
    if channels != own || !channels.is_multiple_of(settings.groups) {
        let groups = settings.groups;
        return refuse(format!(
            "{channels} channels must be the weight's {own} and divide into {groups} groups"
        ));
    }
    let (places, kernel) = ([height, width], [down, across]);
    let mut image = [0; 2];
    for axis in 0..2 {
        if kernel[axis] == 0 || places[axis] == 0 {
            return refuse("kernel and image must have at least one element".to_owned());
        }
        let largest = settings.stride[axis].max(settings.dilation[axis]);
        if output_padding[axis] >= largest {
            let found = format!("{output_padding:?}");
            let expected = "below the stride or the dilation";
            return Err(Error::argument(
                "conv_transpose2d",
                "output_padding",
                expected,
                found,
            ));
        }
        let full = (places[axis] - 1) * settings.stride[axis]
            + settings.dilation[axis] * (kernel[axis] - 1)
            + output_padding[axis]
            + 1;
        let cut = settings.padding[axis].iter().sum::<usize>();
        let Some(length) = full.checked_sub(cut).filter(|&length| length > 0) else {
            return refuse(format!(
                "the padding of {cut} takes away all {full} of the result"
            ));
        };
        image[axis] = length;
    }
    let patches = Patches {
        image,
        kernel,
        places,
        stride: settings.stride,
        lead: settings.padding.map(|[lead, _]| lead),
        dilation: settings.dilation,
    };
    let groups = settings.groups;
    Ok(Geometry {
        batch,
        groups,
        inputs: outputs,
        outputs: channels / groups,
        patches,
        algorithm: settings.algorithm,
    })
}

impl<E: Element> Tensor<E> {
    /// The transpose of [`Tensor::conv2d`]: each element of the image lays its kernel onto the
    /// result, and what overlaps adds up. `output_padding` rows and columns are added below and to
    /// the right, where a stride leaves the size open.
    ///
    /// # Shapes
    /// `self`: `[N, C, H, W]` or `[C, H, W]`; `weight`: `[C, out / groups, kH, kW]`; `bias`:
    /// `[out]`; result: `[N, out, H', W']` with
    /// H' = (H - 1) stride - padding + dilation (kH - 1) + output padding + 1.
    ///
    /// # Errors
    /// A shape error when these do not fit; an argument error when a setting is out of range.
    ///
    /// # Source
    /// Equals `torch.nn.functional.conv_transpose2d`.
    pub fn conv_transpose2d(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        settings: &Convolution,
        output_padding: [usize; 2],
    ) -> Result<Self> {
        if self.rank() == 3 {
            let batch = self.unsqueeze(0)?;
            return batch
                .conv_transpose2d(weight, bias, settings, output_padding)?
                .squeeze(0);
        }
        let geometry = geometry(self.shape(), weight.shape(), settings, output_padding)?;
        let [height, width] = geometry.patches.image;
        let outputs = geometry.groups * geometry.inputs;
        check_bias("conv_transpose2d", bias, outputs)?;
        let offsets = bias.map(Self::elements);
        let data = geometry.transposed(&self.elements(), &weight.elements(), offsets.as_deref());
        let value = Self::new(
            data,
            Shape::from_slice(&[geometry.batch, outputs, height, width]),
        );
        let inputs = [self, weight, bias.unwrap_or(weight)];
        let inputs = &inputs[..2 + usize::from(bias.is_some())];
        Ok(value.recorded(inputs, || ConvTransposeBackward {
            input: self.detach(),
            weight: weight.detach(),
            bias: bias.is_some(),
            geometry,
        }))
    }

    /// [`Tensor::conv_transpose2d`] along one dimension; of each setting the second entry counts.
    ///
    /// # Shapes
    /// `self`: `[N, C, L]` or `[C, L]`; `weight`: `[C, out / groups, k]`; `bias`: `[out]`; result:
    /// `[N, out, L']`.
    ///
    /// # Errors
    /// As [`Tensor::conv_transpose2d`].
    ///
    /// # Source
    /// Equals `torch.nn.functional.conv_transpose1d`.
    pub fn conv_transpose1d(
        &self,
        weight: &Self,
        bias: Option<&Self>,
        settings: &Convolution,
        output_padding: usize,
    ) -> Result<Self> {
        if !(2..=3).contains(&self.rank()) || weight.rank() != 3 {
            let shapes = [self.shape(), weight.shape()];
            let rule = "must be [N, C, L] and [C, out / groups, k]";
            return Err(Error::shape("conv_transpose1d", &shapes, rule));
        }
        let weight = weight.unsqueeze(-2)?;
        self.unsqueeze(-2)?
            .conv_transpose2d(&weight, bias, &settings.across(), [0, output_padding])?
            .squeeze(-2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::scaled;
    use crate::{Stream, gradient_check};

    #[test]
    fn each_element_lays_down_its_kernel() {
        let x = Tensor::<f64>::from_vec(vec![1.0, 2.0], [1, 1, 1, 2]).unwrap();
        let weight = Tensor::from_vec(vec![1.0, 10.0, 100.0], [1, 1, 1, 3]).unwrap();
        let settings = Convolution {
            stride: [1, 2],
            ..Convolution::default()
        };
        let y = x
            .conv_transpose2d(&weight, None, &settings, [0, 1])
            .unwrap();
        assert_eq!(y.shape(), [1, 1, 1, 6]);
        assert_eq!(y.to_vec(), [1.0, 10.0, 102.0, 20.0, 200.0, 0.0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(scaled(400, 6) as u32))]
        #[test]
        fn depthwise_ones_lay_down_each_channel_whatever_padding_crops(
            length in 1_usize..7,
            taps in 1_usize..4,
            stride in 1_usize..5,
            dilation in 1_usize..12,
            padding in [0_usize..9, 0_usize..9],
            output_padding in 0_usize..11,
            seed: u64,
        ) {
            let channels = 2;
            let draw = |shape: [usize; 3], seed| {
                Tensor::<f64>::standard_normal(shape, Stream::new(seed)).requires_grad()
            };
            let x = draw([1, channels, length], seed);
            let weight = draw([channels, 1, taps], seed ^ 1);
            let settings = Convolution {
                stride: [1, stride],
                padding: [[0; 2], padding],
                dilation: [1, dilation],
                groups: channels,
                ..Convolution::default()
            };
            let full = (length - 1) * stride + dilation * (taps - 1) + 1 + output_padding;
            prop_assume!(output_padding < stride.max(dilation) && full > padding[0] + padding[1]);
            let result = full - padding[0] - padding[1];
            let y = x.conv_transpose1d(&weight, None, &settings, output_padding).unwrap();
            let gradients = y.sum().backward().unwrap();
            let mut want = [
                vec![0.0; channels * result],
                vec![0.0; channels * length],
                vec![0.0; channels * taps],
            ];
            let (numbers, factors) = (x.to_vec(), weight.to_vec());
            for channel in 0..channels {
                for (place, tap) in (0..length * taps).map(|it| (it / taps, it % taps)) {
                    let at = (place * stride + tap * dilation).checked_sub(padding[0]);
                    let Some(at) = at.filter(|&at| at < result) else { continue };
                    let (number, factor) = (channel * length + place, channel * taps + tap);
                    want[0][channel * result + at] += numbers[number] * factors[factor];
                    want[1][number] += factors[factor];
                    want[2][factor] += numbers[number];
                }
            }
            let of = |tensor| gradients.tensor(tensor).unwrap().to_vec();
            for (found, want) in [y.to_vec(), of(&x), of(&weight)].iter().zip(&want) {
                let near = found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12);
                prop_assert!(near && found.len() == want.len(), "{found:?} {want:?}");
            }
        }
    }

    #[test]
    fn an_infinite_weight_reaches_what_it_is_laid_on_alone() {
        let x = Tensor::<f32>::ones([1, 1, 1]);
        let weight = Tensor::from_vec(vec![f32::INFINITY, 1.0], [1, 1, 2]).unwrap();
        let settings = Convolution {
            stride: [1, 2],
            ..Convolution::default()
        };
        let y = x.conv_transpose1d(&weight, None, &settings, 0).unwrap();
        assert_eq!(y.to_vec(), [f32::INFINITY, 1.0]);
    }

    #[test]
    fn gradients_agree_with_differences() {
        let settings = Convolution {
            stride: [2, 1],
            padding: [[1, 1], [0, 1]],
            dilation: [1, 2],
            groups: 2,
            ..Convolution::default()
        };
        let inputs = [
            Tensor::<f64>::standard_normal([2, 4, 3, 2], Stream::new(1)),
            Tensor::standard_normal([4, 3, 3, 2], Stream::new(2)),
            Tensor::standard_normal([6], Stream::new(3)),
        ];
        let run = |x: &[Tensor<f64>]| x[0].conv_transpose2d(&x[1], Some(&x[2]), &settings, [1, 0]);
        let weights = Tensor::standard_normal(run(&inputs).unwrap().shape(), Stream::new(4));
        let function = |x: &[Tensor<f64>]| Ok(run(x)?.mul(&weights)?.sum());
        let worst = gradient_check::check(function, &inputs, 1e-4).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn shapes_and_settings_that_do_not_fit_are_named() {
        let x = Tensor::<f32>::zeros([1, 3, 4, 4]);
        let settings = Convolution::default();
        let weight = Tensor::zeros([2, 3, 3, 3]);
        let error = x
            .conv_transpose2d(&weight, None, &settings, [0, 0])
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("3 channels must be the weight's 2"),
            "{error}"
        );
        let weight = Tensor::zeros([3, 2, 3, 3]);
        let error = x
            .conv_transpose2d(&weight, None, &settings, [1, 0])
            .unwrap_err();
        assert!(
            error.to_string().contains("`output_padding` must be below"),
            "{error}"
        );
    }
}

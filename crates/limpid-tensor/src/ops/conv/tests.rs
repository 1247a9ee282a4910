//! Convolutions and their gradients against the definition.

use proptest::prelude::*;

use super::Convolution;
use crate::kernel::scaled;
use crate::{Element, Stream, Tensor, simd, threads};

mod winograd;

/// Calls `visit` with the places in image, weight and result of every product that a convolution is
/// made of.
fn products(
    image: &[usize],
    weight: &[usize],
    result: &[usize],
    settings: &Convolution,
    mut visit: impl FnMut([usize; 3]),
) {
    let place = |shape: &[usize], at: [usize; 4]| {
        ((at[0] * shape[1] + at[1]) * shape[2] + at[2]) * shape[3] + at[3]
    };
    let inputs = weight[1];
    let outputs = weight[0] / settings.groups;
    for item in 0..image[0] {
        for output in 0..weight[0] {
            for (input, row, column) in all([inputs, weight[2], weight[3]]) {
                for (_, y, x) in all([1, result[2], result[3]]) {
                    let coordinate = |axis: usize, place: usize, tap: usize| {
                        let at = place * settings.stride[axis] + tap * settings.dilation[axis];
                        at.checked_sub(settings.padding[axis][0])
                            .filter(|&at| at < image[2 + axis])
                    };
                    let (Some(down), Some(across)) =
                        (coordinate(0, y, row), coordinate(1, x, column))
                    else {
                        continue;
                    };
                    let channel = output / outputs * inputs + input;
                    visit([
                        place(image, [item, channel, down, across]),
                        place(weight, [output, input, row, column]),
                        place(result, [item, output, y, x]),
                    ]);
                }
            }
        }
    }
}

fn all([a, b, c]: [usize; 3]) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}

/// Result, and gradients of input and weight: by the definition, and by the operation.
fn both<E: Element>(
    image: [usize; 4],
    outputs: usize,
    kernel: [usize; 2],
    settings: &Convolution,
) -> Option<[Vec<Vec<E>>; 2]> {
    let weight = [outputs, image[1] / settings.groups, kernel[0], kernel[1]];
    let x = Tensor::<E>::standard_normal(image, Stream::new(1)).requires_grad();
    let w = Tensor::<E>::standard_normal(weight, Stream::new(2)).requires_grad();
    let y = x.conv2d(&w, None, settings).ok()?;
    let g = Tensor::<E>::standard_normal(y.shape(), Stream::new(3));
    let gradients = y.backward_from(g.clone()).unwrap();
    let found = [
        y.to_vec(),
        gradients.tensor(&x).unwrap().to_vec(),
        gradients.tensor(&w).unwrap().to_vec(),
    ];
    let mut want = [vec![0.0; y.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
    let [xs, ws, gs] = [&x, &w, &g].map(|tensor| tensor.cast::<f64>().to_vec());
    products(&image, &weight, y.shape(), settings, |[i, k, o]| {
        want[0][o] += xs[i] * ws[k];
        want[1][i] += ws[k] * gs[o];
        want[2][k] += xs[i] * gs[o];
    });
    let want = want.map(|values| values.into_iter().map(E::of).collect());
    Some([want.to_vec(), found.to_vec()])
}

fn agrees<E: Element>(
    image: [usize; 4],
    outputs: usize,
    kernel: [usize; 2],
    settings: &Convolution,
    tolerance: f64,
) {
    for &level in simd::Level::available() {
        let run = || both::<E>(image, outputs, kernel, settings);
        let Some([want, found]) = simd::with(level, run) else {
            return;
        };
        for (what, (want, found)) in want.iter().zip(&found).enumerate() {
            assert_eq!(want.len(), found.len());
            for (place, (want, found)) in want.iter().zip(found).enumerate() {
                let (want, found) = (want.double(), found.double());
                assert!(
                    (want - found).abs() <= tolerance * (1.0 + want.abs()),
                    "{level:?}, {what} at {place}: {found} for {want}"
                );
            }
        }
    }
}

/// Settings as proptest draws them.
fn drawn(
    stride: (usize, usize),
    dilation: (usize, usize),
    [top, bottom, left, right]: [usize; 4],
    groups: usize,
) -> Convolution {
    Convolution {
        stride: stride.into(),
        padding: [[top, bottom], [left, right]],
        dilation: dilation.into(),
        groups,
        ..Convolution::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(150, 4) as u32))]
    #[test]
    fn every_setting_agrees_with_the_definition(
        (batch, groups, inputs, outputs) in (0_usize..4, 1_usize..3, 1_usize..4, 1_usize..14),
        image in (1_usize..12, 1_usize..40),
        kernel in (1_usize..4, 1_usize..5),
        stride in (1_usize..4, 1_usize..4),
        dilation in (1_usize..3, 1_usize..3),
        padding in [0_usize..5, 0_usize..5, 0_usize..5, 0_usize..5],
    ) {
        let settings = drawn(stride, dilation, padding, groups);
        let image = [batch, groups * inputs, image.0, image.1];
        let kernel = [kernel.0, kernel.1];
        agrees::<f64>(image, groups * outputs, kernel, &settings, 1e-12);
        agrees::<f32>(image, groups * outputs, kernel, &settings, 1e-4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    #[cfg_attr(miri, ignore = "these kernels are for AVX2 and AVX-512, which Miri has not")]
    fn registers_full_of_channels_agree_with_the_definition(
        (batch, groups) in (0_usize..4, 1_usize..3),
        (inputs, outputs) in (1_usize..4, 1_usize..4),
        others in 0_usize..13,
        image in (1_usize..12, 1_usize..40),
        kernel in (1_usize..4, 1_usize..6),
        stride in (1_usize..4, 1_usize..4),
        dilation in (1_usize..3, 1_usize..3),
        padding in [0_usize..5, 0_usize..5, 0_usize..5, 0_usize..5],
    ) {
        let settings = drawn(stride, dilation, padding, groups);
        let kernel = [kernel.0, kernel.1];
        // Sixteen for the gradient of the image; with others, for the result alone.
        let inputs = match others {
            0 => 16 * inputs,
            others => 8 * inputs + others,
        };
        let image = [batch, groups * inputs, image.0, image.1];
        agrees::<f32>(image, groups * outputs * 16, kernel, &settings, 2e-4);
        agrees::<f64>(image, groups * outputs * 8, kernel, &settings, 1e-11);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(100, 3) as u32))]
    #[test]
    fn channels_that_see_one_channel_agree_with_the_definition(
        (batch, groups, outputs) in (0_usize..4, 1_usize..scaled(20, 3), 1_usize..7),
        image in (1_usize..14, 1_usize..scaled(70, 20)),
        kernel in (1_usize..10, 1_usize..8),
        stride in (1_usize..4, 1_usize..4),
        dilation in (1_usize..3, 1_usize..3),
        padding in [0_usize..9, 0_usize..5, 0_usize..9, 0_usize..5],
    ) {
        let settings = drawn(stride, dilation, padding, groups);
        let image = [batch, groups, image.0, image.1];
        let kernel = [kernel.0, kernel.1];
        agrees::<f64>(image, groups * outputs, kernel, &settings, 1e-12);
        agrees::<f32>(image, groups * outputs, kernel, &settings, 1e-4);
    }
}

#[test]
fn long_lines_and_many_channels_agree_with_the_definition() {
    let same = Convolution {
        padding: [[1; 2]; 2],
        ..Convolution::default()
    };
    let side = scaled(32, 9);
    agrees::<f64>(
        [3, scaled(9, 2), side, side],
        scaled(24, 9),
        [3, 3],
        &same,
        1e-11,
    );
    agrees::<f64>(
        [scaled(17, 9), 3, scaled(8, 3), 8],
        scaled(20, 2),
        [3, 3],
        &same,
        1e-11,
    );
    agrees::<f64>([2, 4, 10, 26], 7, [3, 3], &Convolution::default(), 1e-11);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for (batch, stride) in [(1, 1), (5, 2), (scaled(40, 9), 1)] {
        let settings = Convolution {
            padding: [[1; 2]; 2],
            stride: [stride; 2],
            ..Convolution::default()
        };
        let run = |count| {
            threads::with(count, || {
                both::<f32>(
                    [batch, scaled(16, 3), scaled(12, 5), 14],
                    scaled(32, 5),
                    [3, 3],
                    &settings,
                )
            })
            .unwrap()[1]
                .clone()
        };
        let want = run(1);
        for count in [2, 3, 4, 8] {
            assert_eq!(run(count), want, "{count} threads, batch of {batch}");
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit_of_depthwise_convolutions() {
    for (batch, outputs) in [(1, 1), (1, 2), (scaled(9, 2), 2)] {
        // So many that tasks begin between channels that see the same plane.
        let channels = scaled(80, 6);
        let settings = Convolution {
            padding: [[1; 2]; 2],
            groups: channels,
            ..Convolution::default()
        };
        let side = scaled(40, 6);
        let image = [batch, channels, side, side];
        let run = |count| {
            let run = || both::<f32>(image, outputs * channels, [5, 3], &settings);
            threads::with(count, run).unwrap()[1].clone()
        };
        let want = run(1);
        for count in [2, 3, 8] {
            assert_eq!(run(count), want, "{count} threads, batch of {batch}");
        }
    }
}

#[test]
fn what_no_tap_sees_reaches_no_weight() {
    // The last column is seen by the last tap alone.
    let image: Vec<f32> = (0..10)
        .map(|place| if place == 9 { f32::NAN } else { 1.0 })
        .collect();
    let x = Tensor::from_vec(image, [1, 1, 1, 10]).unwrap();
    let weight = Tensor::ones([1, 1, 1, 2]).requires_grad();
    for &level in simd::Level::available() {
        let gradient = simd::with(level, || {
            let y = x.conv2d(&weight, None, &Convolution::default()).unwrap();
            assert!(y.to_vec()[..8].iter().all(|&y| y == 2.0) && y.to_vec()[8].is_nan());
            let gradients = y.backward_from(Tensor::ones(y.shape())).unwrap();
            gradients.tensor(&weight).unwrap().to_vec()
        });
        assert!(
            gradient[0] == 9.0 && gradient[1].is_nan(),
            "{level:?}: {gradient:?}"
        );
    }
}

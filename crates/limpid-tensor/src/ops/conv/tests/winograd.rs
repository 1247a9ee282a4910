//! Winograd's minimal filtering against the definition.

use proptest::prelude::*;

use super::both;
use crate::kernel::scaled;
use crate::kernel::winograd::{Kernels, Winograd};
use crate::{ConvAlgorithm, Convolution, Element, Stream, Tensor, simd, threads};

fn padded(padding: [[usize; 2]; 2]) -> Convolution {
    Convolution {
        padding,
        algorithm: ConvAlgorithm::Winograd,
        ..Convolution::default()
    }
}

/// Calls the kernels, whatever the shape, and compares them with the direct way.
fn agrees<E: Element>(image: [usize; 4], outputs: usize, padding: [[usize; 2]; 2], tolerance: f64) {
    let [batch, inputs, height, width] = image;
    let sides = [0, 1].map(|axis: usize| image[2 + axis] + padding[axis][0] + padding[axis][1]);
    if sides.iter().any(|&side| side < 3) {
        return;
    }
    let shape = Winograd {
        batch,
        inputs,
        outputs,
        image: [height, width],
        lead: padding.map(|[lead, _]| lead as isize),
        places: sides.map(|side| side - 2),
    };
    let normal = |shape: &[usize], seed| Tensor::<f64>::standard_normal(shape, Stream::new(seed));
    let (x, w) = (normal(&image, 1), normal(&[outputs, inputs, 3, 3], 2));
    let (g, bias) = (
        normal(&[batch, outputs, sides[0] - 2, sides[1] - 2], 3),
        normal(&[outputs], 4),
    );
    let settings = Convolution {
        padding,
        ..Convolution::default()
    };
    let want = results(&x, &w, &g, Some(&bias), &settings);
    let numbers = |tensor: &Tensor<f64>| tensor.cast::<E>().to_vec();
    let (x, w, g, bias) = (numbers(&x), numbers(&w), numbers(&g), numbers(&bias));
    for &level in simd::Level::available() {
        let found = simd::with(level, || {
            let (kernels, flipped) = (
                Kernels::new(&w, [outputs, inputs]),
                Kernels::flipped(&w, [outputs, inputs]),
            );
            [
                shape.apply(&x, &kernels, Some(&bias), &|_| {}),
                shape.transposed().apply(&g, &flipped, None, &|_| {}),
                shape.weight_gradient(&x, &g),
            ]
        });
        for (what, (want, found)) in want.iter().zip(&found).enumerate() {
            assert_eq!(want.len(), found.len());
            let typical = want.iter().map(|want| want * want).sum::<f64>() / want.len() as f64;
            for (place, (want, found)) in want.iter().zip(found.iter()).enumerate() {
                assert!(
                    (want - found.double()).abs() <= tolerance * (1.0 + typical.sqrt()),
                    "{level:?}, {what} at {place}: {found} for {want}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(100, 2) as u32))]
    #[test]
    fn every_shape_agrees_with_the_direct_way(
        (batch, inputs, outputs) in (1_usize..5, 1_usize..36, 1_usize..36),
        image in (1_usize..20, 1_usize..24),
        padding in [0_usize..6, 0_usize..6, 0_usize..6, 0_usize..6],
    ) {
        let padding = [[padding[0], padding[1]], [padding[2], padding[3]]];
        let image = [batch, inputs, image.0, image.1];
        agrees::<f64>(image, outputs, padding, 1e-13);
        agrees::<f32>(image, outputs, padding, 5e-5);
    }
}

#[test]
fn wide_lines_and_several_blocks_agree_with_the_direct_way() {
    agrees::<f64>(
        [1, scaled(70, 20), 9, scaled(150, 40)],
        20,
        [[1; 2]; 2],
        1e-13,
    );
    agrees::<f64>(
        [scaled(9, 3), 16, scaled(30, 10), 31],
        17,
        [[0; 2]; 2],
        1e-13,
    );
    agrees::<f64>([1, 1, 5, scaled(600, 60)], 1, [[1; 2]; 2], 1e-13);
}

#[test]
fn a_rectifier_along_the_way_changes_no_bit() {
    let x = Tensor::<f32>::standard_normal([6, 16, 9, 11], Stream::new(1));
    let weight = Tensor::standard_normal([17, 16, 3, 3], Stream::new(2));
    let settings = padded([[1; 2]; 2]);
    let apart = x.conv2d(&weight, None, &settings).unwrap().relu();
    assert_eq!(x.conv2d_relu(&weight, None, &settings).unwrap(), apart);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for batch in [1, 5, scaled(40, 9)] {
        let settings = padded([[1; 2]; 2]);
        let run = |count| {
            threads::with(count, || {
                both::<f32>([batch, 16, scaled(12, 5), 14], 32, [3, 3], &settings)
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

/// Of result, and gradients of input and weight, in `f32`: the typical and the largest error by
/// Winograd's filtering, as shares of the typical number.
fn errors(channels: usize, algorithm: ConvAlgorithm) -> [[f64; 2]; 3] {
    let shape = [2, channels, 14, 14];
    let run = |algorithm, x: &Tensor<f64>, w: &Tensor<f64>, g: &Tensor<f64>, single: bool| {
        let settings = Convolution {
            algorithm,
            ..padded([[1; 2]; 2])
        };
        if single {
            let [x, w, g] = [x, w, g].map(|tensor| tensor.cast::<f32>());
            return results(&x, &w, &g, None, &settings);
        }
        results(x, w, g, None, &settings)
    };
    // Rounded to `f32`, so that both begin with the same numbers.
    let normal = |shape: &[usize], seed| {
        let numbers = Tensor::<f32>::standard_normal(shape, Stream::new(seed));
        numbers.cast::<f64>()
    };
    let (x, w) = (normal(&shape, 1), normal(&[channels, channels, 3, 3], 2));
    let g = normal(&shape, 3);
    let want = run(ConvAlgorithm::Direct, &x, &w, &g, false);
    let found = run(algorithm, &x, &w, &g, true);
    std::array::from_fn(|which| {
        let (want, found) = (&want[which], &found[which]);
        let root = |squares: f64| (squares / want.len() as f64).sqrt();
        let typical = root(want.iter().map(|want| want * want).sum());
        let errors = want
            .iter()
            .zip(found)
            .map(|(want, found)| (want - found).abs());
        let largest = errors.clone().fold(0.0, f64::max);
        [
            root(errors.map(|error| error * error).sum()) / typical,
            largest / typical,
        ]
    })
}

fn results<E: Element>(
    x: &Tensor<E>,
    w: &Tensor<E>,
    g: &Tensor<E>,
    bias: Option<&Tensor<E>>,
    settings: &Convolution,
) -> [Vec<f64>; 3] {
    let (x, w) = (x.detach().requires_grad(), w.detach().requires_grad());
    let y = x.conv2d(&w, bias, settings).unwrap();
    let gradients = y.backward_from(g.clone()).unwrap();
    let all = [
        y.detach(),
        gradients.tensor(&x).unwrap().clone(),
        gradients.tensor(&w).unwrap().clone(),
    ];
    all.map(|tensor| tensor.cast::<f64>().to_vec())
}

#[test]
fn errors_are_no_larger_than_documented() {
    // Of the result and the image's gradient, and of the kernels'; the last digit is rounded.
    for (channels, both, kernels) in [
        (16, [5.4e-7, 4.9e-6], [6.4e-7, 4.9e-6]),
        (64, [8.4e-7, 7.9e-6], [6.4e-7, 4.9e-6]),
        (256, [1.54e-6, 1.64e-5], [6.4e-7, 8.4e-6]),
    ] {
        let direct = errors(channels, ConvAlgorithm::Direct);
        let found = errors(channels, ConvAlgorithm::Winograd);
        for (which, bounds) in [both, both, kernels].into_iter().enumerate() {
            let found = found[which];
            assert!(
                found[0] < bounds[0] && found[1] < bounds[1],
                "{channels} channels: {found:?} for {bounds:?}"
            );
            // It is not the direct way that was measured.
            assert!(
                found[0] > 1.5 * direct[which][0],
                "{channels} channels: {direct:?}"
            );
        }
    }
}

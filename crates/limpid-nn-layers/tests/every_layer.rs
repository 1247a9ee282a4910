//! What holds for every layer as it is built by default: single precision gives what double does,
//! and no two units start equal, as they would learn the same for ever.

use std::collections::BTreeMap;

use limpid_nn_layers::testing::check_precisions;
use limpid_nn_layers::*;
use limpid_tensor::{Parameters, Result, Stream, Tensor, named_parameters};

/// The units among a weight's rows and, as transposed convolutions have theirs there, its columns.
/// Biases may well be equal.
fn assert_no_two_units_are_equal<M: Parameters<f64>>(module: &M) -> Result<()> {
    for (path, weight) in named_parameters(module) {
        if weight.shape().len() < 2 || path.ends_with("bias") {
            continue;
        }
        for dim in [0, 1] {
            let units = weight.shape()[dim];
            let mut seen = BTreeMap::new();
            for index in 0..units {
                let unit = weight.narrow(dim as isize, index, 1)?.to_vec();
                assert!(
                    unit.iter().any(|&it| it != 0.0),
                    "{path}: unit {index} is 0"
                );
                let bits: Vec<u64> = unit.into_iter().map(f64::to_bits).collect();
                let equal = seen.insert(bits, index);
                assert_eq!(equal, None, "{path}: unit {index} has an equal");
            }
        }
    }
    Ok(())
}

/// Both, for the layers that `build` makes in either element type.
macro_rules! hold {
    ($($shape:expr, $build:expr;)*) => {$(
        let input = Tensor::standard_normal($shape, Stream::new(11));
        if let Err(violation) = check_precisions($build, $build, &input) {
            panic!("{}: {violation}", stringify!($build));
        }
        let built: Result<_> = ($build)(Stream::new(12));
        assert_no_two_units_are_equal(&built.unwrap()).unwrap();
    )*};
}

#[test]
fn linear_maps_and_convolutions() {
    hold! {
        [5, 3], |stream: Stream| Linear::new(3, 4, stream);
        [5, 3], |stream: Stream| Linear::output(3, 4, stream);
        [5, 3], |stream: Stream| Maxout::new(3, 4, 2, stream);
        [2, 3, 8], |stream: Stream| Conv1d::new(3, 4, 3, stream);
        [2, 3, 6, 6], |stream: Stream| Conv2d::new(3, 4, [3, 3], stream);
        [2, 3, 5], |stream: Stream| ConvTranspose1d::new(3, 4, 3, stream);
        [2, 3, 4, 4], |stream: Stream| ConvTranspose2d::new(3, 4, [3, 3], stream);
    }
}

#[test]
fn norms_and_pooling() {
    hold! {
        [6, 4], |_: Stream| BatchNorm::new(4);
        [6, 4], |_: Stream| LayerNorm::new([4]);
        [6, 4, 3], |_: Stream| GroupNorm::new(2, 4);
        [6, 4], |_: Stream| RmsNorm::new([4]);
        [2, 3, 6, 6], |_: Stream| Ok(MaxPool2d::new([2, 2]));
        [2, 3, 6, 6], |_: Stream| Ok(AvgPool2d::new([2, 2]));
        [2, 3, 6], |_: Stream| Ok(MaxPool1d::new(2));
        [2, 3, 6], |_: Stream| Ok(AvgPool1d::new(2));
        [2, 3, 6, 5], |_: Stream| Ok(AdaptiveAvgPool2d::new([2, 2]));
        [2, 3, 6, 5], |_: Stream| Ok(AdaptiveMaxPool2d::new([2, 2]));
        [2, 3, 6, 5], |_: Stream| Ok(GlobalAvgPool);
        [2, 3, 6, 5], |_: Stream| Ok(GlobalMaxPool);
    }
}

#[test]
fn recurrent_layers_and_attention() {
    hold! {
        [2, 5, 3], |stream: Stream| Rnn::new(3, 4, stream);
        [2, 5, 3], |stream: Stream| Gru::new(3, 4, stream);
        [2, 5, 3], |stream: Stream| Lstm::new(3, 4, stream);
        [2, 5, 6], |stream: Stream| MultiheadAttention::new(6, 2, stream);
        [2, 5, 6], |stream: Stream| TransformerEncoderLayer::new(6, 2, stream);
        [2, 5, 6], |stream: Stream| {
            TransformerEncoderConfig::new(TransformerEncoderLayerConfig::new(6, 2), 2).build(stream)
        };
        [2, 5, 6], |stream: Stream| LearnedPositionalEncoding::new(6, 9, stream);
        [2, 5, 6], |_: Stream| SinusoidalPositionalEncoding::new(6, 9);
    }
}

#[test]
fn activations_and_noise() {
    hold! {
        [4, 3], |_: Stream| Ok(Relu);
        [4, 3], |_: Stream| Ok(Relu6);
        [4, 3], |_: Stream| Ok(LeakyRelu::default());
        [4, 3], |_: Stream| Ok(Prelu::new(3));
        [4, 3], |_: Stream| Ok(Elu::default());
        [4, 3], |_: Stream| Ok(Selu);
        [4, 3], |_: Stream| Ok(Gelu::default());
        [4, 3], |_: Stream| Ok(Silu);
        [4, 3], |_: Stream| Ok(Mish);
        [4, 3], |_: Stream| Ok(Softplus::default());
        [4, 3], |_: Stream| Ok(Sigmoid);
        [4, 3], |_: Stream| Ok(LogSigmoid);
        [4, 3], |_: Stream| Ok(Tanh);
        [4, 3], |_: Stream| Ok(Softsign);
        [4, 3], |_: Stream| Ok(HardTanh::default());
        [4, 3], |_: Stream| Ok(HardSigmoid);
        [4, 3], |_: Stream| Ok(HardSwish);
        [4, 3], |_: Stream| Ok(Softmax::new(-1));
        [4, 3], |_: Stream| Ok(LogSoftmax::new(-1));
        [4, 3], |_: Stream| Dropout::new(0.5);
        [4, 3], |_: Stream| GaussianNoise::new(0.1);
    }
}

#[test]
fn containers() {
    hold! {
        [2, 3, 4], |_: Stream| Ok(Flatten::default());
        [5, 3], |stream: Stream| {
            Ok(Sequential::new()
                .with(Linear::new(3, 4, stream.fork(0_u64))?)
                .with(Tanh)
                .with(Linear::new(4, 2, stream.fork(1_u64))?))
        };
    }
}

#[test]
fn a_table_of_rows() {
    let table = Embedding::<f64>::new(7, 3, Stream::new(1)).unwrap();
    assert_no_two_units_are_equal(&table).unwrap();
}

#[test]
#[should_panic(expected = "weight: unit 1 has an equal")]
fn equal_units_would_be_seen() {
    let constant = limpid_init::Constant::new(0.5);
    let equal = LinearConfig::new(3, 4).with_initializer(constant);
    assert_no_two_units_are_equal(&equal.build(Stream::new(1)).unwrap()).unwrap();
}

#[test]
#[should_panic(expected = "weight: unit 0 is 0")]
fn zero_weights_would_be_seen() {
    let zero = limpid_init::Constant::zero();
    let dead = LinearConfig::new(3, 4).with_initializer(zero);
    assert_no_two_units_are_equal(&dead.build(Stream::new(1)).unwrap()).unwrap();
}

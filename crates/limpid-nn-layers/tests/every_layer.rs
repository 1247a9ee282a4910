//! What holds for every layer as it is built by default: the contract of layers, single precision
//! that gives what double does, and no two units that start equal, as they would learn the same for
//! ever.

use std::collections::{BTreeMap, BTreeSet};

use limpid_init::{AllowSymmetric, Constant};
use limpid_nn_layers::testing::{check_module, check_precisions};
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

/// All of it, for the layers that `build` makes in either element type.
macro_rules! hold {
    ($($shape:expr, $build:expr;)*) => {$(
        let name = stringify!($build);
        let input = Tensor::standard_normal($shape, Stream::new(11));
        if let Err(violation) = check_precisions($build, $build, &input) {
            panic!("{name}: {violation}");
        }
        let built: Result<_> = ($build)(Stream::new(12));
        let built = built.unwrap();
        assert_no_two_units_are_equal(&built).unwrap();
        let output = built.predict(&input).unwrap();
        if let Err(violation) = check_module($build, &input, output.shape()) {
            panic!("{name}: {violation}");
        }
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
fn norms() {
    hold! {
        [6, 4], |_: Stream| BatchNorm::new(4);
        [6, 4], |_: Stream| LayerNorm::new([4]);
        [6, 4, 3], |_: Stream| GroupNorm::new(2, 4);
        [3, 4, 5], |_: Stream| InstanceNorm1d::new(4);
        [2, 3, 4, 2], |_: Stream| InstanceNorm2d::new(3);
        [6, 4], |_: Stream| RmsNorm::new([4]);
    }
}

#[test]
fn pooling_padding_and_other_sizes() {
    hold! {
        [2, 3, 6, 6], |_: Stream| Ok(MaxPool2d::new([2, 2]));
        [2, 3, 6, 6], |_: Stream| Ok(AvgPool2d::new([2, 2]));
        [2, 3, 6], |_: Stream| Ok(MaxPool1d::new(2));
        [2, 3, 6], |_: Stream| Ok(AvgPool1d::new(2));
        [2, 3, 6], |_: Stream| Ok(AdaptiveAvgPool1d::new(4));
        [2, 3, 6], |_: Stream| Ok(AdaptiveMaxPool1d::new(4));
        [2, 3, 6, 5], |_: Stream| Ok(AdaptiveAvgPool2d::new([2, 2]));
        [2, 3, 6, 5], |_: Stream| Ok(AdaptiveMaxPool2d::new([2, 2]));
        [2, 3, 6, 5], |_: Stream| Ok(GlobalAvgPool);
        [2, 3, 6, 5], |_: Stream| Ok(GlobalMaxPool);
        [2, 3, 6], |_: Stream| Ok(Pad1d::zeros([[1, 2]]));
        [2, 3, 4, 5], |_: Stream| Ok(Pad2d::reflect([[1, 2], [0, 1]]));
        [2, 3, 6], |_: Stream| Ok(Upsample1d::to_size([8]));
        [2, 3, 4, 5], |_: Stream| Ok(Upsample2d::by_scale([2.0, 1.5]));
    }
}

#[test]
fn recurrent_layers_and_attention() {
    hold! {
        [5, 2, 3], |stream: Stream| Rnn::new(3, 4, stream);
        [5, 2, 3], |stream: Stream| Gru::new(3, 4, stream);
        [5, 2, 3], |stream: Stream| Lstm::new(3, 4, stream);
        [5, 2, 3], |stream: Stream| {
            LstmConfig::new(3, 4)
                .with_layers(2)
                .with_bidirectional(true)
                .with_dropout(0.25)
                .build(stream)
        };
        [2, 5, 6], |stream: Stream| MultiheadAttention::new(6, 2, stream);
        [2, 5, 6], |stream: Stream| {
            TransformerEncoderLayerConfig::new(6, 2).with_feedforward(8).build(stream)
        };
        [2, 5, 6], |stream: Stream| {
            let layer = TransformerEncoderLayerConfig::new(6, 2).with_feedforward(8);
            TransformerEncoderConfig::new(layer, 2).build(stream)
        };
        [2, 5, 6], |stream: Stream| LearnedPositionalEncoding::new(6, 5, stream);
        [2, 5, 6], |_: Stream| SinusoidalPositionalEncoding::new(6, 9);
    }
}

#[test]
fn activations() {
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
    }
}

#[test]
fn noise() {
    hold! {
        [4, 3], |_: Stream| Dropout::new(0.5);
        [2, 3, 4], |_: Stream| Dropout1d::new(0.5);
        [2, 3, 4, 2], |_: Stream| Dropout2d::new(0.5);
        [2, 3, 4, 2, 2], |_: Stream| Dropout3d::new(0.5);
        [4, 3], |_: Stream| AlphaDropout::new(0.5);
        [4, 3], |_: Stream| GaussianNoise::new(0.1);
        [4, 3], |stream: Stream| WeightNoise::new(Linear::new(3, 4, stream)?, 0.1);
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
                .with(Dropout::new(0.25)?)
                .with(Linear::new(4, 2, stream.fork(1_u64))?))
        };
        [5, 3], |stream: Stream| {
            Ok(Residual::new(Linear::new(3, 4, stream.fork(0_u64))?)
                .with_shortcut(Linear::new(3, 4, stream.fork(1_u64))?))
        };
    }
}

#[test]
fn what_is_no_module() {
    let table = Embedding::<f64>::new(7, 3, Stream::new(1)).unwrap();
    assert_no_two_units_are_equal(&table).unwrap();
    let forms = Bilinear::<f64>::new([4, 3], 2, Stream::new(1)).unwrap();
    assert_no_two_units_are_equal(&forms).unwrap();
}

#[test]
#[should_panic(expected = "weight: unit 1 has an equal")]
fn equal_units_would_be_seen() {
    let constant = AllowSymmetric(Constant::new(0.5));
    let equal = LinearConfig::new(3, 4).with_initializer(constant);
    assert_no_two_units_are_equal(&equal.build(Stream::new(1)).unwrap()).unwrap();
}

#[test]
#[should_panic(expected = "weight: unit 0 is 0")]
fn zero_weights_would_be_seen() {
    let zero = AllowSymmetric(Constant::zero());
    let dead = LinearConfig::new(3, 4).with_initializer(zero);
    assert_no_two_units_are_equal(&dead.build(Stream::new(1)).unwrap()).unwrap();
}

#[test]
fn zeros_and_constants_are_no_weights_unless_they_are_meant() {
    let refused = [
        LinearConfig::new(3, 4)
            .with_initializer(Constant::zero())
            .build::<f64>(Stream::new(1))
            .err(),
        Conv2dConfig::new(3, 4, [2, 2])
            .with_initializer(Constant::new(0.5))
            .build::<f64>(Stream::new(1))
            .err(),
        MaxoutConfig::new(3, 4, 2)
            .with_initializer(Constant::new(0.5))
            .build::<f64>(Stream::new(1))
            .err(),
    ];
    for error in refused {
        let error = error.unwrap().to_string();
        assert!(error.contains("`AllowSymmetric`"), "{error}");
    }
}

/// What the crate exports besides layers.
const NO_LAYERS: &[&str] = &[
    "Architecture",
    "Attended",
    "AttentionMask",
    "AttentionMasks",
    "CarriedState",
    "CellOutputs",
    "CellRun",
    "CellWeights",
    "Context",
    "GeluForm",
    "GruKind",
    "InProjection",
    "KeyMask",
    "Lsuv",
    "LsuvLayer",
    "LstmKind",
    "LstmState",
    "Mode",
    "Module",
    "NormOrder",
    "Observation",
    "Padding",
    "Parameters",
    "RecurrentKind",
    "RnnKind",
    "RnnNonlinearity",
    "RunningStatistics",
    "Summary",
    "SummaryRow",
    "Tap",
    "TransformerActivation",
    "Updates",
];

/// Layers of which instances for one or two dimensions, or of one kind, are held above.
const BY_ITS_INSTANCES: &[&str] = &[
    "ChannelDropout",
    "InstanceNorm",
    "Pad",
    "Recurrent",
    "Upsample",
];

/// The words of a source that begin like a type's name.
fn types(source: &str) -> BTreeSet<&str> {
    source
        .split(|it: char| !(it.is_alphanumeric() || it == '_'))
        .filter(|word| word.starts_with(|it: char| it.is_ascii_uppercase()))
        .collect()
}

#[test]
fn no_exported_layer_is_missing_here() {
    let crate_root = include_str!("../src/lib.rs");
    let (_, exports) = crate_root.split_once("pub use").unwrap();
    let (held, _) = include_str!("every_layer.rs")
        .split_once("const NO_LAYERS")
        .unwrap();
    let held = types(held);
    let missing: Vec<_> = types(exports)
        .into_iter()
        .filter(|name| !name.ends_with("Config"))
        .filter(|name| !NO_LAYERS.contains(name) && !BY_ITS_INSTANCES.contains(name))
        .filter(|name| !held.contains(name) && !held.contains(format!("{name}Config").as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are to be held here");
}

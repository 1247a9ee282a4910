//! Attention of several heads by PyTorch's figures and under the contract of all modules.

use super::*;
use crate::testing::check_module;
use crate::testing::pattern::{assert_close, filled, pattern};
use crate::{AttentionMask, KeyMask};
use limpid_tensor::{gradient_check, named_parameters};
use ndarray::{arr1, arr2};

type Layer = MultiheadAttention<f64>;

fn layer(config: &MultiheadAttentionConfig) -> Layer {
    filled(config.build(Stream::new(1)).unwrap())
}

fn attend(
    layer: &Layer,
    inputs: [&Tensor<f64>; 3],
    masks: AttentionMasks<'_, f64>,
) -> Attended<f64> {
    layer.attend(inputs, masks, &mut Context::eval()).unwrap()
}

fn query() -> Tensor<f64> {
    pattern([2, 3, 4], 5)
}

#[test]
fn the_contract_holds() {
    let input = Tensor::standard_normal([2, 3, 4], Stream::new(1));
    for config in [
        MultiheadAttentionConfig::new(4, 2),
        MultiheadAttentionConfig::new(4, 1).with_bias(false),
        MultiheadAttentionConfig::new(4, 4).with_dropout(0.3),
    ] {
        // The bias of keys has no effect: softmax takes no notice of what all keys share.
        check_module(|stream| config.build(stream), &input, &[2, 3, 4]).unwrap();
    }
    let single = Tensor::standard_normal([3, 4], Stream::new(1));
    check_module(|stream| Layer::new(4, 2, stream), &single, &[3, 4]).unwrap();
}

#[test]
fn parameters_are_named_as_pytorch_names_them() {
    let names = |config: MultiheadAttentionConfig| {
        let layer = config.build::<f32>(Stream::new(1)).unwrap();
        let named = named_parameters(&layer);
        named
            .into_iter()
            .map(|(name, p)| (name, p.shape().to_vec()))
            .collect::<Vec<_>>()
    };
    let row = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
    let last = [row("out_proj.weight", &[4, 4]), row("out_proj.bias", &[4])];
    let mut want = vec![row("in_proj_weight", &[12, 4]), row("in_proj_bias", &[12])];
    want.extend(last.clone());
    assert_eq!(names(MultiheadAttentionConfig::new(4, 2)), want);
    let mut want = vec![
        row("q_proj_weight", &[4, 4]),
        row("k_proj_weight", &[4, 3]),
        row("v_proj_weight", &[4, 4]),
        row("in_proj_bias", &[12]),
    ];
    want.extend(last);
    assert_eq!(
        names(MultiheadAttentionConfig::new(4, 2).with_kdim(3)),
        want
    );
}

// The figures are those of PyTorch 2.15.

#[test]
fn self_attention_equals_pytorchs() {
    let (layer, x) = (layer(&MultiheadAttentionConfig::new(4, 2)), query());
    let attended = attend(&layer, [&x; 3], AttentionMasks::default());
    let want = [
        0.655810189663,
        0.006255392622,
        -0.186079995574,
        0.264365207385,
        0.667234274991,
        -0.006953250465,
    ];
    assert_close(&attended.output, &want);
    let want = [
        0.31949054464,
        0.360964489164,
        0.319544966196,
        0.332082069151,
    ];
    assert_close(&attended.average_weights().unwrap(), &want);
    // Equal tensors, but not one: each is projected for itself.
    let apart = attend(
        &layer,
        [&x, &x.clone(), &x.clone()],
        AttentionMasks::default(),
    );
    assert_close(&apart.output, &attended.output.to_vec());
    let first = x.narrow(0, 0, 1).unwrap().squeeze(0).unwrap();
    let single = attend(&layer, [&first; 3], AttentionMasks::default());
    assert_eq!(
        (single.output.shape(), single.weights.shape()),
        (&[3, 4][..], &[2, 3, 3][..])
    );
    assert_close(&attended.output, &single.output.to_vec());
}

#[test]
fn masks_equal_pytorchs() {
    let (layer, x) = (layer(&MultiheadAttentionConfig::new(4, 2)), query());
    let there = arr2(&[[true; 3], [true, false, true]]).into_dyn();
    let masks = AttentionMasks {
        attention: AttentionMask::Causal,
        keys: KeyMask::Allowed(&there),
    };
    let attended = attend(&layer, [&x; 3], masks);
    let want = [0.838, -0.171, -0.003, 0.088, 0.601306930855, 0.045476910295];
    assert_close(&attended.output, &want);
    let last = attended
        .output
        .narrow(0, 1, 1)
        .unwrap()
        .narrow(1, 2, 1)
        .unwrap();
    assert_close(
        &last,
        &[
            0.596571642685,
            -0.14872764738,
            -0.276375218876,
            0.078325491059,
        ],
    );
    let (pairs, keys) = (pattern([3, 3], 2), pattern([2, 3], 1));
    let masks = AttentionMasks {
        attention: AttentionMask::Additive(&pairs),
        keys: KeyMask::Additive(&keys),
    };
    let attended = attend(&layer, [&x; 3], masks);
    assert_close(
        &attended.output,
        &[0.657174431663, 0.006408505864, -0.184796481401],
    );
    assert_close(
        &attended.weights,
        &[0.215127006463, 0.39163674917, 0.393236244367],
    );
}

#[test]
fn keys_and_values_of_other_widths_equal_pytorchs() {
    let wide = MultiheadAttentionConfig::new(4, 2)
        .with_kdim(3)
        .with_vdim(5);
    let (key, value) = (pattern([2, 4, 3], 6), pattern([2, 4, 5], 7));
    let attended = attend(
        &layer(&wide),
        [&query(), &key, &value],
        AttentionMasks::default(),
    );
    assert_close(
        &attended.output,
        &[-0.48650732611, -0.545196850219, -0.120238022716],
    );
    let plain = MultiheadAttentionConfig::new(4, 2).with_bias(false);
    let memory = pattern([2, 2, 4], 8);
    let attended = attend(
        &layer(&plain),
        [&query(), &memory, &memory],
        AttentionMasks::default(),
    );
    assert_close(
        &attended.output,
        &[0.03883775582, 0.016554293166, -0.059503475694],
    );
}

#[test]
fn gradients_agree_with_differences_under_masks_across_and_where_nothing_is_seen() {
    let layer = layer(&MultiheadAttentionConfig::new(4, 2));
    let pairs = arr2(&[[true, false], [false, false], [true, true]]).into_dyn();
    let masks = AttentionMasks {
        attention: AttentionMask::Allowed(&pairs),
        keys: KeyMask::None,
    };
    let run = |x: &[Tensor<f64>]| layer.attend([&x[0], &x[1], &x[1]], masks, &mut Context::eval());
    let inputs = [query(), pattern([2, 2, 4], 8)];
    let function = |x: &[Tensor<f64>]| Ok(run(x)?.output.square().sum());
    let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
    assert!(worst.error < 1e-6, "{worst:?}");
    let blind = run(&inputs).unwrap().output.narrow(1, 1, 1).unwrap();
    assert_close(&blind, &layer.out_proj.bias.as_ref().unwrap().to_vec());
}

#[test]
fn dropout_takes_weights_in_training_only() {
    let config = MultiheadAttentionConfig::new(4, 2).with_dropout(0.5);
    let (layer, x) = (layer(&config), query());
    let mut context = Context::train(Stream::new(1));
    let attended = layer
        .attend([&x; 3], AttentionMasks::default(), &mut context)
        .unwrap();
    let zeros = attended
        .weights
        .to_vec()
        .iter()
        .filter(|&&weight| weight == 0.0)
        .count();
    assert!(
        (9..27).contains(&zeros),
        "{zeros} of 36 weights are left out"
    );
    let still = attend(&layer, [&x; 3], AttentionMasks::default());
    assert!(still.weights.to_vec().iter().all(|&weight| weight > 0.0));
}

#[test]
fn no_query_and_no_key_and_no_item_are_in_order() {
    let layer = layer(&MultiheadAttentionConfig::new(4, 2));
    for [n, queries, keys] in [[2, 0, 3], [2, 3, 0], [0, 3, 3], [1, 1, 1]] {
        let (query, memory) = (Tensor::ones([n, queries, 4]), Tensor::ones([n, keys, 4]));
        for attention in [AttentionMask::None, AttentionMask::Causal] {
            let masks = AttentionMasks {
                attention,
                ..Default::default()
            };
            let attended = attend(&layer, [&query, &memory, &memory], masks);
            assert_eq!(attended.output.shape(), [n, queries, 4]);
        }
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let error = Layer::new(4, 3, Stream::new(1)).unwrap_err().to_string();
    let want = "multihead_attention: `embed_dim` must be a multiple of the 3 heads, found 4";
    assert_eq!(error, want);
    assert!(Layer::new(0, 1, Stream::new(1)).is_err() && Layer::new(4, 0, Stream::new(1)).is_err());
    let (layer, x) = (layer(&MultiheadAttentionConfig::new(4, 2)), query());
    let refuse = |inputs: [&Tensor<f64>; 3], masks: AttentionMasks<'_, f64>| {
        let refused = layer.attend(inputs, masks, &mut Context::eval());
        refused.unwrap_err().to_string()
    };
    let short = pattern([2, 2, 4], 1);
    let error = refuse([&x, &x, &short], AttentionMasks::default());
    assert!(
        error.ends_with("must be of one batch, keys and values of one length"),
        "{error}"
    );
    let error = refuse([&Tensor::zeros([4]); 3], AttentionMasks::default());
    assert!(
        error.ends_with("must be [N, length, features] or [length, features]"),
        "{error}"
    );
    let keys = arr1(&[true; 3]).into_dyn();
    let masks = AttentionMasks {
        keys: KeyMask::Allowed(&keys),
        ..Default::default()
    };
    let want = "multihead_attention: shape [3]: the mask of keys must be [2, 3]";
    assert_eq!(refuse([&x; 3], masks), want);
    let pairs = Tensor::zeros([5, 1, 2, 3, 3]);
    let attention = AttentionMask::Additive(&pairs);
    let error = refuse(
        [&x; 3],
        AttentionMasks {
            attention,
            ..Default::default()
        },
    );
    assert!(
        error.ends_with("the mask must broadcast to the scores' [2, 2, 3, 3]"),
        "{error}"
    );
}

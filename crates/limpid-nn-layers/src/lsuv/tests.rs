//! What the pass does to models, deep, wide and wrong.

use limpid_tensor::set_trainable;

use super::*;
use crate::{Conv2dConfig, Flatten, Linear, LinearConfig, Relu, Sequential, Tanh};

fn stream() -> Stream {
    Stream::new(5)
}

/// Twenty layers whose weights start far too small.
fn deep() -> Sequential<f64> {
    (0..20_u64).fold(Sequential::new(), |net, layer| {
        let small = LinearConfig::new(30, 30)
            .with_initializer(limpid_init::Normal::default())
            .build(stream().fork(layer))
            .unwrap();
        net.with(small).with(Tanh)
    })
}

#[test]
fn every_layer_of_a_deep_net_gets_variance_one() {
    let mut net = deep();
    let batch = Tensor::standard_normal([50, 30], Stream::new(1));
    let layers = Lsuv::default().apply(&mut net, &batch, stream()).unwrap();
    assert_eq!(layers.len(), 20);
    for (index, layer) in layers.iter().enumerate() {
        assert_eq!(layer.path, (2 * index).to_string());
        assert!((layer.variance - 1.0).abs() < 0.1, "{layer:?}");
        assert!(layer.tries <= 1, "a linear layer needs one: {layer:?}");
    }
    // Measured anew, not taken from the report.
    let last = variance_at(&net, &batch, &stream(), "38").unwrap();
    assert!((last - 1.0).abs() < 0.1, "{last}");
}

#[test]
fn weights_stay_orthogonal_up_to_their_scale() {
    let mut net = deep();
    let batch = Tensor::standard_normal([50, 30], Stream::new(1));
    Lsuv::default().apply(&mut net, &batch, stream()).unwrap();
    let weight = State::of(&net).get("4.weight").unwrap().clone();
    let gram = weight
        .matmul(&weight.transpose(0, 1).unwrap())
        .unwrap()
        .to_vec();
    for (place, value) in gram.iter().enumerate() {
        let want = if place % 31 == 0 { gram[0] } else { 0.0 };
        assert!((value - want).abs() < 1e-12, "{place}: {value}");
    }
}

#[test]
fn convolutions_count_and_kept_and_frozen_layers_do_not() {
    let mut net = Sequential::<f32>::new()
        .with(
            Conv2dConfig::new(2, 4, [3, 3])
                .build(stream().fork("conv"))
                .unwrap(),
        )
        .with(Relu)
        .with(Flatten::default())
        .with(Linear::new(4 * 9, 8, stream().fork("hidden")).unwrap())
        .with(Relu)
        .with(Linear::output(8, 3, stream().fork("output")).unwrap());
    set_trainable(&mut net, "3", false);
    let before = State::of(&net);
    let batch = Tensor::standard_normal([20, 2, 5, 5], Stream::new(1)).mul_scalar(100.0);
    let lsuv = Lsuv::default().with_kept("5");
    let layers = lsuv.apply(&mut net, &batch, stream()).unwrap();
    assert_eq!(layers.len(), 1);
    assert_eq!((layers[0].path.as_str(), layers[0].tries), ("0", 1));
    let after = State::of(&net);
    for ((path, old), (_, new)) in before.entries().iter().zip(after.entries()) {
        assert_eq!(old == new, path != "0.weight", "{path}");
    }
}

#[test]
fn a_model_of_one_layer_is_scaled_too() {
    let mut layer = Linear::<f64>::new(6, 4, stream()).unwrap();
    let batch = Tensor::standard_normal([50, 6], Stream::new(1)).mul_scalar(9.0);
    let layers = Lsuv::default().apply(&mut layer, &batch, stream()).unwrap();
    assert_eq!(layers[0].path, "");
    assert!(layers[0].orthogonal > 40.0);
    let variance = variance(&layer.predict(&batch).unwrap());
    assert!((variance - 1.0).abs() < 1e-12, "{variance}");
}

#[test]
fn a_batch_on_which_nothing_varies_is_refused_and_changes_nothing() {
    let mut net = Sequential::<f64>::new()
        .with(Linear::new(3, 3, stream()).unwrap())
        .with(Linear::new(3, 3, stream()).unwrap());
    let before = State::of(&net);
    for batch in [
        Tensor::zeros([4, 3]),
        Tensor::zeros([0, 3]),
        Tensor::full([4, 3], f64::NAN),
    ] {
        let error = Lsuv::default()
            .apply(&mut net, &batch, stream())
            .unwrap_err();
        assert_eq!(error.path(), "0");
        assert!(error.to_string().contains("outputs vary"), "{error}");
        assert_eq!(State::of(&net), before);
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let mut layer = Linear::<f64>::new(2, 2, stream()).unwrap();
    let batch = Tensor::standard_normal([4, 2], Stream::new(1));
    for lsuv in [
        Lsuv::default().with_tolerance(0.0),
        Lsuv::default().with_tolerance(f64::NAN),
        Lsuv::default().with_tries(0),
    ] {
        assert!(lsuv.apply(&mut layer, &batch, stream()).is_err());
    }
}

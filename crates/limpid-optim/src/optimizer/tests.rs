use limpid_tensor::{Gradients, Parameter, Parameters, Stream, Tensor};

use crate::{Adam, Clip, GradientNoise, Group, NonFinite, Optimize, Optimizer, Reporting, Sgd};

fn model() -> Vec<Parameter<f64>> {
    vec![
        Parameter::new(Tensor::full([1, 2], 1.0)),
        Parameter::new(Tensor::full([2], 2.0)),
    ]
}

/// The gradients of half the sum of squares: the weights themselves.
fn gradients(model: &[Parameter<f64>]) -> Gradients<f64> {
    let sum = model[0]
        .square()
        .sum()
        .add(&model[1].square().sum())
        .unwrap();
    sum.mul_scalar(0.5).backward().unwrap()
}

#[test]
fn a_step_reports_true_updates() {
    let mut model = model();
    let rule = Sgd::new().with_weight_decay(0.5);
    let mut optimizer = Optimizer::new(rule, 0.1)
        .unwrap()
        .with_reporting(Reporting::Norms);
    let gradients = gradients(&model);
    let report = optimizer.step(&mut model, &gradients).unwrap();
    assert_eq!((report.step, report.rate, report.skipped), (1, 0.1, false));
    assert_eq!(report.gradient_norm, Some(10f64.sqrt()));
    assert_eq!(report.clipped_gradient_norm, report.gradient_norm);
    let bias = report.parameter("1").unwrap();
    assert_eq!(
        (bias.gradient_norm, bias.weight_norm),
        (8f64.sqrt(), 8f64.sqrt())
    );
    assert!((bias.ratio() - 0.15).abs() < 1e-12, "{bias:?}");
    assert!((model[1].to_vec()[0] - 1.7).abs() < 1e-12);
}

#[test]
fn clipping_by_norm_shrinks_all_alike() {
    let mut model = model();
    let clip = Clip::Norm(0.5 * 10f64.sqrt());
    let mut optimizer = Optimizer::new(Sgd::new(), 1.0)
        .unwrap()
        .with_clip(clip)
        .unwrap();
    let gradients = gradients(&model);
    let report = optimizer.step(&mut model, &gradients).unwrap();
    assert!((report.clipped_gradient_norm.unwrap() - 0.5 * 10f64.sqrt()).abs() < 1e-5);
    assert!((model[0].to_vec()[0] - 0.5).abs() < 1e-5);
    assert!((model[1].to_vec()[0] - 1.0).abs() < 1e-5);
}

#[test]
fn clipping_by_value_bounds_each() {
    let mut model = model();
    let mut optimizer = Optimizer::new(Sgd::new(), 1.0)
        .unwrap()
        .with_clip(Clip::Value(1.5))
        .unwrap();
    let gradients = gradients(&model);
    let report = optimizer.step(&mut model, &gradients).unwrap();
    assert_eq!(model[0].to_vec(), [0.0, 0.0]);
    assert_eq!(model[1].to_vec(), [0.5, 0.5]);
    assert_eq!(report.clipped_gradient_norm, Some(6.5f64.sqrt()));
}

#[test]
fn groups_have_their_own_rate_and_decay() {
    let mut model = model();
    let rule = Sgd::new().with_weight_decay(1.0);
    let mut optimizer = Optimizer::new(rule, 0.1)
        .unwrap()
        .without_decay_on_biases_and_norms()
        .with_group(Group::below("0").with_rate_scale(0.5))
        .unwrap();
    let gradients = gradients(&model);
    optimizer.step(&mut model, &gradients).unwrap();
    assert!((model[0].to_vec()[0] - 0.9).abs() < 1e-12);
    assert!((model[1].to_vec()[0] - 1.8).abs() < 1e-12);
}

#[test]
fn a_gradient_that_is_not_finite_skips_the_step() {
    let mut model = model();
    let mut optimizer = Optimizer::new(Adam::new(), 0.1).unwrap();
    let mut bad = gradients(&model);
    bad.set(&model[1], Tensor::full([2], f64::NAN)).unwrap();
    let report = optimizer.step(&mut model, &bad).unwrap();
    assert!(report.skipped);
    assert_eq!((optimizer.steps(), optimizer.skipped()), (0, 1));
    assert_eq!(model[1].to_vec(), [2.0, 2.0]);
    let good = gradients(&model);
    assert!(!optimizer.step(&mut model, &good).unwrap().skipped);
    let mut careless = Optimizer::new(Sgd::new(), 0.1)
        .unwrap()
        .with_non_finite(NonFinite::Apply);
    let mut bad = gradients(&model);
    bad.set(&model[1], Tensor::full([2], f64::NAN)).unwrap();
    let report = careless.step(&mut model, &bad).unwrap();
    assert!(!report.skipped && report.gradient_norm.is_none());
    assert!(!model[1].is_finite());
}

#[test]
fn huge_gradients_whose_squares_overflow_are_finite() {
    let mut model = model();
    let mut huge = gradients(&model);
    huge.set(&model[1], Tensor::full([2], 1e200)).unwrap();
    let mut optimizer = Optimizer::new(Sgd::new(), 1e-200).unwrap();
    assert!(!optimizer.step(&mut model, &huge).unwrap().skipped);
}

#[test]
fn parameters_without_gradient_are_named_and_frozen_ones_are_not() {
    let mut model = model();
    model.push(Parameter::new(Tensor::ones([1])));
    model.push(Parameter::new(Tensor::ones([1])));
    model[3].set_trainable(false);
    let mut optimizer = Optimizer::new(Sgd::new(), 0.1).unwrap();
    let gradients = gradients(&model);
    let report = optimizer.step(&mut model, &gradients).unwrap();
    assert_eq!(report.without_gradient, ["2"]);
    let again = optimizer.step(&mut model, &gradients).unwrap();
    assert_eq!(
        again.without_gradient.len(),
        3,
        "old gradients must not be applied twice"
    );
}

#[test]
fn weights_change_where_they_lie_once_the_loss_is_gone() {
    let mut model = model();
    let mut optimizer = Optimizer::new(Adam::new(), 0.1).unwrap();
    let gradients = gradients(&model);
    let address = model[0].view().as_ptr();
    optimizer.step(&mut model, &gradients).unwrap();
    assert_eq!(model[0].view().as_ptr(), address);
}

#[test]
fn another_shape_under_the_same_path_is_refused() {
    let mut one = model();
    let mut optimizer = Optimizer::new(Adam::new(), 0.1).unwrap();
    let own = gradients(&one);
    optimizer.step(&mut one, &own).unwrap();
    let mut other = vec![
        Parameter::new(Tensor::ones([1, 2])),
        Parameter::new(Tensor::<f64>::ones([3])),
    ];
    let foreign = gradients(&other);
    let error = optimizer.step(&mut other, &foreign).unwrap_err();
    assert_eq!(error.path(), "1");
    assert_eq!(other[0].to_vec(), [1.0, 1.0]);
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
    let mut model = model();
    let mut optimizer = Optimizer::new(Adam::new(), 0.1).unwrap();
    let own = gradients(&model);
    optimizer.step(&mut model, &own).unwrap();
    let state = optimizer.state().unwrap();
    let refused = |state| {
        let mut fresh = Optimizer::new(Adam::new(), 0.5).unwrap();
        let error = fresh.load(&model, &state).unwrap_err().to_string();
        assert_eq!((fresh.steps(), fresh.rate()), (0, 0.5));
        error
    };
    let mut other = state.clone();
    other.rule = "sgd".to_owned();
    assert!(refused(other).contains("`sgd`"));
    let mut other = state.clone();
    other.tensors.remove("0:mean");
    assert!(refused(other).contains("`0:mean`"));
    let mut other = state.clone();
    other.tensors.insert("0:mean".to_owned(), Tensor::ones([2]));
    assert!(refused(other).contains("`0:mean`"));
    let mut other = state.clone();
    other.numbers.insert("9:steps".to_owned(), 1.0);
    assert!(refused(other).contains("`9`"));
    let mut other = state.clone();
    other.numbers.insert("step".to_owned(), -1.5);
    assert!(refused(other).contains("`step`"));
    let mut other = state.clone();
    other.numbers.insert("rate".to_owned(), f64::NAN);
    assert!(refused(other).contains("`rate`"));
    let mut amsgrad = Optimizer::new(Adam::new().with_amsgrad(true), 0.1).unwrap();
    assert!(
        amsgrad
            .load(&model, &state)
            .unwrap_err()
            .to_string()
            .contains("largest_square")
    );
}

#[test]
fn rates_must_be_finite_and_not_negative() {
    let refused = |rate| {
        Optimizer::<f64, _>::new(Sgd::new(), rate)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(-0.1),
        "sgd: `rate` must be a finite number from 0, found -0.1"
    );
    assert!(refused(f64::NAN).contains("found NaN"));
    let mut optimizer = Optimizer::<f64, _>::new(Sgd::new(), 0.1).unwrap();
    assert!(optimizer.set_rate(f64::INFINITY).is_err());
    assert_eq!(optimizer.rate(), 0.1);
    assert!(optimizer.with_clip(Clip::Norm(0.0)).is_err());
}

#[test]
fn a_trainer_can_hold_any_rule() {
    let mut optimizers: Vec<Box<dyn Optimize<f64>>> = vec![
        Box::new(Optimizer::new(Sgd::new(), 0.1).unwrap()),
        Box::new(Optimizer::new(Adam::new(), 0.1).unwrap()),
    ];
    for optimizer in &mut optimizers {
        let mut model = model();
        let gradients = gradients(&model);
        let model: &mut dyn Parameters<f64> = &mut model;
        optimizer.step(model, &gradients).unwrap();
        let state = optimizer.state().unwrap();
        optimizer.load(model, &state).unwrap();
        assert_eq!(
            (optimizer.name(), optimizer.steps()),
            (state.rule.as_str(), 1)
        );
    }
}

#[test]
fn adaptive_clipping_measures_each_unit_against_its_weights() {
    let mut model = model();
    let clip = Clip::adaptive(0.5);
    let mut optimizer = Optimizer::new(Sgd::new(), 1.0)
        .unwrap()
        .with_clip(clip)
        .unwrap();
    // The gradients are the weights: every unit is cut to half.
    let gradients = gradients(&model);
    let report = optimizer.step(&mut model, &gradients).unwrap();
    assert!((model[0].to_vec()[0] - 0.5).abs() < 1e-12);
    assert!((model[1].to_vec()[0] - 1.0).abs() < 1e-12);
    assert_eq!(report.gradient_norm, Some(10f64.sqrt()));
    assert!((report.clipped_gradient_norm.unwrap() - 2.5f64.sqrt()).abs() < 1e-12);
    let refused = Optimizer::<f64, _>::new(Sgd::new(), 1.0)
        .unwrap()
        .with_clip(Clip::adaptive(-1.0));
    assert!(refused.unwrap_err().to_string().contains("`ratio`"));
}

#[test]
fn noise_is_another_at_each_step_and_goes_on_after_a_break() {
    let noisy = |seed| {
        let noise = GradientNoise::new(0.5, Stream::new(seed)).unwrap();
        Optimizer::new(Sgd::new(), 0.1).unwrap().with_noise(noise)
    };
    let mut whole = model();
    let mut optimizer = noisy(1);
    for _ in 0..2 {
        let gradients = gradients(&whole);
        optimizer.step(&mut whole, &gradients).unwrap();
    }
    // Another seed: the state's counts.
    let (mut resumed, mut other) = (model(), noisy(2));
    limpid_tensor::State::of(&whole)
        .apply(&mut resumed)
        .unwrap();
    other.load(&resumed, &optimizer.state().unwrap()).unwrap();
    for _ in 0..2 {
        let gradients = gradients(&whole);
        optimizer.step(&mut whole, &gradients).unwrap();
        let gradients = self::gradients(&resumed);
        other.step(&mut resumed, &gradients).unwrap();
    }
    for (whole, resumed) in whole.iter().zip(&resumed) {
        assert_eq!(whole.to_vec(), resumed.to_vec());
    }
    let first = whole[1].to_vec();
    assert!(first[0] != first[1], "every element has its own noise");
    let without = Optimizer::new(Sgd::new(), 0.1).unwrap();
    assert!(
        without
            .clone()
            .load(&whole, &optimizer.state().unwrap())
            .is_err()
    );
    assert!(noisy(1).load(&whole, &without.state().unwrap()).is_err());
}

#[test]
fn the_variance_of_noise_falls_as_the_paper_has_it() {
    let noise = GradientNoise::new(0.3, Stream::new(1)).unwrap();
    assert_eq!(noise.variance(0), 0.3);
    // 0.3 / 1000^0.55
    assert!((noise.variance(999) - 0.006716163415705019).abs() < 1e-15);
    assert_eq!(noise.clone().with_gamma(0.0).unwrap().variance(999), 0.3);
    assert!(noise.with_gamma(-1.0).is_err());
    assert!(GradientNoise::new(f64::NAN, Stream::new(1)).is_err());
}

#[test]
fn the_settings_tell_optimizers_apart_and_forget_what_happened() {
    let new = || Optimizer::<f64, _>::new(Adam::new(), 0.1).unwrap();
    let mut used = new();
    let mut model = model();
    let gradients = gradients(&model);
    used.step(&mut model, &gradients).unwrap();
    used.set_rate(0.5).unwrap();
    assert_eq!(used.settings(), new().settings());
    let others = [
        Optimizer::new(Adam::new().with_weight_decay(0.1), 0.1).unwrap(),
        new().with_clip(Clip::Norm(1.0)).unwrap(),
        new().with_non_finite(NonFinite::Apply),
        new().with_row_updates(super::RowUpdates::Lazy),
        new().without_decay_on_biases_and_norms(),
    ];
    for other in others {
        assert_ne!(other.settings(), used.settings());
    }
}

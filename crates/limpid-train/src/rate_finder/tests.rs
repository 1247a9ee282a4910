use limpid_data::Loader;
use limpid_loss::CrossEntropy;
use limpid_optim::{Adam, Lookahead, Optimizer, Sgd};
use limpid_tensor::State;

use super::*;
use crate::fixture::{net, split};

/// A sweep over iris; the model is the fixture's, with dropout and a running mean.
fn sweep(finder: RateFinder, rate: f64) -> RateCurve {
    let split = split();
    let loader = Loader::classes(&split.train, 16).unwrap().shuffled();
    let mut model = net(1);
    let mut optimizer = Optimizer::new(Sgd::new(), rate).unwrap();
    let criterion = CrossEntropy::new();
    finder
        .run(
            &mut model,
            &criterion,
            &mut optimizer,
            &loader,
            &Stream::new(2),
        )
        .unwrap()
}

#[test]
fn a_rate_is_found_that_trains() {
    let curve = sweep(RateFinder::new(1e-5, 100.0), 0.1);
    let found = curve.suggest().unwrap();
    assert!(found.rate > 1e-3 && found.rate < 1.0, "{found:?}");
    assert!((curve.losses[0] - 3f64.ln()).abs() < 0.5);
    assert_eq!(curve.rates.len(), curve.smoothed.len());
}

#[test]
fn model_and_optimizer_are_left_as_they_were() {
    fn check(optimizer: &mut dyn Optimize<f64>, before: usize) {
        let split = split();
        let loader = Loader::classes(&split.train, 16).unwrap().shuffled();
        let mut model = net(1);
        let criterion = CrossEntropy::new();
        let stream = Stream::new(3);
        for (input, target) in loader.epoch::<f64>(&stream).take(before) {
            crate::train_step(
                &mut model,
                &criterion,
                optimizer,
                &input,
                &target[..],
                stream,
            )
            .unwrap();
        }
        let (weights, memory) = (State::of(&model), optimizer.state().unwrap());
        let finder = RateFinder::new(1e-4, 1e9).with_steps(200);
        let curve = finder
            .run(&mut model, &criterion, optimizer, &loader, &stream)
            .unwrap();
        assert!(curve.rates.len() > 20);
        assert_eq!(State::of(&model), weights);
        assert_eq!(optimizer.state().unwrap(), memory);
    }
    for before in [0, 3] {
        let adam = || Optimizer::new(Adam::new(), 0.03).unwrap();
        check(&mut adam(), before);
        check(&mut Lookahead::new(adam()).unwrap(), before);
    }
}

#[test]
fn the_same_stream_gives_the_same_curve() {
    let finder = RateFinder::new(1e-4, 1.0).with_steps(20);
    assert_eq!(sweep(finder, 0.1), sweep(finder, 0.7));
}

#[test]
fn rates_go_from_the_first_to_the_last() {
    let finder = RateFinder::new(1e-4, 1.0).with_steps(11);
    assert!((finder.rate(5) - 1e-2).abs() < 1e-12 && (finder.rate(10) - 1.0).abs() < 1e-12);
    let linear = finder.with_spacing(RateSpacing::Linear);
    assert!((linear.rate(5) - 0.50005).abs() < 1e-12 && linear.rate(0) == 1e-4);
    let curve = sweep(finder, 0.1);
    assert_eq!((curve.rates.len(), curve.stop), (11, None));
}

#[test]
fn huge_rates_stop_the_sweep() {
    let curve = sweep(RateFinder::new(1e-2, 1e12).with_steps(300), 0.1);
    assert!(curve.stop.is_some() && curve.rates.len() < 300, "{curve:?}");
    let error = sweep(RateFinder::new(1e30, 1e36), 0.1)
        .suggest()
        .unwrap_err();
    assert!(matches!(error, NoRate::DivergedAtOnce { .. }), "{error}");
}

#[test]
fn rates_that_are_too_small_never_make_the_loss_fall() {
    let error = sweep(RateFinder::new(1e-12, 1e-9), 0.1)
        .suggest()
        .unwrap_err();
    assert!(matches!(error, NoRate::NeverFell { .. }), "{error}");
}

#[test]
fn settings_outside_their_range_are_refused() {
    let split = split();
    let loader = Loader::classes(&split.train, 16).unwrap();
    let refused = |finder: RateFinder| {
        let mut optimizer = Optimizer::new(Sgd::new(), 0.1).unwrap();
        let criterion = CrossEntropy::new();
        let stream = Stream::new(1);
        let error = finder.run(&mut net(1), &criterion, &mut optimizer, &loader, &stream);
        error.unwrap_err().to_string()
    };
    let finder = RateFinder::new(1e-4, 1.0);
    assert!(refused(RateFinder::new(0.0, 1.0)).contains("`from`"));
    assert!(refused(RateFinder::new(1.0, 1.0)).contains("`to`"));
    assert!(refused(finder.with_steps(9)).contains("`steps`"));
    assert!(refused(finder.with_median(4)).contains("`median`"));
    assert!(refused(finder.with_beta(1.0)).contains("`beta`"));
    assert!(refused(finder.with_divergence(1.0)).contains("`divergence`"));
}

use limpid_tensor::{Gradients, Parameter, Result, State, Tensor};

use super::*;

/// Rosenbrock's valley.
fn valley(place: &Parameter<f64>) -> Result<(f64, Gradients<f64>)> {
    let (x, y) = (place.narrow(0, 0, 1)?, place.narrow(0, 1, 1)?);
    let across = y.sub(&x.square())?.square().mul_scalar(100.0);
    let loss = x.affine(-1.0, 1.0).square().add(&across)?.sum();
    Ok((loss.item()?, loss.backward()?))
}

fn start() -> Parameter<f64> {
    Parameter::new(Tensor::from_vec(vec![-1.2, 1.0], [2]).unwrap())
}

/// The numbers are those of PyTorch 2.15, `torch.optim.LBFGS`, after each step: the weights, and
/// how often the loss was evaluated so far.
fn check(config: LbfgsConfig, want: &[([f64; 2], u64)]) {
    let mut place = start();
    let mut lbfgs = Lbfgs::new(config).unwrap();
    let mut evaluations = 0;
    for (step, (weights, count)) in want.iter().enumerate() {
        evaluations += lbfgs.step(&mut place, valley).unwrap().evaluations;
        for (found, want) in place.to_vec().iter().zip(weights) {
            assert!((found - want).abs() < 1e-9, "{step}: {found}, not {want}");
        }
        assert_eq!(evaluations, *count, "{step}");
    }
}

#[test]
fn the_way_down_the_valley_is_that_of_pytorch() {
    let config = LbfgsConfig::new();
    let three = [
        ([-1.02453193034603, 1.07161962026693], 3),
        ([-1.02887953483197, 1.06550295168486], 6),
        ([-1.0202985244457, 1.03525651415545], 9),
        ([-0.934981827793496, 0.836452117556499], 12),
    ];
    check(config.clone().with_max_iter(3).with_history_size(3), &three);
    let two = [
        ([-1.02453193034603, 1.07161962026693], 3),
        ([-1.02845657455623, 1.06818745574868], 5),
        ([-1.02887953483197, 1.06550295168486], 7),
        ([-1.02760783121911, 1.05839164701246], 9),
    ];
    check(config.clone().with_max_iter(2).with_history_size(2), &two);
    let few = [
        ([-1.02761776638272, 1.05841207826566], 6),
        ([-0.774579735451583, 0.547625679232081], 12),
        ([-0.256089576896647, 0.0372619816162237], 19),
    ];
    check(config.clone().with_max_eval(Some(6)), &few);
    let fixed = [
        ([-1.19721276420257, 1.00130614542277], 6),
        ([-1.19568782914065, 1.00247410415064], 12),
    ];
    let plain = config.with_line_search(LineSearch::Fixed);
    check(plain.with_max_iter(6).with_rate(0.002), &fixed);
}

#[test]
fn the_valley_ends_at_one_and_one() {
    let mut place = start();
    let mut lbfgs = Lbfgs::new(LbfgsConfig::new().with_max_iter(25)).unwrap();
    assert_eq!(lbfgs.step(&mut place, valley).unwrap().evaluations, 31);
    let report = lbfgs.step(&mut place, valley).unwrap();
    assert_eq!((report.evaluations, report.end), (13, LbfgsEnd::Change));
    let found = place.to_vec();
    assert!((found[0] - 0.999981421079137).abs() < 1e-8, "{found:?}");
    assert!(report.loss < 1e-9 && report.loss < report.first_loss);
}

#[test]
fn a_logistic_regression_is_done_in_five_evaluations() {
    // The numbers are those of PyTorch 2.15.
    let row = |row: usize, column: usize| (7 * row + 3 * column * column) % 11;
    let input = Tensor::<f64>::from_fn([12, 3], |it| row(it / 3, it % 3) as f64 / 5.0 - 1.0);
    let target = Tensor::from_fn([12, 1], |it| f64::from(u8::from(it * it % 5 > 1)));
    let mut weight = Parameter::new(Tensor::zeros([3, 1]));
    let mut evaluate = |weight: &Parameter<f64>| {
        let logits = input.matmul(weight)?;
        // ln(1 + e^z) - y z
        let items = logits
            .exp()
            .add_scalar(1.0)
            .log()
            .sub(&logits.mul(&target)?)?;
        let loss = items.mean().add(&weight.square().sum().mul_scalar(0.05))?;
        Ok((loss.item()?, loss.backward()?))
    };
    let mut lbfgs = Lbfgs::new(LbfgsConfig::new().with_max_iter(30)).unwrap();
    let report = lbfgs.step(&mut weight, &mut evaluate).unwrap();
    assert_eq!(report.evaluations, 5, "{report:?}");
    let want = [0.303326593020079, 0.148409413653427, -0.597502753379694];
    for (found, want) in weight.to_vec().iter().zip(want) {
        assert!((found - want).abs() < 1e-9, "{found}, not {want}");
    }
}

#[test]
fn hills_are_climbed() {
    // The numbers are those of PyTorch 2.15, maximize=True.
    let first = Tensor::from_vec(vec![1.0, 2.0, 0.5], [3]).unwrap();
    let slope = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]).unwrap();
    let mut place = Parameter::new(first);
    let config = LbfgsConfig::new().with_max_iter(4).with_maximize(true);
    let mut lbfgs = Lbfgs::new(config).unwrap();
    let mut evaluate = |place: &Parameter<f64>| {
        let height = place
            .pow(4.0)
            .add(&place.mul(&slope)?)?
            .sum()
            .mul_scalar(-1.0);
        Ok((height.item()?, height.backward()?))
    };
    lbfgs.step(&mut place, &mut evaluate).unwrap();
    let report = lbfgs.step(&mut place, &mut evaluate).unwrap();
    assert!(report.loss > report.first_loss);
    let want = [-0.64941785607035, -0.841661048796272, -0.922837805430592];
    for (found, want) in place.to_vec().iter().zip(want) {
        assert!((found - want).abs() < 1e-9, "{found}, not {want}");
    }
}

#[test]
fn a_broken_off_run_goes_on_to_the_same_bits() {
    for broken in [0, 1, 3] {
        let config = LbfgsConfig::new().with_max_iter(3).with_history_size(4);
        let (mut whole, mut first) = (start(), Lbfgs::new(config.clone()).unwrap());
        for _ in 0..broken {
            first.step(&mut whole, valley).unwrap();
        }
        let mut resumed = start();
        State::of(&whole).apply(&mut resumed).unwrap();
        let mut second = Lbfgs::new(config).unwrap();
        second.load(&resumed, &first.state().unwrap()).unwrap();
        for _ in 0..3 {
            first.step(&mut whole, valley).unwrap();
            second.step(&mut resumed, valley).unwrap();
        }
        assert_eq!(State::of(&whole), State::of(&resumed), "{broken}");
        assert_eq!(first.state().unwrap(), second.state().unwrap());
    }
}

#[test]
fn frozen_and_untouched_parameters_stay() {
    let mut model = vec![start(), start(), start()];
    model[1].set_trainable(false);
    let mut lbfgs = Lbfgs::new(LbfgsConfig::new()).unwrap();
    lbfgs.step(&mut model, |model| valley(&model[2])).unwrap();
    assert_eq!(model[0].to_vec(), [-1.2, 1.0]);
    assert_eq!(model[1].to_vec(), [-1.2, 1.0]);
    assert!(model[2].to_vec()[0] > -1.2);
}

#[test]
fn a_wall_on_the_way_is_not_walked_into() {
    // ln(x) + 1 / x is lowest at 1, and there is nothing from 0 down.
    let evaluate = |place: &Parameter<f64>| {
        let loss = place.log().add(&place.pow(-1.0))?.sum();
        Ok((loss.item()?, loss.backward()?))
    };
    let mut place = Parameter::new(Tensor::full([1], 1.9));
    let mut lbfgs = Lbfgs::new(LbfgsConfig::new().with_rate(100.0)).unwrap();
    let report = lbfgs.step(&mut place, evaluate).unwrap();
    assert!((place.to_vec()[0] - 1.0).abs() < 1e-4, "{report:?}");

    let mut place = Parameter::new(Tensor::full([1], 1.9));
    let fixed = LbfgsConfig::new().with_line_search(LineSearch::Fixed);
    let mut lbfgs = Lbfgs::new(fixed.with_rate(100.0)).unwrap();
    let report = lbfgs.step(&mut place, evaluate).unwrap();
    assert_eq!(report.end, LbfgsEnd::NotFinite);
    assert_eq!(place.to_vec(), [1.9]);
}

#[test]
fn a_loss_that_is_no_number_skips_the_step() {
    let mut place = start();
    let mut lbfgs = Lbfgs::new(LbfgsConfig::new()).unwrap();
    let report = lbfgs.step(&mut place, |place| {
        let (_, gradients) = valley(place)?;
        Ok((f64::NAN, gradients))
    });
    assert_eq!(report.unwrap().end, LbfgsEnd::NotFinite);
    assert_eq!((lbfgs.steps(), lbfgs.skipped()), (0, 1));
    assert_eq!(place.to_vec(), [-1.2, 1.0]);
}

#[test]
fn nothing_to_train_is_the_end() {
    let mut none = Parameter::new(Tensor::<f64>::zeros([0]));
    let mut lbfgs = Lbfgs::new(LbfgsConfig::new()).unwrap();
    let report = lbfgs
        .step(&mut none, |_| Ok((1.0, Gradients::default())))
        .unwrap();
    assert_eq!((report.end, report.evaluations), (LbfgsEnd::Gradient, 1));
}

#[test]
fn other_models_states_and_settings_are_refused() {
    let config = LbfgsConfig::new().with_max_iter(3);
    let mut lbfgs = Lbfgs::new(config.clone()).unwrap();
    let mut place = start();
    for _ in 0..2 {
        lbfgs.step(&mut place, valley).unwrap();
    }
    let mut other = Parameter::new(Tensor::<f64>::ones([3]));
    let error = lbfgs.step(&mut other, valley).unwrap_err();
    assert!(error.to_string().contains("of 2 elements"), "{error}");
    let state = lbfgs.state().unwrap();
    let refused = |model: &Parameter<f64>, state: &OptimizerState<f64>, config: LbfgsConfig| {
        let mut fresh = Lbfgs::new(config).unwrap();
        let error = fresh.load(model, state).unwrap_err().to_string();
        assert_eq!(
            fresh.state().unwrap(),
            Lbfgs::new(fresh.config.clone()).unwrap().state().unwrap()
        );
        error
    };
    assert!(refused(&other, &state, config.clone()).contains("3 elements"));
    assert!(refused(&place, &state, config.clone().with_history_size(1)).contains("1 pairs"));
    let mut less = state.clone();
    less.tensors.remove("changes:1");
    assert!(refused(&place, &less, config.clone()).contains("`changes:1`"));
    let mut foreign = state;
    foreign.rule = "adam".to_owned();
    assert!(refused(&place, &foreign, config.clone()).contains("`adam`"));
    let bad = |config: LbfgsConfig| Lbfgs::<f64>::new(config).unwrap_err().to_string();
    assert!(bad(config.clone().with_rate(-1.0)).contains("`rate`"));
    assert!(bad(config.clone().with_max_iter(0)).contains("`max_iter`"));
    assert!(bad(config.clone().with_max_eval(Some(0))).contains("`max_eval`"));
    assert!(bad(config.clone().with_history_size(0)).contains("`history_size`"));
    assert!(bad(config.with_tolerance_grad(f64::NAN)).contains("`tolerance_grad`"));
}

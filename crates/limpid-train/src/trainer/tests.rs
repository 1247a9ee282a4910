use std::ops::ControlFlow;

use limpid_data::Loader;
use limpid_loss::{CrossEntropy, Mse};
use limpid_nn_layers::Context;
use limpid_optim::{Adam, Constant, CosineAnnealing, NonFinite, Optimizer, Sgd};
use limpid_tensor::{State, Tensor, named_parameters};

use super::*;
use crate::fixture::{Net, clearance, config, net, optimizer, split, trainer};
use crate::{
    Criterion, Detail, EarlyStop, Ending, EpochView, Keep, Layout, Rest, StepView, Watch, evaluate,
};

fn run(trainer: &mut Trainer<'_, f64, CrossEntropy>, model: &mut Net) -> Trained<f64> {
    let split = split();
    let stream = Stream::new(11);
    trainer
        .start(
            model,
            &split.train,
            Some(&split.validation),
            &stream,
            clearance(),
        )
        .unwrap()
}

#[test]
fn a_net_learns_iris() {
    let mut model = net(1);
    let trained = run(&mut trainer(TrainerConfig::new(40, 16)), &mut model);
    let best = trained.best.unwrap();
    assert!(best.accuracy.unwrap() > 0.9, "{best:?}");
    let epochs = &trained.history.epochs;
    assert!(epochs[39].train_loss < 0.5 * epochs[0].train_loss);
    assert_eq!(trained.history.ending, Some(Ending::Finished));
    assert_eq!(trained.history.waivers[0].name, "preflight");
}

#[test]
fn the_best_epoch_is_what_is_left_in_the_model() {
    let mut model = net(1);
    let split = split();
    let trained = run(&mut trainer(config()), &mut model);
    let again = evaluate(
        &model,
        &CrossEntropy::new(),
        &split.validation,
        7,
        Layout::AsGiven,
    );
    let (again, best) = (again.unwrap(), trained.best.unwrap());
    assert!((again.loss - best.loss).abs() < 1e-12);
    assert_eq!(trained.best_state.unwrap(), State::of(&model));
    let record = trained.history.best().unwrap();
    assert_eq!(record.validation_loss, Some(best.loss));
    let mut last = net(1);
    let kept = run(&mut trainer(config().with_keep(Keep::Last)), &mut last);
    assert_eq!(kept.last_state, State::of(&last));
}

#[test]
fn one_epoch_equals_the_loop_by_hand() {
    let split = split();
    let stream = Stream::new(11);
    let mut by_hand = net(3);
    let mut by_trainer = net(3);
    let mut adam = optimizer(0.01);
    let loader = Loader::classes(&split.train, 16).unwrap().shuffled();
    for (step, (x, y)) in loader
        .epoch(&stream.fork("order").fork(0_usize))
        .enumerate()
    {
        let mut context = Context::train(stream.fork("step").fork(step));
        let loss = CrossEntropy::new()
            .forward(&by_hand.forward(&x, &mut context).unwrap(), &y)
            .unwrap();
        let gradients = loss.backward().unwrap();
        let statistics = context.into_updates();
        adam.step(&mut by_hand, &gradients).unwrap();
        statistics.apply(&mut by_hand).unwrap();
    }
    let config = TrainerConfig::new(1, 16).with_keep(Keep::Last);
    run(&mut trainer(config), &mut by_trainer);
    assert_eq!(State::of(&by_hand), State::of(&by_trainer));
    assert_ne!(by_hand.drop.seen.to_vec(), [0.0]);
}

#[test]
fn equal_seeds_give_equal_bits_for_every_number_of_threads() {
    let one = |threads: usize| {
        limpid_tensor::threads::with(threads, || {
            let mut model = net(2);
            let mut trainer = trainer(config()).with_average(0.9).unwrap();
            (run(&mut trainer, &mut model), State::of(&model))
        })
    };
    let first = one(1);
    assert_eq!(first, one(1));
    assert_eq!(first, one(2));
    assert_eq!(first, one(4));
}

#[derive(Default)]
struct Watcher {
    every: u64,
    seen: Vec<(u64, usize, usize)>,
    paths: Vec<String>,
    epochs: usize,
}

impl Observer<f64> for Watcher {
    fn watch(&self) -> Watch {
        Watch::every(self.every, Detail::Activations)
    }

    fn on_step(&mut self, view: &StepView<'_, f64>) -> ControlFlow<String> {
        assert_eq!(view.report.parameters.len(), view.parameter_gradients.len());
        let names = named_parameters(view.model)
            .into_iter()
            .map(|(name, _)| name);
        assert!(
            names.eq(view
                .parameter_gradients
                .iter()
                .map(|(name, _)| name.clone()))
        );
        let with_gradient = view.activations.iter().filter(|it| it.gradient.is_some());
        let activations = view.activations.len();
        self.seen
            .push((view.record.step, activations, with_gradient.count()));
        self.paths = view.activations.iter().map(|it| it.path.clone()).collect();
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, view: &EpochView<'_, f64>) -> ControlFlow<String> {
        self.epochs += 1;
        match view.record.epoch {
            2 => ControlFlow::Break("seen enough".to_owned()),
            _ => ControlFlow::Continue(()),
        }
    }
}

#[test]
fn observers_see_layers_at_their_cadence_and_change_no_bit() {
    let mut alone = net(4);
    run(&mut trainer(TrainerConfig::new(3, 16)), &mut alone);
    let mut watched = net(4);
    let mut watcher = Watcher {
        every: 5,
        ..Watcher::default()
    };
    let trained = run(
        &mut trainer(config()).with_observer(&mut watcher),
        &mut watched,
    );
    assert_eq!(State::of(&alone), State::of(&watched));
    let steps = trained.history.steps.len() as u64;
    let due: Vec<_> = (0..steps).step_by(5).map(|step| (step, 3, 3)).collect();
    assert_eq!(watcher.seen, due);
    assert_eq!(watcher.paths, ["first", "drop", "last"]);
    assert_eq!(watcher.epochs, 3);
    let ending = Ending::Observer("seen enough".to_owned());
    assert_eq!(trained.history.ending, Some(ending));
}

#[test]
fn early_stopping_waits_as_long_as_its_patience() {
    let stop = EarlyStop::after(2).with_min_delta(1e9);
    let config = config()
        .with_early_stop(stop)
        .with_criterion(Criterion::ValidationAccuracy);
    let trained = run(&mut trainer(config), &mut net(1));
    assert_eq!(trained.history.epochs.len(), 3);
    assert_eq!(trained.history.best_epoch, Some(0));
    assert_eq!(trained.history.ending, Some(Ending::EarlyStop(stop)));
}

#[test]
fn the_penalty_is_reported_apart() {
    let mut with = net(1);
    let penalty = Penalty::l2(0.5).unwrap();
    let before = penalty.value(&with);
    let trained = run(
        &mut trainer(config()).with_penalty(penalty.clone()),
        &mut with,
    );
    let plain = run(&mut trainer(config()), &mut net(1));
    let (first, other) = (trained.history.steps[0], plain.history.steps[0]);
    assert_eq!((first.penalty, first.loss), (before, other.loss));
    assert_eq!(other.penalty, 0.0);
    let last: Vec<_> = trained.last_state.entries().to_vec();
    let length = |entries: &[(String, Tensor<f64>)]| entries[0].1.square().sum().item().unwrap();
    assert!(length(&last) < length(plain.last_state.entries()));
}

#[test]
fn a_schedule_sets_the_rate_of_steps_or_epochs() {
    let schedule = CosineAnnealing::new(0.1, 6);
    let rates = |per| {
        let mut trainer = trainer(config()).with_schedule(schedule, per).unwrap();
        let trained = run(&mut trainer, &mut net(1));
        trained
            .history
            .steps
            .iter()
            .map(|step| step.rate)
            .collect::<Vec<_>>()
    };
    let (steps, epochs) = (rates(Per::Step), rates(Per::Epoch));
    let per_epoch = epochs.len() / 6;
    assert_eq!(steps[3], schedule.rate(3));
    assert_eq!(epochs[3 * per_epoch], schedule.rate(3));
    assert_eq!(epochs[3 * per_epoch - 1], schedule.rate(2));
}

#[test]
fn a_loss_that_is_not_finite_brings_the_best_state_back() {
    let split = split();
    let sgd = Optimizer::new(Sgd::new(), f64::MAX).unwrap();
    let mut trainer = Trainer::new(
        CrossEntropy::new(),
        sgd.with_non_finite(NonFinite::Apply),
        config(),
    )
    .unwrap();
    let mut model = net(1);
    let before = State::of(&model);
    let error = trainer
        .start(
            &mut model,
            &split.train,
            Some(&split.validation),
            &Stream::new(1),
            clearance(),
        )
        .unwrap_err();
    let TrainError::NotFinite {
        epoch: 0,
        step,
        what: "loss",
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(step > 0);
    assert_eq!(State::of(&model), before);
    assert_eq!(trainer.history().steps.len() as u64, step);
}

#[test]
fn the_average_lies_between_start_and_end() {
    let mut model = net(1);
    let start = State::of(&model);
    let mut trainer = trainer(config().with_keep(Keep::Last))
        .with_average(0.9)
        .unwrap();
    let trained = run(&mut trainer, &mut model);
    let distance = |state: &State<f64>| {
        let pairs = state.entries().iter().zip(start.entries());
        pairs
            .map(|((_, a), (_, b))| a.sub(b).unwrap().square().sum().item().unwrap())
            .sum::<f64>()
    };
    let (average, last) = (trained.average.unwrap(), State::of(&model));
    assert!(0.0 < distance(&average) && distance(&average) < distance(&last));
}

#[test]
fn bad_settings_are_refused() {
    let split = split();
    let new = |config| Trainer::<f64, _>::new(CrossEntropy::new(), optimizer(0.1), config);
    assert!(matches!(
        new(TrainerConfig::new(1, 0)),
        Err(TrainError::Setting {
            name: "batch_size",
            ..
        })
    ));
    assert!(matches!(
        new(TrainerConfig::new(0, 1)),
        Err(TrainError::Setting { name: "epochs", .. })
    ));
    assert!(Optimizer::<f64, _>::new(Adam::new(), -0.1).is_err());
    assert!(
        trainer(config())
            .with_schedule(Constant(-0.1), Per::Step)
            .is_err()
    );
    assert!(trainer(config()).with_average(1.0).is_err());
    let unreduced = CrossEntropy::new().with_reduction(Reduction::None);
    assert!(Trainer::<f64, _>::new(unreduced, optimizer(0.1), config()).is_err());
    let too_large = TrainerConfig::new(1, 1000).with_rest(Rest::Drop);
    let mut trainer = new(too_large).unwrap();
    let error = trainer.start(
        &mut net(1),
        &split.train,
        None,
        &Stream::new(1),
        clearance(),
    );
    assert!(matches!(error, Err(TrainError::Data(_))), "{error:?}");
}

#[test]
fn targets_of_the_wrong_kind_are_refused_before_the_first_step() {
    let split = split();
    let mut trainer = Trainer::new(Mse::new(), optimizer(0.1), config()).unwrap();
    let error = trainer
        .start(
            &mut net(1),
            &split.train,
            None,
            &Stream::new(1),
            clearance(),
        )
        .unwrap_err();
    assert!(matches!(error, TrainError::Data(_)), "{error}");
}

#[test]
fn shapes_that_do_not_fit_are_named_with_step_and_layer() {
    let split = split();
    let mut model = net(1);
    model.last.weight = limpid_tensor::Parameter::new(Tensor::ones([7, 3]));
    let error = trainer(config())
        .start(&mut model, &split.train, None, &Stream::new(1), clearance())
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("epoch 0, step 0: last: matmul: "),
        "{message}"
    );
}

#[test]
fn uneven_batches_average_right() {
    let split = split();
    let model = net(1);
    let weighted = CrossEntropy::new().with_weight([1.0, 5.0, 0.5]);
    let of = |rows| evaluate(&model, &weighted, &split.train, rows, Layout::Flat).unwrap();
    let (whole, uneven) = (of(1000), of(37));
    assert!((whole.loss - uneven.loss).abs() < 1e-12 * whole.loss);
    assert_eq!((whole.accuracy, whole.rows), (uneven.accuracy, uneven.rows));
    let refused = evaluate(&model, &weighted, &split.train, 0, Layout::Flat);
    assert!(matches!(refused, Err(TrainError::Data(_))));
}

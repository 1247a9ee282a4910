use std::collections::BTreeMap;
use std::ops::ControlFlow;

use limpid_interop::InteropError;
use limpid_interop::safetensors::{Precision, load, save};
use limpid_loss::CrossEntropy;
use limpid_optim::{Adam, Goal, Optimizer, Penalty, ReduceOnPlateau};
use limpid_tensor::Stream;

use super::*;
use crate::fixture::{Net, clearance, config, net, optimizer, split, trainer};
use crate::{
    Budget, Checkpoints, Criterion, Detail, EarlyStop, Interrupt, Limit, Observer, StepView,
    Trained, Trainer, TrainerConfig, Watch,
};

type Own<'a> = Trainer<'a, f64, CrossEntropy>;

fn settings(epochs: usize) -> TrainerConfig {
    let mut config = config()
        .with_early_stop(EarlyStop::after(5))
        .with_criterion(Criterion::ValidationAccuracy);
    config.epochs = epochs;
    config
}

/// With everything that has a state.
fn full<'a>(epochs: usize) -> Own<'a> {
    let plateau = ReduceOnPlateau::new(0.01)
        .with_goal(Goal::Maximize)
        .with_patience(0)
        .with_factor(0.5);
    trainer(settings(epochs))
        .with_average(0.9)
        .unwrap()
        .with_weight_averaging(2)
        .with_accumulation(2)
        .unwrap()
        .with_penalty(Penalty::l2(1e-3).unwrap())
        .with_plateau(plateau)
        .unwrap()
}

fn start(trainer: &mut Own<'_>, model: &mut Net) -> Result<Trained<f64>, TrainError> {
    let split = split();
    let parts = (&split.train, Some(&split.validation));
    trainer.start(model, parts.0, parts.1, &Stream::new(3), clearance())
}

fn resume(
    trainer: &mut Own<'_>,
    model: &mut Net,
    checkpoint: &Checkpoint<f64>,
) -> Result<Trained<f64>, TrainError> {
    let split = split();
    let parts = (&split.train, Some(&split.validation));
    trainer.resume(model, parts.0, parts.1, &Stream::new(3), checkpoint)
}

fn newest(folder: &Path) -> Checkpoint<f64> {
    let (checkpoint, errors) = Checkpoints::new(folder).latest().unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    checkpoint.unwrap()
}

#[test]
fn a_run_broken_off_after_any_step_goes_on_to_the_same_bits() {
    let mut whole = net(1);
    let undisturbed = start(&mut full(6), &mut whole).unwrap();
    let steps = undisturbed.history.steps.len() as u64;
    assert_eq!(steps, 6 * 3);
    for steps in 0..steps {
        let folder = tempfile::tempdir().unwrap();
        let mut trainer = full(6)
            .with_checkpoints(Checkpoints::new(folder.path()).with_every(100))
            .with_budget(Budget::new().with_steps(steps))
            .unwrap();
        let broken = start(&mut trainer, &mut net(1)).unwrap();
        let ending = broken.history.ending.clone().unwrap();
        let Ending::Budget { limit, .. } = &ending else {
            panic!("{ending:?}");
        };
        assert_eq!(*limit, Limit::Steps(steps));
        let checkpoint = newest(folder.path());
        assert_eq!(ending.checkpoint(), Some(checkpoint.file()));
        assert_eq!(checkpoint.steps(), steps);
        let mut other = net(99);
        let trained = resume(&mut full(6), &mut other, &checkpoint).unwrap();
        assert_eq!(trained, undisturbed, "broken off after {steps}");
        assert_eq!(State::of(&other), State::of(&whole));
    }
}

#[test]
fn without_validation_the_epoch_before_is_the_refuge() {
    let split = split();
    let folder = tempfile::tempdir().unwrap();
    let stream = Stream::new(3);
    let mut trainer = trainer(config())
        .with_checkpoints(Checkpoints::new(folder.path()))
        .with_budget(Budget::new().with_steps(8))
        .unwrap();
    let mut model = net(1);
    trainer
        .start(&mut model, &split.train, None, &stream, clearance())
        .unwrap();
    let checkpoint = newest(folder.path());
    assert_eq!((checkpoint.epochs(), checkpoint.batches()), (1, 2));
    let run = checkpoint.run(None, None).unwrap();
    let after_epoch = Checkpoint::<f64>::load(&Checkpoints::new(folder.path()).file(6)).unwrap();
    assert_eq!(&run.refuge, after_epoch.model());
    assert_ne!(&run.refuge, checkpoint.model());
}

#[test]
fn a_run_at_its_end_stays_there_unless_it_is_reopened() {
    let config = || {
        let stop = EarlyStop::after(1).with_min_delta(1.0);
        config().with_early_stop(stop)
    };
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = || Checkpoints::new(folder.path());
    let undisturbed = start(
        &mut trainer(config()).with_checkpoints(checkpoints()),
        &mut net(1),
    )
    .unwrap();
    assert_eq!(undisturbed.history.epochs.len(), 2);
    let checkpoint = newest(folder.path());
    let again = resume(&mut trainer(config()), &mut net(2), &checkpoint).unwrap();
    assert_eq!(again, undisturbed);
    let more = resume(&mut trainer(config()), &mut net(2), &checkpoint.reopened()).unwrap();
    assert_eq!(more.history.epochs.len(), 3);
}

#[test]
fn more_epochs_may_follow_a_finished_run() {
    let mut whole = net(1);
    let undisturbed = start(&mut trainer(config()), &mut whole).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut short = config();
    short.epochs = 2;
    let checkpoints = Checkpoints::new(folder.path());
    start(
        &mut trainer(short).with_checkpoints(checkpoints),
        &mut net(1),
    )
    .unwrap();
    let mut model = net(5);
    let trained = resume(&mut trainer(config()), &mut model, &newest(folder.path())).unwrap();
    assert_eq!(trained, undisturbed);
    assert_eq!(State::of(&model), State::of(&whole));
}

#[test]
fn only_the_newest_are_kept_and_the_best_weights_lie_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = || {
        Checkpoints::new(folder.path())
            .with_every_steps(4)
            .with_keep(3)
    };
    let mut model = net(1);
    let trained = start(
        &mut trainer(config()).with_checkpoints(checkpoints()),
        &mut model,
    )
    .unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "best.safetensors",
            "step-000000000030.safetensors",
            "step-000000000032.safetensors",
            "step-000000000036.safetensors",
        ]
    );
    let best = load::<f64>(&checkpoints().best_file(), Precision::Exact).unwrap();
    assert_eq!(Some(best.state), trained.best_state);
    let epoch = trained.history.best_epoch.unwrap().to_string();
    assert_eq!(best.metadata["epoch"], epoch);
}

#[test]
fn time_writes_checkpoints_too_and_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path())
        .with_interval(Duration::ZERO)
        .with_keep(1000)
        .without_best();
    let (mut often, mut never) = (net(1), net(1));
    let own = start(&mut full(6).with_checkpoints(checkpoints), &mut often).unwrap();
    assert_eq!(own, start(&mut full(6), &mut never).unwrap());
    assert_eq!(State::of(&often), State::of(&never));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 18);
}

#[test]
fn a_folder_with_checkpoints_is_no_place_to_start() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("made/where/missing");
    let mut trainer = full(1).with_checkpoints(Checkpoints::new(&own));
    start(&mut trainer, &mut net(1)).unwrap();
    let error = start(&mut trainer, &mut net(1)).unwrap_err();
    assert!(matches!(error, TrainError::Checkpoint { .. }), "{error}");
    assert!(error.to_string().contains("resume from it"), "{error}");
}

#[test]
fn files_beyond_the_point_of_return_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path()).with_keep(10);
    start(
        &mut full(4).with_checkpoints(checkpoints.clone()),
        &mut net(1),
    )
    .unwrap();
    std::fs::write(folder.path().join(".limpid-killed.partial"), "half").unwrap();
    let early = Checkpoint::load(&checkpoints.file(6)).unwrap();
    let mut trainer = full(3).with_checkpoints(checkpoints.clone());
    resume(&mut trainer, &mut net(1), &early).unwrap();
    let names = checkpoints.files().unwrap();
    let expected = [9, 6, 3].map(|step| checkpoints.file(step));
    assert_eq!(names, expected);
    assert!(
        folder
            .path()
            .join("aside-step-000000000012.safetensors")
            .exists()
    );
    assert!(!folder.path().join(".limpid-killed.partial").exists());
}

#[test]
fn whoever_may_be_killed_starts_or_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let split = split();
    let parts = (&split.train, Some(&split.validation));
    let stream = Stream::new(3);
    let undisturbed = start(&mut full(6), &mut net(1)).unwrap();
    let mut last = None;
    for steps in [0, 4, 9, 1000] {
        let mut trainer = full(6)
            .with_checkpoints(Checkpoints::new(folder.path()))
            .with_budget(Budget::new().with_steps(steps))
            .unwrap();
        let outcome = trainer.start_or_resume(&mut net(1), parts.0, parts.1, &stream, clearance());
        let (trained, errors) = outcome.unwrap();
        assert!(errors.is_empty());
        last = Some(trained);
    }
    assert_eq!(last.unwrap(), undisturbed);
    for file in Checkpoints::new(folder.path()).files().unwrap() {
        std::fs::write(file, "nothing").unwrap();
    }
    let mut trainer = full(6).with_checkpoints(Checkpoints::new(folder.path()));
    let outcome = trainer.start_or_resume(&mut net(1), parts.0, parts.1, &stream, clearance());
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("step-000000000018.safetensors"), "{error}");
}

/// Sets an interrupt after a step.
struct Press(Interrupt, u64);

impl Observer<f64> for Press {
    fn watch(&self) -> Watch {
        Watch::every(1, Detail::Plain)
    }

    fn on_step(&mut self, view: &StepView<'_, f64>) -> ControlFlow<String> {
        if view.record.step == self.1 {
            self.0.set();
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn an_interrupt_finishes_the_step_and_says_how_to_go_on() {
    let undisturbed = start(&mut full(6), &mut net(1)).unwrap();
    for step in [0, 4, 5, 17] {
        let folder = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::new();
        let mut trainer = full(6)
            .with_checkpoints(Checkpoints::new(folder.path()))
            .with_interrupt(interrupt.clone())
            .with_observer(Press(interrupt.clone(), step));
        let ending = start(&mut trainer, &mut net(1)).unwrap().history.ending;
        let checkpoint = newest(folder.path());
        assert_eq!(checkpoint.steps(), step + 1);
        let ending = ending.unwrap();
        assert_eq!(
            ending,
            Ending::Interrupted {
                checkpoint: Some(checkpoint.file().to_owned())
            }
        );
        let message = ending.to_string();
        let file = checkpoint.file().display().to_string();
        assert!(message.contains("Trainer::resume"), "{message}");
        assert!(message.ends_with(&file), "{message}");
        let trained = resume(&mut full(6), &mut net(1), &checkpoint).unwrap();
        assert_eq!(trained, undisturbed, "interrupted after {step}");
    }
}

#[test]
fn the_time_of_earlier_parts_counts() {
    let folder = tempfile::tempdir().unwrap();
    let budget = Budget::new().with_steps(4);
    let mut trainer = full(6)
        .with_checkpoints(Checkpoints::new(folder.path()))
        .with_budget(budget)
        .unwrap();
    start(&mut trainer, &mut net(1)).unwrap();
    let mut checkpoint = newest(folder.path());
    assert!(checkpoint.elapsed() > Duration::ZERO);
    checkpoint.record.elapsed = Duration::from_secs(100);
    let limit = Duration::from_secs(100);
    let mut trainer = full(6).with_budget(Budget::new().with_time(limit)).unwrap();
    let trained = resume(&mut trainer, &mut net(1), &checkpoint).unwrap();
    assert_eq!(trained.history.steps.len(), 4);
    let limit = Limit::Time(limit);
    assert_eq!(
        trained.history.ending,
        Some(Ending::Budget {
            limit,
            checkpoint: None
        })
    );
}

#[test]
fn a_checkpoint_of_another_run_is_refused_by_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    start(
        &mut trainer(settings(2)).with_checkpoints(Checkpoints::new(folder.path())),
        &mut net(1),
    )
    .unwrap();
    let checkpoint = newest(folder.path());
    let new = |loss, adam: Adam, config| {
        Trainer::new(loss, Optimizer::new(adam, 0.01).unwrap(), config).unwrap()
    };
    let (loss, adam) = (CrossEntropy::new, Adam::new);
    let mut batches = settings(2);
    batches.batch_size = 15;
    let weight_decay = adam().with_weight_decay(0.1);
    let others: Vec<(&str, Own<'_>)> = vec![
        ("batch_size", new(loss(), adam(), batches)),
        (
            "early_stop.patience",
            new(
                loss(),
                adam(),
                settings(2).with_early_stop(EarlyStop::after(6)),
            ),
        ),
        (
            "loss.label_smoothing",
            new(loss().with_label_smoothing(0.1), adam(), settings(2)),
        ),
        (
            "optimizer.rule.weight_decay",
            new(loss(), weight_decay, settings(2)),
        ),
        (
            "rate",
            Trainer::new(loss(), optimizer(0.02), settings(2)).unwrap(),
        ),
        (
            "penalty",
            trainer(settings(2)).with_penalty(Penalty::l1(0.1).unwrap()),
        ),
        ("average", trainer(settings(2)).with_average(0.5).unwrap()),
        (
            "weight averaging",
            trainer(settings(2)).with_weight_averaging(1),
        ),
        (
            "accumulation",
            trainer(settings(2)).with_accumulation(2).unwrap(),
        ),
    ];
    for (name, mut other) in others {
        let mut model = net(7);
        let before = State::of(&model);
        let error = resume(&mut other, &mut model, &checkpoint).unwrap_err();
        let TrainError::OtherRun { file, setting, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(
            (setting.as_str(), file.as_path()),
            (name, checkpoint.file())
        );
        assert_eq!(State::of(&model), before);
    }
    let split = split();
    let error = trainer(settings(2))
        .resume(
            &mut net(1),
            &split.train,
            Some(&split.validation),
            &Stream::new(4),
            &checkpoint,
        )
        .unwrap_err();
    let expected = format!(
        "`seed` is {}, expected {}",
        Stream::new(3).seed(),
        Stream::new(4).seed()
    );
    assert!(error.to_string().ends_with(&expected), "{error}");
}

#[test]
fn damaged_files_are_named_and_the_previous_one_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path());
    start(
        &mut full(3).with_checkpoints(checkpoints.clone()),
        &mut net(1),
    )
    .unwrap();
    let newest = checkpoints.files().unwrap()[0].clone();
    let bytes = std::fs::read(&newest).unwrap();
    let damaged = |bytes: &[u8]| {
        std::fs::write(&newest, bytes).unwrap();
        let (checkpoint, errors) = checkpoints.latest::<f64>().unwrap();
        assert_eq!(checkpoint.unwrap().epochs(), 2);
        assert_eq!(errors.len(), 1);
        let message = errors[0].to_string();
        assert!(
            message.contains("step-000000000009.safetensors"),
            "{message}"
        );
    };
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        damaged(&bytes[..length]);
    }
    for place in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1;
        damaged(&flipped);
    }
    damaged(b"something else entirely, and no checkpoint");
}

#[test]
fn weights_alone_are_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    save(&file, &State::of(&net(1)), &BTreeMap::new()).unwrap();
    let error = Checkpoint::<f64>::load(&file).unwrap_err();
    assert!(
        error.to_string().contains("without a record of a run"),
        "{error}"
    );
    assert!(matches!(
        Checkpoint::<f32>::load(&file),
        Err(TrainError::File(InteropError::ElementType { .. }))
    ));
    let future = BTreeMap::from([("limpid.checkpoint".to_owned(), "99".to_owned())]);
    save(&file, &State::of(&net(1)), &future).unwrap();
    let error = Checkpoint::<f64>::load(&file).unwrap_err();
    assert!(
        error.to_string().ends_with("expected format 2, found 99"),
        "{error}"
    );
}

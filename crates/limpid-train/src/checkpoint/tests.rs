use limpid_tensor::Stream;

use super::*;
use crate::fixture::{Net, clearance, config, net, split, trainer};
use crate::{Checkpoints, EarlyStop, Trained, TrainerConfig};

fn settings(epochs: usize) -> TrainerConfig {
    let mut config = config().with_early_stop(EarlyStop::after(5));
    config.epochs = epochs;
    config
}

fn start(epochs: usize, folder: &Path, model: &mut Net) -> Trained<f64> {
    let split = split();
    trainer(settings(epochs))
        .with_average(0.9)
        .unwrap()
        .with_checkpoints(Checkpoints::new(folder))
        .start(
            model,
            &split.train,
            Some(&split.validation),
            &Stream::new(3),
            clearance(),
        )
        .unwrap()
}

fn resume(
    epochs: usize,
    seed: u64,
    model: &mut Net,
    checkpoint: &Checkpoint<f64>,
) -> Result<Trained<f64>, TrainError> {
    let split = split();
    trainer(settings(epochs)).with_average(0.9)?.resume(
        model,
        &split.train,
        Some(&split.validation),
        &Stream::new(seed),
        checkpoint,
    )
}

#[test]
fn a_broken_off_run_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let mut whole = net(1);
    let undisturbed = start(6, folder.path(), &mut whole);
    for broken_off in [1, 3, 5] {
        let folder = tempfile::tempdir().unwrap();
        start(broken_off, folder.path(), &mut net(1));
        let (checkpoint, errors) = Checkpoints::new(folder.path()).latest::<f64>().unwrap();
        assert!(errors.is_empty());
        let mut other = net(99);
        let trained = resume(6, 3, &mut other, &checkpoint.unwrap()).unwrap();
        assert_eq!(trained, undisturbed, "broken off after {broken_off}");
        assert_eq!(State::of(&other), State::of(&whole));
    }
}

#[test]
fn only_the_newest_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    start(4, folder.path(), &mut net(1));
    let files = Checkpoints::new(folder.path()).files().unwrap();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap()).collect();
    assert_eq!(
        names,
        ["epoch-00004.safetensors", "epoch-00003.safetensors"]
    );
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    start(2, folder.path(), &mut net(1));
    let (checkpoint, _) = Checkpoints::new(folder.path()).latest::<f64>().unwrap();
    let mut model = net(1);
    let before = State::of(&model);
    let error = resume(4, 4, &mut model, &checkpoint.unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "checkpoint: expected seed {}, found {}",
            Stream::new(4).seed(),
            Stream::new(3).seed()
        )
    );
    assert_eq!(State::of(&model), before);
}

#[test]
fn damaged_files_are_named_and_the_previous_one_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    start(3, folder.path(), &mut net(1));
    let checkpoints = Checkpoints::new(folder.path());
    let newest = checkpoints.files().unwrap()[0].clone();
    let bytes = std::fs::read(&newest).unwrap();
    let damaged = |bytes: &[u8]| {
        std::fs::write(&newest, bytes).unwrap();
        let (checkpoint, errors) = checkpoints.latest::<f64>().unwrap();
        assert_eq!(checkpoint.unwrap().epochs(), 2);
        assert_eq!(errors.len(), 1);
        let message = errors[0].to_string();
        assert!(message.contains("epoch-00003.safetensors"), "{message}");
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
        Err(TrainError::File(_))
    ));
}

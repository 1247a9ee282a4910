//! A disk that is full leaves the last good checkpoint in its place.

use limpid_train::Checkpoint;

use crate::child::Task;
use crate::kill::leftovers;

/// Writes of more than 64 KiB to one file fail, as on a disk that is full in their middle.
const FULL: &str = "trap '' XFSZ; ulimit -f 64;";

#[test]
fn a_full_disk_is_an_error_and_the_run_goes_on_when_there_is_room() {
    let [whole, folder] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let undisturbed = Task::new(whole.path(), 2);
    undisturbed.run("");
    let task = Task::new(folder.path(), 2);
    let said = Task {
        steps: Some(20),
        ..task
    }
    .run("");
    assert!(said.contains("ended: the budget of 20 steps"), "{said}");
    let files = task.checkpoints().files().unwrap();
    let before: Vec<_> = files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect();
    assert!(before[0].len() > 64 << 10);

    let said = task.run(FULL);
    let expected = "failed: ";
    assert!(
        said.contains(expected) && said.contains("cannot write"),
        "{said}"
    );
    assert!(said.contains("step-000000000021.safetensors"), "{said}");
    assert!(leftovers(folder.path()).is_empty());
    assert_eq!(task.checkpoints().files().unwrap(), files);
    let after: Vec<_> = files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect();
    assert!(before == after);
    let last = Checkpoint::<f32>::load(&files[0]).unwrap();
    assert_eq!(last.steps(), 20);

    task.run("");
    assert!(task.results() == undisturbed.results() && task.results().is_some());
}

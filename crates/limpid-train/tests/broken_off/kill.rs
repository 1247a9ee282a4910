//! Killed at any moment, a run goes on to the same bits.

use std::path::Path;
use std::time::Duration;

use limpid_tensor::Stream;

use crate::child::Task;

const KILLS: usize = 50;

/// Kills the process at random moments, until it has been often enough; gives how often that was
/// while a checkpoint was being written.
fn killed(task: &Task<'_>, stream: &Stream, kills: &mut usize) -> usize {
    let mut in_the_write = 0;
    while *kills < KILLS && task.results().is_none() {
        let (mut process, _output) = task.start("");
        let moment = stream.fork(*kills).seed() % 40_000;
        std::thread::sleep(Duration::from_micros(moment));
        process.kill().unwrap();
        process.wait().unwrap();
        *kills += 1;
        in_the_write += usize::from(has_leftovers(task.folder));
    }
    in_the_write
}

pub(crate) fn has_leftovers(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().ends_with(".partial")
    })
}

#[test]
fn a_run_that_is_killed_fifty_times_leaves_the_bits_of_an_undisturbed_one() {
    let whole = tempfile::tempdir().unwrap();
    let undisturbed = Task::new(whole.path(), 1);
    undisturbed.run("");
    let expected = undisturbed.results().unwrap();
    for threads in [1, 2, 4] {
        let stream = Stream::new(41).fork(threads);
        let (mut kills, mut in_the_write, mut runs) = (0, 0, 0);
        while kills < KILLS {
            let folder = tempfile::tempdir().unwrap();
            let task = Task::new(folder.path(), threads);
            in_the_write += killed(&task, &stream, &mut kills);
            let said = task.run("");
            assert!(said.contains("ended: "), "{said}");
            let results = task.results().unwrap();
            assert!(results == expected, "{threads} threads, {kills} kills");
            assert!(!has_leftovers(folder.path()));
            runs += 1;
        }
        println!("{threads} threads: {kills} kills in {runs} runs, {in_the_write} in the write");
        assert!(in_the_write > 0, "no kill fell into a write");
    }
}

//! Killed at any moment, a run goes on to the same bits.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::thread;
use std::time::Duration;

use limpid_tensor::Stream;

use crate::child::Task;

const KILLS: usize = 50;

/// Kills the process at random moments, every other time when a checkpoint is being written, until it
/// has been often enough; gives how often one was.
fn killed(task: &Task<'_>, stream: &Stream, kills: &mut usize) -> usize {
    let mut in_the_write = 0;
    while *kills < KILLS && task.results().is_none() {
        let before = leftovers(task.folder);
        let (mut process, _output) = task.start("");
        let is_writing = || leftovers(task.folder).difference(&before).next().is_some();
        let moment = stream.fork(*kills).seed() % 40_000;
        thread::sleep(Duration::from_micros(moment));
        if *kills % 2 == 1 {
            while !is_writing() && process.try_wait().unwrap().is_none() {
                thread::sleep(Duration::from_micros(50));
            }
        }
        process.kill().unwrap();
        process.wait().unwrap();
        *kills += 1;
        in_the_write += usize::from(is_writing());
    }
    in_the_write
}

/// The files that are not written to their end.
pub(crate) fn leftovers(folder: &Path) -> BTreeSet<OsString> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().ends_with(".partial"))
        .collect()
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
            assert!(leftovers(folder.path()).is_empty());
            runs += 1;
        }
        println!("{threads} threads: {kills} kills in {runs} runs, {in_the_write} in the write");
        assert!(in_the_write > 0, "no kill fell into a write");
    }
}

//! Ctrl-C ends a run in good order.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use limpid_train::Interrupt;

use crate::child::Task;

fn signal(name: &str, process: u32) {
    let sent = Command::new("bash")
        .args(["-c", &format!("kill -{name} {process}")])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn ctrl_c_finishes_the_step_writes_a_checkpoint_and_says_how_to_go_on() {
    let [whole, folder] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let undisturbed = Task::new(whole.path(), 1);
    undisturbed.run("");
    let task = Task {
        listens: true,
        ..Task::new(folder.path(), 1)
    };
    for name in ["INT", "TERM"] {
        let (mut process, mut output) = task.start("");
        // Once it is at work.
        let before = task.checkpoints().files().unwrap();
        while task.checkpoints().files().unwrap() == before {
            std::thread::sleep(Duration::from_millis(1));
        }
        signal(name, process.id());
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        assert!(process.wait().unwrap().success(), "{said}");
        let newest = task.checkpoints().files().unwrap().remove(0);
        let newest = newest.display().to_string();
        let expected = format!("ended: interrupted; `Trainer::resume` goes on from {newest}");
        assert!(said.contains(&expected), "{said}");
    }
    task.run("");
    assert!(task.results() == undisturbed.results() && task.results().is_some());
}

/// Waits for a second signal: where it is told nothing, it does nothing.
#[test]
fn deaf() {
    if std::env::var_os("LIMPID_BROKEN_OFF_DEAF").is_none() {
        return;
    }
    let interrupt = Interrupt::on_ctrl_c().unwrap();
    println!("ready");
    while !interrupt.is_set() {
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("once");
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn the_second_ctrl_c_ends_the_process_as_usual() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    const INTERRUPTED: i32 = 2;
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["interrupt::deaf", "--exact", "--nocapture"])
        .env("LIMPID_BROKEN_OFF_DEAF", "")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    for line in lines.map(Result::unwrap) {
        if line.contains("ready") || line.contains("once") {
            signal("INT", process.id());
        }
    }
    assert_eq!(process.wait().unwrap().signal(), Some(INTERRUPTED));
}

//! The process that trains: this test binary once more, with one test to run.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use limpid_data::{Fractions, GaussianNoise, Split, classics};
use limpid_interop::safetensors::save;
use limpid_loss::CrossEntropy;
use limpid_nn_layers::{BatchNorm, Dropout, Linear, Relu, Sequential};
use limpid_optim::{Adam, Clip, Optimizer, Penalty, ReduceOnPlateau};
use limpid_tensor::{State, Stream, threads};
use limpid_train::{Budget, Checkpoints, Clearance, EarlyStop, Interrupt, Trainer, TrainerConfig};

/// What a process is told, and by which variable.
const FOLDER: &str = "LIMPID_BROKEN_OFF_FOLDER";
const THREADS: &str = "LIMPID_BROKEN_OFF_THREADS";
const STEPS: &str = "LIMPID_BROKEN_OFF_STEPS";
const LISTENS: &str = "LIMPID_BROKEN_OFF_LISTENS";

/// What it is to do.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) threads: usize,
    /// After how many steps it ends of its own accord.
    pub(crate) steps: Option<u64>,
    /// Whether it listens to Ctrl-C.
    pub(crate) listens: bool,
}

impl<'a> Task<'a> {
    pub(crate) fn new(folder: &'a Path, threads: usize) -> Self {
        Self {
            folder,
            threads,
            steps: None,
            listens: false,
        }
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            (FOLDER, self.folder.display().to_string()),
            (THREADS, self.threads.to_string()),
        ];
        variables.extend(self.steps.map(|steps| (STEPS, steps.to_string())));
        variables.extend(self.listens.then(|| (LISTENS, String::new())));
        variables
    }

    /// Starts the process, after the lines of `bash` in `before`; gives it when it is about to train.
    pub(crate) fn start(&self, before: &str) -> (Child, BufReader<ChildStdout>) {
        let mut process = Command::new("bash")
            .args(["-c", &format!("{before} exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args(["child::child", "--exact", "--nocapture"])
            .envs(self.variables())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("ready") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "it did not start");
        }
        (process, output)
    }

    /// Runs the process to its end; gives what it says of it.
    pub(crate) fn run(&self, before: &str) -> String {
        let (mut process, output) = self.start(before);
        let said: Vec<String> = output.lines().map(Result::unwrap).collect();
        process.wait().unwrap();
        said.join("\n")
    }

    pub(crate) fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.folder)
            .with_every_steps(1)
            .with_keep(3)
    }

    /// The weights and the history that a whole run leaves, if there are any yet.
    pub(crate) fn results(&self) -> Option<[Vec<u8>; 2]> {
        let read = |name: &str| std::fs::read(self.folder.join(name)).ok();
        Some([read(HISTORY)?, read(WEIGHTS)?])
    }
}

const WEIGHTS: &str = "left.safetensors";
const HISTORY: &str = "history.json";

/// Everything that a process trains with.
fn model(stream: &Stream) -> Result<Sequential<f32>, Box<dyn Error>> {
    Ok(Sequential::new()
        .with(BatchNorm::new(64)?)
        .with(Linear::new(64, 128, stream.fork(1))?)
        .with(Relu)
        .with(Dropout::new(0.2)?)
        .with(Linear::output(128, 10, stream.fork(2))?))
}

fn train(task: &Task<'_>) -> Result<String, Box<dyn Error>> {
    let stream = Stream::new(7);
    let split = Split::stratified(&classics::digits()?, Fractions::default(), &stream)?;
    let mut model = model(&stream)?;
    let optimizer = Optimizer::new(Adam::new(), 0.01)?.with_clip(Clip::Norm(1.0))?;
    let config = TrainerConfig::new(5, 64).with_early_stop(EarlyStop::after(4));
    let plateau = ReduceOnPlateau::new(0.01).with_patience(0);
    let mut trainer = Trainer::new(CrossEntropy::new(), optimizer, config)?
        .with_penalty(Penalty::l2(1e-4)?)
        .with_average(0.99)?
        .with_weight_averaging(2)
        .with_augment(GaussianNoise::new(0.1)?)
        .with_workers(task.threads / 2)
        .with_plateau(plateau)?
        .with_checkpoints(task.checkpoints());
    if let Some(steps) = task.steps {
        trainer = trainer.with_budget(Budget::new().with_steps(steps))?;
    }
    if task.listens {
        trainer = trainer.with_interrupt(listen()?);
    }
    say("ready")?;
    let clearance = Clearance::without_preflight("a test of broken-off runs")?;
    let (part, validation) = (&split.train, Some(&split.validation));
    let (trained, _) = trainer.start_or_resume(&mut model, part, validation, &stream, clearance)?;
    let ending = trained.history.ending.as_ref().ok_or("no ending")?;
    if ending.checkpoint().is_none() {
        let history = serde_json::to_vec(&trained.history)?;
        limpid_interop::write_atomically(&task.folder.join(HISTORY), &history)?;
        let mut left = State::of(&model).entries().to_vec();
        for (prefix, state) in [("average", trained.average), ("swa", trained.swa)] {
            for (name, value) in state.unwrap_or_default().entries() {
                left.push((format!("{prefix}/{name}"), value.clone()));
            }
        }
        let file = task.folder.join(WEIGHTS);
        save(&file, &State::from_entries(left), &Default::default())?;
    }
    Ok(ending.to_string())
}

#[cfg(feature = "ctrl-c")]
fn listen() -> Result<Interrupt, Box<dyn Error>> {
    Ok(Interrupt::on_ctrl_c()?)
}

#[cfg(not(feature = "ctrl-c"))]
fn listen() -> Result<Interrupt, Box<dyn Error>> {
    Ok(Interrupt::new())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{line}")?;
    output.flush()
}

/// No test of its own: where it is told nothing, it does nothing.
#[test]
fn child() {
    let variable = |name: &str| std::env::var(name).ok();
    let (Some(folder), Some(count)) = (variable(FOLDER), variable(THREADS)) else {
        return;
    };
    let task = Task {
        steps: variable(STEPS).map(|steps| steps.parse().unwrap()),
        listens: variable(LISTENS).is_some(),
        ..Task::new(Path::new(&folder), count.parse().unwrap())
    };
    let outcome = threads::with(task.threads, || train(&task));
    match outcome {
        Ok(ending) => say(&format!("ended: {ending}")).unwrap(),
        Err(error) => say(&format!("failed: {error}")).unwrap(),
    }
}

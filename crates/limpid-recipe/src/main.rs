//! The command `limpid`: the road from a CSV file to a report.

#![expect(
    clippy::print_stdout,
    reason = "a command speaks on its standard output"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use limpid_data::{TableOptions, TargetColumn, Task, read_csv};
use limpid_recipe::{RecipeError, Road, RunFolder, Settings};

/// Training neural networks well on ordinary CPUs.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Walks the whole road with a table of classes: audit, split, checks, search, training, ensemble, report.
    Train {
        /// A CSV file with a header row, gzipped or not.
        table: PathBuf,
        /// The column that holds the classes; the last one by default.
        #[arg(long)]
        target: Option<String>,
        /// A JSON file of settings; what it leaves out has its default.
        #[arg(long)]
        settings: Option<PathBuf>,
        /// The seed of everything that is random.
        #[arg(long)]
        seed: Option<u64>,
        /// The folder of the run.
        #[arg(long, default_value = "runs/table")]
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    let Command::Train {
        table,
        target,
        settings,
        seed,
        folder,
    } = Arguments::parse().command;
    let outcome =
        settings_of(settings, seed).and_then(|settings| train(table, target, settings, folder));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("limpid: {error}");
            ExitCode::FAILURE
        }
    }
}

fn settings_of(path: Option<PathBuf>, seed: Option<u64>) -> Result<Settings, RecipeError> {
    let mut settings = match path {
        None => Settings::default(),
        Some(path) => match std::fs::read_to_string(&path) {
            Err(source) => return Err(RecipeError::Read { path, source }),
            Ok(text) => match serde_json::from_str(&text) {
                Ok(settings) => settings,
                Err(source) => return Err(RecipeError::Settings { path, source }),
            },
        },
    };
    if let Some(seed) = seed {
        settings.seed = seed;
    }
    Ok(settings)
}

fn train(
    table: PathBuf,
    target: Option<String>,
    settings: Settings,
    folder: PathBuf,
) -> Result<(), RecipeError> {
    let target = target.map_or(TargetColumn::Last, TargetColumn::Named);
    let mut options = TableOptions::default();
    options.target = target;
    options.task = Task::Classification;
    let table = read_csv(&table, &options)?;
    let folder = RunFolder::create(folder)?;
    let road = Road::new(settings).with_progress(true);
    road.walk(&table, &folder, &mut |line| println!("{line}"))?;
    Ok(())
}

//! The whole road once, on 1797 handwritten digits: audit, typed split, preprocessing, checks before
//! training, search, training under watch, ensemble, one look at the test part, report.
//!
//! ```sh
//! cargo run --release --example digits                # one road, and where its report lies
//! cargo run --release --example digits -- --seeds 10  # ten splits, and a table
//! ```

#![expect(
    clippy::print_stdout,
    reason = "an example speaks on its standard output"
)]

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use limpid::data::classics;
use limpid::recipe::{Road, RunFolder, Settings};

/// The whole road once, on handwritten digits.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many splits to walk the road on.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The seed of the first.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The folder of the runs.
    #[arg(long, default_value = "runs/digits")]
    folder: PathBuf,
}

fn main() -> limpid::Result<()> {
    let arguments = Arguments::parse();
    let table = classics::digits()?;
    if arguments.seeds == 1 {
        return one(&arguments, &table);
    }
    println!("seed  one net  average  ensemble  seconds");
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for seed in arguments.seed..arguments.seed + arguments.seeds {
        let began = Instant::now();
        let folder = RunFolder::create(arguments.folder.join(format!("seed-{seed}")))?;
        let arrival = Road::new(settings(seed)).walk(&table, &folder, &mut |_| {})?;
        let accuracies = [
            arrival.single_test_accuracy,
            arrival.average_test_accuracy,
            arrival.ensemble_test_accuracy,
        ];
        let [one, average, ensemble] = accuracies.map(|accuracy| 100.0 * accuracy);
        let seconds = began.elapsed().as_secs_f64();
        println!("{seed:>4}  {one:>7.2}  {average:>7.2}  {ensemble:>8.2}  {seconds:>7.1}");
        for (all, accuracy) in all.iter_mut().zip([one, average, ensemble]) {
            all.push(accuracy);
        }
    }
    let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let worst = |values: &Vec<f64>| values.iter().copied().fold(f64::INFINITY, f64::min);
    let [one, average, ensemble] = [mean(&all[0]), mean(&all[1]), mean(&all[2])];
    println!("mean  {one:>7.2}  {average:>7.2}  {ensemble:>8.2}");
    let [one, average, ensemble] = [worst(&all[0]), worst(&all[1]), worst(&all[2])];
    println!("worst {one:>7.2}  {average:>7.2}  {ensemble:>8.2}");
    Ok(())
}

/// One road, told as it is walked.
fn one(arguments: &Arguments, table: &limpid::data::Table) -> limpid::Result<()> {
    let began = Instant::now();
    let folder = RunFolder::create(&arguments.folder)?;
    let road = Road::new(settings(arguments.seed)).with_progress(true);
    road.walk(table, &folder, &mut |line| println!("{line}"))?;
    println!("           {:.1} seconds", began.elapsed().as_secs_f64());
    Ok(())
}

/// The recipe's settings; the digits' rows are pictures of 8 x 8.
fn settings(seed: u64) -> Settings {
    Settings {
        seed,
        picture: Some((8, 8)),
        ..Settings::default()
    }
}

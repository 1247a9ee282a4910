//! Times whole training steps and prints one line of JSON for each workload.
//!
//! ```sh
//! cargo run --release -p limpid-benches --bin steps -- --workload W1 --threads 2 --repeats 7
//! ```

#![expect(clippy::print_stdout, reason = "the program's result is its output")]

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use limpid_benches::measure::{measure, peak_megabytes};
use limpid_benches::workloads::{Sizes, Workload};
use limpid_tensor::{ConvAlgorithm, Result};
use serde_json::json;

/// Times whole training steps: forward, loss, backward, update.
#[derive(Debug, Parser)]
struct Arguments {
    /// W1, W2, W3, W4, W5, W5n, W6 or all.
    #[arg(long, default_value = "all")]
    workload: String,
    /// Threads that compute.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Timed runs, of which the median and the least are given.
    #[arg(long, default_value_t = 7)]
    repeats: usize,
    /// How long one run is to take, in seconds.
    #[arg(long, default_value_t = 0.3)]
    seconds: f64,
    /// Steps before the timed runs and before `loss_after`.
    #[arg(long, default_value_t = 100)]
    before: usize,
    /// The numbers computed with.
    #[arg(long, default_value = "f32")]
    dtype: Dtype,
    /// Items in a batch, in place of the workload's own.
    #[arg(long)]
    batch: Option<usize>,
    /// Units of every hidden layer, in place of the workload's own (W1, W5, W5n, W6).
    #[arg(long)]
    width: Option<usize>,
    /// Hidden layers, in place of the workload's own (W1, W6).
    #[arg(long)]
    depth: Option<usize>,
    /// How convolutions are computed (W3, W4).
    #[arg(long, default_value = "direct")]
    convolution: Way,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Dtype {
    F32,
    F64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Direct,
    Winograd,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let workloads = match arguments.workload.as_str() {
        "all" => Workload::ALL.to_vec(),
        name => match Workload::from_str(name, true) {
            Ok(workload) => vec![workload],
            Err(_) => {
                eprintln!("steps: no workload `{name}`");
                return ExitCode::from(2);
            }
        },
    };
    limpid_tensor::threads::set(arguments.threads);
    for workload in workloads {
        if let Err(error) = run(workload, &arguments) {
            eprintln!("steps: {}: {error}", workload.name());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(workload: Workload, arguments: &Arguments) -> Result<()> {
    let sizes = Sizes {
        batch: arguments.batch,
        width: arguments.width,
        depth: arguments.depth,
        convolution: match arguments.convolution {
            Way::Direct => ConvAlgorithm::Direct,
            Way::Winograd => ConvAlgorithm::Winograd,
        },
    };
    let mut steps = match arguments.dtype {
        Dtype::F32 => workload.build::<f32>(sizes)?,
        Dtype::F64 => workload.build::<f64>(sizes)?,
    };
    let base = peak_megabytes();
    let found = measure(
        &mut steps,
        arguments.before,
        arguments.repeats,
        arguments.seconds,
    )?;
    let line = json!({
        "program": "limpid",
        "workload": workload.name(),
        "threads": arguments.threads,
        "dtype": match arguments.dtype { Dtype::F32 => "f32", Dtype::F64 => "f64" },
        "median_ms": found.median_ms,
        "min_ms": found.min_ms,
        "steps_per_repeat": found.steps_per_repeat,
        "loss_after": found.loss_after,
        "parameters": steps.parameters(),
        "base_mb": base,
        "peak_mb": peak_megabytes(),
    });
    println!("{line}");
    Ok(())
}

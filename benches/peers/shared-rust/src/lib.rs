//! What the programs in Rust share: the numbers they draw, the timing and the arguments.

use std::time::Instant;

use clap::Parser;

pub const BATCHES: usize = 8;
pub const INPUTS: u64 = 1000;
pub const TARGETS: u64 = 2000;
pub const NOISE: u64 = 3000;
pub const CLASSES: usize = 50_000;
pub const NOISE_PER_ITEM: usize = 64;
pub const TIME: usize = 64;
pub const FEATURES: usize = 32;
pub const NAMES: [&str; 7] = ["W1", "W2", "W3", "W4", "W5", "W5n", "W6"];

#[derive(Clone, Debug, Parser)]
pub struct Arguments {
    #[arg(long, default_value = "all")]
    pub workload: String,
    #[arg(long, default_value = "")]
    pub mode: String,
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    #[arg(long, default_value_t = 7)]
    pub repeats: usize,
    #[arg(long, default_value_t = 0.3)]
    pub seconds: f64,
    #[arg(long, default_value_t = 100)]
    pub before: usize,
    #[arg(long)]
    pub batch: Option<usize>,
}

impl Arguments {
    pub fn names(&self) -> Vec<&str> {
        if self.workload == "all" {
            NAMES.to_vec()
        } else {
            vec![&self.workload]
        }
    }
}

pub fn rate(workload: &str) -> f64 {
    match workload {
        "W1" | "W3" => 1e-4,
        "W2" => 0.01,
        "W4" | "W6" => 1e-3,
        _ => 0.1,
    }
}

/// See benches/src/fill.rs.
fn bits(sequence: u64, index: u64) -> u64 {
    let mut z = sequence
        .wrapping_mul(0xD1B5_4A32_D192_ED03)
        .wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

pub fn uniform(sequence: u64, shape: &[usize], bound: f64) -> Vec<f32> {
    let unit = |index| (bits(sequence, index) >> 40) as f64 / f64::from(1 << 24);
    let count = shape.iter().product::<usize>() as u64;
    (0..count).map(|index| ((2.0 * unit(index) - 1.0) * bound) as f32).collect()
}

pub fn indices(sequence: u64, count: usize, classes: usize) -> Vec<u32> {
    (0..count as u64).map(|index| (((bits(sequence, index) >> 32) * classes as u64) >> 32) as u32).collect()
}

/// Parameter number `sequence`, of rank 2 or more.
pub fn weight(sequence: u64, shape: &[usize]) -> Vec<f32> {
    let fan_in = shape[1..].iter().product::<usize>() as f64;
    uniform(sequence, shape, (3.0 / fan_in).sqrt())
}

/// Every batch's inputs, of variance 1.
pub fn inputs(shape: &[usize]) -> Vec<Vec<f32>> {
    (0..BATCHES as u64).map(|batch| uniform(INPUTS + batch, shape, 3f64.sqrt())).collect()
}

/// Every batch's classes.
pub fn classes(items: usize, number: usize) -> Vec<Vec<u32>> {
    (0..BATCHES as u64).map(|batch| indices(TARGETS + batch, items, number)).collect()
}

/// Every batch's classes and, behind each, its noise classes.
pub fn rows(items: usize) -> Vec<Vec<u32>> {
    let noise = |batch| indices(NOISE + batch, items * NOISE_PER_ITEM, CLASSES);
    let joined = |(batch, own): (usize, Vec<u32>)| {
        let noise = noise(batch as u64);
        let pairs = own.into_iter().zip(noise.chunks(NOISE_PER_ITEM));
        pairs.flat_map(|(own, noise)| std::iter::once(own).chain(noise.iter().copied()).collect::<Vec<_>>()).collect()
    };
    classes(items, CLASSES).into_iter().enumerate().map(joined).collect()
}

fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|it| it.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1024.0 / 1e6
}

/// Times `step(batch)`, which gives the loss before the update; prints a line of JSON.
pub fn measure(program: &str, workload: &str, given: &Arguments, mut step: impl FnMut(usize) -> f64) {
    let base = peak_megabytes();
    let mut number = 0;
    let mut run = |steps: usize| {
        let begin = Instant::now();
        let mut loss = f64::NAN;
        for _ in 0..steps {
            loss = step(number % BATCHES);
            number += 1;
        }
        (loss, begin.elapsed().as_secs_f64())
    };
    let (_, warm) = run(given.before);
    let (loss_after, _) = run(1);
    let steps = ((given.seconds * given.before.max(1) as f64 / warm).round() as usize).max(1);
    let mut times: Vec<f64> = (0..given.repeats).map(|_| 1e3 * run(steps).1 / steps as f64).collect();
    times.sort_by(f64::total_cmp);
    println!(
        "{{\"program\": \"{program}\", \"workload\": \"{workload}\", \"threads\": {}, \"dtype\": \"f32\", \"median_ms\": {}, \
         \"min_ms\": {}, \"steps_per_repeat\": {steps}, \"loss_after\": {loss_after}, \"base_mb\": {base}, \"peak_mb\": {}}}",
        given.threads,
        times[times.len() / 2],
        times[0],
        peak_megabytes()
    );
}

//! How steps are timed: repeats of many steps, and what one step takes in each.

use std::time::Instant;

use limpid_tensor::Result;

use crate::workloads::Steps;

/// What was measured of one workload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Milliseconds a step, the median of the repeats.
    pub median_ms: f64,
    /// Milliseconds a step in the fastest repeat.
    pub min_ms: f64,
    /// Steps in each repeat.
    pub steps_per_repeat: usize,
    /// The loss of the step after the first `before` ones.
    pub loss_after: f64,
}

/// Makes `before` steps, whose loss and speed it takes, and then times `repeats` runs of about
/// `seconds` each.
///
/// # Errors
/// Those of the steps.
pub fn measure(steps: &mut Steps, before: usize, repeats: usize, seconds: f64) -> Result<Measured> {
    let begin = Instant::now();
    for _ in 0..before {
        steps.step()?;
    }
    let loss_after = steps.step()?;
    let warm = begin.elapsed().as_secs_f64() / (before + 1) as f64;
    let steps_per_repeat = ((seconds / warm).round() as usize).clamp(1, 1_000_000);
    let mut times = Vec::with_capacity(repeats);
    for _ in 0..repeats.max(1) {
        let begin = Instant::now();
        for _ in 0..steps_per_repeat {
            steps.step()?;
        }
        times.push(1e3 * begin.elapsed().as_secs_f64() / steps_per_repeat as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(Measured {
        median_ms: times[times.len() / 2],
        min_ms: times[0],
        steps_per_repeat,
        loss_after,
    })
}

/// The most memory that this process has held so far, in MB, where the system tells.
pub fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

//! Numbers that every program of a comparison draws alike, in any language.
//!
//! Number `i` of sequence `s` comes from `z = s * 0xD1B54A32D192ED03 + (i + 1) * 0x9E3779B97F4A7C15`
//! (modulo 2^64), mixed as splitmix64 mixes its state. A uniform number is the top 24 bits, scaled,
//! so that it is exact in `f32`; an index below `n` is `(top 32 bits * n) >> 32`.

use limpid_tensor::{Element, Parameters, Result, Tensor, count, for_each_parameter_mut};

/// The sequence of parameter number 0; the others follow.
pub const PARAMETERS: u64 = 0;
/// The sequence of the inputs of batch 0; the others follow.
pub const INPUTS: u64 = 1000;
/// The sequence of the targets of batch 0; the others follow.
pub const TARGETS: u64 = 2000;
/// The sequence of the noise classes of batch 0; the others follow.
pub const NOISE: u64 = 3000;

/// The 64 bits of number `index` of `sequence`.
fn bits(sequence: u64, index: u64) -> u64 {
    let mut z = sequence
        .wrapping_mul(0xD1B5_4A32_D192_ED03)
        .wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A tensor of numbers between `-bound` and `bound`, in row-major order.
pub fn uniform<E: Element>(sequence: u64, shape: &[usize], bound: f64) -> Tensor<E> {
    Tensor::from_fn(shape, |index| {
        let unit = (bits(sequence, index as u64) >> 40) as f64 / f64::from(1 << 24);
        (2.0 * unit - 1.0) * bound
    })
}

/// `count` indices below `classes`.
pub fn indices(sequence: u64, count: usize, classes: usize) -> Vec<usize> {
    (0..count as u64)
        .map(|index| (((bits(sequence, index) >> 32) * classes as u64) >> 32) as usize)
        .collect()
}

/// Fills the parameters of `model` in their order: those of rank 2 and more between
/// -sqrt(3 / `fan_in`) and sqrt(3 / `fan_in`), with `fan_in` the weights of one output; biases
/// become 0; what else there is, the scales of batch norm, stays as it was, 1.
///
/// # Errors
/// None that a well-formed model could bring about.
pub fn fill<E: Element, M: Parameters<E> + ?Sized>(model: &mut M) -> Result<()> {
    let mut sequence = PARAMETERS;
    let mut outcome = Ok(());
    for_each_parameter_mut(model, |path, parameter| {
        let shape = parameter.shape().to_vec();
        let name = path.rsplit('.').next().unwrap_or(path);
        let value = match shape.as_slice() {
            [outputs, rest @ ..] if !rest.is_empty() && *outputs > 0 => {
                let fan_in = count(rest) as f64;
                uniform(sequence, &shape, (3.0 / fan_in).sqrt())
            }
            _ if name.starts_with("bias") => Tensor::zeros(&shape),
            _ => parameter.value().clone(),
        };
        sequence += 1;
        if let Err(error) = parameter.set(value) {
            outcome = Err(error);
        }
    });
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_python_program() {
        let numbers = uniform::<f64>(7, &[3], 1.0).to_vec();
        let want = [
            -0.868_711_113_929_748_5,
            0.193_176_269_531_25,
            0.183_812_141_418_457_03,
        ];
        assert_eq!(numbers, want);
        assert_eq!(indices(7, 3, 50_000), [3282, 29829, 29595]);
    }
}

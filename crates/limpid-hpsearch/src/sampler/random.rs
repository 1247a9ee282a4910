//! Independent draws.

use limpid_tensor::Stream;

use super::Sampler;
use crate::assignment::Assignment;
use crate::error::Result;
use crate::history::History;
use crate::space::Space;

/// Draws each axis evenly on its own scale, whatever came before. When few axes matter it beats a
/// grid of equal size, since every trial tries a new value of each.
///
/// An axis that is added to a space does not change what the others draw.
///
/// # Source
/// Bergstra and Bengio (2012), "Random search for hyper-parameter optimization".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Random;

impl Sampler for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn suggest(&self, space: &Space, history: &History, stream: Stream) -> Result<Assignment> {
        let trial = stream.fork("random").fork(history.next_number());
        space.assign(|axis| Ok(axis.value_at(trial.fork(axis.name()).generator().unit())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_sampler, draws};

    #[test]
    fn it_keeps_the_contract() {
        check_sampler(&Random).unwrap();
    }

    #[test]
    fn logarithms_of_a_log_uniform_axis_have_the_moments_of_the_uniform_distribution() {
        let space = Space::new().log_uniform("lr", 1e-6, 10.0).unwrap();
        let logs: Vec<f64> = draws(&Random, &space, 4000)
            .unwrap()
            .iter()
            .map(|draw| draw.float("lr").unwrap().log10())
            .collect();
        let mean = logs.iter().sum::<f64>() / 4000.0;
        let variance = logs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4000.0;
        // Uniform on [-6, 1]: mean -2.5, variance 49 / 12; bounds are four standard errors.
        assert!((mean + 2.5).abs() < 0.13, "{mean}");
        assert!((variance - 49.0 / 12.0).abs() < 0.24, "{variance}");
    }

    #[test]
    fn a_new_axis_shifts_no_other() {
        let narrow = Space::new().uniform("a", 0.0, 1.0).unwrap();
        let wide = Space::new()
            .int("b", 0, 9)
            .unwrap()
            .uniform("a", 0.0, 1.0)
            .unwrap();
        let values = |space| -> Vec<f64> {
            draws(&Random, space, 5)
                .unwrap()
                .iter()
                .map(|draw| draw.float("a").unwrap())
                .collect()
        };
        assert_eq!(values(&narrow), values(&wide));
    }
}

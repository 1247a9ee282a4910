//! The same rate at every step.

use limpid_tensor::Result;

use super::Schedule;
use crate::setting;

/// The same rate at every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant(
    /// The rate, from 0.
    pub f64,
);

impl Schedule for Constant {
    fn rate(&self, _: u64) -> f64 {
        self.0
    }

    fn check(&self) -> Result<()> {
        setting::not_negative("constant", "rate", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_stays() {
        assert_eq!(
            (Constant(0.1).rate(0), Constant(0.1).rate(1_000_000)),
            (0.1, 0.1)
        );
        assert!(Constant(-0.1).check().is_err());
    }
}

//! The two ways in which weight decay can act.

use limpid_tensor::Element;

use super::At;

/// How weight decay acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// As an L2 penalty: decay times the weights is added to the gradient.
    #[default]
    Coupled,
    /// On the weights: each step multiplies them by 1 - rate * decay.
    Decoupled,
}

impl Decay {
    /// What the weights are multiplied by before the step, and how much of them is added to the
    /// gradient.
    pub(crate) fn factors<E: Element>(self, at: &At) -> (E, E) {
        match self {
            Self::Coupled => (E::one(), E::of(at.weight_decay)),
            Self::Decoupled => (E::of(1.0 - at.rate * at.weight_decay), E::zero()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decay_acts_on_one_side_only() {
        let at = At {
            step: 1,
            rate: 0.5,
            weight_decay: 0.2,
        };
        assert_eq!(Decay::Coupled.factors::<f64>(&at), (1.0, 0.2));
        assert_eq!(Decay::Decoupled.factors::<f64>(&at), (0.9, 0.0));
    }
}

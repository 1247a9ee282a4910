//! One rule for some parameters, another for the rest.

use limpid_tensor::{Element, Result, Rows, Tensor};

use super::{At, Rule, RuleState, Slot, SlotMut};
use crate::group::Members;

/// Two rules in one optimizer: one changes the members, the other all other parameters.
///
/// Clipping, groups, reports and checkpoints are over all of them. Both go by the same rate; a
/// [`Group`](crate::Group) with a rate scale tells them apart. Weight decay is that of the rule
/// which the parameter falls to. Large gradients that are still to be multiplied are written out,
/// whichever rule they fall to.
///
/// # Example
/// ```
/// use limpid_optim::{AdamW, Group, Members, Mixed, Muon, Optimizer};
/// use limpid_tensor::{Parameter, Tensor};
///
/// // A weight and a bias: Muon changes the first, AdamW the second, at a tenth of the rate.
/// let mut model = vec![
///     Parameter::new(Tensor::<f64>::eye(2)),
///     Parameter::new(Tensor::ones([2])),
/// ];
/// let others = Group::new(Members::RankAtMost(1)).with_rate_scale(0.1);
/// let mut optimizer =
///     Optimizer::new(Mixed::matrices(Muon::new(), AdamW::new()), 0.1)?.with_group(others)?;
/// let loss = model[0].square().sum().add(&model[1].square().sum())?;
/// optimizer.step(&mut model, &loss.backward()?)?;
/// // AdamW's first step is as long as its rate; its weight decay takes 0.0001 more.
/// assert!((model[1].to_vec()[0] - 0.9899).abs() < 1e-6);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mixed<A, B> {
    /// Which parameters the first rule changes.
    pub members: Members,
    /// The rule of the members.
    pub first: A,
    /// The rule of all others.
    pub second: B,
}

impl<A, B> Mixed<A, B> {
    /// The rule that changes `members` by `first` and all others by `second`.
    pub fn new(members: Members, first: A, second: B) -> Self {
        Self {
            members,
            first,
            second,
        }
    }

    /// The rule that changes matrices by `first` and all others by `second`.
    pub fn matrices(first: A, second: B) -> Self {
        Self::new(
            Members::matching(|_, shape| shape.len() == 2),
            first,
            second,
        )
    }
}

/// What [`Mixed`] remembers of a parameter: what the rule remembers that it falls to.
#[derive(Clone, Debug)]
pub enum MixedState<A, B> {
    /// A member's.
    First(A),
    /// That of another.
    Second(B),
}

impl<E: Element, A: RuleState<E>, B: RuleState<E>> RuleState<E> for MixedState<A, B> {
    fn visit(&self, visitor: &mut dyn FnMut(&'static str, Slot<'_, E>)) {
        match self {
            Self::First(state) => state.visit(visitor),
            Self::Second(state) => state.visit(visitor),
        }
    }

    fn visit_mut(&mut self, visitor: &mut dyn FnMut(&'static str, SlotMut<'_, E>)) {
        match self {
            Self::First(state) => state.visit_mut(visitor),
            Self::Second(state) => state.visit_mut(visitor),
        }
    }
}

impl<E: Element, A: Rule<E>, B: Rule<E>> Rule<E> for Mixed<A, B> {
    type State = MixedState<A::State, B::State>;

    fn name(&self) -> &'static str {
        "mixed"
    }

    fn check(&self) -> Result<()> {
        self.first.check()?;
        self.second.check()
    }

    fn weight_decay(&self) -> f64 {
        self.second.weight_decay()
    }

    fn weight_decay_at(&self, path: &str, shape: &[usize]) -> f64 {
        if self.members.contain(path, shape) {
            self.first.weight_decay_at(path, shape)
        } else {
            self.second.weight_decay_at(path, shape)
        }
    }

    fn accepts(&self, path: &str, shape: &[usize]) -> Result<()> {
        if self.members.contain(path, shape) {
            self.first.accepts(path, shape)
        } else {
            self.second.accepts(path, shape)
        }
    }

    fn init(&self, parameter: &Tensor<E>) -> Self::State {
        self.init_at("", parameter)
    }

    fn init_at(&self, path: &str, parameter: &Tensor<E>) -> Self::State {
        if self.members.contain(path, parameter.shape()) {
            MixedState::First(self.first.init_at(path, parameter))
        } else {
            MixedState::Second(self.second.init_at(path, parameter))
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut Self::State, at: &At) {
        match state {
            MixedState::First(state) => self.first.step(parameter, gradient, state, at),
            MixedState::Second(state) => self.second.step(parameter, gradient, state, at),
        }
    }

    fn rests_at_zero(&self, at: &At) -> bool {
        self.first.rests_at_zero(at) && self.second.rests_at_zero(at)
    }

    fn step_rows(&self, parameter: &mut [E], gradient: &Rows<E>, state: &mut Self::State, at: &At) {
        match state {
            MixedState::First(state) => self.first.step_rows(parameter, gradient, state, at),
            MixedState::Second(state) => self.second.step_rows(parameter, gradient, state, at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdamW, Muon, Optimizer, Sgd};
    use limpid_tensor::{Gradients, Parameter};

    fn model() -> Vec<Parameter<f64>> {
        vec![
            Parameter::new(Tensor::from_fn([3, 2], |place| place as f64)),
            Parameter::new(Tensor::ones([2])),
        ]
    }

    fn gradients(model: &[Parameter<f64>]) -> Gradients<f64> {
        let sum = model[0].square().sum().add(&model[1].exp().sum()).unwrap();
        sum.backward().unwrap()
    }

    #[test]
    fn each_parameter_moves_as_under_its_rule_alone() {
        let mut mixed = model();
        let mut alone = model();
        let rule = Mixed::matrices(Muon::new(), AdamW::new());
        let mut optimizer = Optimizer::new(rule, 0.1).unwrap();
        let mut first = Optimizer::new(Muon::new(), 0.1).unwrap();
        let mut second = Optimizer::new(AdamW::new(), 0.1).unwrap();
        for _ in 0..3 {
            let all = gradients(&mixed);
            optimizer.step(&mut mixed, &all).unwrap();
            let all = gradients(&alone);
            first.step(&mut alone[0], &all).unwrap();
            second.step(&mut alone[1], &all).unwrap();
        }
        for (mixed, alone) in mixed.iter().zip(&alone) {
            assert_eq!(mixed.to_vec(), alone.to_vec());
        }
        let state = optimizer.state().unwrap();
        let names: Vec<&str> = state.tensors.keys().map(String::as_str).collect();
        assert_eq!(names, ["0:mean", "1:mean", "1:square"]);
        optimizer.load(&mixed, &state).unwrap();
        assert_eq!(optimizer.state().unwrap(), state);
    }

    #[test]
    fn settings_of_both_are_checked_and_members_go_by_path() {
        let rule = Mixed::matrices(Sgd::new(), AdamW::new().with_eps(-1.0));
        assert!(Rule::<f64>::check(&rule).is_err());
        let rule = Mixed::new(Members::Below("0".to_owned()), Muon::new(), AdamW::new());
        assert!(Rule::<f64>::accepts(&rule, "0.bias", &[2]).is_err());
        assert!(Rule::<f64>::accepts(&rule, "1.bias", &[2]).is_ok());
        assert_eq!(Rule::<f64>::weight_decay_at(&rule, "0", &[2, 2]), 0.1);
        assert_eq!(Rule::<f64>::weight_decay_at(&rule, "1", &[2, 2]), 0.01);
    }
}

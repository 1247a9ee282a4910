//! An optimizer's memory as named tensors and numbers, for a checkpoint.

use std::collections::BTreeMap;

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::rule::{RuleState, Slot, SlotMut};

/// Everything that an optimizer remembers. An optimizer of the same settings that loads it goes on
/// to the same bits.
///
/// The numbers are `step`, `skipped` and `rate`, the halves of the seed of gradient noise where there
/// is some, and for each parameter `{path}:steps` and the
/// rule's own, as `{path}:momentum_product`. The tensors are the rule's, as `{path}:velocity`, of
/// the parameter's shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState<E: Element> {
    /// The rule's name.
    pub rule: String,
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor<E>>,
    /// The numbers by name; counts are exact below 2^53.
    pub numbers: BTreeMap<String, f64>,
}

impl<E: Element> OptimizerState<E> {
    pub(crate) fn number(&self, name: &str) -> Result<f64> {
        self.numbers.get(name).copied().ok_or_else(|| missing(name))
    }

    /// The number called `name`, which must be a count.
    pub(crate) fn count(&self, name: &str) -> Result<u64> {
        let number = self.number(name)?;
        if number >= 0.0 && number < 2f64.powi(53) && number.fract() == 0.0 {
            return Ok(number as u64);
        }
        let found = format!("`{name}` = {number}");
        Err(Error::parameters("load optimizer", "a count", found))
    }

    /// The paths that have a memory.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.numbers
            .keys()
            .filter_map(|name| name.strip_suffix(":steps"))
    }

    pub(crate) fn put(
        &mut self,
        path: &str,
        shape: &[usize],
        memory: &impl RuleState<E>,
    ) -> Result<()> {
        let mut outcome = Ok(());
        memory.visit(&mut |slot, part| {
            let name = format!("{path}:{slot}");
            match part {
                Slot::Number(number) => drop(self.numbers.insert(name, number)),
                Slot::Elements(elements) => match Tensor::from_vec(elements.to_vec(), shape) {
                    Ok(tensor) => drop(self.tensors.insert(name, tensor)),
                    Err(error) => outcome = Err(error.at(path)),
                },
            }
        });
        outcome
    }

    /// Fills `memory`, which is fresh, with what was put under `path`; gives how many tensors that
    /// took.
    pub(crate) fn take(
        &self,
        path: &str,
        shape: &[usize],
        memory: &mut impl RuleState<E>,
    ) -> Result<usize> {
        let mut outcome = Ok(());
        let mut taken = 0;
        memory.visit_mut(&mut |slot, part| {
            let name = format!("{path}:{slot}");
            let filled = match part {
                SlotMut::Number(number) => self.number(&name).map(|saved| *number = saved),
                SlotMut::Elements(elements) => self.tensor(&name, shape).map(|saved| {
                    elements.copy_from_slice(&saved.elements());
                    taken += 1;
                }),
            };
            if let (Err(error), Ok(())) = (filled, &outcome) {
                outcome = Err(error);
            }
        });
        outcome.map(|()| taken)
    }

    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<&Tensor<E>> {
        let tensor = self.tensors.get(name).ok_or_else(|| missing(name))?;
        if tensor.shape() == shape {
            return Ok(tensor);
        }
        let rule = format!("`{name}` must have the shape of its parameter");
        Err(Error::shape(
            "load optimizer",
            &[tensor.shape(), shape],
            rule,
        ))
    }
}

fn missing(name: &str) -> Error {
    Error::parameters("load optimizer", format!("a value for `{name}`"), "none")
}

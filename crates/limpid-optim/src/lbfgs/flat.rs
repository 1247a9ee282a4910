//! All trainable parameters of a model as one vector.

use limpid_tensor::{
    Element, Error, Gradients, Parameters, Result, for_each_parameter_mut, named_parameters,
};

use crate::state::OptimizerState;

/// Which parameters lie in the vector, in their order, and how long each is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Flat {
    parts: Vec<(String, usize)>,
}

/// What the lengths are called in a state, after the path.
const LENGTH: &str = ":length";

impl Flat {
    fn of<E: Element, M: Parameters<E> + ?Sized>(model: &M) -> Self {
        let parameters = named_parameters(model).into_iter();
        let trainable = parameters.filter(|(_, it)| it.is_trainable());
        Self {
            parts: trainable.map(|(path, it)| (path, it.len())).collect(),
        }
    }

    /// Takes the model's parameters where there are none yet, requires them otherwise.
    pub(super) fn fit<E: Element, M: Parameters<E> + ?Sized>(&mut self, model: &M) -> Result<()> {
        let found = Self::of(model);
        if self.parts.is_empty() || *self == found {
            *self = found;
            return Ok(());
        }
        let different = |(own, other): &(&(String, usize), &(String, usize))| own != other;
        let place = self
            .parts
            .iter()
            .zip(&found.parts)
            .position(|it| different(&it));
        let place = place.unwrap_or(self.parts.len().min(found.parts.len()));
        let named = |flat: &Self| match flat.parts.get(place) {
            Some((path, length)) => format!("`{path}` of {length} elements"),
            None => "no more trainable parameters".to_owned(),
        };
        Err(Error::parameters("lbfgs", named(self), named(&found)))
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|(_, length)| length).sum()
    }

    pub(super) fn weights<E: Element, M: Parameters<E> + ?Sized>(&self, model: &M) -> Vec<E> {
        let mut weights = Vec::with_capacity(self.len());
        for (_, parameter) in named_parameters(model) {
            if parameter.is_trainable() {
                weights.extend_from_slice(&parameter.elements());
            }
        }
        weights
    }

    /// The gradients one after the other, zeros where there is none.
    pub(super) fn gradient<E: Element, M: Parameters<E> + ?Sized>(
        &self,
        model: &M,
        gradients: &Gradients<E>,
    ) -> Vec<E> {
        let mut flat = Vec::with_capacity(self.len());
        for (_, parameter) in named_parameters(model) {
            if !parameter.is_trainable() {
                continue;
            }
            match gradients.tensor(parameter) {
                Some(gradient) => flat.extend_from_slice(&gradient.elements()),
                None => flat.resize(flat.len() + parameter.len(), E::zero()),
            }
        }
        flat
    }

    /// Puts `start + length * direction` into the model.
    pub(super) fn place<E: Element, M: Parameters<E> + ?Sized>(
        &self,
        model: &mut M,
        start: &[E],
        direction: &[E],
        length: f64,
    ) {
        let length = E::of(length);
        let mut offset = 0;
        for_each_parameter_mut(model, |_, parameter| {
            if !parameter.is_trainable() {
                return;
            }
            parameter.update(|own| {
                let part = offset..offset + own.len();
                let moves = start[part.clone()].iter().zip(&direction[part]);
                for (own, (&start, &direction)) in own.iter_mut().zip(moves) {
                    *own = start + length * direction;
                }
                offset += own.len();
            });
        });
    }

    pub(super) fn save<E: Element>(&self, state: &mut OptimizerState<E>) {
        for (path, length) in &self.parts {
            let name = format!("{path}{LENGTH}");
            state.numbers.insert(name, *length as f64);
        }
    }

    /// The parameters that `state` is of, which must be the model's.
    pub(super) fn load<E: Element, M: Parameters<E> + ?Sized>(
        model: &M,
        state: &OptimizerState<E>,
    ) -> Result<Self> {
        let saved = state.numbers.keys().filter(|name| name.ends_with(LENGTH));
        let count = saved.count();
        if count == 0 {
            return Ok(Self::default());
        }
        let own = Self::of(model);
        for (path, length) in &own.parts {
            let found = state.count(&format!("{path}{LENGTH}"))?;
            if found != *length as u64 {
                let expected = format!("{length} elements at `{path}`");
                return Err(Error::parameters(
                    "load optimizer",
                    expected,
                    found.to_string(),
                ));
            }
        }
        if count != own.parts.len() {
            let expected = format!("{} parameters", own.parts.len());
            return Err(Error::parameters(
                "load optimizer",
                expected,
                count.to_string(),
            ));
        }
        Ok(own)
    }
}

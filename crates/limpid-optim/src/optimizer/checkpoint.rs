//! What an optimizer saves and loads.

use std::collections::BTreeMap;

use limpid_tensor::{Element, Error, Parameter, Parameters, Result, Shape, named_parameters};

use super::{Memory, Optimizer};
use crate::noise::GradientNoise;
use crate::rule::Rule;
use crate::state::OptimizerState;

impl<E: Element, R: Rule<E>> Optimizer<E, R> {
    /// Everything that the optimizer remembers. Groups, clipping and the rule's settings are not in
    /// it: they belong to the configuration.
    ///
    /// # Errors
    /// A shape error when a rule's state is not as long as its parameter.
    pub fn state(&self) -> Result<OptimizerState<E>> {
        let mut saved = OptimizerState {
            rule: self.rule.name().to_owned(),
            ..Default::default()
        };
        saved.numbers.insert("step".to_owned(), self.steps as f64);
        saved
            .numbers
            .insert("skipped".to_owned(), self.skipped as f64);
        saved.numbers.insert("rate".to_owned(), self.rate);
        if let Some(noise) = &self.noise {
            noise.save(&mut saved);
        }
        for memory in &self.memories {
            let path = &memory.path;
            saved
                .numbers
                .insert(format!("{path}:steps"), memory.steps as f64);
            saved.put(path, &memory.shape, &memory.state)?;
        }
        Ok(saved)
    }

    /// Goes on from `state`, which belongs to `model`. Nothing is changed unless everything fits.
    ///
    /// # Errors
    /// A parameters error when it is of another rule, misses something, or holds more than the
    /// model and the rule's settings account for; a shape error where shapes differ; the error of
    /// [`Rule::accepts`] when the rule cannot change a parameter.
    pub fn load<M: Parameters<E> + ?Sized>(
        &mut self,
        model: &M,
        state: &OptimizerState<E>,
    ) -> Result<()> {
        let name = self.rule.name();
        if state.rule != name {
            let expected = format!("the state of `{name}`");
            let found = format!("that of `{}`", state.rule);
            return Err(Error::parameters("load optimizer", expected, found));
        }
        let mut memories = Vec::new();
        let mut taken = 0;
        let parameters: BTreeMap<String, &Parameter<E>> =
            named_parameters(model).into_iter().collect();
        for path in state.paths() {
            let Some(parameter) = parameters.get(path) else {
                let found = format!("a state for `{path}`");
                let expected = "only the model's own paths";
                return Err(Error::parameters("load optimizer", expected, found));
            };
            let fits = self.rule.accepts(path, parameter.shape());
            fits.map_err(|error| error.at(path))?;
            let mut own = self.rule.init_at(path, parameter);
            taken += state.take(path, parameter.shape(), &mut own)?;
            let steps = state.count(&format!("{path}:steps"))?;
            memories.push(Memory {
                path: path.to_owned(),
                shape: Shape::from_slice(parameter.shape()),
                steps,
                state: own,
                treatment: self.treatment(path, parameter.shape()),
            });
        }
        if taken != state.tensors.len() {
            let expected = format!("{taken} tensors, as the settings of `{name}` need");
            let found = state.tensors.len().to_string();
            return Err(Error::parameters("load optimizer", expected, found));
        }
        if self.noise.is_none() && GradientNoise::is_in(state) {
            let expected = "the state of an optimizer without gradient noise";
            let found = "that of one with noise";
            return Err(Error::parameters("load optimizer", expected, found));
        }
        let noise = self.noise.as_ref().map(|noise| noise.resumed(state));
        let noise = noise.transpose()?;
        let (steps, skipped) = (state.count("step")?, state.count("skipped")?);
        self.set_rate(state.number("rate")?)?;
        (self.steps, self.skipped, self.memories) = (steps, skipped, memories);
        self.noise = noise;
        Ok(())
    }
}

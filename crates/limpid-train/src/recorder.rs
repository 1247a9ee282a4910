//! Keeps what flows between layers for the observers of a step.

use limpid_nn_layers::{Observation, Tap};
use limpid_tensor::{Element, Gradients, Tensor};

use crate::Activation;

/// The outputs of the layers of one forward pass.
pub(crate) struct Recorder<E: Element> {
    outputs: Vec<(String, &'static str, Tensor<E>)>,
}

impl<E: Element> Recorder<E> {
    pub(crate) fn new() -> Self {
        Self {
            outputs: Vec::new(),
        }
    }

    /// The outputs with their gradients, free of the graph, which would keep the old weights alive.
    pub(crate) fn into_activations(self, gradients: &Gradients<E>) -> Vec<Activation<E>> {
        let free = |(path, kind, output): (String, &'static str, Tensor<E>)| Activation {
            path,
            kind,
            gradient: gradients.tensor(&output),
            output: output.detach(),
        };
        self.outputs.into_iter().map(free).collect()
    }
}

impl<E: Element> Tap<E> for Recorder<E> {
    fn observe(&mut self, observation: &Observation<'_, E>) {
        observation.output.retain_gradient();
        let path = observation.path.to_owned();
        let output = observation.output.clone();
        self.outputs.push((path, observation.kind, output));
    }
}

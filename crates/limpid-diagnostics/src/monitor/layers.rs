//! Distributions of activations and their gradients, dead and saturated units, layer by layer.

use limpid_loss::Loss;
use limpid_nn_layers::{Context, Module, Observation};
use limpid_tensor::{Element, Result, Stream, Tensor};

use super::histogram;
use crate::record::LayerHistory;
use crate::{Finding, Place, Severity};

/// The article: too large a rate kills 40 % of the units and more.
const DEAD: f64 = 0.4;
/// Outputs of tanh and sigmoid this close to their ends count as saturated.
const SATURATED: f64 = 0.98;
/// From this share of saturated outputs on it is spoken of.
const SATURATED_SHARE: f64 = 0.5;

/// Looks at every layer on the same probe of the data, once an epoch or as often as one likes.
///
/// A probe of some hundreds of training rows shows distributions well. A unit counts as dead where
/// it is zero for every row of the probe, so take a probe that stands for the whole training part.
///
/// # Source
/// The article's section 监控训练过程; Glorot and Bengio 2010, figures 2 to 4.
#[derive(Clone, Debug)]
pub struct LayerMonitor<E: Element> {
    probe: Tensor<E>,
    layers: Vec<LayerHistory>,
    findings: Vec<Finding>,
}

struct Seen<E: Element> {
    path: String,
    kind: &'static str,
    output: Tensor<E>,
}

impl<E: Element> LayerMonitor<E> {
    /// A monitor that looks at `probe`, a batch of inputs.
    pub fn new(probe: Tensor<E>) -> Self {
        Self {
            probe,
            layers: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Runs the probe through `model` and writes down what its layers do. `target` belongs to the
    /// probe's rows. The model and its run are left as they are.
    ///
    /// # Errors
    /// What the forward and the backward pass report.
    pub fn observe<M: Module<E> + ?Sized, L: Loss<E>>(
        &mut self,
        model: &M,
        loss: &L,
        target: &L::Target,
        epoch: u64,
    ) -> Result<()> {
        let mut seen: Vec<Seen<E>> = Vec::new();
        let mut tap = |observation: &Observation<'_, E>| {
            observation.output.retain_gradient();
            seen.push(Seen {
                path: observation.path.to_owned(),
                kind: observation.kind,
                output: observation.output.clone(),
            });
        };
        let mut context = Context::train(Stream::new(0))
            .without_noise()
            .with_tap(&mut tap);
        let prediction = model.forward(&self.probe, &mut context)?;
        drop(context);
        let gradients = loss.forward(&prediction, target)?.mean().backward()?;
        for layer in seen {
            let gradient = gradients.tensor(&layer.output);
            self.write_down(&layer, gradient, epoch);
        }
        Ok(())
    }

    fn write_down(&mut self, layer: &Seen<E>, gradient: Option<Tensor<E>>, epoch: u64) {
        let numbers = |tensor: &Tensor<E>| {
            tensor
                .elements()
                .iter()
                .map(|x| x.double())
                .collect::<Vec<_>>()
        };
        let outputs = numbers(&layer.output);
        let place = self.layers.iter().position(|own| own.path == layer.path);
        let history = match place {
            Some(place) => &mut self.layers[place],
            None => {
                let path = layer.path.clone();
                self.layers.push(LayerHistory {
                    path,
                    ..LayerHistory::default()
                });
                let last = self.layers.len() - 1;
                &mut self.layers[last]
            }
        };
        history.activations.push(histogram(epoch, &outputs));
        if let Some(gradient) = gradient {
            history
                .gradients
                .push(histogram(epoch, &numbers(&gradient)));
        }
        let place = || Place::path(layer.path.clone()).with_epoch(epoch);
        if layer.kind == "Relu" {
            let share = dead_share(&layer.output, &outputs);
            history.dead_share.push((epoch, share));
            if share >= DEAD {
                self.find(
                    Finding::new("dead units", Severity::Warning)
                        .at(place())
                        .with_evidence("share of units that are zero on all rows", share)
                        .with_cause("the units give zero whatever goes in, so they learn no more")
                        .with_remedy("start anew with a smaller rate, or use leaky relu")
                        .with_section("Activations"),
                );
            }
        }
        if matches!(layer.kind, "Tanh" | "Sigmoid") {
            let at_the_ends = |x: f64| match layer.kind {
                "Tanh" => x.abs() > SATURATED,
                _ => (2.0 * x - 1.0).abs() > SATURATED,
            };
            let saturated = outputs.iter().filter(|x| at_the_ends(**x)).count();
            let share = saturated as f64 / outputs.len().max(1) as f64;
            if share >= SATURATED_SHARE {
                self.find(
                    Finding::new("saturated units", Severity::Warning)
                        .at(place())
                        .with_evidence("share of outputs at the ends of the range", share)
                        .with_cause("where the function is flat, no gradient comes through")
                        .with_remedy("standardise the inputs, initialise smaller, or use relu")
                        .with_section("Activations"),
                );
            }
        }
    }

    /// Keeps the first finding of a rule at a layer: later ones say the same.
    fn find(&mut self, finding: Finding) {
        let same = |own: &Finding| own.rule == finding.rule && own.place.path == finding.place.path;
        if !self.findings.iter().any(same) {
            self.findings.push(finding);
        }
    }

    /// What was seen so far, in the order in which the layers run.
    pub fn layers(&self) -> &[LayerHistory] {
        &self.layers
    }

    /// What somebody should know.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// The share of units, along dimension 1, whose every output is zero.
fn dead_share<E: Element>(output: &Tensor<E>, values: &[f64]) -> f64 {
    let [rows, units, rest @ ..] = output.shape() else {
        return 0.0;
    };
    let inner: usize = rest.iter().product();
    let dead = (0..*units)
        .filter(|unit| {
            (0..*rows).all(|row| {
                let start = (row * units + unit) * inner;
                values[start..start + inner]
                    .iter()
                    .all(|&value| value == 0.0)
            })
        })
        .count();
    dead as f64 / (*units).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_loss::CrossEntropy;
    use limpid_nn_layers::{Linear, Relu, Sequential, Tanh};
    use limpid_tensor::{for_each_parameter_mut, named_parameters};

    fn probe() -> Tensor<f64> {
        Tensor::standard_normal([6, 4], Stream::new(1))
    }

    fn linear(inputs: usize, outputs: usize, label: &str) -> Linear<f64> {
        Linear::new(inputs, outputs, Stream::new(3).fork(label)).unwrap()
    }

    #[test]
    fn dead_units_are_counted_and_named() {
        let mut model = Sequential::new()
            .with(linear(4, 8, "a"))
            .with(Relu)
            .with(linear(8, 3, "b"));
        let mut monitor = LayerMonitor::new(probe());
        let target = [0, 1, 2, 0, 1, 2];
        monitor
            .observe(&model, &CrossEntropy::new(), &target[..], 0)
            .unwrap();
        assert!(monitor.findings().is_empty(), "{:?}", monitor.findings());
        for_each_parameter_mut(&mut model, |path, parameter| {
            if path == "0.bias" {
                parameter.update(|bias| bias[..6].fill(-100.0));
            }
        });
        assert_eq!(named_parameters(&model).len(), 4);
        monitor
            .observe(&model, &CrossEntropy::new(), &target[..], 1)
            .unwrap();
        let relu = &monitor.layers()[1];
        assert_eq!(relu.path, "1");
        assert!(relu.dead_share[1].1 >= 0.75, "{:?}", relu.dead_share);
        assert_eq!((relu.activations.len(), relu.gradients.len()), (2, 2));
        assert_eq!(monitor.findings()[0].rule, "dead units");
    }

    #[test]
    fn saturation_is_named() {
        let model = Sequential::new()
            .with(linear(4, 8, "a"))
            .with(Tanh)
            .with(linear(8, 3, "b"));
        let mut monitor = LayerMonitor::new(probe().mul_scalar(100.0));
        let target = [0, 1, 2, 0, 1, 2];
        monitor
            .observe(&model, &CrossEntropy::new(), &target[..], 0)
            .unwrap();
        assert_eq!(monitor.findings()[0].rule, "saturated units");
    }
}

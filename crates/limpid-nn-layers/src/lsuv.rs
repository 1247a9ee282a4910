//! Initialisation that looks at data: each layer's output brought to variance 1.

use std::collections::BTreeSet;

use limpid_init::{Fill, Orthogonal};
use limpid_tensor::{
    Element, Error, Result, State, Stream, Tensor, for_each_parameter_mut, named_parameters,
    without_gradient,
};

use crate::{Context, Module, Observation};

/// Layer-sequential unit-variance initialisation: weights start orthogonal; then, layer by layer in
/// the order of the forward pass, each is divided by the standard deviation of the layer's outputs
/// on a batch until their variance is 1. For deep models without norms, and for activations for
/// which no gain is known.
///
/// Layers are those that hold a trainable parameter `weight` of two dimensions or more and are run
/// by [`Context::call`]: linear and convolutional layers, above all. Everything else stays as it is.
/// Logits of variance 1 raise the first loss (2.73 in place of 2.303 over ten classes), so an output
/// layer is best kept: [`Lsuv::with_kept`].
///
/// The batch is run in training without noise: batch norms use the batch's statistics, and
/// running ones are not changed.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Linear, Lsuv, Sequential, Tanh};
/// use limpid_tensor::{Stream, Tensor};
///
/// let stream = Stream::new(7);
/// let mut net = Sequential::new()
///     .with(Linear::<f32>::new(20, 50, stream.fork("first"))?)
///     .with(Tanh)
///     .with(Linear::new(50, 50, stream.fork("second"))?)
///     .with(Tanh)
///     .with(Linear::output(50, 10, stream.fork("output"))?);
/// let batch = Tensor::standard_normal([64, 20], stream.fork("batch"));
/// let layers = Lsuv::default().with_kept("4").apply(&mut net, &batch, stream.fork("lsuv"))?;
/// assert_eq!(layers.len(), 2);
/// assert_eq!(layers[1].path, "2");
/// assert!((layers[1].variance - 1.0).abs() < 0.1);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
///
/// # Source
/// Mishkin and Matas 2016, "All you need is a good init", algorithm 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Lsuv {
    /// How far from 1 a variance may stay; above 0. The default is 0.1.
    pub tolerance: f64,
    /// How often a layer's weight is scaled at most; at least 1. The default is 10.
    pub tries: usize,
    /// Paths of layers that are left alone.
    pub kept: Vec<String>,
}

impl Default for Lsuv {
    fn default() -> Self {
        Self {
            tolerance: 0.1,
            tries: 10,
            kept: Vec::new(),
        }
    }
}

/// What [`Lsuv::apply`] did to one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LsuvLayer {
    /// The layer's path; empty for a model that is one layer.
    pub path: String,
    /// The variance of its outputs with the orthogonal weight.
    pub orthogonal: f64,
    /// The variance of its outputs now: within the tolerance of 1, unless the tries were used up.
    pub variance: f64,
    /// How often the weight was scaled.
    pub tries: usize,
}

impl Lsuv {
    /// The same, with variances within `tolerance` of 1.
    #[must_use]
    pub fn with_tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The same, with at most `tries` scalings for each layer.
    #[must_use]
    pub fn with_tries(self, tries: usize) -> Self {
        Self { tries, ..self }
    }

    /// The same, with the layer at `path` left alone.
    #[must_use]
    pub fn with_kept(mut self, path: impl Into<String>) -> Self {
        self.kept.push(path.into());
        self
    }

    /// Fills and scales the weights of `model` so that on `batch` each layer's outputs have
    /// variance 1. Gives the layers in the order of the forward pass.
    ///
    /// # Errors
    /// An argument error when a setting is out of range, at the layer's path when its outputs on the
    /// batch do not vary or are not finite; whatever the forward pass reports. The model is then as
    /// it was.
    pub fn apply<E: Element, M: Module<E> + ?Sized>(
        &self,
        model: &mut M,
        batch: &Tensor<E>,
        stream: Stream,
    ) -> Result<Vec<LsuvLayer>> {
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            let expected = "finite and above 0";
            return Err(Error::argument(
                "lsuv",
                "tolerance",
                expected,
                self.tolerance,
            ));
        }
        if self.tries == 0 {
            return Err(Error::argument("lsuv", "tries", "at least 1", 0));
        }
        let before = State::of(model);
        let done = self.fill_and_scale(model, batch, &stream);
        if done.is_err() {
            before.apply(model)?;
        }
        done
    }

    fn fill_and_scale<E: Element, M: Module<E> + ?Sized>(
        &self,
        model: &mut M,
        batch: &Tensor<E>,
        stream: &Stream,
    ) -> Result<Vec<LsuvLayer>> {
        let paths = self.layers(model, batch, stream)?;
        for path in &paths {
            let mut outcome = Ok(());
            change_weight(model, path, |weight| {
                let stream = stream.fork("weight").fork(path.as_str());
                outcome = Orthogonal::default()
                    .tensor(weight.shape(), stream)
                    .and_then(|it| weight.set(it));
            });
            outcome.map_err(|error| error.at(path.as_str()))?;
        }
        paths
            .into_iter()
            .map(|path| {
                self.scale(model, batch, stream, &path)
                    .map_err(|error| error.at(path.as_str()))
            })
            .collect()
    }

    /// The layers to scale, in the order in which they finish.
    fn layers<E: Element, M: Module<E> + ?Sized>(
        &self,
        model: &M,
        batch: &Tensor<E>,
        stream: &Stream,
    ) -> Result<Vec<String>> {
        let mut weighted: BTreeSet<String> = named_parameters(model)
            .into_iter()
            .filter(|(_, parameter)| parameter.is_trainable() && parameter.shape().len() >= 2)
            .filter_map(|(path, _)| layer_of_weight(&path).map(str::to_owned))
            .filter(|path| !self.kept.contains(path))
            .collect();
        let mut paths = Vec::new();
        observe(model, batch, stream, |path, _| {
            // Removed, so that a layer that runs twice is scaled once.
            paths.extend(weighted.take(path));
        })?;
        Ok(paths)
    }

    fn scale<E: Element, M: Module<E> + ?Sized>(
        &self,
        model: &mut M,
        batch: &Tensor<E>,
        stream: &Stream,
        path: &str,
    ) -> Result<LsuvLayer> {
        let orthogonal = variance_at(model, batch, stream, path)?;
        let (mut variance, mut tries) = (orthogonal, 0);
        while (variance - 1.0).abs() >= self.tolerance && tries < self.tries {
            let factor = E::of(variance.sqrt().recip());
            change_weight(model, path, |weight| {
                weight.update(|elements| elements.iter_mut().for_each(|it| *it *= factor));
            });
            variance = variance_at(model, batch, stream, path)?;
            tries += 1;
        }
        Ok(LsuvLayer {
            path: path.to_owned(),
            orthogonal,
            variance,
            tries,
        })
    }
}

/// The path of the layer whose parameter `weight` lies at `path`.
fn layer_of_weight(path: &str) -> Option<&str> {
    match path.strip_suffix("weight")? {
        "" => Some(""),
        layer => layer.strip_suffix('.'),
    }
}

fn change_weight<E: Element, M: Module<E> + ?Sized>(
    model: &mut M,
    layer: &str,
    mut change: impl FnMut(&mut limpid_tensor::Parameter<E>),
) {
    for_each_parameter_mut(model, |path, parameter| {
        if layer_of_weight(path) == Some(layer) {
            change(parameter);
        }
    });
}

/// Shows `see` the path and output of every layer, the model itself, at the empty path, last.
fn observe<E: Element, M: Module<E> + ?Sized>(
    model: &M,
    batch: &Tensor<E>,
    stream: &Stream,
    mut see: impl FnMut(&str, &Tensor<E>),
) -> Result<()> {
    let mut tap = |seen: &Observation<'_, E>| see(seen.path, seen.output);
    let context = Context::train(stream.fork("pass")).without_noise();
    let output = without_gradient(|| model.forward(batch, &mut context.with_tap(&mut tap)))?;
    see("", &output);
    Ok(())
}

/// The variance of all outputs of the layer at `path`, in its first run.
fn variance_at<E: Element, M: Module<E> + ?Sized>(
    model: &M,
    batch: &Tensor<E>,
    stream: &Stream,
    path: &str,
) -> Result<f64> {
    let mut found = None;
    observe(model, batch, stream, |own, output| {
        if own == path && found.is_none() {
            found = Some(variance(output));
        }
    })?;
    match found {
        Some(variance) if variance > 0.0 && variance.is_finite() => Ok(variance),
        _ => {
            let expected = "one on which the outputs vary and are finite";
            let found = match found {
                Some(variance) => format!("one on which their variance is {variance}"),
                None => "one on which the layer does not run".to_owned(),
            };
            Err(Error::argument("lsuv", "batch", expected, found))
        }
    }
}

fn variance<E: Element>(output: &Tensor<E>) -> f64 {
    let values: Vec<f64> = output.to_vec().into_iter().map(Element::double).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / count
}

#[cfg(test)]
mod tests;

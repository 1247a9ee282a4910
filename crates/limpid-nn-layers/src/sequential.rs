//! Layers one after another.

use std::fmt;

use limpid_tensor::{Element, Error, Parameters, Path, Result, Tensor, Visitor, VisitorMut};

use crate::{Context, Module};

/// Layers one after another, each fed with what the one before gave.
///
/// Layers are called by their number, `0.weight`, or by a name of their own, `hidden.weight`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Linear, Relu, Sequential};
/// use limpid_tensor::{Stream, named_parameters};
///
/// let stream = Stream::new(7);
/// let net = Sequential::new()
///     .with_named("hidden", Linear::<f32>::new(4, 8, stream.fork("hidden"))?)?
///     .with(Relu)
///     .with(Linear::output(8, 2, stream.fork("output"))?);
/// let names: Vec<String> = named_parameters(&net).into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["hidden.weight", "hidden.bias", "2.weight", "2.bias"]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Default)]
pub struct Sequential<E: Element> {
    layers: Vec<(String, Box<dyn Module<E>>)>,
}

impl<E: Element> Sequential<E> {
    /// No layers: hands its input through.
    pub fn new() -> Self {
        Self { layers: Vec::new() }
    }

    /// The same with `layer` at the end, called by its number.
    #[must_use]
    pub fn with(mut self, layer: impl Module<E> + 'static) -> Self {
        let mut number = self.layers.len();
        // Where norms were folded, later layers kept their numbers.
        while self.get(&number.to_string()).is_some() {
            number += 1;
        }
        self.layers.push((number.to_string(), Box::new(layer)));
        self
    }

    /// The same with `layer` at the end, called `name`.
    ///
    /// # Errors
    /// An argument error when another layer bears the name, when it is empty, has a dot or is a
    /// number.
    pub fn with_named(
        mut self,
        name: impl Into<String>,
        layer: impl Module<E> + 'static,
    ) -> Result<Self> {
        let name = name.into();
        let segment = !name.is_empty() && !name.contains('.');
        let number = name.bytes().all(|byte| byte.is_ascii_digit());
        if !segment || number || self.get(&name).is_some() {
            let expected = "a new name, without dots and no number";
            return Err(Error::argument(
                "sequential",
                "name",
                expected,
                format!("`{name}`"),
            ));
        }
        self.layers.push((name, Box::new(layer)));
        Ok(self)
    }

    /// The layer called `name`.
    pub fn get(&self, name: &str) -> Option<&dyn Module<E>> {
        let layer = self.layers.iter().find(|(own, _)| own == name);
        layer.map(|(_, layer)| layer.as_ref())
    }

    /// How many layers there are.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there is no layer.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

impl<E: Element> Module<E> for Sequential<E> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let mut value = input.clone();
        let mut layers = self.layers.iter().peekable();
        while let Some((name, layer)) = layers.next() {
            value = match layers.next_if(|(_, next)| next.is_relu()) {
                Some((next, relu)) => {
                    context.call_relu((name, layer.as_ref()), (next, relu.as_ref()), &value)?
                }
                None => context.call(name, layer.as_ref(), &value)?,
            };
        }
        Ok(value)
    }

    fn differs_in_training(&self) -> bool {
        self.layers
            .iter()
            .any(|(_, layer)| layer.differs_in_training())
    }

    fn fold_batch_norms(&mut self) -> Result<()> {
        let mut place = 1;
        while place < self.layers.len() {
            let [(_, layer), (_, next)] = &mut self.layers[place - 1..=place] else {
                break;
            };
            let folded = match next.as_batch_norm() {
                Some(norm) => layer.folded(norm)?,
                None => None,
            };
            match folded {
                Some(folded) => {
                    *layer = folded;
                    self.layers.remove(place);
                }
                None => place += 1,
            }
        }
        for (name, layer) in &mut self.layers {
            let folded = layer.fold_batch_norms();
            folded.map_err(|error| error.at(name.as_str()))?;
        }
        Ok(())
    }
}

impl<E: Element> Parameters<E> for Sequential<E> {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>) {
        for (name, layer) in &self.layers {
            path.push(name);
            layer.visit(path, visitor);
            path.pop();
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>) {
        for (name, layer) in &mut self.layers {
            path.push(name);
            layer.visit_mut(path, visitor);
            path.pop();
        }
    }
}

impl<E: Element> fmt::Debug for Sequential<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = self.layers.iter().map(|(name, layer)| (name, layer.kind()));
        formatter.debug_map().entries(layers).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use crate::{Dropout, Linear, Tanh};
    use limpid_tensor::Stream;

    fn net(stream: Stream) -> Result<Sequential<f64>> {
        Sequential::new()
            .with(Linear::new(3, 4, stream.fork(0))?)
            .with(Tanh)
            .with(Dropout::new(0.25)?)
            .with_named("head", Linear::new(4, 2, stream.fork(1))?)
    }

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([5, 3], Stream::new(1));
        check_module(net, &input, &[5, 2]).unwrap();
        check_module(|_| Ok(Sequential::new()), &input, &[5, 3]).unwrap();
    }

    #[test]
    fn errors_say_which_layer() {
        let error = net(Stream::new(1))
            .unwrap()
            .predict(&Tensor::zeros([5, 7]))
            .unwrap_err();
        assert!(
            error.to_string().starts_with("0: linear: shapes [5, 7]"),
            "{error}"
        );
    }

    #[test]
    fn names_that_would_be_taken_twice_are_refused() {
        for name in ["head", "1", "a.b", ""] {
            let net = net(Stream::new(1)).unwrap();
            let error = net.with_named(name, Tanh).unwrap_err();
            assert!(
                error.to_string().contains(&format!("found `{name}`")),
                "{error}"
            );
        }
    }

    #[test]
    fn it_shows_its_layers() {
        let shown = format!("{:?}", net(Stream::new(1)).unwrap());
        assert_eq!(
            shown,
            r#"{"0": "Linear", "1": "Tanh", "2": "Dropout", "head": "Linear"}"#
        );
    }
}

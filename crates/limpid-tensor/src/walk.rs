//! Questions that the parameter walk answers: names, counts, freezing, snapshots.

use crate::parameter::{Buffer, Parameter, Parameters, Path, Visitor, VisitorMut};
use crate::{Element, Error, Result, Tensor};

/// Every parameter of a model with its path, in order.
pub fn named_parameters<E: Element, M: Parameters<E> + ?Sized>(
    model: &M,
) -> Vec<(String, &Parameter<E>)> {
    let mut found = Found::default();
    model.visit(&mut Path::root(), &mut found);
    found.parameters
}

/// Every buffer of a model with its path, in order.
pub fn named_buffers<E: Element, M: Parameters<E> + ?Sized>(
    model: &M,
) -> Vec<(String, &Buffer<E>)> {
    let mut found = Found::default();
    model.visit(&mut Path::root(), &mut found);
    found.buffers
}

/// How many numbers a model trains: the elements of its trainable parameters.
pub fn trainable_count<E: Element, M: Parameters<E> + ?Sized>(model: &M) -> usize {
    let parameters = named_parameters(model);
    parameters
        .iter()
        .filter(|(_, p)| p.is_trainable())
        .map(|(_, p)| p.len())
        .sum()
}

/// Calls `change` with every parameter and its path, in order.
pub fn for_each_parameter_mut<E: Element, M: Parameters<E> + ?Sized>(
    model: &mut M,
    change: impl FnMut(&str, &mut Parameter<E>),
) {
    model.visit_mut(&mut Path::root(), &mut ChangeParameters(change));
}

/// Calls `change` with every buffer and its path, in order.
pub fn for_each_buffer_mut<E: Element, M: Parameters<E> + ?Sized>(
    model: &mut M,
    change: impl FnMut(&str, &mut Buffer<E>),
) {
    model.visit_mut(&mut Path::root(), &mut ChangeBuffers(change));
}

/// Freezes (or thaws) every parameter whose path is `prefix` or lies below it; the empty prefix
/// means all. Gives how many there were.
pub fn set_trainable<E: Element, M: Parameters<E> + ?Sized>(
    model: &mut M,
    prefix: &str,
    trainable: bool,
) -> usize {
    let mut changed = 0;
    for_each_parameter_mut(model, |path, parameter| {
        let below = path
            .strip_prefix(prefix)
            .is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('.'));
        if below {
            parameter.set_trainable(trainable);
            changed += 1;
        }
    });
    changed
}

/// The values of all parameters and buffers of a model at one time, by path, in order.
///
/// Taking one copies nothing: the model copies a value when it changes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State<E: Element> {
    entries: Vec<(String, Tensor<E>)>,
}

impl<E: Element> State<E> {
    /// The state that `model` is in.
    pub fn of<M: Parameters<E> + ?Sized>(model: &M) -> Self {
        let mut taken = Taken::default();
        model.visit(&mut Path::root(), &mut taken);
        Self {
            entries: taken.entries,
        }
    }

    /// A state of the given values.
    pub fn from_entries(entries: Vec<(String, Tensor<E>)>) -> Self {
        Self { entries }
    }

    /// Paths and values, in the model's order.
    pub fn entries(&self) -> &[(String, Tensor<E>)] {
        &self.entries
    }

    /// The value at `path`.
    pub fn get(&self, path: &str) -> Option<&Tensor<E>> {
        self.entries
            .iter()
            .find(|(own, _)| own == path)
            .map(|(_, value)| value)
    }

    /// Puts these values into `model`. Nothing is changed unless everything fits. A buffer that is
    /// [optional](Buffer::is_optional) may be missing here; it stays as it is.
    ///
    /// # Errors
    /// A parameters error that names what is missing or left over; a shape error, at the path,
    /// where shapes differ.
    pub fn apply<M: Parameters<E> + ?Sized>(&self, model: &mut M) -> Result<()> {
        let own = Self::of(model);
        for (path, value) in &own.entries {
            let Some(new) = self.get(path) else {
                let mut buffers = named_buffers(model).into_iter();
                if buffers.any(|(own, buffer)| own == *path && buffer.is_optional()) {
                    continue;
                }
                let expected = format!("a value for `{path}`");
                return Err(Error::parameters("load state", expected, "none"));
            };
            if new.shape() != value.shape() {
                let shapes = [value.shape(), new.shape()];
                let rule = "the new value must have the shape of the old";
                return Err(Error::shape("load state", &shapes, rule).at(path.clone()));
            }
        }
        if let Some((path, _)) = self
            .entries
            .iter()
            .find(|(path, _)| own.get(path).is_none())
        {
            let found = format!("a value for `{path}`");
            return Err(Error::parameters(
                "load state",
                "only the model's own paths",
                found,
            ));
        }
        let mut outcome = Ok(());
        for_each_parameter_mut(model, |path, parameter| {
            if let (Some(value), Ok(())) = (self.get(path), &outcome) {
                outcome = parameter.set(value.clone());
            }
        });
        for_each_buffer_mut(model, |path, buffer| {
            if let (Some(value), Ok(())) = (self.get(path), &outcome) {
                outcome = buffer.set(value.clone());
            }
        });
        outcome
    }
}

struct Found<'a, E: Element> {
    parameters: Vec<(String, &'a Parameter<E>)>,
    buffers: Vec<(String, &'a Buffer<E>)>,
}

impl<E: Element> Default for Found<'_, E> {
    fn default() -> Self {
        Self {
            parameters: Vec::new(),
            buffers: Vec::new(),
        }
    }
}

impl<'a, E: Element> Visitor<'a, E> for Found<'a, E> {
    fn parameter(&mut self, path: &Path, parameter: &'a Parameter<E>) {
        self.parameters.push((path.to_string(), parameter));
    }

    fn buffer(&mut self, path: &Path, buffer: &'a Buffer<E>) {
        self.buffers.push((path.to_string(), buffer));
    }
}

#[derive(Default)]
struct Taken<E: Element> {
    entries: Vec<(String, Tensor<E>)>,
}

impl<'a, E: Element> Visitor<'a, E> for Taken<E> {
    fn parameter(&mut self, path: &Path, parameter: &'a Parameter<E>) {
        self.entries.push((path.to_string(), parameter.detach()));
    }

    fn buffer(&mut self, path: &Path, buffer: &'a Buffer<E>) {
        self.entries.push((path.to_string(), buffer.detach()));
    }
}

struct ChangeParameters<F>(F);

impl<E: Element, F: FnMut(&str, &mut Parameter<E>)> VisitorMut<E> for ChangeParameters<F> {
    fn parameter(&mut self, path: &Path, parameter: &mut Parameter<E>) {
        (self.0)(path.as_str(), parameter);
    }
}

struct ChangeBuffers<F>(F);

impl<E: Element, F: FnMut(&str, &mut Buffer<E>)> VisitorMut<E> for ChangeBuffers<F> {
    fn parameter(&mut self, _: &Path, _: &mut Parameter<E>) {}

    fn buffer(&mut self, path: &Path, buffer: &mut Buffer<E>) {
        (self.0)(path.as_str(), buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Model {
        layers: Vec<Parameter<f64>>,
        mean: Buffer<f64>,
    }

    impl Parameters<f64> for Model {
        fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, f64>) {
            path.push("layers");
            self.layers.visit(path, visitor);
            path.pop();
            path.push("mean");
            self.mean.visit(path, visitor);
            path.pop();
        }

        fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<f64>) {
            path.push("layers");
            self.layers.visit_mut(path, visitor);
            path.pop();
            path.push("mean");
            self.mean.visit_mut(path, visitor);
            path.pop();
        }
    }

    fn model() -> Model {
        let layers = (1..4)
            .map(|size| Parameter::new(Tensor::ones([size])))
            .collect();
        Model {
            layers,
            mean: Buffer::new(Tensor::zeros([2])),
        }
    }

    #[test]
    fn names_come_in_the_order_of_the_fields() {
        let model = model();
        let names: Vec<String> = named_parameters(&model)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["layers.0", "layers.1", "layers.2"]);
        assert_eq!(named_buffers(&model)[0].0, "mean");
        assert_eq!(trainable_count(&model), 6);
    }

    #[test]
    fn freezing_goes_by_whole_segments() {
        let mut model = model();
        assert_eq!(set_trainable(&mut model, "layers.1", false), 1);
        assert_eq!(set_trainable(&mut model, "layer", false), 0);
        assert_eq!(trainable_count(&model), 4);
        assert_eq!(set_trainable(&mut model, "", true), 3);
    }

    #[test]
    fn a_state_brings_a_model_back() {
        let mut model = model();
        let before = State::of(&model);
        model.layers[2].update(|elements| elements.fill(9.0));
        model.mean.set(Tensor::ones([2])).unwrap();
        assert_ne!(State::of(&model), before);
        before.apply(&mut model).unwrap();
        assert_eq!(State::of(&model), before);
    }

    #[test]
    fn a_state_that_does_not_fit_changes_nothing_and_says_what_is_wrong() {
        let mut target = model();
        let before = State::of(&target);
        let mut other = model();
        other.layers[0].update(|elements| elements.fill(2.0));
        let mut entries = State::of(&other).entries().to_vec();
        entries[2].1 = Tensor::ones([7]);
        let error = State::from_entries(entries.clone())
            .apply(&mut target)
            .unwrap_err();
        assert_eq!(error.path(), "layers.2");
        entries.remove(2);
        let error = State::from_entries(entries.clone())
            .apply(&mut target)
            .unwrap_err();
        assert!(error.to_string().contains("`layers.2`"), "{error}");
        entries.push(("layers.2".to_owned(), Tensor::ones([3])));
        entries.push(("head".to_owned(), Tensor::ones([3])));
        let error = State::from_entries(entries).apply(&mut target).unwrap_err();
        assert!(error.to_string().contains("`head`"), "{error}");
        assert_eq!(State::of(&target), before);
    }
}

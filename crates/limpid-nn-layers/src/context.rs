//! What surrounds a forward pass: mode, randomness, observer, path, and the updates it collects.

use std::collections::BTreeMap;
use std::fmt;

use limpid_tensor::{
    Element, Error, Parameters, Path, Result, Stream, Tensor, count_flops, for_each_buffer_mut,
    named_buffers,
};

use crate::{Module, Observation, Tap};

/// Whether a forward pass trains or evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Dropout drops, batch statistics are used and collected.
    Train,
    /// Nothing is random, running statistics are used.
    Eval,
}

/// How batch norms' running statistics move in a pass that trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunningStatistics {
    /// By their own momentum.
    #[default]
    Moving,
    /// Towards the mean of all batches, this one being the first: what was there before is
    /// forgotten.
    Begun,
    /// Towards the mean of all batches so far.
    Averaged,
}

/// The surroundings of one forward pass.
///
/// # Example
/// ```
/// use limpid_nn_layers::Context;
/// use limpid_tensor::Stream;
///
/// let run = Stream::new(7);
/// let context = Context::<f32>::train(run.fork("step").fork(0));
/// assert!(context.is_training());
/// ```
pub struct Context<'a, E: Element> {
    mode: Mode,
    noise: bool,
    statistics: RunningStatistics,
    stream: Stream,
    path: Path,
    /// How often each path has asked for a stream, so that a module used twice draws twice.
    draws: BTreeMap<String, u64>,
    tap: Option<&'a mut dyn Tap<E>>,
    updates: Updates<E>,
}

impl<'a, E: Element> Context<'a, E> {
    /// A pass that trains, with the randomness of `stream`: one stream a step.
    pub fn train(stream: Stream) -> Self {
        Self::new(Mode::Train, stream)
    }

    /// A pass that evaluates.
    pub fn eval() -> Self {
        Self::new(Mode::Eval, Stream::new(0))
    }

    fn new(mode: Mode, stream: Stream) -> Self {
        Self {
            mode,
            noise: mode == Mode::Train,
            statistics: RunningStatistics::Moving,
            stream,
            path: Path::root(),
            draws: BTreeMap::new(),
            tap: None,
            updates: Updates {
                values: BTreeMap::new(),
            },
        }
    }

    /// The same pass, seen by `tap`.
    #[must_use]
    pub fn with_tap(mut self, tap: &'a mut dyn Tap<E>) -> Self {
        self.tap = Some(tap);
        self
    }

    /// The same pass without dropout and its like, though batch statistics stay in use: what a
    /// check of gradients wants, and a check that a few examples can be learned by heart.
    #[must_use]
    pub fn without_noise(mut self) -> Self {
        self.noise = false;
        self
    }

    /// The same pass, with running statistics that move in this way; see
    /// [`renew_batch_norms`](crate::renew_batch_norms).
    #[must_use]
    pub fn with_statistics(mut self, statistics: RunningStatistics) -> Self {
        self.statistics = statistics;
        self
    }

    /// How running statistics are to move.
    pub fn statistics(&self) -> RunningStatistics {
        self.statistics
    }

    /// Whether layers that add randomness should: in training, unless the pass is without noise.
    pub fn is_noisy(&self) -> bool {
        self.noise
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the pass trains.
    pub fn is_training(&self) -> bool {
        self.mode == Mode::Train
    }

    /// The path of the layer that is running.
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// A random stream for the layer that is running: keyed by its path and by how often it has
    /// asked, so that no other layer's draws change its own.
    pub fn stream(&mut self) -> Stream {
        let draws = self.draws.entry(self.path.to_string()).or_default();
        *draws += 1;
        self.stream.fork(self.path.as_str()).fork(*draws - 1)
    }

    /// Runs `child`, which the parent holds as its field `name`, on `input`.
    ///
    /// # Errors
    /// The child's, with `name` added to their path.
    pub fn call<M: Module<E> + ?Sized>(
        &mut self,
        name: &str,
        child: &M,
        input: &Tensor<E>,
    ) -> Result<Tensor<E>> {
        self.call_with(name, child.kind(), input, |context| {
            child.forward(input, context)
        })
    }

    /// Runs the child that the parent holds as its field `name` by `work`: one that is given more
    /// than a tensor, such as masks. Observers see it as one that made the output from `input`.
    ///
    /// # Errors
    /// Those of `work`, with `name` added to their path.
    pub fn call_with(
        &mut self,
        name: &str,
        kind: &'static str,
        input: &Tensor<E>,
        work: impl FnOnce(&mut Self) -> Result<Tensor<E>>,
    ) -> Result<Tensor<E>> {
        self.scope(name, |context| {
            let (output, flops) = count_flops(|| work(context));
            let output = output?;
            if let Some(tap) = &mut context.tap {
                let path = context.path.as_str();
                tap.observe(&Observation {
                    path,
                    kind,
                    input,
                    output: &output,
                    flops,
                });
            }
            Ok(output)
        })
    }

    /// Runs `child` as [`Context::call`] does and a rectifier, that the parent holds as its field
    /// `next`, after it: by [`Module::forward_relu`] where nobody observes what lies between.
    ///
    /// # Errors
    /// The child's, with `name` added to their path.
    pub fn call_relu<M: Module<E> + ?Sized>(
        &mut self,
        (name, child): (&str, &M),
        (next, relu): (&str, &M),
        input: &Tensor<E>,
    ) -> Result<Tensor<E>> {
        if self.tap.is_some() {
            let between = self.call(name, child, input)?;
            return self.call(next, relu, &between);
        }
        self.scope(name, |context| child.forward_relu(input, context))
    }

    /// Runs `work` one path segment further in: for children that are not plain modules, such as
    /// recurrent layers with a state.
    ///
    /// # Errors
    /// Those of `work`, with `name` added to their path.
    pub fn scope<R>(&mut self, name: &str, work: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.path.push(name);
        let result = work(self);
        self.path.pop();
        result.map_err(|error| error.at(name))
    }

    /// Says that the running layer's buffer `name` should become `value`. It is changed by
    /// [`Updates::apply`], not here.
    pub fn update(&mut self, name: &str, value: Tensor<E>) {
        self.path.push(name);
        self.updates
            .values
            .insert(self.path.to_string(), value.detach());
        self.path.pop();
    }

    /// The value that the running layer's buffer `name` has by now in this pass, if it was updated:
    /// a layer that runs twice in one pass goes on from there.
    pub fn updated(&mut self, name: &str) -> Option<Tensor<E>> {
        self.path.push(name);
        let value = self.updates.values.get(self.path.as_str()).cloned();
        self.path.pop();
        value
    }

    /// Ends the pass and gives what it wants changed.
    pub fn into_updates(self) -> Updates<E> {
        self.updates
    }
}

impl<E: Element> fmt::Debug for Context<'_, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Context")
            .field("mode", &self.mode)
            .field("path", &self.path.as_str())
            .field("observed", &self.tap.is_some())
            .field("updates", &self.updates.values.len())
            .finish_non_exhaustive()
    }
}

/// New values for buffers, by path, collected by a forward pass. Dropping them changes nothing.
#[derive(Clone, Debug, Default)]
#[must_use = "running statistics change only when the updates are applied"]
pub struct Updates<E: Element> {
    values: BTreeMap<String, Tensor<E>>,
}

impl<E: Element> Updates<E> {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Paths and new values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor<E>)> {
        self.values
            .iter()
            .map(|(path, value)| (path.as_str(), value))
    }

    /// Puts the values into the model's buffers.
    ///
    /// # Errors
    /// A parameters error when the model has no buffer at one of the paths, as happens when a
    /// parent calls a child by another name than its field's; a shape error where shapes differ.
    pub fn apply<M: Parameters<E> + ?Sized>(self, model: &mut M) -> Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        let known: Vec<String> = named_buffers(model)
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        if let Some(path) = self.values.keys().find(|path| !known.contains(path)) {
            let expected = "updates of the model's own buffers";
            return Err(Error::parameters(
                "apply updates",
                expected,
                format!("`{path}`"),
            ));
        }
        let mut outcome = Ok(());
        let mut values = self.values;
        for_each_buffer_mut(model, |path, buffer| {
            if let (Ok(()), Some(value)) = (&outcome, values.remove(path)) {
                outcome = buffer.set(value).map_err(|error| error.at(path));
            }
        });
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Buffer, Parameter};

    #[derive(Debug, crate::Parameters)]
    struct Counter {
        weight: Parameter<f64>,
        seen: Buffer<f64>,
    }

    impl Module<f64> for Counter {
        fn forward(
            &self,
            input: &Tensor<f64>,
            context: &mut Context<'_, f64>,
        ) -> Result<Tensor<f64>> {
            let seen = context
                .updated("seen")
                .unwrap_or_else(|| self.seen.value().clone());
            context.update("seen", seen.add_scalar(1.0));
            input.mul(&self.weight)
        }
    }

    #[derive(Debug, crate::Parameters)]
    struct Net {
        left: Counter,
        right: Vec<Counter>,
    }

    impl Module<f64> for Net {
        fn forward(
            &self,
            input: &Tensor<f64>,
            context: &mut Context<'_, f64>,
        ) -> Result<Tensor<f64>> {
            let x = context.call("left", &self.left, input)?;
            let x = context.call("left", &self.left, &x)?;
            context.scope("right", |context| context.call("0", &self.right[0], &x))
        }
    }

    fn counter(size: usize) -> Counter {
        Counter {
            weight: Parameter::new(Tensor::full([size], 2.0)),
            seen: Buffer::new(Tensor::zeros([1])),
        }
    }

    #[test]
    fn updates_reach_the_buffers_by_path_and_only_when_applied() {
        let mut net = Net {
            left: counter(3),
            right: vec![counter(3)],
        };
        let mut context = Context::train(Stream::new(1));
        net.forward(&Tensor::ones([3]), &mut context).unwrap();
        assert_eq!(net.left.seen.to_vec(), [0.0]);
        context.into_updates().apply(&mut net).unwrap();
        assert_eq!(net.left.seen.to_vec(), [2.0]);
        assert_eq!(net.right[0].seen.to_vec(), [1.0]);
    }

    #[test]
    fn an_update_without_a_buffer_is_an_error() {
        let mut net = Net {
            left: counter(3),
            right: vec![counter(3)],
        };
        let mut context = Context::train(Stream::new(1));
        context
            .call("middle", &net.left, &Tensor::ones([3]))
            .unwrap();
        let error = context.into_updates().apply(&mut net).unwrap_err();
        assert!(error.to_string().contains("`middle.seen`"), "{error}");
    }

    #[test]
    fn errors_carry_the_path_of_the_layer() {
        let net = Net {
            left: counter(3),
            right: vec![counter(2)],
        };
        let error = net.predict(&Tensor::ones([3])).unwrap_err();
        assert_eq!(error.path(), "right.0");
    }

    #[test]
    fn taps_see_children_by_path_and_kind() {
        let net = Net {
            left: counter(3),
            right: vec![counter(3)],
        };
        let mut seen = Vec::new();
        let mut tap = |observation: &Observation<'_, f64>| {
            seen.push((observation.path.to_owned(), observation.kind));
        };
        let mut context = Context::eval().with_tap(&mut tap);
        net.forward(&Tensor::ones([3]), &mut context).unwrap();
        let want = [
            ("left", "Counter"),
            ("left", "Counter"),
            ("right.0", "Counter"),
        ];
        assert_eq!(seen, want.map(|(path, kind)| (path.to_owned(), kind)));
    }

    #[test]
    fn streams_depend_on_path_and_call_alone() {
        let draw = |extra: bool| {
            let mut context = Context::<f64>::train(Stream::new(3));
            if extra {
                context
                    .scope("other", |context| Ok(context.stream()))
                    .unwrap();
            }
            let first = context
                .scope("drop", |context| Ok(context.stream()))
                .unwrap();
            (
                first,
                context
                    .scope("drop", |context| Ok(context.stream()))
                    .unwrap(),
            )
        };
        assert_eq!(draw(false), draw(true));
        assert_ne!(draw(false).0, draw(false).1);
    }
}

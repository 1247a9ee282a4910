//! Averages of a model's weights over a run.

use limpid_tensor::{
    Buffer, Element, Error, Parameter, Parameters, Path, Result, State, Tensor, Visitor,
};

use crate::{setting, sweep};

/// The exponential moving average of a model's parameters and buffers: it starts at what the first
/// model has that it is handed, and then
///
/// ```text
/// average = decay * average + (1 - decay) * model
/// ```
/// It looks back over about `1 / (1 - decay)` updates.
///
/// # Source
/// Polyak & Juditsky (1992), "Acceleration of stochastic approximation by averaging"; equals
/// torch.optim.swa_utils.get_ema_avg_fn (2.15), except that PyTorch leaves buffers alone by default.
///
/// # Example
/// ```
/// use limpid_optim::Ema;
/// use limpid_tensor::{Parameter, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::zeros([1]));
/// let mut average = Ema::new(0.75)?;
/// average.update(&weight)?;
/// weight.set(Tensor::ones([1]))?;
/// average.update(&weight)?;
/// let values = average.state()?;
/// assert_eq!(values.entries()[0].1.to_vec(), [0.25]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ema<E: Element> {
    decay: f64,
    running: Running<E>,
}

impl<E: Element> Ema<E> {
    /// An average that keeps the share `decay` of itself at each update.
    ///
    /// # Errors
    /// An argument error unless `decay` lies in [0, 1).
    pub fn new(decay: f64) -> Result<Self> {
        setting::share("ema", "decay", decay)?;
        Ok(Self {
            decay,
            running: Running::default(),
        })
    }

    /// Goes on from an average over `updates` updates.
    ///
    /// # Errors
    /// As [`Ema::new`].
    pub fn resume(decay: f64, average: &State<E>, updates: u64) -> Result<Self> {
        Ok(Self {
            running: Running::resume(average, updates),
            ..Self::new(decay)?
        })
    }

    /// Takes what the model is now into the average, in one pass over memory.
    ///
    /// # Errors
    /// A parameters error when it has other paths or shapes than the first one; the average is then
    /// left as it is.
    pub fn update<M: Parameters<E> + ?Sized>(&mut self, model: &M) -> Result<()> {
        // From the nearer end: the two shares, rounded, need not add up to 1, and an average of equal
        // numbers would drift away from them.
        let (kept, entering) = (E::of(self.decay), E::of(1.0 - self.decay));
        match self.decay > 0.5 {
            true => self
                .running
                .update(model, &|average, new| average + entering * (new - average)),
            false => self
                .running
                .update(model, &|average, new| new + kept * (average - new)),
        }
    }

    /// The average, empty before the first update.
    ///
    /// # Errors
    /// None in practice: the shapes are those of the model.
    pub fn state(&self) -> Result<State<E>> {
        self.running.state()
    }

    /// How many updates there have been.
    pub fn updates(&self) -> u64 {
        self.running.updates
    }

    /// The share of itself that it keeps at each update.
    pub fn decay(&self) -> f64 {
        self.decay
    }
}

/// The plain average of a model's parameters and buffers at the times of the updates.
///
/// ```text
/// average = average + (model - average) / (n + 1)
/// ```
/// Updated after every step it is Polyak's average of all iterates; updated now and then along the
/// end of a run with a high rate, stochastic weight averaging.
///
/// Running statistics of batch normalisation do not belong to averaged weights: renew them on the
/// training rows before the average is used, as `renew_batch_norms` of `limpid-nn-layers` does.
///
/// # Source
/// Polyak & Juditsky (1992), "Acceleration of stochastic approximation by averaging"; Izmailov et
/// al. (2018), "Averaging weights leads to wider optima and better generalization"; equals
/// torch.optim.swa_utils.AveragedModel (2.15), except that PyTorch leaves buffers alone by default.
///
/// # Example
/// ```
/// use limpid_optim::Swa;
/// use limpid_tensor::{Parameter, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::zeros([1]));
/// let mut average = Swa::new();
/// for value in [1.0, 5.0, 6.0] {
///     weight.set(Tensor::full([1], value))?;
///     average.update(&weight)?;
/// }
/// average.state()?.apply(&mut weight)?;
/// assert_eq!(weight.to_vec(), [4.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Swa<E: Element> {
    running: Running<E>,
}

impl<E: Element> Swa<E> {
    /// An average of nothing yet.
    pub fn new() -> Self {
        Self {
            running: Running::default(),
        }
    }

    /// Goes on from an average over `updates` updates.
    pub fn resume(average: &State<E>, updates: u64) -> Self {
        Self {
            running: Running::resume(average, updates),
        }
    }

    /// Takes what the model is now into the average, in one pass over memory.
    ///
    /// # Errors
    /// As [`Ema::update`].
    pub fn update<M: Parameters<E> + ?Sized>(&mut self, model: &M) -> Result<()> {
        let count = E::of((self.running.updates + 1) as f64);
        self.running
            .update(model, &|average, new| average + (new - average) / count)
    }

    /// The average, empty before the first update.
    ///
    /// # Errors
    /// None in practice: the shapes are those of the model.
    pub fn state(&self) -> Result<State<E>> {
        self.running.state()
    }

    /// How many updates there have been.
    pub fn updates(&self) -> u64 {
        self.running.updates
    }
}

/// An average that is changed in place.
#[derive(Clone, Debug)]
struct Running<E> {
    entries: Vec<Entry<E>>,
    updates: u64,
}

#[derive(Clone, Debug)]
struct Entry<E> {
    path: String,
    shape: Vec<usize>,
    elements: Vec<E>,
}

impl<E> Default for Running<E> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            updates: 0,
        }
    }
}

impl<E: Element> Running<E> {
    fn resume(average: &State<E>, updates: u64) -> Self {
        let entry = |(path, value): &(String, Tensor<E>)| Entry {
            path: path.clone(),
            shape: value.shape().to_vec(),
            elements: value.to_vec(),
        };
        Self {
            entries: average.entries().iter().map(entry).collect(),
            updates,
        }
    }

    fn update<M: Parameters<E> + ?Sized>(
        &mut self,
        model: &M,
        average: &(impl Fn(E, E) -> E + Sync),
    ) -> Result<()> {
        if self.updates == 0 {
            *self = Self::resume(&State::of(model), 1);
            return Ok(());
        }
        let mut met = 0;
        let mut outcome = Ok(());
        visit(model, |path, value| {
            let known = self.entries.get(met);
            met += 1;
            if known.is_some_and(|own| own.path == path && own.shape == value.shape()) {
                return;
            }
            if outcome.is_ok() {
                let expected = known.map_or("no more values".to_owned(), |own| {
                    format!("`{}` of shape {:?}", own.path, own.shape)
                });
                let found = format!("`{path}` of shape {:?}", value.shape());
                outcome = Err(Error::parameters("average", expected, found));
            }
        });
        outcome?;
        if met < self.entries.len() {
            let expected = format!("{} values", self.entries.len());
            return Err(Error::parameters("average", expected, met.to_string()));
        }
        let mut entries = self.entries.iter_mut();
        visit(model, |_, value| {
            if let Some(own) = entries.next() {
                sweep::plain(&mut own.elements, &value.elements(), move |own, new| {
                    *own = average(*own, new);
                });
            }
        });
        self.updates += 1;
        Ok(())
    }

    fn state(&self) -> Result<State<E>> {
        let value = |own: &Entry<E>| {
            let tensor = Tensor::from_vec(own.elements.clone(), &own.shape)?;
            Ok((own.path.clone(), tensor))
        };
        Ok(State::from_entries(
            self.entries.iter().map(value).collect::<Result<_>>()?,
        ))
    }
}

/// Calls `each` with every parameter and buffer of a model, in its order.
fn visit<E: Element, M: Parameters<E> + ?Sized>(model: &M, each: impl FnMut(&str, &Tensor<E>)) {
    model.visit(&mut Path::root(), &mut Each(each));
}

struct Each<F>(F);

impl<'a, E: Element, F: FnMut(&str, &Tensor<E>)> Visitor<'a, E> for Each<F> {
    fn parameter(&mut self, path: &Path, parameter: &'a Parameter<E>) {
        (self.0)(path.as_str(), parameter);
    }

    fn buffer(&mut self, path: &Path, buffer: &'a Buffer<E>) {
        (self.0)(path.as_str(), buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(values: &[&[f64]]) -> Vec<Parameter<f64>> {
        let tensor = |part: &&[f64]| Tensor::from_vec(part.to_vec(), [part.len()]).unwrap();
        values.iter().map(tensor).map(Parameter::new).collect()
    }

    #[test]
    fn the_plain_average_weighs_all_alike() {
        let mut average = Swa::new();
        for value in [1.0, 5.0, 6.0] {
            average.update(&model(&[&[value]])).unwrap();
        }
        assert_eq!(average.state().unwrap(), State::of(&model(&[&[4.0]])));
        assert_eq!(average.updates(), 3);
    }

    #[test]
    fn equal_numbers_have_themselves_as_their_average() {
        for decay in [0.0, 0.3, 0.5, 0.9, 0.999_9, 0.999_999] {
            let model = Parameter::new(Tensor::<f32>::full([1], 0.7));
            let mut average = Ema::new(decay).unwrap();
            for _ in 0..100 {
                average.update(&model).unwrap();
            }
            assert_eq!(average.state().unwrap(), State::of(&model), "{decay}");
        }
    }

    #[test]
    fn an_average_goes_on_after_a_break() {
        let mut whole = Ema::new(0.9).unwrap();
        let mut broken = Ema::new(0.9).unwrap();
        for value in [1.0, 5.0, 6.0] {
            whole.update(&model(&[&[value]])).unwrap();
            broken = Ema::resume(0.9, &broken.state().unwrap(), broken.updates()).unwrap();
            broken.update(&model(&[&[value]])).unwrap();
        }
        assert_eq!(whole.state().unwrap(), broken.state().unwrap());
    }

    #[test]
    fn buffers_are_averaged_as_parameters_are() {
        let mut average = Ema::new(0.5).unwrap();
        for value in [2.0, 4.0] {
            average
                .update(&Buffer::new(Tensor::<f64>::full([2], value)))
                .unwrap();
        }
        assert_eq!(average.state().unwrap().entries()[0].1.to_vec(), [3.0, 3.0]);
    }

    #[test]
    fn other_models_are_refused_and_change_nothing() {
        let mut average = Swa::new();
        let first = model(&[&[1.0], &[2.0]]);
        average.update(&first).unwrap();
        let others: [&[&[f64]]; 4] = [
            &[&[1.0]],
            &[&[7.0], &[1.0, 2.0]],
            &[&[7.0], &[2.0], &[3.0]],
            &[],
        ];
        for other in others {
            let error = average.update(&model(other)).unwrap_err();
            assert_eq!(error.operation(), "average");
        }
        assert!(average.update(&first[0]).is_err());
        assert_eq!(average.state().unwrap(), State::of(&first));
        assert!(Ema::<f64>::new(1.0).is_err());
    }
}

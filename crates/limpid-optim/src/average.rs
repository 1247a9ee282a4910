//! Averages of a model's weights over a run.

use limpid_tensor::{Element, Error, Result, State, Tensor};

use crate::setting;

/// The exponential moving average of a model's state: it starts at the first state that it is
/// handed, and then
///
/// ```text
/// average = decay * average + (1 - decay) * state
/// ```
/// It looks back over about `1 / (1 - decay)` updates. Buffers are averaged as parameters are.
///
/// # Source
/// Polyak & Juditsky (1992), "Acceleration of stochastic approximation by averaging"; equals
/// torch.optim.swa_utils.get_ema_avg_fn (2.15), except that PyTorch leaves buffers alone by default.
///
/// # Example
/// ```
/// use limpid_optim::Ema;
/// use limpid_tensor::{Parameter, State, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::zeros([1]));
/// let mut average = Ema::new(0.75)?;
/// average.update(&State::of(&weight))?;
/// weight.set(Tensor::ones([1]))?;
/// average.update(&State::of(&weight))?;
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

    /// Goes on from an average of `updates` states.
    ///
    /// # Errors
    /// As [`Ema::new`].
    pub fn resume(decay: f64, average: &State<E>, updates: u64) -> Result<Self> {
        Ok(Self {
            running: Running::resume(average, updates),
            ..Self::new(decay)?
        })
    }

    /// Takes the state into the average.
    ///
    /// # Errors
    /// A parameters error when it has other paths or shapes than the first one.
    pub fn update(&mut self, state: &State<E>) -> Result<()> {
        let (kept, entering) = (E::of(self.decay), E::of(1.0 - self.decay));
        self.running
            .update(state, |average, new| kept * average + entering * new)
    }

    /// The average, empty before the first update.
    ///
    /// # Errors
    /// None in practice: the shapes are those of the states.
    pub fn state(&self) -> Result<State<E>> {
        self.running.state()
    }

    /// How many states it has taken in.
    pub fn updates(&self) -> u64 {
        self.running.updates
    }

    /// The share of itself that it keeps at each update.
    pub fn decay(&self) -> f64 {
        self.decay
    }
}

/// The plain average of the states that it is handed, as stochastic weight averaging takes them
/// along the end of a run with a high rate.
///
/// ```text
/// average = average + (state - average) / (n + 1)
/// ```
/// Running statistics of batch normalisation do not belong to averaged weights: renew them on the
/// training data before the average is used.
///
/// # Source
/// Izmailov et al. (2018), "Averaging weights leads to wider optima and better generalization";
/// equals torch.optim.swa_utils.AveragedModel (2.15), except that PyTorch leaves buffers alone by
/// default.
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

    /// Goes on from an average of `updates` states.
    pub fn resume(average: &State<E>, updates: u64) -> Self {
        Self {
            running: Running::resume(average, updates),
        }
    }

    /// Takes the state into the average.
    ///
    /// # Errors
    /// A parameters error when it has other paths or shapes than the first one.
    pub fn update(&mut self, state: &State<E>) -> Result<()> {
        let count = E::of((self.running.updates + 1) as f64);
        self.running
            .update(state, |average, new| average + (new - average) / count)
    }

    /// The average, empty before the first update.
    ///
    /// # Errors
    /// None in practice: the shapes are those of the states.
    pub fn state(&self) -> Result<State<E>> {
        self.running.state()
    }

    /// How many states it has taken in.
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

    fn update(&mut self, state: &State<E>, average: impl Fn(E, E) -> E) -> Result<()> {
        if self.updates == 0 {
            *self = Self::resume(state, 1);
            return Ok(());
        }
        let entries = state.entries();
        if self.entries.len() != entries.len() {
            let expected = format!("{} values", self.entries.len());
            return Err(Error::parameters(
                "average",
                expected,
                entries.len().to_string(),
            ));
        }
        for (own, (path, value)) in self.entries.iter().zip(entries) {
            if own.path != *path || own.shape != value.shape() {
                let expected = format!("`{}` of shape {:?}", own.path, own.shape);
                let found = format!("`{path}` of shape {:?}", value.shape());
                return Err(Error::parameters("average", expected, found));
            }
        }
        for (own, (_, value)) in self.entries.iter_mut().zip(entries) {
            for (element, &new) in own.elements.iter_mut().zip(value.elements().iter()) {
                *element = average(*element, new);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn state(path: &str, values: &[f64]) -> State<f64> {
        let value = Tensor::from_vec(values.to_vec(), [values.len()]).unwrap();
        State::from_entries(vec![(path.to_owned(), value)])
    }

    #[test]
    fn the_plain_average_weighs_all_alike() {
        let mut average = Swa::new();
        for value in [1.0, 5.0, 6.0] {
            average.update(&state("weight", &[value])).unwrap();
        }
        assert_eq!(average.state().unwrap(), state("weight", &[4.0]));
        assert_eq!(average.updates(), 3);
    }

    #[test]
    fn an_average_goes_on_after_a_break() {
        let mut whole = Ema::new(0.9).unwrap();
        let mut broken = Ema::new(0.9).unwrap();
        for value in [1.0, 5.0, 6.0] {
            whole.update(&state("weight", &[value])).unwrap();
            broken = Ema::resume(0.9, &broken.state().unwrap(), broken.updates()).unwrap();
            broken.update(&state("weight", &[value])).unwrap();
        }
        assert_eq!(whole.state().unwrap(), broken.state().unwrap());
    }

    #[test]
    fn other_models_are_refused() {
        let mut average = Swa::new();
        average.update(&state("weight", &[1.0])).unwrap();
        assert!(average.update(&state("bias", &[1.0])).is_err());
        assert!(average.update(&state("weight", &[1.0, 2.0])).is_err());
        assert!(average.update(&State::from_entries(Vec::new())).is_err());
        assert_eq!(average.state().unwrap(), state("weight", &[1.0]));
        assert!(Ema::<f64>::new(1.0).is_err());
    }
}

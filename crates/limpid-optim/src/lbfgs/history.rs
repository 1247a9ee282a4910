//! The last changes of weights and gradients, and the direction that they make of a gradient.

use std::collections::VecDeque;

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::state::OptimizerState;
use crate::sweep;

/// Pairs whose product is at most this say nothing about the curvature, as in PyTorch.
const LEAST_CURVATURE: f64 = 1e-10;

/// A change of the weights and that of the gradient that came with it.
#[derive(Clone, Debug)]
struct Pair<E> {
    step: Vec<E>,
    gradient: Vec<E>,
    /// One over the product of both.
    inverse: f64,
}

/// What is remembered.
#[derive(Clone, Debug)]
pub(super) struct History<E> {
    pairs: VecDeque<Pair<E>>,
    /// What the first approximation of the inverse Hessian multiplies by.
    scale: f64,
    last: Option<Last<E>>,
}

/// The last direction, how far it was gone, and the gradient before that.
#[derive(Clone, Debug)]
struct Last<E> {
    direction: Vec<E>,
    length: f64,
    gradient: Vec<E>,
}

impl<E> Default for History<E> {
    fn default() -> Self {
        Self {
            pairs: VecDeque::new(),
            scale: 1.0,
            last: None,
        }
    }
}

impl<E: Element> History<E> {
    /// Whether no direction has been gone yet.
    pub(super) fn is_new(&self) -> bool {
        self.last.is_none()
    }

    /// The direction from where the gradient is this one, by the two loops of algorithm 7.4.
    pub(super) fn direction(&mut self, gradient: &[E], size: usize) -> Vec<E> {
        self.learn(gradient, size);
        let mut direction: Vec<E> = gradient.iter().map(|&it| -it).collect();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let share = sweep::dot(&pair.step, &direction) * pair.inverse;
            add(&mut direction, &pair.gradient, -share);
            shares.push(share);
        }
        let scale = E::of(self.scale);
        direction.iter_mut().for_each(|it| *it *= scale);
        for (pair, share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let other = sweep::dot(&pair.gradient, &direction) * pair.inverse;
            add(&mut direction, &pair.step, share - other);
        }
        direction
    }

    /// Makes a pair of the last direction and of what became of the gradient.
    fn learn(&mut self, gradient: &[E], size: usize) {
        let Some(last) = &self.last else {
            return;
        };
        let change = gradient
            .iter()
            .zip(&last.gradient)
            .map(|(&new, &old)| new - old);
        let change: Vec<E> = change.collect();
        let length = E::of(last.length);
        let step: Vec<E> = last.direction.iter().map(|&it| it * length).collect();
        let product = sweep::dot(&change, &step);
        if product > LEAST_CURVATURE {
            if self.pairs.len() >= size {
                self.pairs.pop_front();
            }
            self.scale = product / sweep::sum_of_squares(&change);
            self.pairs.push_back(Pair {
                step,
                gradient: change,
                inverse: product.recip(),
            });
        }
    }

    /// Takes down that `direction` was gone, from where the gradient was this one.
    pub(super) fn keep(&mut self, direction: Vec<E>, length: f64, gradient: Vec<E>) {
        self.last = Some(Last {
            direction,
            length,
            gradient,
        });
    }

    pub(super) fn save(&self, state: &mut OptimizerState<E>) -> Result<()> {
        let Some(last) = &self.last else {
            return Ok(());
        };
        let numbers = [
            ("length", last.length),
            ("scale", self.scale),
            ("pairs", self.pairs.len() as f64),
        ];
        for (name, number) in numbers {
            state.numbers.insert(name.to_owned(), number);
        }
        let mut put = |name: String, values: &[E]| {
            let tensor = Tensor::from_vec(values.to_vec(), [values.len()])?;
            state.tensors.insert(name, tensor);
            Ok(())
        };
        put("direction".to_owned(), &last.direction)?;
        put("gradient".to_owned(), &last.gradient)?;
        for (place, pair) in self.pairs.iter().enumerate() {
            put(format!("changes:{place}"), &pair.step)?;
            put(format!("gradient_changes:{place}"), &pair.gradient)?;
        }
        Ok(())
    }

    /// What was saved of vectors of `length` elements.
    pub(super) fn load(state: &OptimizerState<E>, length: usize, size: usize) -> Result<Self> {
        if !state.numbers.contains_key("pairs") {
            return Ok(Self::default());
        }
        let vector = |name: &str| {
            let tensor = state.tensor(name, &[length])?;
            Ok(tensor.to_vec())
        };
        let count = state.count("pairs")?;
        if count > size as u64 {
            let expected = format!("at most {size} pairs");
            return Err(Error::parameters(
                "load optimizer",
                expected,
                count.to_string(),
            ));
        }
        let pair = |place: u64| {
            let step = vector(&format!("changes:{place}"))?;
            let gradient = vector(&format!("gradient_changes:{place}"))?;
            let inverse = sweep::dot(&gradient, &step).recip();
            Ok(Pair {
                step,
                gradient,
                inverse,
            })
        };
        Ok(Self {
            pairs: (0..count).map(pair).collect::<Result<_>>()?,
            scale: state.number("scale")?,
            last: Some(Last {
                direction: vector("direction")?,
                length: state.number("length")?,
                gradient: vector("gradient")?,
            }),
        })
    }
}

/// `own += scale * other`
fn add<E: Element>(own: &mut [E], other: &[E], scale: f64) {
    let scale = E::of(scale);
    sweep::plain(own, other, move |own, other| *own += scale * other);
}

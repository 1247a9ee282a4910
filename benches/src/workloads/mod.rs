//! The training steps that are compared: one call is forward, loss, backward and update.

mod cnn;
mod large_output;
mod lstm;
mod mlp;
mod resnet;
mod training;

use std::fmt;

use clap::ValueEnum;
use limpid_tensor::{ConvAlgorithm, Element, Error, Result};

/// How many different batches a workload goes through, again and again.
pub const BATCHES: usize = 8;

/// The workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// MLP 784-512-512-10, batch 128, cross-entropy, Adam.
    #[value(name = "W1")]
    Mlp,
    /// MLP 64-128-64-10, batch 32, cross-entropy, Nesterov.
    #[value(name = "W2")]
    SmallMlp,
    /// Two convolutions and two linear layers on 1x28x28, batch 64, cross-entropy, Adam.
    #[value(name = "W3")]
    Cnn,
    /// A ResNet of three stages on 3x32x32, batch 64, cross-entropy, Nesterov.
    #[value(name = "W4")]
    ResNet,
    /// MLP 128-256-50000, batch 64, cross-entropy, SGD.
    #[value(name = "W5")]
    Softmax,
    /// The same with 64 noise classes per item in place of the softmax.
    #[value(name = "W5n")]
    NegativeSampling,
    /// Two LSTM layers of 128 on 64 steps of 32 features, batch 32, squared error, Adam.
    #[value(name = "W6")]
    Lstm,
}

impl Workload {
    /// All workloads, in order.
    pub const ALL: [Self; 7] = [
        Self::Mlp,
        Self::SmallMlp,
        Self::Cnn,
        Self::ResNet,
        Self::Softmax,
        Self::NegativeSampling,
        Self::Lstm,
    ];

    /// All workloads as they are, and those with convolutions by Winograd too.
    pub const WAYS: [(Self, ConvAlgorithm); 9] = [
        (Self::Mlp, ConvAlgorithm::Direct),
        (Self::SmallMlp, ConvAlgorithm::Direct),
        (Self::Cnn, ConvAlgorithm::Direct),
        (Self::Cnn, ConvAlgorithm::Winograd),
        (Self::ResNet, ConvAlgorithm::Direct),
        (Self::ResNet, ConvAlgorithm::Winograd),
        (Self::Softmax, ConvAlgorithm::Direct),
        (Self::NegativeSampling, ConvAlgorithm::Direct),
        (Self::Lstm, ConvAlgorithm::Direct),
    ];

    /// The workload's name in tables: `W1` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "W1",
            Self::SmallMlp => "W2",
            Self::Cnn => "W3",
            Self::ResNet => "W4",
            Self::Softmax => "W5",
            Self::NegativeSampling => "W5n",
            Self::Lstm => "W6",
        }
    }

    /// The workload, ready for its first step, with sizes other than its own where given.
    ///
    /// # Errors
    /// An argument error when a size is given that the workload has not, or that is 0.
    pub fn build<E: Element>(self, sizes: Sizes) -> Result<Steps> {
        match self {
            Self::Mlp => mlp::wide::<E>(sizes),
            Self::SmallMlp => mlp::small::<E>(sizes),
            Self::Cnn => cnn::steps::<E>(sizes),
            Self::ResNet => resnet::steps::<E>(sizes),
            Self::Softmax => large_output::softmax::<E>(sizes),
            Self::NegativeSampling => large_output::negative_sampling::<E>(sizes),
            Self::Lstm => lstm::steps::<E>(sizes),
        }
    }
}

/// What is other than a workload's own, to see how time grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Items in a batch.
    pub batch: Option<usize>,
    /// Units of every hidden layer.
    pub width: Option<usize>,
    /// Hidden layers.
    pub depth: Option<usize>,
    /// How convolutions are computed (W3, W4).
    pub convolution: ConvAlgorithm,
}

impl Sizes {
    /// That neither width nor depth is given.
    fn only_batch(self, workload: &'static str) -> Result<Self> {
        Self {
            width: None,
            ..self.no_depth(workload)?
        }
        .same_as(self, workload, "width")
    }

    /// That no depth is given.
    fn no_depth(self, workload: &'static str) -> Result<Self> {
        Self {
            depth: None,
            ..self
        }
        .same_as(self, workload, "depth")
    }

    fn same_as(self, given: Self, workload: &'static str, name: &'static str) -> Result<Self> {
        if self == given {
            return Ok(self);
        }
        Err(Error::argument(workload, name, "not given", "a number"))
    }
}

/// A model, its data and its optimizer; each call makes one step.
pub struct Steps {
    step: Box<dyn FnMut(usize) -> Result<f64>>,
    parameters: usize,
    next: usize,
}

impl Steps {
    fn new(parameters: usize, step: impl FnMut(usize) -> Result<f64> + 'static) -> Self {
        Self {
            step: Box::new(step),
            parameters,
            next: 0,
        }
    }

    /// Makes one step and gives the loss before its update.
    ///
    /// # Errors
    /// None that a well-formed workload could bring about.
    pub fn step(&mut self) -> Result<f64> {
        self.next += 1;
        (self.step)((self.next - 1) % BATCHES)
    }

    /// How many numbers the model trains.
    pub fn parameters(&self) -> usize {
        self.parameters
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Steps")
            .field("parameters", &self.parameters)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_learns_its_batches_in_both_precisions() {
        let sizes = Sizes {
            batch: Some(2),
            ..Sizes::default()
        };
        for workload in Workload::ALL {
            let mut single = workload.build::<f32>(sizes).unwrap();
            let mut double = workload.build::<f64>(sizes).unwrap();
            let first = single.step().unwrap();
            let same = double.step().unwrap();
            assert!(
                (first - same).abs() < 1e-4 * same,
                "{workload:?}: {first} {same}"
            );
            let next = (1..=BATCHES)
                .map(|_| single.step().unwrap())
                .last()
                .unwrap();
            assert!(next < first, "{workload:?}: {first} {next}");
        }
    }

    #[test]
    fn sizes_that_a_workload_has_not_are_refused() {
        let deep = Sizes {
            depth: Some(3),
            ..Sizes::default()
        };
        assert!(Workload::Mlp.build::<f32>(deep).is_ok());
        assert!(Workload::Cnn.build::<f32>(deep).is_err());
    }
}

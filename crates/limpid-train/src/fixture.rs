//! A small net with everything that a trainer meets: weights, a dropout, running statistics.

use limpid_data::{Fractions, Split, Table, classics};
use limpid_loss::CrossEntropy;
use limpid_nn_layers::{Context, Module, Parameters};
use limpid_optim::{Adam, Optimizer};
use limpid_tensor::{Buffer, Parameter, Result, Stream, Tensor};

use crate::{Clearance, Trainer, TrainerConfig};

#[derive(Debug, Parameters)]
pub(crate) struct Dense {
    pub(crate) weight: Parameter<f64>,
    pub(crate) bias: Parameter<f64>,
}

impl Module<f64> for Dense {
    fn forward(&self, input: &Tensor<f64>, _: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
        input.matmul(&self.weight)?.add(&self.bias)
    }
}

/// Drops half of its input and remembers the mean that it saw last.
#[derive(Debug, Parameters)]
pub(crate) struct Drop {
    pub(crate) seen: Buffer<f64>,
}

impl Module<f64> for Drop {
    fn forward(&self, input: &Tensor<f64>, context: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
        if !context.is_training() {
            return Ok(input.clone());
        }
        context.update("seen", input.detach().mean().reshape([1])?);
        let mask = Tensor::uniform(input.shape(), 0.0, 2.0, context.stream());
        input.mul(&mask)
    }
}

#[derive(Debug, Parameters)]
pub(crate) struct Net {
    pub(crate) first: Dense,
    pub(crate) drop: Drop,
    pub(crate) last: Dense,
}

impl Module<f64> for Net {
    fn forward(&self, input: &Tensor<f64>, context: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
        let x = context.call("first", &self.first, input)?.tanh();
        let x = context.call("drop", &self.drop, &x)?;
        context.call("last", &self.last, &x)
    }
}

pub(crate) fn net(seed: u64) -> Net {
    let dense = |rows: usize, columns: usize, stream: Stream| Dense {
        weight: Parameter::new(Tensor::standard_normal([rows, columns], stream).mul_scalar(0.3)),
        bias: Parameter::new(Tensor::zeros([columns])),
    };
    let stream = Stream::new(seed);
    Net {
        first: dense(4, 16, stream.fork("first")),
        drop: Drop {
            seen: Buffer::new(Tensor::zeros([1])),
        },
        last: dense(16, 3, stream.fork("last")),
    }
}

/// Iris, 90 rows to train on and 30 to validate.
pub(crate) fn split() -> Split<Table> {
    let table = classics::iris().unwrap();
    Split::stratified(&table, Fractions::default(), &Stream::new(5)).unwrap()
}

pub(crate) fn optimizer(rate: f64) -> Optimizer<f64, Adam> {
    Optimizer::new(Adam::new(), rate).unwrap()
}

pub(crate) fn config() -> TrainerConfig {
    TrainerConfig::new(6, 16)
}

pub(crate) fn trainer<'a>(config: TrainerConfig) -> Trainer<'a, f64, CrossEntropy> {
    Trainer::new(CrossEntropy::new(), optimizer(0.01), config).unwrap()
}

pub(crate) fn clearance() -> Clearance {
    Clearance::without_preflight("a test").unwrap()
}

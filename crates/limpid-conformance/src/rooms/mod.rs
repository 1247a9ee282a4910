//! The operations that the runner knows, room by room.

use limpid_tensor::{Element, Tensor};

use crate::error::OperationError;
use crate::inputs::Inputs;
use crate::outputs::Outputs;

mod ensemble;
mod init;
mod layers;
mod loss;
mod metric;
mod optim;
mod preprocess;
mod schedule;
mod sequence;
mod tensor;

/// An operation in one element type.
pub type Run<E> = fn(&Inputs<'_, E>) -> Result<Outputs<E>, OperationError>;

/// An operation under the name that cases call it by.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The name.
    pub name: &'static str,
    /// The operation on `f32`.
    pub single: Run<f32>,
    /// The operation on `f64`.
    pub double: Run<f64>,
}

/// Writes a room's table: each operation is one closure that holds in both element types.
macro_rules! operations {
    ($($name:literal => $run:expr,)*) => {
        &[$($crate::rooms::Operation { name: $name, single: $run, double: $run },)*]
    };
}
use operations;

const ROOMS: &[&[Operation]] = &[
    tensor::OPERATIONS,
    layers::OPERATIONS,
    sequence::OPERATIONS,
    loss::OPERATIONS,
    optim::OPERATIONS,
    schedule::OPERATIONS,
    preprocess::OPERATIONS,
    init::OPERATIONS,
    ensemble::OPERATIONS,
    metric::OPERATIONS,
];

/// Every operation, room by room.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    ROOMS.iter().copied().flatten()
}

/// The operation called `name`.
pub fn find(name: &str) -> Option<&'static Operation> {
    all().find(|it| it.name == name)
}

/// What a room's operation gives.
type Outcome<E> = Result<Outputs<E>, OperationError>;

/// The outputs of an operation that gives one tensor, or what it refused.
fn single<E: Element>(output: Result<Tensor<E>, impl Into<OperationError>>) -> Outcome<E> {
    output.map(Outputs::single).map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_is_registered_twice() {
        let mut names: Vec<&str> = all().map(|it| it.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

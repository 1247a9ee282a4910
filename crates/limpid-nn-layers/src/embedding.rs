//! A table of learned rows.

use std::sync::Arc;

use limpid_init::{Fill, Initializer, Normal};
use limpid_tensor::{Element, Error, Parameter, Result, Stream, Tensor};
use ndarray::{ArrayBase, Data, Dimension};

use crate::Parameters;

/// How an [`Embedding`] is to be made.
#[derive(Clone, Debug)]
pub struct EmbeddingConfig {
    /// How many rows there are: classes, words.
    pub rows: usize,
    /// How many numbers a row has.
    pub width: usize,
    /// The scheme that fills the table. The default is normal with standard deviation 1, as in
    /// PyTorch.
    pub initializer: Arc<dyn Initializer>,
}

impl EmbeddingConfig {
    /// A table of `rows` rows of `width` numbers.
    pub fn new(rows: usize, width: usize) -> Self {
        Self {
            rows,
            width,
            initializer: Arc::new(Normal::new(1.0)),
        }
    }

    /// The same, filled by `initializer`.
    #[must_use]
    pub fn with_initializer(self, initializer: impl Initializer + 'static) -> Self {
        Self {
            initializer: Arc::new(initializer),
            ..self
        }
    }

    /// The table, filled from `stream`.
    ///
    /// # Errors
    /// An argument error when a size is 0; those of the initialiser.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<Embedding<E>> {
        for (name, size) in [("rows", self.rows), ("width", self.width)] {
            if size == 0 {
                return Err(Error::argument("embedding", name, "at least 1", size));
            }
        }
        let weight = self
            .initializer
            .tensor(&[self.rows, self.width], stream.fork("weight"))?;
        Ok(Embedding {
            weight: Parameter::new(weight),
        })
    }
}

/// A table of learned rows that are looked up by number. Its gradient is a list of the rows that
/// were used, so that a step costs as much as the batch is long, not as the table.
///
/// It is no [`Module`](crate::Module): what goes in are numbers of rows, not a tensor.
///
/// # Example
/// ```
/// use limpid_nn_layers::Embedding;
/// use limpid_tensor::Stream;
/// use ndarray::array;
///
/// let words = Embedding::<f32>::new(1000, 16, Stream::new(7))?;
/// assert_eq!(words.lookup(&array![[3, 999, 3], [0, 1, 2]])?.shape(), [2, 3, 16]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
pub struct Embedding<E: Element> {
    /// `[rows, width]`.
    pub weight: Parameter<E>,
}

impl<E: Element> Embedding<E> {
    /// A table of `rows` rows of `width` numbers, normal with standard deviation 1.
    ///
    /// # Errors
    /// As [`EmbeddingConfig::build`].
    pub fn new(rows: usize, width: usize, stream: Stream) -> Result<Self> {
        EmbeddingConfig::new(rows, width).build(stream)
    }

    /// The rows that `index` names.
    ///
    /// # Shapes
    /// index: `[...]`; output: `[..., width]`.
    ///
    /// # Errors
    /// An index error when there is no such row.
    pub fn lookup<S, D>(&self, index: &ArrayBase<S, D>) -> Result<Tensor<E>>
    where
        S: Data<Elem = usize>,
        D: Dimension,
    {
        let rows: Vec<usize> = index.iter().copied().collect();
        let (length, mut shape) = (self.weight.size(0)?, index.shape().to_vec());
        if let Some(&row) = rows.iter().find(|&&row| row >= length) {
            return Err(Error::index("embedding", "row", row, length));
        }
        shape.push(self.weight.size(1)?);
        self.weight.index_select(0, &rows)?.reshape(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Gradient, gradient_check};
    use ndarray::{arr0, array};

    #[test]
    fn rows_are_looked_up_in_any_shape() {
        let weight = Tensor::<f64>::from_fn([3, 2], |place| place as f64);
        let table = Embedding {
            weight: Parameter::new(weight),
        };
        let rows = table.lookup(&array![[2, 0]]).unwrap();
        assert_eq!(
            (rows.shape(), rows.to_vec()),
            (&[1, 2, 2][..], vec![4.0, 5.0, 0.0, 1.0])
        );
        assert_eq!(table.lookup(&arr0(1)).unwrap().to_vec(), [2.0, 3.0]);
    }

    #[test]
    fn the_gradient_names_the_rows_that_were_used() {
        let table = Embedding::<f64>::new(1000, 2, Stream::new(1)).unwrap();
        let gradients = table
            .lookup(&array![7, 3, 7])
            .unwrap()
            .sum()
            .backward()
            .unwrap();
        let Some(Gradient::Rows(rows)) = gradients.get(&table.weight) else {
            unreachable!("the gradient is a list of rows");
        };
        assert_eq!(rows.rows(), [7, 3, 7]);
        let function = |x: &[Tensor<f64>]| {
            let table = x[0].index_select(0, &[1, 0, 1])?;
            Ok(table.square().sum())
        };
        let table = Tensor::standard_normal([3, 2], Stream::new(1));
        assert!(
            gradient_check::check(function, &[table], 1e-5)
                .unwrap()
                .error
                < 1e-7
        );
    }

    #[test]
    fn a_row_beyond_the_table_is_named() {
        let table = Embedding::<f32>::new(10, 2, Stream::new(1)).unwrap();
        let error = table.lookup(&array![3, 10]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "embedding: row 10 is out of range: there are 10"
        );
        assert!(Embedding::<f32>::new(0, 2, Stream::new(1)).is_err());
    }
}

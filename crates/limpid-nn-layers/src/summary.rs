//! What a model is made of.

use std::fmt;

use limpid_tensor::{Element, Result, Tensor, named_parameters, trainable_count, without_gradient};

use crate::{Context, Module, Observation};

/// One layer of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// The layer's path.
    pub path: String,
    /// The layer's kind.
    pub kind: &'static str,
    /// The shape of what it gives.
    pub output: Vec<usize>,
    /// How many numbers its parameters hold, those of its children included.
    pub parameters: usize,
}

/// The layers of a model, in the order in which a forward pass finishes them, with what they give
/// and how many parameters they hold. A layer that runs twice is listed twice.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Linear, Relu, Sequential, Summary};
/// use limpid_tensor::Stream;
///
/// let net = Sequential::new().with(Linear::<f32>::new(4, 8, Stream::new(7))?).with(Relu);
/// let summary = Summary::of(&net, &[1, 4])?;
/// assert_eq!(summary.rows[0].parameters, 4 * 8 + 8);
/// assert!(summary.to_string().ends_with("40 parameters, 40 of them trained"));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The layers.
    pub rows: Vec<SummaryRow>,
    /// How many numbers all parameters hold.
    pub parameters: usize,
    /// How many of them are trained.
    pub trainable: usize,
}

impl Summary {
    /// The summary of `model`, from one evaluation of zeros of shape `input`.
    ///
    /// # Errors
    /// Whatever the model's forward pass reports.
    pub fn of<E: Element, M: Module<E> + ?Sized>(model: &M, input: &[usize]) -> Result<Self> {
        let sizes: Vec<(String, usize)> = named_parameters(model)
            .into_iter()
            .map(|(path, parameter)| (path, parameter.len()))
            .collect();
        let below = |layer: &str| {
            let inside = |path: &str| {
                path.strip_prefix(layer)
                    .is_some_and(|rest| rest.starts_with('.'))
            };
            sizes
                .iter()
                .filter(|(path, _)| inside(path))
                .map(|(_, size)| size)
                .sum()
        };
        let mut rows = Vec::new();
        let mut tap = |seen: &Observation<'_, E>| {
            rows.push(SummaryRow {
                path: seen.path.to_owned(),
                kind: seen.kind,
                output: seen.output.shape().to_vec(),
                parameters: below(seen.path),
            });
        };
        without_gradient(|| {
            let mut context = Context::eval().with_tap(&mut tap);
            model.forward(&Tensor::zeros(input), &mut context)
        })?;
        let parameters = sizes.iter().map(|(_, size)| size).sum();
        Ok(Self {
            rows,
            parameters,
            trainable: trainable_count(model),
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["path", "kind", "output", "parameters"].map(str::to_owned);
        let line = |row: &SummaryRow| {
            let (output, parameters) = (format!("{:?}", row.output), row.parameters.to_string());
            [row.path.clone(), row.kind.to_owned(), output, parameters]
        };
        let lines: Vec<[String; 4]> = std::iter::once(head)
            .chain(self.rows.iter().map(line))
            .collect();
        let width = |column: usize| {
            lines
                .iter()
                .map(|line| line[column].len())
                .max()
                .unwrap_or(0)
        };
        let [path, kind, output, parameters] = [0, 1, 2, 3].map(width);
        for [a, b, c, d] in &lines {
            writeln!(
                formatter,
                "{a:path$}  {b:kind$}  {c:output$}  {d:>parameters$}"
            )?;
        }
        write!(
            formatter,
            "{} parameters, {} of them trained",
            self.parameters, self.trainable
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, Relu, Residual, Sequential};
    use limpid_tensor::{Stream, set_trainable};

    fn net() -> Sequential<f64> {
        let stream = Stream::new(1);
        let block = Residual::new(Linear::new(3, 3, stream).unwrap());
        Sequential::new()
            .with(block)
            .with(Relu)
            .with(Linear::new(3, 2, stream).unwrap())
    }

    #[test]
    fn layers_are_listed_with_their_shapes_and_parameters() {
        let mut net = net();
        set_trainable(&mut net, "2", false);
        let text = Summary::of(&net, &[7, 3]).unwrap().to_string();
        let want = [
            "path    kind      output  parameters",
            "0.body  Linear    [7, 3]          12",
            "0       Residual  [7, 3]          12",
            "1       Relu      [7, 3]           0",
            "2       Linear    [7, 2]           8",
            "20 parameters, 12 of them trained",
        ];
        assert_eq!(text, want.join("\n"));
    }

    #[test]
    fn an_input_that_does_not_fit_is_an_error_with_its_path() {
        let error = Summary::of(&net(), &[7, 4]).unwrap_err();
        assert_eq!(error.path(), "0.body");
    }
}

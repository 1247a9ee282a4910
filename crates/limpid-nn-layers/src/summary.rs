//! What a model is made of.

use std::fmt;

use limpid_tensor::{
    Element, Result, Tensor, count_flops, named_parameters, trainable_count, without_gradient,
};

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
    /// The floating-point operations of its products, those of its children included.
    pub flops: u64,
}

/// The layers of a model, in the order in which a forward pass finishes them, with what they give,
/// how many parameters they hold and how much arithmetic they take. A layer that runs twice is
/// listed twice.
///
/// FLOPs are those of matrix products, convolutions and recurrent layers, two for each
/// multiplication and addition, as [`count_flops`] and PyTorch's `FlopCounterMode` count them:
/// counted while the layers run, so that one of your own needs to say nothing. What works element
/// by element has 0.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Linear, Relu, Sequential, Summary};
/// use limpid_tensor::Stream;
///
/// let net = Sequential::new().with(Linear::<f32>::new(4, 8, Stream::new(7))?).with(Relu);
/// let summary = Summary::of(&net, &[1, 4])?;
/// assert_eq!(summary.rows[0].parameters, 4 * 8 + 8);
/// assert_eq!(summary.flops, 2 * 4 * 8);
/// assert!(summary.to_string().ends_with("40 parameters, 40 of them trained, 64 FLOPs"));
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
    /// The floating-point operations of all products.
    pub flops: u64,
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
                flops: seen.flops,
            });
        };
        let (output, flops) = count_flops(|| {
            let mut context = Context::eval().with_tap(&mut tap);
            without_gradient(|| model.forward(&Tensor::zeros(input), &mut context))
        });
        output?;
        let parameters = sizes.iter().map(|(_, size)| size).sum();
        Ok(Self {
            rows,
            parameters,
            trainable: trainable_count(model),
            flops,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["path", "kind", "output", "parameters", "FLOPs"].map(str::to_owned);
        let line = |row: &SummaryRow| {
            let (path, kind) = (row.path.clone(), row.kind.to_owned());
            let [parameters, flops] = [row.parameters as u64, row.flops].map(|it| it.to_string());
            [path, kind, format!("{:?}", row.output), parameters, flops]
        };
        let lines: Vec<[String; 5]> = std::iter::once(head)
            .chain(self.rows.iter().map(line))
            .collect();
        let width = |column: usize| {
            lines
                .iter()
                .map(|line| line[column].len())
                .max()
                .unwrap_or(0)
        };
        let [path, kind, output, parameters, flops] = [0, 1, 2, 3, 4].map(width);
        for [a, b, c, d, e] in &lines {
            writeln!(
                formatter,
                "{a:path$}  {b:kind$}  {c:output$}  {d:>parameters$}  {e:>flops$}"
            )?;
        }
        write!(
            formatter,
            "{} parameters, {} of them trained, {} FLOPs",
            self.parameters, self.trainable, self.flops
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Conv1d, Conv2dConfig, ConvTranspose1dConfig, ConvTranspose2dConfig, Gru, Linear, Lstm,
        MultiheadAttention, Padding, Relu, Residual, Rnn, Sequential,
    };
    use limpid_tensor::{Convolution, Stream, set_trainable};

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
            "path    kind      output  parameters  FLOPs",
            "0.body  Linear    [7, 3]          12    126",
            "0       Residual  [7, 3]          12    126",
            "1       Relu      [7, 3]           0      0",
            "2       Linear    [7, 2]           8     84",
            "20 parameters, 12 of them trained, 210 FLOPs",
        ];
        assert_eq!(text, want.join("\n"));
    }

    /// The FLOPs of `layer` on an input of `shape`.
    fn flops(layer: Result<impl Module<f64>>, shape: &[usize]) -> u64 {
        Summary::of(&layer.unwrap(), shape).unwrap().flops
    }

    #[test]
    fn layers_take_what_pytorch_counts() {
        // torch.utils.flop_counter.FlopCounterMode of PyTorch 2.15.
        let stream = Stream::new(1);
        let wide = Conv2dConfig::new(4, 6, [2, 3])
            .with_groups(2)
            .with_stride([2, 2])
            .with_padding(Padding::Explicit([1, 1]));
        let strided = ConvTranspose1dConfig::new(4, 6, 3).with_stride(2);
        let grouped = ConvTranspose2dConfig::new(4, 6, [3, 3]).with_settings(Convolution {
            groups: 2,
            stride: [2, 2],
            ..Convolution::default()
        });
        assert_eq!(flops(Linear::new(4, 3, stream), &[5, 2, 4]), 240);
        assert_eq!(flops(wide.build(stream), &[2, 4, 7, 8]), 4608);
        assert_eq!(flops(Conv1d::new(4, 6, 3, stream), &[2, 4, 7]), 1440);
        assert_eq!(flops(strided.build(stream), &[2, 4, 5]), 1440);
        assert_eq!(flops(grouped.build(stream), &[2, 4, 5, 6]), 12960);
        assert_eq!(
            flops(MultiheadAttention::new(8, 2, stream), &[3, 5, 8]),
            10080
        );
        assert_eq!(flops(Rnn::new(3, 4, stream), &[6, 2, 3]), 672);
        assert_eq!(flops(Gru::new(3, 4, stream), &[6, 2, 3]), 2016);
        assert_eq!(flops(Lstm::new(3, 4, stream), &[6, 2, 3]), 2688);
        assert_eq!(flops(Ok(Relu), &[6, 2, 3]), 0);
    }

    #[test]
    fn an_input_that_does_not_fit_is_an_error_with_its_path() {
        let error = Summary::of(&net(), &[7, 4]).unwrap_err();
        assert_eq!(error.path(), "0.body");
    }
}

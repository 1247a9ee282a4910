//! Running statistics for weights that no pass has seen yet.

use limpid_tensor::{Element, Result, State, Stream, Tensor, without_gradient};

use crate::{Context, Module, RunningStatistics};

/// Computes the running statistics of a model's batch norms anew, as the mean over `batches` of
/// inputs: for averaged weights, with which no batch was ever run. Gives how many batches there were.
///
/// The batches are run in training, so that each norm uses its batch's statistics and dropout drops
/// as `stream` says; momentums do not matter. A model without running statistics takes one batch to
/// find out.
///
/// # Errors
/// Whatever the forward pass reports, as of a batch with one number a channel; the model is then as
/// it was.
///
/// # Source
/// Izmailov et al. (2018), "Averaging weights leads to wider optima and better generalization",
/// section 3.2; equals torch.optim.swa_utils.update_bn (2.15).
///
/// # Example
/// ```
/// use limpid_nn_layers::{BatchNorm, renew_batch_norms};
/// use limpid_tensor::{Stream, Tensor};
///
/// let mut norm = BatchNorm::<f64>::new(1)?;
/// // Batches of the means 2 and 6.
/// let batches = [[1.0, 3.0], [5.0, 7.0]].map(|rows| Tensor::from_vec(rows.to_vec(), [2, 1]));
/// let batches = batches.into_iter().collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(renew_batch_norms(&mut norm, batches, &Stream::new(7))?, 2);
/// assert_eq!(norm.running_mean.item()?, 4.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub fn renew_batch_norms<E: Element, M: Module<E> + ?Sized>(
    model: &mut M,
    batches: impl IntoIterator<Item = Tensor<E>>,
    stream: &Stream,
) -> Result<usize> {
    let before = State::of(model);
    let renewed = renew(model, batches, stream);
    if renewed.is_err() {
        before.apply(model)?;
    }
    renewed
}

fn renew<E: Element, M: Module<E> + ?Sized>(
    model: &mut M,
    batches: impl IntoIterator<Item = Tensor<E>>,
    stream: &Stream,
) -> Result<usize> {
    let mut count = 0;
    for input in batches {
        let statistics = match count {
            0 => RunningStatistics::Begun,
            _ => RunningStatistics::Averaged,
        };
        let mut context = Context::train(stream.fork(count)).with_statistics(statistics);
        without_gradient(|| model.forward(&input, &mut context))?;
        let updates = context.into_updates();
        count += 1;
        if updates.is_empty() {
            break;
        }
        updates.apply(model)?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchNorm, Linear, Sequential, Tanh};
    use limpid_tensor::named_buffers;

    fn tensor(values: &[f64], shape: &[usize]) -> Tensor<f64> {
        Tensor::from_vec(values.to_vec(), shape).unwrap()
    }

    fn linear(weight: &[f64], bias: &[f64]) -> Linear<f64> {
        let (inputs, outputs) = (weight.len() / bias.len(), bias.len());
        let mut layer = Linear::new(inputs, outputs, Stream::new(1)).unwrap();
        layer
            .weight
            .set(tensor(weight, &[outputs, inputs]))
            .unwrap();
        let shift = layer.bias.as_mut().unwrap();
        shift.set(tensor(bias, &[outputs])).unwrap();
        layer
    }

    /// A norm whose statistics are of another life.
    fn norm(weight: &[f64], bias: &[f64]) -> BatchNorm<f64> {
        let mut norm = BatchNorm::new(weight.len()).unwrap();
        let size = [weight.len()];
        norm.weight
            .as_mut()
            .unwrap()
            .set(tensor(weight, &size))
            .unwrap();
        norm.bias
            .as_mut()
            .unwrap()
            .set(tensor(bias, &size))
            .unwrap();
        norm.running_mean.set(Tensor::full(size, f64::NAN)).unwrap();
        norm.running_var.set(Tensor::full(size, 7.0)).unwrap();
        norm.num_batches_tracked.set(Tensor::scalar(41.0)).unwrap();
        norm
    }

    fn net() -> Sequential<f64> {
        Sequential::new()
            .with(linear(&[0.5, -1.0, 2.0, 0.25], &[0.1, -0.2]))
            .with(norm(&[1.5, 0.5], &[0.2, 0.0]))
            .with(Tanh)
            .with(linear(&[1.0, -2.0], &[0.3]))
            .with(norm(&[1.0], &[0.0]))
    }

    fn rows(from: usize, to: usize) -> Tensor<f64> {
        let row = |row: usize| [(3 * row % 7) as f64 - 2.0, (5 * row % 11) as f64 / 2.0];
        let rows: Vec<f64> = (from..to).flat_map(row).collect();
        tensor(&rows, &[to - from, 2])
    }

    /// The numbers are those of PyTorch 2.15, `torch.optim.swa_utils.update_bn`.
    #[test]
    fn statistics_are_those_of_pytorch_whatever_was_there_before() {
        let mut net = net();
        let batches = [rows(0, 3), rows(3, 5), rows(5, 7)];
        assert_eq!(
            renew_batch_norms(&mut net, batches, &Stream::new(1)).unwrap(),
            3
        );
        let found: Vec<Vec<f64>> = named_buffers(&net)
            .iter()
            .map(|(_, it)| it.to_vec())
            .collect();
        let want = [
            &[-2.2333333333333334, 2.5083333333333333][..],
            &[0.6666666666666666, 29.26041666666667],
            &[3.0],
            &[0.3508817481836033],
            &[5.818638597131957],
            &[3.0],
        ];
        assert_eq!(found.len(), want.len());
        for (found, want) in found.iter().zip(want) {
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-13;
            assert!(found.iter().zip(want).all(near), "{found:?}, not {want:?}");
        }
    }

    #[test]
    fn a_batch_of_one_row_is_refused_and_nothing_has_changed() {
        let mut net = net();
        let before = format!("{:?}", State::of(&net));
        let batches = [rows(0, 3), rows(3, 4)];
        let error = renew_batch_norms(&mut net, batches, &Stream::new(1)).unwrap_err();
        assert_eq!(
            (error.operation(), error.path().as_str()),
            ("batch_norm", "1")
        );
        assert_eq!(format!("{:?}", State::of(&net)), before);
        let nothing: [Tensor<f64>; 0] = [];
        assert_eq!(
            renew_batch_norms(&mut net, nothing, &Stream::new(1)).unwrap(),
            0
        );
    }

    #[test]
    fn a_model_without_norms_takes_one_batch() {
        let mut net = linear(&[1.0, 2.0], &[0.5]);
        let batches = [rows(0, 3), rows(3, 5)];
        assert_eq!(
            renew_batch_norms(&mut net, batches, &Stream::new(1)).unwrap(),
            1
        );
    }
}

//! The gradients of a data-parallel step.

use limpid_tensor::{Element, Gradients, Parameters, Result, Tensor, named_parameters};

use crate::Communicator;

/// The mean over all workers of each parameter's gradient. A worker whose loss did not reach a
/// parameter counts with zeros. Every worker must hold the same parameters.
///
/// # Errors
/// What the communicator reports.
pub fn average_gradients<E: Element, M: Parameters<E> + ?Sized>(
    model: &M,
    gradients: &Gradients<E>,
    communicator: &dyn Communicator<E>,
) -> Result<Gradients<E>> {
    let mut averaged = Gradients::default();
    let share = 1.0 / communicator.size() as f64;
    for (path, parameter) in named_parameters(model) {
        if !parameter.is_trainable() {
            continue;
        }
        let own = gradients
            .tensor(parameter)
            .unwrap_or_else(|| Tensor::zeros(parameter.shape()));
        let mut values = own.to_vec();
        communicator
            .sum(&mut values)
            .map_err(|error| error.at(path))?;
        let total = Tensor::from_vec(values, parameter.shape())?;
        averaged.set(parameter, total.mul_scalar(share))?;
    }
    Ok(averaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alone, group};
    use limpid_tensor::Parameter;

    #[test]
    fn two_halves_of_a_batch_give_the_gradient_of_the_whole() {
        let gradient = |rows: &[f64]| {
            let weight = Parameter::new(Tensor::<f64>::scalar(2.0));
            let x = Tensor::from_vec(rows.to_vec(), [rows.len()]).unwrap();
            let gradients = x.mul(&weight).unwrap().square().mean().backward().unwrap();
            (weight, gradients)
        };
        let (weight, gradients) = gradient(&[1.0, 2.0, 3.0, 5.0]);
        let whole = average_gradients(&weight, &gradients, &Alone).unwrap();
        let whole = whole.tensor(&weight).unwrap().item().unwrap();
        let halves: Vec<f64> = std::thread::scope(|scope| {
            let workers: Vec<_> = group(2)
                .into_iter()
                .zip([[1.0, 2.0], [3.0, 5.0]])
                .map(|(worker, rows)| {
                    scope.spawn(move || {
                        let (weight, gradients) = gradient(&rows);
                        let mean = average_gradients(&weight, &gradients, &worker).unwrap();
                        mean.tensor(&weight).unwrap().item().unwrap()
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .collect()
        });
        assert_eq!(halves, [whole, whole]);
    }
}

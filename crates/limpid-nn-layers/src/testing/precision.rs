//! The contract of a layer in single precision: [`check_precisions`].

use limpid_tensor::{Element, Result, State, Stream, Tensor, named_parameters};

use super::Violation;
use crate::{Context, Module};

/// How far single precision may lie from double, relative to the largest element of the tensor, or
/// to 1 where that is smaller.
const TOLERANCE: f64 = 1e-3;

/// Holds a module in single precision against itself in double: with the same state the outputs in
/// evaluation and training, and the gradients by input and by every parameter, agree to 1e-3 of the
/// largest element. Both are usually the same generic function, named twice.
///
/// # Errors
/// [`Violation::Precision`] for the first disagreement; [`Violation::Failed`] where building or
/// running fails, or the two have not the same parameters.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Linear, testing::check_precisions};
/// use limpid_tensor::{Stream, Tensor};
///
/// let input = Tensor::standard_normal([4, 3], Stream::new(1));
/// let double = |stream| Linear::new(3, 2, stream);
/// let single = |stream| Linear::new(3, 2, stream);
/// check_precisions(double, single, &input)?;
/// # Ok::<(), limpid_nn_layers::testing::Violation>(())
/// ```
pub fn check_precisions<D: Module<f64>, S: Module<f32>>(
    double: impl Fn(Stream) -> Result<D>,
    single: impl Fn(Stream) -> Result<S>,
    input: &Tensor<f64>,
) -> std::result::Result<(), Violation> {
    let (double, mut single) = (double(Stream::new(1))?, single(Stream::new(1))?);
    let state = State::of(&double);
    let rounded = state
        .entries()
        .iter()
        .map(|(path, value)| (path.clone(), value.cast()));
    State::from_entries(rounded.collect()).apply(&mut single)?;
    let expected = results(&double, input)?;
    let found = results(&single, &input.cast())?;
    for ((of, double), (_, single)) in expected.iter().zip(&found) {
        agree(of, double, single)?;
    }
    Ok(())
}

fn agree(
    of: &str,
    double: &Tensor<f64>,
    single: &Tensor<f32>,
) -> std::result::Result<(), Violation> {
    if double.shape() != single.shape() {
        let (expected, found) = (double.shape().to_vec(), single.shape().to_vec());
        return Err(Violation::Shape { expected, found });
    }
    let (double, single) = (double.to_vec(), single.to_vec());
    let finite = double.iter().filter(|it| it.is_finite());
    let largest = finite.fold(1.0, |largest: f64, it| largest.max(it.abs()));
    for (place, (double, single)) in double.into_iter().zip(single).enumerate() {
        let single = f64::from(single);
        let same = double == single || (double.is_nan() && single.is_nan());
        // A comparison that NaN fails must count as a disagreement.
        let close = (double - single).abs() <= TOLERANCE * largest;
        if !(same || close) {
            let of = of.to_owned();
            return Err(Violation::Precision {
                of,
                place,
                single,
                double,
            });
        }
    }
    Ok(())
}

/// Outputs and gradients, each by its name.
type Results<E> = Vec<(String, Tensor<E>)>;

fn results<E: Element, M: Module<E>>(module: &M, input: &Tensor<E>) -> Result<Results<E>> {
    let leaf = input.requires_grad();
    let evaluated = module.predict(input)?;
    let trained = module.forward(&leaf, &mut Context::train(Stream::new(3)))?;
    let weights = Tensor::standard_normal(trained.shape(), Stream::new(4));
    let gradients = trained.mul(&weights)?.sum().backward()?;
    let of = |leaf: &Tensor<E>| {
        let none = || Tensor::zeros(leaf.shape());
        gradients.tensor(leaf).unwrap_or_else(none)
    };
    let mut results = vec![
        ("output in evaluation".to_owned(), evaluated),
        ("output in training".to_owned(), trained.detach()),
        ("gradient by input".to_owned(), of(&leaf)),
    ];
    for (path, parameter) in named_parameters(module) {
        results.push((format!("gradient by {path}"), of(parameter)));
    }
    Ok(results)
}

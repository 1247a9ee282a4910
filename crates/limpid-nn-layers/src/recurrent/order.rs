//! Steps backwards, and nothing after an item's last one.

use limpid_tensor::{Element, Result, Tensor};
use ndarray::{ArrayD, IxDyn};

/// `[time, batch, features]` with each item's steps in the opposite order; what pads an item stays
/// behind them. Twice is once around.
pub(super) fn reversed<E: Element>(
    input: &Tensor<E>,
    lengths: Option<&[usize]>,
) -> Result<Tensor<E>> {
    let &[time, batch, features] = input.shape() else {
        // The cell says what is wrong.
        return Ok(input.clone());
    };
    let opposite = |place: usize| {
        let (step, item) = (place / batch, place % batch);
        let length = lengths
            .and_then(|lengths| lengths.get(item).copied())
            .unwrap_or(time);
        if step < length.min(time) {
            (length.min(time) - 1 - step) * batch + item
        } else {
            place
        }
    };
    let places: Vec<usize> = (0..time * batch).map(opposite).collect();
    input
        .reshape([time * batch, features])?
        .index_select(0, &places)?
        .reshape([time, batch, features])
}

/// `[time, batch, features]` with zeros after each item's last step.
pub(super) fn cut<E: Element>(states: &Tensor<E>, lengths: &[usize]) -> Result<Tensor<E>> {
    let shape = [states.size(0)?, lengths.len(), 1];
    let seen = ArrayD::from_shape_fn(IxDyn(&shape), |at| at[0] < lengths[at[1]]);
    Tensor::where_(&seen, states, &Tensor::zeros([1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_turns_around_within_its_length() {
        let steps = Tensor::<f64>::from_fn([3, 2, 1], |place| place as f64);
        let turned = reversed(&steps, Some(&[2, 3])).unwrap();
        assert_eq!(turned.to_vec(), [2.0, 5.0, 0.0, 3.0, 4.0, 1.0]);
        assert_eq!(reversed(&turned, Some(&[2, 3])).unwrap(), steps);
        assert_eq!(
            reversed(&steps, None).unwrap().to_vec(),
            [4.0, 5.0, 2.0, 3.0, 0.0, 1.0]
        );
    }

    #[test]
    fn nothing_follows_the_last_step() {
        let cut = cut(&Tensor::<f64>::ones([3, 2, 1]), &[1, 3]).unwrap();
        assert_eq!(cut.to_vec(), [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    }
}

//! How much arithmetic an operation takes.

use std::cell::Cell;

thread_local! {
    /// What this thread's operations have taken so far.
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// Runs `work` and counts the floating-point operations of the products in it: two, a
/// multiplication and an addition, for each pair of numbers that a matrix product, a linear map, a
/// convolution or a recurrent layer multiplies, forwards and backwards, by its definition, whatever
/// algorithm computes it. What is done element by element, biases among it, is not counted, as by
/// PyTorch's `FlopCounterMode`.
///
/// Operations that this thread calls are counted, however many threads compute them. It may be
/// called within itself. An operation from outside, as by [`Backward`](crate::Backward), reports
/// its own by [`add_flops`].
///
/// # Example
/// ```
/// use limpid_tensor::{Tensor, count_flops};
///
/// let (left, right) = (Tensor::<f32>::ones([5, 4]), Tensor::ones([4, 3]));
/// let (product, flops) = count_flops(|| left.matmul(&right));
/// assert_eq!((product?.shape(), flops), (&[5, 3][..], 2 * 5 * 4 * 3));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub fn count_flops<R>(work: impl FnOnce() -> R) -> (R, u64) {
    let before = TAKEN.get();
    let result = work();
    (result, TAKEN.get().wrapping_sub(before))
}

/// Reports floating-point operations to whoever counts them, see [`count_flops`].
pub fn add_flops(flops: u64) {
    TAKEN.set(TAKEN.get().wrapping_add(flops));
}

/// Reports the operations of so many multiplications of a number with another that is added.
pub(crate) fn add_products(factors: &[usize]) {
    let products = factors
        .iter()
        .map(|&it| it as u64)
        .fold(2, u64::wrapping_mul);
    add_flops(products);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Convolution, Recurrence, RecurrentCell, RecurrentWeights, Tensor};

    fn ones(shape: &[usize]) -> Tensor<f64> {
        Tensor::ones(shape).requires_grad()
    }

    /// Operations of `work`, and of the walk backwards from its result.
    fn both(work: impl FnOnce() -> Tensor<f64>) -> [u64; 2] {
        let (result, forward) = count_flops(work);
        [forward, count_flops(|| result.sum().backward().unwrap()).1]
    }

    #[test]
    fn forwards_and_backwards_as_pytorch_counts() {
        // torch.utils.flop_counter.FlopCounterMode of PyTorch 2.15.
        let weight = ones(&[3, 4]);
        assert_eq!(
            both(|| ones(&[5, 2, 4]).linear(&weight, None).unwrap()),
            [240, 480]
        );
        let right = ones(&[2, 4, 3]);
        assert_eq!(
            both(|| ones(&[2, 5, 4]).matmul(&right).unwrap()),
            [240, 480]
        );
        let settings = Convolution {
            stride: [2; 2],
            padding: [[1; 2]; 2],
            groups: 2,
            ..Convolution::default()
        };
        let weight = ones(&[6, 2, 2, 3]);
        let conv = || ones(&[2, 4, 7, 8]).conv2d(&weight, None, &settings);
        assert_eq!(both(|| conv().unwrap()), [4608, 9216]);
        let settings = Convolution {
            stride: [2; 2],
            groups: 2,
            ..Convolution::default()
        };
        let weight = ones(&[4, 3, 3, 3]);
        let conv = || ones(&[2, 4, 5, 6]).conv_transpose2d(&weight, None, &settings, [0; 2]);
        assert_eq!(both(|| conv().unwrap()), [12960, 25920]);
    }

    #[test]
    fn a_recurrent_layer_counts_each_step_that_it_makes() {
        let (ih, hh, h0) = (ones(&[4, 3]), ones(&[4, 4]), ones(&[2, 4]));
        let weights = RecurrentWeights {
            weight_ih: &ih,
            weight_hh: &hh,
            bias_ih: None,
            bias_hh: None,
        };
        let recurrence = Recurrence::new(RecurrentCell::RnnTanh, weights);
        let run = |it: Recurrence<'_, f64>| both(|| ones(&[6, 2, 3]).recurrent(&it).unwrap());
        // Without a state to start from, that one's gradient is not made.
        assert_eq!(run(recurrence), [672, 2 * 672 - 2 * 2 * 4 * 4]);
        let with_state = Recurrence {
            h0: Some(&h0),
            ..recurrence
        };
        assert_eq!(run(with_state), [672, 2 * 672]);
    }

    #[test]
    fn what_is_counted_within_counts_outside_too() {
        let (inner, outer) = count_flops(|| {
            add_flops(3);
            count_flops(|| add_flops(4)).1
        });
        assert_eq!([inner, outer], [4, 7]);
    }
}

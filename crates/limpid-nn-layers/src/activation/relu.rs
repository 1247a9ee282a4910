//! The rectified linear unit.

use limpid_tensor::{Element, Result, Tensor};

use crate::{Context, Module, Parameters};

/// The rectified linear unit, max(0, x): the activation to begin with.
///
/// In a [`Sequential`](crate::Sequential) the layer before does its work, by
/// [`Module::forward_relu`].
///
/// See [`Tensor::relu`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Parameters)]
pub struct Relu;

impl<E: Element> Module<E> for Relu {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(input.relu())
    }

    fn is_relu(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use crate::{BatchNorm, Conv2d, Observation, Residual, Sequential};
    use limpid_tensor::{Stream, named_parameters};

    #[test]
    fn the_contract_holds() {
        let input = Tensor::from_vec(vec![-1.5, 0.5, 2.0, -0.25], [2, 2]).unwrap();
        check_module(|_| Ok(Relu), &input, &[2, 2]).unwrap();
        assert_eq!(Relu.predict(&input).unwrap().to_vec(), [0.0, 0.5, 2.0, 0.0]);
    }

    #[test]
    fn the_layer_before_rectifies_without_a_bit_of_difference() {
        let stream = Stream::new(3);
        let block = Sequential::<f32>::new()
            .with(Conv2d::new(3, 3, [1, 1], stream.fork(0)).unwrap())
            .with(BatchNorm::new(3).unwrap());
        let net = Sequential::new()
            .with(Conv2d::new(2, 3, [3, 3], stream.fork(1)).unwrap())
            .with(Relu)
            .with(BatchNorm::new(3).unwrap())
            .with(Relu)
            .with(Residual::new(block))
            .with(Relu)
            .with(Relu);
        let input = Tensor::standard_normal([4, 2, 9, 8], stream.fork(2));
        let run = |context: &mut Context<'_, f32>| {
            let output = net.forward(&input, context).unwrap();
            let gradients = output.backward_from(output.detach()).unwrap();
            let all = named_parameters(&net).into_iter();
            let all = all.map(|(_, it)| gradients.tensor(it).unwrap().to_vec());
            (output.to_vec(), all.collect::<Vec<_>>())
        };
        // Whoever observes sees every layer's own output.
        let mut seen = 0;
        let mut tap = |_: &Observation<'_, f32>| seen += 1;
        let observed = run(&mut Context::train(stream).with_tap(&mut tap));
        assert_eq!(seen, 10);
        assert_eq!(run(&mut Context::train(stream)), observed);
    }
}

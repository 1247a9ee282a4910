//! The model of the recipe: a multilayer perceptron.

use limpid_nn_layers::{Architecture, Dropout, GaussianNoise, Linear, Relu, Sequential};
use limpid_tensor::{Element, Result, Stream};

/// A multilayer perceptron with relu between its layers, He initialisation for hidden layers and a
/// small one for the output, Gaussian noise on its inputs and dropout behind each hidden layer.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Architecture, Module};
/// use limpid_recipe::Mlp;
/// use limpid_tensor::{Stream, Tensor};
///
/// let mlp = Mlp { inputs: 64, hidden: vec![32, 32], outputs: 10, dropout: 0.2, noise: 0.0 };
/// let model = mlp.build::<f32>(Stream::new(7))?;
/// assert_eq!(model.predict(&Tensor::zeros([5, 64]))?.shape(), [5, 10]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// Features of a row.
    pub inputs: usize,
    /// The width of each hidden layer.
    pub hidden: Vec<usize>,
    /// Outputs: classes.
    pub outputs: usize,
    /// The share of hidden units that are dropped in training, in [0, 1).
    pub dropout: f64,
    /// The standard deviation of the noise that is added to the inputs in training, from 0.
    pub noise: f64,
}

impl Architecture for Mlp {
    type Model<E: Element> = Sequential<E>;

    fn build<E: Element>(&self, stream: Stream) -> Result<Sequential<E>> {
        let mut model = Sequential::new();
        if self.noise > 0.0 {
            model = model.with_named("noise", GaussianNoise::new(self.noise)?)?;
        }
        let mut width = self.inputs;
        for (layer, &units) in self.hidden.iter().enumerate() {
            let name = format!("hidden{}", layer + 1);
            let linear = Linear::new(width, units, stream.fork(&name))?;
            model = model
                .with_named(name, linear)?
                .with_named(format!("relu{}", layer + 1), Relu)?;
            if self.dropout > 0.0 {
                let name = format!("dropout{}", layer + 1);
                model = model.with_named(name, Dropout::new(self.dropout)?)?;
            }
            width = units;
        }
        model.with_named(
            "output",
            Linear::output(width, self.outputs, stream.fork("output"))?,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{State, named_parameters};

    fn mlp() -> Mlp {
        Mlp {
            inputs: 4,
            hidden: vec![8, 6],
            outputs: 3,
            dropout: 0.5,
            noise: 0.1,
        }
    }

    #[test]
    fn layers_bear_names() {
        let model = mlp().build::<f32>(Stream::new(1)).unwrap();
        let names: Vec<_> = named_parameters(&model)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let layer = |name: &str| [format!("{name}.weight"), format!("{name}.bias")];
        assert_eq!(
            names,
            [layer("hidden1"), layer("hidden2"), layer("output")].concat()
        );
    }

    #[test]
    fn equal_streams_make_equal_models_in_both_element_types() {
        let single = mlp().build::<f32>(Stream::new(1)).unwrap();
        let double = mlp().build::<f64>(Stream::new(1)).unwrap();
        for (one, two) in State::of(&single)
            .entries()
            .iter()
            .zip(State::of(&double).entries())
        {
            assert_eq!(one.1, two.1.cast::<f32>(), "{}", one.0);
        }
    }
}

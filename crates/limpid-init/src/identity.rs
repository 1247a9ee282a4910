//! A weight that hands its input through.

use limpid_tensor::{Error, Result, Stream, Tensor, count};

use crate::Initializer;

/// A weight that hands its inputs through, times `gain`: ones on the diagonal of a matrix, at the
/// middle of a kernel. Units of a row beyond the inputs are 0.
///
/// # Source
/// Le et al. 2015, "A simple way to initialize recurrent networks of rectified linear units";
/// `torch.nn.init.eye_` and `dirac_`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Identity {
    /// The factor; finite. The default is 1.
    pub gain: f64,
}

impl Identity {
    /// With the factor `gain`.
    pub fn new(gain: f64) -> Self {
        Self { gain }
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Initializer for Identity {
    fn draw(&self, shape: &[usize], _stream: Stream) -> Result<Tensor<f64>> {
        if !self.gain.is_finite() {
            return Err(Error::argument("identity", "gain", "finite", self.gain));
        }
        let [outputs, inputs, kernel @ ..] = shape else {
            return Err(Error::shape("identity", &[shape], "must be [out, in, ...]"));
        };
        let middle = kernel
            .iter()
            .fold(0, |place, &length| place * length + length / 2);
        let size = count(kernel);
        let mut data = vec![0.0; outputs * inputs * size];
        if size > 0 {
            for unit in 0..*outputs.min(inputs) {
                data[(unit * inputs + unit) * size + middle] = self.gain;
            }
        }
        Tensor::from_vec(data, shape)
    }

    /// None: nothing is drawn.
    fn variance(&self, _shape: &[usize]) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_has_its_diagonal_and_a_kernel_its_middle() {
        let matrix = Identity::new(2.0).draw(&[2, 3], Stream::new(1)).unwrap();
        assert_eq!(matrix.to_vec(), [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
        let kernel = Identity::default()
            .draw(&[1, 1, 3, 3], Stream::new(1))
            .unwrap();
        assert_eq!(
            kernel.to_vec(),
            [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
        );
        assert_eq!(Identity::default().variance(&[2, 3]), None);
    }

    #[test]
    fn a_vector_is_refused() {
        let error = Identity::default().draw(&[2], Stream::new(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "identity: shape [2]: must be [out, in, ...]"
        );
    }
}

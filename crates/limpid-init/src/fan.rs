//! How many connections lead into and out of a unit.

use limpid_tensor::{Error, Result, count};

/// How many connections lead into and out of a unit of a weight `[out, in, kernel...]`.
///
/// # Example
/// ```
/// use limpid_init::Fan;
///
/// let fan = Fan::of(&[64, 32, 3, 3])?;
/// assert_eq!((fan.fan_in, fan.fan_out), (32 * 9, 64 * 9));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fan {
    /// Connections into a unit: in * kernel.
    pub fan_in: usize,
    /// Connections out of a unit: out * kernel.
    pub fan_out: usize,
}

/// Which fan a scheme divides by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FanMode {
    /// Connections in: keeps the spread of the activations.
    #[default]
    In,
    /// Connections out: keeps the spread of the gradients.
    Out,
    /// The mean of both.
    Average,
}

impl Fan {
    /// The fan of a weight of `shape`.
    ///
    /// # Errors
    /// A shape error when there are fewer than two dimensions.
    pub fn of(shape: &[usize]) -> Result<Self> {
        let [outputs, inputs, kernel @ ..] = shape else {
            let rule = "a fan needs the two dimensions [out, in, ...]";
            return Err(Error::shape("fan", &[shape], rule));
        };
        let kernel = count(kernel);
        Ok(Self {
            fan_in: inputs * kernel,
            fan_out: outputs * kernel,
        })
    }

    /// The number of connections by `mode`; at least 1, so that a weight without elements does not
    /// divide by 0.
    pub fn connections(&self, mode: FanMode) -> f64 {
        let connections = match mode {
            FanMode::In => self.fan_in as f64,
            FanMode::Out => self.fan_out as f64,
            FanMode::Average => 0.5 * (self.fan_in as f64 + self.fan_out as f64),
        };
        connections.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_lies_between() {
        let fan = Fan::of(&[30, 10]).unwrap();
        let modes = [FanMode::In, FanMode::Average, FanMode::Out];
        assert_eq!(modes.map(|mode| fan.connections(mode)), [10.0, 20.0, 30.0]);
    }

    #[test]
    fn a_vector_has_no_fan() {
        let error = Fan::of(&[7]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "fan: shape [7]: a fan needs the two dimensions [out, in, ...]"
        );
    }
}

//! A run of one worker.

use limpid_tensor::{Element, Result};

use crate::Communicator;

/// The communicator of a run that has no other workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alone;

impl<E: Element> Communicator<E> for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn sum(&self, _values: &mut [E]) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_a_sum_is_what_one_brought() {
        let mut values = [1.0_f32, 2.0];
        Alone.sum(&mut values).unwrap();
        assert_eq!(values, [1.0, 2.0]);
        assert_eq!(Communicator::<f32>::size(&Alone), 1);
    }
}

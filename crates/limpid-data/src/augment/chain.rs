//! Augmentations one after the other.

use limpid_tensor::Stream;

use super::Augment;
use crate::DataError;

/// Applies augmentations one after the other, each with a stream of its own.
///
/// # Example
/// ```
/// use limpid_data::{Augment, Chain, Flip, Shift};
/// use limpid_tensor::Stream;
///
/// let chain = Chain::new().then(Shift::new(2)).then(Flip::horizontal());
/// let mut row = [1.0; 16];
/// chain.check(&[4, 4])?;
/// chain.augment(&mut row, &[4, 4], &Stream::new(1));
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Debug, Default)]
pub struct Chain {
    links: Vec<Box<dyn Augment>>,
}

impl Chain {
    /// Changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Followed by `augment`.
    #[must_use]
    pub fn then(mut self, augment: impl Augment + 'static) -> Self {
        self.links.push(Box::new(augment));
        self
    }
}

impl Augment for Chain {
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        self.links.iter().try_for_each(|it| it.check(row_shape))
    }

    fn augment(&self, row: &mut [f64], row_shape: &[usize], stream: &Stream) {
        for (place, link) in self.links.iter().enumerate() {
            link.augment(row, row_shape, &stream.fork(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::augmented;
    use super::super::{Flip, GaussianNoise};
    use super::*;

    #[test]
    fn links_come_in_their_order_with_streams_of_their_own() {
        let both = Chain::new()
            .then(Flip::horizontal())
            .then(Flip::horizontal());
        let kept = (0..4000).filter(|&seed| augmented(&both, &[1, 2], seed) == [1.0, 2.0]);
        // One stream for both would keep every row; four deviations of 4000 coins.
        assert!(kept.count().abs_diff(2000) < 127);
        let noise = GaussianNoise::new(1.0).unwrap();
        let flip = Flip::horizontal().with_probability(1.0).unwrap();
        let chain = Chain::new().then(noise).then(flip);
        let mut expected = vec![1.0, 2.0];
        noise.augment(&mut expected, &[1, 2], &Stream::new(9).fork(0_usize));
        expected.reverse();
        assert_eq!(augmented(&chain, &[1, 2], 9), expected);
    }

    #[test]
    fn an_empty_chain_changes_nothing_and_each_link_is_checked() {
        assert_eq!(augmented(&Chain::new(), &[3], 1), [1.0, 2.0, 3.0]);
        assert!(Chain::new().then(Flip::horizontal()).check(&[3]).is_err());
    }
}

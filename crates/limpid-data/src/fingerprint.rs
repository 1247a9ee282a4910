//! A number that stands for a dataset's content.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A hash of 128 bits over shape, values and labels: equal content gives equal fingerprints on
/// every machine and in every version of one minor release. It serves to recognise data in a run's
/// record, not to resist forgery.
///
/// # Example
/// ```
/// let iris = limpid_data::classics::iris()?;
/// assert_eq!(iris.fingerprint(), limpid_data::classics::iris()?.fingerprint());
/// assert_eq!(iris.fingerprint().to_string().len(), 32);
/// # use limpid_data::Dataset;
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint(u64, u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}{:016x}", self.0, self.1)
    }
}

/// Takes words in order and gives their fingerprint.
///
/// # Example
/// ```
/// use limpid_data::FingerprintBuilder;
///
/// let print = |words: &[u64]| words.iter().fold(FingerprintBuilder::new(), |b, w| b.word(*w)).finish();
/// assert_ne!(print(&[1, 2]), print(&[2, 1]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FingerprintBuilder {
    lanes: [u64; 2],
    words: u64,
}

impl Default for FingerprintBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl FingerprintBuilder {
    /// The fingerprint of nothing, to be added to.
    pub fn new() -> Self {
        Self {
            lanes: [0xCBF2_9CE4_8422_2325, 0x9AE1_6A3B_2F90_404F],
            words: 0,
        }
    }

    /// Adds a word.
    #[must_use]
    pub fn word(mut self, word: u64) -> Self {
        let [first, second] = self.lanes;
        self.lanes = [
            (first ^ word)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(29),
            (second.rotate_left(17) ^ word).wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ (word >> 32),
        ];
        self.words += 1;
        self
    }

    /// Adds a number by its bits.
    #[must_use]
    pub fn number(self, number: f64) -> Self {
        self.word(number.to_bits())
    }

    /// Adds bytes and their count.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self = self.word(u64::from_le_bytes(word));
        }
        self.word(bytes.len() as u64)
    }

    /// The fingerprint of all that was added.
    pub fn finish(self) -> Fingerprint {
        let [first, second] = self.lanes;
        Fingerprint(
            avalanche(first ^ self.words.rotate_left(32)),
            avalanche(second.wrapping_add(self.words) ^ first.rotate_left(7)),
        )
    }
}

/// The finalizer of SplitMix64 (Steele et al. 2014): every bit of the input moves half of the output.
fn avalanche(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_stable() {
        let print = FingerprintBuilder::new()
            .bytes(b"limpid")
            .number(0.5)
            .finish();
        assert_eq!(print.to_string(), "b119722f664fae2eb4980a6bef3f1c68");
    }

    #[test]
    fn one_changed_bit_changes_both_halves() {
        let base = FingerprintBuilder::new().number(1.0).number(2.0).finish();
        let next = FingerprintBuilder::new()
            .number(1.0)
            .number(2.0 + f64::EPSILON * 2.0)
            .finish();
        assert_ne!(base.0, next.0);
        assert_ne!(base.1, next.1);
    }

    #[test]
    fn a_trailing_zero_byte_counts() {
        let print = |bytes| FingerprintBuilder::new().bytes(bytes).finish();
        assert_ne!(print(b"ab"), print(b"ab\0"));
    }
}

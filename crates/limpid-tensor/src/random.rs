//! Randomness as a value: a [`Stream`] is a place in the space of random numbers, a [`Generator`]
//! reads the numbers that lie there.
//!
//! A stream is forked by labels — the step, the layer's path, the call — and never advanced, so
//! the numbers that one consumer sees do not depend on how many another has drawn. That is what
//! makes a resumed run see the same dropout masks, and a new layer shift nobody else's.

use rand::rand_core::{Infallible, TryRng};

/// A labelled place in the space of random numbers. Copying it copies the place: two generators of
/// equal streams give equal numbers.
///
/// # Source
/// The numbers are Philox 4x32 with ten rounds (Salmon et al. 2011, "Parallel random numbers: as
/// easy as 1, 2, 3"): the stream is the key and the upper half of the counter.
///
/// # Example
/// ```
/// use limpid_tensor::Stream;
/// use rand::Rng;
///
/// let run = Stream::new(7);
/// let mask = run.fork("encoder.dropout").fork(3);
/// assert_eq!(mask.generator().next_u64(), mask.generator().next_u64());
/// assert_ne!(mask, run.fork("encoder.dropout").fork(4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stream {
    key: u64,
    counter_high: u64,
}

impl Stream {
    /// The stream of a run's seed.
    pub fn new(seed: u64) -> Self {
        Self {
            key: mix(seed ^ 0x9E37_79B9_7F4A_7C15),
            counter_high: mix(seed ^ 0xD1B5_4A32_D192_ED03),
        }
    }

    /// The stream below this one that bears `label`. Different labels give unrelated streams; the
    /// order of labels matters.
    pub fn fork(&self, label: impl Label) -> Self {
        let label = label.bits();
        Self {
            key: mix(self.key.rotate_left(23) ^ mix(label ^ 0xA076_1D64_78BD_642F)),
            counter_high: mix(
                self.counter_high.rotate_left(41) ^ mix(label ^ 0xE703_7ED1_A0B4_28DB)
            ),
        }
    }

    /// A generator that reads this stream from its beginning.
    pub fn generator(&self) -> Generator {
        self.generator_at(0)
    }

    /// A generator that reads this stream from its `block`-th block of four 32-bit numbers, so that
    /// parts of one long draw can be made independently of each other.
    pub fn generator_at(&self, block: u64) -> Generator {
        Generator {
            stream: *self,
            block,
            words: [0; 4],
            used: 4,
        }
    }

    /// A number in `0..2^64` that stands for this stream, for components that take a seed.
    pub fn seed(&self) -> u64 {
        mix(self.key ^ self.counter_high.rotate_left(32))
    }
}

/// What a stream can be forked by: integers and names.
pub trait Label {
    /// The label as 64 bits; equal labels give equal bits.
    fn bits(&self) -> u64;
}

macro_rules! integer_label {
    ($($integer:ty),*) => {$(
        impl Label for $integer {
            fn bits(&self) -> u64 {
                *self as u64
            }
        }
    )*};
}
integer_label!(u8, u16, u32, u64, usize, i32, i64);

impl Label for &str {
    fn bits(&self) -> u64 {
        // FNV-1a, kept apart from the integers by the offset basis and a final mix.
        let hash = self.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        mix(hash)
    }
}

impl Label for &String {
    fn bits(&self) -> u64 {
        self.as_str().bits()
    }
}

/// Reads the numbers of one [`Stream`] in order. It is a `rand` generator, so everything of `rand`
/// and `rand_distr` works with it.
#[derive(Clone, Debug)]
pub struct Generator {
    stream: Stream,
    block: u64,
    words: [u32; 4],
    used: usize,
}

impl Generator {
    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox(self.stream, self.block);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// A number drawn evenly from `[0, 1)`, with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        let [low, high] = [self.word(), self.word()];
        let bits = (u64::from(high) << 32 | u64::from(low)) >> 11;
        bits as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let [low, high] = [self.word(), self.word()];
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            let word = self.word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

/// The finalizer of SplitMix64 (Steele et al. 2014, with Stafford's thirteenth constants).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

fn philox(stream: Stream, block: u64) -> [u32; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let mut counter = [
        block as u32,
        (block >> 32) as u32,
        stream.counter_high as u32,
        (stream.counter_high >> 32) as u32,
    ];
    let mut key = [stream.key as u32, (stream.key >> 32) as u32];
    for _ in 0..10 {
        let first = MULTIPLIERS[0] * u64::from(counter[0]);
        let second = MULTIPLIERS[1] * u64::from(counter[2]);
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    /// The known answers of the authors' Random123 library, `kat_vectors`, philox4x32 10.
    #[test]
    fn philox_gives_the_published_known_answers() {
        let zero = Stream {
            key: 0,
            counter_high: 0,
        };
        assert_eq!(
            philox(zero, 0),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        let ones = Stream {
            key: u64::MAX,
            counter_high: u64::MAX,
        };
        assert_eq!(
            philox(ones, u64::MAX),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        let pi = Stream {
            key: 0x299f_31d0_a409_3822,
            counter_high: 0x0370_7344_1319_8a2e,
        };
        assert_eq!(
            philox(pi, 0x85a3_08d3_243f_6a88),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn forks_depend_on_label_and_order() {
        let run = Stream::new(1);
        assert_ne!(run.fork("a").fork("b"), run.fork("b").fork("a"));
        assert_ne!(run.fork(1_u64), run.fork("1"));
        assert_eq!(run.fork("a").fork(2_usize), run.fork("a").fork(2_u64));
    }

    #[test]
    fn a_generator_can_start_at_a_block() {
        let stream = Stream::new(3);
        let mut whole = stream.generator();
        let words: Vec<u32> = (0..12).map(|_| whole.next_u32()).collect();
        assert_eq!(stream.generator_at(2).next_u32(), words[8]);
    }

    #[test]
    fn unit_numbers_have_the_moments_of_the_uniform_distribution() {
        let mut generator = Stream::new(11).generator();
        let draws: Vec<f64> = (0..200_000).map(|_| generator.unit()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(draws.iter().all(|x| (0.0..1.0).contains(x)));
        assert!((mean - 0.5).abs() < 0.003, "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.001, "{variance}");
    }
}

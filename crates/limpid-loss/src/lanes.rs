//! Running results side by side, as many as keep the processor busy.

/// How many there are.
pub(crate) const LANES: usize = 32;

/// The lanes folded in halves.
#[inline(always)]
pub(crate) fn folded<E: Copy>(mut lanes: [E; LANES], fold: impl Fn(E, E) -> E) -> E {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = fold(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_counts_once() {
        let lanes = std::array::from_fn(|lane| lane);
        assert_eq!(folded(lanes, |sum, other| sum + other), 31 * 16);
    }
}

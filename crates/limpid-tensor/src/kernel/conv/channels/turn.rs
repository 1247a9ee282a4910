//! Registers of channels turned into lines of places, and back.

use crate::Element;
use crate::kernel::gemm::Micro;

/// Turns registers of channels, one for each place, into the channels' places:
/// `to[channel step + place]` becomes `from[place lanes + channel]`.
pub(super) fn to_places<E: Element>(
    micro: &Micro<E>,
    lanes: usize,
    from: &[E],
    to: &mut [E],
    step: usize,
) {
    let places = from.len() / lanes;
    assert!(
        places == 0 || (lanes - 1) * step + places <= to.len(),
        "channels reach beyond what they are turned into"
    );
    let block = micro.block;
    if places < block || !lanes.is_multiple_of(block) {
        for (place, from) in from.chunks_exact(lanes).enumerate() {
            for (channel, &value) in from.iter().enumerate() {
                to[channel * step + place] = value;
            }
        }
        return;
    }
    for place in (0..places).step_by(block) {
        // The last block overlaps the one before.
        let place = place.min(places - block);
        for channel in (0..lanes).step_by(block) {
            // SAFETY: `block` registers from `place` on are in `from`, and `block` channels of as
            // many places in `to`, by the assertion; `micro` was chosen for this processor.
            unsafe {
                let from = from.as_ptr().add(place * lanes + channel);
                let to = to.as_mut_ptr().add(channel * step + place);
                (micro.transpose)(from, lanes, to, step);
            }
        }
    }
}

/// Turns channels' places into registers of channels, one for each place:
/// `to[place lanes + channel]` becomes `from[channel step + place]`.
pub(super) fn to_channels<E: Element>(
    micro: &Micro<E>,
    lanes: usize,
    from: &[E],
    step: usize,
    to: &mut [E],
) {
    let places = to.len() / lanes;
    assert!(
        places == 0 || (lanes - 1) * step + places <= from.len(),
        "registers reach beyond what they are made of"
    );
    let block = micro.block;
    if places < block || !lanes.is_multiple_of(block) {
        for (place, to) in to.chunks_exact_mut(lanes).enumerate() {
            for (channel, value) in to.iter_mut().enumerate() {
                *value = from[channel * step + place];
            }
        }
        return;
    }
    for place in (0..places).step_by(block) {
        let place = place.min(places - block);
        for channel in (0..lanes).step_by(block) {
            // SAFETY: as in `to_places`, the other way.
            unsafe {
                let from = from.as_ptr().add(channel * step + place);
                let to = to.as_mut_ptr().add(place * lanes + channel);
                (micro.transpose)(from, step, to, lanes);
            }
        }
    }
}

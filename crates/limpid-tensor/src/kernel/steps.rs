//! Sequences of batches, `[step, row, width]`, cut along their rows: what belongs to a few rows is a
//! task's own at all steps, so that it can walk through time without waiting for anybody.

#![expect(
    unsafe_code,
    reason = "the rows of one task lie apart, between those of the others"
)]

use std::marker::PhantomData;
use std::ops::Range;

use super::threads;

/// Some rows of a `[step, row, width]` array, at all its steps.
pub(crate) struct Steps<'a, T> {
    start: *mut T,
    steps: usize,
    /// The elements of a step, of which the part begins at `first` and has `length`.
    stride: usize,
    first: usize,
    length: usize,
    array: PhantomData<&'a mut [T]>,
}

impl<T> Steps<'_, T> {
    /// The rows at one step.
    pub(crate) fn at(&mut self, step: usize) -> &mut [T] {
        // SAFETY: `self` is borrowed as long as the slice.
        unsafe { self.slice(step) }
    }

    /// The rows at the step before `step`, and at `step`.
    pub(crate) fn with_before(&mut self, step: usize) -> (&[T], &mut [T]) {
        assert!(step > 0, "there is no step before the first");
        // SAFETY: `self` is borrowed as long as the slices, and rows of different steps do not
        // overlap.
        unsafe { (self.slice(step - 1), self.slice(step)) }
    }

    /// # Safety
    /// No other slice of this step is alive, and the result does not outlive the borrow of `self`.
    unsafe fn slice<'s>(&self, step: usize) -> &'s mut [T] {
        assert!(step < self.steps, "step {step} of {}", self.steps);
        // SAFETY: `blocks` has checked that the array holds `steps` steps of `stride` elements, and
        // that the rows lie within a step; no other part has these rows.
        unsafe {
            let start = self.start.add(step * self.stride + self.first);
            std::slice::from_raw_parts_mut(start, self.length)
        }
    }
}

/// An exclusive slice that tasks take rows of.
struct Shared<T>(*mut T);

// SAFETY: each task takes rows of its own; what it takes may go to another thread as `T: Send`.
unsafe impl<T: Send> Sync for Shared<T> {}

/// Calls `work` for every `block` rows of `rows` (the last block may be shorter) with the range of
/// these rows, and with their part of each of the `arrays`, given with their widths. The blocks are
/// shared by the threads.
///
/// # Panics
/// When an array is no whole number of steps.
pub(crate) fn blocks<T: Send, const N: usize>(
    rows: usize,
    block: usize,
    arrays: [(&mut [T], usize); N],
    work: impl Fn(Range<usize>, [Steps<'_, T>; N]) + Sync,
) {
    let block = block.max(1);
    let shared = arrays.map(|(array, width)| {
        let stride = rows * width;
        let steps = array.len().checked_div(stride).unwrap_or(usize::MAX);
        assert!(
            steps * stride == array.len(),
            "an array of {} elements is no whole number of steps of {stride}",
            array.len()
        );
        (Shared(array.as_mut_ptr()), steps, width)
    });
    threads::run(rows.div_ceil(block), &|task| {
        let range = task * block..rows.min((task + 1) * block);
        let parts = shared
            .each_ref()
            .map(|&(Shared(start), steps, width)| Steps {
                start,
                steps,
                stride: rows * width,
                first: range.start * width,
                length: range.len() * width,
                array: PhantomData,
            });
        work(range, parts);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_belongs_to_one_block() {
        for (rows, block, width) in [
            (1, 1, 3),
            (5, 2, 1),
            (6, 3, 4),
            (3, 8, 2),
            (4, 0, 1),
            (0, 2, 3),
        ] {
            let (mut wide, mut narrow) = (vec![0; 3 * rows * width], vec![0; rows]);
            let arrays = [(wide.as_mut_slice(), width), (narrow.as_mut_slice(), 1)];
            threads::with(3, || {
                blocks(rows, block, arrays, |range, [mut wide, mut narrow]| {
                    for step in 0..3 {
                        for (place, value) in wide.at(step).iter_mut().enumerate() {
                            *value += (step * rows + range.start) * width + place;
                        }
                    }
                    narrow
                        .at(0)
                        .iter_mut()
                        .zip(range)
                        .for_each(|(value, row)| *value += row);
                });
            });
            assert_eq!(wide, (0..wide.len()).collect::<Vec<_>>());
            assert_eq!(narrow, (0..rows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_step_is_seen_with_the_one_before() {
        let mut totals = vec![1, 2, 0, 0, 0, 0];
        blocks(2, 1, [(totals.as_mut_slice(), 1)], |_, [mut totals]| {
            for step in 1..3 {
                let (before, now) = totals.with_before(step);
                now[0] = 10 * before[0];
            }
        });
        assert_eq!(totals, [1, 2, 10, 20, 100, 200]);
    }

    #[test]
    fn an_array_without_width_has_any_step() {
        blocks(3, 2, [(&mut [] as &mut [u8], 0)], |_, [mut nothing]| {
            assert!(nothing.at(7).is_empty());
        });
    }

    #[test]
    #[should_panic(expected = "step 1 of 1")]
    fn a_step_beyond_the_last_is_refused() {
        threads::with(1, || {
            blocks(2, 1, [(&mut [0; 2], 1)], |_, [mut values]| {
                values.at(1);
            });
        });
    }

    #[test]
    #[should_panic(expected = "no whole number of steps")]
    fn a_broken_step_is_refused() {
        blocks(2, 1, [(&mut [0; 3], 1)], |_, _| {});
    }
}

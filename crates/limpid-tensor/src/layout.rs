//! Shapes, strides and broadcasting.

use smallvec::SmallVec;

use crate::{Error, Result, error::ErrorKind};

/// A shape: the length of each dimension. Up to four dimensions need no allocation.
pub type Shape = SmallVec<[usize; 4]>;

/// The number of elements of a shape.
#[inline]
pub fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Where a tensor's elements lie in its storage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    pub(crate) strides: Shape,
    pub(crate) offset: usize,
}

impl Clone for Layout {
    #[inline]
    fn clone(&self) -> Self {
        // Quicker than their `clone`, which goes element by element.
        Self {
            shape: owned(&self.shape),
            strides: owned(&self.strides),
            offset: self.offset,
        }
    }
}

impl Layout {
    /// Row-major, from the storage's beginning.
    #[inline]
    pub(crate) fn contiguous(shape: Shape) -> Self {
        let strides = row_major(&shape);
        Self {
            shape,
            strides,
            offset: 0,
        }
    }

    #[inline]
    pub(crate) fn count(&self) -> usize {
        count(&self.shape)
    }

    /// Whether the elements lie one after another in row-major order.
    #[inline]
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&length, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if length == 0 {
                return true;
            }
            if length != 1 && stride != expected {
                return false;
            }
            expected *= length;
        }
        true
    }

    /// Whether it is that of a storage without anything else in it.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.offset == 0 && self.is_contiguous()
    }

    /// The order of dimensions in which the elements lie one after another; none where they do so
    /// as they are, or have gaps between them.
    pub(crate) fn order_in_memory(&self) -> Option<SmallVec<[isize; 4]>> {
        if self.is_contiguous() {
            return None;
        }
        let mut order: SmallVec<[usize; 4]> = (0..self.shape.len()).collect();
        order.sort_by_key(|&dim| std::cmp::Reverse(self.strides[dim]));
        let ordered = Self {
            shape: order.iter().map(|&dim| self.shape[dim]).collect(),
            strides: order.iter().map(|&dim| self.strides[dim]).collect(),
            offset: self.offset,
        };
        let found = ordered.is_contiguous();
        found.then(|| order.into_iter().map(|dim| dim as isize).collect())
    }

    /// This layout seen with the broadcast shape `target`: repeated dimensions have stride 0.
    /// The caller has checked that the shapes fit.
    pub(crate) fn broadcast(&self, target: &[usize]) -> Self {
        let lead = target.len() - self.shape.len();
        let strides = (0..target.len())
            .map(|dim| match dim.checked_sub(lead) {
                Some(own) if self.shape[own] == target[dim] => self.strides[own],
                _ => 0,
            })
            .collect();
        Self {
            shape: Shape::from_slice(target),
            strides,
            offset: self.offset,
        }
    }

    /// The storage offsets at which the innermost rows begin, in row-major order.
    pub(crate) fn rows(&self) -> Rows<'_> {
        self.rows_from(0)
    }

    /// As [`Layout::rows`], without the first `skipped`.
    pub(crate) fn rows_from(&self, skipped: usize) -> Rows<'_> {
        let outer = self.shape.len().saturating_sub(1);
        let mut rows = Rows {
            layout: self,
            index: Shape::from_elem(0, outer),
            offset: self.offset,
            left: 0,
        };
        if self.count() == 0 {
            return rows;
        }
        rows.left = count(&self.shape[..outer]).saturating_sub(skipped);
        let mut skipped = skipped;
        for dim in (0..outer).rev() {
            rows.index[dim] = skipped % self.shape[dim];
            rows.offset += rows.index[dim] * self.strides[dim];
            skipped /= self.shape[dim];
        }
        rows
    }

    /// The length and the stride of the innermost rows.
    pub(crate) fn row(&self) -> (usize, usize) {
        match (self.shape.last(), self.strides.last()) {
            (Some(&length), Some(&stride)) => (length, stride),
            _ => (1, 1),
        }
    }
}

/// Walks over the innermost rows of a layout.
pub(crate) struct Rows<'a> {
    layout: &'a Layout,
    index: Shape,
    offset: usize,
    left: usize,
}

impl Iterator for Rows<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let here = self.offset;
        for dim in (0..self.index.len()).rev() {
            self.index[dim] += 1;
            self.offset += self.layout.strides[dim];
            if self.index[dim] < self.layout.shape[dim] {
                break;
            }
            self.offset -= self.layout.strides[dim] * self.layout.shape[dim];
            self.index[dim] = 0;
        }
        Some(here)
    }
}

/// Whether two shapes are the same: quicker than a comparison of slices, which is a call.
#[inline]
pub(crate) fn same(left: &[usize], right: &[usize]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left == right)
}

/// A shape of its own. For ranks that need no allocation quicker than `Shape::from_slice`, which
/// calls a function that copies memory of any length.
#[inline]
pub(crate) fn owned(shape: &[usize]) -> Shape {
    match *shape {
        [] => Shape::new(),
        [a] => Shape::from_buf_and_len([a, 0, 0, 0], 1),
        [a, b] => Shape::from_buf_and_len([a, b, 0, 0], 2),
        [a, b, c] => Shape::from_buf_and_len([a, b, c, 0], 3),
        [a, b, c, d] => Shape::from_buf_and_len([a, b, c, d], 4),
        _ => Shape::from_slice(shape),
    }
}

/// The strides of a contiguous row-major array.
#[inline]
pub(crate) fn row_major(shape: &[usize]) -> Shape {
    let mut strides = owned(shape);
    let mut stride = 1;
    for own in strides.iter_mut().rev() {
        let length = std::mem::replace(own, stride);
        stride *= length.max(1);
    }
    strides
}

/// The dimension that `dim` means in a tensor of `rank` dimensions; negative ones count from the
/// end. A rank-0 tensor accepts 0 and -1, as in PyTorch.
///
/// # Errors
/// [`ErrorKind::Dimension`] when there is no such dimension.
pub fn resolve_dim(operation: &'static str, dim: isize, rank: usize) -> Result<usize> {
    let span = rank.max(1) as isize;
    if dim < -span || dim >= span {
        return Err(Error::new(operation, ErrorKind::Dimension { dim, rank }));
    }
    Ok(if dim < 0 {
        (dim + span) as usize
    } else {
        dim as usize
    })
}

/// The place that `index` means among `length`, counted from the end where it is negative.
///
/// # Errors
/// [`ErrorKind::Argument`] when there is no such place.
pub fn resolve_index(operation: &'static str, index: isize, length: usize) -> Result<usize> {
    let place = match usize::try_from(index) {
        Ok(place) => Some(place),
        Err(_) => length.checked_sub(index.unsigned_abs()),
    };
    place.filter(|&place| place < length).ok_or_else(|| {
        let expected = format!("a place among {length}");
        Error::argument(operation, "index", expected, index)
    })
}

/// The dimensions that `dims` mean, ascending; no dimensions mean all of them.
///
/// # Errors
/// [`ErrorKind::Dimension`] when one does not exist, [`ErrorKind::Argument`] when one is repeated.
pub fn resolve_dims(operation: &'static str, dims: &[isize], rank: usize) -> Result<Shape> {
    if dims.is_empty() {
        return Ok((0..rank).collect());
    }
    let mut resolved = Shape::new();
    for &dim in dims {
        resolved.push(resolve_dim(operation, dim, rank)?);
    }
    resolved.sort_unstable();
    if resolved.windows(2).any(|pair| pair[0] == pair[1]) {
        let found = format!("{dims:?}");
        return Err(Error::argument(
            operation,
            "dim",
            "a list without repetition",
            found,
        ));
    }
    // A rank-0 tensor may be asked for its dimension 0, but has none.
    resolved.truncate(rank);
    Ok(resolved)
}

/// The shape that two shapes broadcast to, by NumPy's rule: aligned at the end, equal or 1.
///
/// # Errors
/// [`ErrorKind::Shape`] when a dimension is neither equal nor 1.
pub fn broadcast_shapes(operation: &'static str, left: &[usize], right: &[usize]) -> Result<Shape> {
    let rank = left.len().max(right.len());
    let length_at = |shape: &[usize], dim: usize| match (dim + shape.len()).checked_sub(rank) {
        Some(own) => shape[own],
        None => 1,
    };
    (0..rank)
        .map(|dim| match (length_at(left, dim), length_at(right, dim)) {
            (a, b) if a == b || b == 1 => Ok(a),
            (1, b) => Ok(b),
            (a, b) => Err(Error::shape(
                operation,
                &[left, right],
                format!("dimension {dim} of the broadcast is {a} and {b}: must be equal or 1"),
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(layout: &Layout) -> Vec<usize> {
        let (length, stride) = layout.row();
        layout
            .rows()
            .flat_map(|row| (0..length).map(move |index| row + index * stride))
            .collect()
    }

    #[test]
    fn negative_indices_count_from_the_end() {
        let places = [0, 2, -1, -3].map(|index| resolve_index("gather", index, 3).unwrap());
        assert_eq!(places, [0, 2, 2, 0]);
        for index in [3, -4, isize::MIN] {
            assert!(resolve_index("gather", index, 3).is_err(), "{index}");
        }
        let error = resolve_index("gather", 0, 0).unwrap_err();
        let want = "gather: `index` must be a place among 0, found 0";
        assert_eq!(error.to_string(), want);
    }

    #[test]
    fn rows_come_in_row_major_order() {
        let layout = Layout {
            shape: Shape::from_slice(&[2, 3, 2]),
            strides: Shape::from_slice(&[1, 2, 6]),
            offset: 0,
        };
        assert_eq!(offsets(&layout), [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
        assert!(!layout.is_contiguous());
    }

    #[test]
    fn rows_can_be_skipped() {
        let layout = Layout {
            shape: Shape::from_slice(&[2, 3, 4, 2]),
            strides: Shape::from_slice(&[1, 2, 0, 7]),
            offset: 3,
        };
        let all: Vec<usize> = layout.rows().collect();
        for skipped in 0..=24 {
            let rest: Vec<usize> = layout.rows_from(skipped).collect();
            assert_eq!(rest, all[skipped..]);
        }
        assert_eq!(layout.rows_from(25).count(), 0);
    }

    #[test]
    fn rank_zero_has_one_element_and_empty_dimensions_none() {
        assert_eq!(offsets(&Layout::contiguous(Shape::new())), [0]);
        assert!(offsets(&Layout::contiguous(Shape::from_slice(&[2, 0, 3]))).is_empty());
    }

    #[test]
    fn broadcasting_repeats_with_stride_zero() {
        let layout = Layout::contiguous(Shape::from_slice(&[3, 1])).broadcast(&[2, 3, 2]);
        assert_eq!(offsets(&layout), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn shapes_that_do_not_broadcast_are_named() {
        let shape = broadcast_shapes("add", &[4, 1, 3], &[5, 1]).unwrap();
        assert_eq!(shape.as_slice(), [4, 5, 3]);
        let error = broadcast_shapes("add", &[2, 3], &[4, 3]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "add: shapes [2, 3] and [4, 3]: dimension 0 of the broadcast is 2 and 4: must be equal or 1"
        );
    }

    #[test]
    fn negative_dimensions_count_from_the_end() {
        assert_eq!(resolve_dim("sum", -1, 3).unwrap(), 2);
        assert!(resolve_dim("sum", 3, 3).is_err());
        assert_eq!(resolve_dims("sum", &[-1, 0], 3).unwrap().as_slice(), [0, 2]);
        assert!(resolve_dims("sum", &[1, -1], 2).is_err());
    }
}

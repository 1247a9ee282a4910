//! To and from ndarray, without copies.

use ndarray::{Array, ArrayD, ArrayView, ArrayViewD, Dimension, IxDyn, ShapeBuilder};

use crate::buffers::Storage;
use crate::layout::{Layout, Shape};
use crate::{Element, Tensor};

impl<E: Element> Tensor<E> {
    /// A tensor that takes over an ndarray array, whatever its memory order. Nothing is copied,
    /// unless an axis runs backwards.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    /// use ndarray::array;
    ///
    /// let tensor = Tensor::from_array(array![[1.0, 2.0], [3.0, 4.0]].reversed_axes());
    /// assert_eq!(tensor.to_vec(), [1.0, 3.0, 2.0, 4.0]);
    /// assert_eq!(tensor.view()[[1, 0]], 2.0);
    /// ```
    pub fn from_array<D: Dimension>(array: Array<E, D>) -> Self {
        let shape = Shape::from_slice(array.shape());
        let strides: Option<Shape> = array
            .strides()
            .iter()
            .map(|&stride| usize::try_from(stride).ok())
            .collect();
        let Some(strides) = strides else {
            return Self::from_view(array.view());
        };
        let (data, offset) = array.into_raw_vec_and_offset();
        let layout = Layout {
            shape,
            strides,
            offset: offset.unwrap_or(0),
        };
        Self {
            storage: Storage::from(data).into(),
            layout: layout.into(),
            node: None,
        }
    }

    /// A tensor with a copy of what an ndarray view shows.
    pub fn from_view<D: Dimension>(view: ArrayView<'_, E, D>) -> Self {
        let data: Storage<E> = view.iter().copied().collect();
        Self::new(data, Shape::from_slice(view.shape()))
    }

    /// The tensor's elements as an ndarray view, in place.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "a tensor's layout always lies within its storage"
    )]
    pub fn view(&self) -> ArrayViewD<'_, E> {
        // ndarray wants even the strides of an array without elements to stay within the memory.
        let (strides, data) = match self.is_empty() {
            true => (
                crate::layout::Shape::from_elem(0, self.rank()),
                [].as_slice(),
            ),
            false => (
                self.layout.strides.clone(),
                &self.storage[self.layout.offset..],
            ),
        };
        ArrayViewD::from_shape(IxDyn(self.shape()).strides(IxDyn(&strides)), data)
            .expect("a tensor's layout always lies within its storage")
    }

    /// The tensor as an ndarray array: the one that it was made of where nobody else holds its memory,
    /// a copy otherwise.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "a tensor always holds as many elements as its shape says"
    )]
    pub fn into_array(self) -> ArrayD<E> {
        let shape = IxDyn(self.shape());
        ArrayD::from_shape_vec(shape, self.into_storage().into_vec())
            .expect("a tensor always holds as many elements as its shape says")
    }
}

impl<E: Element, D: Dimension> From<Array<E, D>> for Tensor<E> {
    fn from(array: Array<E, D>) -> Self {
        Self::from_array(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    #[test]
    fn arrays_go_in_and_out_in_the_same_memory() {
        let array = Array2::from_shape_fn((3, 4), |(i, j)| (i * 4 + j) as f32);
        let address = array.as_ptr();
        let tensor = Tensor::from_array(array);
        assert_eq!(tensor.view().as_ptr(), address);
        assert_eq!(tensor.into_array().as_ptr(), address);
    }

    #[test]
    fn slices_and_backward_axes_keep_their_elements() {
        let array = Array2::from_shape_fn((4, 5), |(i, j)| (i * 5 + j) as f64);
        let cut = array.clone().slice_move(s![1..;2, ..3]);
        let tensor = Tensor::from_array(cut.clone());
        assert_eq!(
            tensor.view().into_dimensionality::<ndarray::Ix2>().unwrap(),
            cut
        );
        let backward = array.slice_move(s![.., ..;-1]);
        assert_eq!(
            Tensor::from_array(backward.clone()).to_vec(),
            backward.into_iter().collect::<Vec<_>>()
        );
    }

    #[test]
    fn empty_arrays_are_tensors_as_well() {
        let tensor = Tensor::from_array(Array2::<f32>::zeros((0, 7)));
        assert_eq!(tensor.shape(), [0, 7]);
        assert_eq!(tensor.view().shape(), [0, 7]);
        assert!(tensor.into_array().is_empty());
    }
}

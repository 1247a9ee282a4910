//! Parts of a tensor, by range and by index.

use ndarray::ArrayD;

use crate::buffers::{self, Storage};
use crate::layout::{Layout, Shape, count, resolve_dim};
use crate::{Backward, Element, Error, InputGradients, Result, Rows, Tensor};

struct NarrowBackward {
    shape: Shape,
    dim: usize,
    start: usize,
}

impl<E: Element> Backward<E> for NarrowBackward {
    fn name(&self) -> &'static str {
        "narrow"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let inner = count(&self.shape[self.dim + 1..]);
        let (whole, part) = (
            self.shape[self.dim] * inner,
            gradient.shape()[self.dim] * inner,
        );
        let mut data = buffers::zeroed::<E>(count(&self.shape));
        if part > 0 {
            let from = gradient.elements();
            for (to, from) in data.chunks_exact_mut(whole).zip(from.chunks_exact(part)) {
                to[self.start * inner..][..part].copy_from_slice(from);
            }
        }
        inputs.add(0, Tensor::new(data, self.shape.clone()));
        Ok(())
    }
}

struct IndexSelectBackward {
    shape: Shape,
    dim: usize,
    index: Vec<usize>,
}

impl<E: Element> Backward<E> for IndexSelectBackward {
    fn name(&self) -> &'static str {
        "index_select"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        if self.dim == 0 {
            inputs.add(
                0,
                crate::Gradient::Rows(Rows::new(&self.shape, self.index.clone(), gradient)?),
            );
            return Ok(());
        }
        let inner = count(&self.shape[self.dim + 1..]);
        let outer = count(&self.shape[..self.dim]);
        let mut data = buffers::zeroed::<E>(count(&self.shape));
        let from = gradient.elements();
        for outer in 0..outer {
            for (place, &index) in self.index.iter().enumerate() {
                let to = &mut data[(outer * self.shape[self.dim] + index) * inner..][..inner];
                let from = &from[(outer * self.index.len() + place) * inner..][..inner];
                for (total, &term) in to.iter_mut().zip(from) {
                    *total += term;
                }
            }
        }
        inputs.add(0, Tensor::new(data, self.shape.clone()));
        Ok(())
    }
}

struct GatherBackward {
    shape: Shape,
    /// Where in the input each element of the result came from.
    places: Storage<usize>,
}

impl<E: Element> Backward<E> for GatherBackward {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let mut data = buffers::zeroed::<E>(count(&self.shape));
        for (&place, &term) in self.places.iter().zip(gradient.elements().iter()) {
            data[place] += term;
        }
        inputs.add(0, Tensor::new(data, self.shape.clone()));
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// The `length` slices of dimension `dim` from `start` on. Nothing is copied.
    ///
    /// # Errors
    /// A dimension error when there is no such dimension; an index error when the range reaches
    /// beyond it.
    pub fn narrow(&self, dim: isize, start: usize, length: usize) -> Result<Self> {
        let dim = resolve_dim("narrow", dim, self.rank())?;
        let available = self.dim_length("narrow", dim)?;
        let end = start.saturating_add(length);
        if end > available {
            return Err(Error::index(
                "narrow",
                format!("end of dimension {dim}:"),
                end,
                available,
            ));
        }
        let mut layout = Layout::clone(&self.layout);
        layout.offset += start * layout.strides[dim];
        layout.shape[dim] = length;
        if layout.count() == 0 {
            // An empty storage has nothing at an offset.
            layout.offset = 0;
        }
        Ok(self
            .with_layout(layout)
            .recorded(&[self], || NarrowBackward {
                shape: self.layout.shape.clone(),
                dim,
                start,
            }))
    }

    /// The slices of dimension `dim` that `index` names, in its order, with repetition. Along
    /// dimension 0 the gradient is a list of [`Rows`], not a table of zeros. A scalar counts as one
    /// slice.
    ///
    /// # Errors
    /// A dimension error when there is no such dimension; an index error when an index lies beyond
    /// it.
    pub fn index_select(&self, dim: isize, index: &[usize]) -> Result<Self> {
        let dim = resolve_dim("index_select", dim, self.rank())?;
        if let (0, [0]) = (self.rank(), index) {
            return Ok(self.clone());
        }
        let available = self.dim_length("index_select", dim)?;
        check_indices("index_select", dim, index, available)?;
        let inner = count(&self.shape()[dim + 1..]);
        let outer = count(&self.shape()[..dim]);
        let data = self.elements();
        let mut picked = buffers::take(outer * index.len() * inner);
        // Where there is nothing to copy, any length of the parts will do.
        let mut parts = picked.chunks_exact_mut(inner.max(1));
        for outer in 0..outer {
            for (&index, to) in index.iter().zip(&mut parts) {
                to.copy_from_slice(&data[(outer * available + index) * inner..][..inner]);
            }
        }
        let mut shape = self.layout.shape.clone();
        shape[dim] = index.len();
        Ok(
            Self::new(picked, shape).recorded(&[self], || IndexSelectBackward {
                shape: self.layout.shape.clone(),
                dim,
                index: index.to_vec(),
            }),
        )
    }

    /// Along dimension `dim`, the elements that `index` names at each place:
    /// `result[i][j] = self[index[i][j]][j]` for dimension 0 of a matrix. As `torch.gather`.
    ///
    /// # Shapes
    /// `index`: the tensor's rank; no longer than the tensor in any dimension but `dim`. The result
    /// has its shape. A scalar counts as a vector of one element.
    ///
    /// # Errors
    /// A dimension error when there is no such dimension; a shape error when the shapes do not fit;
    /// an index error when an index lies beyond the dimension.
    pub fn gather(&self, dim: isize, index: &ArrayD<usize>) -> Result<Self> {
        let dim = resolve_dim("gather", dim, self.rank())?;
        if self.rank() == 0 && index.iter().eq(&[0]) {
            return self.reshape(index.shape());
        }
        let available = self.dim_length("gather", dim)?;
        let fits = index.ndim() == self.rank()
            && (0..self.rank()).all(|d| d == dim || index.shape()[d] <= self.shape()[d]);
        if !fits {
            let rule = format!("the index must be no longer than the input but in dimension {dim}");
            return Err(Error::shape("gather", &[self.shape(), index.shape()], rule));
        }
        let strides = crate::layout::row_major(self.shape());
        let mut places = buffers::take(index.len());
        for (to, (place, &chosen)) in places.iter_mut().zip(index.indexed_iter()) {
            check_indices("gather", dim, &[chosen], available)?;
            let at = |d: usize| if d == dim { chosen } else { place[d] };
            *to = (0..self.rank()).map(|d| at(d) * strides[d]).sum::<usize>();
        }
        let data = self.elements();
        let picked: Storage<E> = places.iter().map(|&place| data[place]).collect();
        let value = Self::new(picked, Shape::from_slice(index.shape()));
        let shape = self.layout.shape.clone();
        Ok(value.recorded(&[self], || GatherBackward { shape, places }))
    }

    fn dim_length(&self, operation: &'static str, dim: usize) -> Result<usize> {
        self.shape().get(dim).copied().ok_or_else(|| {
            Error::shape(
                operation,
                &[self.shape()],
                "must have at least one dimension",
            )
        })
    }
}

fn check_indices(
    operation: &'static str,
    dim: usize,
    index: &[usize],
    available: usize,
) -> Result<()> {
    match index.iter().find(|&&index| index >= available) {
        Some(&index) => Err(Error::index(
            operation,
            format!("element of dimension {dim}:"),
            index,
            available,
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Gradient, Stream, Tensor, gradient_check};
    use ndarray::array;

    fn cube() -> Tensor<f64> {
        Tensor::standard_normal([3, 4, 2], Stream::new(1))
    }

    #[test]
    fn every_gradient_agrees_with_differences() {
        for dim in [0, 1, -1] {
            let function = |x: &[Tensor<f64>]| {
                let narrow = x[0].narrow(dim, 1, 1)?.square().sum();
                narrow.add(&x[0].index_select(dim, &[1, 0, 1])?.square().sum())
            };
            let worst = gradient_check::check(function, &[cube()], 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{dim}: {worst:?}");
        }
        let index = array![[[2, 0], [1, 1]], [[0, 0], [2, 2]]].into_dyn();
        let function = |x: &[Tensor<f64>]| Ok(x[0].gather(0, &index)?.square().sum());
        let worst = gradient_check::check(function, &[cube()], 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn looked_up_rows_have_a_gradient_of_rows() {
        let table = cube().requires_grad();
        let gradients = table
            .index_select(0, &[2, 2])
            .unwrap()
            .sum()
            .backward()
            .unwrap();
        match gradients.get(&table) {
            Some(Gradient::Rows(rows)) => assert_eq!(rows.rows(), [2, 2]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_scalar_is_one_slice() {
        let scalar = Tensor::<f64>::scalar(3.0).requires_grad();
        let picked = scalar.index_select(-1, &[0]).unwrap();
        let gathered = scalar.gather(0, &array![0].into_dyn()).unwrap();
        assert_eq!((picked.rank(), gathered.shape()), (0, &[1][..]));
        let sum = picked.add(&gathered.sum()).unwrap();
        let gradient = sum.backward().unwrap().tensor(&scalar).unwrap();
        assert_eq!(gradient.item().unwrap(), 2.0);
    }

    #[test]
    fn indices_beyond_the_end_are_named() {
        let error = cube().index_select(1, &[0, 4]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "index_select: element of dimension 1: 4 is out of range: there are 4"
        );
        assert!(cube().narrow(0, 2, 2).is_err());
        assert!(cube().narrow(0, usize::MAX, 2).is_err());
        assert!(cube().gather(0, &array![[[3]]].into_dyn()).is_err());
        assert!(cube().gather(0, &array![[1]].into_dyn()).is_err());
        let scalar = Tensor::<f64>::scalar(1.0);
        assert!(scalar.narrow(0, 0, 1).is_err());
        assert!(scalar.index_select(0, &[1]).is_err());
        assert!(scalar.gather(0, &array![1].into_dyn()).is_err());
        assert_eq!(cube().narrow(1, 4, 0).unwrap().shape(), [3, 0, 2]);
        let empty = Tensor::<f64>::zeros([3, 0, 2]).narrow(0, 2, 1).unwrap();
        assert_eq!((empty.shape(), empty.to_vec()), (&[1, 0, 2][..], vec![]));
    }
}

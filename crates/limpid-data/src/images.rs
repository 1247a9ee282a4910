//! Images of one channel, kept as bytes.

use limpid_tensor::simd::{self, Arithmetic, Loop};
use limpid_tensor::{Element, threads};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

use crate::dataset::BLOCK_ROWS;
use crate::{DataError, Dataset, Features, Fingerprint, FingerprintBuilder, Target};

/// Grey images `[images, height, width]` with a class each.
///
/// Pixels stay unsigned bytes in memory, an eighth of what `f64` would take. Wherever they are
/// handed out as numbers (batches, statistics) they are divided by 255 and lie in `[0, 1]`.
///
/// # Example
/// ```
/// use limpid_data::{Dataset, Images};
/// use ndarray::Array3;
///
/// let images = Images::new("dots", Array3::from_elem((4, 2, 2), 51), vec![0, 1, 1, 0], 2)?;
/// assert_eq!(images.row_shape(), [1, 2, 2]);
/// assert_eq!(images.gather::<f64>(&[3]), [0.2; 4]);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    name: String,
    pixels: Array3<u8>,
    target: Target,
}

impl Images {
    /// Images `[images, height, width]` with labels below `classes`.
    ///
    /// # Errors
    /// [`DataError`] when there is no image or no pixel, when images and labels differ in number,
    /// when a label is out of range or all are equal.
    pub fn new(
        name: impl Into<String>,
        pixels: Array3<u8>,
        labels: Vec<usize>,
        classes: usize,
    ) -> Result<Self, DataError> {
        let name = name.into();
        if pixels.len_of(Axis(0)) == 0 {
            return Err(DataError::EmptyTable { file: name });
        }
        if pixels.is_empty() {
            return Err(DataError::NoFeatures { file: name });
        }
        let target = Target::numbered_classes(labels, classes);
        target.check(&name, pixels.len_of(Axis(0)))?;
        // Rows are read as slices, which only the standard layout has.
        let pixels = pixels.as_standard_layout().into_owned();
        Ok(Self {
            name,
            pixels,
            target,
        })
    }

    /// The pixels, `[images, height, width]`, from 0 to 255.
    pub fn pixels(&self) -> ArrayView3<'_, u8> {
        self.pixels.view()
    }

    /// The class of each image.
    pub fn labels(&self) -> &[usize] {
        match &self.target {
            Target::Classes { labels, .. } => labels,
            Target::Values(_) | Target::None => &[],
        }
    }

    fn row(&self, row: usize) -> &[u8] {
        // `new` and `select` leave the standard layout.
        let pixels = self.pixels.as_slice().unwrap_or_default();
        &pixels[row * self.width()..][..self.width()]
    }
}

/// Images that a task makes numbers of.
const TOGETHER: usize = 16;

/// Bytes as numbers from 0 to 1.
struct Shades<'a, E> {
    pixels: &'a [u8],
    values: &'a mut [E],
}

impl<E: Element> Loop for Shades<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for (value, &pixel) in self.values.iter_mut().zip(self.pixels) {
            *value = E::of(f64::from(pixel)) / E::of(255.0);
        }
    }
}

impl Features for Images {
    fn width(&self) -> usize {
        self.pixels.len_of(Axis(1)) * self.pixels.len_of(Axis(2))
    }

    fn blocks(&self, visit: &mut dyn FnMut(ArrayView2<'_, f64>)) -> Result<(), DataError> {
        let rows: Vec<usize> = (0..self.len()).collect();
        for block in rows.chunks(BLOCK_ROWS) {
            let values = Array2::from_shape_vec((block.len(), self.width()), self.gather(block));
            let block = values.map_err(|_| {
                DataError::size(self.name.clone(), "pixels of a row", self.width(), 0)
            })?;
            visit(block.view());
        }
        Ok(())
    }
}

impl Dataset for Images {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.pixels.len_of(Axis(0))
    }

    fn row_shape(&self) -> Vec<usize> {
        vec![1, self.pixels.len_of(Axis(1)), self.pixels.len_of(Axis(2))]
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn select_rows(&self, rows: &[usize]) -> Result<Self, DataError> {
        self.check_rows(rows)?;
        Ok(Self {
            name: self.name.clone(),
            pixels: self.pixels.select(Axis(0), rows),
            target: self.target.select(rows),
        })
    }

    fn gather<E: Element>(&self, rows: &[usize]) -> Vec<E> {
        let width = self.width();
        let mut values = vec![E::zero(); rows.len() * width];
        threads::chunks(&mut values[..], TOGETHER * width, |first, values| {
            let rows = rows[first / width..].iter();
            for (&row, values) in rows.zip(values.chunks_exact_mut(width)) {
                let pixels = self.row(row);
                simd::run(Shades { pixels, values });
            }
        });
        values
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut builder = FingerprintBuilder::new();
        for &size in self.pixels.shape() {
            builder = builder.word(size as u64);
        }
        if let Some(bytes) = self.pixels.as_slice() {
            builder = builder.bytes(bytes);
        }
        self.target.print(builder).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toy() -> Images {
        let pixels = Array3::from_shape_fn((3, 2, 2), |(n, h, w)| (n * 100 + h * 10 + w) as u8);
        Images::new("toy", pixels, vec![0, 1, 0], 2).unwrap()
    }

    #[test]
    fn images_and_labels_must_be_as_many() {
        let error = Images::new("toy", Array3::zeros((3, 2, 2)), vec![0, 1], 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "toy: targets for the rows: expected 3, found 2"
        );
    }

    #[test]
    fn selecting_moves_pixels_with_labels() {
        let part = toy().select_rows(&[1, 0]).unwrap();
        assert_eq!(part.labels(), [1, 0]);
        assert_eq!(part.pixels()[[0, 1, 1]], 111);
    }

    #[test]
    fn blocks_and_batches_agree() {
        let mut rows = Vec::new();
        toy()
            .blocks(&mut |block| rows.extend(block.iter().copied()))
            .unwrap();
        assert_eq!(rows, toy().gather::<f64>(&[0, 1, 2]));
        assert_eq!(rows[5], 101.0 / 255.0);
    }

    #[test]
    fn every_shade_is_the_nearest_number() {
        let all = Array3::from_shape_fn((40, 16, 16), |(_, h, w)| (h * 16 + w) as u8);
        let labels = (0..40).map(|image| image % 2).collect();
        let images = Images::new("all", all, labels, 2).unwrap();
        let rows: Vec<usize> = (0..40).rev().collect();
        let want = |place: usize| (place % 256) as f64 / 255.0;
        let single = images.gather::<f32>(&rows);
        assert!((0..40 * 256).all(|place| single[place] == want(place) as f32));
        let double = images.gather::<f64>(&rows);
        assert!((0..40 * 256).all(|place| double[place] == want(place)));
        assert!(images.gather::<f32>(&[]).is_empty());
    }

    #[test]
    fn a_transposed_array_is_read_in_its_own_order() {
        let turned = Array3::from_shape_fn((2, 2, 2), |(w, h, n)| (n * 4 + h * 2 + w) as u8);
        let images = Images::new("toy", turned.reversed_axes(), vec![0, 1], 2).unwrap();
        assert_eq!(images.gather::<f64>(&[0]).map_to_bytes(), [0, 1, 2, 3]);
        assert_ne!(images.fingerprint(), toy().fingerprint());
    }

    trait MapToBytes {
        fn map_to_bytes(self) -> Vec<u8>;
    }

    impl MapToBytes for Vec<f64> {
        fn map_to_bytes(self) -> Vec<u8> {
            self.into_iter()
                .map(|value| (value * 255.0).round() as u8)
                .collect()
        }
    }
}

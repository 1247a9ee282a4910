//! The patches of an image as columns of a matrix, and back.

use crate::Element;

/// Where the patches of an image lie. Lengths are `[height, width]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patches {
    pub(crate) channels: usize,
    pub(crate) image: [usize; 2],
    pub(crate) kernel: [usize; 2],
    /// How many patches there are, down and across.
    pub(crate) places: [usize; 2],
    pub(crate) stride: [usize; 2],
    /// Rows above and columns to the left that the image is thought to be padded by.
    pub(crate) lead: [usize; 2],
    pub(crate) dilation: [usize; 2],
}

impl Patches {
    /// Elements of a patch: the rows of the matrix.
    pub(crate) fn rows(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }

    /// Patches: the columns of the matrix.
    pub(crate) fn columns(&self) -> usize {
        self.places[0] * self.places[1]
    }

    pub(crate) fn image_len(&self) -> usize {
        self.channels * self.image[0] * self.image[1]
    }

    /// The image's coordinate along axis `axis` at kernel element `tap` of patch `place`, unless it
    /// lies in the padding.
    fn coordinate(&self, axis: usize, tap: usize, place: usize) -> Option<usize> {
        let padded = place * self.stride[axis] + tap * self.dilation[axis];
        padded
            .checked_sub(self.lead[axis])
            .filter(|&at| at < self.image[axis])
    }

    /// Calls `visit` with an element of the matrix and the element of the image that stands there,
    /// for all that lie within the image.
    fn for_each(&self, mut visit: impl FnMut(usize, usize)) {
        let [height, width] = self.image;
        let mut row = 0;
        for channel in 0..self.channels {
            for down in 0..self.kernel[0] {
                for across in 0..self.kernel[1] {
                    for y in 0..self.places[0] {
                        let Some(image_y) = self.coordinate(0, down, y) else {
                            continue;
                        };
                        let from = (channel * height + image_y) * width;
                        let to = row * self.columns() + y * self.places[1];
                        for x in 0..self.places[1] {
                            if let Some(image_x) = self.coordinate(1, across, x) {
                                visit(to + x, from + image_x);
                            }
                        }
                    }
                    row += 1;
                }
            }
        }
    }
}

/// Writes the patches of `image` into the columns of `matrix`; the padding is 0.
pub(crate) fn im2col<E: Element>(image: &[E], patches: &Patches, matrix: &mut [E]) {
    matrix.fill(E::zero());
    patches.for_each(|to, from| matrix[to] = image[from]);
}

/// Adds the columns of `matrix` to the places in `image` that they are patches of.
pub(crate) fn col2im<E: Element>(matrix: &[E], patches: &Patches, image: &mut [E]) {
    patches.for_each(|from, to| image[to] += matrix[from]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCHES: Patches = Patches {
        channels: 1,
        image: [3, 3],
        kernel: [2, 2],
        places: [2, 2],
        stride: [2, 2],
        lead: [1, 0],
        dilation: [1, 1],
    };

    #[test]
    fn patches_stand_in_columns_with_zeros_for_the_padding() {
        let image: Vec<f64> = (1..10).map(f64::from).collect();
        let mut matrix = vec![f64::NAN; 16];
        im2col(&image, &PATCHES, &mut matrix);
        let want = [
            [0.0, 0.0, 4.0, 6.0],
            [0.0, 0.0, 5.0, 0.0],
            [1.0, 3.0, 7.0, 9.0],
            [2.0, 0.0, 8.0, 0.0],
        ];
        assert_eq!(matrix, want.concat());
    }

    #[test]
    fn the_way_back_is_the_transpose_of_the_way_there() {
        let image: Vec<f64> = (0..9).map(|it| f64::from(it * it % 7)).collect();
        let other: Vec<f64> = (0..16).map(|it| f64::from(it * 5 % 11)).collect();
        let mut matrix = vec![0.0; 16];
        im2col(&image, &PATCHES, &mut matrix);
        let mut back = vec![0.0; 9];
        col2im(&other, &PATCHES, &mut back);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        assert_eq!(dot(&matrix, &other), dot(&image, &back));
    }
}

//! Images with a rectangle erased.

use limpid_tensor::{Generator, Stream};
use rand_distr::{Distribution, StandardNormal};

use super::{Augment, Planes, Window, check_probability};
use crate::DataError;
use crate::permutation::below;

/// What an erased rectangle is filled with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Erasure {
    /// Zeros.
    #[default]
    Zero,
    /// This number.
    Value(f64),
    /// A number evenly from [0, 1) for each pixel: the source's best.
    Uniform,
    /// A number from the standard normal distribution for each pixel.
    Normal,
}

/// Erases a rectangle of an image with a probability. Its share of the area and the ratio of its
/// sides are drawn (the share evenly, the ratio evenly in its logarithm), ten times at most until it lies within the image; else nothing
/// is erased. Each place where it fits is equally probable.
///
/// # Shapes
/// Rows `[height, width]` or `[channels, height, width]`.
///
/// # Range
/// `area` within (0, 1], `ratio` above 0, each from the lesser to the greater.
///
/// # Source
/// Zhong et al. 2020, "Random erasing data augmentation"; the defaults are those of
/// `torchvision.transforms.RandomErasing`.
///
/// # Example
/// ```
/// use limpid_data::{Augment, RandomErasing};
/// use limpid_tensor::Stream;
///
/// let mut row = [1.0; 784];
/// RandomErasing::new(1.0)?.augment(&mut row, &[1, 28, 28], &Stream::new(1));
/// let erased = 1.0 - row.iter().sum::<f64>() / 784.0;
/// assert!((0.01..=0.35).contains(&erased));
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RandomErasing {
    /// The share of rows that lose a rectangle.
    pub probability: f64,
    /// The least and the greatest share of the area; default 0.02 and 0.33.
    pub area: (f64, f64),
    /// The least and the greatest ratio of height and width; default 0.3 and 3.3.
    pub ratio: (f64, f64),
    /// What the rectangle is filled with; default zeros.
    pub erasure: Erasure,
}

/// How many rectangles are tried.
const TRIES: usize = 10;

impl RandomErasing {
    /// In this share of the rows; torchvision's default is 0.5.
    ///
    /// # Errors
    /// [`DataError::Setting`] unless it lies in [0, 1].
    pub fn new(probability: f64) -> Result<Self, DataError> {
        Ok(Self {
            probability: check_probability(probability)?,
            area: (0.02, 0.33),
            ratio: (0.3, 3.3),
            erasure: Erasure::Zero,
        })
    }

    /// Of these shares of the area.
    #[must_use]
    pub fn with_area(mut self, least: f64, greatest: f64) -> Self {
        self.area = (least, greatest);
        self
    }

    /// Of these ratios of height and width.
    #[must_use]
    pub fn with_ratio(mut self, least: f64, greatest: f64) -> Self {
        self.ratio = (least, greatest);
        self
    }

    /// Filled with this.
    #[must_use]
    pub fn with_erasure(mut self, erasure: Erasure) -> Self {
        self.erasure = erasure;
        self
    }

    fn window(&self, planes: Planes, generator: &mut Generator) -> Option<Window> {
        let between = |(least, greatest): (f64, f64), unit: f64| least + (greatest - least) * unit;
        for _ in 0..TRIES {
            let area = between(self.area, generator.unit()) * planes.area() as f64;
            let logs = (self.ratio.0.ln(), self.ratio.1.ln());
            let ratio = between(logs, generator.unit()).exp();
            let height = (area * ratio).sqrt().round() as usize;
            let width = (area / ratio).sqrt().round() as usize;
            if height < planes.height && width < planes.width {
                let top = below(generator, planes.height - height + 1);
                let left = below(generator, planes.width - width + 1);
                return Some(Window {
                    top,
                    bottom: top + height,
                    left,
                    right: left + width,
                });
            }
        }
        None
    }

    fn pixel(&self, generator: &mut Generator) -> f64 {
        match self.erasure {
            Erasure::Zero => 0.0,
            Erasure::Value(value) => value,
            Erasure::Uniform => generator.unit(),
            Erasure::Normal => StandardNormal.sample(generator),
        }
    }
}

impl Augment for RandomErasing {
    /// # Errors
    /// [`DataError::Setting`] for rows that are no image, or a setting out of its range.
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        check_probability(self.probability)?;
        if let Erasure::Value(value) = self.erasure
            && !value.is_finite()
        {
            return Err(DataError::setting("erasure", "a finite number", value));
        }
        let ordered = |(least, greatest): (f64, f64)| {
            least > 0.0 && least <= greatest && greatest.is_finite()
        };
        if !ordered(self.area) || self.area.1 > 1.0 {
            let expected = "shares above 0 and up to 1, the lesser first";
            return Err(DataError::setting(
                "erased area",
                expected,
                format!("{:?}", self.area),
            ));
        }
        if !ordered(self.ratio) {
            let expected = "finite ratios above 0, the lesser first";
            return Err(DataError::setting(
                "erased ratio",
                expected,
                format!("{:?}", self.ratio),
            ));
        }
        Planes::of(row_shape).map(|_| ())
    }

    fn augment(&self, row: &mut [f64], row_shape: &[usize], stream: &Stream) {
        let mut generator = stream.generator();
        if generator.unit() >= self.probability {
            return;
        }
        let Ok(planes) = Planes::of(row_shape) else {
            return;
        };
        let Some(window) = self.window(planes, &mut generator) else {
            return;
        };
        Planes::each(row, row_shape, |planes, plane| {
            for line in window.lines(planes) {
                plane[line].fill_with(|| self.pixel(&mut generator));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::augmented;
    use super::*;

    fn erased(erasing: &RandomErasing, seed: u64) -> usize {
        let row = augmented(erasing, &[20, 30], seed);
        row.iter()
            .enumerate()
            .filter(|(it, value)| **value != (it + 1) as f64)
            .count()
    }

    #[test]
    fn the_area_lies_in_its_range() {
        let erasing = RandomErasing::new(1.0)
            .unwrap()
            .with_area(0.1, 0.2)
            .with_ratio(0.5, 2.0);
        let sizes: Vec<usize> = (0..2000).map(|seed| erased(&erasing, seed)).collect();
        // Sides are rounded to whole pixels, each by half of one at most.
        assert!(
            sizes.iter().all(|size| (50..=135).contains(size)),
            "{sizes:?}"
        );
        let mean = sizes.iter().sum::<usize>() as f64 / 2000.0;
        // A deviation of the mean is 60 / sqrt(12) / sqrt(2000) = 0.39.
        assert!((mean - 90.0).abs() < 2.0, "{mean}");
    }

    #[test]
    fn some_rows_keep_all_pixels() {
        let erasing = RandomErasing::new(0.25).unwrap();
        let whole = (0..4000)
            .filter(|&seed| erased(&erasing, seed) == 0)
            .count();
        // Four deviations: sqrt(4000 * 3 / 16) is 27.
        assert!(whole.abs_diff(3000) < 110, "{whole}");
    }

    #[test]
    fn a_rectangle_is_filled_as_asked() {
        let erasing = RandomErasing::new(1.0).unwrap().with_area(0.2, 0.2);
        let values = |erasure| augmented(&erasing.with_erasure(erasure), &[2, 9, 9], 4);
        let zeros = values(Erasure::Zero);
        let at: Vec<usize> = (0..162).filter(|&it| zeros[it] == 0.0).collect();
        assert!(!at.is_empty() && at.len().is_multiple_of(2));
        let of = |erasure| at.iter().map(|&it| values(erasure)[it]).collect::<Vec<_>>();
        assert!(of(Erasure::Value(0.5)).iter().all(|it| *it == 0.5));
        assert!(
            of(Erasure::Uniform)
                .iter()
                .all(|it| (0.0..1.0).contains(it))
        );
        let normal = of(Erasure::Normal);
        assert!(normal.iter().any(|it| *it < 0.0) && normal[0] != normal[1]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let erasing = RandomErasing::new(0.5).unwrap();
        assert!(RandomErasing::new(-0.5).is_err());
        assert!(erasing.check(&[30]).is_err());
        assert!(erasing.with_area(0.0, 0.5).check(&[3, 3]).is_err());
        assert!(erasing.with_area(0.5, 1.5).check(&[3, 3]).is_err());
        assert!(erasing.with_ratio(2.0, 1.0).check(&[3, 3]).is_err());
        assert_eq!(augmented(&erasing, &[1, 1, 1], 1), [1.0]);
    }
}

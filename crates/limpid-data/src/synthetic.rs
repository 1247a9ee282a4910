//! Made-up tables with a known truth, for examples, tests and first experiments.

use std::f64::consts::{PI, TAU};

use limpid_tensor::Stream;
use ndarray::Array2;
use rand_distr::{Distribution, StandardNormal};

use crate::{DataError, Table, Target};

/// Two half circles of radius 1 that reach into each other, `rows` points in the plane shared
/// between two classes, each moved by a normal deviate of standard deviation `noise` (in the unit of
/// the radius). A line separates them badly.
///
/// # Errors
/// [`DataError::Setting`] when there are fewer than 2 rows or `noise` is negative or not finite.
///
/// # Source
/// The shape of scikit-learn's `make_moons`.
pub fn two_moons(rows: usize, noise: f64, stream: &Stream) -> Result<Table, DataError> {
    let half = rows / 2;
    points("two moons", (rows, 2), noise, stream, |row| {
        let (class, place, count) = if row < half {
            (0, row, half)
        } else {
            (1, row - half, rows - half)
        };
        let angle = PI * place as f64 / (count.max(2) - 1) as f64;
        let upper = [angle.cos(), angle.sin()];
        (
            class,
            if class == 0 {
                upper
            } else {
                [1.0 - upper[0], 0.5 - upper[1]]
            },
        )
    })
}

/// Spirals that wind `turns` times around the origin out to radius 1, one for each class.
/// Each point is moved by a normal deviate of standard deviation `noise`.
///
/// # Errors
/// [`DataError::Setting`] when there are fewer than 2 classes, fewer rows than classes, or `noise`
/// or `turns` is negative or not finite.
pub fn spirals(
    rows: usize,
    classes: usize,
    turns: f64,
    noise: f64,
    stream: &Stream,
) -> Result<Table, DataError> {
    check_size("turns", turns)?;
    points("spirals", (rows, classes), noise, stream, |row| {
        let class = row % classes;
        let radius = (row / classes + 1) as f64 / rows.div_ceil(classes) as f64;
        let angle = TAU * (turns * radius + class as f64 / classes as f64);
        (class, [radius * angle.cos(), radius * angle.sin()])
    })
}

/// Round clouds of standard deviation `spread` in the plane, one for each class, with centres drawn
/// evenly from the square `[-10, 10]^2`.
///
/// # Errors
/// [`DataError::Setting`] when there are fewer than 2 classes, fewer rows than classes, or `spread`
/// is negative or not finite.
///
/// # Example
/// ```
/// use limpid_data::{Dataset, synthetic};
/// use limpid_tensor::Stream;
///
/// let clouds = synthetic::blobs(90, 3, 0.5, &Stream::new(1))?;
/// assert_eq!((clouds.len(), clouds.class_names()?.len()), (90, 3));
/// # Ok::<(), limpid_data::DataError>(())
/// ```
pub fn blobs(
    rows: usize,
    classes: usize,
    spread: f64,
    stream: &Stream,
) -> Result<Table, DataError> {
    let mut place = stream.fork("centres").generator();
    let centres: Vec<[f64; 2]> = (0..classes)
        .map(|_| [0, 1].map(|_| place.unit() * 20.0 - 10.0))
        .collect();
    points("blobs", (rows, classes), spread, stream, |row| {
        (row % classes, centres[row % classes])
    })
}

/// A table of points that `point` places and `noise` moves.
fn points(
    name: &str,
    (rows, classes): (usize, usize),
    noise: f64,
    stream: &Stream,
    point: impl Fn(usize) -> (usize, [f64; 2]),
) -> Result<Table, DataError> {
    check_size("noise", noise)?;
    if classes < 2 {
        return Err(DataError::setting("classes", "at least 2", classes));
    }
    if rows < classes {
        return Err(DataError::setting(
            "rows",
            format!("at least {classes}, one a class"),
            rows,
        ));
    }
    let mut generator = stream.fork("noise").generator();
    let mut features = Array2::zeros((rows, 2));
    let mut labels = Vec::with_capacity(rows);
    for (row, mut place) in features.outer_iter_mut().enumerate() {
        let (class, centre) = point(row);
        for (coordinate, exact) in place.iter_mut().zip(centre) {
            let deviate: f64 = StandardNormal.sample(&mut generator);
            *coordinate = exact + noise * deviate;
        }
        labels.push(class);
    }
    let table = Table::new(name, features, Target::numbered_classes(labels, classes))?;
    Ok(table.with_source("synthetic"))
}

fn check_size(name: &'static str, size: f64) -> Result<(), DataError> {
    if size >= 0.0 && size.is_finite() {
        Ok(())
    } else {
        Err(DataError::setting(name, "a finite number, 0 or more", size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dataset;

    #[test]
    fn without_noise_moons_lie_on_their_circles() {
        let moons = two_moons(101, 0.0, &Stream::new(1)).unwrap();
        for (point, &class) in moons.features().outer_iter().zip(moons.labels().unwrap()) {
            let centre = [[0.0, 0.0], [1.0, 0.5]][class];
            let radius = (point[0] - centre[0]).hypot(point[1] - centre[1]);
            assert!((radius - 1.0).abs() < 1e-12);
        }
        assert_eq!(moons.labels().unwrap().iter().sum::<usize>(), 51);
    }

    #[test]
    fn noise_has_the_deviation_that_was_asked_for() {
        let exact = spirals(20_000, 2, 1.5, 0.0, &Stream::new(1)).unwrap();
        let noisy = spirals(20_000, 2, 1.5, 0.3, &Stream::new(1)).unwrap();
        let difference = &noisy.features() - &exact.features();
        assert!(
            (difference.std(0.0) - 0.3).abs() < 0.005,
            "{}",
            difference.std(0.0)
        );
    }

    #[test]
    fn equal_streams_give_equal_tables() {
        let print = |seed| blobs(30, 3, 1.0, &Stream::new(seed)).unwrap().fingerprint();
        assert_eq!(print(1), print(1));
        assert_ne!(print(1), print(2));
    }

    #[test]
    fn impossible_sizes_are_errors() {
        let stream = Stream::new(1);
        assert!(matches!(
            two_moons(1, 0.1, &stream),
            Err(DataError::Setting { name: "rows", .. })
        ));
        assert!(matches!(
            two_moons(9, -0.1, &stream),
            Err(DataError::Setting { name: "noise", .. })
        ));
        assert!(matches!(
            blobs(9, 0, 1.0, &stream),
            Err(DataError::Setting {
                name: "classes",
                ..
            })
        ));
        assert!(spirals(9, 2, f64::NAN, 0.1, &stream).is_err());
    }
}

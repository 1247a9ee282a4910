//! Dividing a dataset into training, validation and test part, once, by a seed.

use limpid_tensor::Stream;

use crate::deal::{Share, deal};
use crate::{DataError, Dataset, Deal, Test, Train, Validation};

/// The shares of all rows that validation and test part get; training gets the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fractions {
    /// The validation part's share, in (0, 1).
    pub validation: f64,
    /// The test part's share, in (0, 1).
    pub test: f64,
}

/// 64 % to train, 16 % to validate, 20 % to test.
impl Default for Fractions {
    fn default() -> Self {
        Self {
            validation: 0.16,
            test: 0.2,
        }
    }
}

impl Fractions {
    fn shares(self) -> Result<[Share; 3], DataError> {
        check_fraction("validation fraction", self.validation)?;
        check_fraction("test fraction", self.test)?;
        let train = 1.0 - self.validation - self.test;
        if train <= 0.0 {
            let found = format!("{} and {}", self.validation, self.test);
            let expected = "a sum below 1, so that training gets a share";
            return Err(DataError::setting(
                "validation and test fractions",
                expected,
                found,
            ));
        }
        Ok([
            Share::new("train", train),
            Share::new("validation", self.validation),
            Share::new("test", self.test),
        ])
    }
}

fn check_fraction(name: &'static str, fraction: f64) -> Result<(), DataError> {
    if fraction > 0.0 && fraction < 1.0 {
        Ok(())
    } else {
        Err(DataError::setting(
            name,
            "a number between 0 and 1, both excluded",
            fraction,
        ))
    }
}

/// The three parts of a dataset. The row order inside a part is the dataset's (under
/// [`Deal::ByTime`] the order of time); loaders shuffle.
///
/// # Example
/// ```
/// use limpid_data::{Dataset, Fractions, Part, Split, classics};
/// use limpid_tensor::Stream;
///
/// let digits = classics::digits()?;
/// let Split { train, validation, test } =
///     Split::stratified(&digits, Fractions::default(), &Stream::new(7))?;
/// assert_eq!(train.len() + validation.len() + test.rows(), 1797);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
///
/// What is inside the test part cannot be seen:
/// ```compile_fail,E0616
/// # use limpid_data::{Fractions, Split, classics};
/// # use limpid_tensor::Stream;
/// # let iris = classics::iris().unwrap();
/// let split = Split::random(&iris, Fractions::default(), &Stream::new(7)).unwrap();
/// let seen = split.test.data;
/// ```
#[derive(Debug)]
pub struct Split<D: Dataset> {
    /// Parameters and statistics are fitted on it.
    pub train: Train<D>,
    /// Settings are chosen by it.
    pub validation: Validation<D>,
    /// It says, once, how good the result is.
    pub test: Test<D>,
}

impl<D: Dataset> Split<D> {
    /// Deals the rows out as `how` says; equal streams give equal splits.
    ///
    /// # Errors
    /// [`DataError::Setting`] when a fraction is out of range, [`DataError::EmptyPart`] when a part
    /// would hold nothing, [`DataError::ClassTooSmall`] when a class has too few rows to stratify,
    /// [`DataError::TargetKind`] when there are no classes to stratify, [`DataError::Size`] when
    /// groups or times are not as many as rows.
    pub fn deal(
        data: &D,
        fractions: Fractions,
        how: Deal<'_>,
        stream: &Stream,
    ) -> Result<Self, DataError> {
        let parts = deal(data, &fractions.shares()?, how, stream)?;
        let [train, validation, test] = selected(data, &parts)?;
        Ok(Self {
            train: Train { data: train },
            validation: Validation { data: validation },
            test: Test::seal(test),
        })
    }

    /// Each row by chance.
    ///
    /// # Errors
    /// As [`Split::deal`].
    pub fn random(data: &D, fractions: Fractions, stream: &Stream) -> Result<Self, DataError> {
        Self::deal(data, fractions, Deal::Random, stream)
    }

    /// Each row by chance, each class in the same shares.
    ///
    /// # Errors
    /// As [`Split::deal`].
    pub fn stratified(data: &D, fractions: Fractions, stream: &Stream) -> Result<Self, DataError> {
        Self::deal(data, fractions, Deal::Stratified, stream)
    }

    /// Each group as a whole, by chance; `groups` holds the group of each row.
    ///
    /// # Errors
    /// As [`Split::deal`].
    pub fn grouped(
        data: &D,
        groups: &[usize],
        fractions: Fractions,
        stream: &Stream,
    ) -> Result<Self, DataError> {
        Self::deal(data, fractions, Deal::Grouped(groups), stream)
    }

    /// The earliest rows to train, the latest to test; `times` holds the time of each row.
    ///
    /// # Errors
    /// As [`Split::deal`].
    pub fn by_time(data: &D, times: &[f64], fractions: Fractions) -> Result<Self, DataError> {
        Self::deal(data, fractions, Deal::ByTime(times), &Stream::new(0))
    }

    /// Parts that somebody else divided, as benchmarks do.
    ///
    /// # Errors
    /// [`DataError::EmptyPart`] when one is empty, [`DataError::Size`] when their rows differ in
    /// shape, [`DataError::TargetKind`] when their targets differ in kind.
    pub fn given(train: D, validation: D, test: D) -> Result<Self, DataError> {
        check_alike(&train, &validation, "validation")?;
        let (train, test) = Self::given_pair(train, test)?;
        Ok(Self {
            train,
            validation: Validation { data: validation },
            test,
        })
    }

    /// A training and a test part that somebody else divided; hold the validation part out of the
    /// training part with [`Train::hold_out`].
    ///
    /// # Errors
    /// As [`Split::given`].
    pub fn given_pair(train: D, test: D) -> Result<(Train<D>, Test<D>), DataError> {
        check_alike(&train, &test, "test")?;
        Ok((Train { data: train }, Test::seal(test)))
    }

    /// Divides a test part off and leaves the rest to train, for a cross-validation on it.
    ///
    /// # Errors
    /// As [`Split::deal`].
    pub fn pair(
        data: &D,
        test_fraction: f64,
        how: Deal<'_>,
        stream: &Stream,
    ) -> Result<(Train<D>, Test<D>), DataError> {
        let [train, test] = two(data, ("test fraction", "test"), test_fraction, how, stream)?;
        Ok((Train { data: train }, Test::seal(test)))
    }

    /// All rows to train and none to measure by: for the last fit of a finished recipe, and for
    /// statistics that describe. Nothing measured on these rows says how new rows will fare.
    ///
    /// # Errors
    /// [`DataError::EmptyPart`] when there is no row.
    pub fn train_only(data: D) -> Result<Train<D>, DataError> {
        check_filled(&data, "train")?;
        Ok(Train { data })
    }
}

impl<D: Dataset> Train<D> {
    /// Divides a validation part off.
    ///
    /// # Errors
    /// As [`Split::deal`].
    ///
    /// # Example
    /// ```
    /// use limpid_data::{Dataset, Deal, Split, classics};
    /// use limpid_tensor::Stream;
    ///
    /// let wine = classics::wine()?;
    /// let (train, test) = Split::pair(&wine, 0.2, Deal::Stratified, &Stream::new(1))?;
    /// let (train, validation) = train.hold_out(0.25, Deal::Stratified, &Stream::new(2))?;
    /// assert_eq!((train.len(), validation.len()), (106, 36));
    /// # Ok::<(), limpid_data::DataError>(())
    /// ```
    pub fn hold_out(
        &self,
        fraction: f64,
        how: Deal<'_>,
        stream: &Stream,
    ) -> Result<(Self, Validation<D>), DataError> {
        let names = ("held out fraction", "validation");
        let [train, validation] = two(&self.data, names, fraction, how, stream)?;
        Ok((Self { data: train }, Validation { data: validation }))
    }

    /// Only the first `rows` rows of a random order, or all where there are no more: a small part
    /// that a network must be able to learn by heart.
    ///
    /// # Errors
    /// [`DataError::Setting`] when `rows` is 0.
    pub fn sample(&self, rows: usize, stream: &Stream) -> Result<Self, DataError> {
        if rows == 0 {
            return Err(DataError::setting("sample rows", "at least 1", rows));
        }
        let mut order = crate::permutation(self.data.len(), stream);
        order.truncate(rows);
        Ok(Self {
            data: self.data.select_rows(&order)?,
        })
    }
}

fn two<D: Dataset>(
    data: &D,
    (setting, name): (&'static str, &str),
    fraction: f64,
    how: Deal<'_>,
    stream: &Stream,
) -> Result<[D; 2], DataError> {
    check_fraction(setting, fraction)?;
    let shares = [
        Share::new("train", 1.0 - fraction),
        Share::new(name, fraction),
    ];
    selected(data, &deal(data, &shares, how, stream)?)
}

/// The datasets of these rows; there are as many as `N` by how the rows were dealt.
fn selected<D: Dataset, const N: usize>(
    data: &D,
    parts: &[Vec<usize>],
) -> Result<[D; N], DataError> {
    let selected: Vec<D> = parts
        .iter()
        .map(|rows| data.select_rows(rows))
        .collect::<Result<_, _>>()?;
    selected
        .try_into()
        .map_err(|parts: Vec<D>| DataError::size(data.name(), "parts of the split", N, parts.len()))
}

fn check_filled<D: Dataset>(data: &D, part: &str) -> Result<(), DataError> {
    if data.is_empty() {
        let available = format!("`{}`", data.name());
        return Err(DataError::EmptyPart {
            part: part.to_owned(),
            available,
        });
    }
    Ok(())
}

fn check_alike<D: Dataset>(train: &D, other: &D, part: &str) -> Result<(), DataError> {
    check_filled(train, "train")?;
    check_filled(other, part)?;
    let file = other.name();
    let (expected, found) = (train.row_shape(), other.row_shape());
    if expected.len() != found.len() {
        return Err(DataError::size(
            file,
            "dimensions of a row",
            expected.len(),
            found.len(),
        ));
    }
    for (&expected, &found) in expected.iter().zip(&found) {
        if expected != found {
            return Err(DataError::size(file, "size of a row", expected, found));
        }
    }
    let (expected, found) = (train.target().kind(), other.target().kind());
    if expected != found {
        return Err(DataError::TargetKind {
            file: file.to_owned(),
            expected,
            found,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::{OpeningRecord, Table, classics};

    #[test]
    fn a_split_gives_each_row_to_one_part() {
        let rows = Array2::from_shape_fn((50, 1), |(row, _)| row as f64);
        let split = Split::random(&rows, Fractions::default(), &Stream::new(9)).unwrap();
        let test = split.test.open("count", &mut OpeningRecord::new()).unwrap();
        let mut seen: Vec<f64> = [&*split.train, &*split.validation, &*test]
            .into_iter()
            .flatten()
            .copied()
            .collect();
        seen.sort_by(f64::total_cmp);
        assert_eq!(seen, rows.into_raw_vec_and_offset().0);
        assert_eq!(
            (split.train.len(), split.validation.len(), test.len()),
            (32, 8, 10)
        );
    }

    #[test]
    fn fractions_out_of_range_are_errors() {
        let iris = classics::iris().unwrap();
        for (validation, test) in [
            (0.0, 0.2),
            (0.2, 1.0),
            (f64::NAN, 0.2),
            (0.5, 0.5),
            (-0.1, 0.2),
        ] {
            let split = Split::random(&iris, Fractions { validation, test }, &Stream::new(1));
            assert!(
                matches!(split, Err(DataError::Setting { .. })),
                "{validation}, {test}"
            );
        }
    }

    #[test]
    fn a_part_that_would_be_empty_is_named() {
        let rows = Array2::<f64>::zeros((3, 1));
        let error = Split::random(&rows, Fractions::default(), &Stream::new(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "validation: expected at least one row, found none when dividing 3 rows"
        );
    }

    #[test]
    fn given_parts_must_be_alike() {
        let narrow = Array2::<f64>::zeros((3, 1));
        let wide = Array2::<f64>::zeros((3, 2));
        let error = Split::given_pair(wide.clone(), narrow).unwrap_err();
        assert_eq!(
            error.to_string(),
            "array: size of a row: expected 2, found 1"
        );
        let empty = Split::given_pair(wide, Array2::zeros((0, 2))).unwrap_err();
        assert!(matches!(empty, DataError::EmptyPart { .. }), "{empty}");
    }

    #[test]
    fn stratifying_values_is_refused() {
        let diabetes = classics::diabetes().unwrap();
        let split = Split::<Table>::stratified(&diabetes, Fractions::default(), &Stream::new(1));
        assert!(matches!(split, Err(DataError::TargetKind { .. })));
    }

    #[test]
    fn a_sample_is_of_the_size_that_was_asked_for() {
        let train = Split::train_only(classics::iris().unwrap()).unwrap();
        assert_eq!(train.sample(20, &Stream::new(1)).unwrap().len(), 20);
        assert_eq!(train.sample(500, &Stream::new(1)).unwrap().len(), 150);
        assert!(train.sample(0, &Stream::new(1)).is_err());
    }
}

//! The parts of a split, each of its own type, so that the compiler sees who may look at what.

use std::fmt;
use std::ops::Deref;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{DataError, Dataset, Fingerprint, MapFeatures, MapValues, RowMap, Table};

/// What a part of a split is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Parameters and statistics are fitted on it.
    Train,
    /// Settings are chosen by it.
    Validation,
    /// It says, once, how good the result is.
    Test,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

mod sealed {
    pub trait Sealed {}
}

/// Any part of a split: [`Train`], [`Validation`], the sealed [`Test`], the [`Opened`] test. What
/// was fitted on the training part transforms each into a part of the same kind; a sealed test part
/// stays sealed.
pub trait Part: sealed::Sealed + Sized {
    /// The dataset inside.
    type Data: Dataset;

    /// The same kind of part, around another dataset.
    type Of<D: Dataset>: Part<Data = D>;

    /// What the part is for.
    fn role(&self) -> Role;

    /// How many rows it has.
    fn rows(&self) -> usize;

    /// The part with its features mapped.
    ///
    /// # Errors
    /// As [`MapFeatures::map_features`].
    fn map(
        &self,
        map: &dyn RowMap,
    ) -> Result<Self::Of<<Self::Data as MapFeatures>::Mapped>, DataError>
    where
        Self::Data: MapFeatures;

    /// The part with the numbers of its target mapped, e.g. standardised by what was fitted on
    /// [`Train::target_values`].
    ///
    /// # Errors
    /// As [`MapValues::map_values`].
    fn map_values(&self, map: &dyn RowMap) -> Result<Self, DataError>
    where
        Self::Data: MapValues;
}

/// A part whose data may be seen: every part but the sealed test. A loader takes no other:
/// ```compile_fail,E0277
/// # use limpid_data::{Fractions, Split, classics};
/// # use limpid_tensor::Stream;
/// # let iris = classics::iris().unwrap();
/// let split = Split::random(&iris, Fractions::default(), &Stream::new(7)).unwrap();
/// let loader = limpid_data::Loader::classes(&split.test, 32);
/// ```
pub trait Visible: Part {
    /// The dataset inside.
    fn data(&self) -> &Self::Data;
}

macro_rules! part {
    ($name:ident, $role:expr $(, $field:ident)?) => {
        impl<D> sealed::Sealed for $name<D> {}

        impl<D: Dataset> Part for $name<D> {
            type Data = D;
            type Of<N: Dataset> = $name<N>;

            fn role(&self) -> Role {
                $role
            }

            fn rows(&self) -> usize {
                self.data.len()
            }

            fn map(&self, map: &dyn RowMap) -> Result<$name<D::Mapped>, DataError>
            where
                D: MapFeatures,
            {
                Ok($name { data: self.data.map_features(map)? $(, $field: self.$field)? })
            }

            fn map_values(&self, map: &dyn RowMap) -> Result<Self, DataError>
            where
                D: MapValues,
            {
                Ok($name { data: self.data.map_values(map)? $(, $field: self.$field)? })
            }
        }
    };
}

macro_rules! visible {
    ($name:ident) => {
        impl<D: Dataset> Visible for $name<D> {
            fn data(&self) -> &D {
                &self.data
            }
        }

        impl<D> Deref for $name<D> {
            type Target = D;

            fn deref(&self) -> &D {
                &self.data
            }
        }
    };
}

/// The part that parameters and statistics are fitted on. Only a split makes one.
#[derive(Clone, Debug)]
pub struct Train<D> {
    pub(crate) data: D,
}

/// The part that settings are chosen by. Only a split makes one.
#[derive(Clone, Debug)]
pub struct Validation<D> {
    pub(crate) data: D,
}

/// The part that says, once, how good the result is. It is sealed: it can be counted, transformed
/// and opened, and nothing else.
pub struct Test<D> {
    pub(crate) data: D,
    /// Of the data as it was divided off, so that a transformed part is known for the same.
    pub(crate) origin: Fingerprint,
}

/// A test part after its opening.
#[derive(Clone, Debug)]
pub struct Opened<D> {
    data: D,
}

part!(Train, Role::Train);
part!(Validation, Role::Validation);
part!(Test, Role::Test, origin);
part!(Opened, Role::Test);
visible!(Train);
visible!(Validation);
visible!(Opened);

impl<D: Dataset> Test<D> {
    /// The sealed part around `data`.
    pub(crate) fn seal(data: D) -> Self {
        Self {
            origin: data.fingerprint(),
            data,
        }
    }

    /// Opens the part, once and for all: the record takes down why, and knows the data again, also
    /// when another part of the same rows comes to be opened.
    ///
    /// # Errors
    /// [`DataError::Sealed`] when `reason` is blank or the record holds an opening of the same data.
    ///
    /// # Example
    /// ```
    /// use limpid_data::{Dataset, Fractions, OpeningRecord, Split, classics};
    /// use limpid_tensor::Stream;
    ///
    /// let split = Split::stratified(&classics::iris()?, Fractions::default(), &Stream::new(7))?;
    /// let mut record = OpeningRecord::new();
    /// let test = split.test.open("the final figure", &mut record)?;
    /// assert_eq!(test.len(), 30);
    /// assert_eq!(record.openings()[0].reason, "the final figure");
    /// # Ok::<(), limpid_data::DataError>(())
    /// ```
    pub fn open(self, reason: &str, record: &mut OpeningRecord) -> Result<Opened<D>, DataError> {
        let refuse = |found: String| {
            Err(DataError::Sealed {
                file: self.data.name().to_owned(),
                found,
            })
        };
        if reason.trim().is_empty() {
            return refuse("a blank reason".to_owned());
        }
        if let Some(earlier) = record
            .openings
            .iter()
            .find(|one| one.fingerprint == self.origin)
        {
            return refuse(format!("an earlier opening for `{}`", earlier.reason));
        }
        record.openings.push(Opening {
            dataset: self.data.name().to_owned(),
            fingerprint: self.origin,
            rows: self.data.len(),
            reason: reason.to_owned(),
        });
        Ok(Opened { data: self.data })
    }

    /// The fingerprint of the part as it was divided off, before any transform.
    pub fn origin(&self) -> Fingerprint {
        self.origin
    }
}

/// Says how many rows there are, and nothing of what is in them.
impl<D: Dataset> fmt::Debug for Test<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, origin) = (self.data.len(), self.origin);
        write!(
            formatter,
            "Test {{ sealed, rows: {rows}, origin: {origin} }}"
        )
    }
}

impl Train<Table> {
    /// The target's numbers as a training part of their own, so that a transform can be fitted on
    /// them; [`Part::map_values`] applies it.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when the target is not one of numbers.
    pub fn target_values(&self) -> Result<Train<Array2<f64>>, DataError> {
        self.data.values().map(|values| Train {
            data: values.clone(),
        })
    }
}

/// The openings of a run's test parts, for the run's record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpeningRecord {
    openings: Vec<Opening>,
}

/// One opening of a test part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Opening {
    /// The dataset's name.
    pub dataset: String,
    /// The fingerprint of the rows as they were divided off.
    pub fingerprint: Fingerprint,
    /// How many rows there are.
    pub rows: usize,
    /// Why it was opened.
    pub reason: String,
}

impl OpeningRecord {
    /// The record of a run that has opened nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All openings, in order.
    pub fn openings(&self) -> &[Opening] {
        &self.openings
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayView2, array};

    use super::*;
    use crate::{Split, Target};

    struct Negate(usize);

    impl RowMap for Negate {
        fn input_width(&self) -> usize {
            self.0
        }

        fn output_width(&self) -> usize {
            self.0
        }

        fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
            -&rows
        }
    }

    fn split() -> Split<Table> {
        let table = |number: f64| {
            Table::new(
                "toy",
                array![[number], [number]],
                Target::column(vec![1.0, 2.0]),
            )
            .unwrap()
        };
        Split::given(table(1.0), table(2.0), table(3.0)).unwrap()
    }

    #[test]
    fn a_sealed_part_shows_its_size_and_no_number() {
        let shown = format!("{:?}", split().test);
        assert!(
            shown.starts_with("Test { sealed, rows: 2, origin: "),
            "{shown}"
        );
        assert!(!shown.contains("3.0"), "{shown}");
    }

    #[test]
    fn a_sealed_part_is_mapped_without_being_opened() {
        let mut record = OpeningRecord::new();
        let mapped = split().test.map(&Negate(1)).unwrap();
        assert_eq!(mapped.origin(), split().test.origin());
        let opened = mapped.open("figure", &mut record).unwrap();
        assert_eq!(opened.features(), array![[-3.0], [-3.0]]);
    }

    #[test]
    fn the_same_rows_are_not_opened_twice_even_when_transformed() {
        let mut record = OpeningRecord::new();
        split().test.open("figure", &mut record).unwrap();
        let mapped = split().test.map(&Negate(1)).unwrap();
        let error = mapped
            .open("another look", &mut record)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "test part of toy: expected its first opening, with a reason; \
             found an earlier opening for `figure`"
        );
        assert_eq!(record.openings().len(), 1);
    }

    #[test]
    fn a_blank_reason_opens_nothing() {
        let mut record = OpeningRecord::new();
        assert!(matches!(
            split().test.open(" ", &mut record),
            Err(DataError::Sealed { .. })
        ));
        assert_eq!(record.openings(), []);
    }

    #[test]
    fn a_map_of_another_width_is_an_error() {
        let error = split().train.map(&Negate(2)).unwrap_err().to_string();
        let what = "columns for the transform that was fitted";
        assert_eq!(error, format!("toy: {what}: expected 2, found 1"));
    }

    #[test]
    fn targets_are_mapped_in_any_part() {
        let Split { train, test, .. } = split();
        assert_eq!(train.target_values().unwrap().data(), &array![[1.0], [2.0]]);
        let mapped = train.map_values(&Negate(1)).unwrap();
        assert_eq!(mapped.values().unwrap(), array![[-1.0], [-2.0]]);
        assert_eq!(test.map_values(&Negate(1)).unwrap().rows(), 2);
    }
}

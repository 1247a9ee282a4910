//! A table of numbers with a target.

use limpid_tensor::Element;
use ndarray::{Array2, ArrayView2, Axis};

use crate::dataset::{array_blocks, gather_array};
use crate::target::check_finite;
use crate::{DataError, Dataset, Features, Fingerprint, FingerprintBuilder, Target};

/// Finite numbers `[rows, features]` with a target for each row, and what is known about them: the
/// columns' names, where they came from, the groups and times that a split has to respect.
///
/// # Example
/// ```
/// use limpid_data::{Dataset, Table, Target};
/// use ndarray::array;
///
/// let table = Table::new(
///     "weather",
///     array![[12.5, 0.3], [18.0, 0.1], [9.0, 0.9]],
///     Target::Classes { labels: vec![0, 0, 1], names: vec!["dry".into(), "rain".into()] },
/// )?
/// .with_feature_names(vec!["temperature".into(), "humidity".into()])?;
/// assert_eq!(table.len(), 3);
/// assert_eq!(table.class_names()?[1], "rain");
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    name: String,
    source: String,
    feature_names: Vec<String>,
    features: Array2<f64>,
    target: Target,
    target_name: String,
    groups: Option<Vec<usize>>,
    times: Option<Vec<f64>>,
}

impl Table {
    /// A table of `features`, `[rows, features]`, named `x0`, `x1`, and so on.
    ///
    /// # Errors
    /// [`DataError`] when there is no row or no column, when a number is not finite, when the
    /// target has another number of rows, a label out of range or a single class.
    pub fn new(
        name: impl Into<String>,
        features: Array2<f64>,
        target: Target,
    ) -> Result<Self, DataError> {
        let name = name.into();
        if features.nrows() == 0 {
            return Err(DataError::EmptyTable { file: name });
        }
        if features.ncols() == 0 {
            return Err(DataError::NoFeatures { file: name });
        }
        check_finite(&name, &features, |column| format!("x{column}"))?;
        target.check(&name, features.nrows())?;
        Ok(Self {
            source: "memory".to_owned(),
            feature_names: (0..features.ncols())
                .map(|column| format!("x{column}"))
                .collect(),
            target_name: "target".to_owned(),
            groups: None,
            times: None,
            name,
            features,
            target,
        })
    }

    /// The same table with its columns named.
    ///
    /// # Errors
    /// [`DataError::Size`] when there are not as many names as columns.
    pub fn with_feature_names(mut self, names: Vec<String>) -> Result<Self, DataError> {
        self.expect_size("feature names", self.features.ncols(), names.len())?;
        self.feature_names = names;
        Ok(self)
    }

    /// The same table with its target named.
    #[must_use]
    pub fn with_target_name(mut self, name: impl Into<String>) -> Self {
        self.target_name = name.into();
        self
    }

    /// The same table, saying where it came from: a path, an address, an experiment.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// The same table with the group of each row: rows of one group (a patient, a speaker) belong
    /// into one part of a split.
    ///
    /// # Errors
    /// [`DataError::Size`] when there are not as many groups as rows.
    pub fn with_groups(mut self, groups: Vec<usize>) -> Result<Self, DataError> {
        self.expect_size("groups for the rows", self.features.nrows(), groups.len())?;
        self.groups = Some(groups);
        Ok(self)
    }

    /// The same table with the time of each row, in any unit that grows.
    ///
    /// # Errors
    /// [`DataError::Size`] when there are not as many times as rows.
    pub fn with_times(mut self, times: Vec<f64>) -> Result<Self, DataError> {
        self.expect_size("times for the rows", self.features.nrows(), times.len())?;
        self.times = Some(times);
        Ok(self)
    }

    /// The same rows with other features, e.g. after a transform; the columns are named `x0`, `x1`,
    /// and so on unless their number stays.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn with_features(&self, features: Array2<f64>) -> Result<Self, DataError> {
        let names = self.feature_names.clone();
        let same_width = features.ncols() == names.len();
        let mut table = Self::new(self.name.clone(), features, Target::None)?;
        self.expect_size("rows", self.len(), table.len())?;
        if same_width {
            table.feature_names = names;
        }
        let (target, target_name) = (self.target.clone(), self.target_name.clone());
        let (groups, times) = (self.groups.clone(), self.times.clone());
        Ok(Self {
            source: self.source.clone(),
            target,
            target_name,
            groups,
            times,
            ..table
        })
    }

    /// The same rows with another target.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn with_target(mut self, target: Target) -> Result<Self, DataError> {
        target.check(&self.name, self.len())?;
        self.target = target;
        Ok(self)
    }

    /// The numbers, `[rows, features]`.
    pub fn features(&self) -> ArrayView2<'_, f64> {
        self.features.view()
    }

    /// The columns' names.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// The target's name.
    pub fn target_name(&self) -> &str {
        &self.target_name
    }

    /// Where the table came from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The group of each row, where groups are known.
    pub fn groups(&self) -> Option<&[usize]> {
        self.groups.as_deref()
    }

    /// The time of each row, where times are known.
    pub fn times(&self) -> Option<&[f64]> {
        self.times.as_deref()
    }

    /// The class of each row.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when the target is not one of classes.
    pub fn labels(&self) -> Result<&[usize], DataError> {
        self.target.classes(&self.name).map(|(labels, _)| labels)
    }

    /// The classes' names.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when the target is not one of classes.
    pub fn class_names(&self) -> Result<&[String], DataError> {
        self.target.classes(&self.name).map(|(_, names)| names)
    }

    /// The target's numbers, `[rows, outputs]`.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when the target is not one of numbers.
    pub fn values(&self) -> Result<&Array2<f64>, DataError> {
        self.target.values(&self.name)
    }

    fn expect_size(&self, what: &str, expected: usize, found: usize) -> Result<(), DataError> {
        if expected == found {
            Ok(())
        } else {
            Err(DataError::size(self.name.clone(), what, expected, found))
        }
    }
}

impl Features for Table {
    fn width(&self) -> usize {
        self.features.ncols()
    }

    fn blocks(&self, visit: &mut dyn FnMut(ArrayView2<'_, f64>)) -> Result<(), DataError> {
        array_blocks(self.features.view(), visit);
        Ok(())
    }
}

impl Dataset for Table {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.features.nrows()
    }

    fn row_shape(&self) -> Vec<usize> {
        vec![self.features.ncols()]
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn select_rows(&self, rows: &[usize]) -> Result<Self, DataError> {
        self.check_rows(rows)?;
        Ok(Self {
            name: self.name.clone(),
            source: self.source.clone(),
            feature_names: self.feature_names.clone(),
            features: self.features.select(Axis(0), rows),
            target: self.target.select(rows),
            target_name: self.target_name.clone(),
            groups: self
                .groups
                .as_ref()
                .map(|all| rows.iter().map(|&row| all[row]).collect()),
            times: self
                .times
                .as_ref()
                .map(|all| rows.iter().map(|&row| all[row]).collect()),
        })
    }

    fn gather<E: Element>(&self, rows: &[usize]) -> Vec<E> {
        gather_array(self.features.view(), rows)
    }

    fn fingerprint(&self) -> Fingerprint {
        let shape = FingerprintBuilder::new()
            .word(self.len() as u64)
            .word(self.width() as u64);
        let features = self
            .features
            .iter()
            .fold(shape, |builder, &value| builder.number(value));
        self.target.print(features).finish()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn toy() -> Table {
        let target = Target::numbered_classes(vec![0, 1, 1], 2);
        Table::new("toy", array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], target)
            .and_then(|table| table.with_groups(vec![7, 8, 9]))
            .and_then(|table| table.with_times(vec![0.5, 0.25, 0.125]))
            .unwrap()
    }

    #[test]
    fn selecting_keeps_row_target_group_and_time_together() {
        let part = toy().select_rows(&[2, 0]).unwrap();
        assert_eq!(part.features(), array![[5.0, 6.0], [1.0, 2.0]]);
        assert_eq!(part.labels().unwrap(), [1, 0]);
        assert_eq!(part.groups(), Some([9, 7].as_slice()));
        assert_eq!(part.times(), Some([0.125, 0.5].as_slice()));
    }

    #[test]
    fn an_infinite_feature_is_named() {
        let error = Table::new("toy", array![[1.0, f64::INFINITY]], Target::None)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "toy: line 1, column 2 (`x1`): expected a finite number, found `inf`"
        );
    }

    #[test]
    fn a_table_without_rows_or_columns_is_refused() {
        let none = Table::new("toy", Array2::zeros((0, 2)), Target::None).unwrap_err();
        assert!(matches!(none, DataError::EmptyTable { .. }));
        let bare = Table::new("toy", Array2::zeros((2, 0)), Target::None).unwrap_err();
        assert!(matches!(bare, DataError::NoFeatures { .. }));
    }

    #[test]
    fn the_fingerprint_knows_content_and_not_name() {
        let renamed = Table {
            name: "other".to_owned(),
            ..toy()
        };
        assert_eq!(renamed.fingerprint(), toy().fingerprint());
        assert_ne!(
            toy().select_rows(&[1, 0, 2]).unwrap().fingerprint(),
            toy().fingerprint()
        );
    }

    #[test]
    fn values_of_a_classification_are_refused_by_kind() {
        let error = toy().values().unwrap_err().to_string();
        assert_eq!(error, "toy: expected a target of values, found classes");
    }
}

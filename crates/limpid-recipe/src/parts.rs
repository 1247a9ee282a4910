//! The data of a run: dealt, and transformed by what the training part says.

use limpid_data::{
    Dataset, Fractions, Opened, OpeningRecord, Split, Table, Test, Train, Validation,
};
use limpid_preprocess::{Fit, FittedStandardize, Standardize, Transform};
use limpid_tensor::Stream;

use crate::{RecipeError, Settings};

/// The three parts of a table, standardised with the training part's statistics. The test part is
/// still sealed.
#[derive(Debug)]
pub struct Parts {
    /// What models learn from.
    pub train: Train<Table>,
    /// What chooses between them.
    pub validation: Validation<Table>,
    /// What says in the end how good they are; gone once it was opened.
    pub test: Option<Test<Table>>,
    /// The transform that was fitted, for data to come.
    pub scaling: FittedStandardize,
    /// Each opening of a test part.
    pub openings: OpeningRecord,
    /// Features of a row.
    pub inputs: usize,
    /// The names of the classes.
    pub classes: Vec<String>,
}

impl Parts {
    /// Deals a table of classes, keeping each class's share, and standardises it.
    ///
    /// # Errors
    /// When the table holds no classes, a fraction is out of range, or a class is too small to be
    /// dealt.
    pub fn deal(table: &Table, settings: &Settings, stream: Stream) -> Result<Self, RecipeError> {
        let classes = table.class_names()?.to_vec();
        let fractions = Fractions {
            validation: settings.validation,
            test: settings.test,
        };
        let split = Split::stratified(table, fractions, &stream.fork("split"))?;
        let scaling = Standardize::default().fit(&split.train)?;
        Ok(Self {
            train: scaling.transform_part(&split.train)?,
            validation: scaling.transform_part(&split.validation)?,
            test: Some(scaling.transform_part(&split.test)?),
            scaling,
            openings: OpeningRecord::default(),
            inputs: table.row_shape().iter().product(),
            classes,
        })
    }

    /// Opens the test part, which can be done once, and writes it down.
    ///
    /// # Errors
    /// When it was opened before, or the reason is blank.
    pub fn open_test(&mut self, reason: &str) -> Result<Opened<Table>, RecipeError> {
        let Some(test) = self.test.take() else {
            let expected = "opened only once";
            let found = "a second opening".to_owned();
            return Err(RecipeError::Setting {
                name: "test part",
                expected,
                found,
            });
        };
        Ok(test.open(reason, &mut self.openings)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_data::{Part, classics};

    #[test]
    fn the_training_part_is_standard_and_the_sizes_are_as_asked() {
        let table = classics::wine().unwrap();
        let mut parts = Parts::deal(&table, &Settings::default(), Stream::new(1)).unwrap();
        let test = parts.open_test("to count its rows").unwrap();
        let rows = [parts.train.rows(), parts.validation.rows(), test.rows()];
        assert!(parts.open_test("to count them again").is_err());
        assert_eq!(rows.iter().sum::<usize>(), 178);
        assert!((rows[2] as f64 / 178.0 - 0.2).abs() < 0.02, "{rows:?}");
        for column in parts.train.features().columns() {
            assert!(column.mean().unwrap().abs() < 1e-9 && (column.std(0.0) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_table_of_values_is_refused() {
        let error = Parts::deal(
            &classics::diabetes().unwrap(),
            &Settings::default(),
            Stream::new(1),
        );
        assert!(error.unwrap_err().to_string().contains("classes"));
    }
}

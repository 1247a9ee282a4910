//! Five small classics, embedded, so that examples and tests need no download. Attribution stands
//! in the crate's `tables/ATTRIBUTION.md`; all are licensed CC BY 4.0.

use crate::csv::{TableOptions, Task, read_csv_from};
use crate::{DataError, Table};

macro_rules! classic {
    ($($(#[$doc:meta])* $name:ident, $file:literal, $task:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// None that can happen: the embedded bytes are tested.
        pub fn $name() -> Result<Table, DataError> {
            let bytes: &[u8] = include_bytes!(concat!("../tables/", $file, ".csv.gz"));
            let options = TableOptions::new().with_task($task);
            Ok(read_csv_from($file, bytes, &options)?.with_source("embedded in limpid-data"))
        }
    )*};
}

classic! {
    /// Handwritten digits: 1797 rows of 8x8 pixels from 0 to 16, row by row; 10 classes.
    /// Alpaydin and Kaynak (1998), the test part of the UCI set.
    ///
    /// # Example
    /// ```
    /// use limpid_data::Dataset;
    /// let digits = limpid_data::classics::digits()?;
    /// assert_eq!((digits.len(), digits.row_shape()), (1797, vec![64]));
    /// # Ok::<(), limpid_data::DataError>(())
    /// ```
    digits, "digits", Task::Classification;
    /// Iris flowers: 150 rows of 4 lengths in cm; 3 species. Fisher (1936).
    iris, "iris", Task::Classification;
    /// Wines: 178 rows of 13 chemical measurements; 3 cultivars. Aeberhard and Forina (1992).
    wine, "wine", Task::Classification;
    /// Breast tumours: 569 rows of 30 measurements of cell nuclei; benign or malignant.
    /// Wolberg, Street and Mangasarian (1995).
    breast_cancer, "breast_cancer", Task::Classification;
    /// Diabetes patients: 442 rows of 10 measurements in raw units; the disease's progression a
    /// year later, from 25 to 346. Efron, Hastie, Johnstone and Tibshirani (2004).
    diabetes, "diabetes", Task::Regression;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dataset;

    #[test]
    fn every_classic_has_its_published_size_and_classes() {
        let sizes = |table: &Table| (table.len(), table.row_shape()[0]);
        let counts = |table: &Table| {
            let labels = table.labels().unwrap();
            let classes = table.class_names().unwrap().len();
            let count = |class| labels.iter().filter(|&&label| label == class).count();
            (0..classes).map(count).collect::<Vec<_>>()
        };
        let digits = digits().unwrap();
        assert_eq!(sizes(&digits), (1797, 64));
        assert_eq!(
            counts(&digits),
            [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
        );
        let iris = iris().unwrap();
        assert_eq!((sizes(&iris), counts(&iris)), ((150, 4), vec![50, 50, 50]));
        let wine = wine().unwrap();
        assert_eq!((sizes(&wine), counts(&wine)), ((178, 13), vec![59, 71, 48]));
        let cancer = breast_cancer().unwrap();
        assert_eq!(
            (sizes(&cancer), counts(&cancer)),
            ((569, 30), vec![357, 212])
        );
        assert_eq!(cancer.class_names().unwrap(), ["benign", "malignant"]);
        let diabetes = diabetes().unwrap();
        assert_eq!(sizes(&diabetes), (442, 10));
        let progression = diabetes.values().unwrap();
        assert!((progression.mean().unwrap() - 152.133_484).abs() < 1e-6);
    }
}

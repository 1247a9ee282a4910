use std::io::Write;

use ndarray::array;
use proptest::prelude::*;

use super::*;
use crate::Dataset;

fn read(text: &str) -> Result<Table, DataError> {
    read_csv_from("toy", text.as_bytes(), &TableOptions::new())
}

fn message(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn a_header_is_seen_by_its_lack_of_numbers() {
    let with = read("a,b,class\n1,2,x\n3,4,y\n").unwrap();
    assert_eq!(with.feature_names(), ["a", "b"]);
    assert_eq!(with.target_name(), "class");
    let without = read("1,2,x\n3,4,y\n").unwrap();
    assert_eq!(without.feature_names(), ["x0", "x1"]);
    assert_eq!(with.features(), without.features());
    assert_eq!(without.features(), array![[1.0, 2.0], [3.0, 4.0]]);
}

#[test]
fn an_empty_table_is_an_error_with_or_without_header() {
    assert_eq!(
        message(""),
        "toy: expected at least one row of data, found none"
    );
    assert_eq!(
        message("a,b,class\n"),
        "toy: expected at least one row of data, found none"
    );
}

#[test]
fn a_table_of_one_column_has_no_features() {
    assert_eq!(
        message("y\n1\n"),
        "toy: expected at least one column of features, found none"
    );
}

#[test]
fn a_ragged_row_is_named_by_line() {
    assert_eq!(
        message("a,b,y\n1,2,x\n1,y\n"),
        "toy: line 3: expected 3 cells as in the first row, found 2"
    );
}

#[test]
fn text_among_numbers_is_named_by_line_and_column() {
    assert_eq!(
        message("a,b,y\n1,2,x\n1,blue,y\n"),
        "toy: line 3, column 2 (`b`): expected a number, found `blue`"
    );
}

#[test]
fn nan_infinity_and_missing_cells_are_named_by_line_and_column() {
    assert_eq!(
        message("a,b,y\nNaN,2,x\n"),
        "toy: line 2, column 1 (`a`): expected a finite number, found `NaN`"
    );
    assert_eq!(
        message("a,b,y\n1,-inf,x\n"),
        "toy: line 2, column 2 (`b`): expected a finite number, found `-inf`"
    );
    assert_eq!(
        message("a,b,y\n1,1e999,x\n"),
        "toy: line 2, column 2 (`b`): expected a finite number, found `1e999`"
    );
    assert_eq!(
        message("a,b,y\n1,,x\n"),
        "toy: line 2, column 2 (`b`): expected a value, found a missing cell (``)"
    );
    assert_eq!(
        message("a,b,y\n1,2,NA\n"),
        "toy: line 2, column 3 (`y`): expected a value, found a missing cell (`NA`)"
    );
}

#[test]
fn one_class_is_an_error() {
    assert_eq!(
        message("a,y\n1,x\n2,x\n"),
        "toy: expected at least two classes, found only `x`"
    );
}

#[test]
fn an_unknown_column_is_answered_with_those_there_are() {
    let options = TableOptions::new().with_target("price");
    let error = read_csv_from("toy", "a,b\n1,2\n".as_bytes(), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "toy: expected a column `price`, found a, b"
    );
}

#[test]
fn numbered_classes_are_inferred_and_measured_values_are_not() {
    let classes = read("a,y\n1,0\n2,1\n3,1\n4,0\n").unwrap();
    assert_eq!(classes.labels().unwrap(), [0, 1, 1, 0]);
    let values = read("a,y\n1,0\n2,1\n3,7\n4,0\n").unwrap();
    assert_eq!(values.values().unwrap(), array![[0.0], [1.0], [7.0], [0.0]]);
}

#[test]
fn numbered_classes_keep_the_order_of_numbers() {
    let options = TableOptions::new().with_task(Task::Classification);
    let table = read_csv_from("toy", "a,y\n1,10\n2,9\n3,100\n".as_bytes(), &options).unwrap();
    assert_eq!(table.class_names().unwrap(), ["9", "10", "100"]);
    assert_eq!(table.labels().unwrap(), [1, 0, 2]);
}

#[test]
fn text_in_a_regression_target_is_named_by_line() {
    let options = TableOptions::new().with_task(Task::Regression);
    let error = read_csv_from("toy", "a,y\n1,2\n2,high\n".as_bytes(), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "toy: line 3, column 2 (`y`): expected a number, found `high`"
    );
}

#[test]
fn group_time_and_ignored_columns_are_no_features() {
    let options = TableOptions::new()
        .with_group("who")
        .with_time("day")
        .ignoring("id");
    let text = "id,who,day,a,y\nu,ann,3,1,x\nv,bob,1,2,y\nw,ann,2,3,x\n";
    let table = read_csv_from("toy", text.as_bytes(), &options).unwrap();
    assert_eq!(table.feature_names(), ["a"]);
    assert_eq!(table.groups(), Some([0, 1, 0].as_slice()));
    assert_eq!(table.times(), Some([3.0, 1.0, 2.0].as_slice()));
}

#[test]
fn without_a_target_all_columns_are_features() {
    let options = TableOptions::new().without_target();
    let table = read_csv_from("toy", "a,b\n1,2\n".as_bytes(), &options).unwrap();
    assert_eq!(table.row_shape(), [2]);
    assert_eq!(table.target(), &Target::None);
}

#[test]
fn a_gzipped_file_reads_as_its_content_and_a_cut_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    encoder.write_all(b"a,y\n1,x\n2,y\n").unwrap();
    let bytes = encoder.finish().unwrap();
    let path = folder.path().join("small.csv.gz");
    std::fs::write(&path, &bytes).unwrap();
    let table = read_csv(&path, &TableOptions::new()).unwrap();
    assert_eq!((table.name(), table.len()), ("small", 2));
    std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let error = read_csv(&path, &TableOptions::new()).unwrap_err();
    assert!(matches!(error, DataError::Io { .. }), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = read_csv("/nowhere/at/all.csv", &TableOptions::new()).unwrap_err();
    assert!(
        error.to_string().starts_with("/nowhere/at/all.csv: "),
        "{error}"
    );
}

#[test]
fn bytes_that_are_no_text_are_named_by_line() {
    let error = read_csv_from("toy", &b"a,y\n1,x\n2,\xFF\n"[..], &TableOptions::new()).unwrap_err();
    assert!(matches!(error, DataError::Csv { line: 3, .. }), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_give_a_table_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(table) = read_csv_from("toy", bytes.as_slice(), &TableOptions::new()) {
            prop_assert!(table.len() > 0);
        }
    }

    #[test]
    fn numbers_written_are_numbers_read(
        rows in proptest::collection::vec((-1e12..1e12_f64, -1e-9..1e-9_f64), 2..20)
    ) {
        let text: String = rows.iter().map(|(a, b)| format!("{a:?},{b:?}\n")).collect();
        let table = read_csv_from("toy", text.as_bytes(), &TableOptions::new().without_target()).unwrap();
        for (row, &(a, b)) in rows.iter().enumerate() {
            prop_assert_eq!(table.features().row(row).to_vec(), vec![a, b]);
        }
    }
}

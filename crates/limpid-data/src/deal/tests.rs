use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::{Table, Target};

fn shares(fractions: &[f64]) -> Vec<Share> {
    let names = ["train", "validation", "test", "fourth", "fifth"];
    names
        .iter()
        .zip(fractions)
        .map(|(name, &fraction)| Share::new(*name, fraction))
        .collect()
}

fn sizes(parts: &[Vec<usize>]) -> Vec<usize> {
    parts.iter().map(Vec::len).collect()
}

fn classified(labels: Vec<usize>, classes: usize) -> Table {
    let features = Array2::zeros((labels.len(), 1));
    Table::new("toy", features, Target::numbered_classes(labels, classes)).unwrap()
}

#[test]
fn whole_quotas_are_met_and_rests_go_to_the_largest_remainder() {
    assert_eq!(apportion(100, &shares(&[0.51, 0.29, 0.2])), [51, 29, 20]);
    assert_eq!(apportion(11, &shares(&[0.64, 0.16, 0.2])), [7, 2, 2]);
    assert_eq!(apportion(0, &shares(&[0.5, 0.5])), [0, 0]);
}

#[test]
fn every_class_has_the_same_shares_everywhere() {
    let data = classified((0..150).map(|row| row % 3).collect(), 3);
    let three = shares(&[0.64, 0.16, 0.2]);
    let parts = deal(&data, &three, Deal::Stratified, &Stream::new(3)).unwrap();
    assert_eq!(sizes(&parts), [96, 24, 30]);
    for part in parts {
        let count = |class| part.iter().filter(|&&row| row % 3 == class).count();
        assert_eq!([count(0), count(1)], [count(2), count(2)]);
    }
}

#[test]
fn a_rare_class_reaches_every_part_or_is_named() {
    let three = shares(&[0.64, 0.16, 0.2]);
    let rare = |count: usize| {
        let labels = (0..100).map(|row| usize::from(row < count)).collect();
        deal(
            &classified(labels, 2),
            &three,
            Deal::Stratified,
            &Stream::new(3),
        )
    };
    assert!(
        rare(3)
            .unwrap()
            .iter()
            .all(|part| part.iter().filter(|&&row| row < 3).count() == 1)
    );
    assert_eq!(
        rare(2).unwrap_err().to_string(),
        "class `1`: expected at least 3 rows so that every part gets one, found 2"
    );
}

#[test]
fn groups_stay_whole_and_few_groups_reach_all_parts() {
    let groups: Vec<usize> = (0..30).map(|row| row % 3).collect();
    let three = shares(&[0.64, 0.16, 0.2]);
    let data = Array2::<f64>::zeros((30, 1));
    let parts = deal(&data, &three, Deal::Grouped(&groups), &Stream::new(3)).unwrap();
    assert_eq!(sizes(&parts), [10, 10, 10]);
    assert!(
        parts
            .iter()
            .all(|part| part.iter().all(|row| row % 3 == part[0] % 3))
    );
    let two: Vec<usize> = (0..30).map(|row| row % 2).collect();
    let error = deal(&data, &three, Deal::Grouped(&two), &Stream::new(3)).unwrap_err();
    assert!(
        error.to_string().ends_with("when dividing 2 groups"),
        "{error}"
    );
}

#[test]
fn time_runs_forward_and_equal_times_stay_together() {
    let times = [5.0, 1.0, 2.0, 3.0, 3.0, 4.0];
    let data = Array2::<f64>::zeros((6, 1));
    let halves = shares(&[0.5, 0.5]);
    let parts = deal(&data, &halves, Deal::ByTime(&times), &Stream::new(3)).unwrap();
    assert_eq!(parts, [vec![1, 2, 3, 4], vec![5, 0]]);
    let same = deal(&data, &halves, Deal::ByTime(&[1.0; 6]), &Stream::new(3)).unwrap_err();
    assert_eq!(
        same.to_string(),
        "validation: expected at least one row, found none when dividing 6 rows by time"
    );
}

#[test]
fn a_time_that_is_no_number_is_named_by_row() {
    let data = Array2::<f64>::zeros((2, 1));
    let halves = shares(&[0.5, 0.5]);
    let times = [0.0, f64::NAN];
    let error = deal(&data, &halves, Deal::ByTime(&times), &Stream::new(3)).unwrap_err();
    assert!(
        matches!(error, DataError::NotFinite { line: 2, .. }),
        "{error}"
    );
}

#[test]
fn groups_or_times_of_another_length_are_refused() {
    let data = Array2::<f64>::zeros((3, 1));
    let halves = shares(&[0.5, 0.5]);
    let short = deal(&data, &halves, Deal::Grouped(&[0, 1]), &Stream::new(3)).unwrap_err();
    assert_eq!(
        short.to_string(),
        "array: groups for the rows: expected 3, found 2"
    );
    assert!(deal(&data, &halves, Deal::ByTime(&[0.0; 4]), &Stream::new(3)).is_err());
}

#[test]
fn equal_streams_deal_equally_and_different_ones_differently() {
    let data = Array2::<f64>::zeros((40, 1));
    let halves = shares(&[0.5, 0.5]);
    let dealt = |seed| deal(&data, &halves, Deal::Random, &Stream::new(seed)).unwrap();
    assert_eq!(dealt(1), dealt(1));
    assert_ne!(dealt(1), dealt(2));
}

proptest! {
    #[test]
    fn each_row_lies_in_exactly_one_part(
        labels in proptest::collection::vec(0_usize..4, 5..120),
        cuts in (0.05..0.45_f64, 0.05..0.45_f64),
        seed: u64,
        way in 0_usize..4,
    ) {
        let times: Vec<f64> = labels.iter().map(|&label| label as f64).collect();
        let deals = [Deal::Random, Deal::Stratified, Deal::Grouped(&labels), Deal::ByTime(&times)];
        let data = Array2::<f64>::zeros((labels.len(), 1));
        let three = shares(&[1.0 - cuts.0 - cuts.1, cuts.0, cuts.1]);
        let stream = Stream::new(seed);
        let dealt = match deals[way] {
            Deal::Stratified => {
                prop_assume!(labels.iter().any(|label| *label != labels[0]));
                deal(&classified(labels.clone(), 4), &three, Deal::Stratified, &stream)
            }
            other => deal(&data, &three, other, &stream),
        };
        if let Ok(parts) = dealt {
            let mut rows = parts.concat();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..labels.len()).collect::<Vec<_>>());
            prop_assert!(parts.iter().all(|part| !part.is_empty()));
        }
    }
}

//! Checks of what members say.

use limpid_tensor::{Element, Error, ErrorKind, Result, Tensor};

/// The members, rows and classes of `[members, rows, classes]`, of each at least one.
pub(crate) fn sizes<E: Element>(
    operation: &'static str,
    members: &Tensor<E>,
) -> Result<[usize; 3]> {
    match *members.shape() {
        [members, rows, classes] if members * rows * classes > 0 => Ok([members, rows, classes]),
        _ => {
            let rule = "must be [members, rows, classes], at least one of each";
            Err(Error::shape(operation, &[members.shape()], rule))
        }
    }
}

/// The rows and classes of `[rows, classes]` with a class of `target` for each row.
pub(crate) fn rows_and_classes<E: Element>(
    operation: &'static str,
    rows: &Tensor<E>,
    target: &[usize],
) -> Result<[usize; 2]> {
    let [count, classes] = match *rows.shape() {
        [count, classes] if count * classes > 0 => [count, classes],
        _ => {
            let rule = "must be [rows, classes], at least one of each";
            return Err(Error::shape(operation, &[rows.shape()], rule));
        }
    };
    check_target(operation, count, classes, target)?;
    check_finite(operation, rows)?;
    Ok([count, classes])
}

pub(crate) fn check_target(
    operation: &'static str,
    rows: usize,
    classes: usize,
    target: &[usize],
) -> Result<()> {
    if target.len() != rows {
        let shapes: [&[usize]; 2] = [&[rows, classes], &[target.len()]];
        return Err(Error::shape(
            operation,
            &shapes,
            "there must be a class for each row",
        ));
    }
    match target.iter().find(|&&class| class >= classes) {
        Some(&class) => Err(Error::index(operation, "class", class, classes)),
        None => Ok(()),
    }
}

pub(crate) fn check_finite<E: Element>(operation: &'static str, tensor: &Tensor<E>) -> Result<()> {
    match tensor
        .elements()
        .iter()
        .find(|element| !element.is_finite())
    {
        None => Ok(()),
        Some(&found) => {
            let kind = ErrorKind::NotFinite {
                what: "what a model says".to_owned(),
                found: found.double(),
            };
            Err(Error::new(operation, kind))
        }
    }
}

/// The place of the greatest; among equal ones the first.
pub(crate) fn greatest<T: PartialOrd>(row: &[T]) -> usize {
    (1..row.len()).fold(0, |best, it| if row[it] > row[best] { it } else { best })
}

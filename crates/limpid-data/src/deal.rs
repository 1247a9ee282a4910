//! Dealing rows out to the parts of a split or the folds of a cross-validation.

use std::collections::BTreeMap;

use limpid_tensor::Stream;

use crate::{DataError, Dataset, permutation};

/// How rows are dealt out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deal<'a> {
    /// Each row by chance. For rows that know nothing of each other.
    Random,
    /// Each row by chance, each class in the same shares.
    Stratified,
    /// Each group as a whole, by chance: the rows of one patient or speaker stay together. Holds
    /// the group of each row.
    Grouped(&'a [usize]),
    /// The earliest rows first, so that what is measured lies in the future of what is fitted; rows
    /// of the same time stay together. Holds the time of each row.
    ByTime(&'a [f64]),
}

/// A part to deal to: its name in messages and its share of all rows.
pub(crate) struct Share {
    pub(crate) name: String,
    pub(crate) fraction: f64,
}

impl Share {
    pub(crate) fn new(name: impl Into<String>, fraction: f64) -> Self {
        Self {
            name: name.into(),
            fraction,
        }
    }
}

/// The rows of each part, each in ascending order (by time: in the order of time). The fractions
/// add up to one.
pub(crate) fn deal<D: Dataset>(
    data: &D,
    shares: &[Share],
    how: Deal<'_>,
    stream: &Stream,
) -> Result<Vec<Vec<usize>>, DataError> {
    let rows = data.len();
    let check = |what: &str, found: usize| {
        if found == rows {
            Ok(())
        } else {
            Err(DataError::size(data.name(), what, rows, found))
        }
    };
    let (mut parts, available) = match how {
        Deal::Random => {
            let order = permutation(rows, stream);
            (
                cut(&order, &apportion(rows, shares)),
                format!("{rows} rows"),
            )
        }
        Deal::Stratified => (stratified(data, shares, stream)?, format!("{rows} rows")),
        Deal::Grouped(groups) => {
            check("groups for the rows", groups.len())?;
            let (parts, count) = grouped(groups, shares, stream);
            (parts, format!("{count} groups"))
        }
        Deal::ByTime(times) => {
            check("times for the rows", times.len())?;
            (
                by_time(data.name(), times, shares)?,
                format!("{rows} rows by time"),
            )
        }
    };
    if let Some(empty) = parts.iter().position(Vec::is_empty) {
        return Err(DataError::EmptyPart {
            part: shares[empty].name.clone(),
            available,
        });
    }
    if !matches!(how, Deal::ByTime(_)) {
        parts.iter_mut().for_each(|part| part.sort_unstable());
    }
    Ok(parts)
}

/// How many of `total` each part gets: the whole part of its quota, and the rest to the largest
/// remainders (Hamilton's method), to the earlier part among equals.
fn apportion(total: usize, shares: &[Share]) -> Vec<usize> {
    let quotas: Vec<f64> = shares
        .iter()
        .map(|share| share.fraction * total as f64)
        .collect();
    // A quota that is whole but for rounding, such as 0.29 * 100 = 28.999..., counts as whole.
    let mut counts: Vec<usize> = quotas.iter().map(|quota| (quota + 1e-9) as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    let remainder = |part: usize| quotas[part] - counts[part] as f64;
    order.sort_by(|&left, &right| remainder(right).total_cmp(&remainder(left)));
    let dealt: usize = counts.iter().sum();
    for &part in order.iter().cycle().take(total.saturating_sub(dealt)) {
        counts[part] += 1;
    }
    counts
}

/// Consecutive stretches of these lengths.
fn cut(order: &[usize], counts: &[usize]) -> Vec<Vec<usize>> {
    let mut rest = order;
    let mut parts = Vec::with_capacity(counts.len());
    for &count in counts {
        let (part, after) = rest.split_at(count.min(rest.len()));
        parts.push(part.to_vec());
        rest = after;
    }
    parts
}

fn stratified<D: Dataset>(
    data: &D,
    shares: &[Share],
    stream: &Stream,
) -> Result<Vec<Vec<usize>>, DataError> {
    let (labels, names) = data.target().classes(data.name())?;
    let mut parts = vec![Vec::new(); shares.len()];
    for (class, name) in names.iter().enumerate() {
        let members: Vec<usize> = (0..labels.len())
            .filter(|&row| labels[row] == class)
            .collect();
        if members.is_empty() {
            continue;
        }
        if members.len() < shares.len() {
            let (class, needed, found) = (name.clone(), shares.len(), members.len());
            return Err(DataError::ClassTooSmall {
                class,
                needed,
                found,
            });
        }
        // Which part an indivisible rest goes to is drawn per class, lest one part gets them all.
        let counts =
            at_least_one_each(apportion_by_lot(members.len(), shares, &stream.fork(class)));
        let order: Vec<usize> = permutation(members.len(), &stream.fork("rows").fork(class))
            .into_iter()
            .map(|place| members[place])
            .collect();
        for (part, rows) in parts.iter_mut().zip(cut(&order, &counts)) {
            part.extend(rows);
        }
    }
    Ok(parts)
}

/// As [`apportion`], but equal remainders are ordered by lot.
fn apportion_by_lot(total: usize, shares: &[Share], stream: &Stream) -> Vec<usize> {
    let lot = permutation(shares.len(), &stream.fork("lot"));
    let drawn: Vec<Share> = lot
        .iter()
        .map(|&part| Share::new("", shares[part].fraction))
        .collect();
    let mut counts = vec![0; shares.len()];
    for (part, count) in lot.into_iter().zip(apportion(total, &drawn)) {
        counts[part] = count;
    }
    counts
}

/// Takes from the largest part for each that would be empty; there are enough for all.
fn at_least_one_each(mut counts: Vec<usize>) -> Vec<usize> {
    while let Some(empty) = counts.iter().position(|&count| count == 0) {
        let Some(largest) = (0..counts.len()).max_by_key(|&part| counts[part]) else {
            break;
        };
        counts[largest] -= 1;
        counts[empty] += 1;
    }
    counts
}

/// The groups in random order, each to the part that lacks most in proportion to its share; also
/// their count. In proportion, so that few groups reach small parts too.
fn grouped(groups: &[usize], shares: &[Share], stream: &Stream) -> (Vec<Vec<usize>>, usize) {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, &group) in groups.iter().enumerate() {
        members.entry(group).or_default().push(row);
    }
    let members: Vec<Vec<usize>> = members.into_values().collect();
    let mut parts = vec![Vec::new(); shares.len()];
    for group in permutation(members.len(), stream) {
        let filled = |part: usize| parts[part].len() as f64 / shares[part].fraction;
        let emptiest = (0..shares.len()).min_by(|&a, &b| filled(a).total_cmp(&filled(b)));
        if let Some(part) = emptiest {
            parts[part].extend(&members[group]);
        }
    }
    (parts, members.len())
}

fn by_time(name: &str, times: &[f64], shares: &[Share]) -> Result<Vec<Vec<usize>>, DataError> {
    if let Some(row) = times.iter().position(|time| !time.is_finite()) {
        return Err(DataError::NotFinite {
            file: name.to_owned(),
            line: row as u64 + 1,
            column: 1,
            name: "time".to_owned(),
            found: times[row].to_string(),
        });
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|&left, &right| times[left].total_cmp(&times[right]));
    let mut parts = Vec::with_capacity(shares.len());
    let (mut start, mut planned) = (0, 0);
    for count in apportion(times.len(), shares) {
        planned += count;
        let mut end = planned.max(start);
        // Equal times go with the earlier part: no moment is both fitted and measured.
        while end > 0 && end < order.len() && times[order[end]] == times[order[end - 1]] {
            end += 1;
        }
        parts.push(order[start..end].to_vec());
        start = end;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests;

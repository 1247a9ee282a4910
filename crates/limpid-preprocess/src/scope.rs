//! Which numbers share a statistic.

use serde::{Deserialize, Serialize};

use crate::{ColumnSummary, PreprocessError, Seen};

/// Which numbers share a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Each column has its own.
    #[default]
    Columns,
    /// The columns are so many channels, one after the other, and each channel has its own: rows
    /// of `[channels, height, width]` images. `Channels(1)` gives all numbers a single statistic,
    /// as is usual for grey images, whose border pixels hardly vary.
    Channels(usize),
}

impl Scope {
    /// For each column the summary of the numbers that it shares a statistic with.
    pub(crate) fn summaries(
        self,
        transform: &'static str,
        seen: &Seen,
    ) -> Result<Vec<ColumnSummary>, PreprocessError> {
        let Self::Channels(channels) = self else {
            return Ok(seen.columns.clone());
        };
        let width = seen.columns.len();
        if channels == 0 || !width.is_multiple_of(channels) {
            let expected = format!("a divisor of the {width} columns");
            return Err(PreprocessError::setting(
                transform, "channels", expected, channels,
            ));
        }
        let size = width / channels;
        let mut summaries = Vec::with_capacity(width);
        for channel in seen.columns.chunks(size) {
            let together = channel.iter().copied().reduce(ColumnSummary::merge);
            summaries.extend(together.into_iter().cycle().take(size));
        }
        Ok(summaries)
    }
}

#[cfg(test)]
mod tests {
    use limpid_data::Split;
    use ndarray::array;

    use super::*;

    #[test]
    fn a_channel_is_summarised_as_its_numbers_in_one_column() {
        let rows = Split::train_only(array![[1.0, 4.0, 9.0, 0.0], [2.0, 8.0, 7.0, 5.0]]).unwrap();
        let seen = Seen::of("test", 1, &rows).unwrap();
        let column = Split::train_only(array![[1.0], [2.0], [4.0], [8.0]]).unwrap();
        let want = Seen::of("test", 1, &column).unwrap().columns[0];
        let got = Scope::Channels(2).summaries("test", &seen).unwrap();
        assert_eq!(got.len(), 4);
        assert_eq!(got[0], got[1]);
        assert_eq!(
            (got[0].count, got[0].minimum, got[0].maximum),
            (4, 1.0, 8.0)
        );
        approx::assert_relative_eq!(got[0].mean, want.mean, max_relative = 1e-15);
        approx::assert_relative_eq!(got[0].variance, want.variance, max_relative = 1e-15);
    }

    #[test]
    fn channels_must_divide_the_columns() {
        let rows = Split::train_only(array![[1.0, 4.0, 9.0]]).unwrap();
        let seen = Seen::of("test", 1, &rows).unwrap();
        for channels in [0, 2] {
            assert!(Scope::Channels(channels).summaries("test", &seen).is_err());
        }
    }
}

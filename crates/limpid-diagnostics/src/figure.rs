//! Figures: how a number is shown to a reader, and how a missing one survives JSON.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// Shows a number with four significant digits: `0.0432`, `97.82`, `1.5e-4`, `12000`, `NaN`, `∞`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shown(pub(crate) f64);

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_nan() {
            return formatter.pad("NaN");
        }
        if value.is_infinite() {
            return formatter.pad(if value > 0.0 { "∞" } else { "-∞" });
        }
        // Rounding first: 9.99996 is 10.00, which has one digit more before the point.
        let scientific = format!("{value:.3e}");
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let text = match exponent {
            -3..=3 => trimmed(&format!(
                "{value:.*}",
                usize::try_from(3 - exponent).unwrap_or(0)
            )),
            4..=5 => format!("{value:.0}"),
            _ => format!("{}e{exponent}", trimmed(mantissa)),
        };
        formatter.pad(if text == "-0" { "0" } else { &text })
    }
}

/// Without the zeros that end a decimal fraction.
fn trimmed(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

/// A share in percent with up to two decimals, as `97.82 %`.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{} %", trimmed(&format!("{:.2}", 100.0 * share)))
    } else {
        Shown(share).to_string()
    }
}

/// A difference of shares in percentage points with up to two decimals, as `1.6 points`.
pub(crate) fn points(share: f64) -> String {
    if share.is_finite() {
        format!("{} points", trimmed(&format!("{:.2}", 100.0 * share)))
    } else {
        Shown(share).to_string()
    }
}

/// A duration in the unit that a reader would choose: `12.3 ms`, `4.21 s`, `3 min 12 s`, `2 h 05 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return Shown(seconds).to_string();
    }
    let whole = seconds.round();
    if seconds < 1.0 {
        format!("{} ms", Shown(1e3 * seconds))
    } else if whole < 60.0 {
        format!("{} s", trimmed(&format!("{seconds:.1}")))
    } else if whole < 3600.0 {
        format!("{} min {:02} s", (whole / 60.0).floor(), whole % 60.0)
    } else {
        let minutes = (whole / 60.0).round();
        format!("{} h {:02} min", (minutes / 60.0).floor(), minutes % 60.0)
    }
}

/// Reads one number; `null`, by which JSON says NaN and ±∞, becomes NaN.
pub(crate) fn number_from_null<'de, D: Deserializer<'de>>(reader: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(reader)?.unwrap_or(f64::NAN))
}

/// Reads a list of numbers in which `null` stands for NaN.
pub(crate) fn numbers_from_nulls<'de, D: Deserializer<'de>>(
    reader: D,
) -> Result<Vec<f64>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(reader)?;
    Ok(values
        .into_iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect())
}

/// Reads pairs of a position and a number in which `null` stands for NaN.
pub(crate) fn points_from_nulls<'de, D: Deserializer<'de>>(
    reader: D,
) -> Result<Vec<(u64, f64)>, D::Error> {
    let points = Vec::<(u64, Option<f64>)>::deserialize(reader)?;
    Ok(points
        .into_iter()
        .map(|(at, value)| (at, value.unwrap_or(f64::NAN)))
        .collect())
}

/// Reads pairs of a name and a number in which `null` stands for NaN.
pub(crate) fn evidence_from_nulls<'de, D: Deserializer<'de>>(
    reader: D,
) -> Result<Vec<(String, f64)>, D::Error> {
    let pairs = Vec::<(String, Option<f64>)>::deserialize(reader)?;
    Ok(pairs
        .into_iter()
        .map(|(name, value)| (name, value.unwrap_or(f64::NAN)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_four_digits_and_no_idle_zeros() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (0.043_21, "0.04321"),
            (0.001, "0.001"),
            (97.823_4, "97.82"),
            (9.999_96, "10"),
            (1234.4, "1234"),
            (12_345.0, "12345"),
            (1.5e9, "1.5e9"),
            (-1.5e-4, "-1.5e-4"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-∞"),
        ];
        for (value, shown) in cases {
            assert_eq!(Shown(value).to_string(), shown, "{value:e}");
        }
    }

    #[test]
    fn durations_choose_their_unit() {
        let cases = [
            (0.0123, "12.3 ms"),
            (4.21, "4.2 s"),
            (59.7, "1 min 00 s"),
            (192.0, "3 min 12 s"),
            (7_500.0, "2 h 05 min"),
            (f64::NAN, "NaN"),
        ];
        for (seconds, shown) in cases {
            assert_eq!(duration(seconds), shown);
        }
    }

    #[test]
    fn percent_has_at_most_two_decimals() {
        assert_eq!(percent(0.978_24), "97.82 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(f64::NAN), "NaN");
        assert_eq!(points(0.015_987), "1.6 points");
    }
}

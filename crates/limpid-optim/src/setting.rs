//! Checks of settings, each with an error that names the setting.

use limpid_tensor::{Error, Result};

/// Requires a finite number from 0.
pub(crate) fn not_negative(of: &'static str, name: &'static str, value: f64) -> Result<()> {
    require(
        value.is_finite() && value >= 0.0,
        of,
        name,
        "a finite number from 0",
        value,
    )
}

/// Requires a finite number above 0.
pub(crate) fn positive(of: &'static str, name: &'static str, value: f64) -> Result<()> {
    require(
        value.is_finite() && value > 0.0,
        of,
        name,
        "a finite number above 0",
        value,
    )
}

/// Requires a number in [0, 1).
pub(crate) fn share(of: &'static str, name: &'static str, value: f64) -> Result<()> {
    require((0.0..1.0).contains(&value), of, name, "in [0, 1)", value)
}

/// Requires two numbers in [0, 1).
pub(crate) fn betas(of: &'static str, betas: [f64; 2]) -> Result<()> {
    share(of, "betas[0]", betas[0])?;
    share(of, "betas[1]", betas[1])
}

/// Requires a count of at least 1.
pub(crate) fn at_least_one(of: &'static str, name: &'static str, value: u64) -> Result<()> {
    require(value >= 1, of, name, "at least 1", value)
}

/// Requires that `holds`.
pub(crate) fn require(
    holds: bool,
    of: &'static str,
    name: &'static str,
    expected: &str,
    found: impl std::fmt::Display,
) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::argument(of, name, expected, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_a_number_is_never_in_range() {
        assert!(not_negative("sgd", "rate", f64::NAN).is_err());
        assert!(positive("sgd", "rate", f64::NAN).is_err());
        assert!(share("adam", "betas[0]", f64::NAN).is_err());
        assert!(not_negative("sgd", "rate", f64::INFINITY).is_err());
    }

    #[test]
    fn the_error_names_the_setting() {
        assert_eq!(
            betas("adam", [0.9, 1.0]).unwrap_err().to_string(),
            "adam: `betas[1]` must be in [0, 1), found 1"
        );
    }
}

//! The leave to train: given by checks that passed, or by naming those that shall not count.

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// What one check before training found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckOutcome {
    /// The check's name, by which it can be waived.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was measured, and what must hold.
    pub detail: String,
}

impl CheckOutcome {
    /// A check that passed.
    pub fn passed(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            passed: true,
            detail: detail.into(),
        }
    }

    /// A check that did not pass.
    pub fn failed(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            passed: false,
            ..Self::passed(name, detail)
        }
    }
}

/// A check that shall not count, by whose will and why it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Waiver {
    /// The check's name.
    pub name: String,
    /// Why it shall not count.
    pub reason: String,
}

impl Waiver {
    /// Waives the check called `name`.
    pub fn new(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            reason: reason.into(),
        }
    }
}

/// The leave to train. [`Trainer::start`](crate::Trainer::start) asks for one; it is made of checks
/// that passed, and goes into the run's history.
///
/// # Example
/// ```
/// use limpid_train::{CheckOutcome, Clearance, Waiver};
///
/// let checks = [
///     CheckOutcome::passed("initial loss", "2.31, expected 2.30"),
///     CheckOutcome::failed("tiny subset", "the loss stays at 0.4"),
/// ];
/// assert!(Clearance::from_checks(&checks).is_err());
/// let waiver = Waiver::new("tiny subset", "a linear model cannot learn it by heart");
/// let clearance = Clearance::with_waivers(&checks, &[waiver])?;
/// assert_eq!(clearance.waivers().len(), 1);
/// # Ok::<(), limpid_train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Clearance {
    checks: Vec<CheckOutcome>,
    waivers: Vec<Waiver>,
}

impl Clearance {
    /// The leave that these checks give.
    ///
    /// # Errors
    /// [`TrainError::Refused`] with the checks that did not pass, or where there is no check at all.
    pub fn from_checks(checks: &[CheckOutcome]) -> Result<Self, TrainError> {
        Self::with_waivers(checks, &[])
    }

    /// The leave that these checks give when those of `waivers` do not count.
    ///
    /// # Errors
    /// As [`Clearance::from_checks`]; [`TrainError::UnknownWaiver`] for the name of no check;
    /// [`TrainError::Setting`] for a blank reason.
    pub fn with_waivers(checks: &[CheckOutcome], waivers: &[Waiver]) -> Result<Self, TrainError> {
        if checks.is_empty() {
            let failed = vec![CheckOutcome::failed("preflight", "no check was run")];
            return Err(TrainError::Refused { failed });
        }
        for waiver in waivers {
            check_reason(waiver)?;
            if !checks.iter().any(|check| check.name == waiver.name) {
                return Err(TrainError::UnknownWaiver {
                    name: waiver.name.clone(),
                    known: checks.iter().map(|check| check.name.clone()).collect(),
                });
            }
        }
        let waived = |check: &&CheckOutcome| waivers.iter().any(|waiver| waiver.name == check.name);
        let failed = checks
            .iter()
            .filter(|check| !check.passed && !waived(check));
        let failed: Vec<CheckOutcome> = failed.cloned().collect();
        if !failed.is_empty() {
            return Err(TrainError::Refused { failed });
        }
        Ok(Self {
            checks: checks.to_vec(),
            waivers: waivers.to_vec(),
        })
    }

    /// The leave to train without any check, for this reason.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a blank reason.
    pub fn without_preflight(reason: impl Into<String>) -> Result<Self, TrainError> {
        let waiver = Waiver::new("preflight", reason);
        check_reason(&waiver)?;
        Ok(Self {
            checks: Vec::new(),
            waivers: vec![waiver],
        })
    }

    /// What the checks found.
    pub fn checks(&self) -> &[CheckOutcome] {
        &self.checks
    }

    /// What did not count, and why.
    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }
}

fn check_reason(waiver: &Waiver) -> Result<(), TrainError> {
    if waiver.reason.trim().is_empty() {
        let expected = "a reason for the waiver";
        return Err(TrainError::setting("reason", expected, "a blank one"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> [CheckOutcome; 2] {
        [
            CheckOutcome::passed("gradient check", "1e-9"),
            CheckOutcome::failed("initial loss", "7.1, expected 2.3"),
        ]
    }

    #[test]
    fn checks_that_failed_are_named() {
        let error = Clearance::from_checks(&checks()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "training refused: `initial loss`: 7.1, expected 2.3"
        );
        assert!(Clearance::from_checks(&checks()[..1]).is_ok());
    }

    #[test]
    fn no_check_gives_no_leave() {
        assert!(matches!(
            Clearance::from_checks(&[]),
            Err(TrainError::Refused { .. })
        ));
    }

    #[test]
    fn waivers_must_name_a_check_and_a_reason() {
        let waive = |name: &str, reason: &str| {
            Clearance::with_waivers(&checks(), &[Waiver::new(name, reason)])
        };
        assert!(waive("initial loss", "logits are scaled").is_ok());
        let error = waive("inital loss", "a typo").unwrap_err();
        assert!(matches!(error, TrainError::UnknownWaiver { .. }), "{error}");
        assert!(waive("initial loss", " ").is_err());
        let error = waive("gradient check", "another one").unwrap_err();
        assert!(matches!(error, TrainError::Refused { .. }), "{error}");
        assert!(Clearance::without_preflight("").is_err());
    }
}

//! Which domains there can be.

use super::Domain;
use crate::error::{Result, SearchError};
use crate::ladder::Scale;
use crate::value::Value;

/// Integers beyond this are not exact as `f64`.
const LARGEST_INT: i64 = 1 << 53;

impl Domain {
    /// Checks bounds, step and choices; `axis` is named in the error.
    pub(crate) fn check(&self, axis: &str) -> Result<()> {
        match self {
            Self::Float {
                low,
                high,
                scale,
                step,
            } => {
                check_bounds(axis, *low, *high)?;
                check_scale(axis, *low, *scale, "positive", 0.0)?;
                step.map_or(Ok(()), |step| check_step(axis, step, high - low, *scale))
            }
            Self::Int {
                low,
                high,
                scale,
                step,
            } => {
                let (bottom, top) = (*low as f64, *high as f64);
                if low.abs().max(high.abs()) > LARGEST_INT {
                    return Err(SearchError::Bounds {
                        axis: axis.to_owned(),
                        low: bottom,
                        high: top,
                    });
                }
                check_bounds(axis, bottom, top)?;
                check_scale(axis, bottom, *scale, "at least 1", 0.5)?;
                // A step of one is right even where the axis has a single value.
                if *step == 1 {
                    Ok(())
                } else {
                    check_step(axis, *step as f64, top - bottom, *scale)
                }
            }
            Self::Categorical { choices } => check_choices(axis, choices),
        }
    }
}

fn check_bounds(axis: &str, low: f64, high: f64) -> Result<()> {
    // The width must be finite too, or the axis cannot be walked along.
    if low <= high && (high - low).is_finite() {
        return Ok(());
    }
    Err(SearchError::Bounds {
        axis: axis.to_owned(),
        low,
        high,
    })
}

fn check_scale(axis: &str, low: f64, scale: Scale, must: &'static str, above: f64) -> Result<()> {
    if scale == Scale::Linear || low > above {
        return Ok(());
    }
    Err(SearchError::LogBound {
        axis: axis.to_owned(),
        low,
        must,
    })
}

fn check_step(axis: &str, step: f64, width: f64, scale: Scale) -> Result<()> {
    if scale == Scale::Log {
        return Err(SearchError::Condition {
            axis: axis.to_owned(),
            problem: format!("has a step of {step} on a logarithmic scale: use one or the other"),
        });
    }
    if step > 0.0 && step <= width {
        return Ok(());
    }
    Err(SearchError::Step {
        axis: axis.to_owned(),
        step,
        width,
    })
}

fn check_choices(axis: &str, choices: &[Value]) -> Result<()> {
    let twice = choices
        .iter()
        .enumerate()
        .find(|(place, choice)| choices[..*place].contains(choice));
    let problem = match twice {
        Some((_, choice)) => format!("choice {choice} is there twice: choices must differ"),
        None if choices.is_empty() => "has no choices: it must have at least one".to_owned(),
        None => match choices
            .iter()
            .find(|c| matches!(c, Value::Float(x) if !x.is_finite()))
        {
            Some(choice) => format!("choice {choice} is not finite"),
            None => return Ok(()),
        },
    };
    Err(SearchError::Choices {
        axis: axis.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_domains_are_refused() {
        let text = |domain: Domain| domain.check("x").unwrap_err().to_string();
        assert_eq!(
            text(Domain::uniform(1.0, 0.0)),
            "axis `x`: bounds are 1 and 0: both must be finite, the first at most the second"
        );
        assert!(matches!(
            Domain::uniform(f64::NAN, 0.0).check("x"),
            Err(SearchError::Bounds { .. })
        ));
        assert!(matches!(
            Domain::uniform(0.0, f64::INFINITY).check("x"),
            Err(SearchError::Bounds { .. })
        ));
        assert!(matches!(
            Domain::log_uniform(0.0, 1.0).check("x"),
            Err(SearchError::LogBound { .. })
        ));
        assert!(matches!(
            Domain::log_int(0, 8).check("x"),
            Err(SearchError::LogBound { .. })
        ));
        assert!(matches!(
            Domain::quantised(0.0, 1.0, 0.0).check("x"),
            Err(SearchError::Step { .. })
        ));
        assert!(matches!(
            Domain::quantised_int(0, 4, 9).check("x"),
            Err(SearchError::Step { .. })
        ));
        assert_eq!(
            text(Domain::categorical(["a", "a"])),
            "axis `x`: choice \"a\" is there twice: choices must differ"
        );
        assert!(matches!(
            Domain::categorical([0.0; 0]).check("x"),
            Err(SearchError::Choices { .. })
        ));
    }
}

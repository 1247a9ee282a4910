//! The numbers of an axis, and the scale on which they are near or far.

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// On which scale an axis is even.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Equal differences are equally far: dropout, momentum.
    #[default]
    Linear,
    /// Equal ratios are equally far: learning rate, penalty, width.
    Log,
}

/// The number that an integer or float is.
pub(crate) fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        Value::Int(value) => Some(*value as f64),
        Value::Bool(_) | Value::Text(_) => None,
    }
}

/// The numbers of an axis: a continuum, or rungs that are `step` apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ladder {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) scale: Scale,
    pub(crate) step: Option<f64>,
}

impl Ladder {
    pub(crate) fn new(low: f64, high: f64, scale: Scale, step: Option<f64>) -> Self {
        // The last rung may lie below the upper bound; one that lies on it but for rounding is it.
        let top = step.map_or(high, |step| {
            let steps = (high - low) / step;
            let on_bound = (steps - steps.round()).abs() < 1e-9;
            if on_bound {
                high
            } else {
                low + steps.floor() * step
            }
        });
        Self {
            low,
            high: top,
            scale,
            step,
        }
    }

    /// `x` on the scale where the axis is even.
    pub(crate) fn warp(&self, x: f64) -> f64 {
        if self.scale == Scale::Log { x.ln() } else { x }
    }

    /// Back from the scale where the axis is even.
    pub(crate) fn unwarp(&self, x: f64) -> f64 {
        if self.scale == Scale::Log { x.exp() } else { x }
    }

    /// The ends on the even scale; rungs reach half a step to both sides.
    pub(crate) fn extent(&self) -> (f64, f64) {
        let half = self.step.unwrap_or(0.0) / 2.0;
        (self.warp(self.low - half), self.warp(self.high + half))
    }

    /// The number of this ladder nearest to `x`.
    pub(crate) fn nearest(&self, x: f64) -> f64 {
        let rung = self
            .step
            .map_or(x, |step| self.low + ((x - self.low) / step).round() * step);
        rung.clamp(self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_reach_half_a_step_beyond_the_ends() {
        let ladder = Ladder::new(1.0, 8.0, Scale::Log, Some(1.0));
        let (bottom, top) = ladder.extent();
        assert!((bottom - 0.5_f64.ln()).abs() < 1e-15 && (top - 8.5_f64.ln()).abs() < 1e-15);
        assert_eq!(
            [
                ladder.nearest(2.4),
                ladder.nearest(0.6),
                ladder.nearest(9.0)
            ],
            [2.0, 1.0, 8.0]
        );
    }
}

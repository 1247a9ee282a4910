//! From a value to a place on the page, and the round values that an axis names.

/// How values are spaced along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spacing {
    /// Evenly in the value.
    Linear,
    /// Evenly in the decimal logarithm; values of zero and below have no place.
    Log,
}

impl Spacing {
    /// The value in the unit in which the axis is even; `None` where it has no place.
    fn even(self, value: f64) -> Option<f64> {
        let even = match self {
            Self::Linear => value,
            Self::Log if value > 0.0 => value.log10(),
            Self::Log => return None,
        };
        even.is_finite().then_some(even)
    }

    /// [`Spacing::Log`] where all values are positive and span more than a factor of 20.
    pub(super) fn suited_to(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = extent(values.into_iter().filter(|value| value.is_finite()));
        if low > 0.0 && high / low > 20.0 {
            Self::Log
        } else {
            Self::Linear
        }
    }
}

/// The smallest and the largest value; (∞, -∞) when there is none.
fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// An axis: a range of values laid over a range of places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    spacing: Spacing,
    /// Lowest and highest value, in the unit in which the axis is even.
    low: f64,
    high: f64,
    /// Where they lie on the page.
    from: f64,
    to: f64,
}

impl Scale {
    /// An axis over all values that have a place on it; `None` when there is none.
    ///
    /// `margin` is the share of the range that is added at both ends. A single value lies in the
    /// middle.
    pub(super) fn fit(
        spacing: Spacing,
        values: impl IntoIterator<Item = f64>,
        margin: f64,
        (from, to): (f64, f64),
    ) -> Option<Self> {
        let (low, high) = extent(values.into_iter().filter_map(|value| spacing.even(value)));
        if low > high {
            return None;
        }
        let range = high - low;
        // The half of each end, so that the range of ±f64::MAX does not overflow.
        let pad = if range > 0.0 && range.is_finite() {
            margin * range
        } else {
            low.abs().clamp(1e-3, 1e300) * 0.5
        };
        let (low, high) = (low - pad, high + pad);
        (high - low).is_finite().then_some(Self {
            spacing,
            low,
            high,
            from,
            to,
        })
    }

    /// Where a value lies; `None` for one that is not finite, or not positive on a log axis.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let share = (self.spacing.even(value)? - self.low) / (self.high - self.low);
        Some(self.from + share * (self.to - self.from))
    }

    /// The lowest and the highest value of a linear axis.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Whether a value lies within the axis.
    pub(super) fn holds(&self, value: f64) -> bool {
        self.spacing
            .even(value)
            .is_some_and(|even| self.low <= even && even <= self.high)
    }

    /// Round values within the axis, about `wanted` of them, ascending.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<f64> {
        match self.spacing {
            Spacing::Linear => linear_ticks(self.low, self.high, wanted),
            Spacing::Log => self.log_ticks(wanted),
        }
    }

    fn log_ticks(&self, wanted: usize) -> Vec<f64> {
        let decades = self.high - self.low;
        let mantissas: &[f64] = match decades {
            short if short < 1.5 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            short if short < 2.5 => &[1.0, 2.0, 5.0],
            short if short < 3.5 => &[1.0, 3.0],
            _ => &[1.0],
        };
        // Powers of ten are at most a few hundred, so the casts are exact.
        let stride = (decades / wanted as f64).ceil().max(1.0) as i32;
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        let ticks: Vec<f64> = (first..=last)
            .filter(|exponent| exponent.rem_euclid(stride) == 0)
            .flat_map(|exponent| {
                mantissas
                    .iter()
                    .map(move |mantissa| power(*mantissa, exponent))
            })
            .filter(|tick| self.holds(*tick))
            .collect();
        if ticks.len() >= 2 {
            return ticks;
        }
        // Less than a third of a decade: round values of the value itself.
        linear_ticks(10_f64.powf(self.low), 10_f64.powf(self.high), wanted)
    }
}

/// `mantissa · 10^exponent`, rounded as a reader would write it (1e-3, not 1.0000000000000002e-3).
fn power(mantissa: f64, exponent: i32) -> f64 {
    format!("{mantissa}e{exponent}").parse().unwrap_or(f64::NAN)
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let raw = (high - low) / wanted.max(1) as f64;
    if !raw.is_finite() || raw <= 0.0 {
        return Vec::new();
    }
    let exponent = raw.log10().floor() as i32;
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|mantissa| power(mantissa, exponent))
        .into_iter()
        .find(|step| *step >= raw * (1.0 - 1e-9))
        .unwrap_or(raw);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    if !(last - first).is_finite() || last - first > 4.0 * wanted as f64 {
        return Vec::new();
    }
    (0..=(last - first) as usize)
        .map(|index| (first + index as f64) * step)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ticks: &[f64]) -> Vec<String> {
        ticks
            .iter()
            .map(|tick| crate::figure::Shown(*tick).to_string())
            .collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        let scale = Scale::fit(Spacing::Linear, [0.0, 0.97], 0.0, (0.0, 100.0)).unwrap();
        assert_eq!(shown(&scale.ticks(5)), ["0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(scale.place(0.485), Some(50.0));
    }

    #[test]
    fn log_ticks_are_powers_of_ten_over_many_decades() {
        let scale = Scale::fit(Spacing::Log, [1e-5, 2.0], 0.0, (0.0, 1.0)).unwrap();
        assert_eq!(scale.ticks(8), [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]);
        assert_eq!(scale.ticks(3).len(), 3);
        let narrow = Scale::fit(Spacing::Log, [2.1, 2.4], 0.0, (0.0, 1.0)).unwrap();
        assert!(narrow.ticks(5).len() >= 2);
    }

    #[test]
    fn values_without_a_place_have_none() {
        let scale = Scale::fit(Spacing::Log, [0.1, f64::NAN, -4.0, 10.0], 0.0, (0.0, 1.0)).unwrap();
        assert_eq!(scale.place(1.0), Some(0.5));
        assert_eq!(
            [0.0, -1.0, f64::NAN, f64::INFINITY].map(|value| scale.place(value)),
            [None; 4]
        );
        assert!(Scale::fit(Spacing::Linear, [f64::NAN], 0.0, (0.0, 1.0)).is_none());
    }

    #[test]
    fn one_value_lies_in_the_middle_and_extremes_do_not_overflow() {
        for value in [0.0, 3.0, -1e300] {
            let scale = Scale::fit(Spacing::Linear, [value], 0.1, (0.0, 10.0)).unwrap();
            assert!((scale.place(value).unwrap() - 5.0).abs() < 1e-9);
        }
        let _ = Scale::fit(Spacing::Linear, [f64::MAX, -f64::MAX], 0.1, (0.0, 1.0));
        assert!(linear_ticks(-f64::MAX, f64::MAX, 5).is_empty());
        assert!(linear_ticks(1.0, 1.0 + f64::EPSILON, 5).len() <= 21);
    }

    #[test]
    fn log_is_for_wide_positive_ranges() {
        assert_eq!(Spacing::suited_to([1.0, 25.0]), Spacing::Log);
        assert_eq!(Spacing::suited_to([1.0, 15.0]), Spacing::Linear);
        assert_eq!(Spacing::suited_to([0.0, 25.0]), Spacing::Linear);
        assert_eq!(Spacing::suited_to([]), Spacing::Linear);
    }
}

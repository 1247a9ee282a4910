//! The two axes of a chart: what they measure, their ticks, and lines across the chart.

use crate::figure::{Shown, percent};

use super::markup::{escape, put};
use super::scale::{Scale, Spacing};

/// An axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// What it measures, with the unit.
    label: String,
    spacing: Spacing,
    /// Whether values are shares, shown in percent.
    percent: bool,
    /// Names in place of round values, for choices.
    names: Vec<String>,
    /// Values that the axis holds in any case.
    includes: Vec<f64>,
    /// Values that decide its range in place of the data; empty for the data.
    core: Vec<f64>,
}

impl Axis {
    /// A linear axis.
    pub(super) fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            spacing: Spacing::Linear,
            percent: false,
            names: Vec::new(),
            includes: Vec::new(),
            core: Vec::new(),
        }
    }

    pub(super) fn spaced(mut self, spacing: Spacing) -> Self {
        self.spacing = spacing;
        self
    }

    pub(super) fn in_percent(mut self) -> Self {
        self.percent = true;
        self
    }

    pub(super) fn with_names(mut self, names: &[String]) -> Self {
        self.names = names.to_vec();
        self
    }

    pub(super) fn including(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.includes.extend(values);
        self
    }

    /// Lets these values decide the range, without their outliers; data beyond lies on the edge.
    pub(super) fn focused_on(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.core = without_outliers(values.into_iter().collect());
        self
    }

    /// The axis over its values and those of the data, laid over a range of places.
    pub(super) fn fit(
        &self,
        data: impl Iterator<Item = f64>,
        margin: f64,
        places: (f64, f64),
    ) -> Option<Scale> {
        let includes = self.includes.iter().copied();
        if self.core.is_empty() {
            Scale::fit(self.spacing, data.chain(includes), margin, places)
        } else {
            let core = self.core.iter().copied();
            Scale::fit(self.spacing, core.chain(includes), margin, places)
        }
    }

    /// What it measures, and whether its spacing is logarithmic; escaped.
    pub(super) fn label(&self) -> String {
        let log = match self.spacing {
            Spacing::Linear => "",
            Spacing::Log => ", log",
        };
        escape(&self.label) + log
    }

    /// A value as the axis names it.
    pub(super) fn shown(&self, value: f64) -> String {
        if self.percent {
            percent(value)
        } else {
            Shown(value).to_string()
        }
    }

    /// Where the axis has a tick, and what stands there; escaped.
    fn ticks(&self, scale: &Scale, wanted: usize) -> Vec<(f64, String)> {
        if self.names.is_empty() {
            let ticks = scale.ticks(wanted).into_iter();
            return ticks.map(|tick| (tick, self.shown(tick))).collect();
        }
        let named = self.names.iter().enumerate();
        let named = named.map(|(index, name)| (index as f64, escape(name)));
        named.filter(|(index, _)| scale.holds(*index)).collect()
    }
}

/// The values between the quartiles and three times their distance beyond them (Tukey's outer
/// fences), so that a few bad starts do not flatten all that follows.
fn without_outliers(mut values: Vec<f64>) -> Vec<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    if values.len() < 4 {
        return values;
    }
    let (first, third) = (values[values.len() / 4], values[3 * values.len() / 4]);
    let reach = 3.0 * (third - first);
    values.retain(|value| first - reach <= *value && *value <= third + reach);
    values
}

/// A line right across the chart, with a label.
#[derive(Clone, Debug)]
pub(super) struct Guide {
    pub(super) at: f64,
    pub(super) label: String,
    /// Classes of the style sheet.
    pub(super) class: &'static str,
}

/// The area within the axes, in the units of the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Plot {
    /// The area in a picture of this size, with room for ticks and labels.
    pub(super) fn within((width, height): (f64, f64)) -> Self {
        Self {
            left: 54.0,
            right: width - 14.0,
            top: 26.0,
            bottom: height - 36.0,
        }
    }

    /// Ticks, rules and labels of both axes.
    pub(super) fn write_axes(
        &self,
        svg: &mut String,
        (x, on_x): Fitted<'_>,
        (y, on_y): Fitted<'_>,
    ) {
        let Self {
            left,
            right,
            top,
            bottom,
        } = *self;
        let wanted = ((bottom - top) / 40.0).ceil() as usize;
        for (tick, name) in y.ticks(on_y, wanted) {
            if let Some(at) = on_y.place(tick) {
                let (edge, base) = (left - 7.0, at + 4.0);
                put!(svg, "<path class=\"rule\" d=\"M{left} {at:.1}H{right}\"/>");
                put!(
                    svg,
                    "<text class=\"end\" x=\"{edge}\" y=\"{base:.1}\">{name}</text>\n"
                );
            }
        }
        let wanted = ((right - left) / 75.0) as usize;
        for (tick, name) in x.ticks(on_x, wanted) {
            if let Some(at) = on_x.place(tick) {
                let base = bottom + 17.0;
                put!(svg, "<path class=\"tick\" d=\"M{at:.1} {bottom}v4\"/>");
                put!(
                    svg,
                    "<text class=\"middle\" x=\"{at:.1}\" y=\"{base}\">{name}</text>\n"
                );
            }
        }
        put!(
            svg,
            "<path class=\"axis\" d=\"M{left} {bottom}H{right}\"/>\n"
        );
        let (x_label, y_label, base) = (x.label(), y.label(), bottom + 32.0);
        put!(
            svg,
            "<text class=\"label\" x=\"2\" y=\"12\">{y_label}</text>"
        );
        put!(
            svg,
            "<text class=\"label end\" x=\"{right}\" y=\"{base}\">{x_label}</text>\n"
        );
    }

    /// A line across the chart at a value of x, its label above.
    pub(super) fn write_vertical(&self, svg: &mut String, guide: &Guide, x: &Scale) {
        let Guide { at, label, class } = guide;
        let (true, Some(at)) = (x.holds(*at), x.place(*at)) else {
            return;
        };
        let (top, bottom, base) = (self.top, self.bottom, self.top - 5.0);
        put!(
            svg,
            "<path class=\"guide {class}\" d=\"M{at:.1} {top}V{bottom}\"/>\n"
        );
        if !label.is_empty() {
            let side = if at > self.right - 40.0 {
                "end"
            } else {
                "middle"
            };
            put!(
                svg,
                "<text class=\"{side} {class}\" x=\"{at:.1}\" y=\"{base}\">"
            );
            put!(svg, "{}</text>\n", escape(label));
        }
    }

    /// A line across the chart at a value of y, its label at the right end.
    pub(super) fn write_horizontal(&self, svg: &mut String, guide: &Guide, y: &Scale) {
        let Guide { at, label, class } = guide;
        let (true, Some(at)) = (y.holds(*at), y.place(*at)) else {
            return;
        };
        let (left, right, edge, base) = (self.left, self.right, self.right - 4.0, at - 5.0);
        put!(
            svg,
            "<path class=\"guide {class}\" d=\"M{left} {at:.1}H{right}\"/>\n"
        );
        put!(
            svg,
            "<text class=\"end {class}\" x=\"{edge}\" y=\"{base:.1}\">"
        );
        put!(svg, "{}</text>\n", escape(label));
    }
}

/// An axis and where its values lie.
pub(super) type Fitted<'a> = (&'a Axis, &'a Scale);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_focused_axis_leaves_bad_starts_beyond_its_end() {
        let values = || {
            (0..20).map(|epoch| {
                if epoch < 2 {
                    0.1
                } else {
                    0.97 + 1e-3 * f64::from(epoch)
                }
            })
        };
        let axis = Axis::new("accuracy").focused_on(values());
        let scale = axis.fit(values(), 0.0, (0.0, 1.0)).unwrap();
        assert!(!scale.holds(0.1) && scale.holds(0.989));
    }

    #[test]
    fn few_or_equal_values_are_all_kept() {
        assert_eq!(without_outliers(vec![1.0, 100.0, f64::NAN]), [1.0, 100.0]);
        assert_eq!(without_outliers(vec![2.0; 6]).len(), 6);
    }

    #[test]
    fn choices_beyond_the_range_have_no_tick() {
        let names = ["a", "<b>", "c"].map(str::to_owned);
        let axis = Axis::new("choice").with_names(&names).including([0.0, 1.0]);
        let scale = axis.fit(std::iter::empty(), 0.0, (0.0, 1.0)).unwrap();
        let ticks = axis.ticks(&scale, 9);
        assert_eq!(
            ticks,
            [(0.0, "a".to_owned()), (1.0, "&lt;b&gt;".to_owned())]
        );
    }
}

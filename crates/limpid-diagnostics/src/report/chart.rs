//! Lines and dots over two axes, as SVG.
//!
//! Written by hand rather than with a drawing library: colours are classes of the page's style
//! sheet, so that one file serves light and dark, screen and paper; text is real text, and each
//! point can say what it is. `plotters` writes colours and font sizes into every element.

use crate::figure::{Shown, percent};

use super::markup::{escape, put};
use super::scale::{Scale, Spacing};
use super::thin::thin;

/// Up to this many points, each answers the pointer with its value.
const POINTS_THAT_ANSWER: usize = 120;

/// How wide a chart is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Width {
    /// Half a row.
    #[default]
    Half,
    /// A whole row.
    Full,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stroke {
    /// As a series.
    #[default]
    Plain,
    /// As the noise behind a trend; it has no entry in the legend.
    Faint,
}

/// A series.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// What the legend calls it.
    pub(super) name: String,
    /// Its colour, from 1 to 8.
    pub(super) slot: usize,
    /// How it looks.
    pub(super) stroke: Stroke,
    /// (x, y); a point without a place on the axes is a gap.
    pub(super) points: Vec<(f64, f64)>,
}

/// A point of a scatter.
#[derive(Clone, Debug)]
pub(super) struct Dot {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Classes of the style sheet.
    pub(super) class: &'static str,
    /// What it says to the pointer.
    pub(super) title: String,
}

/// A line right across the chart, with a label.
#[derive(Clone, Debug)]
pub(super) struct Guide {
    pub(super) at: f64,
    pub(super) label: String,
    /// Classes of the style sheet.
    pub(super) class: &'static str,
}

/// An axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// What it measures, with the unit.
    pub(super) label: String,
    pub(super) spacing: Spacing,
    /// Whether values are shares, shown in percent.
    pub(super) percent: bool,
    /// Names in place of round values, for choices.
    pub(super) names: Vec<String>,
    /// Values that the axis holds in any case.
    pub(super) includes: Vec<f64>,
}

impl Axis {
    /// A linear axis.
    pub(super) fn new(label: impl Into<String>) -> Self {
        let (names, includes) = (Vec::new(), Vec::new());
        Self {
            label: label.into(),
            spacing: Spacing::Linear,
            percent: false,
            names,
            includes,
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

    pub(super) fn including(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.includes.extend(values);
        self
    }

    fn shown(&self, value: f64) -> String {
        if self.percent {
            percent(value)
        } else {
            Shown(value).to_string()
        }
    }

    /// Where the axis has a tick, and what stands there.
    fn ticks(&self, scale: &Scale, wanted: usize) -> Vec<(f64, String)> {
        if self.names.is_empty() {
            let ticks = scale.ticks(wanted).into_iter();
            return ticks.map(|tick| (tick, self.shown(tick))).collect();
        }
        let named = self.names.iter().enumerate();
        named
            .map(|(index, name)| (index as f64, escape(name)))
            .collect()
    }
}

/// A chart, complete before it is drawn.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) width: Width,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    /// Fill the space between the first two lines.
    pub(super) fill_between: bool,
    pub(super) dots: Vec<Dot>,
    /// Across the chart at values of x.
    pub(super) verticals: Vec<Guide>,
    /// Across the chart at values of y.
    pub(super) horizontals: Vec<Guide>,
    /// A sentence below the chart; finished markup.
    pub(super) note: String,
}

impl Chart {
    pub(super) fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            width: Width::Half,
            x,
            y,
            lines: Vec::new(),
            fill_between: false,
            dots: Vec::new(),
            verticals: Vec::new(),
            horizontals: Vec::new(),
            note: String::new(),
        }
    }

    fn size(&self) -> (f64, f64) {
        match self.width {
            Width::Half => (560.0, 268.0),
            Width::Full => (1150.0, 300.0),
        }
    }

    /// The chart as a `<figure>`.
    pub(super) fn draw(&self) -> String {
        let mut figure = String::new();
        let class = if self.width == Width::Full {
            " wide"
        } else {
            ""
        };
        let title = escape(&self.title);
        put!(
            figure,
            "<figure class=\"chart{class}\"><figcaption><b>{title}</b>"
        );
        let named = self
            .lines
            .iter()
            .filter(|line| line.stroke == Stroke::Plain);
        if self.lines.len() > 1 {
            for line in named.filter(|line| !line.name.is_empty()) {
                put!(
                    figure,
                    "<span class=\"key s{}\">{}</span>",
                    line.slot,
                    escape(&line.name)
                );
            }
        }
        figure.push_str("</figcaption>\n");
        figure.push_str(
            &self
                .svg()
                .unwrap_or_else(|| "<p class=\"none\">No finite value to draw.</p>\n".to_owned()),
        );
        if !self.note.is_empty() {
            put!(figure, "<p class=\"note\">{}</p>\n", self.note);
        }
        figure.push_str("</figure>\n");
        figure
    }

    fn svg(&self) -> Option<String> {
        let (width, height) = self.size();
        let plot = Plot {
            left: 54.0,
            right: width - 14.0,
            top: 26.0,
            bottom: height - 36.0,
        };
        let points = || self.lines.iter().flat_map(|line| &line.points).copied();
        let dots = || self.dots.iter().map(|dot| (dot.x, dot.y));
        let xs = points()
            .chain(dots())
            .map(|(x, _)| x)
            .chain(self.x.includes.iter().copied());
        let ys = points()
            .chain(dots())
            .map(|(_, y)| y)
            .chain(self.y.includes.iter().copied());
        let margin = if self.dots.is_empty() { 0.0 } else { 0.04 };
        let x = Scale::fit(self.x.spacing, xs, margin, (plot.left, plot.right))?;
        let y = Scale::fit(self.y.spacing, ys, 0.05, (plot.bottom, plot.top))?;
        let mut svg = String::new();
        let (title, label) = (escape(&self.title), escape(&self.y.label));
        put!(
            svg,
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}: {label}\">\n"
        );
        self.write_axes(&mut svg, &plot, &x, &y);
        if self.fill_between
            && let [first, second, ..] = self.lines.as_slice()
        {
            write_fill(&mut svg, &first.points, &second.points, &x, &y);
        }
        for line in &self.lines {
            self.write_line(&mut svg, line, &x, &y);
        }
        for dot in &self.dots {
            if let (Some(px), Some(py)) = (x.place(dot.x), y.place(dot.y)) {
                let (class, title) = (dot.class, escape(&dot.title));
                let radius = if class.contains("best") { 6.0 } else { 4.0 };
                put!(
                    svg,
                    "<circle class=\"dot {class}\" cx=\"{px:.1}\" cy=\"{py:.1}\""
                );
                put!(svg, " r=\"{radius}\"><title>{title}</title></circle>\n");
            }
        }
        svg.push_str("</svg>\n");
        Some(svg)
    }

    fn write_axes(&self, svg: &mut String, plot: &Plot, x: &Scale, y: &Scale) {
        let Plot {
            left,
            right,
            top,
            bottom,
        } = *plot;
        for (tick, name) in self.y.ticks(y, 5) {
            if let Some(at) = y.place(tick) {
                put!(svg, "<path class=\"rule\" d=\"M{left} {at:.1}H{right}\"/>");
                let (edge, base) = (left - 7.0, at + 4.0);
                put!(
                    svg,
                    "<text class=\"end\" x=\"{edge}\" y=\"{base:.1}\">{name}</text>\n"
                );
            }
        }
        let wanted = ((right - left) / 85.0) as usize;
        for (tick, name) in self.x.ticks(x, wanted) {
            if let Some(at) = x.place(tick) {
                put!(svg, "<path class=\"tick\" d=\"M{at:.1} {bottom}v4\"/>");
                let base = bottom + 17.0;
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
        let (x_label, y_label) = (escape(&self.x.label), escape(&self.y.label));
        let log = if self.y.spacing == Spacing::Log {
            ", log"
        } else {
            ""
        };
        put!(
            svg,
            "<text class=\"label\" x=\"2\" y=\"12\">{y_label}{log}</text>"
        );
        let base = bottom + 32.0;
        let log = if self.x.spacing == Spacing::Log {
            ", log"
        } else {
            ""
        };
        put!(
            svg,
            "<text class=\"label end\" x=\"{right}\" y=\"{base}\">{x_label}{log}</text>\n"
        );
        for guide in self.horizontals.iter().filter(|guide| y.holds(guide.at)) {
            let (Guide { class, label, .. }, Some(at)) = (guide, y.place(guide.at)) else {
                continue;
            };
            put!(
                svg,
                "<path class=\"guide {class}\" d=\"M{left} {at:.1}H{right}\"/>"
            );
            let (edge, base, label) = (right - 4.0, at - 5.0, escape(label));
            put!(
                svg,
                "<text class=\"end {class}\" x=\"{edge}\" y=\"{base:.1}\">{label}</text>\n"
            );
        }
        for guide in self.verticals.iter().filter(|guide| x.holds(guide.at)) {
            let (Guide { class, label, .. }, Some(at)) = (guide, x.place(guide.at)) else {
                continue;
            };
            put!(
                svg,
                "<path class=\"guide {class}\" d=\"M{at:.1} {top}V{bottom}\"/>"
            );
            let (side, edge) = if at > 0.6 * right {
                ("end", at - 5.0)
            } else {
                ("start", at + 5.0)
            };
            let (base, label) = (top + 9.0, escape(label));
            put!(
                svg,
                "<text class=\"{side} {class}\" x=\"{edge:.1}\" y=\"{base}\">{label}</text>\n"
            );
        }
    }

    fn write_line(&self, svg: &mut String, line: &Line, x: &Scale, y: &Scale) {
        let points = thin(&line.points, self.size().0 as usize);
        let Line { slot, .. } = line;
        let class = if line.stroke == Stroke::Faint {
            "line faint"
        } else {
            "line"
        };
        put!(svg, "<path class=\"{class} s{slot}\" d=\"");
        let mut pen_is_down = false;
        for (at, value) in &points {
            match (x.place(*at), y.place(*value)) {
                (Some(px), Some(py)) => {
                    // A point between two gaps is a line of no length, which round ends make a dot.
                    let command = if pen_is_down { "L" } else { "M" };
                    put!(svg, "{command}{px:.1} {py:.1}");
                    if !pen_is_down {
                        svg.push_str("h0");
                    }
                    pen_is_down = true;
                }
                _ => pen_is_down = false,
            }
        }
        svg.push_str("\"/>\n");
        if points.len() > POINTS_THAT_ANSWER || line.stroke == Stroke::Faint {
            return;
        }
        let lone = if points.len() == 1 { "" } else { " hit" };
        for (at, value) in points {
            if let (Some(px), Some(py)) = (x.place(at), y.place(value)) {
                put!(
                    svg,
                    "<circle class=\"dot s{slot}{lone}\" cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"4\">"
                );
                let (name, axis) = (escape(&line.name), escape(&self.x.label));
                let (at, value) = (self.x.shown(at), self.y.shown(value));
                put!(
                    svg,
                    "<title>{name}, {axis} {at}: {value}</title></circle>\n"
                );
            }
        }
    }
}

/// The area within the axes.
#[derive(Clone, Copy, Debug)]
struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Fills the space between two lines where both have a value.
fn write_fill(svg: &mut String, one: &[(f64, f64)], other: &[(f64, f64)], x: &Scale, y: &Scale) {
    let places = |points: &[(f64, f64)]| -> Vec<String> {
        let place = |(at, value): &(f64, f64)| Some((x.place(*at)?, y.place(*value)?));
        points
            .iter()
            .filter_map(place)
            .map(|(x, y)| format!("{x:.1} {y:.1}"))
            .collect()
    };
    let mut outline = places(one);
    let mut back = places(other);
    back.reverse();
    outline.extend(back);
    if outline.len() > 3 {
        put!(
            svg,
            "<path class=\"between\" d=\"M{}Z\"/>\n",
            outline.join("L")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::markup::tests::unbalanced;
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        let mut chart = Chart::new("loss <b>", Axis::new("step"), Axis::new("loss"));
        chart.lines.push(Line {
            name: "a & b".into(),
            slot: 1,
            points,
            ..Line::default()
        });
        chart
    }

    #[test]
    fn a_value_that_is_not_finite_is_a_gap() {
        let drawn = chart(vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 2.0), (3.0, 1.0)]).draw();
        let path = drawn.split("class=\"line s1\" d=\"").nth(1).unwrap();
        let path = path.split('"').next().unwrap();
        assert_eq!(
            (path.matches('M').count(), path.matches('L').count()),
            (2, 1),
            "{path}"
        );
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        assert_eq!(unbalanced(&drawn), None);
    }

    #[test]
    fn one_point_is_drawn_and_none_says_so() {
        assert!(
            chart(vec![(3.0, 0.5)])
                .draw()
                .contains("<circle class=\"dot s1\"")
        );
        assert!(chart(Vec::new()).draw().contains("No finite value"));
        assert!(
            chart(vec![(0.0, f64::INFINITY)])
                .draw()
                .contains("No finite value")
        );
    }

    #[test]
    fn names_are_escaped() {
        let drawn = chart(vec![(0.0, 1.0), (1.0, 2.0)]).draw();
        assert!(drawn.contains("loss &lt;b&gt;") && drawn.contains("a &amp; b"));
        assert!(!drawn.contains("loss <b>"));
    }

    #[test]
    fn a_hundred_thousand_points_make_a_small_chart() {
        let drawn = chart(
            (0..100_000)
                .map(|i| (f64::from(i), f64::from(i % 100)))
                .collect(),
        )
        .draw();
        assert!(drawn.len() < 60_000, "{} bytes", drawn.len());
    }

    #[test]
    fn on_a_log_axis_zero_is_a_gap() {
        let mut chart = chart(vec![(0.0, 0.0), (1.0, 1.0), (2.0, 100.0)]);
        chart.y = Axis::new("ratio").spaced(Spacing::Log);
        let drawn = chart.draw();
        assert!(drawn.contains("ratio, log"));
        assert_eq!(drawn.matches("<title>").count(), 2);
    }
}

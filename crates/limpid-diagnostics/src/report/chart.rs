//! Lines and dots over two axes, as SVG.
//!
//! Written by hand rather than with a drawing library: colours are classes of the page's style
//! sheet, so that one file serves light and dark, screen and paper; text is real text, and each
//! point can say what it is. `plotters` writes colours and font sizes into every element.

use super::axis::{Axis, Guide, Plot};
use super::markup::{escape, put};
use super::scale::Scale;
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
    /// A whole row, of little height.
    Strip,
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
            Width::Strip => (1150.0, 190.0),
        }
    }

    /// The chart as a `<figure>`.
    pub(super) fn draw(&self) -> String {
        let mut figure = String::new();
        let class = if self.width == Width::Half {
            ""
        } else {
            " wide"
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
        let mut note = self.note.clone();
        match self.svg() {
            None => figure.push_str("<p class=\"none\">No finite value to draw.</p>\n"),
            Some(Drawn { svg, beyond }) => {
                figure += &svg;
                if beyond && !self.lines.is_empty() {
                    note += " What lies beyond the axis is cut off.";
                }
            }
        }
        if !note.is_empty() {
            put!(figure, "<p class=\"note\">{}</p>\n", note.trim());
        }
        figure.push_str("</figure>\n");
        figure
    }

    fn svg(&self) -> Option<Drawn> {
        let (width, height) = self.size();
        let plot = Plot::within((width, height));
        let points = || self.lines.iter().flat_map(|line| &line.points).copied();
        let dots = || self.dots.iter().map(|dot| (dot.x, dot.y));
        let data = || points().chain(dots());
        let margin = if self.dots.is_empty() { 0.0 } else { 0.04 };
        let x = self
            .x
            .fit(data().map(|(x, _)| x), margin, (plot.left, plot.right))?;
        let y = self
            .y
            .fit(data().map(|(_, y)| y), 0.05, (plot.bottom, plot.top))?;
        let mut svg = String::new();
        let (title, label) = (escape(&self.title), self.y.label());
        put!(
            svg,
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}: {label}\">\n"
        );
        plot.write_axes(&mut svg, (&self.x, &x), (&self.y, &y));
        for guide in &self.horizontals {
            plot.write_horizontal(&mut svg, guide, &y);
        }
        for guide in &self.verticals {
            plot.write_vertical(&mut svg, guide, &x);
        }
        // A picture within the picture cuts off what lies beyond a focused axis.
        let Plot { left, top, .. } = plot;
        let (inner_width, inner_height) = (plot.right - left, plot.bottom - top);
        put!(svg, "<svg x=\"{left}\" y=\"{top}\" width=\"{inner_width}\"");
        put!(
            svg,
            " height=\"{inner_height}\" viewBox=\"{left} {top} {inner_width} {inner_height}\">\n"
        );
        if self.fill_between
            && let [first, second, ..] = self.lines.as_slice()
        {
            write_fill(&mut svg, &first.points, &second.points, &x, &y);
        }
        for line in &self.lines {
            self.write_line(&mut svg, line, &x, &y);
        }
        svg.push_str("</svg>\n");
        for dot in &self.dots {
            write_dot(&mut svg, dot, x.place(dot.x), y.place(dot.y), &plot);
        }
        svg.push_str("</svg>\n");
        let beyond = data().any(|(_, value)| y.place(value).is_some() && !y.holds(value));
        Some(Drawn { svg, beyond })
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
                let (name, axis) = (escape(&line.name), self.x.label());
                let (at, value) = (self.x.shown(at), self.y.shown(value));
                put!(
                    svg,
                    "<title>{name}, {axis} {at}: {value}</title></circle>\n"
                );
            }
        }
    }
}

/// A drawing, and whether some of its values lie beyond a focused axis.
#[derive(Debug)]
struct Drawn {
    svg: String,
    beyond: bool,
}

/// Draws a dot; one beyond a focused axis lies on the edge.
fn write_dot(svg: &mut String, dot: &Dot, x: Option<f64>, y: Option<f64>, plot: &Plot) {
    let (Some(x), Some(y)) = (x, y) else { return };
    let (x, y) = (
        x.clamp(plot.left, plot.right),
        y.clamp(plot.top, plot.bottom),
    );
    let (class, title) = (dot.class, escape(&dot.title));
    let radius = if class.contains("best") { 6.0 } else { 4.0 };
    put!(
        svg,
        "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\""
    );
    put!(svg, " r=\"{radius}\"><title>{title}</title></circle>\n");
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
    use super::super::scale::Spacing;
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
    fn a_chart_says_when_its_axis_cuts_something_off() {
        let mut chart = chart(
            (0..20)
                .map(|at| (f64::from(at), f64::from(at % 3)))
                .collect(),
        );
        chart.y = Axis::new("loss").focused_on([0.0, 1.0, 2.0]);
        assert!(!chart.draw().contains("cut off"));
        chart.lines[0].points.push((20.0, 99.0));
        assert!(chart.draw().contains("cut off"));
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

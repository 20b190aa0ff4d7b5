//! Draws lines over logarithmic axes as SVG, in the colour scheme of the viewer.

use std::fmt::Write;

/// Panels side by side, whose lines have the same kinds.
pub(crate) struct Picture {
    pub(crate) heading: String,
    /// Below the panels.
    pub(crate) notes: Vec<String>,
    /// What the lines are, in the order of [`Panel::lines`].
    pub(crate) legend: Vec<String>,
    pub(crate) panels: Vec<Panel>,
}

/// One pair of axes.
pub(crate) struct Panel {
    pub(crate) title: String,
    /// What the horizontal axis counts.
    pub(crate) across: String,
    /// Points of each line, from left to right; only those above zero can be shown.
    pub(crate) lines: Vec<Vec<(f64, f64)>>,
    /// The format of numbers on the horizontal and on the vertical axis.
    pub(crate) labels: [fn(f64) -> String; 2],
}

/// A colour for light and for dark, and a mark, so that lines can be distinguished without colours.
const KINDS: [(&str, &str, Mark); 6] = [
    ("#0060b0", "#5ab0ff", Mark::Circle),
    ("#c04a00", "#ff9440", Mark::Square),
    ("#00805a", "#3fcf9f", Mark::Diamond),
    ("#a03080", "#f08fcf", Mark::Triangle),
    ("#806000", "#d8b840", Mark::Circle),
    ("#505050", "#b0b0b0", Mark::Square),
];

#[derive(Clone, Copy)]
enum Mark {
    Circle,
    Square,
    Diamond,
    Triangle,
}

const PANEL_WIDTH: f64 = 440.0;
const PLOT_WIDTH: f64 = 350.0;
const PLOT_HEIGHT: f64 = 280.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 100.0;
const LINE: f64 = 18.0;

/// One axis: from `low` to `high`, which are 1, 2 or 5 times a power of ten.
#[derive(Debug, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// The narrowest one that contains all values; from 1 to 10 if there are none.
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| *value > 0.0 && value.is_finite())
            .fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| (low.min(value), high.max(value)));
        if low > high {
            return Self { low: 1.0, high: 10.0 };
        }
        let (low, high) = (step_down(low), step_up(high));
        Self { low, high: if high > low { high } else { step_up(high * 1.5) } }
    }

    /// The position of a value, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value / self.low).ln() / (self.high / self.low).ln()
    }

    /// The steps on it, each with whether it has a label: only powers of ten if there are many.
    fn ticks(&self) -> Vec<(f64, bool)> {
        let decades = (self.high / self.low).log10();
        let mut ticks = Vec::new();
        let mut at = self.low;
        while at <= self.high * 1.001 {
            ticks.push((at, decades < 3.0 || is_power_of_ten(at)));
            at = step_up(at * 1.5);
        }
        ticks
    }
}

fn step_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [10.0, 5.0, 2.0, 1.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step <= value * 1.000_001)
        .unwrap_or(power)
}

fn step_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step * 1.000_001 >= value)
        .unwrap_or(10.0 * power)
}

fn is_power_of_ten(value: f64) -> bool {
    (value.log10() - value.log10().round()).abs() < 1e-6
}

impl Picture {
    /// (Writing to a `String` does not fail.)
    pub(crate) fn draw(&self) -> String {
        let width = PANEL_WIDTH * self.panels.len() as f64 + 20.0;
        let below = TOP + PLOT_HEIGHT + 65.0;
        let height = below + LINE * self.notes.len() as f64;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{}\">\n{}",
            escaped(&self.heading),
            style()
        );
        let _ = writeln!(out, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>");
        text(&mut out, "heading", 20.0, 28.0, &self.heading);
        self.draw_legend(&mut out);
        for (number, panel) in self.panels.iter().enumerate() {
            panel.draw(&mut out, LEFT + PANEL_WIDTH * number as f64);
        }
        for (number, note) in self.notes.iter().enumerate() {
            text(&mut out, "note", 20.0, below + LINE * number as f64, note);
        }
        out.push_str("</svg>\n");
        out
    }

    fn draw_legend(&self, out: &mut String) {
        let mut x = 20.0;
        for (kind, name) in self.legend.iter().enumerate() {
            let class = class(kind);
            let _ = writeln!(out, "<path class=\"line {class}\" d=\"M{x} 50h28\"/>");
            mark(out, kind, x + 14.0, 50.0);
            text(out, "label", x + 34.0, 54.0, name);
            x += 34.0 + 7.0 * name.chars().count() as f64 + 18.0;
        }
    }
}

impl Panel {
    fn draw(&self, out: &mut String, left: f64) {
        let points = || self.lines.iter().flatten();
        let across = Axis::over(points().map(|(x, _)| *x));
        let up = Axis::over(points().map(|(_, y)| *y));
        let bottom = TOP + PLOT_HEIGHT;
        let x_of = |value| left + PLOT_WIDTH * across.place(value);
        let y_of = |value| bottom - PLOT_HEIGHT * up.place(value);
        let [label_across, label_up] = self.labels;
        text(out, "title", left, TOP - 12.0, &self.title);
        for (at, written) in across.ticks() {
            let x = x_of(at);
            let _ = writeln!(out, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>");
            if written {
                text(out, "label middle", x, bottom + 18.0, &label_across(at));
            }
        }
        for (at, written) in up.ticks() {
            let y = y_of(at);
            let _ = writeln!(out, "<path class=\"grid\" d=\"M{left} {y:.1}h{PLOT_WIDTH}\"/>");
            if written {
                text(out, "label end", left - 8.0, y + 4.0, &label_up(at));
            }
        }
        text(out, "label middle", left + PLOT_WIDTH / 2.0, bottom + 38.0, &self.across);
        for (kind, line) in self.lines.iter().enumerate() {
            let shown: Vec<(f64, f64)> = line
                .iter()
                .filter(|(x, y)| *x > 0.0 && *y > 0.0)
                .map(|(x, y)| (x_of(*x), y_of(*y)))
                .collect();
            let path: Vec<String> = shown.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            if path.len() > 1 {
                let _ = writeln!(out, "<path class=\"line {}\" d=\"M{}\"/>", class(kind), path.join("L"));
            }
            for (x, y) in shown {
                mark(out, kind, x, y);
            }
        }
    }
}

fn class(kind: usize) -> String {
    format!("k{}", kind % KINDS.len())
}

fn mark(out: &mut String, kind: usize, x: f64, y: f64) {
    let class = class(kind);
    let shape = match KINDS[kind % KINDS.len()].2 {
        Mark::Circle => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        Mark::Square => "m-3.5 -3.5h7v7h-7z",
        Mark::Diamond => "m0 -5l5 5l-5 5l-5 -5z",
        Mark::Triangle => "m0 -4.5l4.5 8h-9z",
    };
    let _ = writeln!(out, "<path class=\"mark {class}\" d=\"M{x:.1} {y:.1}{shape}\"/>");
}

fn text(out: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn style() -> String {
    let mut out = String::from(
        "<style>\n\
         text { font: 13px system-ui, sans-serif; fill: #24292f; }\n\
         .heading { font-size: 16px; font-weight: 600; }\n\
         .title { font-weight: 600; }\n\
         .note { font-size: 12px; fill: #57606a; }\n\
         .middle { text-anchor: middle; }\n\
         .end { text-anchor: end; }\n\
         .paper { fill: #ffffff; }\n\
         .grid { stroke: #d0d7de; stroke-width: 1; }\n\
         .line { fill: none; stroke-width: 2; stroke-linejoin: round; }\n",
    );
    for (kind, (light, _, _)) in KINDS.iter().enumerate() {
        let _ = writeln!(out, ".line.k{kind} {{ stroke: {light}; }}\n.mark.k{kind} {{ fill: {light}; }}");
    }
    out.push_str(
        "@media (prefers-color-scheme: dark) {\n\
         text { fill: #e6edf3; }\n\
         .note { fill: #9da7b1; }\n\
         .paper { fill: #0d1117; }\n\
         .grid { stroke: #30363d; }\n",
    );
    for (kind, (_, dark, _)) in KINDS.iter().enumerate() {
        let _ = writeln!(out, ".line.k{kind} {{ stroke: {dark}; }}\n.mark.k{kind} {{ fill: {dark}; }}");
    }
    out.push_str("}\n</style>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(values: &[f64]) -> Axis {
        Axis::over(values.iter().copied())
    }

    #[test]
    fn axis_starts_and_ends_at_a_step_and_contains_every_value() {
        assert_eq!(axis(&[1000.0, 500_000.0]), Axis { low: 1000.0, high: 500_000.0 });
        assert_eq!(axis(&[3.0, 0.0, 70.0]), Axis { low: 2.0, high: 100.0 });
        assert_eq!(axis(&[]), Axis { low: 1.0, high: 10.0 });
        let one = axis(&[20.0]);
        assert!(one.low <= 20.0 && one.high > one.low, "{one:?}");
    }

    #[test]
    fn steps_are_as_far_apart_as_their_ratios() {
        let axis = axis(&[1.0, 100.0]);
        assert!((axis.place(10.0) - 0.5).abs() < 1e-9);
        let ticks: Vec<f64> = axis.ticks().into_iter().map(|(at, _)| at.round()).collect();
        assert_eq!(ticks, [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    }

    #[test]
    fn long_axis_has_labels_at_powers_of_ten_only() {
        let written = axis(&[0.5, 5000.0]).ticks().into_iter().filter(|(_, written)| *written);
        assert_eq!(written.map(|(at, _)| at.round()).collect::<Vec<_>>(), [1.0, 10.0, 100.0, 1000.0]);
    }

    fn picture() -> Picture {
        Picture {
            heading: "a < b & \"c\"".to_owned(),
            notes: vec!["a note".to_owned()],
            legend: vec!["one".to_owned(), "two".to_owned()],
            panels: vec![Panel {
                title: "time".to_owned(),
                across: "sockets".to_owned(),
                lines: vec![vec![(1000.0, 1.0), (10_000.0, 10.0), (100_000.0, 100.0)], vec![(1000.0, 3.0)]],
                labels: [|value| format!("{value:.0}"), |value| format!("{value:.0} ms")],
            }],
        }
    }

    #[test]
    fn every_point_has_a_mark_and_one_point_makes_no_line() {
        let drawn = picture().draw();
        assert_eq!(drawn.matches("class=\"mark k0\"").count(), 4, "three points and the legend\n{drawn}");
        assert_eq!(drawn.matches("class=\"mark k1\"").count(), 2, "{drawn}");
        assert_eq!(drawn.matches("class=\"line k0\"").count(), 2, "{drawn}");
        assert_eq!(drawn.matches("class=\"line k1\"").count(), 1, "{drawn}");
        // From the lower left to the upper right corner, on a straight line.
        assert!(drawn.contains("d=\"M70.0 380.0L245.0 240.0L420.0 100.0\""), "{drawn}");
    }

    #[test]
    fn text_is_escaped_and_both_colour_schemes_are_there() {
        let drawn = picture().draw();
        assert!(drawn.contains(">a &lt; b &amp; &quot;c&quot;</text>"), "{drawn}");
        assert!(drawn.contains("prefers-color-scheme: dark"), "{drawn}");
        assert_eq!(drawn.matches("<text").count(), drawn.matches("</text>").count());
    }
}
